#!/usr/bin/env python3
"""Connections that say nothing, or nothing any more: at TERM, and before."""

import time

import http2
import stress

# What a drain without calls may take.
AT_ONCE = 2
SILENT = 20  # seconds after which a connection that never spoke is closed

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
    seconds, code = daemon.term(25)
    stress.judge(14, "TERM beside a connection that %s" % what,
                 seconds <= AT_ONCE and code == 0,
                 "%.1f s, exit code %d" % (seconds, code),
                 "at most %d s, exit code 0" % AT_ONCE)
stress.end()
