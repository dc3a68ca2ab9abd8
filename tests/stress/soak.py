#!/usr/bin/env python3
"""Runs, restores, saves, loads and unloads, extensions, training, cancelled
calls and killed clients, all at once: soak.py BUILD_FOLDER MINUTES.

At the end a table and three curves of the daemon's resident memory, its
descriptors and its threads. They hold if, in each of the nine tenths after the
first, the median is within 2 % of the middle of these medians (or within 2
descriptors or threads)."""

import collections
import os
import random
import statistics
import struct
import sys
import threading
import time

import http2
import stress

SECONDS = float(sys.argv[2]) * 60
ALLOWED = 0.02
ALLOWED_NUMBER = 2
HEIGHT = 10
EXTENSIONS = 20  # then the model is loaded anew: an extension stays in memory
KEEP = 20  # checkpoints: fewer would be deleted while they are restored
CANCEL_RESET = struct.pack(">I", http2.CANCEL)
field = stress.field

folders = {name: stress.model(name) for name in ("add", "slow", "bytes",
                                                 "train")}
daemon = stress.Daemon(folders)
stress.must(stress.ctl(daemon, "init", "train"))
stress.must(stress.ctl(daemon, "save", "train", "--global-step", "1"))
stop = threading.Event()
done = collections.Counter()
unexpected = collections.Counter()


class Client:
    """A connection that is made anew when it has ended."""

    def __init__(self, what):
        self.what = what
        self.connection = None

    def connect(self):
        if self.connection is None or self.connection.closed:
            self.connection = http2.Connection(daemon.address)
        return self.connection

    def call(self, method, request, also=()):
        """also: codes other than OK that may come."""
        status, answer, words = self.connect().call(method, request, 30)
        done[self.what] += 1
        if status != 0 and status not in also:
            unexpected["%s: %s %s" % (self.what, status, words[:100])] += 1
        return answer


def runs():
    client = Client("runs")
    while not stop.is_set():
        client.call(stress.RUN, stress.add_request())


def distinct_requests():
    """Each asks for something else: shapes and sets of fetches."""
    client = Client("distinct requests")
    names = ["add:0", "add1:0", "W1:0", "W2:0", "W1/read:0", "W2/read:0"]
    number = 0
    while not stop.is_set():
        number += 1
        fetch = random.choices(names, k=random.randint(1, 6))
        client.call(stress.RUN, stress.run_request(
            "add", {"W3:0": stress.tensor([number] * 4)}, fetch))
        client.call(stress.RUN, stress.sum_request(
            4 * (1 + number % 25000)))


def training():
    client = Client("training steps")
    step = stress.run_request("train", {"x:0": stress.tensor([1, 2, 3, 4])},
                              ["y:0"], ["train"])
    while not stop.is_set():
        client.call(stress.RUN, step)


def restores():
    client = Client("restores")
    while not stop.is_set():
        for model in ("add", "train"):
            client.call(stress.RESTORE, field(1, model))


def saves():
    client = Client("saves")
    step = 1
    while not stop.is_set():
        step += 1
        client.call(stress.SAVE, field(1, "train") + field(4, step) +
                    field(6, KEEP))


def loads():
    client = Client("loads and unloads")
    request = (field(1, "other") + field(3, stress.EXAMPLE) + field(4, 1))
    while not stop.is_set():
        client.call(stress.LOAD, request)
        client.call(stress.RUN, stress.add_request("other"))
        client.call(stress.UNLOAD, field(1, "other"))


def extensions():
    client = Client("extensions")
    with open(os.path.join(folders["bytes"], "model.meta"), "rb") as file:
        graph = file.read()
    load = field(1, "grown") + field(3, stress.EXAMPLE) + field(4, 1)
    while not stop.is_set():
        client.call(stress.LOAD, load)
        for number in range(EXTENSIONS):
            prefix = "part%d" % number
            client.call(stress.EXTEND, field(1, "grown") + field(4, graph) +
                        field(5, prefix))
            client.call(stress.RUN, stress.run_request(
                "grown", {prefix + "/x:0": stress.tensor([1, 2, 3])},
                [prefix + "/y:0"]))
        client.call(stress.UNLOAD, field(1, "grown"))


def inspection():
    client = Client("inspection")
    while not stop.is_set():
        client.call(stress.LIST_MODELS, b"")
        client.call(stress.READ_VARIABLES, field(1, "add"))
        client.call(stress.GET_GRAPH, field(1, "slow"))
        stop.wait(0.01)


def cancels():
    """Calls that are reset while they run or wait."""
    client = Client("cancelled calls")
    while not stop.is_set():
        connection = client.connect()
        stream = connection.begin(stress.RUN, stress.slow_request(2000))
        stop.wait(random.uniform(0, 0.02))
        connection.send(http2.frame(http2.RST_STREAM, 0, stream, CANCEL_RESET))
        done[client.what] += 1
        connection.forget(stream)


def kills():
    """Connections that end in the midst of a request, an answer or a watch."""
    large = http2.message(stress.sum_request(1 << 20))[:1 << 15]
    while not stop.is_set():
        connection = http2.Connection(daemon.address)
        what = random.randrange(4)
        if what == 0:
            stream = connection.new_stream()
            connection.send(http2.frame(
                http2.HEADERS, http2.END_HEADERS, stream,
                http2.header_block(stress.RUN)) + b"".join(
                    http2.frame(http2.DATA, 0, stream, large[at:at + 16384])
                    for at in range(0, len(large), 16384)))
        elif what == 1:
            connection.begin(stress.RUN, stress.fill_request(1 << 16))
        elif what == 2:
            connection.begin(stress.WATCH, b"")
        else:
            connection.begin(stress.RUN, stress.slow_request(500))
        stop.wait(random.uniform(0, 0.05))
        connection.close()
        done["killed connections"] += 1


Sample = collections.namedtuple("Sample", "resident descriptors threads")


def curve(name, values):
    """In text: time goes right, the scale is from the least to the most."""
    width = 72
    bins = [statistics.median(values[len(values) * i // width:
                                     max(len(values) * i // width + 1,
                                         len(values) * (i + 1) // width)])
            for i in range(min(width, len(values)))]
    low, high = min(bins), max(bins)
    print("\n%s, %.6g to %.6g" % (name, low, high))
    for row in range(HEIGHT, 0, -1):
        edge = (row - 0.5) / HEIGHT
        print("  |" + "".join(
            "*" if row == 1 or value - low > edge * (high - low) else " "
            for value in bins))
    print("  +" + "-" * len(bins))


def tell(samples):
    print("%8s %14s %12s %8s" % ("tenth", "resident MB", "descriptors",
                                 "threads"))
    tenths = []
    for i in range(10):
        part = samples[len(samples) * i // 10:len(samples) * (i + 1) // 10]
        tenths.append(Sample(*(statistics.median(values)
                               for values in zip(*part))))
        print("%8d %14.1f %12g %8g" % (i + 1, *tenths[-1]))
    for name, values, all_values in zip(Sample._fields, zip(*tenths[1:]),
                                        zip(*samples)):
        curve(name, all_values)
        middle = (max(values) + min(values)) / 2
        spread = (max(values) - min(values)) / 2
        stress.judge("soak", name + " after the first tenth",
                     spread <= ALLOWED * middle or
                     (name != "resident" and spread <= ALLOWED_NUMBER),
                     "%.1f ± %.1f %%" % (middle, 100 * spread / middle),
                     "a plateau of ± %g %%" % (100 * ALLOWED))


if SECONDS <= 0:
    sys.exit(__doc__)
workers = [threading.Thread(target=stress.or_stop(work, stop), daemon=True)
           for work in (runs, distinct_requests, training, restores, saves,
                        loads, extensions, inspection, cancels, kills)]
fast = stress.Caller(daemon.address, stress.RUN, stress.add_request(),
                     "--callers", 4, "--seconds", SECONDS)
for worker in workers:
    worker.start()
samples = []
end = time.monotonic() + SECONDS
while time.monotonic() < end and daemon.alive() and not stop.is_set():
    samples.append(Sample(daemon.resident_mb(), daemon.descriptors(),
                          daemon.threads()))
    stop.wait(max(0.05, SECONDS / 2000))
alive = daemon.alive()
stop.set()
for worker in workers:
    worker.join(30)
calls = fast.stop()
if alive:
    tell(samples)
print()
for what, count in done.most_common():
    print("%8d %s" % (count, what))
print("%8d runs by gRPC's own client: %s" % (len(calls), stress.codes(calls)))
for what, count in unexpected.most_common(10):
    print("%8d times %s" % (count, what))
stress.judge("soak", "the daemon", alive, "lives" if alive else
             "has died: " + daemon.log()[-300:], "lives")
stress.judge("soak", "answers that nobody expects",
             not unexpected and all(c.code == 0 for c in calls),
             "%d" % (sum(unexpected.values()) +
                     sum(c.code != 0 for c in calls)), "none")
stress.judge_term("soak", daemon)
stress.end()
