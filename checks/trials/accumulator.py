"""How many bits an implementation keeps its sums in, read from sums that cancel: 2^k, 1, 0 …, −2^k.

They add to 1 where k bits are kept. Where 2^k and 1 meet in fewer than k + 1 bits, the 1 is lost, and 0 comes out. Put
along one axis of a sum at a time, the others having one place, this reads the width of the accumulator at each place:
inside a sample, across samples, across the taps of a kernel. Which products are summed into an element the reference says
itself, run on symbols (algebra/polynomial.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np

from checks.algebra.polynomial import COTANGENT, Polynomial, Product, symbols
from checks.cases.drawing import problem as drawn
from checks.numbers.precision import ACCUMULATORS, PRECISIONS, Array, accumulator
from checks.op import Case, Op, Problem
from checks.signature.drawing import ByChance
from checks.signature.takes import Sizes
from checks.subjects.implementation import Judged

TERMS = 8
WORDS = {"batch": "samples", "size": "positions", "kernel": "the taps of the kernel"}


@dataclass(frozen=True)
class Place:
    """Where products of a result are summed: the axis, by its declared name, and how a reader would call it."""

    result: str
    axis: str
    words: str


def widths(implementation: Judged, dtype: str) -> Mapping[Place, int]:
    """The bits that sums are kept in at each place, as far as they can be read: those of the accumulator at most."""
    key = "widths", dtype
    if key not in implementation.remembered:
        implementation.remembered[key] = dict(_read(implementation, dtype))
    found: Mapping[Place, int] = implementation.remembered[key]
    return found


def _read(implementation: Judged, dtype: str) -> Iterator[tuple[Place, int]]:
    op, own, kept = implementation.op, PRECISIONS[dtype], accumulator(dtype)
    if dtype not in ACCUMULATORS or not op.rounds.factors:
        return
    for sizes, at, problem in _lines(op, dtype):
        for name in ("y", *problem.present):
            element, terms = _longest(problem, name)
            if len(terms) < TERMS:
                continue
            place = Place(
                name if name == "y" else f"grad_{name}",
                sizes.names[at if len(sizes.names) > 1 else 0],
                _words(sizes, at),
            )
            most = min(kept.bits - 1, (own.highest - 1) * len(terms[0]))
            wide = _adds_to_one(implementation, problem, name, element, terms, most)
            lower = range(own.bits - 1, most)
            lost = (k for k in lower if not _adds_to_one(implementation, problem, name, element, terms, k))
            yield place, kept.bits if wide else next(lost, most)


def _lines(op: Op, dtype: str) -> Iterator[tuple[Sizes, int, Problem]]:
    """For each axis a problem in which nothing but it has more than one place."""
    for sizes in op.takes.sizes:
        for at in range(len(sizes.names)):
            pinned: dict[str, Any] = {s.option: _ones(s) for s in op.takes.sizes}
            pinned[sizes.option] = _with(pinned[sizes.option], at, TERMS)
            if not sizes.wide:  # a kernel, which an input has to have room for on both sides
                pinned |= {s.option: _with(_ones(s), 0, 2 * TERMS - 1) for s in op.takes.sizes if s.spatial and s.wide}
            try:
                op.takes.check({**op.takes.defaults, **pinned})
            except ValueError:
                continue
            problem = drawn(ByChance(Random(0)), op, {**op.takes.defaults, **pinned}, dtype)  # noqa: S311, no secret
            shapes = {name: None if name in op.takes.optional else shape for name, shape in problem.shapes.items()}
            yield sizes, at, replace(problem, shapes=shapes)


def _ones(sizes: Sizes) -> Any:
    return (1, 1) if sizes.spatial or len(sizes.names) == 2 else (1,) if sizes.axes.startswith("*") else 1


def _with(value: Any, at: int, size: int) -> Any:
    if not isinstance(value, tuple):
        return size
    at = len(value) - 1 if at == 0 and value == (1, 1) and size != TERMS else at
    return tuple(size if i == at else one for i, one in enumerate(value))


def _words(sizes: Sizes, at: int) -> str:
    name = WORDS.get(sizes.option, sizes.option)
    return f"across {name}" + (f" {('in', 'out')[at]}" if len(sizes.names) == 2 else "")


def _longest(problem: Problem, name: str) -> tuple[tuple[int, ...], list[Product]]:
    """The element of a result into which most products are summed, and these."""
    arrays = [None if s is None else symbols(n, s) for n, s in problem.shapes.items() if n != "y"]
    reference, p = problem.op.reference, problem.parameters
    if name == "y":
        results = np.asarray(reference.forward(*arrays, **p), object)
    else:
        gradients = reference.backward(symbols(COTANGENT, problem.shape("y")), *arrays, **p)
        results = np.asarray(gradients[problem.op.inputs.index(name)], object)
    counts = {index: element.terms for index, element in np.ndenumerate(results) if isinstance(element, Polynomial)}
    longest = max(counts, key=lambda index: len(counts[index]), default=())
    return longest, sorted(counts.get(longest, ()))


def _adds_to_one(
    implementation: Judged, problem: Problem, name: str, element: tuple[int, ...], terms: list[Product], k: int
) -> bool:
    """Whether 2^k + 1 − 2^k is 1."""
    arrays = {n: np.zeros(s) for n, s in problem.shapes.items() if s is not None and n != "y"}
    arrays[COTANGENT] = np.zeros(problem.shape("y"))
    for product, power, sign in ((terms[0], k, 1.0), (terms[1], 0, 1.0), (terms[-1], k, -1.0)):
        for i, (array, index) in enumerate(product):
            share = power // len(product) + (i < power % len(product))
            arrays[array][index] = 2.0**share * (sign if i == 0 else 1)
    case = _case(problem, arrays)
    result = implementation.forward(case) if name == "y" else implementation.backward(case)[name]
    return float(result[element]) == 1.0


def _case(problem: Problem, arrays: Mapping[str, Array]) -> Case:
    rounded = PRECISIONS[problem.dtype].rounded
    inputs = tuple(rounded(arrays[name]) if name in arrays else None for name in problem.op.inputs)
    return Case(problem.op, inputs, problem.parameters, rounded(arrays[COTANGENT]))
