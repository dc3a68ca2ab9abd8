#!/usr/bin/env python3
"""Memory goes back to the system after a burst of large calls."""

import time

import stress

CALLERS = 64
BYTES = 8 << 20
QUIET = 5
MOST_MB = 600

daemon = stress.Daemon({"add": stress.model("add"),
                        "bytes": stress.model("bytes")})
before = daemon.resident_mb()
watchers = stress.Watchers(daemon)
calls = []
for request in (stress.sum_request(BYTES), stress.fill_request(BYTES // 4)):
    calls += stress.Caller(daemon.address, stress.RUN, request, "--callers",
                           CALLERS, "--connections", CALLERS, "--seconds", 4,
                           "--deadline", 10).wait()
over = time.monotonic()
watchers.judge(13, "%d callers with %d MB" % (CALLERS, BYTES >> 20))
stress.judge_wait(13, "a new client is served afterwards",
                  stress.serves_again(daemon, over))
watchers.stop()
peak = daemon.peak_mb()
time.sleep(max(0, over + QUIET - time.monotonic()))
after = daemon.resident_mb()
stress.judge(13, "resident %d s after a burst of %d calls" % (
    QUIET, len(calls)), after <= MOST_MB, "%.0f MB; before %.0f, most %.0f; %s"
    % (after, before, peak, stress.codes(calls)), "at most %d MB" % MOST_MB)
stress.judge_memory(13, daemon)
stress.judge_term(13, daemon)
stress.end()
