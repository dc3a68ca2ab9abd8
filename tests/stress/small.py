#!/usr/bin/env python3
"""What of these attacks is quick and certain, for the ordinary tests: no bar is
about a time. small.py BUILD_FOLDER."""

import os
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


def closed_window():
    daemon = stress.Daemon({"add": stress.model("add")})
    waiting = begin_many(daemon, stress.LIST_MODELS, b"", 1200, 6)
    waiting += begin_many(daemon, stress.RUN, stress.add_request(), 1200, 6)
    judge_served(2, "ListModels beside answers that are not taken", daemon,
                 stress.LIST_MODELS)
    judge_served(2, "a run beside them", daemon, stress.RUN,
                 stress.add_request())
    for connection in waiting:
        connection.close()
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


def operators():
    daemon = stress.Daemon({"add": stress.model("add"),
                            "slow": stress.model("slow")},
                           "--max_inflight", "2")
    runs = http2.Connection(daemon.address)
    for _ in range(20):
        runs.begin(stress.RUN, stress.slow_request(2000))
    client = http2.Connection(daemon.address)
    codes = {client.call(method, request, PATIENCE)[0]
             for method, request in ((stress.LIST_MODELS, b""),
                                     (stress.HEALTH, b""),
                                     (stress.RESTORE, field(1, "add")))}
    stress.judge(8, "operators while there is room for no run", codes == {0},
                 codes, "OK")
    runs.close()
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


def unix_socket():
    path = os.path.join(stress.work, "socket")
    models = {"add": stress.model("add")}
    first = stress.Daemon(models, listen=("unix:" + path,))
    second = stress.Daemon(models, listen=("unix:" + path,), wait=False)
    stress.judge(12, "a second daemon on a socket in use",
                 not second.wait_serving(PATIENCE) and
                 second.process.wait() == 1, second.process.returncode,
                 "exit code 1")
    judge_served(12, "the first one afterwards", first, stress.LIST_MODELS)
    return first


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


for check in (idle_connections, closed_window, unread_streams, operators,
              watches, unix_socket, killed_clients):
    daemon = check()
    seconds, code = daemon.term(PATIENCE)
    stress.judge(check.__name__, "TERM ends it", code == 0,
                 "exit code %d" % code, "exit code 0")
stress.end()
