#!/usr/bin/env python3
"""TERM under 16 callers, of a fast and of a slow model, several times: what the
callers are told can be tried again elsewhere."""

import collections
import time

import stress

ROUNDS = 4

for name, request in (("fast", stress.add_request()),
                      ("slow", stress.slow_request(1000))):
    seen = collections.Counter()
    callers_cancelled = 0
    slowest = 0
    exits = set()
    for _ in range(ROUNDS):
        daemon = stress.Daemon({"add": stress.model("add"),
                                "slow": stress.model("slow")})
        callers = [stress.Caller(daemon.address, stress.RUN, request,
                                 "--callers", 1, "--seconds", 3)
                   for _ in range(16)]
        time.sleep(1.2)
        seconds, code = daemon.term()
        slowest = max(slowest, seconds)
        exits.add(code)
        for caller in callers:
            codes = [c.code for c in caller.stop()]
            callers_cancelled += 1 in codes
            seen.update(code for code in codes if code != 0)
    bad = {code for code in seen if code != 14}
    told = ", ".join("%s %d" % (stress.CODES[code], count)
                     for code, count in seen.most_common())
    stress.judge(11, "%s runs: callers told something else than UNAVAILABLE, "
                 "of %d in %d rounds" % (name, 16, ROUNDS), not bad,
                 "%d told CANCELLED; %s" % (callers_cancelled, told), "none")
    stress.judge(11, "%s runs: TERM ends it" % name,
                 slowest <= stress.DRAIN_TIMEOUT + stress.ENDING and
                 exits == {0}, "%.1f s, exit codes %s" % (slowest, exits),
                 "at most %d s, exit code 0" % (
                     stress.DRAIN_TIMEOUT + stress.ENDING))
stress.end()
