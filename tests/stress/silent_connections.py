#!/usr/bin/env python3
"""Connections that say nothing, or nothing any more: at TERM, and before."""

import time

import http2
import stress

# What a drain without calls may take.
AT_ONCE = 2
# Seconds until one that never spoke is closed, without any flag.
SILENT = 15

model = stress.model("add")


def silent(address):
    return [http2.connect_socket(address)]


def half_spoken(address):
    out = http2.connect_socket(address)
    out.sendall(http2.PREFACE[:10])
    return [out]


def never_reads(address):
    out = http2.Connection(address, reads=False, pongs=False)
    out.begin(stress.LIST_MODELS, b"")
    return [out]


def idle(address):
    out = http2.Connection(address, pongs=False)
    out.call(stress.LIST_MODELS, b"")
    return [out]


for what, connect in (("says nothing", silent),
                      ("sends half a greeting", half_spoken),
                      ("does not read", never_reads),
                      ("answers no ping", idle)):
    daemon = stress.Daemon({"add": model})
    connections = connect(daemon.address)
    time.sleep(0.2)
    seconds, code = daemon.term()
    stress.judge(14, "TERM beside a connection that %s" % what,
                 seconds <= AT_ONCE and code == 0,
                 "%.1f s, exit code %d" % (seconds, code),
                 "at most %d s, exit code 0" % AT_ONCE)

# Half-open ones are found by pings, which is not worth while often: a flag.
keepalive = ["--keepalive_time", "1s", "--keepalive_timeout", "1s"]
if not stress.has_flag("keepalive_time"):
    keepalive = []
daemon = stress.Daemon({"add": model}, *keepalive)
start = time.monotonic()
mute, = silent(daemon.address)
half, = half_spoken(daemon.address)
gone, = idle(daemon.address)
closed = gone.wait_closed(6)
stress.judge(14, "a connection that answers no ping is closed after",
             closed, "%.1f s" % (time.monotonic() - start) if closed else
             "not in 6 s", "6 s, with --keepalive_time 1s")
for what, connection in (("never spoke", mute), ("sent half a greeting",
                                                 half)):
    connection.settimeout(max(0.1, start + SILENT - time.monotonic()))
    try:
        while connection.recv(1 << 16):
            pass
        closed = True
    except TimeoutError:
        closed = False
    except OSError:
        closed = True
    stress.judge(14, "a connection that %s is closed after" % what, closed,
                 "%.1f s" % (time.monotonic() - start) if closed else
                 "not in %d s" % SILENT, "at most %d s" % SILENT)
stress.judge_term(14, daemon)
stress.end()
