"""A gRPC client over a bare HTTP/2 connection, which behaves no better than it
is told to: it can leave windows shut, requests unfinished and answers unread.
"""

import collections
import socket
import struct
import threading
import time

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = (
    0, 1, 3, 4, 6, 7, 8)
END_STREAM = ACK = 1
END_HEADERS = 4
INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS = 4, 3
CANCEL = 8
DEFAULT_WINDOW = 65535
SEND_SECONDS = 2
# Not that of the clients that behave: whoever tells peers apart may do so.
OWN_HOST = "127.0.0.2"
LARGEST_WINDOW = (1 << 31) - 1


def frame(kind, flags, stream, payload=b""):
    size = len(payload)
    return struct.pack(">BHBBI", size >> 16, size & 0xFFFF, kind, flags,
                       stream) + payload


def header_block(method):
    """For every call of a method the same: nothing in it changes the tables
    of the connection."""
    out = bytearray()
    for name, value in ((":method", "POST"), (":scheme", "http"),
                        (":path", method), (":authority", "localhost"),
                        ("content-type", "application/grpc"),
                        ("te", "trailers")):
        out += bytes([0, len(name)]) + name.encode()
        out += bytes([len(value)]) + value.encode()
    return bytes(out)


def message(body):
    """A message as gRPC frames it."""
    return struct.pack(">BI", 0, len(body)) + body


def connect_socket(address):
    if address.startswith("unix:"):
        out = socket.socket(socket.AF_UNIX)
        out.connect(address[len("unix:"):])
        return out
    host, port = address.rsplit(":", 1)
    out = socket.create_connection((host, int(port)), timeout=5,
                                   source_address=(OWN_HOST, 0))
    out.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    out.settimeout(None)
    # To send to somebody who does not read fails after this time.
    out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                   struct.pack("ll", SEND_SECONDS, 0))
    return out


class Connection:
    """reads: whether what comes is read, by a thread of its own, and windows
    are opened again. pongs: whether pings are answered. window: that of the
    streams for answers."""

    def __init__(self, address, window=LARGEST_WINDOW, reads=True,
                 pongs=True):
        self.socket = connect_socket(address)
        self.closed = None  # why the peer is gone
        self.statuses = {}  # of a stream: its grpc-status, or "RST n"
        self.messages = {}  # of a stream: the words for its status
        self.bodies = collections.defaultdict(bytearray)
        self.keeps_bodies = True
        self._pongs = pongs
        self._decoder = hpack.Decoder()
        self._changed = threading.Condition()
        self._send_lock = threading.Lock()
        self._room = DEFAULT_WINDOW  # for data that we send
        self._room_of = {}
        self._initial_room = DEFAULT_WINDOW
        self.largest_streams = None  # as the peer says
        self._next = 1
        settings = struct.pack(">HI", INITIAL_WINDOW_SIZE, window)
        hello = PREFACE + frame(SETTINGS, 0, 0, settings)
        if reads:
            hello += frame(WINDOW_UPDATE, 0, 0,
                           struct.pack(">I", LARGEST_WINDOW - DEFAULT_WINDOW))
        self.send(hello)
        if reads:
            threading.Thread(target=self._read, daemon=True).start()

    def send(self, data):
        """False: the peer is gone."""
        try:
            with self._send_lock:
                self.socket.sendall(data)
            return True
        except OSError as error:
            self._end(str(error))
            return False

    def new_stream(self):
        self._next += 2
        return self._next - 2

    def begin(self, method, body):
        """Starts a call with a small message; returns its stream. The peer's
        windows are not asked."""
        stream = self.new_stream()
        self.send(frame(HEADERS, END_HEADERS, stream,
                        header_block(method)) +
                  frame(DATA, END_STREAM, stream, message(body)))
        return stream

    def take_room(self, size, deadline, stream=None, least=None):
        """Waits until the windows have room for so many bytes of data, or at
        least for so many less; returns how many were taken, 0 if not in
        time."""
        with self._changed:
            def room():
                if stream is None:
                    return self._room
                return min(self._room,
                           self._room_of.get(stream, self._initial_room))
            while room() < (least or size) and self.closed is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    return 0
                self._changed.wait(left)
            if self.closed is not None:
                return 0
            size = min(size, room())
            self._room -= size
            if stream is not None:
                self._room_of[stream] = self._room_of.get(
                    stream, self._initial_room) - size
            return size

    def finish(self, stream, timeout=10):
        """The status of a stream: a number, "RST n", "closed" or None where
        it has none in time."""
        end = time.monotonic() + timeout
        with self._changed:
            while stream not in self.statuses and self.closed is None:
                left = end - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)
            return self.statuses.get(stream, "closed")

    def call(self, method, body, timeout=10):
        """A unary call: (status, answer, words)."""
        stream = self.begin(method, body)
        status = self.finish(stream, timeout)
        answer = bytes(self.bodies.pop(stream, b""))[5:]
        self.statuses.pop(stream, None)
        return status, answer, self.messages.pop(stream, "")

    def forget(self, stream):
        """What has come for it, and is to come, interests nobody."""
        self.bodies.pop(stream, None)
        self.statuses.pop(stream, None)
        self.messages.pop(stream, None)

    def wait_closed(self, timeout):
        end = time.monotonic() + timeout
        with self._changed:
            while self.closed is None and time.monotonic() < end:
                self._changed.wait(end - time.monotonic())
            return self.closed is not None

    def close(self):
        self._end("closed here")
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def _end(self, why):
        with self._changed:
            if self.closed is None:
                self.closed = why
            self._changed.notify_all()

    def _read(self):
        buffer = bytearray()
        try:
            while True:
                got = self.socket.recv(1 << 16)
                if not got:
                    return self._end("end of stream")
                buffer += got
                at = 0
                replies = bytearray()
                with self._changed:
                    while len(buffer) - at >= 9:
                        high, low, kind, flags, stream = struct.unpack_from(
                            ">BHBBI", buffer, at)
                        size = (high << 16) | low
                        if len(buffer) - at < 9 + size:
                            break
                        payload = bytes(buffer[at + 9:at + 9 + size])
                        at += 9 + size
                        replies += self._take(kind, flags, stream, payload)
                    self._changed.notify_all()
                del buffer[:at]
                if replies:
                    self.send(bytes(replies))
        except (OSError, hpack.HPACKError) as error:
            self._end(str(error))

    # Returns what is to be answered.
    def _take(self, kind, flags, stream, payload):
        if kind == DATA:
            if self.keeps_bodies:
                self.bodies[stream] += payload
            if not payload:
                return b""
            more = struct.pack(">I", len(payload))
            return (frame(WINDOW_UPDATE, 0, 0, more) +
                    frame(WINDOW_UPDATE, 0, stream, more))
        if kind == HEADERS:
            fields = dict(self._decoder.decode(payload))
            if "grpc-status" in fields:
                self.statuses[stream] = int(fields["grpc-status"])
                if "grpc-message" in fields:
                    self.messages[stream] = fields["grpc-message"]
        elif kind == RST_STREAM:
            code = struct.unpack(">I", payload)[0]
            self.statuses.setdefault(stream, "RST %d" % code)
        elif kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack_from(">HI", payload, at)
                if name == INITIAL_WINDOW_SIZE:
                    change = value - self._initial_room
                    self._initial_room = value
                    for known in self._room_of:
                        self._room_of[known] += change
                elif name == MAX_CONCURRENT_STREAMS:
                    self.largest_streams = value
            return frame(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            return frame(PING, ACK, 0, payload) if self._pongs else b""
        elif kind == WINDOW_UPDATE:
            more = struct.unpack(">I", payload)[0]
            if stream == 0:
                self._room += more
            else:
                self._room_of[stream] = self._room_of.get(
                    stream, self._initial_room) + more
        elif kind == GOAWAY:
            self.goaway = payload[8:].decode(errors="replace")
        return b""
