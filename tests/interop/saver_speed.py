"""Restore and save of a large checkpoint: the daemon against TensorFlow's Saver.

    saver_speed.py METAGRAPHD METAGRAPHCTL [MEBIBYTES]        default 1024

Rounds alternate. The daemon is asked by metagraphctl, whose own start is part of
its figures. TensorFlow's save is followed by an fsync of its files, since the
daemon's save is durable when it returns. A benchmark: it reports, nothing fails.
"""

import os
import statistics
import sys
import tempfile
import time

import numpy as np
import tensorflow as tf

from daemon import Daemon

tf1 = tf.compat.v1
VARIABLES = 200
ROUNDS = 7


def seconds(work):
    start = time.monotonic()
    work()
    return time.monotonic() - start


def sync(folder):
    for name in os.listdir(folder):
        fd = os.open(os.path.join(folder, name), os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)


def report(what, times):
    ours, theirs = (statistics.median(t) for t in zip(*times))
    ratio = statistics.median(a / b for a, b in times)
    print("%-40s %.3f s, TensorFlow %.3f s, ratio %.2f" %
          (what, ours, theirs, ratio), flush=True)


def main(daemon, ctl, mebibytes=1024):
    tf1.disable_v2_behavior()
    rows = int(mebibytes) * 2**20 // (VARIABLES * 4000)
    with tempfile.TemporaryDirectory(dir=".") as work:
        folder = os.path.join(work, "model")
        for i in range(VARIABLES):
            tf1.get_variable("v%03d" % i, [rows, 1000],
                             initializer=tf1.zeros_initializer())
        saver = tf1.train.Saver()
        with tf1.Session() as session:
            for variable in tf1.global_variables():
                variable.load(
                    np.random.rand(rows, 1000).astype(np.float32), session)
            prefix = saver.save(session, os.path.join(folder, "model"))
            sync(folder)

            def their_save():
                out = os.path.join(work, "theirs")
                saver.save(session, os.path.join(out, "model"))
                sync(out)

            with Daemon(daemon, ctl, folder,
                        os.path.join(work, "port")) as server:
                restores, saves = [], []
                for _ in range(ROUNDS):
                    restores.append((
                        seconds(lambda: server.ctl("restore", "m", quiet=True)),
                        seconds(lambda: saver.restore(session, prefix))))
                    saves.append((
                        seconds(lambda: server.ctl(
                            "save", "m", os.path.join(os.path.abspath(work),
                                                      "ours", "model"),
                            quiet=True)), seconds(their_save)))
        size = os.path.getsize(prefix + ".data-00000-of-00001") / 2**20
        report("restore of %d MiB" % size, restores)
        report("save and sync of %d MiB" % size, saves)


main(*sys.argv[1:])
