#!/usr/bin/env python3
"""1100 idle connections to a daemon that may open 1024 descriptors."""

import contextlib
import time

import http2
import stress

CONNECTIONS = 1100
NOFILE = 1024

stress.many_descriptors()
daemon = stress.Daemon({"add": stress.model("add")}, nofile=NOFILE)
watchers = stress.Watchers(daemon, stress.add_request())
idle = []


def attack():
    end = time.monotonic() + 10
    while len(idle) < CONNECTIONS and time.monotonic() < end:
        with contextlib.suppress(OSError):
            idle.append(http2.connect_socket(daemon.address))
            idle[-1].settimeout(1)
            idle[-1].sendall(http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0))


attack()
time.sleep(4)
watchers.judge(1, "%d idle connections" % CONNECTIONS, also_runs=True)
for connection in idle:
    connection.close()
stress.judge_wait(1, "a new client is served after they closed",
                  stress.serves_again(daemon, time.monotonic(), 10))
watchers.stop()
stress.judge_memory(1, daemon)
idle.clear()
attack()
stress.judge_term(1, daemon)
stress.end()
