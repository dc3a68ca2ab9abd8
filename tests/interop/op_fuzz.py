"""Compares single nodes, at random, with real TensorFlow.

  op_fuzz.py OP_RUNNER [--seed N] [--count N] [--first N] [--seconds N] [--ops A,B] [--show] [--meant]
             [--progress]

Makes nodes of all registered ops but those that call functions, with inputs of all kinds, and runs each here
(op_runner.cc) and in TensorFlow (op_oracle.py). Compares dtype, shape, values
and codes of errors; prints, for each kind of difference, how often it came and
the first case. op_fuzz_explained.tsv lists differences that are meant. A case is
told by seed and number: --seed 1 --first 17 --count 1 --show runs it again.
Exit code 1 if there is a difference that nobody explained, or a crash.
"""
import argparse
import collections
import fcntl
import fnmatch
import os
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np
from tensorflow.python.framework import op_def_registry

# The others add their cases to those of op_graphs.
import op_cases_index
import op_cases_nn
import op_cases_sparse
import op_cases_text
import op_graphs
import op_graphs_more
import op_values
from op_values import COMPLEX, FLOATS

HERE = os.path.dirname(os.path.abspath(__file__))
CODES = {0: 'OK', 1: 'CANCELLED', 2: 'UNKNOWN', 3: 'INVALID_ARGUMENT', 4: 'DEADLINE_EXCEEDED', 5: 'NOT_FOUND',
         6: 'ALREADY_EXISTS', 7: 'PERMISSION_DENIED', 8: 'RESOURCE_EXHAUSTED', 9: 'FAILED_PRECONDITION',
         10: 'ABORTED', 11: 'OUT_OF_RANGE', 12: 'UNIMPLEMENTED', 13: 'INTERNAL', 14: 'UNAVAILABLE', 15: 'DATA_LOSS'}
UNIMPLEMENTED = 12
# Cases that are sent at once, and the pipes that hold them.
BATCH = 50
PIPE_BYTES = 1 << 20
LOST = 99  # see op_oracle.py

# Relative tolerance of functions that are approximations, or sums in any order.
TOLERANCE = {'float': 1e-5, 'complex64': 1e-5, 'double': 1e-11, 'complex128': 1e-11, 'half': 2e-3, 'bfloat16': 1.6e-2}
# As far as the largest value of the answer goes: what is summed may cancel.
SUMS = {'Sum', 'Mean', 'Prod', 'EuclideanNorm', 'Cumsum', 'Cumprod', 'MatMul', 'SparseMatMul', 'BatchMatMul',
        'BatchMatMulV2', 'MatrixInverse', 'MatrixDeterminant', 'Cholesky', 'MatrixSolve', 'MatrixTriangularSolve',
        'BiasAddGrad', 'L2Loss', 'LRN', 'LRNGrad', 'SparseTensorDenseMatMul', 'AddN', 'AccumulateNV2',
        'LSTMBlockCell', 'BlockLSTM', 'CropAndResize', 'AdjustContrastv2', 'LinSpace', 'HSVToRGB', 'RGBToHSV',
        'SoftmaxCrossEntropyWithLogits', 'SparseSoftmaxCrossEntropyWithLogits', 'LogSoftmax', 'Bincount', 'FFT', 'IFFT', 'RFFT', 'IRFFT', 'Elu', 'Selu', 'Expm1'}
SUM_PREFIXES = ('Conv', 'Depthwise', 'AvgPool', 'FusedBatchNorm', 'BatchNorm', 'Resize', 'Segment', 'UnsortedSegment',
                'ResourceApply', 'Apply', 'ScatterNd', 'TensorScatter')
# They have roots, near which only the absolute error is small.
ROOTED = {'Digamma', 'Lgamma'}
# Rounded as IEEE 754 says, step by step: the same bits, the sign of zero too.
EXACT = {'Abs', 'Add', 'AddV2', 'Sub', 'Mul', 'RealDiv', 'Neg', 'Maximum', 'Minimum', 'Sqrt', 'Square', 'Floor', 'Ceil',
         'Rint', 'Round', 'SquaredDifference', 'DivNoNan', 'MulNoNan', 'Relu', 'Relu6', 'LeakyRelu', 'Sign', 'Cast',
         'ReluGrad', 'Relu6Grad', 'LeakyReluGrad', 'Select', 'SelectV2', 'ClipByValue', 'Conj', 'Real', 'Imag',
         'Complex', 'BiasAdd', 'BiasAddV1'}
# What TensorFlow says where it has none.
NO_KERNEL = re.compile(r'(?i)no registered|could not find.*kernel|no OpKernel was registered|Could not find device')


def undefined(case, output):
  """Whether TensorFlow leaves this output as memory came, or for itself."""
  if case.op in ('Empty', 'FakeParam'):
    return True
  if ('Grad' in case.op or 'Backprop' in case.op) and any(t.array.size == 0 for t in case.inputs):
    return True
  return case.op.startswith('FusedBatchNorm') and 'Grad' not in case.op and (
      output == 5 or output > 2 and not case['is_training'])



class Process:
  """A worker that answers requests; started again when it dies."""

  def __init__(self, command):
    self.command = command
    self.process = None
    self.deaths = 0
    self.folder = tempfile.mkdtemp(prefix='op_fuzz')  # for ops that write

  def ask(self, frames, timeout=120):
    """For each (bytes, number of runs) its responses, None where the process
    died over it or, after `timeout` seconds, was ended."""
    out = []
    while len(out) < len(frames):
      self.ask_until_death(frames[len(out):], out, timeout)
    return out

  def ask_until_death(self, frames, out, timeout):
    if self.process is None:
      self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, cwd=self.folder)
      for pipe in (self.process.stdin, self.process.stdout):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    process = self.process
    alarm = threading.Timer(timeout, process.kill)
    alarm.start()
    try:
      # All questions, then all answers: the pipes have room for them.
      process.stdin.write(b''.join(frame for frame, _ in frames))
      process.stdin.flush()
    except BrokenPipeError:
      pass  # what it answered before can be read yet
    try:
      for _, runs in frames:
        answers = []
        for _ in range(runs):
          size = process.stdout.read(4)
          if len(size) < 4:
            raise EOFError
          answers.append(op_values.RunStepResponse.FromString(process.stdout.read(struct.unpack('<I', size)[0])))
        out.append(answers)
    except EOFError:
      process.kill()
      process.wait()
      self.process = None
      self.deaths += 1
      out.append(None)
    finally:
      alarm.cancel()


def encode(case):
  graph, runs = case.messages()
  parts = [graph.SerializeToString()] + [r.SerializeToString() for r in runs]
  return struct.pack('<I', len(parts)) + b''.join(struct.pack('<I', len(p)) + p for p in parts), len(runs)


def parts_of(array):
  if array.dtype.kind == 'c':
    return np.stack([array.real, array.imag])
  return array


def differ(op, got, want):
  """What differs between two Tensors, and where: ("", None) if nothing does."""
  if want is None or got is None:
    return ('' if want is got else 'kind'), None
  if got.dtype != want.dtype:
    return 'dtype', None
  if got.array.shape != want.array.shape:
    return 'shape', None
  if got.array.size == 0 or got.dtype != 'string' and got.array.tobytes() == want.array.tobytes():
    return '', None
  if got.dtype not in FLOATS + COMPLEX:
    wrong = got.array != want.array
    return ('value' if wrong.any() else ''), wrong
  g, w = parts_of(got.array), parts_of(want.array)
  smallest = {'double': 2.3e-308, 'complex128': 2.3e-308, 'half': 0}.get(got.dtype, 1.2e-38)
  g, w = g.astype(np.float64), w.astype(np.float64)
  wrong = np.isnan(g) != np.isnan(w)
  if wrong.any():
    return 'nan', wrong
  with np.errstate(all='ignore'):
    finite = np.isfinite(g) & np.isfinite(w)
    wrong = ~finite & ~np.isnan(g) & (g != w)
    if wrong.any():
      return 'inf', wrong
    if not finite.any():
      return '', None
    if op in EXACT and got.dtype not in COMPLEX:
      tiny = np.maximum(np.abs(g), np.abs(w)) <= smallest
      wrong = finite & (g != w) & ~tiny
      if wrong.any():
        return 'bits', wrong
      wrong = finite & (np.signbit(g) != np.signbit(w)) & (g == 0) & (w == 0)
      return ('zero sign' if wrong.any() else ''), wrong
    scale = np.abs(w)
    if op in SUMS or op.startswith(SUM_PREFIXES) or got.dtype in COMPLEX:
      scale = max(1.0, float(scale[finite].max())) * 4
    if op in ROOTED:
      scale = np.maximum(scale, 1)
    wrong = finite & (np.abs(g - w) > TOLERANCE[got.dtype] * scale + 2 * smallest)
  return ('value' if wrong.any() else ''), wrong


def examples(case, got, want, wrong):
  """The first elements that differ, with the inputs' if these have the shape."""
  if wrong is None or want is None or got is None:
    return f'ours {got!r}\n      TensorFlow {want!r}'
  if wrong.ndim > got.array.ndim:
    wrong = wrong.any(axis=0)
  lines = []
  for at in list(zip(*np.nonzero(wrong)))[:3] if wrong.ndim else [()]:
    place = tuple(int(i) for i in at)
    inputs = [str(t.array[place]) for t in case.inputs if t.array.shape == got.array.shape]
    lines.append(f'{list(place)}: ours {got.array[place]}, TensorFlow {want.array[place]}'
                 + (f' of {", ".join(inputs)}' if inputs else ''))
  return f'{int(wrong.sum())} of {got.array.size}: ' + '; '.join(lines)


def text(response):
  return response.status_error_message.decode(errors='replace')


def compare(case, ours, theirs):
  """("same"|"both fail"|…, details). Anything else than these two differs."""
  for run, (a, b) in enumerate(zip(ours, theirs)):
    if b.status_code and NO_KERNEL.search(text(b)):
      return 'TensorFlow has no kernel', ''
    if a.status_code == UNIMPLEMENTED and 'have no kernel' in text(a):
      return 'no kernel', f'ours: {text(a)}\n      TensorFlow: {text(b) or "answers"}'
    if a.status_code and b.status_code:
      if b.status_code in (a.status_code, LOST):
        return 'both fail', ''
      return (f'code {CODES[a.status_code]} for {CODES[b.status_code]}',
              f'ours: {text(a)}\n      TensorFlow: {text(b)}')
    if a.status_code:
      return 'refused', f'ours: {text(a)}\n      TensorFlow: ' + ' '.join(
          repr(op_values.from_proto(t.tensor)) for t in b.tensor)
    if b.status_code:
      return 'accepted', f'TensorFlow: {text(b)}\n      ours: ' + ' '.join(
          repr(op_values.from_proto(t.tensor)) for t in a.tensor)
    for i, (x, y) in enumerate(zip(a.tensor, b.tensor)):
      x, y = op_values.from_proto(x.tensor), op_values.from_proto(y.tensor)
      what, wrong = ('', None) if undefined(case, i) else differ(case.op, x, y)
      if what:
        kind = f'{what} {y.dtype}' if y else what
        return kind, f'run {run}, output {i}: ' + examples(case, x, y, wrong)
  return 'same', ''


class Reasons:
  """What op_fuzz_explained.tsv says of differences that are meant."""

  def __init__(self):
    self.lines = []
    with open(os.path.join(HERE, 'op_fuzz_explained.tsv')) as lines:
      for line in lines:
        if line.strip() and not line.startswith('#'):
          ops, kinds, case, why = line.rstrip('\n').split('\t')
          self.lines.append((ops.split(','), kinds.split(','), re.compile(case, re.DOTALL), why))

  def find(self, op, kind, case):
    for ops, kinds, pattern, why in self.lines:
      if (any(fnmatch.fnmatchcase(op, o) for o in ops) and any(fnmatch.fnmatchcase(kind, k) for k in kinds)
          and pattern.search(case)):
        return why
    return None


class Report:
  def __init__(self, progress):
    self.progress = progress
    self.reasons = Reasons()
    self.counts = collections.Counter()
    self.outcomes = collections.Counter()
    self.compared = collections.Counter()
    self.deaths = collections.Counter()
    self.differences = []  # op, kind, number, text

  def add(self, case, number, outcome, details):
    self.counts[case.op] += 1
    self.outcomes[outcome] += 1
    if outcome == 'same':
      self.compared[case.op] += 1
    if outcome == 'TensorFlow died':
      self.deaths[case.op] += 1
    if outcome in ('same', 'both fail', 'TensorFlow died', 'TensorFlow has no kernel'):
      return
    text = case.describe() + '\n      ' + details
    self.differences.append((case.op, outcome, number, text))
    if self.progress and not self.reasons.find(case.op, outcome, text):
      print(f'{case.op}: {outcome}, case {number}\n   {text}', file=sys.stderr, flush=True)

  def print(self, ops, seconds, meant):
    kinds = {}
    for op, kind, number, text in self.differences:
      entry = kinds.setdefault((op, kind, self.reasons.find(op, kind, text) or ''), [0, number, text])
      entry[0] += 1
    for (op, kind, reason), (count, number, text) in sorted(kinds.items()):
      if not reason or meant:
        print(f'\n{op}: {kind}, {count} times, first case {number}\n   {text}' + (f'\n   meant: {reason}' if reason else ''))
    total = sum(self.counts.values())
    print(f'\n{total} nodes of {len(self.counts)} ops in {seconds:.0f} s; {dict(self.outcomes)}')
    open_kinds = sum(not key[2] for key in kinds)
    print(f'{sum(e[0] for k, e in kinds.items() if k[2])} differences are explained, {open_kinds} kinds are not')
    if self.deaths:
      print('TensorFlow died of:', ' '.join(f'{op} ({count})' for op, count in self.deaths.most_common()))
    never = [op for op in ops if not self.compared[op]]
    if never:
      print('never with a value to compare:', ' '.join(never))
    return open_kinds


def calls_functions(op):
  """Single nodes have no functions to call; the graph fuzzer makes them."""
  return any('func' in attr.type for attr in op_def_registry.get(op).attr)


def main():
  arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  arguments.add_argument('runner', type=os.path.abspath)
  arguments.add_argument('--seed', type=int, default=1)
  arguments.add_argument('--first', type=int, default=0)
  arguments.add_argument('--count', type=int, default=20000)
  arguments.add_argument('--seconds', type=float, default=1e9)
  arguments.add_argument('--ops', default='*', help='names or patterns, with commas')
  arguments.add_argument('--show', action='store_true', help='print each case')
  arguments.add_argument('--progress', action='store_true', help='say on standard error how far it is, and what was found')
  arguments.add_argument('--meant', action='store_true', help='print the differences that are explained, too')
  options = arguments.parse_args()

  kernels = {}
  for line in subprocess.run([options.runner, '--ops'], capture_output=True, text=True, check=True).stdout.splitlines():
    name, *entries = line.split('\t')
    kernels[name] = [dict(t.split('=') for t in e.split(',') if t) for e in entries]
  ops = [op for op in kernels if any(fnmatch.fnmatchcase(op, p) for p in options.ops.split(','))]
  ops = [op for op in ops if op_def_registry.get(op) is not None and not calls_functions(op)]
  ours = Process([options.runner])
  theirs = Process([sys.executable, os.path.join(HERE, 'op_oracle.py')])
  report = Report(options.progress)
  start = time.time()
  for first in range(options.first, options.first + options.count, BATCH):
    if time.time() - start > options.seconds:
      break
    if options.progress and (first - options.first) % 1000 == 0:
      print(f'{first} after {time.time() - start:.0f} s: {dict(report.outcomes)}, died {dict(report.deaths)}', file=sys.stderr,
            flush=True)
    numbers = range(first, min(first + BATCH, options.first + options.count))
    cases = [op_graphs.make_case(ops[n % len(ops)], kernels, options.seed, n) for n in numbers]
    frames = [encode(case) for case in cases]
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(ours.ask(frames)))
    thread.start()
    wanted = theirs.ask(frames)
    thread.join()
    for number, case, got, want in zip(numbers, cases, answers, wanted):
      if got is None:
        outcome = 'CRASH', ''
      elif want is None:
        outcome = 'TensorFlow died', ''
      else:
        outcome = compare(case, got, want)
      if options.show:
        print(f'{number} {case.describe()}\n   -> {outcome[0]}\n      {outcome[1]}')
      report.add(case, number, *outcome)
  return 1 if report.print(ops, time.time() - start, options.meant) else 0


if __name__ == '__main__':
  sys.exit(main())
