#!/usr/bin/env python3
"""A second daemon on the unix socket of a first one."""

import os
import stat

import stress

path = os.path.join(stress.work, "socket")
address = "unix:" + path
model = stress.model("add")
first = stress.Daemon({"add": model}, listen=(address,))
second = stress.Daemon({"add": model}, listen=(address,), wait=False)
served = second.wait_serving(10)
stress.judge(12, "a second daemon on a socket that is in use", not served,
             "serves" if served else "exit code %s, %s" % (
                 second.process.wait(),
                 (second.log().strip().splitlines() or [""])[-1][:160]),
             "ends with an error")
second.term()
there = os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode)
stress.judge(12, "the first one's socket afterwards", there,
             "is there" if there else "is gone", "is there")
code, output = stress.ctl(first, "models", timeout=5)
stress.judge(12, "the first daemon afterwards", code == 0,
             "answers" if code == 0 else output[:160], "answers")
stress.judge_term(12, first)
stress.judge(12, "its socket after its end", not os.path.exists(path),
             "is there" if os.path.exists(path) else "is gone", "is gone")
# What a daemon that was killed leaves behind is nobody's.
first = stress.Daemon({"add": model}, listen=(address,))
first.kill()
third = stress.Daemon({"add": model}, listen=(address,), wait=False)
served = third.wait_serving(10)
stress.judge(12, "a daemon on the socket that a killed one left", served,
             "serves" if served else third.log().strip()[-160:], "serves")
stress.judge_term(12, third)
stress.end()
