"""Real TensorFlow as the other side of op_fuzz.py: answers the requests that
op_runner.cc describes. A graph of one node "n" and placeholders is run eagerly,
which is fast; any other one in a session. Runs in a process of its own, since
TensorFlow aborts on some inputs."""
import ctypes
import mmap
import os
import struct
import sys

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
# Its own kernels, those of TensorFlow 1: oneDNN's round and refuse otherwise.
os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '0')

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
from tensorflow.python.eager import context, execute
from tensorflow.python.framework import op_def_registry

import op_values
from op_values import NAME, NUMBER, QUANTIZED, Tensor

LOST = 99  # as status code: an error, but nobody knows which
# They need a graph: references, step resources, or attributes that an eager call
# cannot pass.
IN_GRAPH = {'Const', 'Placeholder', 'PlaceholderV2', 'AccumulateNV2', 'BatchNormWithGlobalNormalization'}


def flush_denormals():
  """As TensorFlow's own threads do."""
  code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
  code.write(b'\x0f\xae\x17\xc3')  # ldmxcsr [rdi]; ret
  address = ctypes.addressof(ctypes.c_char.from_buffer(code))
  flags = ctypes.c_uint32(0x1f80 | 0x8040)
  ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)(ctypes.addressof(flags))
  return code


def eager_tensor(tensor):
  if tensor.dtype in QUANTIZED:
    return tf.bitcast(tf.constant(tensor.array), tf.as_dtype(tensor.dtype))
  return tf.constant(tensor.array, tf.as_dtype(NUMBER[tensor.dtype]))


def eager_value(value):
  dtype = NAME[value.dtype.as_datatype_enum]
  if dtype not in op_values.NUMPY:
    return None
  if dtype in QUANTIZED:
    value = tf.bitcast(value, tf.as_dtype(dtype[1:]))
  return Tensor(dtype, value.numpy())


def attr_value(attr, kind):
  if kind == 'shape':
    return None if attr.shape.unknown_rank else [d.size for d in attr.shape.dim]
  if kind.startswith('list('):
    field = {'int': 'i', 'float': 'f', 'bool': 'b', 'string': 's', 'type': 'type', 'shape': 'shape'}[kind[5:-1]]
    values = list(getattr(attr.list, field))
    return [[d.size for d in v.dim] for v in values] if field == 'shape' else values
  return getattr(attr, {'int': 'i', 'float': 'f', 'bool': 'b', 'string': 's', 'type': 'type'}[kind])


def count_outputs(definition, attrs):
  count = 0
  for arg in definition.output_arg:
    if arg.type_list_attr:
      count += len(attrs[arg.type_list_attr])
    else:
      count += attrs[arg.number_attr] if arg.number_attr else 1
  return count


def as_newer(node, feeds):
  """TopK as TopKV2: of TopK itself TensorFlow 2.21 cannot make a kernel."""
  if node.op != 'TopK':
    return node, feeds
  newer = type(node)()
  newer.CopyFrom(node)
  newer.op = 'TopKV2'
  newer.input.append('k')
  del newer.attr['k']
  return newer, {**feeds, 'k:0': Tensor('int32', node.attr['k'].i)}


def run_eagerly(node, feeds):
  node, feeds = as_newer(node, feeds)
  definition = op_def_registry.get(node.op)
  kinds = {a.name: a.type for a in definition.attr}
  attrs = {name: attr_value(value, kinds[name]) for name, value in node.attr.items()}
  for a in definition.attr:
    if a.name not in attrs and a.HasField('default_value'):
      attrs[a.name] = attr_value(a.default_value, a.type)
  inputs = [eager_tensor(feeds[name + ':0']) for name in node.input]
  flat = tuple(part for pair in attrs.items() for part in pair)
  out = execute.quick_execute(node.op, count_outputs(definition, attrs), inputs, flat, context.context())
  return [eager_value(v) for v in out]


def session_config():
  options = config_pb2.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
  options.graph_options.optimizer_options.opt_level = -1
  options.graph_options.rewrite_options.disable_meta_optimizer = True
  options.graph_options.rewrite_options.constant_folding = rewriter_config_pb2.RewriterConfig.OFF
  return options


class Graph:
  """A session of the request's graph, made at the first run."""

  def __init__(self, proto):
    self.graph = tf.Graph()
    with self.graph.as_default():
      tf.import_graph_def(proto, name='')
    self.session = tf.compat.v1.Session(graph=self.graph, config=session_config())

  def run(self, feeds, fetches, targets):
    feed = {}
    for name, tensor in feeds.items():
      array = tensor.array
      if tensor.dtype in QUANTIZED:
        array = array.view(tf.as_dtype(tensor.dtype).as_numpy_dtype)
      feed[name] = array
    found = self.session.run((fetches, targets), feed)[0]
    out = []
    for name, value in zip(fetches, found):
      dtype = NAME[self.graph.get_tensor_by_name(name).dtype.base_dtype.as_datatype_enum]
      if dtype not in op_values.NUMPY:
        out.append(None)
        continue
      value = np.asarray(value, object if dtype == 'string' else None)
      out.append(Tensor(dtype, value.view(op_values.NUMPY[dtype]) if dtype in QUANTIZED else value))
    return out


def answer(graph, requests):
  """A RunStepResponse for each request."""
  state = None
  for request in requests:
    response = op_values.RunStepResponse()
    feeds = {f.name: op_values.from_proto(f.tensor) for f in request.feed}
    try:
      last = graph.node[-1]
      # A seeded op run eagerly would go on where one like it stopped.
      if (len(requests) == 1 and last.name == 'n' and last.op not in IN_GRAPH and 'seed' not in last.attr and
          all(n.op == 'Placeholder' for n in graph.node[:-1])):
        values = run_eagerly(last, feeds)
      else:
        state = state or Graph(graph)
        values = state.run(feeds, list(request.fetch), list(request.target))
      for name, value in zip(request.fetch, values):
        out = response.tensor.add(name=name)
        if value is not None:
          out.tensor.CopyFrom(op_values.to_proto(value))
    except UnicodeDecodeError:  # in making the exception
      response.status_code = LOST
    except tf.errors.OpError as e:
      response.status_code = e.error_code
      response.status_error_message = e.message[:500].encode()
    except (ValueError, TypeError, RuntimeError, OverflowError) as e:
      response.status_code = 3
      response.status_error_message = f'{type(e).__name__}: {e}'[:500].encode()
    yield response
  if state:
    state.session.close()


def main():
  source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), 'wb')
  os.dup2(2, 1)
  tf.config.threading.set_intra_op_parallelism_threads(1)
  tf.config.threading.set_inter_op_parallelism_threads(1)
  context.context().ensure_initialized()
  keep = flush_denormals()
  while True:
    head = source.read(4)
    if len(head) < 4:
      return keep
    parts = []
    for _ in range(struct.unpack('<I', head)[0]):
      parts.append(source.read(struct.unpack('<I', source.read(4))[0]))
    graph = graph_pb2.GraphDef.FromString(parts[0])
    requests = [op_values.RunStepRequest.FromString(p) for p in parts[1:]]
    for response in answer(graph, requests):
      text = response.SerializeToString()
      sink.write(struct.pack('<I', len(text)) + text)
    sink.flush()


if __name__ == '__main__':
  main()
