#!/usr/bin/env python3
"""tf.saved_model.load reads what the daemon saved of a SavedModel.

Run by run.sh beside it: saved_model_is_loaded.py METAGRAPHD METAGRAPHCTL. A
module is saved by tf.saved_model.save, served, changed and saved as the
variables of another SavedModel; TensorFlow loads that, reads the checkpoint
into a module of its own, and TensorFlow 1's Saver restores it by the .meta.
"""

import os
import shutil
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from daemon import Daemon  # noqa: E402


class Module(tf.Module):
    """Variables of one name, of which only their place tells which is which."""

    def __init__(self, w, first, second):
        super().__init__()
        self.w = tf.Variable(w, name="w")
        self.layers = [tf.Variable(first, name="b"),
                       tf.Variable(second, name="b")]

    @tf.function(input_signature=[tf.TensorSpec([2], name="x")])
    def serve(self, x):
        return {"y": self.w * x + self.layers[0] - self.layers[1]}

    def values(self):
        return [v.numpy().tolist() for v in [self.w, *self.layers]]


def main(daemon, ctl):
    work = tempfile.mkdtemp()
    first = os.path.join(work, "first")
    second = os.path.join(work, "second")
    module = Module([1.0, 2], 10.0, 20.0)
    tf.saved_model.save(module, first, signatures=module.serve)
    os.makedirs(os.path.join(second, "variables"))
    shutil.copy(os.path.join(first, "saved_model.pb"), second)
    prefix = os.path.join(second, "variables", "variables")
    with Daemon(daemon, ctl, first, os.path.join(work, "port")) as served:
        served.ctl("assign", "m", "w=[3,4]")
        served.ctl("save", "m", prefix, "--no-global-step")
    want = [[3, 4], 10, 20]

    loaded = tf.saved_model.load(second)
    assert Module.values(loaded) == want, Module.values(loaded)
    answer = loaded.signatures["serving_default"](tf.ones([2]))["y"]
    np.testing.assert_array_equal(answer.numpy(), [-7, -6])

    other = Module([0.0, 0], 0.0, 0.0)
    tf.train.Checkpoint(w=other.w, layers=other.layers).read(
        prefix).assert_existing_objects_matched()
    assert other.values() == want, other.values()

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.train.import_meta_graph(prefix + ".meta").restore(
            session, prefix)
        np.testing.assert_array_equal(
            session.run("w/Read/ReadVariableOp:0"), [3, 4])
    print("SavedModel: saved here, loaded by TensorFlow")


main(*sys.argv[1:])
