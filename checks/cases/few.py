"""Problems of few distinct shapes and many values, for code that is compiled anew for every shape.

Of n shapes, drawn as all are, n // `ONE_IN` are wide. What goes wrong at one shape in ten is at none of them with
probability 0.9ⁿ, which the report works out; what depends on values is tried as often as without.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from checks.cases.drawing import attempt
from checks.cases.kinds import EVERYTHING, Among
from checks.cases.wide import ONE_IN, REACH, wide_problems
from checks.op import Op, Problem
from checks.signature.drawing import ByChance
from checks.signature.options import Pinned

ATTEMPTS = 40  # for each shape, at one that was not drawn before


def shapes_of(
    op: Op, pinned: Pinned, dtype: str, many: int, seed: int, reach: int = REACH, among: Among = EVERYTHING
) -> tuple[Problem, ...]:
    """A problem for each of so many distinct shapes and parameters, or of fewer where there are no more."""
    chance = Random(f"{op.name} {dtype} {seed} few")  # noqa: S311, no secret
    wide = list(wide_problems(op, pinned, dtype, many // ONE_IN, seed, reach, among))
    found: dict[str, Problem] = {}
    for _ in range(ATTEMPTS * many):
        if len(found) == many - len(wide):
            break
        one = attempt(ByChance(chance), op, pinned, dtype, among)
        if one is not None:
            found.setdefault(shape_of(one), one)
    return *found.values(), *wide


def shape_of(problem: Problem) -> str:
    """The same text for problems for which code is compiled once."""
    return repr((dict(problem.shapes), dict(problem.parameters), problem.dtype))


def like(shape: Problem, problem: Problem) -> Problem:
    """A problem of this shape, with the values of the other."""
    return replace(shape, seed=problem.seed, small=problem.small, exponents=problem.exponents)
