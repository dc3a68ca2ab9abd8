"""Random values, shapes and messages for op_cases.py: all from one generator of
random numbers, so that a case's number makes the same case again."""
import random

import ml_dtypes
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow.core.protobuf import named_tensor_pb2  # for the messages below



def declare_messages():
  """RunStepRequest and RunStepResponse of TensorFlow's master.proto, which its
  Python package has not: the fields that are used."""
  text, raw, number, message = 9, 12, 5, 11
  file = descriptor_pb2.FileDescriptorProto(name='op_fuzz/master.proto', package='op_fuzz', syntax='proto3')
  file.dependency.append(named_tensor_pb2.DESCRIPTOR.name)
  tensors = '.' + named_tensor_pb2.NamedTensorProto.DESCRIPTOR.full_name
  for name, fields in (('RunStepRequest', [('feed', 2, message, 3), ('fetch', 3, text, 3), ('target', 4, text, 3)]),
                       ('RunStepResponse', [('tensor', 1, message, 3), ('status_code', 3, number, 1),
                                            ('status_error_message', 4, raw, 1)])):
    out = file.message_type.add(name=name)
    for field, tag, kind, label in fields:
      out.field.add(name=field, number=tag, type=kind, label=label,
                    type_name=tensors if kind == message else None)
  pool = descriptor_pool.Default()
  pool.AddSerializedFile(file.SerializeToString())
  return [message_factory.GetMessageClass(pool.FindMessageTypeByName('op_fuzz.' + m.name)) for m in file.message_type]


RunStepRequest, RunStepResponse = declare_messages()

# TensorFlow's number of each dtype, its name, and what numpy holds it in.
NUMPY = {
    'float': np.float32, 'double': np.float64, 'int32': np.int32,
    'uint8': np.uint8, 'int16': np.int16, 'int8': np.int8, 'string': object,
    'complex64': np.complex64, 'int64': np.int64, 'bool': np.bool_,
    'qint8': np.int8, 'quint8': np.uint8, 'qint32': np.int32,
    'bfloat16': ml_dtypes.bfloat16, 'qint16': np.int16, 'quint16': np.uint16,
    'uint16': np.uint16, 'complex128': np.complex128, 'half': np.float16,
    'uint32': np.uint32, 'uint64': np.uint64,
}
NUMBER = {name: types_pb2.DataType.Value('DT_' + name.upper())
          for name in list(NUMPY) + ['resource', 'variant']}
NAME = {number: name for name, number in NUMBER.items()}
FLOATS = ('float', 'double', 'half', 'bfloat16')
COMPLEX = ('complex64', 'complex128')
QUANTIZED = ('qint8', 'quint8', 'qint16', 'quint16', 'qint32')
WORDS = [b'', b'a', b'b', b'abc', b'Hello World', b' a b ', b'1', b'-2.5e3',
         b'17', b'\xc3\xa9t\xc3\xa9', b'\xff\x01', b'x,y,,z', b'aaa', b'A-B_c']


class Tensor:
  """A numpy array and TensorFlow's name of its dtype."""

  def __init__(self, dtype, array):
    self.dtype = dtype
    self.array = np.asarray(array, NUMPY[dtype])

  def __repr__(self):
    text = np.array2string(self.array, threshold=60, separator=',')
    text = ' '.join(text.split())
    text = text[:300] + '…' if len(text) > 300 else text
    # What op_fuzz_explained.tsv asks for, where it does not show.
    if 'nan' not in text and self.array.dtype.kind in 'fcV' and self.array.size and np.isnan(self.array.astype(complex)).any():
      text += ' (with nan)'
    return f'{self.dtype}{list(self.array.shape)} {text}'


class Random:
  """What a case is made from. `style` is how wild its numbers are."""

  def __init__(self, seed, number):
    self.r = random.Random(f'{seed}/{number}')
    self.np = np.random.Generator(np.random.SFC64(self.r.getrandbits(63)))
    self.style = self.r.choice(['tame', 'tame', 'special', 'special', 'wide'])

  def chance(self, p):
    return self.r.random() < p

  def pick(self, *options):
    return self.r.choice(options)

  def int(self, low, high):
    return self.r.randint(low, high)

  def dim(self, low=0, high=5):
    """A size; mostly neither 0 nor large."""
    if low == 0 and not self.chance(0.06):
      low = 1
    return self.r.choice([self.r.randint(low, high), self.r.randint(low, max(low, min(3, high)))])

  def shape(self, low=0, high=4):
    rank = self.r.randint(low, high)
    if self.chance(0.03):
      return (self.int(60, 300),) + (1,) * (rank - 1) if rank else ()
    return tuple(self.dim() for _ in range(rank))

  def broadcastable(self, shape):
    """A shape that broadcasts with `shape`, seldom one that does not."""
    if self.chance(0.04):
      return self.shape()
    out = [1 if self.chance(0.25) else d for d in shape]
    cut = self.int(0, len(out)) if self.chance(0.3) else 0
    out = out[cut:]
    if self.chance(0.1):
      out = [self.dim(1, 3)] + out
    return tuple(out)

  def array(self, dtype, shape, low=None, high=None, style=None):
    """A Tensor; integers of [low, high] if these are given."""
    style = style or self.style
    kind = NUMPY[dtype]
    if low is not None:
      high = max(low, high)
    if dtype == 'string':
      flat = [self.r.choice(WORDS) for _ in range(int(np.prod(shape, dtype=np.int64)))]
      out = np.empty(len(flat), object)
      out[:] = flat
      return Tensor(dtype, out.reshape(shape))
    if dtype == 'bool':
      return Tensor(dtype, self.np.integers(0, 2, shape))
    if dtype in COMPLEX:
      # Finite: what C++ makes of infinite parts depends on the loop it is in.
      real = self.floats(shape, np.float64, 'tame')
      with np.errstate(all='ignore'):
        return Tensor(dtype, real + 1j * self.floats(shape, np.float64, 'tame'))
    if dtype in FLOATS:
      if low is not None:
        return Tensor(dtype, self.np.integers(low, high + 1, shape))
      with np.errstate(all='ignore'):
        return Tensor(dtype, self.floats(shape, kind, style))
    info = np.iinfo(kind)
    if low is None:
      low, high = (info.min, info.max) if style == 'wide' else (max(-9, info.min), 9)
    out = self.np.integers(max(low, info.min), min(high, info.max), shape,
                           dtype=kind, endpoint=True)
    if style == 'special':
      out = np.where(self.np.random(shape) < 0.15,
                     self.np.choice(np.array([info.min, info.max, 0, 1], kind), shape), out)
    return Tensor(dtype, out)

  def floats(self, shape, kind, style):
    if style == 'wide':
      out = self.np.standard_normal(shape) * 10.0 ** self.np.integers(-12, 12, shape)
    elif self.chance(0.4):
      out = self.np.integers(-4, 5, shape).astype(np.float64)
    else:
      out = self.np.standard_normal(shape) * self.pick(1, 1, 3, 30)
    if style == 'special':
      tiny = 1e-40 if self.chance(0.3) else 0.0
      values = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, -1.0, tiny, 0.5, 1.5, 2.5])
      out = np.where(self.np.random(shape) < 0.3, self.np.choice(values, shape), out)
    return np.asarray(out).astype(kind)


def to_proto(tensor):
  proto = tensor_pb2.TensorProto(dtype=NUMBER[tensor.dtype])
  for size in tensor.array.shape:
    proto.tensor_shape.dim.add(size=size)
  if tensor.dtype == 'string':
    proto.string_val.extend(tensor.array.ravel().tolist())
  else:
    proto.tensor_content = tensor.array.tobytes()
  return proto


def from_proto(proto):
  """A Tensor, or None for handles and variants."""
  dtype = NAME.get(proto.dtype)
  if dtype not in NUMPY:
    return None
  shape = [d.size for d in proto.tensor_shape.dim]
  if dtype == 'string':
    flat = np.empty(len(proto.string_val), object)
    flat[:] = list(proto.string_val)
    return Tensor(dtype, flat.reshape(shape))
  return Tensor(dtype, np.frombuffer(proto.tensor_content, NUMPY[dtype]).reshape(shape))


def set_attr(attr, value, kind):
  """Writes a python value into an AttrValue, as an attribute of type `kind`."""
  if kind.startswith('list('):
    attr.list.SetInParent()
    one = kind[5:-1]
    field = {'int': 'i', 'float': 'f', 'bool': 'b', 'string': 's', 'type': 'type'}.get(one)
    for element in value:
      if one == 'shape':
        set_shape(attr.list.shape.add(), element)
      elif one == 'type':
        attr.list.type.append(NUMBER[element])
      else:
        getattr(attr.list, field).append(element.encode() if isinstance(element, str) else element)
  elif kind == 'type':
    attr.type = NUMBER[value]
  elif kind == 'shape':
    set_shape(attr.shape, value)
  elif kind == 'tensor':
    attr.tensor.CopyFrom(to_proto(value))
  elif kind == 'string':
    attr.s = value.encode() if isinstance(value, str) else value
  else:
    setattr(attr, {'int': 'i', 'float': 'f', 'bool': 'b'}[kind], value)


def set_shape(proto, dims):
  proto.SetInParent()
  if dims is None:
    proto.unknown_rank = True
    return
  for size in dims:
    proto.dim.add(size=-1 if size is None else size)
