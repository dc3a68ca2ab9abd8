#!/usr/bin/env python3
"""20000 streams of events, of which nothing is read, and 200 restores."""

import time

import http2
import stress

CONNECTIONS = 50
STREAMS = 400  # on each
RESTORES = 200
SECONDS = 10

daemon = stress.Daemon({"add": stress.model("add")})
watchers = stress.Watchers(daemon, stress.add_request())
connections = [http2.Connection(daemon.address, window=0)
               for _ in range(CONNECTIONS)]
for connection in connections:
    for _ in range(STREAMS):
        if not connection.take_room(5, time.monotonic() + 1):
            break
        connection.begin(stress.WATCH, b"")
time.sleep(1)
refused = sum(len(connection.statuses) for connection in connections)
admin = http2.Connection(daemon.address)
restored = 0
end = time.monotonic() + SECONDS
while restored < RESTORES and time.monotonic() < end:
    if admin.call(stress.RESTORE, stress.field(1, "add"))[0] == 0:
        restored += 1
watchers.judge(10, "%d watches (%d were refused)" % (
    CONNECTIONS * STREAMS, refused), also_runs=True)
stress.judge(10, "restores beside them", restored == RESTORES, str(restored),
             "%d in %d s" % (RESTORES, SECONDS))
stress.judge_memory(10, daemon)
over = time.monotonic()
for connection in connections:
    connection.close()
stress.judge_wait(10, "a new client is served after they closed",
                  stress.serves_again(daemon, over))
watch = http2.Connection(daemon.address)
stream = watch.begin(stress.WATCH, b"")
end = time.monotonic() + 2
while not watch.bodies.get(stream) and time.monotonic() < end:
    time.sleep(0.02)
stress.judge(10, "a new watch afterwards", bool(watch.bodies.get(stream)),
             "has events" if watch.bodies.get(stream) else "has none, %s" %
             watch.statuses.get(stream), "has events within 2 s")
watchers.stop()
stress.judge_term(10, daemon)
stress.end()
