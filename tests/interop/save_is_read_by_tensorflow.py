#!/usr/bin/env python3
"""A checkpoint saved by the daemon, read by real TensorFlow.

Run by run.sh beside it: save_is_read_by_tensorflow.py METAGRAPHD METAGRAPHCTL
MODEL_FOLDER. Serves a copy of the folder, changes a variable by restoring the
older checkpoint, saves, and lets TensorFlow import the meta graph and restore.
"""

import os
import shutil
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402

from daemon import Daemon  # noqa: E402

tf.disable_v2_behavior()


def values_of(prefix):
    reader = tf.train.load_checkpoint(prefix)
    return {name: reader.get_tensor(name)
            for name in reader.get_variable_to_shape_map()}


def collections_of(meta):
    graph = tf.MetaGraphDef()
    with open(meta, "rb") as f:
        graph.ParseFromString(f.read())
    return {key: value.SerializeToString(deterministic=True)
            for key, value in graph.collection_def.items()}


def main(daemon, ctl, model):
    work = tempfile.mkdtemp()
    folder = shutil.copytree(model, os.path.join(work, "model"))
    with Daemon(daemon, ctl, folder, os.path.join(work, "port")) as served:
        served.ctl("restore", "m", "model-10")
        served.ctl("save", "m", "saved", "--global-step", "77")
        served.ctl("save", "m", os.path.join(folder, "sharded"), "--shards",
                   "3", "--no-global-step")

    old = values_of(os.path.join(folder, "model-10"))
    for prefix in ("saved-77", "sharded"):
        new = values_of(os.path.join(folder, prefix))
        assert old.keys() == new.keys(), (old.keys(), new.keys())
        for name, value in old.items():
            np.testing.assert_array_equal(new[name], value, err_msg=name)
    meta = os.path.join(folder, "saved-77.meta")
    assert collections_of(meta) == collections_of(
        os.path.join(folder, "model.meta")), "collections differ"

    with tf.Graph().as_default(), tf.Session() as session:
        saver = tf.train.import_meta_graph(meta)
        saver.restore(session, tf.train.latest_checkpoint(folder))
        assert tf.get_collection("w1") == [b"W1:0"], tf.get_collection("w1")
        add1 = tf.get_collection("add1")[0]
        w3 = tf.get_collection("w3")[0]
        got = session.run(add1, {w3: [1, 2, 3, 4]})
        np.testing.assert_array_equal(got, [32, 45, 33, 199])
        again = saver.save(session, os.path.join(work, "again"))
    for name, value in values_of(again).items():
        np.testing.assert_array_equal(old[name], value, err_msg=name)
    shutil.rmtree(work)
    print("TensorFlow %s reads what was saved: %d tensors, collections equal"
          % (tf.__version__, len(old)))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
