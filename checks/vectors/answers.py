"""What foreign code answered, read from its file: numbers by test, nothing believed before it has been looked at.

    {"op": "conv", "dtype": "float64", "implementation": "conv.c",
     "results": [{"id": 1, "y": [3, -4], "grad_x": ["0x1.8p+0", 2]}, {"id": 2, "unsupported": "three axes"}]}

or a list of such, for several ops. Numbers are JSON's, or texts as C's %a writes them, flat or nested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from checks import ops
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Mistake, Op
from checks.ops import suggestion
from checks.subjects.implementation import Judged, Outcome
from checks.subjects.refusals import Unsupported
from checks.vectors import notation
from checks.vectors.files import loaded
from checks.vectors.vector import Vector, right


@dataclass(frozen=True)
class Answers:
    """Those to the tests of one op: by the number of a test, the results as they stand in the file."""

    op: Op
    dtype: str
    name: str
    tests: Mapping[int, Mapping[str, Any]]


def read(path: Path) -> list[Answers]:
    """The answers in a file; raises ValueError, in a sentence, for what are none."""
    given = loaded(path)
    try:
        return [_answers(one) for one in (given if isinstance(given, list) else [given])]
    except (KeyError, TypeError, AttributeError) as wrong:
        raise ValueError(
            f"{path} holds no results: {type(wrong).__name__}: {wrong}; expected op, dtype and results, each with its id "
            "(docs/vectors.md)"
        ) from wrong


def _answers(given: Mapping[str, Any]) -> Answers:
    op, dtype = ops.find(str(given["op"])), str(given.get("dtype", "float64"))
    if dtype not in PRECISIONS:
        raise ValueError(f"there is no dtype {dtype!r}; {suggestion(dtype, list(PRECISIONS))}")
    tests: dict[int, Mapping[str, Any]] = {}
    for one in given["results"]:
        number = one["id"]
        if not isinstance(number, int) or number in tests:
            raise ValueError(f"the id {number!r} is there twice, or no whole number; expected each test once")
        tests[number] = one
    return Answers(op, dtype, str(given.get("implementation", "what answered")), tests)


class Malformed(ValueError):
    """An answer that cannot be a result."""


def numbers(answer: Mapping[str, Any], name: str, like: Array) -> Array:
    """The result of this name, in the shape that it should have; raises Malformed, in a sentence."""
    if name not in answer:
        raise Malformed(f"{name} was not answered")
    try:
        found = notation.numbers(answer[name])
    except ValueError as wrong:
        raise Malformed(f"{name}: {wrong}") from wrong
    if found.size != like.size:
        raise Malformed(f"{name} has {found.size} numbers; expected {like.size}, of shape {like.shape}")
    return found.reshape(like.shape)


@dataclass(eq=False)
class Answered(Judged):
    """Stands for the foreign code where a diagnosis asks what it gives: in a test what it answered.

    Elsewhere nothing is known of it; but what a mistake computes, if that is what it answered in every test (`like`).
    """

    op: Op
    name: str
    given: dict[int, Mapping[str, Array]] = field(default_factory=dict)
    cases: dict[int, Case] = field(default_factory=dict)
    like: dict[str, Mistake | None] = field(default_factory=dict)

    def add(self, vector: Vector, results: Mapping[str, Array]) -> None:
        """What it answered to a test."""
        self.given[id(vector.case)] = results
        self.cases[id(vector.case)] = vector.case  # kept, so that no other case gets this identity

    def call(self, part: str, case: Case, *, watch: bool = False, spoil: bool = False) -> Outcome:  # noqa: ARG002, as Judged
        """As Judged has it; raises Unsupported where nothing is known."""
        known = self.given.get(id(case))
        present = zip(self.op.inputs, case.inputs, strict=True)
        wanted = [n for n, a in present if a is not None and n in self.op.takes.differentiable]
        names = {"y": "y"} if part == "forward" else {n: f"grad_{n}" for n in wanted}
        if known is not None and all(name in known for name in names.values()):
            return Outcome({short: known[name] for short, name in names.items()})
        if not all(name in self.like for name in names.values()):
            raise Unsupported("what it gives here was not asked")
        return Outcome({short: computed(case, name, self.like[name]) for short, name in names.items()})

    def explain(self, vectors: Sequence[Vector], mistakes: Sequence[Mistake]) -> None:
        """Find for each result the mistake that computes every answer, or that all of them are right."""
        for name in ("y", *(f"grad_{n}" for n in self.op.takes.differentiable)):
            seen = [(v.case, found[name]) for v in vectors if name in (found := self.given.get(id(v.case), {}))]
            for mistake in (None, *mistakes):
                if seen and all(_same(computed(case, name, mistake), actual) for case, actual in seen):
                    self.like[name] = mistake
                    break


def computed(case: Case, name: str, mistake: Mistake | None) -> Array:
    """What the mistake makes of a result, which it may leave alone; what is right without one."""
    short = name.removeprefix("grad_")
    with np.errstate(all="ignore"):
        wrong = mistake.wrong_gradient(case.widened()).get(short) if mistake is not None else None
    return right(case)[name] if wrong is None else np.asarray(wrong, np.float64)


def _same(one: Array, other: Array) -> bool:
    """Whether these may be the same computation: to within a few roundings of float32, or the last bit of whole numbers."""
    if one.shape != other.shape:
        return False
    size = float(np.max(np.abs(other), initial=0.0, where=np.isfinite(other)))
    with np.errstate(invalid="ignore"):
        near = np.abs(one - other) <= size * 2.0**-20
    return bool(np.all(near | (one == other) | (np.isnan(one) & np.isnan(other))))
