"""Implementations with a mistake planted in them, and what the laws find of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from checks.implementation import Implementation
from checks.laws import laws
from checks.mistakes import right
from checks.op import Case, Mistake, Op
from checks.report import Finding, Verdict
from checks.search import Search
from checks.verdict import _Tried


@dataclass(frozen=True)
class Planted:
    """The reference of an op, but for what the mistake computes."""

    op: Op
    mistake: Mistake

    def forward(self, *inputs, **parameters):
        y = self.op.reference.forward(*inputs, **parameters)
        case = Case(self.op, inputs, parameters, np.zeros_like(y))
        return self.mistake.wrong_gradient(case).get("y", y)

    def backward(self, grad_output, *inputs, **parameters):
        gradients = self.op.reference.backward(grad_output, *inputs, **parameters)
        wrong = self.mistake.wrong_gradient(Case(self.op, inputs, parameters, grad_output))
        return tuple(wrong.get(name, g) for name, g in zip(self.op.inputs, gradients, strict=True))


def spoiled(op: Op, mistake: Mistake) -> set[str]:
    """The results that a mistake makes wrong, on some problem of the op."""
    found: set[str] = set()

    def visit(problem):
        case = problem.reals()
        y = op.reference.forward(*case.inputs, **case.parameters)
        for name, wrong in mistake.wrong_gradient(case).items():
            if not np.array_equal(wrong, y if name == "y" else right(case)[name]):
                found.add("y" if name == "y" else f"grad_{name}")

    Search(op.problems(op, {}, "float64"), 30, 1).run(visit)
    return found


def broken(op: Op, implementation, *, examples=60, seed=0, dtype="float64", **pinned) -> list[Finding]:
    """The broken findings of all laws over so many cases; nothing is shrunk."""
    tried = _Tried(Implementation.of(op, implementation), laws(), None)
    search = Search(op.problems(op, pinned, dtype), examples, seed)
    search.run(tried.add)
    assert tried.cases, "nothing was judged"
    return [finding for finding in tried.findings if finding.verdict is Verdict.BROKEN]
