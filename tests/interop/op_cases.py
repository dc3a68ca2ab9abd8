"""Random nodes: for each op, inputs and attributes that mostly make sense.

HINTS[op](c) gives the op's inputs and may set c.attrs; without one, inputs get
shapes that broadcast. Each op's attributes come from TensorFlow's own registry.
"""
import numpy as np
from tensorflow.core.framework import graph_pb2, node_def_pb2
from tensorflow.python.framework import op_def_registry

import op_values
from op_values import FLOATS, NAME, NUMPY, QUANTIZED, Random, Tensor

HINTS = {}
OLD_PRODUCER = 8
PLAIN = [name for name in NUMPY if name not in QUANTIZED]


def hint(*ops):
  def add(function):
    for op in ops:
      HINTS[op] = function
    return function
  return add


class Case:
  """A graph with feeds, and what to fetch of it."""

  def __init__(self, op, kernels, seed, number):
    self.op = op
    self.g = Random(seed, number)
    self.inputs = []
    self.definition = op_def_registry.get(op)
    self.kinds = {a.name: a.type for a in self.definition.attr}
    self.attrs = {}
    self.choose_attrs(kernels)

  def choose_attrs(self, kernels):
    g = self.g
    kernels = [k for k in kernels if all(t in NUMPY for t in k.values())]  # variants: ListCase
    kernel = g.pick(*kernels) if kernels and not g.chance(0.03) else {}
    for attr in self.definition.attr:
      allowed = [NAME[t] for t in attr.allowed_values.list.type if t in NAME]
      allowed = [t for t in allowed if t in NUMPY] or PLAIN
      if attr.type == 'type':
        if attr.name in kernel:
          self.attrs[attr.name] = kernel[attr.name]
        elif attr.HasField('default_value') and g.chance(0.5):
          self.attrs[attr.name] = NAME[attr.default_value.type]
        else:
          self.attrs[attr.name] = g.pick(*allowed)
      elif attr.type == 'list(type)':
        self.attrs[attr.name] = [g.pick(*allowed) for _ in range(g.int(1, 3))]
      elif attr.type == 'bool':
        self.attrs[attr.name] = (g.chance(0.5) if g.chance(0.6) or not attr.HasField('default_value')
                                 else attr.default_value.b)
      elif attr.type == 'string' and attr.allowed_values.list.s:
        self.attrs[attr.name] = g.pick(*attr.allowed_values.list.s)
      elif attr.type == 'int' and attr.name in ('N', 'num', 'num_split', 'k'):
        self.attrs[attr.name] = g.int(max(1, attr.minimum), 3)
      elif not attr.HasField('default_value'):
        self.attrs[attr.name] = {'int': 0, 'float': 0.0, 'string': b'', 'shape': [], 'list(string)': [],
                                 'list(int)': [1, 1, 1, 1]}.get(attr.type)

  def __getitem__(self, name):
    return self.attrs[name]

  def __setitem__(self, name, value):
    if name in self.kinds:
      self.attrs[name] = value

  def array(self, dtype, shape, low=None, high=None, style=None):
    """`dtype` may be the name of a type attribute."""
    return self.g.array(self.attrs.get(dtype, dtype), shape, low, high, style)

  def ints(self, dtype, values):
    return Tensor(self.attrs.get(dtype, dtype), np.asarray(values, np.int64))

  def arg_types(self):
    """A list of dtypes for each input of the op."""
    out = []
    for arg in self.definition.input_arg:
      dtype = NAME.get(arg.type) if arg.type else self.attrs.get(arg.type_attr)
      if arg.type_list_attr:
        out.append(list(self.attrs[arg.type_list_attr]))
      elif arg.number_attr:
        out.append([dtype] * self.attrs[arg.number_attr])
      else:
        out.append([dtype])
    return out

  def default_inputs(self):
    shape = self.g.shape()
    out = []
    for dtypes in self.arg_types():
      for dtype in dtypes:
        out.append(self.g.array(dtype, self.g.broadcastable(shape) if out else shape))
    return out

  def same_shape_inputs(self):
    shape = self.g.shape()
    return [self.g.array(dtype, shape) for dtypes in self.arg_types() for dtype in dtypes]

  def output_count(self):
    count = 0
    for arg in self.definition.output_arg:
      if arg.type_list_attr:
        count += len(self.attrs[arg.type_list_attr])
      else:
        count += self.attrs[arg.number_attr] if arg.number_attr else 1
    return count

  def make(self):
    """Fills inputs; now and then spoils one."""
    g = self.g
    self.inputs = HINTS.get(self.op, Case.default_inputs)(self)
    if self.inputs and g.chance(0.04):
      i = g.int(0, len(self.inputs) - 1)
      # Not 'wide', whose integers, as sizes, ask for gigabytes.
      self.inputs[i] = g.array(self.inputs[i].dtype, g.shape(), style='special')
    return self

  def graph(self):
    """(GraphDef, feeds by name, fetches)"""
    graph = graph_pb2.GraphDef()
    # Before TensorFlow withdrew any op that we have.
    graph.versions.producer = OLD_PRODUCER
    feeds = {}
    node = node_def_pb2.NodeDef(name='n', op=self.op)
    for i, tensor in enumerate(self.inputs):
      name = f'i{i}'
      holder = graph.node.add(name=name, op='Placeholder')
      holder.attr['dtype'].type = op_values.NUMBER[tensor.dtype]
      feeds[name + ':0'] = tensor
      node.input.append(name)
    for name, value in self.attrs.items():
      op_values.set_attr(node.attr[name], value, self.kinds[name])
    graph.node.append(node)
    return graph, feeds, [f'n:{i}' for i in range(self.output_count())]

  def describe(self):
    attrs = ', '.join(f'{k}={v!r}' for k, v in self.attrs.items())
    return f'{self.op}({attrs})\n' + '\n'.join(f'      in {t!r}' for t in self.inputs)


# --- shapes alike -----------------------------------------------------------

hint('SigmoidGrad', 'TanhGrad', 'RsqrtGrad', 'SqrtGrad', 'ReciprocalGrad', 'InvGrad', 'ReluGrad',
     'Relu6Grad', 'LeakyReluGrad', 'EluGrad', 'SeluGrad', 'SoftplusGrad', 'SoftsignGrad', 'AddN',
     'ApproximateEqual')(Case.same_shape_inputs)


@hint('AccumulateNV2')
def _(c):
  out = c.same_shape_inputs()
  c['shape'] = list(out[0].array.shape)
  return out


@hint('LeakyRelu', 'L2Loss', 'Identity')
def _(c):
  c['alpha'] = c.g.pick(0.2, 0.0, -1.0, 2.5)
  return c.default_inputs()


@hint('Bitcast')
def _(c):
  size = lambda t: np.dtype(NUMPY[t]).itemsize
  ratio = size(c['type']) // max(1, size(c['T'])) if c['T'] != 'string' and c['type'] != 'string' else 1
  shape = c.g.shape()
  return [c.array('T', shape + (ratio,) if ratio > 1 and c.g.chance(0.9) else shape)]


@hint('Cast')
def _(c):
  c['SrcT'], c['DstT'] = c.g.pick(*PLAIN), c.g.pick(*PLAIN)
  return [c.array('SrcT', c.g.shape())]


@hint('LeftShift', 'RightShift')
def _(c):
  shape = c.g.shape()
  return [c.array('T', shape), c.array('T', c.g.broadcastable(shape), 0, 7, 'tame')]


@hint('Pow')
def _(c):
  shape = c.g.shape()
  low = -1 if c.g.chance(0.1) else 0
  y = c.array('T', c.g.broadcastable(shape), low, 9, 'tame')
  if c['T'] in FLOATS + op_values.COMPLEX:
    y = c.array('T', y.array.shape)
  return [c.array('T', shape), y]


@hint('ClipByValue')
def _(c):
  shape = c.g.shape()
  low, high = (c.array('T', c.g.pick((), shape)) for _ in 'ab')
  return [c.array('T', shape), low, high]


@hint('Select', 'SelectV2', 'RefSelect')
def _(c):
  shape = c.g.shape()
  if c.op == 'SelectV2':
    return [c.array('bool', c.g.broadcastable(shape)), c.array('T', shape),
            c.array('T', c.g.broadcastable(shape))]
  condition = c.g.pick(shape, shape, (), shape[:1])
  return [c.array('bool', condition), c.array('T', shape), c.array('T', shape)]


@hint('CheckNumerics', 'Assert')
def _(c):
  c['message'] = b'bad'
  if c.op == 'Assert':
    return [c.array('bool', ())] + [c.array(t, c.g.shape()) for t in c['T']]
  return [c.array('T', c.g.shape())]


@hint('EnsureShape')
def _(c):
  shape = c.g.shape()
  c['shape'] = [None if c.g.chance(0.4) else d for d in shape]
  return [c.array('T', shape)]


@hint('HSVToRGB', 'RGBToHSV')
def _(c):
  return [c.array('T', c.g.shape(0, 3) + (3,), style=c.g.pick('tame', 'special'))]


@hint('AdjustContrastv2')
def _(c):
  c['T'] = c.g.pick('float', 'half')
  return [c.array('T', c.g.shape(1, 1) + (c.g.dim(), c.g.dim(), c.g.dim()), style='tame'),
          c.array('float', ())]


# --- shapes and where things lie ---------------------------------------------

def split_product(g, size):
  """Sizes that multiply to `size`."""
  out = []
  for factor in (2, 3, 2, 5):
    if size and size % factor == 0 and g.chance(0.5):
      out.append(factor)
      size //= factor
  return g.r.sample(out + [size], len(out) + 1)


@hint('Reshape')
def _(c):
  shape = c.g.shape()
  sizes = split_product(c.g, int(np.prod(shape, dtype=np.int64)))
  if c.g.chance(0.4):
    sizes[c.g.int(0, len(sizes) - 1)] = -1
  if c.g.chance(0.08):
    sizes.insert(c.g.int(0, len(sizes)), c.g.pick(0, -1, -2, 2, 1))
  return [c.array('T', shape), c.ints('Tshape', sizes)]


def axis_of(c, rank, spoil=0.03):
  if c.g.chance(spoil) or rank == 0:
    return c.g.int(-rank - 2, rank + 1)
  return c.g.int(-rank, rank - 1)


def axes_of(c, rank):
  """Axes for reductions and reversals: mostly without repetition."""
  axes = [a - (rank if c.g.chance(0.3) else 0) for a in range(rank) if c.g.chance(0.5)]
  c.g.r.shuffle(axes)
  if c.g.chance(0.04):
    axes.append(c.g.int(-rank - 1, rank))
  return axes


@hint('ExpandDims')
def _(c):
  shape = c.g.shape()
  dim = axis_of(c, len(shape) + 1)
  return [c.array('T', shape), c.ints('Tdim', c.g.pick(dim, [dim]))]


@hint('Squeeze')
def _(c):
  shape = tuple(c.g.pick(1, 1, 2, 0) for _ in range(c.g.int(0, 4)))
  c['squeeze_dims'] = [i for i, d in enumerate(shape) if d == 1 and c.g.chance(0.5)]
  if c.g.chance(0.08):
    c['squeeze_dims'].append(axis_of(c, len(shape)))
  return [c.array('T', shape)]


@hint('Transpose', 'ConjugateTranspose')
def _(c):
  shape = c.g.shape(0, 5)
  order = c.g.r.sample(range(len(shape)), len(shape))
  if c.g.chance(0.04):
    order = [axis_of(c, len(shape)) for _ in order]
  return [c.array('T', shape), c.ints('Tperm', order)]


@hint('Reverse', 'ReverseV2')
def _(c):
  shape = c.g.shape()
  if c.op == 'Reverse':
    return [c.array('T', shape), c.array('bool', (len(shape),))]
  return [c.array('T', shape), c.ints('Tidx', axes_of(c, len(shape)))]


@hint('ReverseSequence')
def _(c):
  shape = c.g.shape(2, 4)
  dims = c.g.r.sample(range(len(shape)), 2)
  c['seq_dim'], c['batch_dim'] = dims
  return [c.array('T', shape), c.array('Tlen', (shape[dims[1]],), 0, shape[dims[0]], 'tame')]


@hint('Roll')
def _(c):
  shape = c.g.shape(1, 4)
  axes = [axis_of(c, len(shape)) for _ in range(c.g.int(0, 3))]
  return [c.array('T', shape), c.array('Tshift', (len(axes),), -9, 9), c.ints('Taxis', axes)]


@hint('Fill')
def _(c):
  return [c.ints('index_type', c.g.shape()), c.array('T', ())]


@hint('BroadcastTo', 'BroadcastArgs', 'BroadcastGradientArgs')
def _(c):
  shape = c.g.shape()
  other = c.g.broadcastable(shape)
  if c.op == 'BroadcastTo':
    return [c.array('T', other), c.ints('Tidx', shape)]
  return [c.ints('T', shape), c.ints('T', other)]


@hint('Tile')
def _(c):
  shape = c.g.shape()
  return [c.array('T', shape), c.array('Tmultiples', (len(shape),), -1 if c.g.chance(.05) else 0, 3, 'tame')]


@hint('Pad', 'PadV2', 'MirrorPad', 'MirrorPadGrad')
def _(c):
  shape = c.g.shape()
  top = 3
  if c.op.startswith('MirrorPad'):
    top = max(0, min([d - 1 for d in shape] or [0]))
  pads = c.array('Tpaddings', (len(shape), 2), 0 if c.g.chance(0.96) else -1, max(0, min(3, top)), 'tame')
  out = [c.array('T', shape), pads]
  return out + [c.array('T', ())] if c.op == 'PadV2' else out


@hint('Slice')
def _(c):
  shape = c.g.shape()
  begin = [c.g.int(0, d) for d in shape]
  size = [c.g.pick(-1, c.g.int(0, d - b)) for d, b in zip(shape, begin)]
  if size and c.g.chance(0.05):
    size[0] = c.g.int(-3, 9)
  return [c.array('T', shape), c.ints('Index', begin), c.ints('Index', size)]


def strided_spec(c, shape):
  n = c.g.int(0, len(shape) + (1 if c.g.chance(0.3) else 0))
  for mask in ('begin_mask', 'end_mask'):
    c[mask] = c.g.int(0, (1 << n) - 1) if c.g.chance(0.5) else 0
  for mask in ('shrink_axis_mask', 'new_axis_mask'):
    c[mask] = c.g.int(0, (1 << n) - 1) if c.g.chance(0.25) else 0
  c['ellipsis_mask'] = 1 << c.g.int(0, max(0, n - 1)) if c.g.chance(0.2) else 0
  spec = lambda low, high: c.array('Index', (n,), low, high, 'tame')
  strides = spec(1, 2) if c.g.chance(0.5) else c.array('Index', (n,), -2, 2, 'tame')
  return [spec(-5, 5), spec(-6, 6), strides]


@hint('StridedSlice')
def _(c):
  shape = c.g.shape()
  return [c.array('T', shape)] + strided_spec(c, shape)


@hint('StridedSliceGrad')
def _(c):
  shape = c.g.shape(1, 3)
  begin = [c.g.int(0, d) for d in shape]
  end = [c.g.int(b, d) for b, d in zip(begin, shape)]
  strides = [c.g.int(1, 2) for _ in shape]
  c['begin_mask'] = c['end_mask'] = c['ellipsis_mask'] = c['new_axis_mask'] = c['shrink_axis_mask'] = 0
  dy = [max(0, -(-(e - b) // s)) for b, e, s in zip(begin, end, strides)]
  return [c.ints('Index', v) for v in (shape, begin, end, strides)] + [c.array('T', tuple(dy))]


@hint('Concat', 'ConcatV2')
def _(c):
  shape = c.g.shape(1, 4)
  axis = axis_of(c, len(shape))
  parts = []
  for _ in range(max(2, c['N'])):
    own = list(shape)
    own[axis % len(shape)] = c.g.dim()
    parts.append(c.array('T', tuple(own)))
  c['N'] = len(parts)
  where = c.ints('int32' if c.op == 'Concat' else 'Tidx', axis)
  return [where] + parts if c.op == 'Concat' else parts + [where]


@hint('ConcatOffset')
def _(c):
  c['shape_type'] = c['shape_type'] if 'shape_type' in c.attrs else 'int32'
  c['N'] = max(2, c['N'])
  shape = c.g.shape(1, 3)
  axis = axis_of(c, len(shape))
  parts = []
  for _ in range(c['N']):
    own = list(shape)
    own[axis % len(shape)] = c.g.dim()
    parts.append(c.ints('shape_type', own))
  return [c.ints('int32', axis)] + parts


@hint('Pack', 'ParallelConcat')
def _(c):
  if c.op == 'Pack':
    out = c.same_shape_inputs()
    c['axis'] = axis_of(c, out[0].array.ndim + 1)
    return out
  shape = (1,) + c.g.shape(0, 2)
  c['shape'] = [c['N']] + list(shape[1:])
  return [c.array('T', shape) for _ in range(c['N'])]


@hint('Unpack')
def _(c):
  shape = c.g.shape(1, 4)
  c['axis'] = axis_of(c, len(shape))
  c['num'] = shape[c['axis'] % len(shape)]
  return [c.array('T', shape)]


@hint('Split')
def _(c):
  shape = list(c.g.shape(1, 4))
  axis = axis_of(c, len(shape))
  if c.g.chance(0.95):
    shape[axis % len(shape)] = c['num_split'] * c.g.int(0, 3)
  return [c.ints('int32', axis), c.array('T', tuple(shape))]


@hint('SplitV')
def _(c):
  shape = list(c.g.shape(1, 4))
  axis = axis_of(c, len(shape))
  sizes = [c.g.int(0, 3) for _ in range(c['num_split'])]
  shape[axis % len(shape)] = sum(sizes)
  if c.g.chance(0.3):
    sizes[c.g.int(0, len(sizes) - 1)] = -1
  return [c.array('T', tuple(shape)), c.ints('Tlen', sizes), c.ints('int32', axis)]


@hint('OneHot')
def _(c):
  shape = c.g.shape(0, 3)
  c['axis'] = axis_of(c, len(shape) + 1)
  return [c.array('TI', shape, -1, 5), c.ints('int32', c.g.int(0, 5)), c.array('T', ()), c.array('T', ())]


@hint('Range')
def _(c):
  t = c['Tidx']
  start, limit = c.g.int(-9, 9), c.g.int(-9, 9)
  delta = c.g.pick(1, 2, 3) * (1 if limit >= start else -1) * (-1 if c.g.chance(.05) else 1)
  if t in FLOATS:
    delta *= c.g.pick(1, 0.5, 0.3)
  if c.g.chance(0.02):
    delta = 0
  return [Tensor(t, np.array(v).astype(NUMPY[t])) for v in (start, limit, delta)]


@hint('LinSpace')
def _(c):
  return [c.array('T', (), style='tame'), c.array('T', (), style='tame'), c.ints('Tidx', c.g.int(0, 7))]


@hint('Diag', 'DiagPart')
def _(c):
  shape = c.g.shape(1, 2)
  return [c.array('T', shape if c.op == 'Diag' else shape + shape)]


@hint('MatrixDiag', 'MatrixDiagPart', 'MatrixSetDiag', 'MatrixBandPart')
def _(c):
  shape = c.g.shape(1 if c.op == 'MatrixDiag' else 2, 4)
  out = [c.array('T', shape)]
  if c.op == 'MatrixSetDiag':
    out.append(c.array('T', shape[:-2] + (min(shape[-2:]),)))
  if c.op == 'MatrixBandPart':
    out += [c.ints('Tindex', c.g.int(-1, d)) for d in shape[-2:]]
  return out
