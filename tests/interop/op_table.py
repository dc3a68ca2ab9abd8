"""Writes core/op/op_table.inc: what real TensorFlow declares of ops.

    op_table.py core/op/op_table.inc [OP ...]

Renews the rows that the file has and adds rows for the OPs named. Run it when
core/kernels/ gains an op.
"""

import os
import re
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from tensorflow.core.framework import op_def_pb2, types_pb2
from tensorflow.python.client import pywrap_tf_session

# Sets that many ops allow, in TensorFlow's order, which its errors show.
SETS = {
    "NUMBERS": "float double int32 uint8 int16 int8 complex64 int64 qint8 quint8 qint32 bfloat16 "
               "qint16 quint16 uint16 complex128 half uint32 uint64",
    "REALS": "float double int32 uint8 int16 int8 int64 bfloat16 uint16 half uint32 uint64",
    "FLOATS": "half bfloat16 float double",
    "INDICES": "int32 int64",
}
HEAD = """\
// Written by tests/interop/op_table.py from TensorFlow's registry: name, inputs,
// outputs, attributes, flags, as OpBuilder reads them. Sorted by name.
"""


def all_ops():
    data = pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
    return {op.name: op for op in op_def_pb2.OpList.FromString(data).op}


def dtype_name(number):
    return types_pb2.DataType.Name(number)[3:].lower()


def argument(arg):
    text = (dtype_name(arg.type) if arg.type else arg.type_attr or arg.type_list_attr)
    if arg.number_attr:
        text = f"{arg.number_attr} * {text}"
    return f"{arg.name}: Ref({text})" if arg.is_ref else f"{arg.name}: {text}"


def quoted(data):
    return f"'{data.decode()}'"


def scalar(kind, value):
    if kind == "shape":
        assert not value.shape.dim
        return "{}" if value.shape.unknown_rank else "[]"
    field = {"string": "s", "int": "i", "float": "f", "bool": "b", "type": "type"}[kind]
    found = getattr(value, field)
    return {"string": quoted, "type": dtype_name, "bool": lambda b: str(b).lower(),
            "float": lambda f: f"{f:.7g}", "int": str}[kind](found)


def default(kind, value):
    item = re.fullmatch(r"list\((\w+)\)", kind)
    if not item:
        return scalar(kind, value)
    field = {"string": "s", "int": "i", "float": "f", "bool": "b", "type": "type",
             "shape": "shape", "func": "func"}[item[1]]
    items = getattr(value.list, field)
    show = {"string": quoted, "type": dtype_name, "bool": lambda b: str(b).lower()}.get(item[1], str)
    return "[" + ", ".join(show(i) for i in items) + "]"


def attribute(attr):
    kind = attr.type
    allowed = attr.allowed_values.list
    if allowed.type or allowed.s:
        names = ", ".join([dtype_name(t) for t in allowed.type] or [quoted(s) for s in allowed.s])
        names = {", ".join(v.split()): f'" {k} "' for k, v in SETS.items()}.get(names, names)
        kind = f"list({{{names}}})" if kind.startswith("list(") else f"{{{names}}}"
    text = f"{attr.name}: {kind}"
    if attr.has_minimum:
        text += f" >= {attr.minimum}"
    if attr.HasField("default_value"):
        text += " = " + default(attr.type, attr.default_value)
    assert " | " not in text, text
    return text


def row(op):
    flags = [f for f in ("commutative", "aggregate", "stateful") if getattr(op, "is_" + f)]
    if op.allows_uninitialized_input:
        flags.append("uninitialized")
    parts = [op.name, ", ".join(map(argument, op.input_arg)), ", ".join(map(argument, op.output_arg)),
             " | ".join(map(attribute, op.attr)), " ".join(flags)]
    return "{" + ", ".join('"' + p.replace("\n", "\\n") + '"' for p in parts) + "},\n"


def main():
    path, names = sys.argv[1], set(sys.argv[2:])
    if os.path.exists(path):
        with open(path) as file:
            names |= set(re.findall(r'^\{"(\w+)"', file.read(), re.M))
    ops = all_ops()
    for name in sorted(names - ops.keys()):
        sys.exit(f"TensorFlow has no op {name}")
    with open(path, "w") as file:
        file.write(HEAD)
        for key, value in SETS.items():
            file.write(f'#define {key} "{", ".join(value.split())}"\n')
        for name in sorted(names):
            file.write(row(ops[name]))
        for key in SETS:
            file.write(f"#undef {key}\n")


main()
