#!/usr/bin/env python3
"""A fast model beside a slow one with 32 and 256 callers, and readers beside
16 callers who train."""

import time

import stress

SLOW_SECONDS = 0.1
FAST_TURNS = 5
QUIET_SECONDS = 2
SECONDS = 3
RATE = 50  # fast calls a second

daemon = stress.Daemon({"add": stress.model("add"),
                        "slow": stress.model("slow"),
                        "fast": stress.model("slow"),
                        "train": stress.model("train")})
stress.must(stress.ctl(daemon, "init", "train"))
read = stress.run_request("train", {"x:0": stress.tensor([1, 2, 3, 4])},
                          ["y:0"])
step = stress.run_request("train", {"x:0": stress.tensor([1, 2, 3, 4])},
                          target=["train"])


def fast(request, seconds=SECONDS):
    return stress.Caller(daemon.address, stress.RUN, request, "--rate", RATE,
                         "--seconds", seconds, "--deadline", 20)


def p99(calls):
    """Milliseconds; a call that failed took for ever."""
    return stress.quantile([c.milliseconds if c.code == 0 else 1e6
                            for c in calls], 0.99)


def beside(request, callers, other, seconds=SECONDS):
    crowd = stress.Caller(daemon.address, stress.RUN, other, "--callers",
                          callers, "--seconds", seconds + 1, "--connections",
                          8, "--deadline", 20)
    time.sleep(0.5)
    calls = fast(request, seconds).wait()
    crowd.stop()
    return calls, crowd.calls


slow_run = stress.slow_request(stress.turns_for(daemon, SLOW_SECONDS))
alone = stress.Caller(daemon.address, stress.RUN, slow_run,
                      "--callers", 1, "--seconds", 1).wait()
slice_ms = stress.quantile([c.milliseconds for c in alone], 0.5)
print("       a slow run takes %.0f ms" % slice_ms)
for name, request in (
        ("one op", stress.add_request()),
        ("a loop of %d turns" % FAST_TURNS,
         stress.slow_request(FAST_TURNS, "fast"))):
    fast(request, 1).wait()
    quiet = p99(fast(request, QUIET_SECONDS).wait())
    for callers in (32, 256):
        calls, slow = beside(request, callers, slow_run)
        bar = 5 * quiet + slice_ms
        stress.judge(6, "p99 of a fast model (%s) beside %d callers of a slow "
                     "one" % (name, callers), p99(calls) <= bar,
                     "%.1f ms, %s; the slow: %s" % (
                         p99(calls), stress.codes(calls), stress.codes(slow)),
                     "at most %.1f ms: 5 times %.1f and a slow run" % (
                         bar, quiet))
stress.judge_wait(6, "a new client is served afterwards",
                  stress.serves_again(daemon, time.monotonic()))
quiet = p99(fast(read, QUIET_SECONDS).wait())
calls, steps = beside(read, 16, step)
stress.judge(6, "p99 of readers beside 16 callers who train",
             p99(calls) <= 3 * quiet, "%.1f ms, %s; steps: %s" % (
                 p99(calls), stress.codes(calls), stress.codes(steps)),
             "at most %.1f ms: 3 times %.1f" % (3 * quiet, quiet))
stress.judge_memory(6, daemon)
stress.judge_term(6, daemon)
stress.end()
