#!/usr/bin/env python3
"""What of these attacks is quick and certain, for the ordinary tests: no bar is
about a time. small.py BUILD_FOLDER."""

import time

import http2
import stress

PATIENCE = 60  # seconds: what does not come by then does not come
LARGE = 16 << 20
field = stress.field


def judge_served(finding, claim, daemon, method, request=b""):
    """Whether a new client that tries again has an answer in the end."""
    right = stress.serves_again(daemon, time.monotonic(), PATIENCE,
                                ((method, request),)) < PATIENCE
    stress.judge(finding, claim, right, "answered" if right else "not answered",
                 "answered")


def begin_many(daemon, method, request, count, connections):
    out = [http2.Connection(daemon.address, window=0)
           for _ in range(connections)]
    for number in range(count):
        connection = out[number % connections]
        connection.take_room(len(request) + 5, time.monotonic() + PATIENCE)
        connection.begin(method, request)
    return out


def idle_connections():
    stress.many_descriptors()
    daemon = stress.Daemon({"add": stress.model("add")}, nofile=200)
    idle = []
    while len(idle) < 300:
        try:
            idle.append(http2.connect_socket(daemon.address))
        except OSError:
            break
    for connection in idle:
        connection.close()
    judge_served(1, "after more connections than descriptors ListModels",
                 daemon, stress.LIST_MODELS)
    return daemon


def unread_streams():
    daemon = stress.Daemon({"add": stress.model("add"),
                            "bytes": stress.model("bytes")})
    begin_many(daemon, stress.GET_GRAPH, field(1, "bytes"), 40, 4)
    begin_many(daemon, stress.READ_VARIABLES, field(1, "add"), 40, 4)
    status = http2.Connection(daemon.address).call(
        stress.RESTORE, field(1, "add"), PATIENCE)[0]
    stress.judge(4, "a restore beside streams that are not read", status == 0,
                 status, "OK")
    return daemon


def watches():
    daemon = stress.Daemon({"add": stress.model("add")})
    watching = begin_many(daemon, stress.WATCH, b"", 1000, 4)
    admin = http2.Connection(daemon.address)
    codes = {admin.call(stress.RESTORE, field(1, "add"), PATIENCE)[0]
             for _ in range(20)}
    stress.judge(10, "restores beside 1000 watches", codes == {0}, codes, "OK")
    refused = sum(len(connection.statuses) for connection in watching)
    stress.judge(10, "watches that were refused", refused > 0, refused,
                 "some: they are bounded")
    for connection in watching:
        connection.close()
    judge_served(10, "a run afterwards", daemon, stress.RUN,
                 stress.add_request())
    return daemon


def killed_clients():
    """Ends in the midst of a request, of an answer, of a run."""
    daemon = stress.Daemon({"bytes": stress.model("bytes"),
                            "slow": stress.model("slow")})
    for number in range(60):
        connection = http2.Connection(daemon.address, window=0)
        if number % 3 == 0:
            connection.begin(stress.RUN, stress.fill_request(LARGE // 4))
        elif number % 3 == 1:
            connection.begin(stress.RUN, stress.slow_request(1000))
        else:
            stream = connection.new_stream()
            connection.send(
                http2.frame(http2.HEADERS, http2.END_HEADERS, stream,
                            http2.header_block(stress.RUN)) +
                http2.frame(http2.DATA, 0, stream, b"\0\1\0\0\0half"))
        connection.close()
    judge_served("kills", "a run after clients were killed", daemon,
                 stress.RUN, stress.slow_request(1))
    return daemon


for check in (idle_connections, unread_streams, watches, killed_clients):
    daemon = check()
    seconds, code = daemon.term(PATIENCE)
    stress.judge(check.__name__, "TERM ends it", code == 0,
                 "exit code %d" % code, "exit code 0")
stress.end()
