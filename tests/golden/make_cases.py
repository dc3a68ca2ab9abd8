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
from tensorflow.core.framework import attr_value_pb2, tensor_pb2, types_pb2  # noqa: E402

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


def loops():
    tf.disable_control_flow_v2()
    n = tf.placeholder(tf.int32, [], name="n")
    x = tf.placeholder(tf.float32, [None, 3], name="x")

    def outer(i, total):
        inner = tf.while_loop(lambda j, a: j < i, lambda j, a: (j + 1, a * 2 + 1),
                              [0, tf.reduce_sum(x)], parallel_iterations=1)[1]
        return i + 1, total + tf.cond(i % 2 > 0, lambda: inner, lambda: -inner)

    tf.identity(tf.while_loop(lambda i, t: i < n, outer, [0, 0.0])[1], name="nested")
    # What stays the same, what grows, and a gradient that runs it backwards.
    w = tf.Variable([[0.5, -1], [1, 0.25], [-0.5, 2]], name="w")
    stop = lambda i, h: i < n  # noqa: E731
    turn = lambda i, h: (i + 1, tf.tanh(tf.matmul(tf.matmul(h, w), w, transpose_b=True)))  # noqa: E731
    h = tf.while_loop(stop, turn, [0, x])[1]
    tf.identity(h, name="turned")
    tf.identity(tf.gradients(h, w)[0], name="gradient")
    array = tf.TensorArray(tf.float32, 0, dynamic_size=True, infer_shape=False)
    array = tf.while_loop(lambda i, a: i < n,
                          lambda i, a: (i + 1, a.write(i, x * tf.cast(i, tf.float32))),
                          [0, array])[1]
    tf.identity(array.concat(), name="written")


def training():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    y = tf.placeholder(tf.float32, [None, 1], name="y")
    step = tf.train.get_or_create_global_step()
    for name, optimizer in (
            ("sgd", tf.train.GradientDescentOptimizer(0.1)),
            ("momentum", tf.train.MomentumOptimizer(0.1, 0.9)),
            ("nesterov", tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True)),
            ("adam", tf.train.AdamOptimizer(0.05)),
            ("adagrad", tf.train.AdagradOptimizer(0.1)),
            ("rmsprop", tf.train.RMSPropOptimizer(0.05, momentum=0.5)),
            ("ftrl", tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01))):
        with tf.variable_scope(name):
            w1 = tf.get_variable("w1", initializer=np.linspace(-1, 1, 12).astype("f").reshape(4, 3))
            b1 = tf.get_variable("b1", initializer=np.zeros(3, "f"))
            w2 = tf.get_variable("w2", initializer=np.array([[1], [-1], [0.5]], "f"))
            out = tf.matmul(tf.nn.relu(tf.matmul(x, w1) + b1), w2)
            loss = tf.reduce_mean(tf.square(out - y), name="loss")
            optimizer.minimize(loss, global_step=step, name="train",
                               var_list=[w1, b1, w2])
    average = tf.train.ExponentialMovingAverage(0.9)
    shadowed = tf.Variable([1.0, 2.0], name="shadowed")
    with tf.control_dependencies([tf.assign_add(shadowed, [1.0, 1.0])]):
        tf.group(average.apply([shadowed]), name="averaged")
    table = tf.Variable(np.arange(10, dtype="f").reshape(5, 2), name="table")
    tf.scatter_add(table, [0, 3, 0], [[1.0, 1], [2, 2], [3, 3]], name="scattered")


def values():
    x = tf.placeholder(tf.float32, None, name="x")
    k = tf.placeholder(tf.int32, None, name="k")
    text = tf.placeholder(tf.string, [None], name="text")
    tf.concat([x, x[:, ::-1], tf.transpose(x, [1, 0])], 0, name="joined")
    tf.gather(x, k, axis=1, name="gathered")
    tf.identity(tf.nn.top_k(x, 2)[0], name="best")
    tf.identity(tf.nn.top_k(x, 2)[1], name="places")
    tf.cumsum(x, axis=1, exclusive=True, reverse=True, name="sums")
    tf.strided_slice(x, [0, -1], [3, -4], [2, -1], name="slice")
    tf.pad(x, [[1, 0], [2, 1]], mode="REFLECT", name="padded")
    tf.one_hot(k, 3, on_value=5.0, off_value=-1.0, name="hot")
    tf.math.segment_sum(x, tf.constant([0, 0, 2]), name="segments")
    tf.floordiv(k, 2, name="halves")
    tf.mod(k, -2, name="rest")
    tf.reduce_max(x, axis=[0], keepdims=True, name="most")
    tf.argmin(x, axis=1, name="least")
    tf.string_join([text, tf.as_string(tf.cast(tf.strings.length(text), tf.float32),
                                       precision=1)], "-", name="joined_text")
    tf.identity(tf.string_split(text, ",").values, name="parts")
    tf.string_to_hash_bucket_fast(text, 100, name="buckets")
    tf.strings.substr(text, 1, 2, name="middle")
    tf.unique(k, name="unique")
    tf.where(x > 1, x, -x, name="picked")
    tf.image.resize_bilinear(x[None, :, :, None], [5, 4], name="larger")
    tf.cast(x, tf.int32, name="cut")


def tensor_lists():
    """Lists made, changed, nested, added up and carried through loops."""
    tf.disable_control_flow_v2()
    ops = tf.raw_ops
    n = tf.placeholder(tf.int32, [], name="n")
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    empty = lambda dtype, shape=-1: ops.EmptyTensorList(  # noqa: E731
        element_shape=shape, max_num_elements=-1, element_dtype=dtype)
    push = lambda l, t: ops.TensorListPushBack(input_handle=l, tensor=t)  # noqa: E731
    stack = lambda l, dtype=tf.float32, shape=-1: ops.TensorListStack(  # noqa: E731
        input_handle=l, element_shape=shape, element_dtype=dtype)
    get = lambda l, i, dtype=tf.float32, shape=-1: ops.TensorListGetItem(  # noqa: E731
        input_handle=l, index=i, element_shape=shape, element_dtype=dtype)
    put = lambda l, i, t: ops.TensorListSetItem(input_handle=l, index=i, item=t)  # noqa: E731
    length = lambda l: ops.TensorListLength(input_handle=l)  # noqa: E731
    loop = lambda cond, body, init: tf.while_loop(  # noqa: E731
        cond, body, init, shape_invariants=[t.shape for t in init])
    below = lambda i, *_: i < n  # noqa: E731
    zero = tf.constant(0)

    # Pushed turn by turn, popped in another loop; both lists are kept.
    pushed = loop(below, lambda i, l: (i + 1, push(l, x * tf.cast(i, tf.float32))),
                  [zero, empty(tf.float32)])[1]
    tf.identity(stack(pushed, shape=[-1, 2]), name="pushed")

    def pop(i, l, total):
        l, t = ops.TensorListPopBack(input_handle=l, element_shape=[-1, 2], element_dtype=tf.float32)
        return i + 1, l, total * 0.5 + tf.reduce_sum(t)

    left, total = loop(lambda i, *_: i < n - 1, pop, [zero, pushed, tf.constant(0.0)])[1:]
    tf.identity(total, name="popped")
    tf.identity(length(left), name="left")
    # Set by index in a list that was reserved; what is not set is zeros.
    reserved = ops.TensorListReserve(element_shape=[2], num_elements=n, element_dtype=tf.float32)
    halves = loop(lambda i, _: i < n // 2, lambda i, l: (i + 1, put(l, 2 * i, x[0] + tf.cast(i, tf.float32))),
                  [zero, reserved])[1]
    tf.identity(stack(halves), name="halves")
    tf.identity(get(halves, 1), name="missing")
    # A list is a value: changing a copy leaves the other as it was.
    tf.identity(tf.stack([length(push(pushed, x)), length(pushed), length(push(push(pushed, x), x))]), name="lengths")
    # Lists of lists, sums, zeros.
    rows = ops.TensorListFromTensor(tensor=x, element_shape=[2])
    nest = loop(below, lambda i, l: (i + 1, push(l, push(rows, tf.fill([2], tf.cast(i, tf.float32))))),
                [zero, empty(tf.variant)])[1]
    tf.identity(stack(get(nest, n - 1, tf.variant, [])), name="nested")
    doubled = tf.raw_ops.AddN(inputs=[nest, nest])
    tf.identity(stack(get(doubled, n - 1, tf.variant, [])), name="nested_sum")
    tf.identity(stack(get(tf.raw_ops.ZerosLike(x=nest), 0, tf.variant, [])), name="nested_zeros")
    tf.identity(stack(tf.raw_ops.AddN(inputs=[halves, reserved])), name="sum_with_missing")
    # A list that stands in the graph: [?, [5, 6]], at most 3 elements, of unknown shape.
    wire = tensor_pb2.TensorProto(dtype=types_pb2.DT_VARIANT)
    wire.tensor_shape.SetInParent()
    parts = wire.variant_val.add(type_name="tensorflow::TensorList", metadata=b"\1\0\1\3\x18\1")
    parts.tensors.add().CopyFrom(tf.make_tensor_proto(np.array([5, 6], "f")))
    held = tf.get_default_graph().create_op(
        "Const", [], [tf.variant], name="held",
        attrs={"dtype": attr_value_pb2.AttrValue(type=types_pb2.DT_VARIANT),
               "value": attr_value_pb2.AttrValue(tensor=wire)}).outputs[0]
    tf.identity(stack(push(held, x[1])), name="from_graph")
    tf.identity(length(held), name="held_length")
    tf.identity(length(push(push(held, x), x)), name="too_long")
    # Cut and joined.
    joined = ops.TensorListConcatV2(input_handle=pushed, element_shape=[-1, 2], leading_dims=np.zeros(0, "int64"),
                                    element_dtype=tf.float32)
    tf.identity(joined[0], name="joined")
    tf.identity(joined[1], name="joined_lengths")
    split = ops.TensorListSplit(tensor=joined[0], element_shape=[-1, 2], lengths=joined[1])
    tf.identity(get(split, n - 1), name="split")
    scattered = ops.TensorListScatterV2(tensor=x, indices=[3, 1], element_shape=[2], num_elements=n)
    tf.identity(stack(scattered), name="scattered")
    tf.identity(ops.TensorListGather(input_handle=scattered, indices=[1, 0, 3], element_shape=-1,
                                     element_dtype=tf.float32), name="gathered")
    both = ops.TensorListConcatLists(input_a=scattered, input_b=scattered, element_dtype=tf.float32)
    tf.identity(ops.TensorListElementShape(input_handle=both, shape_type=tf.int64), name="element_shape")
    tf.identity(length(ops.TensorListResize(input_handle=both, size=n)), name="resized")
    some = ops.OptionalFromValue(components=[x, n])
    given = ops.OptionalGetValue(optional=tf.raw_ops.AddN(inputs=[some, some]), output_types=[tf.float32, tf.int32],
                                 output_shapes=[[None, 2], []])
    tf.identity(given[0], name="given")
    tf.identity(given[1], name="given_number")
    tf.identity(ops.OptionalHasValue(optional=ops.OptionalNone()), name="nothing")


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
    turns = [{"n:0": np.int32(n), "x:0": rng.randn(2, 3).astype("f")}
             for n in (0, 1, 2, 5)]
    record.case("loops", loops, [
        (feeds, [name + ":0"], []) for feeds in turns
        for name in ("nested", "turned", "gradient")] + [
        (feeds, ["written:0"], []) for feeds in turns[1:]])
    batch = {"x:0": rng.randn(6, 4).astype("f"), "y:0": rng.randn(6, 1).astype("f")}
    names = ("sgd", "momentum", "nesterov", "adam", "adagrad", "rmsprop", "ftrl")
    record.case("training", training, [
        step for name in names for step in
        3 * [(batch, [name + "/loss:0"], [name + "/train"])] +
        [(batch, [name + "/loss:0", name + "/w1:0", name + "/b1:0", name + "/w2:0"], [])]
    ] + [({}, ["global_step:0"], []), ({}, [], ["averaged"]),
         ({}, ["shadowed:0", "shadowed/ExponentialMovingAverage:0"], ["averaged"]),
         ({}, ["scattered:0"], []), ({}, ["table:0"], [])])
    table = {"x:0": np.array([[1, -2, 3], [0.5, 7, -1], [2, 2, 9]], "f"),
             "k:0": np.array([2, 0, 2], "i"),
             "text:0": np.array([b"a,b", b"", b"\xc3\xa9,,x"], dtype=object)}
    fetches = {"joined": "x", "gathered": "xk", "best": "x", "places": "x", "sums": "x",
               "slice": "x", "padded": "x", "hot": "k", "segments": "x", "halves": "k",
               "rest": "k", "most": "x", "least": "x", "joined_text": "text",
               "parts": "text", "buckets": "text", "middle": "text", "picked": "x",
               "unique": "k", "larger": "x", "cut": "x"}
    record.case("values", values, [
        ({name: value for name, value in table.items() if name.split(":")[0] in
          (("x", "k") if needs == "xk" else (needs,))}, [fetch + ":0"], [])
        for fetch, needs in fetches.items()] + [
        ({"x:0": table["x:0"], "k:0": np.array([5], "i")}, ["gathered:0"], []),
        ({"x:0": np.zeros([2, 2], "f")}, ["padded:0"], []),
        ({}, ["joined:0"], [])])


    feeds = {"n:0": np.int32(4), "x:0": np.array([[1, 2], [3, 4.5]], "f")}
    names = ("pushed", "popped", "left", "halves", "missing", "lengths", "nested", "nested_sum", "nested_zeros",
             "sum_with_missing", "joined", "joined_lengths", "split", "scattered", "gathered", "element_shape",
             "resized", "from_graph", "held_length", "given", "given_number", "nothing")
    record.case("tensor_lists", tensor_lists, [
        (feeds, [name + ":0"], []) for name in names] + [
        (feeds, [name + ":0" for name in names], []),
        (feeds, ["too_long:0"], []),
        ({**feeds, "n:0": np.int32(0)}, ["pushed:0"], []),
        ({**feeds, "n:0": np.int32(0)}, ["popped:0", "lengths:0"], []),
        ({**feeds, "n:0": np.int32(1)}, ["missing:0"], []),
        ({**feeds, "n:0": np.int32(2)}, ["scattered:0"], []),
        ({**feeds, "n:0": np.int32(-1)}, ["halves:0"], []),
        ({**feeds, "n:0": np.int32(300)}, ["popped:0", "left:0", "nested_sum:0"], [])])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
