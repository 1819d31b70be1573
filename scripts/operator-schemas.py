"""
Writes src/onnx/schema/operators.ts: for every operator of ai.onnx and ai.onnx.ml, and every operator set since 7, which inputs, outputs and attributes
it has and which types they may be. What src/onnx/schemas.ts reads, and what is written there, is said in that file.

    pip install onnx==1.23.1
    python3 scripts/operator-schemas.py
"""

from collections import Counter, defaultdict
from pathlib import Path
import re

import onnx
from onnx import defs

OLDEST = 7
DOMAINS = {"": "", "ai.onnx.ml": "ai.onnx.ml."}
# The names of TensorProto.DataType in types; letter n of the alphabet is type n.
NAMES = (
    "float uint8 int8 uint16 int16 int32 int64 string bool float16 double uint32 uint64 complex64 complex128 bfloat16 float8e4m3fn "
    "float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1 float8e8m0 uint2 int2"
).split()
LETTERS = {name: chr(97 + i) for i, name in enumerate(NAMES)}
KINDS = [r"tensor\((\w+)\)", r"seq\(tensor\((\w+)\)\)", r"optional\(tensor\((\w+)\)\)", r"optional\(seq\(tensor\((\w+)\)\)\)"]


def types(allowed):
    """Letters of tensors / sequences / optionals / optional sequences / "m" if maps are among them."""
    parts = ["".join(sorted(LETTERS.get(m[1], "") for t in allowed if (m := re.fullmatch(kind, t)))) for kind in KINDS]
    parts.append("m" if any("map(" in t for t in allowed) else "")
    return "/".join(parts).rstrip("/")


def place(parameter, named):
    name = parameter.type_str
    written = name if name in named else "=" + types([name])
    mark = {"Single": "", "Optional": "?", "Variadic": "*" if parameter.is_homogeneous else "+"}
    return written + mark[parameter.option.name]


def version(schema):
    if schema.deprecated:
        return ["-", "", ""]
    named = {c.type_param_str: types(c.allowed_type_strs) for c in schema.type_constraints}
    places = [",".join(place(p, named) for p in side) for side in (schema.inputs, schema.outputs)]
    used = {p.type_str for p in [*schema.inputs, *schema.outputs]}
    return [
        ">".join(places),
        ",".join(sorted(schema.attributes)),
        " ".join(f"{name}={allowed}" for name, allowed in sorted(named.items()) if name in used),
    ]


histories = defaultdict(list)
for schema in defs.get_all_schemas_with_history():
    if schema.domain in DOMAINS:
        histories[DOMAINS[schema.domain] + schema.name].append(schema)

lines = {}
for name, history in sorted(histories.items()):
    history.sort(key=lambda schema: schema.since_version)
    oldest = 1 if "." in name else OLDEST
    kept = [s for s, after in zip(history, [*history[1:], None]) if not after or after.since_version > oldest]
    if kept[0].deprecated and kept[0].since_version <= oldest:
        continue
    lines[name] = [[str(schema.since_version), *version(schema)] for schema in kept]

sets = Counter(s for versions in lines.values() for v in versions for s in re.findall(r"=([\w/]+)", v[3]))
common = [s for s, n in sorted(sets.items(), key=lambda item: (-item[1] * len(item[0]), item[0])) if n > 1 and len(s) > 3]


def shortened(text):
    return re.sub(r"=([\w/]+)", lambda m: f"#{common.index(m[1])}" if m[1] in common else m[0], text)


def said(versions):
    before = [None] * 4
    for now in versions:
        now[3] = shortened(now[3])
        yield ";".join([now[0], *("" if part == old and part else part or "-" for part, old in zip(now[1:], before[1:]))]).rstrip(";")
        before = now


rows = "\n".join(f"{name}|{'|'.join(said(versions))}" for name, versions in lines.items())
target = Path(__file__).parent.parent / "src/onnx/schema/operators.ts"
target.write_text(
    f"""// Made by scripts/operator-schemas.py from the schemas of ONNX {onnx.__version__} (https://github.com/onnx/onnx); how to read it: src/onnx/schemas.ts.

/** Sets of types that stand in {{@link OPERATORS}} by their number. */
export const TYPE_SETS =
  '{" ".join(common)}'

/** An operator a line. */
export const OPERATORS = `{rows}`
"""
)
