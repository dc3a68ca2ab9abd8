#!/usr/bin/env python3
"""Ten times as many calls as can be done, each with a deadline of a second."""

import time

import stress

RUN_SECONDS = 0.1
DEADLINE = 1
SECONDS = 8

daemon = stress.Daemon({"add": stress.model("add"),
                        "slow": stress.model("slow")})
request = stress.slow_request(stress.turns_for(daemon, RUN_SECONDS))


def done_per_second(calls):
    return sum(c.code == 0 for c in calls) / (
        max(c.start + c.milliseconds / 1e3 for c in calls) -
        min(c.start for c in calls))


stress.Caller(daemon.address, stress.RUN, request, "--callers", 2,
              "--seconds", 0.5).wait()
capacity = done_per_second(stress.Caller(
    daemon.address, stress.RUN, request, "--callers", 4, "--seconds",
    5).wait())
watchers = stress.Watchers(daemon)
crowd = stress.Caller(daemon.address, stress.RUN, request, "--rate",
                      10 * capacity, "--seconds", SECONDS, "--deadline",
                      DEADLINE, "--connections", 8)
time.sleep(SECONDS)
over = time.monotonic()
watchers.judge(7, "the overload")
recovered = stress.serves_again(daemon, over, methods=(
    (stress.RUN, request), (stress.LIST_MODELS, b"")))
calls = crowd.wait()
watchers.stop()
# The first second fills the queue.
settled = [c for c in calls if c.start > calls[0].start + DEADLINE]
goodput = sum(c.code == 0 for c in settled) / (SECONDS - DEADLINE)
answered = [c.milliseconds for c in calls if c.code == 0]
stress.judge(7, "goodput of a capacity of %.1f/s at 10 times the load" %
             capacity, goodput >= 0.9 * capacity, "%.1f/s, %s" % (
                 goodput, stress.codes(calls)),
             "at least %.1f/s" % (0.9 * capacity))
stress.judge(7, "p99 of what is answered",
             0 < stress.quantile(answered, 0.99) <= 1000 * DEADLINE,
             "%.0f ms" % stress.quantile(answered, 0.99),
             "at most %d ms" % (1000 * DEADLINE))
stress.judge_wait(7, "a slow run of a new client is served afterwards",
                  recovered)
stress.judge_memory(7, daemon)
stress.judge_term(7, daemon)
stress.end()
