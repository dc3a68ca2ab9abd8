#!/usr/bin/env python3
"""256 callers of a slow model where 64 calls may be under way: operators get
in."""

import time

import stress

SECONDS = 5

daemon = stress.Daemon({"add": stress.model("add"),
                        "slow": stress.model("slow")},
                       "--max_inflight", "64")
crowd = stress.Caller(daemon.address, stress.RUN, stress.slow_request(500),
                      "--callers", 256, "--seconds", SECONDS + 2,
                      "--connections", 8)
time.sleep(1)
watchers = stress.Watchers(daemon)
lists = stress.Caller(daemon.address, stress.LIST_MODELS, b"", "--rate", 50,
                      "--seconds", SECONDS, "--deadline", 5)
longest = 0
worked = 0
words = ("assign", "add", "W1=[1,2,3,4]"), ("restore", "add")
for command in words * 5:
    start = time.monotonic()
    worked += stress.ctl(daemon, *command, timeout=5)[0] == 0
    longest = max(longest, time.monotonic() - start)
calls = lists.wait()
watchers.judge(8, "256 callers")
refused = sum(c.code != 0 for c in calls)
stress.judge(8, "of ListModels are refused beside 256 callers", refused == 0,
             "%.0f %%, %s" % (100 * refused / max(1, len(calls)),
                              stress.codes(calls)), "none")
stress.judge(8, "Admin's calls that work", worked == 10, "%d of 10" % worked,
             "all")
stress.judge_wait(8, "the longest of Admin's calls", longest)
print("       runs: " + stress.codes(crowd.stop()))
watchers.stop()
stress.judge_wait(8, "a new client is served afterwards",
                  stress.serves_again(daemon, time.monotonic()))
stress.judge_memory(8, daemon)
stress.judge_term(8, daemon)
stress.end()
