#!/usr/bin/env python3
"""TERM while models load: one whose initializers take a minute, and many that
are large."""

import time

import stress

AT_ONCE = 2


def large():
    folder = stress.model("big")
    maker = stress.Daemon({"big": folder})
    stress.must(stress.ctl(maker, "init", "big"))
    stress.must(stress.ctl(maker, "save", "big", "--global-step", "1"))
    maker.term()
    return folder


for what, folder, copies in (
        ("whose initializers take a minute", stress.model("slow_start"), 1),
        ("of 64 MB, thirty times", large(), 30)):
    models = {"m%d" % i: folder for i in range(copies)}
    for after in (0.1, 1):
        daemon = stress.Daemon(models, wait=False)
        time.sleep(after)
        still = daemon.alive() and not daemon.wait_serving(0.001)
        seconds, code = daemon.term()
        stress.judge(16, "TERM %.1f s after the start with a model %s%s" % (
            after, what, "" if still else " (no longer loading)"),
            seconds <= AT_ONCE and code == 0,
            "%.1f s, exit code %d" % (seconds, code),
            "at most %d s, exit code 0" % AT_ONCE)
stress.end()
