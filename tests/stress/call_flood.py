#!/usr/bin/env python3
"""160000 calls on 4 connections as fast as they go; then each with a reset
behind it."""

import struct
import threading
import time

import http2
import stress

CONNECTIONS = 4
CALLS = 40000  # on each
BATCH = 50
SECONDS = 6

daemon = stress.Daemon({"add": stress.model("add")})
request = stress.add_request()
body = http2.message(request)
block = http2.header_block(stress.RUN)


def flood(resets, sent):
    """One connection's part; where it is closed a new one goes on."""
    end = time.monotonic() + SECONDS
    left = CALLS
    while left > 0 and time.monotonic() < end:
        try:
            connection = http2.Connection(daemon.address)
        except OSError:
            time.sleep(0.05)
            continue
        connection.keeps_bodies = False
        while left > 0 and connection.take_room(BATCH * len(body), end):
            batch = bytearray()
            for _ in range(BATCH):
                stream = connection.new_stream()
                batch += http2.frame(http2.HEADERS, http2.END_HEADERS, stream,
                                     block)
                batch += http2.frame(http2.DATA, http2.END_STREAM, stream, body)
                if resets:
                    batch += http2.frame(http2.RST_STREAM, 0, stream,
                                         struct.pack(">I", http2.CANCEL))
            if not connection.send(bytes(batch)):
                break
            left -= BATCH
            sent.append(BATCH)
        connections.append(connection)


def attack(resets):
    sent = []
    threads = [threading.Thread(target=flood, args=(resets, sent))
               for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(sent)


for resets in (False, True):
    connections = []
    watchers = stress.Watchers(daemon)
    calls = attack(resets)
    what = "%d calls%s" % (calls, " with resets" if resets else "")
    watchers.judge(3, what)
    for connection in connections:
        connection.close()
    stress.judge_wait(3, "a new client is served after " + what,
                      stress.serves_again(daemon, time.monotonic(), 10))
    watchers.stop()
stress.judge_memory(3, daemon)
connections = []
background = threading.Thread(target=attack, args=(False,), daemon=True)
background.start()
time.sleep(1)
stress.judge_term(3, daemon)
stress.end()
