#!/usr/bin/env python3
"""Models that others made, saved by the daemon and read by real TensorFlow.

Run by run.sh beside it: corpus_round_trip.py METAGRAPHD METAGRAPHCTL
SHARED_FOLDER. Serves a copy of every model of corpus/ that has a graph and all
of its checkpoint, saves it elsewhere, and compares with the original: values
bit for bit, collections as messages and as TensorFlow imports them. Then
TensorFlow restores what was saved with the saver of the saved meta graph and
saves it again: that saver's keys, and still the same bits.
"""

import glob
import os
import shutil
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow.compat.v1 as tf  # noqa: E402
from google.protobuf import text_format  # noqa: E402
from tensorflow.core.protobuf import saved_model_pb2  # noqa: E402

import corpus  # noqa: E402
from daemon import Daemon, DaemonError  # noqa: E402

tf.logging.set_verbosity(tf.logging.FATAL)
tf.disable_v2_behavior()


def meta_graph_of(folder):
    """The MetaGraphDef that a folder serves."""
    def read(path, message):
        with open(path, "rb") as f:
            if path.endswith(".pbtxt"):
                return text_format.Parse(f.read(), message)
            message.ParseFromString(f.read())
            return message

    for path in glob.glob(os.path.join(folder, "*.meta")):
        return read(path, tf.MetaGraphDef())
    for path in glob.glob(os.path.join(folder, "saved_model.pb*")):
        saved_model = read(path, saved_model_pb2.SavedModel())
        return next(meta for meta in saved_model.meta_graphs
                    if "serve" in meta.meta_info_def.tags)
    raise ValueError("there is no meta graph in " + folder)


def collections_of(meta):
    return {key: value.SerializeToString(deterministic=True)
            for key, value in meta.collection_def.items()}


def import_graph(meta):
    """Imports a meta graph of any age; its saver."""
    meta = tf.MetaGraphDef.FromString(meta.SerializeToString())
    # TensorFlow wrote versions, "0.12.head", that it does not parse.
    info = meta.meta_info_def
    info.tensorflow_version = info.tensorflow_version.replace("head", "0")
    return tf.train.import_meta_graph(meta, clear_devices=True)


def imported_collections(meta):
    with tf.Graph().as_default() as graph:
        import_graph(meta)
        return collections_of(tf.train.export_meta_graph(graph=graph))


def restored_and_saved_again(meta, prefix, out):
    """The values that TensorFlow's saver of a meta graph restores."""
    # Elsewhere in the graph may be ops that this TensorFlow has no more.
    config = tf.ConfigProto(
        graph_options=tf.GraphOptions(place_pruned_graph=True))
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        saver = import_graph(meta)
        saver.restore(session, prefix)
        return corpus.read(saver.save(session, out, write_meta_graph=False))


def differences(kind, old, new):
    """A line for each key whose values are not the same."""
    return ["%s %s: %s" % (kind, key, "missing" if key not in new else
                           "not in the original" if key not in old else
                           "not equal")
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key)]


def one_line(error):
    """An error of TensorFlow without the stack that follows."""
    return " ".join(str(error).partition("[[")[0].split())


def compare(original, prefix, saved, work):
    """(tensors, collections, a line for each difference)."""
    new = corpus.read(saved)
    saved_meta = tf.MetaGraphDef()
    with open(saved + ".meta", "rb") as f:
        saved_meta.ParseFromString(f.read())

    # What the graph's saver lists is what TensorFlow saves by it.
    listed = restored_and_saved_again(original, prefix,
                                      os.path.join(work, "listed"))
    old = corpus.read(prefix)
    wrong = differences("tensor", {key: old[key] for key in listed}, new)

    collections = collections_of(original)
    wrong += differences("collection", collections, collections_of(saved_meta))
    wrong += differences("imported collection", imported_collections(original),
                         imported_collections(saved_meta))
    try:
        again = restored_and_saved_again(saved_meta, saved,
                                         os.path.join(work, "again"))
        wrong += differences("tensor restored by TensorFlow", new, again)
    except (ValueError, tf.errors.OpError) as error:
        wrong.append("TensorFlow does not restore it by its .meta: "
                     + one_line(error))
    return len(new), len(collections), wrong


def round_trip(daemon, ctl, folder, prefix, work):
    original = meta_graph_of(folder)
    copy = shutil.copytree(folder, os.path.join(work, "model"))
    saved = os.path.join(work, "saved", "model")
    os.mkdir(os.path.dirname(saved))
    with Daemon(daemon, ctl, copy, os.path.join(work, "port")) as served:
        served.ctl("save", "m", saved, "--no-global-step", quiet=True)
    return compare(original, prefix, saved, work)


def main(daemon, ctl, shared):
    shared = corpus.shared_folder(shared)
    models = bad = all_tensors = all_collections = 0
    for model, status, folder, prefixes in corpus.models(shared):
        if status not in corpus.COMPLETE:
            continue
        if status == "weights only":
            print("%s: skipped, it has no graph" % model)
            continue
        tensors, collections = 0, 0
        with tempfile.TemporaryDirectory() as work:
            try:
                prefix, = prefixes
                tensors, collections, wrong = round_trip(
                    daemon, ctl, folder, prefix, work)
            except (DaemonError, ValueError, tf.errors.OpError) as error:
                wrong = [one_line(error)]
        print("%s: %d tensors, %d collections, %s"
              % (model, tensors, collections, "DIFFERS" if wrong else "equal"))
        for line in wrong:
            print("  " + line)
        models += 1
        bad += bool(wrong)
        all_tensors += tensors
        all_collections += collections
    print("TensorFlow %s reads %d models as saved by the daemon (%d tensors, "
          "%d collections); %d differ"
          % (tf.__version__, models, all_tensors, all_collections, bad))
    sys.exit(bad > 0 or models == 0)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
