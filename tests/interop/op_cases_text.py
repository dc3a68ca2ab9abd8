"""More hints of op_cases.py: strings, and random numbers."""
import numpy as np

from op_cases import HINTS, Case, axis_of, hint
from op_values import FLOATS, Tensor


# --- strings -----------------------------------------------------------------------

def strings(c, shape, *options):
  flat = np.empty(int(np.prod(shape, dtype=np.int64)), object)
  flat[:] = [c.g.pick(*options) for _ in flat]
  return Tensor('string', flat.reshape(shape))


@hint('StringToNumber')
def _(c):
  return [strings(c, c.g.shape(), b'1', b'-2', b' 3 ', b'1e3', b'2.5', b'-0', b'nan', b'inf', b'0x10', b'1.5e-3',
                  *([b'', b'a1', b'1 2', b'99999999999', b'1e999'] if c.g.chance(.3) else []))]


@hint('DecodeBase64')
def _(c):
  return [strings(c, c.g.shape(), b'', b'YQ', b'YQ==', b'YWI', b'YWJj', b'_-8', *([b'Y', b'+/', b'YQ='] if c.g.chance(.2) else []))]


@hint('DecodeRaw')
def _(c):
  size = 16 * c.g.int(0, 2) + (1 if c.g.chance(.05) else 0)
  return [strings(c, c.g.shape(0, 2), bytes(c.g.int(0, 1) for _ in range(size)))]


@hint('AsString')
def _(c):
  t = c['T']
  c['width'] = c.g.pick(-1, -1, 0, 8)
  c['fill'] = c.g.pick(b'', b'', b'0', b' ', b'-')
  if t in FLOATS or t.startswith('complex'):
    c['precision'] = c.g.pick(-1, 0, 3)
    if c['scientific']:
      c['shortest'] = c.g.chance(.05)
  elif c.g.chance(.9):
    c['scientific'] = c['shortest'] = False
  return [c.array('T', c.g.shape())]


@hint('ReduceJoin')
def _(c):
  c['separator'] = c.g.pick(b'', b', ')
  shape = c.g.shape(0, 3)
  return [c.array('string', shape), c.ints('int32', c.g.pick([], [axis_of(c, len(shape))], list(range(len(shape)))))]


@hint('StringJoin')
def _(c):
  c['separator'] = c.g.pick(b'', b'-')
  shape = c.g.shape(0, 3)
  return [c.array('string', c.g.pick(shape, shape, ())) for _ in range(c['N'])]


@hint('Substr')
def _(c):
  c['T'] = c.g.pick('int32', 'int64')
  shape = c.g.shape(0, 2)
  texts = strings(c, shape, b'hello', b'Hello World', '\u00e9t\u00e9'.encode(), b'abc')
  other = c.g.pick((), shape)
  return [texts, c.array('T', other, -3, 3, 'tame'), c.array('T', other, 0, 4, 'tame')]


@hint('StringSplit', 'StringSplitV2')
def _(c):
  c['maxsplit'] = c.g.pick(-1, 0, 1, 2)
  return [c.array('string', (c.g.dim(),)), strings(c, (), b'', b' ', b',', b'a', b'ab')]


@hint('RegexFullMatch', 'RegexReplace', 'StaticRegexFullMatch', 'StaticRegexReplace')
def _(c):
  pattern = c.g.pick(b'a', b'[a-z]+', b'(.)b', b'', b'a*', *([b'(', b'[']  if c.g.chance(.05) else [b'\\d+']))
  rewrite = c.g.pick(b'', b'x', b'<\\0>')
  c['pattern'], c['rewrite'] = pattern, rewrite
  out = [c.array('string', c.g.shape())]
  if c.op.startswith('Regex'):
    out.append(Tensor('string', pattern))
    if c.op == 'RegexReplace':
      out.append(Tensor('string', rewrite))
  return out


@hint('StringToHashBucket', 'StringToHashBucketFast', 'StringToHashBucketStrong')
def _(c):
  c['num_buckets'] = c.g.pick(1, 7, 1000, 1 << 40)
  c['key'] = [c.g.int(0, 1 << 40), 5]
  return [c.array('string', c.g.shape())]


@hint('StringLower', 'StringUpper')
def _(c):
  c['encoding'] = c.g.pick(b'', b'', b'utf-8')
  return [c.array('string', c.g.shape())]


@hint('StringLength')
def _(c):
  return [c.array('string', c.g.shape())]


@hint('ShardedFilename', 'ShardedFilespec')
def _(c):
  n = [c.ints('int32', c.g.int(0, 200)) for _ in range(c.op.count('name') + 1)]
  return [c.array('string', ())] + n[:2 if c.op == 'ShardedFilename' else 1]


# --- random numbers: with seeds they are the same everywhere --------------------------

def seeds(c):
  c['seed'], c['seed2'] = c.g.int(1, 99), c.g.int(1, 99)


@hint('RandomUniform', 'RandomStandardNormal', 'TruncatedNormal', 'RandomUniformInt')
def _(c):
  seeds(c)
  out = [c.ints('T', c.g.shape())]
  if c.op == 'RandomUniformInt':
    low = c.g.int(-9, 9)
    out += [c.ints('Tout', low), c.ints('Tout', low + c.g.int(0 if c.g.chance(.05) else 1, 9))]
  return out


@hint('Multinomial')
def _(c):
  seeds(c)
  return [c.array('T', (c.g.dim(), c.g.dim(1, 4)), style='tame'), c.ints('int32', c.g.int(0, 5))]


@hint('RandomShuffle')
def _(c):
  seeds(c)
  return [c.array('T', c.g.shape())]


@hint('Complex')
def _(c):
  c['Tout'] = 'complex64' if c['T'] == 'float' else 'complex128'
  return c.default_inputs()


@hint('Real', 'Imag', 'ComplexAbs', 'Angle')
def _(c):
  c['Tout'] = 'float' if c['T'] == 'complex64' else 'double'
  return [c.array('T', c.g.shape())]


HINTS['Identity'] = Case.default_inputs
