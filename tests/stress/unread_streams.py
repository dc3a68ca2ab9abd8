#!/usr/bin/env python3
"""Streams of values and graphs that are not read, four and as many as there may
be, beside restores and Admin's other calls on an address of its own."""

import os
import time

import http2
import stress

FEW, MANY = 4, 40
LARGE = 32 << 20
CALLS = (("a restore", ("restore", "big")),
         ("a save", ("save", "big", "--global-step", "2")),
         ("an assignment", ("assign", "add", "W1=[1,2,3,4]")),
         ("a restore of another model", ("restore", "add")),
         ("a reader of values", ("read", "add", "W1")))


def add_large_constant(path):
    """What is appended to a message is merged into it: a node of 32 MB."""
    field = stress.field
    node = (field(1, "large") + field(2, "Const") +
            field(5, field(1, "dtype") + field(2, field(6, 1))) +
            field(5, field(1, "value") +
                  field(2, field(8, stress.tensor(bytes(LARGE))))))
    with open(path, "ab") as file:
        file.write(field(2, field(1, node)))


def attack(method, streams):
    out = []
    for number in range(streams):
        if number % 10 == 0:
            out.append(http2.Connection(daemon.address, window=1, reads=False))
        out[-1].begin(method, stress.field(1, "big"))
    return out


folder = stress.model("big")
add_large_constant(os.path.join(folder, "model.meta"))
daemon = stress.Daemon({"add": stress.model("add"), "big": folder},
                       "--admin_listen", "127.0.0.1:0")
admin = daemon.addresses[-1]
stress.must(stress.ctl(daemon, "init", "big", address=admin))
stress.must(stress.ctl(daemon, "save", "big", "--global-step", "1",
                       address=admin))


def seconds_of(words, timeout=60):
    start = time.monotonic()
    code, output = stress.ctl(daemon, *words, timeout=timeout, address=admin)
    return time.monotonic() - start, code, output


bars = {}
for name, words in CALLS:
    bars[name] = 2 * max(seconds_of(words)[0] for _ in range(2)) + 0.5
for what, method, streams in (
        ("ReadVariables", stress.READ_VARIABLES, FEW),
        ("GetGraph", stress.GET_GRAPH, FEW),
        ("ReadVariables", stress.READ_VARIABLES, MANY)):
    watchers = stress.Watchers(daemon, stress.add_request())
    connections = attack(method, streams)
    time.sleep(0.5)
    beside = "beside %d unread streams of %s" % (streams, what)
    for name, words in CALLS:
        bar = bars[name]
        seconds, code, output = seconds_of(words, bar)
        stress.judge(4, "%s %s" % (name, beside), code == 0,
                     "%.2f s%s" % (seconds, "" if code == 0 else
                                   ", " + output[:160]),
                     "works in %.2f s, twice the quiet time and 0.5 s" % bar)
    watchers.judge(4, beside.replace("beside ", ""), also_runs=True)
    for connection in connections:
        connection.close()
    watchers.stop()
stress.judge_memory(4, daemon)
connections = attack(stress.READ_VARIABLES, FEW)
stress.judge_term(4, daemon)
stress.end()
