"""The daemon for a while, and metagraphctl to talk to it."""

import os
import signal
import subprocess
import sys


class Daemon:
    """Serves `folder` as "m" inside a with block; drains at its end."""

    def __init__(self, daemon, ctl, folder, port_file):
        self.command = [daemon, "--model", "m=" + folder, "--listen",
                        "127.0.0.1:0", "--port_file", port_file]
        self.ctl_path = ctl
        self.port_file = port_file

    def __enter__(self):
        self.process = subprocess.Popen(self.command,
                                        stderr=subprocess.DEVNULL)
        while not os.path.exists(self.port_file):
            if self.process.poll() is not None:
                sys.exit("the daemon ended")
        with open(self.port_file) as f:
            self.address = f.readline().strip()
        return self

    def ctl(self, *words):
        """Runs metagraphctl; its standard output. Fails if it fails."""
        print("$ metagraphctl", *words, flush=True)
        done = subprocess.run([self.ctl_path, "--server", self.address, *words],
                              check=True, stdout=subprocess.PIPE, text=True)
        print(done.stdout, end="", flush=True)
        return done.stdout

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait()
        os.remove(self.port_file)
        assert code == 0, "the daemon did not drain"
