"""The daemon for a while, and metagraphctl to talk to it."""

import os
import signal
import subprocess


class DaemonError(Exception):
    """What the daemon or metagraphctl said when it failed."""


class Daemon:
    """Serves `folder` as "m" inside a with block; drains at its end."""

    def __init__(self, daemon, ctl, folder, port_file):
        self.command = [daemon, "--model", "m=" + folder, "--listen",
                        "127.0.0.1:0", "--port_file", port_file]
        self.ctl_path = ctl
        self.port_file = port_file
        self.log_file = port_file + ".log"

    def __enter__(self):
        with open(self.log_file, "w") as log:
            self.process = subprocess.Popen(self.command, stderr=log)
        while not os.path.exists(self.port_file):
            if self.process.poll() is not None:
                with open(self.log_file) as log:
                    raise DaemonError("the daemon ended: " + log.read())
        with open(self.port_file) as f:
            self.address = f.readline().strip()
        return self

    def ctl(self, *words, quiet=False):
        """Runs metagraphctl; its standard output."""
        if not quiet:
            print("$ metagraphctl", *words, flush=True)
        done = subprocess.run([self.ctl_path, "--server", self.address, *words],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise DaemonError("metagraphctl: " + done.stderr)
        if not quiet:
            print(done.stdout, end="", flush=True)
        return done.stdout

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait()
        os.remove(self.port_file)
        if code != 0:
            raise DaemonError("the daemon did not drain: exit code %d" % code)
