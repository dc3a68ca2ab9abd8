#!/usr/bin/env python3
"""Records the project's own golden conversations with real TensorFlow.

    make_cases.py PROTO_FOLDER OUT_FOLDER

Needs tensorflow (tests/interop/requirements.txt names the version) and protoc. PROTO_FOLDER is the project's proto/. README.md describes the format.
"""

import json
import os
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402
from google.protobuf import descriptor_pb2, descriptor_pool  # noqa: E402
from google.protobuf import message_factory  # noqa: E402

tf.disable_v2_behavior()
tf.disable_resource_variables()


def load_messages(proto_folder):
    """Our RunStep messages, in a pool of their own beside TensorFlow's."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "set")
        subprocess.run(
            ["protoc", "-I", proto_folder, "--include_imports",
             "--descriptor_set_out=" + out, "tensorflow/master.proto"],
            check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(
            open(out, "rb").read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    get = lambda name: message_factory.GetMessageClass(  # noqa: E731
        pool.FindMessageTypeByName("tensorflow." + name))
    return get("RunStepRequest"), get("RunStepResponse")


class Recorder:
    def __init__(self, messages, out):
        self.request_class, self.response_class = messages
        self.out = out

    def case(self, name, build, steps, init=True):
        """steps: list of (feeds, fetches, targets), names as strings."""
        folder = os.path.join(self.out, name)
        os.makedirs(folder, exist_ok=True)
        with tf.Graph().as_default() as graph:
            build()
            init_op = tf.global_variables_initializer()
            with open(os.path.join(folder, "graph.pb"), "wb") as f:
                f.write(graph.as_graph_def().SerializeToString())
            with tf.Session(graph=graph) as session:
                if init:
                    session.run(init_op)
                for number, step in enumerate(steps):
                    self.step(folder, number, session, *step)
        with open(os.path.join(folder, "case.json"), "w") as f:
            json.dump({
                "name": "own/" + name, "kind": "graphdef", "graph": "graph.pb",
                "checkpoint": None,
                "init_targets": [init_op.name] if init else [],
                "steps": len(steps), "rtol": 1e-5, "atol": 1e-6,
                "exact": False}, f, indent=1, sort_keys=True)
            f.write("\n")

    def step(self, folder, number, session, feeds, fetches, targets):
        request = self.request_class(fetch=fetches, target=targets)
        for name, value in feeds.items():
            request.feed.add(name=name).tensor.ParseFromString(
                tf.make_tensor_proto(value).SerializeToString())
        response = self.response_class()
        graph = session.graph
        try:
            values = session.run(
                [list(fetches), [graph.get_operation_by_name(t)
                                 for t in targets]], feeds)[0]
            for name, value in zip(fetches, values):
                response.tensor.add(name=name).tensor.ParseFromString(
                    tf.make_tensor_proto(value).SerializeToString())
        except tf.errors.OpError as error:
            response.status_code = error.error_code
            response.status_error_message = error.message.splitlines()[0]
        base = os.path.join(folder, "step-%03d" % number)
        for suffix, message in (("request", request), ("response", response)):
            with open("%s.%s.pb" % (base, suffix), "wb") as f:
                f.write(message.SerializeToString(deterministic=True))


def add():
    w1 = tf.Variable([1.0, 3, 10, 15], name="W1")
    w2 = tf.Variable([3.0, 4, 2, 18], name="W2")
    w3 = tf.placeholder(tf.float32, None, name="W3")
    tf.add(tf.add(w1, w2, name="add"), w3, name="add1")
    tf.assign_add(w1, [1.0, 1, 1, 1], name="bump")


def control_flow():
    tf.disable_control_flow_v2()
    x = tf.placeholder(tf.float32, [], name="x")
    tf.identity(tf.cond(x > 0, lambda: x * 2, lambda: -x), name="picked")
    tf.identity(tf.while_loop(lambda i, a: i < x, lambda i, a: (i + 1, a + i),
                              [0.0, 0.0])[1], name="looped")
    rows = tf.placeholder(tf.float32, [None, 2], name="rows")
    tf.identity(tf.map_fn(lambda r: tf.reduce_sum(r) * 2, rows), name="mapped")


def layers():
    rng = np.random.RandomState(1)
    image = tf.placeholder(tf.float32, [None, 8, 8, 3], name="image")
    w = lambda *s: tf.constant(rng.randn(*s).astype("f") / 4)  # noqa: E731
    h = tf.nn.relu(tf.nn.bias_add(
        tf.nn.conv2d(image, w(3, 3, 3, 8), [1, 1, 1, 1], "SAME"), w(8)))
    h = tf.nn.max_pool(h, [1, 2, 2, 1], [1, 2, 2, 1], "VALID")
    h = tf.nn.depthwise_conv2d(h, w(3, 3, 8, 1), [1, 2, 2, 1], "SAME")
    h = tf.reshape(h, [-1, 2 * 2 * 8])
    tf.nn.softmax(tf.matmul(h, w(32, 5)), name="probabilities")
    cell_in = tf.placeholder(tf.float32, [None, 4], name="cell_in")
    gates = tf.matmul(cell_in, w(4, 8))
    i, j = tf.split(gates, 2, axis=1)
    tf.identity(tf.sigmoid(i) * tf.tanh(j), name="cell")


def main(proto_folder, out):
    record = Recorder(load_messages(proto_folder), out)
    feed = {"W3:0": np.array([1, 2, 3, 4], "f")}
    record.case("add", add, [
        (feed, ["add1:0"], []),
        (feed, ["add:0", "add1:0"], []),
        ({}, ["W1:0"], ["bump"]),
        (feed, ["add1:0"], []),
        ({}, ["add1:0"], []),
        ({"W3:0": np.array([1, 2], "f")}, ["add1:0"], []),
        ({"add:0": np.zeros(4, "f"), **feed}, ["add1:0"], [])])
    record.case("uninitialised", add, [
        (feed, ["add1:0"], []), ({}, ["W1:0"], [])], init=False)
    rows = np.arange(6, dtype="f").reshape(3, 2)
    record.case("control_flow", control_flow, [
        ({"x:0": np.float32(3)}, ["picked:0", "looped:0"], []),
        ({"x:0": np.float32(-3)}, ["picked:0", "looped:0"], []),
        ({"x:0": np.float32(100)}, ["looped:0"], []),
        ({"rows:0": rows}, ["mapped:0"], [])])
    rng = np.random.RandomState(2)
    record.case("layers", layers, [
        ({"image:0": rng.rand(2, 8, 8, 3).astype("f")},
         ["probabilities:0"], []),
        ({"cell_in:0": rng.randn(3, 4).astype("f")}, ["cell:0"], [])])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
