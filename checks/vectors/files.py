"""Vectors in files: one JSON file for each op, its header as Project Wycheproof's, one test a line; a manifest counts.

What is read is looked at: a file whose checksum is not the manifest's, or that lacks what is needed, is refused.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from checks import ops
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Op, Problem
from checks.vectors import large, notation
from checks.vectors.expected import derivation
from checks.vectors.notes import EDGES, HEADER
from checks.vectors.pool import SEED, mistakes
from checks.vectors.vector import BOUNDED, ONCE, Choice, Expected, Given, Vector

SCHEMA = "gradoracle-vectors-1"
MANIFEST, SCHEMA_FILE, KILLS, LARGE = "manifest.json", "schema.json", "kills.md", "large"


def text_of(op: Op, vectors: Sequence[Vector]) -> str:
    """The file of an op."""
    sources = {m.name: m for m in mistakes(op)}
    notes = {
        flag: {"mistake": sources[flag].explanation, "source": sources[flag].source}
        for flag in sorted({f for v in vectors for f in v.flags})
    }
    notes |= {edge: {"edge": EDGES.get(edge, edge)} for edge in sorted({e for v in vectors for e in v.edges})}
    head = {
        "algorithm": op.name,
        "schema": SCHEMA,
        "generatorVersion": version("gradoracle"),
        "numberOfTests": len(vectors),
        "header": HEADER,
        "inputs": list(op.inputs),
        "differentiable": list(op.takes.differentiable),
        "defaults": _parameters(op.takes.defaults),
        "bound": derivation(op) if any(v.sums == BOUNDED for v in vectors) else None,
        "notes": notes,
    }
    lines = [_line(_test(v)) for v in vectors]
    opened = json.dumps(head, ensure_ascii=False, indent=1)[:-2]
    return f'{opened},\n "tests": [\n' + ",\n".join(lines) + "\n ]\n}\n"


def _line(what: Any) -> str:
    return json.dumps(what, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _test(vector: Vector) -> dict[str, Any]:
    """One test, as the file has it."""
    case, scale = vector.case, vector.scale
    inputs = {
        name: None if a is None else notation.written(a, scale=scale.get(name, 0))
        for name, a in zip(vector.op.inputs, case.inputs, strict=True)
    }
    once = vector.dtypes[0] if vector.sums == ONCE else None
    results: dict[str, Any] = {}
    for name, asked in vector.results.items():
        results[name] = notation.written(asked.values, unit=vector.unit, scale=scale.get(name, 0), dtype=once)
        if asked.bounds:
            results[name]["hex"] = [notation.hexadecimal(n) for n in asked.values.ravel().tolist()]
            results[name].pop("values", None)
            found = {d: [notation.hexadecimal(n) for n in b.ravel().tolist()] for d, b in asked.bounds.items()}
            results[name]["bound"] = found
        if asked.choices:
            results[name]["admissible"] = [_choice(choice, vector.unit) for choice in asked.choices]
    return {
        "id": vector.id,
        "flags": list(vector.flags),
        "edges": list(vector.edges),
        "dtypes": list(vector.dtypes),
        "sums": vector.sums,
        "unit": vector.unit,
        "scale": dict(scale),
        "parameters": _parameters(case.parameters),
        "inputs": inputs,
        "grad_output": notation.written(case.cotangent, scale=scale.get("grad_output", 0)),
        "results": results,
    }


def _choice(choice: Choice, unit: int) -> dict[str, Any]:
    low, high = ([_number(n * unit) for n in ends] for ends in (choice.low, choice.high))
    total = None if choice.total is None else _number(choice.total * unit)
    return {"elements": list(choice.elements), "low": low, "high": high, "total": total}


def _number(number: float) -> int | float:
    return int(number) if number == int(number) else number


def _parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()}


def read(path: Path) -> list[Vector]:
    """The vectors in a file; raises ValueError, in a sentence, for what is none."""
    given = loaded(path)
    try:
        if given["schema"] != SCHEMA:
            raise ValueError(f"{path} has schema {given['schema']!r}; expected {SCHEMA!r}")
        op = ops.find(str(given["algorithm"]))
        return [_vector(op, test) for test in given["tests"]]
    except (KeyError, TypeError, IndexError) as wrong:
        raise ValueError(f"{path} is no file of vectors: {type(wrong).__name__}: {wrong}") from wrong


def loaded(path: Path) -> Any:
    """What a JSON file holds; raises ValueError, in a sentence."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from error


def _vector(op: Op, test: Mapping[str, Any]) -> Vector:
    scale, unit = test["scale"], int(test["unit"])
    held = "float64" if test["sums"] != ONCE else str(test["dtypes"][0])
    storage = PRECISIONS[held].storage

    def array(name: str, given: Any) -> Array | None:
        if given is None:
            return None
        found = notation.read(given, scale=int(scale.get(name, 0)))
        return found.astype(given.get("dtype", storage))

    inputs = tuple(array(name, test["inputs"][name]) for name in op.inputs)
    cotangent = np.asarray(array("grad_output", test["grad_output"]))
    parameters = {n: tuple(v) if isinstance(v, list) else v for n, v in test["parameters"].items()}
    whole = test["sums"] != BOUNDED
    case = Case(op, inputs, parameters, cotangent, whole)
    shapes = {
        **{n: None if a is None else a.shape for n, a in zip(op.inputs, inputs, strict=True)},
        "y": cotangent.shape,
    }
    problem = Problem(op, shapes, parameters, held, int(test["id"]), small=whole and test["sums"] != ONCE)
    results = {n: _expected(r, unit, int(scale.get(n, 0))) for n, r in test["results"].items()}
    given = Given.of(problem, case, f"vector {test['id']}")
    lists = {n: tuple(map(str, test[n])) for n in ("dtypes", "flags", "edges")}
    return Vector(int(test["id"]), given, results, str(test["sums"]), unit=unit, scale=scale, **lists)


def _expected(given: Mapping[str, Any], unit: int, scale: int) -> Expected:
    values = notation.read(given, unit=unit, scale=scale)
    bounds = {d: notation.numbers(b).reshape(values.shape) for d, b in given.get("bound", {}).items()}
    choices = tuple(
        Choice(
            tuple(map(int, c["elements"])),
            tuple(n / unit for n in c["low"]),
            tuple(n / unit for n in c["high"]),
            None if c["total"] is None else c["total"] / unit,
        )
        for c in given.get("admissible", ())
    )
    return Expected(values, bounds, choices)


def entry(op: Op, vectors: Sequence[Vector], wide: int) -> dict[str, Any]:
    """What the manifest says of an op: how many tests it has, of each dtype, and how many of them catch each mistake."""
    return {
        "file": f"{op.name}.json",
        "tests": len(vectors),
        "dtypes": {d: n for d in PRECISIONS if (n := sum(d in v.dtypes for v in vectors))},
        "large": wide,
        "mistakes": _kills(op, vectors),
    }


def manifest(entries: Mapping[str, Any], folder: Path) -> str:
    """What stands beside the files of these ops: counts, checksums, versions, seed."""
    files = [SCHEMA_FILE, KILLS, *(e["file"] for e in entries.values())]
    files += [f"{LARGE}/{name}.safetensors" for name, e in entries.items() if e["large"]]
    made = {
        "schema": SCHEMA,
        "generatorVersion": version("gradoracle"),
        "seed": SEED,
        "versions": {"numpy": version("numpy"), "mpmath": version("mpmath")},
        "numberOfTests": sum(e["tests"] for e in entries.values()),
        "ops": {name: entries[name] for name in sorted(entries)},
        "sha256": {name: checksum(folder / name) for name in sorted(files)},
    }
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"


def checksum(path: Path) -> str:
    """SHA-256 of a file; raises ValueError, in a sentence, if it cannot be read."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error


def entries_in(folder: Path) -> dict[str, Any]:
    """What the manifest of a folder says of each op; raises ValueError, in a sentence, where it is none."""
    given = loaded(folder / MANIFEST)
    try:
        if given["schema"] != SCHEMA:
            raise ValueError(f"{folder / MANIFEST} has schema {given['schema']!r}; expected {SCHEMA!r}")
        sums = given["sha256"]
        return {
            str(name): dict(e) | {"sha256": sums[e["file"]], "large_sha256": sums.get(f"{LARGE}/{name}.safetensors")}
            for name, e in given["ops"].items()
        }
    except (KeyError, TypeError, AttributeError) as wrong:
        raise ValueError(f"{folder / MANIFEST} is no manifest: {type(wrong).__name__}: {wrong}") from wrong


def vectors_of(folder: Path, name: str, told: Mapping[str, Any]) -> list[Vector]:
    """The vectors of an op; raises ValueError, in a sentence, unless they are those that the manifest counts."""
    path = folder / f"{name}.json"
    if checksum(path) != told["sha256"]:
        raise ValueError(f"{path} is not the file that {MANIFEST} has the checksum of; generate it again")
    vectors = read(path)
    if len(vectors) != told["tests"]:
        raise ValueError(f"{path} has {len(vectors)} tests; {MANIFEST} counts {told['tests']}")
    return vectors


def large_of(folder: Path, name: str, told: Mapping[str, Any]) -> list[Vector]:
    """The large vectors of an op, likewise."""
    path = folder / LARGE / f"{name}.safetensors"
    if not told["large"]:
        return []
    if checksum(path) != told["large_sha256"]:
        raise ValueError(f"{path} is not the file that {MANIFEST} has the checksum of; generate it again")
    vectors = large.read(ops.find(name), path.read_bytes())
    if len(vectors) != told["large"]:
        raise ValueError(f"{path} has {len(vectors)} tests; {MANIFEST} counts {told['large']}")
    return vectors


def _kills(op: Op, vectors: Iterable[Vector]) -> dict[str, int]:
    """How many vectors catch each mistake."""
    found = Counter(flag for v in vectors for flag in v.flags)
    return {name: found[name] for name in sorted(m.name for m in mistakes(op))}
