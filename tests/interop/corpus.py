"""Finds checkpoints that others wrote, and what TensorFlow reads of them."""

import csv
import glob
import os
import re
import sys

import numpy as np
import tensorflow.compat.v1 as tf

# What INDEX.tsv says of a model whose checkpoint is all there.
COMPLETE = ("complete", "weights only")
TABLE_END = bytes.fromhex("57fb808b247547db")


def shared_folder(path):
    """`path` if the corpus is there; else says so and ends the script well."""
    if not os.path.exists(os.path.join(path, "corpus", "INDEX.tsv")):
        print("%s: skipped, there is no corpus in %s"
              % (os.path.basename(sys.argv[0]), path))
        sys.exit(0)
    return path


def prefixes_in(folder):
    """The prefixes of all checkpoints below a folder, with or without data."""
    found = set()
    for path in glob.glob(os.path.join(folder, "**"), recursive=True):
        if path.endswith(".index"):
            found.add(path[:-len(".index")])
        elif os.path.isfile(path):
            with open(path, "rb") as f:  # format V1: the file is a table itself
                f.seek(max(0, os.path.getsize(path) - len(TABLE_END)))
                if f.read() == TABLE_END:
                    found.add(re.sub(r"-\d{5}-of-(\d{5})$", r"-?????-of-\1",
                                     path))
    return sorted(found)


def models(shared):
    """Yields (name, status, folder, prefixes) of every model of the corpus."""
    with open(os.path.join(shared, "corpus", "INDEX.tsv"), newline="") as f:
        rows = list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))
    for row in rows:
        folder = os.path.join(shared, "corpus", "models", row["model"])
        yield row["model"], row["status"], folder, prefixes_in(folder)


def read(prefix):
    """What TensorFlow reads: (dtype, shape, bytes) by name.

    What it does not read is an OpError or ValueError.
    """
    reader = tf.train.load_checkpoint(prefix)
    out = {}
    for name, dtype in reader.get_variable_to_dtype_map().items():
        try:
            value = reader.get_tensor(name)
        except tf.errors.UnimplementedError:
            # Of format V1 the reader knows few dtypes and no slices; the op of
            # graphs knows all.
            with tf.Graph().as_default(), tf.Session() as session:
                value, = session.run(tf.raw_ops.RestoreV2(
                    prefix=prefix, tensor_names=[name],
                    shape_and_slices=[""], dtypes=[dtype]))
        except tf.errors.OpError as error:
            raise ValueError("%s: %s" % (name, error)) from error
        out[name] = (dtype,) + shape_and_bytes(value)
    return out


def shape_and_bytes(value):
    """A string counts as its length in 8 bytes, then its own bytes."""
    if isinstance(value, bytes):
        value = np.array(value, object)
    value = np.asarray(value)
    if value.dtype != object:
        return list(value.shape), value.tobytes()
    return list(value.shape), b"".join(
        len(x).to_bytes(8, "little") + x for x in value.ravel())
