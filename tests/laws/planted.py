"""Implementations with a mistake planted in them, and what the laws find of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from checks.cases.drawing import problems_of
from checks.cases.search import Search
from checks.laws import laws
from checks.op import Case, Mistake, Op, Problem
from checks.ops import find
from checks.ops._mistakes import right
from checks.subjects.implementation import Implementation
from checks.verdict.report import Finding, Verdict
from checks.verdict.tried import Tried

DRAWN = 100
OF_NUMBERS = {name: law for name, law in laws().items() if name != "contract"}  # which is about everything else


@cache
def _drawn(op: str) -> tuple[Problem, ...]:
    found: list[Problem] = []
    Search(problems_of(find(op), {}, "float64"), DRAWN, 3).run(found.append)
    return tuple(found)


def problems(op: Op, mistake: Mistake) -> list[Problem]:
    """Problems of the op, in an order of the mistake's own: the same for each would try the laws on few."""
    return random.Random(mistake.name).sample(_drawn(op.name), len(_drawn(op.name)))  # noqa: S311, no secret


@dataclass(frozen=True)
class Planted:
    """The reference of an op, but for what the mistake computes."""

    op: Op
    mistake: Mistake

    @cached_property
    def forward_is_wrong(self):
        return any("y" in self.mistake.wrong_gradient(problem.reals()) for problem in _drawn(self.op.name)[:10])

    def forward(self, *inputs, **parameters):
        y = self.op.reference.forward(*inputs, **parameters)
        if not self.forward_is_wrong:
            return y
        return self.mistake.wrong_gradient(Case(self.op, inputs, parameters, np.zeros_like(y))).get("y", y)

    def backward(self, grad_output, *inputs, **parameters):
        gradients = self.op.reference.backward(grad_output, *inputs, **parameters)
        wrong = self.mistake.wrong_gradient(Case(self.op, inputs, parameters, grad_output))
        return tuple(wrong.get(name, g) for name, g in zip(self.op.inputs, gradients, strict=True))


Results = dict[str, np.ndarray]


def _right(case: Case) -> Results:
    return {"y": case.op.reference.forward(*case.inputs, **case.parameters), **right(case)}


@cache
def _real(op: str) -> list[tuple[Case, Results]]:
    """Real numbers in every problem that was drawn, and what is right for them."""
    return [(case, _right(case)) for case in (problem.reals() for problem in _drawn(op))]


def _differing(case: Case, expected: Results, mistake: Mistake) -> set[str]:
    """The results that a mistake makes wrong in this case."""
    wrong = mistake.wrong_gradient(case)
    return {n if n == "y" else f"grad_{n}" for n, a in wrong.items() if not np.array_equal(a, expected[n])}


def spoiled(op: Op, mistake: Mistake) -> set[str]:
    """The results that a mistake makes wrong: on real numbers of some problem of the op, or else on its kinks."""
    found = set().union(*(_differing(case, expected, mistake) for case, expected in _real(op.name)))
    if not found and op.kinks is not None:
        kinks = [op.kinks.case(problem) for problem in _drawn(op.name) if problem.elements]
        found = set().union(*(_differing(case, _right(case), mistake) for case in kinks))
    return found


def showing(op: Op, mistake: Mistake) -> Iterator[Problem]:
    """Problems in which the mistake makes a result wrong on whole numbers, where nothing is mere rounding."""
    for problem in problems(op, mistake):
        case = problem.whole_numbers()
        if _differing(case, _right(case), mistake):
            yield problem


def broken(op: Op, mistake: Mistake, wrong: set[str], *, least: int) -> list[Finding]:
    """The broken findings of all laws: over as many problems as it takes to break a result of these, `least` anyway."""
    tried = Tried(Implementation.of(op, Planted(op, mistake)), OF_NUMBERS, None)
    found: list[Finding] = []
    for problem in problems(op, mistake):
        tried.add(problem)
        found = [finding for finding in tried.findings if finding.verdict is Verdict.BROKEN]
        if tried.cases >= least and wrong & {finding.result for finding in found}:
            break
    assert tried.cases >= least
    return found
