#!/usr/bin/env python3
"""A name is free when Unload has answered: 300 loads right after an unload,
while others run the model."""

import time

import http2
import stress

ROUNDS = 300

folder = stress.model("add")
daemon = stress.Daemon({"other": folder})
request = stress.field(1, "add") + stress.field(3, folder) + \
    stress.field(4, 1)
admin = http2.Connection(daemon.address)
assert admin.call(stress.LOAD, request)[0] == 0
crowd = stress.Caller(daemon.address, stress.RUN, stress.add_request(),
                      "--callers", 4, "--seconds", 60)
refused = []
end = time.monotonic() + 25
rounds = 0
while rounds < ROUNDS and time.monotonic() < end:
    rounds += 1
    status, _, words = admin.call(stress.UNLOAD, stress.field(1, "add"))
    if status != 0:
        refused.append("unload: " + words)
    status, _, words = admin.call(stress.LOAD, request)
    while status != 0 and time.monotonic() < end:
        if not refused or refused[-1] != words:
            refused.append(words)
        status, _, words = admin.call(stress.LOAD, request)
stress.judge(15, "of %d loads right after an unload were refused" % rounds,
             not refused and rounds == ROUNDS, "%d%s" % (
                 len(refused), " (%s)" % refused[0][:120] if refused else ""),
             "none")
calls = crowd.stop()
stress.judge(15, "what runs were told meanwhile",
             all(c.code in (0, 5, 14) for c in calls), stress.codes(calls),
             "OK, NOT_FOUND or UNAVAILABLE")
stress.judge_memory(15, daemon)
stress.judge_term(15, daemon)
stress.end()
