#!/usr/bin/env python3
"""Sixteen messages of 240 MB that never end."""

import multiprocessing
import struct
import time

import http2
import stress

MESSAGES = 16
BYTES = 240 << 20
SENT_EACH = BYTES - (1 << 20)
SECONDS = 10
PIECE = bytes(16384)
MOST_AT_ONCE = 1 << 20

models = {"add": stress.model("add"), "bytes": stress.model("bytes")}
daemon = stress.Daemon(models)


def send_most(end):
    """In a process of its own: a connection that sends all but the end of a
    message."""
    connection = http2.Connection(daemon.address)
    stream = connection.new_stream()
    connection.take_room(5, end, stream)
    connection.send(
        http2.frame(http2.HEADERS, http2.END_HEADERS, stream,
                    http2.header_block(stress.RUN)) +
        http2.frame(http2.DATA, 0, stream, struct.pack(">BI", 0, BYTES)))
    sent = 0
    while sent < SENT_EACH and stream not in connection.statuses:
        room = connection.take_room(MOST_AT_ONCE, end, stream, least=1)
        pieces, rest = divmod(room, len(PIECE))
        if room == 0 or not connection.send(
                http2.frame(http2.DATA, 0, stream, PIECE) * pieces +
                http2.frame(http2.DATA, 0, stream, PIECE[:rest])):
            break
        sent += room
    with total.get_lock():
        total.value += sent >> 20
    time.sleep(60)


total = multiprocessing.Value("q", 0)
watchers = stress.Watchers(daemon)
end = time.monotonic() + SECONDS
senders = [multiprocessing.Process(target=send_most, args=(end,), daemon=True)
           for _ in range(MESSAGES)]
for sender in senders:
    sender.start()
time.sleep(max(0, end + 0.5 - time.monotonic()))
watchers.judge(9, "%d messages without end" % MESSAGES)
print("       %d MB of them were sent" % total.value)
stress.judge_memory(9, daemon, "resident at most, beside messages without end")
for sender in senders:
    sender.kill()
stress.judge_wait(9, "a new client is served after they closed",
                  stress.serves_again(daemon, time.monotonic()))
watchers.stop()
stress.judge_term(9, daemon)
stress.end()
