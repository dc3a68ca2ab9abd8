#!/usr/bin/env python3
"""A name and its memory are free when Unload has answered: loads right after
an unload, beside callers of a model that holds little, and of one that the
tensor budget holds once."""

import time

import http2
import stress

ROUNDS = 300
SECONDS = 10


def saved(folder, name):
    maker = stress.Daemon({name: folder})
    stress.must(stress.ctl(maker, "init", name))
    stress.must(stress.ctl(maker, "save", name, "--global-step", "1"))
    maker.term()
    return folder


def big_run(name):
    return stress.run_request(name, {"x:0": stress.tensor([1, 2, 3, 4])},
                              ["y:0"])


for what, folder, run, flags in (
        ("a small model", stress.model("slow"),
         stress.slow_request(20, "model"), ()),
        ("a model that the budget holds once",
         saved(stress.model("big"), "model"), big_run("model"),
         ("--max_tensor_memory", "100MiB"))):
    daemon = stress.Daemon({"add": stress.model("add")}, *flags)
    request = (stress.field(1, "model") + stress.field(3, folder) +
               stress.field(4, 1))
    admin = http2.Connection(daemon.address)
    status, _, words = admin.call(stress.LOAD, request)
    assert status == 0, words
    crowd = stress.Caller(daemon.address, stress.RUN, run, "--callers", 8,
                          "--seconds", 60)
    refused = []
    end = time.monotonic() + SECONDS
    rounds = 0
    while rounds < ROUNDS and time.monotonic() < end:
        rounds += 1
        status, _, words = admin.call(stress.UNLOAD, stress.field(1, "model"))
        if status != 0:
            refused.append("unload: " + words)
            continue
        status, _, words = admin.call(stress.LOAD, request)
        if status != 0:
            refused.append(words)
            while time.monotonic() < end and status != 0:
                # The name is taken by what could not be loaded.
                admin.call(stress.UNLOAD, stress.field(1, "model"))
                status = admin.call(stress.LOAD, request)[0]
    stress.judge(15, "of %d loads of %s right after an unload were refused" % (
        rounds, what), not refused, "%d%s" % (
            len(refused), " (%s)" % refused[0][:160] if refused else ""),
        "none")
    calls = crowd.stop()
    stress.judge(15, "what runs were told meanwhile",
                 all(c.code in (0, 5, 14) for c in calls), stress.codes(calls),
                 "OK, NOT_FOUND or UNAVAILABLE")
    stress.judge_memory(15, daemon)
    stress.judge_term(15, daemon)
stress.end()
