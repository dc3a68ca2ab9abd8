#!/usr/bin/env python3
"""Makes the small models of tests/situations with real TensorFlow.

    make_models.py OUT_FOLDER

Needs tensorflow (tests/interop/requirements.txt names the version). Where a
model answers, y = x * w with a w whose elements are all the same: the answer
tells which weights are served.
"""

import os
import shutil
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf2  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402
from tensorflow.python.eager import context  # noqa: E402

tf.disable_eager_execution()
tf.disable_resource_variables()

# Paths are relative, so that no state file names this machine's folders.
os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])


def at(*parts):
    path = os.path.join(*parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def linear(value, name="w", width=2, train=False):
    """x: [n, 3] -> y: [n, width], each 3 * value where x is 1."""
    x = tf.placeholder(tf.float32, [None, 3], "x")
    w = tf.get_variable(name, [3, width],
                        initializer=tf.constant_initializer(value))
    y = tf.matmul(x, w, name="y")
    if train:
        tf.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(y), name="train")


def save(prefix, value, saver=None, state=None, step=None, meta=True,
         **options):
    with tf.Graph().as_default(), tf.Session() as session:
        linear(value, **options)
        session.run(tf.global_variables_initializer())
        keeper = tf.train.Saver(**(saver or {}))
        keeper.save(session, at(prefix), global_step=step,
                    latest_filename=state, write_meta_graph=meta)


def which_checkpoint():
    # The state file names the one that was saved last.
    save("which_checkpoint/best_last/best.ckpt", 1)
    save("which_checkpoint/best_last/last.ckpt", 7)
    save("which_checkpoint/tasks/cart.ckpt", 1, name="cart/w")
    save("which_checkpoint/tasks/pendulum.ckpt", 2, name="pendulum/w")
    save("which_checkpoint/tasks/walker.ckpt", 3, name="walker/w")
    save("which_checkpoint/steps/model.ckpt", 1, step=1)
    save("which_checkpoint/steps/model.ckpt", 5, step=2)
    # A graph whose own checkpoint is gone, beside a newer one.
    for file in os.listdir(at("which_checkpoint/steps/")):
        if "ckpt-1.meta" in file:
            shutil.copy(at("which_checkpoint/steps", file),
                        at("which_checkpoint/graph_only", file))
        if "ckpt-2" in file or file == "checkpoint":
            shutil.copy(at("which_checkpoint/steps", file),
                        at("which_checkpoint/graph_only", file))


def kinds_of_files():
    save("kinds_of_files/graphdef/model.ckpt", 2, step=7, meta=False)
    save("kinds_of_files/binary/model.ckpt", 2, step=7, meta=False)
    save("kinds_of_files/metatext/model.ckpt", 2, meta=False)
    with tf.Graph().as_default() as graph:
        linear(2)
        tf.train.Saver()
        folder = at("kinds_of_files/graphdef/")
        tf.train.write_graph(graph, folder, "graph.pbtxt")
        tf.train.write_graph(graph, at("kinds_of_files/binary/"),
                             "raw_graph_def.pb", as_text=False)
        tf.train.export_meta_graph(at("kinds_of_files/metatext/model.pbtxt"),
                                   as_text=True)
    saved_model("kinds_of_files/saved_model", 2)


def saved_model(folder, value, width=2):
    path = at(folder)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        linear(value, width=width)
        session.run(tf.global_variables_initializer())
        shutil.rmtree(path, ignore_errors=True)
        tf.saved_model.simple_save(
            session, path, {"x": graph.get_tensor_by_name("x:0")},
            {"y": graph.get_tensor_by_name("y:0")})


def versions():
    saved_model("versions/v1", 1)
    saved_model("versions/v2", 2)


def checkpoints_alone():
    save("checkpoints_alone/v2/model.ckpt", 4, step=3, meta=False)
    with tf.Graph().as_default(), tf.Session() as session:
        linear(4)
        session.run(tf.global_variables_initializer())
        tf.train.Saver(write_version=tf.train.SaverDef.V1).save(
            session, at("checkpoints_alone/v1/model.ckpt"),
            write_meta_graph=False)
    # What tf.train.Saver().save(session, "model/") writes.
    with tf.Graph().as_default(), tf.Session() as session:
        linear(4)
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver().saver_def
        session.run(saver.save_tensor_name,
                    {saver.filename_tensor_name: at("checkpoints_alone/slash/")})
        tf.train.export_meta_graph(at("checkpoints_alone/slash/.meta"))


def no_weights():
    with tf.Graph().as_default():
        linear(1)
        tf.train.Saver()
        tf.train.export_meta_graph(at("no_weights/model.meta"))


def object_checkpoint():
    with tf.Graph().as_default(), tf.Session() as session:
        module = tf2.Module()
        with tf.variable_scope("layer", use_resource=True):
            module.w = tf.get_variable(
                "w", [3, 2], initializer=tf.constant_initializer(2))
        session.run(tf.global_variables_initializer())
        tf.train.Checkpoint(net=module).save(
            at("object_checkpoint/model.ckpt"), session=session)
    with tf.Graph().as_default():
        linear(0, name="layer/w")
        tf.train.Saver()
        tf.train.export_meta_graph(at("object_checkpoint/model.meta"))


def other_names():
    # The graph was built under one scope more than the checkpoint.
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 3], "x")
        for i in range(30):
            with tf.variable_scope("net/block_%d" % i):
                w = tf.get_variable("w", [3, 3],
                                    initializer=tf.constant_initializer(i))
        tf.matmul(x, w, name="y")
        tf.train.Saver().export_meta_graph(at("other_names/scope/model.meta"))
        session.run(tf.global_variables_initializer())
        tf.train.Saver({v.op.name[len("net/"):]: v
                        for v in tf.global_variables()}).save(
                            session, at("other_names/scope/model.ckpt"),
                            write_meta_graph=False)
    with tf.Graph().as_default(), tf.Session() as session:
        linear(2, train=True)
        session.run(tf.global_variables_initializer())
        tf.train.Saver(tf.trainable_variables()).save(
            session, at("other_names/trainables/model.ckpt"),
            write_meta_graph=False)
        tf.train.Saver().export_meta_graph(
            at("other_names/trainables/model.meta"))


def tables():
    with open(at("tables/vocab.txt"), "w") as f:
        f.write("the\ncat\nsat\n")
    with tf.Graph().as_default(), tf.Session() as session:
        words = tf.placeholder(tf.string, [None], "words")
        from_list = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(["a", "b", "c"]),
                tf.constant([0, 1, 2], tf.int64)), -1, name="letters_table")
        tf.identity(from_list.lookup(words), "letters")
        # The path is that of the machine that trained.
        from_file = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                "/data/training/vocab.txt", tf.string, tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER), -1,
            name="words_table")
        tf.identity(from_file.lookup(words), "ids")
        linear(2)
        session.run(tf.global_variables_initializer())
        tf.tables_initializer()
        tf.train.Saver().save(session, at("tables/model"))


def changed_graph():
    save("changed_graph/old/model.ckpt", 1)
    save("changed_graph/new/model.ckpt", 5, width=4)


def functions_save():
    """Two variables of one name: only the saver's functions tell which key of
    the checkpoint is whose."""
    with context.eager_mode():
        module = tf2.Module()
        module.w = tf2.Variable([1.0, 2, 3], name="w")
        module.layers = [tf2.Variable(10.0, name="b"),
                         tf2.Variable(20.0, name="b")]

        @tf2.function(input_signature=[tf2.TensorSpec([3], name="x")])
        def serve(x):
            first, second = module.layers
            return {"y": module.w * x + first * second - second}

        path = at("functions_save/model")
        shutil.rmtree(path, ignore_errors=True)
        tf2.saved_model.save(module, path, signatures=serve)


for make in (which_checkpoint, kinds_of_files, versions, checkpoints_alone,
             no_weights, object_checkpoint, other_names, tables,
             changed_graph, functions_save):
    make()
