#!/usr/bin/env python3
"""Connections whose answers are not taken (the window of their streams is 0):
3400 small ones, then 600 of 4 MB."""

import time

import http2
import stress

# Each: calls, and how many connections they come on.
ATTACKS = (("3400 answers that are not taken",
            ((stress.LIST_MODELS, b"", 1100, 1),
             (stress.LIST_MODELS, b"", 1200, 6),
             (stress.RUN, stress.add_request(), 1100, 5))),
           ("600 answers of 4 MB that are not taken",
            ((stress.RUN, stress.fill_request(1 << 20), 600, 6),)))

daemon = stress.Daemon({"add": stress.model("add"),
                        "bytes": stress.model("bytes")})


def attack(calls):
    out = []
    for method, request, count, connections in calls:
        for _ in range(connections):
            out.append(http2.Connection(daemon.address, window=0))
            for _ in range(count // connections):
                if not out[-1].take_room(len(request) + 5,
                                         time.monotonic() + 1):
                    break
                out[-1].begin(method, request)
        time.sleep(0.5)
    return out


for name, calls in ATTACKS:
    watchers = stress.Watchers(daemon, stress.add_request())
    connections = attack(calls)
    time.sleep(3)
    watchers.judge(2, name, also_runs=True)
    for connection in connections:
        connection.close()
    stress.judge_wait(2, "after %s a new client is served" % name,
                      stress.serves_again(daemon, time.monotonic(), 10))
    watchers.stop()
stress.judge_memory(2, daemon)
connections = attack(ATTACKS[0][1])
stress.judge_term(2, daemon)
stress.end()
