"""Large cases, one axis of which is at or beyond a usual tile: too many numbers for JSON, so they are safetensors.

A file for each op: tensors are called 1/x, 1/grad_output, 1/y, 1/grad_x and so on; whole numbers are stored as such, in the
smallest type that holds them; results of what is no whole number are followed by their bounds, 1/y/bound/float64. What else
a test says stands in the metadata under its number, as it stands in the JSON file of an op.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from checks.cases.wide import wide_problems
from checks.numbers.precision import Array
from checks.op import Case, Op, Problem
from checks.subjects.safetensors import packed, unpacked
from checks.vectors import notation
from checks.vectors.pool import SEED, Candidate, made
from checks.vectors.vector import BOUNDED, EXACT, Expected, Given, Vector

TRIED, TAKEN = 72, 4
MOST, MOST_BOUNDED = 6000, 1200  # numbers in a case: of those that are bounded each takes a thousand times as long
FIRST = 1001  # the number of the first large test, where tests are counted together
INTEGERS = ("int8", "int16", "int32", "int64")


def cases(op: Op) -> list[Candidate]:
    """The first few wide cases that are not too large; of each axis that can be wide in turn."""
    found: list[Candidate] = []
    most = MOST if op.kind.degree else MOST_BOUNDED
    for problem in wide_problems(op, {}, "float64", TRIED, SEED):
        if problem.elements <= most and len(found) < TAKEN:
            one = made(problem)
            if one is not None and one.sums in {EXACT, BOUNDED}:
                found.append(one)
    return found


def file_of(op: Op, chosen: list[Candidate]) -> bytes:
    """The file of an op."""
    arrays: dict[str, Array] = {}
    metadata = {"algorithm": op.name}
    for number, one in enumerate(chosen, 1):
        case = one.problem.whole_numbers() if one.sums == EXACT else one.problem.reals()
        unit = one.problem.unit or 1
        given = dict(zip(op.inputs, case.inputs, strict=True)) | {"grad_output": case.cotangent}
        for name, array in given.items():
            if array is not None:
                arrays[f"{number}/{name}"] = stored(array, 1)
        for name, asked in one.results.items():
            arrays[f"{number}/{name}"] = stored(asked.values, unit)
            for dtype, bound in asked.bounds.items():
                arrays[f"{number}/{name}/bound/{dtype}"] = bound
        told: Mapping[str, Any] = {
            "parameters": {n: list(v) if isinstance(v, tuple) else v for n, v in case.parameters.items()},
            "dtypes": list(one.dtypes),
            "sums": one.sums,
            "unit": unit,
            "flags": sorted(one.catches),
        }
        metadata[str(number)] = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return packed(arrays, metadata)


def read(op: Op, data: bytes) -> list[Vector]:
    """The tests in a file, numbered from `FIRST` on; raises ValueError, in a sentence, for what is none."""
    arrays, metadata = unpacked(data)
    try:
        return [_vector(op, int(n), json.loads(told), arrays) for n, told in metadata.items() if n != "algorithm"]
    except (KeyError, TypeError) as wrong:
        raise ValueError(f"the large vectors of {op.name} cannot be read: {type(wrong).__name__}: {wrong}") from wrong


def _vector(op: Op, number: int, told: Mapping[str, Any], arrays: Mapping[str, Array]) -> Vector:
    unit, whole = int(told["unit"]), told["sums"] == EXACT
    held = {n.partition("/")[2]: a for n, a in arrays.items() if n.startswith(f"{number}/")}

    def given(name: str) -> Array:
        array = held[name]
        index = name in op.takes.constant and array.dtype.kind == "i"
        return array.copy() if array.dtype.kind == "b" else array.astype(np.int64 if index else np.float64)

    inputs = tuple(given(n) if n in held else None for n in op.inputs)
    parameters = {n: tuple(v) if isinstance(v, list) else v for n, v in told["parameters"].items()}
    case = Case(op, inputs, parameters, given("grad_output"), whole)
    shapes = {n: None if a is None else a.shape for n, a in zip(op.inputs, inputs, strict=True)}
    problem = Problem(op, {**shapes, "y": case.cotangent.shape}, parameters, seed=number)
    results = {
        n: Expected(
            a.astype(np.float64) / (unit if a.dtype.kind == "i" else 1),
            {d: held[f"{n}/bound/{d}"] for d in told["dtypes"] if f"{n}/bound/{d}" in held},
        )
        for n, a in held.items()
        if n == "y" or (n.startswith("grad_") and n != "grad_output" and "/" not in n)
    }
    named = Given.of(problem, case, f"large vector {number}")
    dtypes, flags = (tuple(map(str, told[n])) for n in ("dtypes", "flags"))
    return Vector(FIRST + number - 1, named, results, str(told["sums"]), dtypes, flags, unit=unit)


def stored(array: Array, unit: int) -> Array:
    """Whole numbers, times the unit, in the smallest type that holds them; others as they are."""
    if array.dtype.kind == "b":
        return array
    whole = np.asarray(array, np.float64) * unit
    if not notation.is_whole(whole):
        return np.asarray(array, np.float64)
    most = float(np.max(np.abs(whole), initial=0.0))
    return whole.astype(next(name for name in INTEGERS if most <= np.iinfo(name).max))
