"""What the scripts of tests/stress share: a daemon to attack, clients that
behave, and the lines that tell how it went.

Usage of every script: SCRIPT [BUILD_FOLDER]; exit code 0 if all bars hold,
1 if not.
"""

import atexit
import collections
import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import http2

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else
                        os.path.join(HERE, "../../build/release"))
EXAMPLE = os.path.join(HERE, "../../deploy/example/model")
RUN = "/metagraph.v1.Inference/Run"
LIST_MODELS = "/metagraph.v1.Inspect/ListModels"
READ_VARIABLES = "/metagraph.v1.Inspect/ReadVariables"
GET_GRAPH = "/metagraph.v1.Inspect/GetGraph"
WATCH = "/metagraph.v1.Inspect/Watch"
LOAD = "/metagraph.v1.Admin/LoadModel"
UNLOAD = "/metagraph.v1.Admin/UnloadModel"
SAVE = "/metagraph.v1.Admin/Save"
EXTEND = "/metagraph.v1.Admin/ExtendGraph"
RESTORE = "/metagraph.v1.Admin/Restore"
HEALTH = "/grpc.health.v1.Health/Check"
CODES = ("OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND "
         "ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED "
         "FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL "
         "UNAVAILABLE DATA_LOSS UNAUTHENTICATED").split()
MOST_RESIDENT_MB = 1500
DRAIN_TIMEOUT = 5
# Ending takes some time of its own beyond what the drain may take.
ENDING = 1

# In memory where that can be: bars are not about disks.
work = tempfile.mkdtemp(prefix="stress.", dir=os.environ.get(
    "TMPDIR", "/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
atexit.register(shutil.rmtree, work, ignore_errors=True)


# --- Messages, as far as they are needed: fields by their numbers. ---

def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(values, code="f", dtype=1, scalar=False):
    """A TensorProto; bytes as values are its content."""
    content = values if isinstance(values, bytes) else struct.pack(
        "<%d%s" % (len(values), code), *values)
    shape = b"" if scalar else field(2, field(1, len(content) // 4))
    return field(1, dtype) + field(2, shape) + field(4, content)


def run_request(model, feeds, fetch=(), target=()):
    out = field(1, model)
    for name, value in feeds.items():
        out += field(3, field(1, name) + field(2, value))
    for name in fetch:
        out += field(4, name)
    for name in target:
        out += field(5, name)
    return out


def add_request(model="add"):
    return run_request(model, {"W3:0": tensor([1, 2, 3, 4])}, ["add1:0"])


def fill_request(elements):
    return run_request(
        "bytes", {"n:0": tensor([elements], "i", 3, scalar=True)}, ["z:0"])


def sum_request(size):
    """A feed of so many bytes."""
    return run_request("bytes", {"x:0": tensor(bytes(size))}, ["y:0"])


def slow_request(turns, model="slow"):
    return run_request(
        model, {"turns:0": tensor([turns], "i", 3, scalar=True)}, ["y:0"])


# --- Models ---

def model(name):
    """A folder of its own with one of the models beside this file, or with
    the example (add)."""
    folder = tempfile.mkdtemp(prefix=name + ".", dir=work)
    source = EXAMPLE if name == "add" else os.path.join(HERE, "models", name)
    shutil.copytree(source, folder, dirs_exist_ok=True)
    return folder


def served(daemon, name):
    """The checkpoint that a model has, as ListModels tells."""
    models = json.loads(must(ctl(daemon, "--output", "json", "models")))
    for one in models.get("models", []):
        if one.get("name") == name:
            return one.get("checkpoint", "")
    return ""


def turns_for(daemon, seconds):
    """Turns of the model `slow` that take about so long on this machine now."""
    turns = 100
    took = 0
    while took < 0.05:
        turns *= 2
        took = min(call.milliseconds for call in Caller(
            daemon.address, RUN, slow_request(turns), "--callers", 1,
            "--seconds", 0.3).wait()) / 1e3
    return max(1, int(turns * seconds / took))


def ctl(daemon, *words, timeout=60, address=None):
    """metagraphctl: (exit code, what it printed); 124: not done in time."""
    command = [os.path.join(BUILD, "client/metagraphctl"), "--server",
               address or daemon.address, *words]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              timeout=timeout)
    except subprocess.TimeoutExpired:
        return 124, "not done in %s s" % timeout
    return done.returncode, done.stdout.strip()


def must(result):
    code, output = result
    if code != 0:
        sys.exit("expected to work: " + output)
    return output


# --- Processes ---

def _in_child(limits, group=None):
    if group:
        with open(os.path.join(group, "cgroup.procs"), "w") as file:
            file.write("0")
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    for what, value in limits.items():
        resource.setrlimit(what, (value, value))


def has_flag(name):
    """Whether this daemon knows the flag."""
    return "--%s " % name in subprocess.run(
        [os.path.join(BUILD, "server/metagraphd"), "--help"],
        stdout=subprocess.PIPE, text=True).stdout


@contextlib.contextmanager
def control_group(memory):
    """The folder of one that may have so many bytes, version 1 or 2; None where
    none can be made."""
    name = "stress.%d" % os.getpid()
    for root, file in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                       ("/sys/fs/cgroup", "memory.max")):
        folder = os.path.join(root, name)
        try:
            os.mkdir(folder)
        except OSError:
            continue
        try:
            with open(os.path.join(folder, file), "r+") as limit:
                limit.write(str(memory))
        except OSError:
            os.rmdir(folder)
            continue
        try:
            yield folder
        finally:
            # Its last process may still be leaving.
            for _ in range(100):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
                    break
                time.sleep(0.05)
        return
    yield None


def many_descriptors():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Daemon:
    """metagraphd with models {name: folder} and flags. address_space: in
    bytes; nofile: of descriptors. Waits until it serves unless told not to."""

    def __init__(self, models=None, *flags, address_space=8 << 30,
                 nofile=None, listen=("127.0.0.1:0",), wait=True,
                 environment=None, drain_timeout=DRAIN_TIMEOUT,
                 metrics="off", group=None):
        folder = tempfile.mkdtemp(prefix="daemon.", dir=work)
        self.port_file = os.path.join(folder, "port")
        self.log_file = os.path.join(folder, "log")
        command = [os.path.join(BUILD, "server/metagraphd"),
                   "--metrics_listen", metrics,
                   "--port_file", self.port_file,
                   "--drain_timeout", "%ss" % drain_timeout]
        for name, path in (models or {}).items():
            command += ["--model", "%s=%s" % (name, path)]
        for address in listen:
            command += ["--listen", address]
        command += flags
        limits = {resource.RLIMIT_AS: address_space,
                  resource.RLIMIT_CORE: 0}
        if nofile:
            limits[resource.RLIMIT_NOFILE] = nofile
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log,
                env=dict(os.environ, **(environment or {})),
                preexec_fn=lambda: _in_child(limits, group))
        self.addresses = []
        atexit.register(self.kill)
        if wait and not self.wait_serving(60):
            sys.exit("the daemon does not serve:\n" + self.log())

    @property
    def address(self):
        return self.addresses[0]

    def log(self):
        with open(self.log_file, errors="replace") as log:
            return log.read()

    def wait_serving(self, timeout):
        end = time.monotonic() + timeout
        while time.monotonic() < end and self.alive():
            with contextlib.suppress(FileNotFoundError):
                with open(self.port_file) as file:
                    self.addresses = file.read().split()
                if self.addresses:
                    return True
            time.sleep(0.01)
        return False

    def alive(self):
        return self.process.poll() is None

    def _status(self, key):
        with contextlib.suppress(OSError):
            with open("/proc/%d/status" % self.process.pid) as file:
                for line in file:
                    if line.startswith(key + ":"):
                        return int(line.split()[1])
        return 0

    def resident_mb(self):
        return self._status("VmRSS") / 1024

    def peak_mb(self):
        return self._status("VmHWM") / 1024

    def threads(self):
        return self._status("Threads")

    def descriptors(self):
        with contextlib.suppress(OSError):
            return len(os.listdir("/proc/%d/fd" % self.process.pid))
        return 0

    def term(self, at_most=10):
        """Seconds from TERM until it has ended, and its exit code; it is
        killed (exit code -9) when it takes longer than at_most."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(at_most)
        seconds = time.monotonic() - start
        self.kill()
        return seconds, self.process.returncode

    def kill(self):
        if self.alive():
            self.process.kill()
            self.process.wait()


Call = collections.namedtuple("Call", "start milliseconds code")


class Caller:
    """The program beside this file: calls in a process of its own; its words
    are in caller.cc."""

    def __init__(self, address, method, request, *words):
        self.calls = []
        file = tempfile.NamedTemporaryFile(dir=work, delete=False)
        file.write(request)
        file.close()
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tests/stress/caller"), address, method,
             file.name, *map(str, words)], stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL, preexec_fn=lambda: _in_child({}))
        atexit.register(self.stop)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            words = line.split()
            if len(words) == 3 and line.endswith("\n"):
                self.calls.append(Call(float(words[0]), float(words[1]),
                                       int(words[2])))

    def wait(self):
        """All calls, when the program has ended by itself."""
        self.process.wait()
        self._reader.join()
        return self.calls

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait()


class Probe:
    """A client that behaves: a call each 100 ms, over one connection, or over
    a new one each time."""

    def __init__(self, address, method, request, fresh=False, rate=10):
        self._rate = rate
        words = ["--rate", rate, "--seconds", 600, "--deadline", 30]
        self._caller = Caller(address, method, request,
                              *(words + (["--fresh"] if fresh else [])))

    def stop(self):
        self._caller.stop()

    def calls(self, since=0, until=float("inf")):
        return [c for c in list(self._caller.calls)
                if since <= c.start < until]

    def longest_wait(self, since, until):
        """Of those who wanted an answer then, and called again when theirs
        failed: seconds of the one who waited longest."""
        calls = sorted(list(self._caller.calls))
        now = time.monotonic()
        if not calls:
            return now - since
        first = calls[0].start
        done = {round((c.start - first) * self._rate): c for c in calls}
        last = int((now - first) * self._rate)
        longest = 0
        wait = {}
        for number in range(last, -1, -1):
            start = first + number / self._rate
            call = done.get(number)
            if call is None:  # still waits
                wait[number] = now - start
            elif call.code == 0:
                wait[number] = call.milliseconds / 1e3
            else:
                failed = call.milliseconds / 1e3
                again = number + 1 + int(failed * self._rate)
                wait[number] = (again - number) / self._rate + wait.get(again, 0)
            if since <= start < until:
                longest = max(longest, wait[number])
        return longest


def serves_again(daemon, since, within=15, methods=None):
    """Seconds from `since` until a new client has an answer to each of
    ListModels, health and a run; `within` if that is not so in time."""
    methods = methods or ((LIST_MODELS, b""), (HEALTH, b""),
                          (RUN, add_request()))
    for method, request in methods:
        while True:
            left = since + within - time.monotonic()
            if left <= 0:
                return within
            with contextlib.suppress(OSError):
                connection = http2.Connection(daemon.address)
                status = connection.call(method, request, left)[0]
                connection.close()
                if status == 0:
                    break
            time.sleep(0.02)
    return time.monotonic() - since


# --- What is told ---

_failed = False
_start = time.monotonic()


def judge(finding, claim, right, figure, bar):
    global _failed
    _failed = _failed or not right
    print("%s finding %s: %s: %s (%s)" % ("ok    " if right else "FAILED",
                                          finding, claim, figure, bar),
          flush=True)


def judge_wait(finding, claim, seconds, bar=1.0):
    judge(finding, claim, seconds <= bar, "%.2f s" % seconds,
          "at most %g s" % bar)


def judge_memory(finding, daemon, when="resident at most"):
    peak = daemon.peak_mb()
    judge(finding, when, peak <= MOST_RESIDENT_MB and daemon.alive(),
          "%.0f MB" % peak if daemon.alive() else "it has died",
          "at most %d MB" % MOST_RESIDENT_MB)


def judge_term(finding, daemon, claim="TERM ends it",
               bar=DRAIN_TIMEOUT + ENDING):
    seconds, code = daemon.term()
    judge(finding, claim, seconds <= bar and code == 0,
          "%.1f s, exit code %d" % (seconds, code),
          "at most %g s, exit code 0" % bar)


def judge_again(finding, daemon, when, bar=1.0):
    judge_wait(finding, "%s a new client is served" % when,
               serves_again(daemon, time.monotonic(), 10), bar)


class Watchers:
    """The probes that stand beside an attack."""

    def __init__(self, daemon, run=None, address=None):
        address = address or daemon.address
        self._daemon = daemon
        self._probes = {"ListModels": Probe(address, LIST_MODELS, b""),
                        "health": Probe(address, HEALTH, b"")}
        if run:
            self._probes["a run"] = Probe(address, RUN, run)
        time.sleep(0.5)  # they are connected then
        self._start = time.monotonic()

    def begin(self):
        self._start = time.monotonic()

    def judge(self, finding, attack, also_runs=False):
        """How long they waited since begin() until now."""
        end = time.monotonic()
        time.sleep(0.2)
        for name, probe in self._probes.items():
            if name == "a run" and not also_runs:
                continue
            judge_wait(finding, "%s, beside %s, waited at most" % (
                name, attack), probe.longest_wait(self._start, end))

    def stop(self):
        for probe in self._probes.values():
            probe.stop()


def or_stop(work, stop):
    """The work, which says why and stops the others when it breaks."""
    def out():
        try:
            work()
        except Exception:
            if not stop.is_set():
                traceback.print_exc()
            stop.set()
    return out


def codes(calls):
    """"OK 12, UNAVAILABLE 3" """
    counts = collections.Counter(c.code if isinstance(c, Call) else c
                                 for c in calls)
    return ", ".join("%s %d" % (CODES[code] if isinstance(code, int) else code,
                                count)
                     for code, count in counts.most_common()) or "no calls"


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else 0


def end():
    print("       took %.0f s, load of the machine %.1f" % (
        time.monotonic() - _start, os.getloadavg()[0]))
    sys.exit(_failed)
