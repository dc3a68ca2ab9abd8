"""ParseExample of 1000 examples with 20 features and DecodeJpeg of a megapixel, here and in TensorFlow.

    parse_speed.py PARSE_BENCH

Prints the median time of both, measured in turns, and their ratio.
"""
import os
import re
import struct
import subprocess
import sys
import tempfile
import time

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np
import tensorflow as tf

EXAMPLES = 1000
FEATURES = 20


def feature(i, e):
  if i % 4 == 0:
    return tf.train.Feature(float_list=tf.train.FloatList(value=[e + k for k in range(8)]))
  if i % 4 == 1:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[e * k for k in range(4)]))
  if i % 4 == 2:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=range(e % 7)))
  return tf.train.Feature(bytes_list=tf.train.BytesList(value=[b'word number %d' % e]))


def spec(i):
  return [tf.io.FixedLenFeature([8], tf.float32), tf.io.FixedLenFeature([4], tf.int64), tf.io.VarLenFeature(tf.int64),
          tf.io.FixedLenFeature([], tf.string)][i % 4]


def median(call):
  call()
  times = []
  for _ in range(301):
    start = time.perf_counter()
    call()
    times.append(time.perf_counter() - start)
  return sorted(times)[150] * 1e6


def compare(what, records, features, theirs):
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'records')
    with open(path, 'wb') as file:
      for record in records:
        file.write(struct.pack('<I', len(record)) + record)
    for _ in range(3):
      text = subprocess.run([sys.argv[1], path, str(features)], capture_output=True, text=True, check=True).stdout
      a, b = float(re.search(r'([\d.]+) us', text)[1]), median(theirs)
      print(f'{what}: here {a:.0f} us, TensorFlow {b:.0f} us: {a / b:.2f}x', flush=True)


def main():
  examples = []
  for e in range(EXAMPLES):
    features = {f'f{i}': feature(i, e) for i in range(FEATURES)}
    examples.append(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
  serialized = tf.constant(examples)
  specs = {f'f{i}': spec(i) for i in range(FEATURES)}
  parse = tf.function(lambda x: tf.io.parse_example(x, specs)['f0'])
  compare(f'{EXAMPLES} examples x {FEATURES} features', examples, FEATURES, lambda: parse(serialized))

  noise = np.random.default_rng(1).integers(0, 256, (125, 125, 3), np.uint8)
  pixels = tf.cast(tf.image.resize(noise, (1000, 1000)), tf.uint8)
  image = tf.io.encode_jpeg(pixels, quality=90)
  compare('JPEG of 1000 x 1000 pixels', [image.numpy()], 0, lambda: tf.io.decode_jpeg(image))


if __name__ == '__main__':
  main()
