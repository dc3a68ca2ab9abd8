"""Reads /metrics by Prometheus' own library: metrics.py METAGRAPHD METAGRAPHCTL
MODEL_FOLDER.

Called by metrics_test.sh. The daemon has served, failed and refused calls
before, restored and saved, of a model whose name asks for escapes.
"""

import collections
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

DAEMON, CLIENT, MODEL = sys.argv[1:]
NAME = 'say "hi" \\n \N{GREEK SMALL LETTER LAMDA}'
RUN = ['--feed', 'W3:0=[1,2,3,4]', '--fetch', 'add1:0']
failures = []


def expect(holds, what):
  if not holds:
    failures.append(what)
    print('FAILED:', what)


def page_of(work):
  """Starts a daemon, has it work, and returns its page."""
  shutil.copytree(MODEL, work / 'model')
  port_file = work / 'port'
  with open(work / 'log', 'wb') as log:
    daemon = subprocess.Popen(
        [DAEMON, '--model', f'{NAME}={work}/model', '--listen', '127.0.0.1:0',
         '--metrics_listen', '127.0.0.1:0', '--port_file', port_file],
        stderr=log)
  try:
    while not port_file.exists():
      if daemon.poll() is not None:
        sys.exit((work / 'log').read_text())
      time.sleep(0.02)
    address, metrics = port_file.read_text().split()

    def call(*words, works=True):
      done = subprocess.run([CLIENT, '--server', address, *words],
                            capture_output=True, text=True, timeout=60)
      expect((done.returncode == 0) == works,
             f'{words}: exit code {done.returncode}: {done.stderr}')

    for _ in range(3):
      call('run', NAME, *RUN)
    call('run', NAME, '--fetch', 'nothing:0', works=False)
    call('run', 'made up', '--fetch', 'nothing:0', works=False)
    call('save', NAME)
    call('restore', NAME)
    with urllib.request.urlopen(metrics + '/metrics', timeout=60) as answer:
      return answer.read().decode()
  finally:
    daemon.terminate()
    daemon.wait()


def check_histogram(family):
  """Buckets grow, and the last one has all."""
  buckets = collections.defaultdict(list)
  counts = {}
  for sample in family.samples:
    labels = dict(sample.labels)
    bound = labels.pop('le', None)
    key = tuple(sorted(labels.items()))
    if sample.name.endswith('_bucket'):
      buckets[key].append((float(bound), sample.value))
    elif sample.name.endswith('_count'):
      counts[key] = sample.value
  expect(set(buckets) == set(counts), f'{family.name}: series without count')
  for key, series in buckets.items():
    values = [value for _, value in sorted(series)]
    expect(values == sorted(values), f'{family.name}: buckets shrink: {key}')
    expect(max(series)[0] == float('inf') and values[-1] == counts.get(key),
           f'{family.name}: the last bucket has not all: {key}')


def main():
  with tempfile.TemporaryDirectory() as work:
    families = list(text_string_to_metric_families(page_of(pathlib.Path(work))))
  names = [family.name for family in families]
  expect(len(names) == len(set(names)), 'a family stands twice')
  values = {}
  for family in families:
    expect(family.documentation, f'{family.name}: no help')
    expect(family.type in ('counter', 'gauge', 'histogram'),
           f'{family.name}: type {family.type}')
    expect(family.samples, f'{family.name}: no samples')
    if family.type == 'histogram':
      check_histogram(family)
    for sample in family.samples:
      key = (sample.name, tuple(sorted(sample.labels.items())))
      expect(key not in values, f'{key} stands twice')
      values[key] = sample.value

  def value(name, **labels):
    return values.get((name, tuple(sorted(labels.items()))))

  run = {'method': 'metagraph.v1.Inference/Run'}
  ours = {'model': NAME, 'version': '0'}
  nobody = {'model': '', 'version': ''}
  for expected, name, labels in (
      (3, 'metagraphd_call_seconds_count', {'code': 'OK', **run, **ours}),
      (3, 'metagraphd_call_seconds_bucket',
       {'code': 'OK', 'le': '+Inf', **run, **ours}),
      (1, 'metagraphd_call_seconds_count',
       {'code': 'NOT_FOUND', **run, **nobody}),
      (1, 'metagraphd_save_seconds_count', {'code': 'OK', **ours}),
      (2, 'metagraphd_model_generation', ours),
      (1, 'metagraphd_model_state', {'state': 'available', **ours}),
      (0, 'metagraphd_access_lines_dropped_total', {}),
      (0, 'metagraphd_internal_errors_total', {}),
      (1, 'metagraphd_ready', {}),
  ):
    found = value(name, **labels)
    expect(found == expected, f'{name} {labels}: {found}, not {expected}')
  print(f'{len(families)} families, {len(values)} samples, '
        f'{len(failures)} failures')
  sys.exit(bool(failures))


if __name__ == '__main__':
  main()
