#!/usr/bin/env python3
"""Fine-tuning a served model, from TensorFlow to TensorFlow.

Run by run.sh beside it: fine_tune.py METAGRAPHD METAGRAPHCTL MODEL_FOLDER.
A trainer imports the served meta graph, adds a variable, a loss and an
optimizer in Python, and sends the graph to the daemon; initialises what is
new, trains there, saves; another daemon resumes; TensorFlow reads the result
and goes on from the same numbers.
"""

import json
import os
import shutil
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402

from daemon import Daemon  # noqa: E402

tf.disable_v2_behavior()

RATE = 0.125
FEED = [1, 2, 3, 4]
TARGET = [10, 20, 30, 80]


def extend_in_python(meta, out):
    """out = add1 * W5, trained to TARGET; writes the whole extended graph."""
    with tf.Graph().as_default() as graph:
        tf.train.import_meta_graph(meta)
        add1 = graph.get_tensor_by_name("add1:0")
        w5 = tf.get_variable("W5", initializer=[1.0, 1, 1, 1])
        product = tf.multiply(add1, w5, name="out")
        target = tf.constant(TARGET, tf.float32)
        loss = tf.reduce_mean(tf.square(product - target) / target ** 2,
                              name="loss")
        train = tf.train.MomentumOptimizer(RATE, 0.5).minimize(
            loss, var_list=[w5], name="train")
        tf.add_to_collection("train_op", train)
        tf.train.export_meta_graph(out)


def main(daemon, ctl, model):
    work = tempfile.mkdtemp()
    folder = shutil.copytree(model, os.path.join(work, "model"))
    port = os.path.join(work, "port")
    bigger = os.path.join(work, "bigger.meta")
    extend_in_python(os.path.join(folder, "model.meta"), bigger)

    def loss_of(served):
        out = served.ctl("--output", "json", "run", "m", "--feed",
                         "W3:0=" + json.dumps(FEED), "--fetch", "loss:0")
        return json.loads(out)["tensors"][0]["value"]

    step = ["run", "m", "--feed", "W3:0=" + json.dumps(FEED), "--target",
            "train"]
    with Daemon(daemon, ctl, folder, port) as served:
        served.ctl("extend", "m", bigger)
        named = served.ctl("init", "m")
        assert "W5\n" in named and "W5/Momentum\n" in named, named
        assert "W1" not in named, "an old variable was initialised"
        losses = [loss_of(served)]
        for _ in range(3):
            served.ctl(*step)
            losses.append(loss_of(served))
        assert losses == sorted(losses, reverse=True), losses
        served.ctl("save", "m", "tuned", "--global-step", "3")

    with Daemon(daemon, ctl, folder, port) as served:
        assert loss_of(served) == losses[-1], "not resumed where it stopped"
        served.ctl(*step)
        after_four = loss_of(served)
        served.ctl("assign", "m", "W5=[1,1,1,1]")
        assert loss_of(served) == losses[0]

    with tf.Graph().as_default() as graph, tf.Session() as session:
        saver = tf.train.import_meta_graph(
            os.path.join(folder, "tuned-3.meta"))
        saver.restore(session, tf.train.latest_checkpoint(folder))
        feed = {"W3:0": FEED}
        np.testing.assert_allclose(session.run("loss:0", feed), losses[-1],
                                   rtol=1e-6)
        session.run(tf.get_collection("train_op"), feed)
        np.testing.assert_allclose(session.run("loss:0", feed), after_four,
                                   rtol=1e-5)
        names = {v.op.name for v in tf.global_variables()}
        assert {"W1", "W2", "W5", "W5/Momentum"} <= names, names
    shutil.rmtree(work)
    print("TensorFlow %s goes on from what was trained here: loss %s"
          % (tf.__version__, " ".join("%.6g" % x for x in losses)))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
