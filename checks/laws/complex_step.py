"""Im f(x + ih·v) / h = J v, h = 1e-200: a derivative with no subtraction in it, so exact to rounding.

For analytic f, f(x + ihv) = f(x) + ih·J v − h²(…), and h² underflows to nothing (Squire and Trapp 1998). The reference is
run on complex numbers with all inputs moved at once, and ⟨g, J v⟩ compared with Σ⟨gradient, v⟩; one input at a time only
where that is needed to tell them apart. A product of d factors has d terms for its imaginary part, and each complex
product takes two real ones, so J v rounds to within 2d times the bound of y; |v| ≤ |a| keeps that bound good.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from checks.bounds import unit_roundoff
from checks.comparison import compared
from checks.directions import Line, inner, inner_gamma, lines
from checks.report import Finding
from checks.trial import Run, Trial

RANK = 5

H = 1e-200


def check(trial: Trial) -> Iterator[Finding]:
    """One finding on all gradients together, or one for each."""
    yield from lines(trial.light, RANK, _finding)


def _finding(run: Run, line: Line) -> Finding:
    case = run.case.widened()
    moved = case
    for name, v in line.moves.items():
        moved = moved.with_input(name, case.input(name) + 1j * H * v.astype(np.float64))
    y = run.problem.op.reference.forward(*moved.inputs, **moved.parameters)
    limit = run.y_bound.dot(case.cotangent) * (2 * run.problem.op.degree) + line.claim_bound
    sums = inner_gamma(run.problem.elements) / unit_roundoff(run.problem.dtype)
    right = inner(case.cotangent, y.imag / H)
    return compared("complex_step", line.result, run, line.claim, right, limit * (1 + sums))
