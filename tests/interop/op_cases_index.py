"""More hints of op_cases.py: reductions, sorting, gathers and scatters."""
import numpy as np

from op_cases import axes_of, axis_of, hint


# --- reductions ------------------------------------------------------------------

@hint('Sum', 'Mean', 'Prod', 'Max', 'Min', 'All', 'Any', 'EuclideanNorm')
def _(c):
  shape = c.g.shape()
  style = c.g.pick('tame', 'special')
  data = c.array('T' if 'T' in c.attrs else 'bool', shape, style=style)
  return [data, c.ints('Tidx', axes_of(c, len(shape)))]


@hint('ArgMax', 'ArgMin')
def _(c):
  shape = c.g.shape(1, 4)
  return [c.array('T', shape), c.ints('Tidx', axis_of(c, len(shape)))]


@hint('Cumsum', 'Cumprod')
def _(c):
  shape = c.g.shape(1, 4)
  return [c.array('T', shape, style=c.g.pick('tame', 'special')), c.ints('Tidx', axis_of(c, len(shape)))]


@hint('TopK', 'TopKV2')
def _(c):
  shape = c.g.shape(1, 3)
  k = c.g.int(0, shape[-1] + (1 if c.g.chance(.05) else 0))
  data = c.array('T', shape)
  if c.op == 'TopK':
    c['k'] = k
    return [data]
  return [data, c.ints('Tk', k)]


@hint('InTopK', 'InTopKV2')
def _(c):
  rows, classes = c.g.dim(), c.g.dim()
  out = [c.array('float', (rows, classes)), c.array('T', (rows,), -1, classes)]
  if c.op == 'InTopK':
    c['k'] = c.g.int(0, 4)
    return out
  return out + [c.ints('T', c.g.int(0, 4))]


@hint('NthElement')
def _(c):
  shape = c.g.shape(1, 3)
  return [c.array('T', shape), c.ints('int32', c.g.int(0, max(0, shape[-1] - 1)))]


def segment_style(c):
  """Without NaN for minima and maxima, where Eigen's loops disagree."""
  return 'tame' if c.op.endswith(('Min', 'Max')) else c.g.pick('tame', 'special')


@hint('SegmentSum', 'SegmentMean', 'SegmentProd', 'SegmentMax', 'SegmentMin')
def _(c):
  shape = c.g.shape(1, 3)
  ids = sorted(c.g.int(0, 4) for _ in range(shape[0]))
  if c.g.chance(0.05):
    ids = [c.g.int(-2, 4) for _ in ids]
  return [c.array('T', shape, style=segment_style(c)), c.ints('Tindices', ids)]


@hint('UnsortedSegmentSum', 'UnsortedSegmentProd', 'UnsortedSegmentMax', 'UnsortedSegmentMin')
def _(c):
  shape = c.g.shape(1, 3)
  ids = shape[:c.g.int(0, len(shape))]
  n = c.g.int(0, 5)
  return [c.array('T', shape, style=segment_style(c)),
          c.array('Tindices', ids, -1, max(0, n - (0 if c.g.chance(.05) else 1)), 'tame'),
          c.ints('Tnumsegments', n)]


@hint('Bincount')
def _(c):
  n = c.g.dim(0, 8)
  weights = c.array('T', c.g.pick((n,), (0,)))
  return [c.array('int32', (n,), -1 if c.g.chance(.05) else 0, 6, 'tame'), c.ints('int32', c.g.int(0, 6)), weights]


@hint('Unique', 'UniqueWithCounts', 'UniqueV2', 'UniqueWithCountsV2')
def _(c):
  if c.op.endswith('V2'):
    shape = c.g.shape(1, 3)
    axis = c.g.pick([], [axis_of(c, len(shape))])
    return [c.array('T', shape if axis else shape[:1]), c.ints('Taxis', axis)]
  return [c.array('T', c.g.shape(1, 1))]


@hint('ListDiff')
def _(c):
  return [c.array('T', (c.g.dim(),)), c.array('T', (c.g.dim(),))]


@hint('InvertPermutation')
def _(c):
  n = c.g.int(0, 6)
  order = c.g.r.sample(range(n), n)
  if n and c.g.chance(0.1):
    order[0] = c.g.int(-1, n)
  return [c.ints('T', order)]


# --- gathers and scatters -----------------------------------------------------------

def indices(c, dtype, shape, size, spoil=0.04):
  if c.g.chance(spoil):
    return c.array(dtype, shape, -1, size)
  return c.array(dtype, shape if size else (0,), 0, max(0, size - 1), 'tame')


@hint('Gather')
def _(c):
  shape = c.g.shape(1, 3)
  return [c.array('Tparams', shape), indices(c, 'Tindices', c.g.shape(0, 2), shape[0])]


@hint('GatherV2')
def _(c):
  shape = c.g.shape(1, 4)
  axis = axis_of(c, len(shape))
  out = c.g.shape(0, 2)
  if c.g.chance(0.3):
    batch = c.g.int(0, axis % len(shape))
    c['batch_dims'] = batch
    out = shape[:batch] + out
  return [c.array('Tparams', shape), indices(c, 'Tindices', out, shape[axis % len(shape)]), c.ints('Taxis', axis)]


def nd_indices(c, dtype, shape, spoil=0.04):
  depth = c.g.int(0, len(shape))
  outer = c.g.shape(0, 2)
  if 0 in shape[:depth]:
    outer = (0,)
  high = [max(0, d - 1) for d in shape[:depth]]
  values = c.g.np.integers(0, np.array(high, np.int64) + 1, outer + (depth,)) if depth else np.zeros(outer + (0,))
  if values.size and c.g.chance(spoil):
    values.flat[0] = c.g.pick(-1, 9)
  return c.ints(dtype, values), outer, depth


@hint('GatherNd')
def _(c):
  shape = c.g.shape(1, 4)
  return [c.array('Tparams', shape), nd_indices(c, 'Tindices', shape)[0]]


@hint('ScatterNd')
def _(c):
  shape = c.g.shape(1, 3)
  where, outer, depth = nd_indices(c, 'Tindices', shape)
  return [where, c.array('T', outer + shape[depth:]), c.ints('Tindices', shape)]


@hint('TensorScatterAdd', 'TensorScatterSub', 'TensorScatterUpdate', 'TensorScatterMax', 'TensorScatterMin')
def _(c):
  shape = c.g.shape(1, 3)
  where, outer, depth = nd_indices(c, 'Tindices', shape)
  return [c.array('T', shape), where, c.array('T', outer + shape[depth:])]


@hint('DynamicPartition')
def _(c):
  c['num_partitions'] = c.g.int(1, 4)
  shape = c.g.shape(1, 3)
  part = shape[:c.g.int(0, len(shape))]
  return [c.array('T', shape), c.array('int32', part, 0, c['num_partitions'] - (0 if c.g.chance(.05) else 1), 'tame')]


@hint('DynamicStitch', 'ParallelDynamicStitch')
def _(c):
  rest = c.g.shape(0, 2)
  parts = [c.g.shape(0, 2) for _ in range(c['N'])]
  total = sum(int(np.prod(p, dtype=np.int64)) for p in parts)
  order = c.g.r.sample(range(total), total)
  if total and c.op == 'DynamicStitch' and c.g.chance(.3):
    order = [c.g.int(0, total) for _ in order]
  where, data, at = [], [], 0
  for p in parts:
    n = int(np.prod(p, dtype=np.int64))
    where.append(c.ints('int32', np.reshape(order[at:at + n], p)))
    data.append(c.array('T', p + rest))
    at += n
  return where + data


@hint('SparseToDense')
def _(c):
  shape = c.g.shape(1, 3)
  n = c.g.int(0, 4) if 0 not in shape else 0
  rows = sorted({tuple(c.g.int(0, d - 1) for d in shape) for _ in range(n)})
  where = np.reshape(rows, (len(rows), len(shape)))
  if c.g.chance(0.05):
    where = where[::-1]
  return [c.ints('Tindices', where), c.ints('Tindices', shape), c.array('T', c.g.pick((len(rows),), ())), c.array('T', ())]


@hint('SparseTensorDenseMatMul')
def _(c):
  m, k, n = c.g.dim(), c.g.dim(), c.g.dim()
  a = (k, m) if c['adjoint_a'] else (m, k)
  b = (n, k) if c['adjoint_b'] else (k, n)
  nnz = c.g.int(0, 4) if m and k else 0
  where = [[c.g.int(0, a[0] - 1), c.g.int(0, a[1] - 1)] for _ in range(nnz)]
  return [c.ints('Tindices', np.reshape(where, (nnz, 2))), c.array('T', (nnz,), style='tame'),
          c.ints('int64', a), c.array('T', b, style='tame')]
