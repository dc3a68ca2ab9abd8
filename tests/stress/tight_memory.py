#!/usr/bin/env python3
"""New checkpoints in a watched folder, where the tensor budget holds two sets
of values and not the third, which is kept for a rollback."""

import os
import shutil
import time

import stress

STEPS = 5
SECONDS = 4  # for each; they are looked for twice a second

folder = stress.model("big")
maker = stress.Daemon({"big": folder})
stress.must(stress.ctl(maker, "init", "big"))
aside = os.path.join(stress.work, "aside")
os.mkdir(aside)
for step in range(1, STEPS + 1):
    stress.must(stress.ctl(maker, "save", "big", "--global-step", str(step),
                           "--keep", "-1"))
maker.term()
for name in os.listdir(folder):
    if name.startswith("model-") and not name.startswith("model-1."):
        shutil.move(os.path.join(folder, name), os.path.join(aside, name))


def newest(step):
    for name in os.listdir(aside):
        if name.startswith("model-%d." % step):
            shutil.copy(os.path.join(aside, name), os.path.join(folder, name))
    part = os.path.join(folder, ".state")
    with open(part, "w") as file:
        file.write('model_checkpoint_path: "model-%d"\n' % step)
    os.rename(part, os.path.join(folder, "checkpoint"))


newest(1)
daemon = stress.Daemon({"big": folder, "add": stress.model("add")},
                       "--watch", "0.5", "--max_tensor_memory", "160MiB")
served = 1
for step in range(2, STEPS + 1):
    newest(step)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if stress.served(daemon, "big").endswith("/model-%d" % step):
            served += 1
            break
        time.sleep(0.1)
stress.judge(5, "of %d checkpoints one after the other were served" % STEPS,
             served == STEPS, str(served), "all")
told = [line for line in daemon.log().splitlines()
        if "roll" in line and "not restored" not in line]
stress.judge(5, "the log tells what was given up", bool(told),
             told[-1] if told else "nothing", "a line about the rollback")
code, output = stress.ctl(daemon, "restore", "big")
stress.judge(5, "a restore that is asked for", code == 0, output, "works")
stress.judge_memory(5, daemon)
stress.judge_term(5, daemon)
stress.end()
