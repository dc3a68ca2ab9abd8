#!/usr/bin/env python3
"""Sixteen messages of 240 MB that never end; then feeds of 8 MB by 64 callers
where the process may have 1000, 600 and 300 MB of address space."""

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
MAY_ANSWER = (0, 8, 14, 4)  # RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_…

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

for limit in (1000, 600, 300):
    what = "with %d MB of address space" % limit
    daemon = stress.Daemon(models, address_space=limit << 20, wait=False)
    if not daemon.wait_serving(10):
        log = daemon.log().strip().splitlines()
        daemon.process.wait()
        code = daemon.process.returncode
        # To say clearly that this is too little is as good as to serve.
        stress.judge(9, "at its start " + what,
                     code == 1 and "memory" in log[-1],
                     "exit code %d, %s" % (code, log[-1][:200] if log else ""),
                     "serves, or exit code 1 and a line that tells why")
        continue
    crowd = stress.Caller(daemon.address, stress.RUN,
                          stress.sum_request(8 << 20), "--callers", 64,
                          "--seconds", 3, "--connections", 64, "--deadline", 4)
    calls = crowd.wait()
    alive = daemon.alive()
    log = daemon.log().strip().splitlines()
    stress.judge(9, "64 callers with 8 MB each, " + what, alive and all(
        c.code in MAY_ANSWER for c in calls), "%s; %s" % (
            stress.codes(calls), "it lives" if alive else
            "it has died (%d): %s" % (daemon.process.wait(),
                                      log[-1][:200] if log else "")),
        "it lives, codes of overload")
    if alive:
        stress.judge_wait(9, "afterwards, %s, a new client is served" % what,
                          stress.serves_again(daemon, time.monotonic(), 5))
        stress.judge_term(9, daemon)
stress.end()
