#!/usr/bin/env python3
"""Every checkpoint that we have of others, read by us and by TensorFlow.

Run by run.sh beside it: corpus_values.py CHECKPOINT_VALUES SHARED_FOLDER.
Compares name, dtype, shape and CRC-32C of every tensor of the models in
corpus/, a line for each model, and of the checkpoints in golden/. Where there
are no data files, both must refuse.
"""

import os
import struct
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow.compat.v1 as tf  # noqa: E402
from tensorflow.core.framework import types_pb2  # noqa: E402

import corpus  # noqa: E402

FAILURES = (ValueError, tf.errors.OpError)  # of reading
SCRATCH = tempfile.TemporaryDirectory()


def crc32c(data):
    """By TensorFlow's own code: a record file ends in its record's, masked."""
    path = os.path.join(SCRATCH.name, "record")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(data)
    with open(path, "rb") as f:
        f.seek(-4, os.SEEK_END)
        masked, = struct.unpack("<I", f.read())
    rotated = (masked - 0xA282EAD8) & 0xFFFFFFFF
    return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF


def by_tensorflow(prefix):
    """(dtype, shape, checksum) by name, as our tool prints them."""
    out = {}
    for name, (dtype, shape, data) in corpus.read(prefix).items():
        enum = types_pb2.DataType.Name(dtype.as_datatype_enum)
        out[name] = (enum.removeprefix("DT_").lower(),
                     "[%s]" % ",".join(map(str, shape)), "%08x" % crc32c(data))
    return out


def by_us(tool, prefix):
    done = subprocess.run([tool, prefix], capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(done.stderr.strip())
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return {name: tuple(rest) for name, *rest in lines}


def is_refused(read, prefix):
    try:
        read(prefix)
    except FAILURES:
        return True
    return False


def differences(tool, prefix):
    """(what TensorFlow reads, a line for each tensor read otherwise)."""
    theirs = {}
    try:
        theirs = by_tensorflow(prefix)
        ours = by_us(tool, prefix)
    except FAILURES as error:
        return theirs, [str(error)]
    return theirs, ["%s: TensorFlow reads %s, we %s"
                    % (name, theirs.get(name), ours.get(name))
                    for name in sorted(theirs.keys() | ours.keys())
                    if theirs.get(name) != ours.get(name)]


def main(tool, shared):
    shared = corpus.shared_folder(shared)
    bad = checked = tensors = refused = 0
    for model, status, _, prefixes in corpus.models(shared):
        if status not in corpus.COMPLETE:
            for prefix in prefixes:
                if (is_refused(by_tensorflow, prefix)
                        and is_refused(lambda p: by_us(tool, p), prefix)):
                    refused += 1
                else:
                    print("%s: DIFFERS: read though there is no data" % model)
                    bad += 1
            continue
        if not prefixes:
            print("%s: DIFFERS: no checkpoint found" % model)
            bad += 1
        for prefix in prefixes:
            theirs, wrong = differences(tool, prefix)
            # One checksum of all: of the lines that stand for the tensors.
            lines = "".join("%s %s %s %s\n" % ((name,) + theirs[name])
                            for name in sorted(theirs))
            print("%s: %d tensors, checksum %08x, %s"
                  % (model, len(theirs), crc32c(lines.encode()),
                     "DIFFERS" if wrong else "equal"))
            for line in wrong:
                print("  " + line)
            bad += bool(wrong)
            checked += 1
            tensors += len(theirs)

    golden = golden_tensors = 0
    for prefix in corpus.prefixes_in(os.path.join(shared, "golden")):
        # Cases that are damaged on purpose say so in their name.
        if "/broken_" in prefix:
            continue
        theirs, wrong = differences(tool, prefix)
        for line in wrong:
            print("%s: DIFFERS: %s" % (os.path.relpath(prefix, shared), line))
        bad += bool(wrong)
        golden += 1
        golden_tensors += len(theirs)

    print("TensorFlow %s and we read the same of %d checkpoints (%d tensors) "
          "of the corpus and %d (%d tensors) of the goldens; %d differ; "
          "%d without data refused by both"
          % (tf.__version__, checked, tensors, golden, golden_tensors, bad,
             refused))
    sys.exit(bad > 0 or checked == 0)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
