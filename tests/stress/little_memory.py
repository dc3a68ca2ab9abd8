#!/usr/bin/env python3
"""Feeds of 8 MB by 64 callers where the process may have 1000, 600 and 300 MB of
address space, and where its control group may have 200 and 100 MB."""

import stress

CALLERS = 64
BYTES = 8 << 20
SECONDS = 3
MAY_ANSWER = (0, 4, 8, 14)  # OK, DEADLINE_, RESOURCE_EXHAUSTED, UNAVAILABLE

models = {"add": stress.model("add"), "bytes": stress.model("bytes")}


def last_line(daemon):
    return (daemon.log().strip().splitlines() or ["no line"])[-1][:160]


def attack(what, **limits):
    daemon = stress.Daemon(models, wait=False, **limits)
    if not daemon.wait_serving(10):
        # To say clearly that this is too little is as good as to serve.
        code = daemon.process.wait()
        line = last_line(daemon)
        stress.judge(9, "at its start with " + what,
                     code == 1 and "memory" in line,
                     "exit code %d, %s" % (code, line),
                     "serves, or exit code 1 and a line that tells why")
        return
    calls = stress.Caller(daemon.address, stress.RUN,
                          stress.sum_request(BYTES), "--callers", CALLERS,
                          "--seconds", SECONDS, "--connections", CALLERS,
                          "--deadline", 4).wait()
    alive = daemon.alive()
    stress.judge(9, "%d callers with %d MB each and %s" % (
        CALLERS, BYTES >> 20, what),
        alive and all(c.code in MAY_ANSWER for c in calls),
        "%s; %s" % (stress.codes(calls), "it lives" if alive else
                    "it has died (%d): %s" % (daemon.process.wait(),
                                              last_line(daemon))),
        "it lives, codes of overload")
    if alive:
        stress.judge_again(9, daemon, "afterwards, with %s," % what)
        stress.judge_term(9, daemon)


for limit in (1000, 600, 300):
    attack("%d MB of address space" % limit, address_space=limit << 20)
for limit in (200, 100):
    with stress.control_group(limit << 20) as group:
        if group is None:
            print("       no control group may be made here")
            break
        attack("%d MB for its control group" % limit, group=group)
stress.end()
