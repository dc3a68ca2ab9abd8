#!/usr/bin/env python3
"""Writes the example model with real TensorFlow: make_model.py FOLDER.

The program that every tutorial teaches: W1 + W2 + a placeholder W3, its
tensors in collections, saved twice so that there is a newer checkpoint to
restore. The files in model/ beside this script were written by it.
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow.compat.v1 as tf  # noqa: E402

tf.disable_v2_behavior()
tf.disable_resource_variables()


def main(folder):
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    w1 = tf.Variable([1.0, 3, 10, 15], name="W1")
    w2 = tf.Variable([3.0, 4, 2, 18], name="W2")
    w3 = tf.placeholder(tf.float32, [4], name="W3")
    tf.Variable([100.0, 100, 100, 100])
    add1 = tf.add(tf.add(w1, w2, name="add"), w3, name="add1")
    tf.add_to_collection("w1", "W1:0")
    tf.add_to_collection("w3", w3)
    tf.add_to_collection("add1", add1)
    step = tf.train.get_or_create_global_step()
    saver = tf.train.Saver()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        # A newer and an older set of values; the state file names the newer.
        session.run([w2.assign([30.0, 40, 20, 180]), step.assign(10)])
        saver.save(session, "./model", global_step=10)
        session.run([w2.assign([3.0, 4, 2, 18]), step.assign(20)])
        saver.save(session, "./model", global_step=20, write_meta_graph=False)
    os.rename("model-10.meta", "model.meta")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
