#!/usr/bin/env python3
"""A host that asks for far more runs of a model than can be done, beside
another host that asks the same model for a few a second."""

import os
import time

import stress

RUN_SECONDS = 0.02
RATE = 5  # of the other host: an eighth of what can be done, or less
SECONDS = 5
CROWD = 800  # more than may wait for one host

# Who calls by a unix socket is no caller of 127.0.0.1.
socket = "unix:" + os.path.join(stress.work, "crowd.sock")
daemon = stress.Daemon({"add": stress.model("add"),
                        "slow": stress.model("slow")},
                       listen=("127.0.0.1:0", socket))
request = stress.slow_request(stress.turns_for(daemon, RUN_SECONDS))


def other(seconds):
    return stress.Caller(daemon.address, stress.RUN, request, "--rate", RATE,
                         "--seconds", seconds, "--deadline", 20).wait()


def p99(calls):
    """Milliseconds; a call that failed took for ever."""
    return stress.quantile([c.milliseconds if c.code == 0 else 1e6
                            for c in calls], 0.99)


calls = other(3)
quiet = p99(calls)
slice_ms = stress.quantile([c.milliseconds for c in calls], 0.5)
crowd = stress.Caller(socket, stress.RUN, request, "--callers", CROWD,
                      "--seconds", SECONDS + 2, "--connections", 16,
                      "--deadline", 20)
time.sleep(1)
calls = other(SECONDS)
crowd.stop()
bar = 5 * quiet + slice_ms
stress.judge(6, "p99 of a host's runs beside %d callers of another host, of the "
             "same model" % CROWD, p99(calls) <= bar,
             "%.0f ms, %s; the crowd: %s" % (
                 p99(calls), stress.codes(calls), stress.codes(crowd.calls)),
             "at most %.0f ms: 5 times %.0f and a run" % (bar, quiet))
stress.judge_wait(6, "a new client is served afterwards",
                  stress.serves_again(daemon, time.monotonic()))
stress.judge_memory(6, daemon)
stress.judge_term(6, daemon)
stress.end()
