"""More hints of op_cases.py: matrices, images, networks."""
import numpy as np

from op_cases import hint
from op_values import NUMPY, Tensor


@hint('MatMul', 'SparseMatMul', 'BatchMatMul', 'BatchMatMulV2')
def _(c):
  m, k, n = c.g.dim(0, 9), c.g.dim(0, 9), c.g.dim(0, 9)
  names = ('adj_x', 'adj_y') if c.op.startswith('Batch') else ('transpose_a', 'transpose_b')
  x = (k, m) if c[names[0]] else (m, k)
  y = (n, k) if c[names[1]] else (k, n)
  batch = c.g.shape(0, 2) if c.op.startswith('Batch') else ()
  other = c.g.broadcastable(batch) if c.op == 'BatchMatMulV2' else batch
  types = ('Ta', 'Tb') if c.op == 'SparseMatMul' else ('T', 'T')
  style = c.g.pick('tame', 'tame', 'special')
  return [c.array(types[0], batch + x, style=style), c.array(types[1], other + y, style=style)]


@hint('MatrixInverse', 'MatrixDeterminant', 'Cholesky', 'MatrixSolve', 'MatrixTriangularSolve')
def _(c):
  n = c.g.int(0, 4)
  batch = c.g.shape(0, 2)
  a = c.array('T', batch + (n, n), style='tame')
  a.array = (a.array + 3 * np.eye(n)).astype(a.array.dtype)
  if c.op == 'Cholesky':
    a.array = (a.array @ np.swapaxes(a.array, -1, -2).conj()).astype(a.array.dtype)
  if c.op == 'MatrixSolve':
    return [a, c.array('T', batch + (n, c.g.dim()), style='tame')]
  if c.op == 'MatrixTriangularSolve':
    return [a, c.array('T', c.g.broadcastable(batch) + (n, c.g.dim()), style='tame')]
  return [a]


@hint('BiasAdd', 'BiasAddV1', 'BiasAddGrad')
def _(c):
  shape = c.g.shape(2, 5)
  first = c.attrs.get('data_format') in (b'NCHW',)
  channels = shape[1 if first else -1]
  x = c.array('T', shape, style=c.g.pick('tame', 'special'))
  return [x] if c.op == 'BiasAddGrad' else [x, c.array('T', (channels,))]


@hint('Softmax', 'LogSoftmax')
def _(c):
  return [c.array('T', c.g.shape(1, 4), style=c.g.pick('tame', 'special'))]


@hint('SoftmaxCrossEntropyWithLogits', 'SparseSoftmaxCrossEntropyWithLogits')
def _(c):
  rows, classes = c.g.dim(), c.g.dim()
  logits = c.array('T', (rows, classes), style=c.g.pick('tame', 'tame', 'special'))
  if c.op.startswith('Sparse'):
    return [logits, c.array('Tlabels', (rows,), 0, classes - (0 if c.g.chance(.05) else 1), 'tame')]
  return [logits, c.array('T', c.g.pick((rows, classes), (1, classes)), style='tame')]


def windows(c, spatial):
  """Input shape, window and strides, of sizes that mostly fit."""
  sizes = [c.g.dim(1, 7) for _ in range(spatial)]
  window = [c.g.int(1, 3) for _ in range(spatial)]
  if c.g.chance(0.9):
    window = [min(w, s) for w, s in zip(window, sizes)]
  strides = [c.g.int(1, 4) for _ in range(spatial)]
  if spatial == 3:
    # Where a stride exceeds the window, Eigen's windows begin elsewhere than
    # those of oneDNN, TensorFlow's default, and ours.
    strides = [min(s, w) for s, w in zip(strides, window)]
  return sizes, window, strides


def lay_out(c, batch, sizes, channels):
  """Puts [batch, sizes, channels] in the order that data_format says."""
  if c.attrs.get('data_format') in (b'NCHW', b'NCDHW'):
    return [batch, channels] + list(sizes)
  return [batch] + list(sizes) + [channels]


def output_sizes(c, sizes, window, strides, dilations, pads):
  out = []
  for i, (size, w, s, d) in enumerate(zip(sizes, window, strides, dilations)):
    reach = (w - 1) * d + 1
    if c['padding'] == b'SAME':
      out.append(-(-size // s))
    else:
      out.append(max(0, (size + sum(pads[i]) - reach) // s + 1))
  return out


def plain_format(c, spatial):
  first, last = ((b'NCHW', b'NHWC') if spatial == 2 else (b'NCDHW', b'NDHWC'))
  # TensorFlow's kernels for processors mostly know channels last only.
  c['data_format'] = first if c.g.chance(0.05) else last


@hint('Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter', 'Conv3D', 'Conv3DBackpropInputV2',
      'Conv3DBackpropFilterV2', 'DepthwiseConv2dNative', 'DepthwiseConv2dNativeBackpropInput',
      'DepthwiseConv2dNativeBackpropFilter')
def _(c):
  spatial = 3 if '3D' in c.op else 2
  depthwise = c.op.startswith('Depthwise')
  plain_format(c, spatial)
  sizes, window, strides = windows(c, spatial)
  if depthwise:
    strides = [strides[0]] * spatial
  dilations = [c.g.pick(1, 1, 1, 2) if c.op in ('Conv2D', 'Conv3D', 'DepthwiseConv2dNative') else 1
               for _ in range(spatial)]
  if depthwise:
    dilations = [dilations[0]] * spatial
  batch, channels, filters = c.g.dim(0, 3), c.g.dim(0, 4), c.g.dim(0, 4)
  pads = [[0, 0]] * spatial
  if c['padding'] == b'EXPLICIT':
    if depthwise and c.g.chance(.9):
      c['padding'] = b'VALID'
    else:
      pads = [[c.g.int(0, 2), c.g.int(0, 2)] for _ in range(spatial)]
      c['explicit_paddings'] = sum(lay_out(c, [0, 0], pads, [0, 0]), [])
  c['strides'] = lay_out(c, 1, strides, 1)
  c['dilations'] = lay_out(c, 1, dilations, 1)
  x = lay_out(c, batch, sizes, channels)
  groups = c.g.pick(1, 1, 1, 2) if c.op == 'Conv2D' and channels % 2 == 0 and filters % 2 == 0 else 1
  w = window + [channels // groups, filters]
  out = output_sizes(c, sizes, window, strides, dilations, pads)
  y = lay_out(c, batch, out, channels * filters if depthwise else filters)
  array = lambda shape: c.array('T', tuple(shape), style='tame')
  shape_type = c.attrs.get('Tshape', 'int32')
  if 'BackpropInput' in c.op:
    return [c.ints(shape_type, x), array(w), array(y)]
  if 'BackpropFilter' in c.op:
    return [array(x), c.ints('int32', w), array(y)]
  return [array(x), array(w)]


@hint('MaxPool', 'MaxPoolV2', 'AvgPool', 'MaxPool3D', 'AvgPool3D', 'MaxPoolWithArgmax', 'MaxPoolGrad',
      'MaxPool3DGrad', 'AvgPoolGrad', 'AvgPool3DGrad')
def _(c):
  spatial = 3 if '3D' in c.op else 2
  plain_format(c, spatial)
  if c['padding'] == b'EXPLICIT':
    c['padding'] = b'SAME'
  sizes, window, strides = windows(c, spatial)
  batch, channels = c.g.dim(0, 3), c.g.dim(0, 4)
  ksize, steps = lay_out(c, 1, window, 1), lay_out(c, 1, strides, 1)
  c['ksize'], c['strides'] = ksize, steps
  x = lay_out(c, batch, sizes, channels)
  y = lay_out(c, batch, output_sizes(c, sizes, window, strides, [1] * spatial, [[0, 0]] * spatial), channels)
  # Where NaN comes in, Eigen's maximum depends on its place in the vector.
  style = 'tame' if c.op.startswith('MaxPool3D') else c.g.pick('tame', 'special')
  array = lambda shape: c.array('T', tuple(shape), style=style)
  if c.op.startswith('Avg'):
    return [c.ints('int32', x), array(y)] if 'Grad' in c.op else [array(x)]
  if c.op.endswith('Grad'):
    # The output must be what the input gives.
    data = c.array('TInput' if 'TInput' in c.attrs else 'T', tuple(x), style='tame')
    return [data, Tensor(data.dtype, max_pool(c, data.array, window, strides, y)), c.array('T', tuple(y), style='tame')]
  if c.op == 'MaxPoolV2':
    return [array(x), c.ints('int32', ksize), c.ints('int32', steps)]
  return [array(x)]


def max_pool(c, x, window, strides, out_shape):
  first = c.attrs.get('data_format') in (b'NCHW', b'NCDHW')
  x = np.moveaxis(x, 1, -1) if first else x
  n, channels = x.shape[0], x.shape[-1]
  spatial = out_shape[2:] if first else out_shape[1:-1]
  out = np.zeros([n] + list(spatial) + [channels], x.dtype)
  for at in np.ndindex(*spatial):
    place = [slice(None)]
    for i, o in enumerate(at):
      before = 0
      if c['padding'] == b'SAME':
        before = max(0, (spatial[i] - 1) * strides[i] + window[i] - x.shape[1 + i]) // 2
      begin = o * strides[i] - before
      place.append(slice(max(0, begin), max(0, begin + window[i])))
    cut = x[tuple(place)]
    if cut.size:
      out[(slice(None),) + at] = cut.reshape(n, -1, channels).max(axis=1)
  return np.moveaxis(out, -1, 1) if first else out


@hint('LRN', 'LRNGrad')
def _(c):
  c['depth_radius'] = c.g.int(0, 3)
  c['bias'], c['alpha'], c['beta'] = c.g.pick(1.0, 2.0), c.g.pick(1.0, 0.1), c.g.pick(0.5, 1.0, 0.75)
  shape = c.g.shape(4, 4)
  count = 3 if c.op == 'LRNGrad' else 1
  return [c.array('T', shape, style='tame') for _ in range(count)]


@hint('FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3')
def _(c):
  plain_format(c, 2)
  shape = c.g.shape(4, 4)
  n = shape[1 if c['data_format'] == b'NCHW' else -1]
  u = 'U' if 'U' in c.attrs else 'T'
  stat = lambda: c.array(u, (n,), style='tame')
  c['epsilon'] = c.g.pick(0.001, 0.1)
  c['is_training'] = c.g.chance(0.5)
  c['exponential_avg_factor'] = 1.0
  mean, var = stat(), stat()
  var.array = np.abs(var.array)
  if c['is_training']:
    mean, var = c.array(u, (0,)), c.array(u, (0,))
  return [c.array('T', shape, style='tame'), stat(), stat(), mean, var]


@hint('FusedBatchNormGrad', 'FusedBatchNormGradV2', 'FusedBatchNormGradV3')
def _(c):
  plain_format(c, 2)
  shape = c.g.shape(4, 4)
  n = shape[1 if c['data_format'] == b'NCHW' else -1]
  u = 'U' if 'U' in c.attrs else 'T'
  stat = lambda: c.array(u, (n,), style='tame')
  var = stat()
  var.array = np.abs(var.array) + np.asarray(0.1, var.array.dtype)
  out = [c.array('T', shape, style='tame'), c.array('T', shape, style='tame'),
         c.array('float', (n,), style='tame'), stat(), var]
  return out + [stat()] if c.op.endswith('V3') else out


@hint('BatchNormWithGlobalNormalization')
def _(c):
  shape = c.g.shape(4, 4)
  c['variance_epsilon'] = 0.01
  out = [c.array('T', shape, style='tame')] + [c.array('T', shape[-1:], style='tame') for _ in range(4)]
  out[2].array = np.abs(out[2].array)
  return out


@hint('Dilation2D')
def _(c):
  sizes, window, strides = windows(c, 2)
  channels = c.g.dim(0, 3)
  c['strides'], c['rates'] = [1] + strides + [1], [1, c.g.int(1, 2), c.g.int(1, 2), 1]
  return [c.array('T', tuple([c.g.dim(0, 2)] + sizes + [channels]), style='tame'),
          c.array('T', tuple(window + [channels]), style='tame')]


@hint('ExtractImagePatches')
def _(c):
  sizes, window, strides = windows(c, 2)
  c['ksizes'], c['strides'] = [1] + window + [1], [1] + strides + [1]
  c['rates'] = [1, c.g.int(1, 2), c.g.int(1, 2), 1]
  return [c.array('T', tuple([c.g.dim(0, 2)] + sizes + [c.g.dim(0, 3)]))]


@hint('ResizeBilinear', 'ResizeNearestNeighbor', 'ResizeBicubic', 'ResizeArea')
def _(c):
  shape = (c.g.dim(0, 2), c.g.dim(), c.g.dim(), c.g.dim(0, 3))
  size = list(shape[1:3]) if c.g.chance(0.2) else [c.g.dim(0, 7), c.g.dim(0, 7)]
  if c.attrs.get('half_pixel_centers') and c.g.chance(.9):
    c['align_corners'] = False
  style = c.g.pick('tame', 'tame', 'special')
  return [c.array('T', shape, style=style), c.ints('int32', size)]


@hint('CropAndResize')
def _(c):
  shape = (c.g.dim(1, 2), c.g.dim(), c.g.dim(), c.g.dim(0, 3))
  n = c.g.dim(0, 3)
  boxes = c.g.np.random((n, 4)) * c.g.pick(1, 1.5)
  c['extrapolation_value'] = c.g.pick(0.0, -1.0)
  return [c.array('T', shape, style='tame'), Tensor('float', boxes),
          c.array('int32', (n,), 0, shape[0] - (0 if c.g.chance(.05) else 1), 'tame'),
          c.array('int32', (2,), 0 if c.g.chance(.05) else 1, 5, 'tame')]


@hint('NonMaxSuppression', 'NonMaxSuppressionV2', 'NonMaxSuppressionV3', 'NonMaxSuppressionV4',
      'NonMaxSuppressionV5')
def _(c):
  n = c.g.dim(0, 6)
  boxes = np.sort(c.g.np.random((n, 2, 2)), axis=1).reshape(n, 4)
  types = [t[0] for t in c.arg_types()]
  scores = c.g.np.permutation(n) / max(1, n)
  c['iou_threshold'] = c.g.pick(0.0, 0.3, 0.5, 1.0)
  limits = [c.g.pick(0.0, 0.3, 0.5), c.g.pick(0.0, 0.2, -0.5), c.g.pick(0.0, 0.5)]
  cast = lambda t, v: Tensor(t, np.asarray(v).astype(NUMPY[t]))
  out = [cast(types[0], boxes), cast(types[1], scores), c.ints('int32', c.g.int(0, n + 1))]
  return out + [cast(t, v) for t, v in zip(types[3:], limits)]


@hint('SpaceToDepth', 'DepthToSpace')
def _(c):
  block = c.g.int(2, 3)
  c['block_size'] = block
  plain_format(c, 2)
  h, w, d = c.g.dim(0, 2), c.g.dim(0, 2), c.g.dim(0, 2)
  if c.op == 'SpaceToDepth':
    sizes, channels = [h * block, w * block], d
  else:
    sizes, channels = [h, w], d * block * block
  return [c.array('T', tuple(lay_out(c, c.g.dim(0, 2), sizes, channels)))]


@hint('SpaceToBatch', 'BatchToSpace', 'SpaceToBatchND', 'BatchToSpaceND')
def _(c):
  nd = c.op.endswith('ND')
  m = c.g.int(1, 3) if nd else 2
  block = [c.g.int(1, 3) for _ in range(m)] if nd else [c.g.int(2, 3)] * 2
  if not nd:
    c['block_size'] = block[0]
  edges = np.array([[c.g.int(0, 2), c.g.int(0, 2)] for _ in range(m)])
  sizes = [c.g.dim(0, 3) * b for b in block]
  batch, rest = c.g.dim(0, 2), [c.g.dim(0, 3) for _ in range(c.g.int(0, 2) if nd else 1)]
  kind = next(t for t in ('Tpaddings' if c.op.startswith('Space') else 'Tcrops', 'Tidx') if t in c.attrs)
  pads = Tensor(c.attrs[kind], edges)
  if c.op.startswith('Space'):
    sizes = [max(0, s - e.sum()) for s, e in zip(sizes, edges)]
  else:
    batch *= int(np.prod(block))
  x = c.array('T', tuple([batch] + sizes + rest))
  if not nd:
    return [x, pads]
  return [x, c.ints('Tblock_shape', block), pads]


@hint('QuantizeV2')
def _(c):
  if c.g.chance(.9):
    c['axis'] = -1
    if c['mode'] != b'SCALED':
      c['round_mode'] = b'HALF_AWAY_FROM_ZERO'
  low = c.g.pick(0.0, -1.0, -3.5)
  return [c.array('float', c.g.shape(), style=c.g.pick('tame', 'special')), Tensor('float', low),
          Tensor('float', c.g.pick(1.0, 6.0, low))]


@hint('Dequantize')
def _(c):
  c['axis'] = -1
  low = c.g.pick(0.0, -1.0, -3.5)
  return [c.array('T', c.g.shape(), style='wide'), Tensor('float', low), Tensor('float', c.g.pick(1.0, 6.0))]


@hint('FakeQuantWithMinMaxArgs', 'FakeQuantWithMinMaxVars', 'FakeQuantWithMinMaxVarsPerChannel')
def _(c):
  c['num_bits'] = c.g.int(2, 8)
  shape = c.g.shape(1, 3)
  x = c.array('float', shape, style=c.g.pick('tame', 'special'))
  if c.op.endswith('Args'):
    c['min'], c['max'] = c.g.pick(-6.0, 0.0, 0.5), c.g.pick(6.0, 1.0)
    return [x]
  n = (shape[-1],) if c.op.endswith('Channel') else ()
  low = c.array('float', n, style='tame')
  return [x, low, Tensor('float', low.array + c.g.pick(1, 0, 5))]


@hint('LSTMBlockCell', 'BlockLSTM')
def _(c):
  batch, inputs, cells, steps = c.g.int(1, 3), c.g.int(1, 4), c.g.int(1, 4), c.g.int(1, 3)
  array = lambda *shape: c.array('T', shape, style='tame')
  c['cell_clip'] = c.g.pick(-1.0, 3.0, 0.5)
  weights = [array(batch, cells), array(batch, cells), array(inputs + cells, 4 * cells), array(cells),
             array(cells), array(cells), array(4 * cells)]
  if c.op == 'BlockLSTM':
    # All steps: TensorFlow does not write what lies behind.
    return [c.ints('int64', steps), array(steps, batch, inputs)] + weights
  return [array(batch, inputs)] + weights
