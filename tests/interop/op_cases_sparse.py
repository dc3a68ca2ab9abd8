"""More hints of op_cases.py: sparse tensors, and what is parsed out of bytes."""
import gzip
import struct
import zlib

import numpy as np

from op_cases import hint
from op_cases_text import strings
from op_values import NUMBER, NUMPY, Tensor, to_proto


# --- sparse tensors ------------------------------------------------------------------

def sparse_shape(c, low=1, high=3):
  return [c.g.dim() for _ in range(c.g.int(low, high))]


def sparse(c, dtype, shape):
  """indices, values, shape; mostly sorted and inside."""
  count = c.g.int(0, 5) if all(shape) else 0
  rows = [tuple(c.g.int(0, d - 1) for d in shape) for _ in range(count)]
  if not c.g.chance(.1):
    rows = sorted(set(rows)) if not c.g.chance(.1) else sorted(rows)
  if rows and c.g.chance(.05):
    rows[-1] = tuple(d + 1 for d in rows[-1])
  values = c.array(dtype, (len(rows),))
  return [Tensor('int64', np.asarray(rows, np.int64).reshape(len(rows), len(shape))), values, Tensor('int64', shape)]


def with_tables(parts):
  """[indices, values, shape] of several tensors, all indices first."""
  return [p[k] for k in range(3) for p in parts]


@hint('SparseReorder', 'SerializeSparse', 'SerializeManySparse', 'SparseSoftmax')
def _(c):
  c['out_type'] = 'string'
  return sparse(c, 'T', sparse_shape(c, 2 if c.op != 'SparseReorder' and c.g.chance(.9) else 1))


@hint('SparseReshape')
def _(c):
  shape = sparse_shape(c)
  size = int(np.prod(shape))
  new = c.g.pick([size], [1, size], [-1], [-1, c.g.int(1, 3)], shape[::-1], [2, -1, 2], shape)
  indices, _, shape = sparse(c, 'float', shape)
  return [indices, shape, Tensor('int64', new)]


@hint('SparseFillEmptyRows')
def _(c):
  return sparse(c, 'T', sparse_shape(c)) + [c.array('T', ())]


@hint('SparseFillEmptyRowsGrad')
def _(c):
  size = c.g.int(1, 6)
  count = c.g.int(0, size)
  return [c.ints('int64', sorted(c.g.r.sample(range(size), count))), c.array('T', (size,), -4, 4, 'tame')]


@hint('SparseConcat')
def _(c):
  shape = sparse_shape(c)
  axis = c.g.int(0, len(shape) - 1)
  c['concat_dim'] = c.g.pick(axis, axis - len(shape))
  parts = []
  for _ in range(max(2, c['N'])):
    part = list(shape)
    part[axis] = c.g.dim()
    parts.append(sparse(c, 'T', part))
  c['N'] = len(parts)
  return with_tables(parts)


@hint('SparseSplit')
def _(c):
  shape = sparse_shape(c)
  axis = c.g.int(-len(shape), len(shape) - 1)
  return [Tensor('int64', axis)] + sparse(c, 'T', shape)


@hint('SparseSlice')
def _(c):
  shape = sparse_shape(c)
  start = [c.g.int(0, d) for d in shape]
  return sparse(c, 'T', shape) + [Tensor('int64', start), Tensor('int64', [c.g.int(0, 4) for _ in shape])]


@hint('SparseSliceGrad')
def _(c):
  indices, _, _ = sparse(c, 'float', sparse_shape(c))
  start = indices.array[:1].reshape(-1) if len(indices.array) else np.zeros(indices.array.shape[1], np.int64)
  rows = indices.array[:c.g.int(0, len(indices.array))] - start
  return [c.array('T', (len(rows),)), indices, Tensor('int64', start), Tensor('int64', rows)]


REAL = {'complex64': 'float', 'complex128': 'double'}


@hint('SparseAdd', 'SparseSparseMaximum', 'SparseSparseMinimum')
def _(c):
  shape = sparse_shape(c)
  out = sparse(c, 'T', shape) + sparse(c, 'T', shape)
  if c.op == 'SparseAdd':
    c['Treal'] = REAL.get(c['T'], c['T'])
    out.append(c.array('Treal', (), 0, 2, 'tame'))
  return out


@hint('SparseAddGrad')
def _(c):
  shape = sparse_shape(c)
  a, b = sparse(c, 'float', shape)[0], sparse(c, 'float', shape)[0]
  rows = sorted({tuple(r) for r in a.array.tolist()} | {tuple(r) for r in b.array.tolist()})
  return [c.array('T', (len(rows),)), a, b, Tensor('int64', np.asarray(rows, np.int64).reshape(len(rows), len(shape)))]


@hint('SparseDenseCwiseAdd', 'SparseDenseCwiseMul', 'SparseDenseCwiseDiv')
def _(c):
  shape = sparse_shape(c)
  dense = [1 if c.g.chance(.2) else d for d in shape][c.g.int(0, 1):]
  low = 1 if c.op == 'SparseDenseCwiseDiv' and c.g.chance(.9) else None
  return sparse(c, 'T', shape) + [c.array('T', dense, low, low and 5)]


@hint('SparseTensorDenseAdd')
def _(c):
  shape = sparse_shape(c)
  indices, values, sizes = sparse(c, 'T', shape)
  return [c.ints('Tindices', indices.array), values, c.ints('Tindices', sizes.array), c.array('T', shape)]


@hint('SparseReduceSum', 'SparseReduceSumSparse', 'SparseReduceMax', 'SparseReduceMaxSparse')
def _(c):
  shape = sparse_shape(c)
  axes = c.g.r.sample(range(-len(shape), len(shape)), c.g.int(0, len(shape)))
  return sparse(c, 'T', shape) + [c.ints('int32', axes)]


def picks(c, rows, segments):
  count = c.g.int(0, 6) if rows and segments else 0
  indices = [c.g.int(0, rows - 1) for _ in range(count)]
  ids = sorted(c.g.int(0, segments - 1) for _ in range(count))
  if count and c.g.chance(.05):
    c.g.pick(indices, ids)[c.g.int(0, count - 1)] = c.g.pick(-1, 7)
  return [c.ints('Tidx', indices), c.ints('Tsegmentids', ids)]


@hint('SparseSegmentSum', 'SparseSegmentMean', 'SparseSegmentSqrtN', 'SparseSegmentSumWithNumSegments',
      'SparseSegmentMeanWithNumSegments', 'SparseSegmentSqrtNWithNumSegments')
def _(c):
  c['sparse_gradient'] = False
  data = c.array('T', c.g.shape(1, 3))
  out = [data] + picks(c, data.array.shape[0], 5)
  if 'NumSegments' in c.op:
    out.append(c.ints('Tnumsegments', c.g.int(3, 7)))
  return out


@hint('SparseSegmentSumGrad', 'SparseSegmentMeanGrad', 'SparseSegmentSqrtNGrad', 'SparseSegmentSumGradV2',
      'SparseSegmentMeanGradV2', 'SparseSegmentSqrtNGradV2')
def _(c):
  grad = c.array('T', c.g.shape(1, 3))
  rows = c.g.int(1, 6)
  return [grad] + picks(c, rows, grad.array.shape[0]) + [c.ints('int32', rows)]


@hint('DeserializeSparse', 'DeserializeManySparse')
def _(c):
  c['Tserialized'] = 'string'
  if c['dtype'] not in NUMPY:
    c['dtype'] = 'float'
  shape = c.g.pick((3,), (2, 3), (1, 2, 3))
  rank = c.g.int(1, 3)
  flat = []
  for _ in range(int(np.prod(shape)) // 3):
    parts = sparse(c, 'dtype', sparse_shape(c, rank, rank))
    flat += [to_proto(p).SerializeToString() for p in parts]
  if c.g.chance(.05):
    flat[c.g.int(0, len(flat) - 1)] = b'x'
  out = np.empty(len(flat), object)
  out[:] = flat
  return [Tensor('string', out.reshape(shape))]


@hint('SparseCross')
def _(c):
  c['hashed_output'] = c.g.chance(.7)
  c['internal_type'] = c['out_type'] = 'int64' if c['hashed_output'] else 'string'
  c['num_buckets'] = c.g.pick(0, 10, 1000)
  c['hash_key'] = c.g.pick(0, 956888297470)
  kinds = ['int64', 'string'] if c['hashed_output'] else ['string']
  c['N'] = c.g.int(0, 2)
  rows = c.g.int(1, 3)
  c['sparse_types'] = [c.g.pick(*kinds) for _ in range(c['N'])]
  c['dense_types'] = [c.g.pick(*kinds) for _ in range(c.g.int(0, 2))]
  parts = [sparse(c, t, [rows, c.g.int(1, 3)]) for t in c['sparse_types']]
  return with_tables(parts) + [c.array(t, (rows, c.g.int(1, 2))) for t in c['dense_types']]


# --- bytes -------------------------------------------------------------------------------

def varint(n):
  n &= (1 << 64) - 1
  out = b''
  while n >= 0x80:
    out += bytes([n & 0x7f | 0x80])
    n >>= 7
  return out + bytes([n])


def field(number, data):
  return varint(number << 3 | 2) + varint(len(data)) + data


def feature(c, dtype, count=None):
  g = c.g
  count = g.int(0, 3) if count is None else count
  if g.chance(.04):
    return b''
  if g.chance(.04):
    dtype = g.pick('string', 'float', 'int64')
  if dtype == 'string':
    return field(1, b''.join(field(1, g.pick(b'', b'a', b'xyz' * g.int(1, 9))) for _ in range(count)))
  packed = g.chance(.8)
  if dtype == 'float':
    values = [struct.pack('<f', g.pick(0, 1.5, -2, float('inf'))) for _ in range(count)]
    return field(2, field(1, b''.join(values)) if packed else b''.join(b'\x0d' + v for v in values))
  values = [varint(g.pick(0, 1, -1, 300, 1 << 40)) for _ in range(count)]
  return field(3, field(1, b''.join(values)) if packed else b''.join(b'\x08' + v for v in values))


def spoiled(c, data, chance=.06):
  """The bytes, seldom with a mistake in them."""
  data = bytearray(data)
  if data and c.g.chance(chance):
    at = c.g.int(0, len(data) - 1)
    kind = c.g.int(0, 2)
    if kind == 0:
      data[at] = c.g.int(0, 255)
    elif kind == 1:
      del data[at:]
    else:
      data[at:at] = bytes([c.g.int(0, 255)])
  return bytes(data)


def entry(key, value):
  return field(1, field(1, key) + field(2, value))


KEYS = [b'a', b'b', b'cc', b'ddd']
TYPES = ['float', 'int64', 'string']


def features(c, wanted):
  """wanted: {key: (dtype, count or None)}"""
  out = []
  for key, (dtype, count) in wanted.items():
    if c.g.chance(.9):
      out += [entry(key, feature(c, dtype, count)) for _ in range(2 if c.g.chance(.04) else 1)]
  if c.g.chance(.3):
    out.append(entry(b'other', feature(c, 'float')))
  c.g.r.shuffle(out)
  return b''.join(out)


def texts(shape, items):
  flat = np.empty(len(items), object)
  flat[:] = items
  return Tensor('string', flat.reshape(shape))


def names(keys):
  return texts((len(keys),), list(keys))


def dense_shape(c):
  shape = [c.g.int(1, 2) for _ in range(c.g.int(0, 2))]
  if c.g.chance(.3):
    shape = [-1] + shape[:1]
  return shape


def feature_plan(c, kinds):
  """Which keys are sparse, dense, ragged, each with its dtype."""
  keys = list(KEYS)
  c.g.r.shuffle(keys)
  plan = {kind: [] for kind in kinds}
  for key in keys[:c.g.int(1, 4)]:
    plan[c.g.pick(*kinds)].append((key, c.g.pick(*TYPES)))
  return plan


def default_of(c, dtype, shape):
  if shape[:1] == [-1]:
    return c.array(dtype, (1,), 0, 3) if dtype != 'string' else c.array(dtype, (1,))
  return c.array(dtype, tuple(shape) if c.g.chance(.7) else (0,))


@hint('ParseExample', 'ParseExampleV2', 'ParseSingleExample')
def _(c):
  g = c.g
  ragged = c.op == 'ParseExampleV2'
  plan = feature_plan(c, ['sparse', 'dense'] + ['ragged'] * ragged)
  shapes = [dense_shape(c) for _ in plan['dense']]
  wanted = {}
  for kind, group in plan.items():
    for i, (key, dtype) in enumerate(group):
      fixed = kind == 'dense' and shapes[i][:1] != [-1]
      count = int(np.prod(shapes[i])) if fixed else None
      if kind == 'dense' and not fixed:
        count = g.int(0, 2) * int(np.prod(shapes[i][1:]))
      wanted[key] = (dtype, g.int(0, 3) if fixed and g.chance(.03) else count)
  c['sparse_types'] = [t for _, t in plan['sparse']]
  c['Tdense'] = [t for _, t in plan['dense']]
  c['dense_shapes'] = shapes
  c['Nsparse'] = c['num_sparse'] = len(plan['sparse'])
  c['Ndense'] = len(plan['dense'])
  c['sparse_keys'] = [k for k, _ in plan['sparse']]
  c['dense_keys'] = [k for k, _ in plan['dense']]
  defaults = [default_of(c, t, s) for (_, t), s in zip(plan['dense'], shapes)]
  single = c.op == 'ParseSingleExample' or (ragged and g.chance(.3))
  count = 1 if single else g.int(0, 4)
  examples = [spoiled(c, field(1, features(c, wanted))) for _ in range(count)]
  serialized = texts(() if single else (count,), examples)
  if c.op == 'ParseSingleExample':
    return [serialized] + defaults
  keys = {kind: [k for k, _ in group] for kind, group in plan.items()}
  if c.op == 'ParseExample':
    return [serialized, names([])] + [texts((), [k]) for k in keys['sparse'] + keys['dense']] + defaults
  c['ragged_value_types'] = [t for _, t in plan['ragged']]
  c['ragged_split_types'] = [g.pick('int32', 'int64') for _ in plan['ragged']]
  return [serialized, names([]), names(keys['sparse']), names(keys['dense']), names(keys['ragged'])] + defaults


@hint('ParseSequenceExample', 'ParseSequenceExampleV2', 'ParseSingleSequenceExample')
def _(c):
  g = c.g
  v2 = c.op == 'ParseSequenceExampleV2'
  single = c.op == 'ParseSingleSequenceExample'
  kinds = ['sparse', 'dense'] + ['ragged'] * v2
  plans = [feature_plan(c, kinds), feature_plan(c, kinds)]
  shapes = [[[g.int(1, 2) for _ in range(g.int(0, 2))] for _ in plan['dense']] for plan in plans]
  for name, plan, group in (('context', plans[0], shapes[0]), ('feature_list', plans[1], shapes[1])):
    c[f'{name}_sparse_types'] = [t for _, t in plan['sparse']]
    c[f'N{name}_sparse'] = len(plan['sparse'])
    c[f'N{name}_dense'] = len(plan['dense'])
    c[f'{name}_dense_shapes'] = group
    c[f'{name}_sparse_keys'] = [k for k, _ in plan['sparse']]
    c[f'{name}_dense_keys'] = [k for k, _ in plan['dense']]
    c[f'{name}_ragged_value_types'] = [t for _, t in plan.get('ragged', [])]
    c[f'{name}_ragged_split_types'] = [g.pick('int32', 'int64') for _ in plan.get('ragged', [])]
  c['Tcontext_dense'] = [t for _, t in plans[0]['dense']]
  c['feature_list_dense_types'] = [t for _, t in plans[1]['dense']]
  missing = [k for k, _ in plans[1]['dense'] if g.chance(.7)]
  c['feature_list_dense_missing_assumed_empty'] = missing
  counts = [{k: (t, int(np.prod(s))) for (k, t), s in zip(plan['dense'], group)}
            for plan, group in zip(plans, shapes)]
  for plan, count in zip(plans, counts):
    for kind in set(kinds) - {'dense'}:
      count.update({k: (t, None) for k, t in plan[kind]})

  def example():
    lists = b''
    for key, (dtype, count) in counts[1].items():
      if g.chance(.9):
        lists += entry(key, b''.join(field(1, feature(c, dtype, count)) for _ in range(g.int(0, 3))))
    return spoiled(c, field(1, features(c, counts[0])) + field(2, lists))

  scalar = single or (g.chance(.3) and not plans[0].get('ragged') and not plans[1].get('ragged'))
  count = 1 if scalar else g.int(0, 3)
  serialized = texts(() if scalar else (count,), [example() for _ in range(count)])
  defaults = [default_of(c, t, s) for (_, t), s in zip(plans[0]['dense'], shapes[0])]
  keys = [[k for k, _ in plan.get(kind, [])] for plan in plans for kind in ('sparse', 'dense', 'ragged')]
  if single:
    scalars = [texts((), [k]) for group in (keys[0], keys[1], keys[3], keys[4]) for k in group]
    return [serialized, names(missing)] + scalars + defaults + [texts((), [b'name'])]
  if v2:
    allowed = Tensor('bool', [k in missing for k in keys[4]])
    return [serialized, names([])] + [names(group) for group in keys] + [allowed] + defaults
  return [serialized, names([])] + defaults


@hint('ParseTensor')
def _(c):
  dtype = c['out_type'] if c['out_type'] in NUMPY and c.g.chance(.95) else 'float'
  return [texts((), [spoiled(c, to_proto(c.array(dtype, c.g.shape())).SerializeToString())])]


@hint('SerializeTensor')
def _(c):
  return [c.array('T', c.g.shape())]


@hint('DecodePaddedRaw')
def _(c):
  size = {'half': 2, 'bfloat16': 2, 'float': 4, 'double': 8}.get(c['out_type']) or np.dtype(NUMPY[c['out_type']]).itemsize
  count = c.g.int(1, 3)
  return [strings(c, c.g.shape(0, 2), b'', b'\x01', b'\x01\x00\x00\x00\x00\x00\x00\x00\x02'),
          c.ints('int32', size * count + c.g.pick(0, 0, 0, 1))]


@hint('DecodeCompressed')
def _(c):
  pack = {b'ZLIB': zlib.compress, b'GZIP': gzip.compress}
  c['compression_type'] = c.g.pick(b'ZLIB', b'GZIP', b'')
  packed = [pack.get(c['compression_type'], bytes)(b'text' * c.g.int(0, 99)) for _ in range(c.g.int(0, 3))]
  return [texts((len(packed),), [spoiled(c, p, .1) for p in packed])]


@hint('DecodeCSV')
def _(c):
  g = c.g
  c['OUT_TYPE'] = [g.pick('float', 'double', 'int32', 'int64', 'string') for _ in range(g.int(1, 3))]
  c['field_delim'] = g.pick(b',', b',', b'|')
  c['select_cols'] = []
  c['na_value'] = g.pick(b'', b'NA')

  def cell(dtype):
    if g.chance(.2):
      return g.pick(b'', b'NA', b'""')
    if dtype == 'string':
      return g.pick(b'a', b'"q,""r"""', b'b c', *([b'x"y', b'"u'] if g.chance(.1) else []))
    return g.pick(b'1', b'-2', b' 3 ', *([b'x'] if g.chance(.05) else []), *([b'2.5', b'1e3'] if 'int' not in dtype else []))
  lines = []
  for _ in range(g.int(0, 4)):
    lines.append(c['field_delim'].join(cell(t) for t in c['OUT_TYPE']) + (b',1' if g.chance(.03) else b''))
  defaults = [c.array(t, g.pick((), (1,), (1,), *([(0,)] if g.chance(.1) else [])), *([] if t == 'string' else [0, 3]))
              for t in c['OUT_TYPE']]
  return [texts((len(lines),), lines)] + defaults


@hint('Bucketize')
def _(c):
  c['boundaries'] = sorted(c.g.pick(-1.5, 0.0, 0.5, 1.0, 3.0) for _ in range(c.g.int(0, 4)))
  return [c.array('T', c.g.shape())]


# --- images, sequences of classes, spectra, summaries ---------------------------------------

def png(c, width, height, kind, depth, extra=b''):
  samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]

  def chunk(name, data):
    return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))
  row = (width * samples * depth + 7) // 8
  limit = 3 if kind == 3 else 255
  rows = b''.join(bytes([c.g.int(0, 4)] if kind != 3 else [0]) + bytes(c.g.int(0, limit) for _ in range(row)) for _ in range(height))
  if kind == 3:
    extra = chunk(b'PLTE', bytes(c.g.int(0, 255) for _ in range(12))) + (chunk(b'tRNS', b'\x80\x40') if c.g.chance(.4) else b'')
  elif kind in (0, 2) and c.g.chance(.2):
    extra = chunk(b'tRNS', b'\0\x05' * samples)
  return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, depth, kind, 0, 0, 0)) + extra +
          chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))


def bmp(c, width, height, bits):
  row = (width * bits // 8 + 3) // 4 * 4
  head = b'BM' + struct.pack('<IHHI', 54 + row * height, 0, 0, 54)
  head += struct.pack('<IiiHHIIiiII', 40, width, c.g.pick(height, -height), 1, bits, 0, row * height, 0, 0, 0, 0)
  return head + bytes(c.g.int(0, 255) for _ in range(row * height))


def jpeg(c):
  from tensorflow.python.ops import gen_image_ops  # only here: it takes long
  depth = c.g.pick(1, 3)
  shape = (c.g.int(1, 40), c.g.int(1, 40), depth)
  pixels = (np.add.outer(np.arange(shape[0]) * c.g.int(0, 9), np.arange(shape[1]) * c.g.int(0, 9))[..., None] +
            c.g.np.integers(0, 60, shape)) % 256
  return gen_image_ops.encode_jpeg(image=pixels.astype(np.uint8), quality=c.g.int(20, 100), progressive=c.g.chance(.3),
                                   chroma_downsampling=c.g.chance(.7)).numpy()


def image(c):
  kind = c.g.pick('png', 'png', 'jpeg', 'bmp')
  width, height = c.g.int(1, 9), c.g.int(1, 5)
  if kind == 'jpeg':
    return jpeg(c)
  if kind == 'bmp':
    return bmp(c, width, height, c.g.pick(8, 24, 32))
  return png(c, width, height, *c.g.pick((0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 8), (4, 8), (4, 16), (6, 8), (6, 16)))


@hint('DecodeJpeg', 'DecodeAndCropJpeg', 'DecodePng', 'DecodeBmp', 'DecodeImage', 'ExtractJpegShape')
def _(c):
  c['channels'] = c.g.pick(0, 0, 1, 3, 4)
  c['ratio'] = c.g.pick(1, 1, 2, 4, 8)
  c['dct_method'] = c.g.pick(b'', b'INTEGER_FAST', b'INTEGER_ACCURATE')
  c['expand_animations'] = True
  data = jpeg(c) if c.op in ('DecodeJpeg', 'DecodeAndCropJpeg', 'ExtractJpegShape') and c.g.chance(.9) else image(c)
  if c.op == 'DecodeBmp' and c.g.chance(.8):
    data = bmp(c, c.g.int(1, 9), c.g.int(1, 5), c.g.pick(8, 24, 32))
    c['channels'] = c.g.pick(0, 3, 4)
  contents = texts((), [spoiled(c, data, .03)])
  if c.op != 'DecodeAndCropJpeg':
    return [contents]
  return [contents, c.ints('int32', [c.g.int(0, 3), c.g.int(0, 3), c.g.int(1, 5), c.g.int(1, 5)])]


@hint('CTCGreedyDecoder')
def _(c):
  time, batch, classes = c.g.int(1, 6), c.g.int(1, 3), c.g.int(1, 4)
  c['blank_index'] = c.g.pick(-1, -1, 0)
  return [c.array('T', (time, batch, classes), style='tame'), c.ints('int32', [c.g.int(0, time) for _ in range(batch)])]


@hint('FFT', 'IFFT')
def _(c):
  return [c.array('Tcomplex', c.g.shape(1, 3))]


@hint('RFFT', 'IRFFT')
def _(c):
  n = c.g.int(1, 12)
  shape = c.g.shape(0, 2) + (n + c.g.int(0, 2) if c.op == 'RFFT' else n // 2 + 1 + c.g.int(0, 2),)
  return [c.array('Treal' if c.op == 'RFFT' else 'Tcomplex', shape, style='tame'), c.ints('int32', [n])]


@hint('ScalarSummary')
def _(c):
  shape = c.g.shape(0, 2)
  return [strings(c, shape, b'a', b'loss', b'x' * 200), c.array('T', shape)]


@hint('MergeSummary')
def _(c):
  value = [field(1, field(1, key) + b'\x15\0\0\x80\x3f') for key in (b'a', b'b', b'cc')]
  return [texts((), [spoiled(c, b''.join(c.g.r.sample(value, c.g.int(0, 2))), .03)]) for _ in range(c['N'])]
