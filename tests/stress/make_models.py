#!/usr/bin/env python3
"""Makes the small models of tests/stress with real TensorFlow.

    make_models.py OUT_FOLDER

Needs tensorflow (tests/interop/requirements.txt names the version).

slow        turns: int32 -> y: so many matmuls of 192 x 192 in a while loop,
            so that a run takes as long as its caller wants
bytes       x: float[n] -> y: their sum, a large feed with a small answer;
            n -> z: float[n], a small feed with a large answer
big         a variable of 64 MB without a checkpoint: the scripts initialise
            and save it
slow_start  a local variable whose initializer, which a load runs, takes a
            minute
train       x: float[4] -> y, and a step (train) of some milliseconds that
            writes the weights
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow.compat.v1 as tf  # noqa: E402

tf.disable_v2_behavior()
tf.disable_resource_variables()

SIZE = 192


def loop(turns):
    """The sum of what `turns` matmuls make, which depends on all of them."""
    start = tf.fill([SIZE, SIZE], 1.0)
    weights = tf.fill([SIZE, SIZE], 1.0 / SIZE)
    _, end = tf.while_loop(
        lambda i, x: i < turns,
        lambda i, x: (i + 1, tf.matmul(x, weights)),
        [tf.constant(0), start], parallel_iterations=1)
    return tf.reduce_sum(end)


def slow():
    turns = tf.placeholder(tf.int32, [], "turns")
    tf.identity(loop(turns), "y")


def bytes_in():
    x = tf.placeholder(tf.float32, [None], "x")
    tf.reduce_sum(x, name="y")
    n = tf.placeholder(tf.int32, [], "n")
    tf.fill(tf.reshape(n, [1]), 1.0, name="z")


def big():
    tf.get_variable("w", [16, 1 << 20], initializer=tf.ones_initializer())
    x = tf.placeholder(tf.float32, [4], "x")
    small = tf.get_variable("b", [4], initializer=tf.ones_initializer())
    tf.add(x, small, name="y")
    tf.train.get_or_create_global_step()
    tf.train.Saver()


def slow_start():
    value = loop(tf.constant(400000))
    tf.get_variable("w", [], initializer=tf.zeros_initializer())
    tf.Variable(value, name="local", collections=["local_variables"])
    tf.train.Saver(tf.global_variables())


def train():
    x = tf.placeholder(tf.float32, [4], "x")
    w = tf.get_variable("w", [4], initializer=tf.ones_initializer())
    tf.multiply(x, w, name="y")
    change = loop(tf.constant(40)) / float(SIZE * SIZE)
    tf.assign_add(w, tf.fill([4], change), name="train")
    tf.train.Saver()


def make(folder, build):
    os.makedirs(folder, exist_ok=True)
    with tf.Graph().as_default():
        build()
        tf.train.export_meta_graph(os.path.join(folder, "model.meta"),
                                   clear_devices=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name, build in (("slow", slow), ("bytes", bytes_in), ("big", big),
                        ("slow_start", slow_start), ("train", train)):
        make(os.path.join(sys.argv[1], name), build)
