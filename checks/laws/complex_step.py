"""Im f(x + ih·v) / h = J v, h = 1e-200: a derivative with no subtraction in it, so exact to rounding.

For analytic f, f(x + ihv) = f(x) + ih·J v − h²(…), and h² underflows to nothing (Squire and Trapp 1998). The reference is
run on complex numbers, one input moved at a time, and ⟨g, J v⟩ compared with ⟨gradient, v⟩. Each product of the complex
forward has two terms for its imaginary part, so J v rounds to within twice the bound of y; |v| ≤ |a| keeps that bound good.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from checks.bounds import unit_roundoff
from checks.directions import direction, inner, inner_gamma
from checks.report import Finding, compared
from checks.trial import Trial

RANK = 5

H = 1e-200


def check(trial: Trial) -> Iterator[Finding]:
    """One finding for each gradient."""
    run = trial.light
    case = run.case.widened()
    for name, bound in run.gradient_bounds.items():
        v = direction(run, name, RANK)
        moved = case.with_input(name, case.input(name) + 1j * H * v.astype(np.float64))
        y = run.problem.op.reference.forward(*moved.inputs, **moved.parameters)
        expected = inner(case.cotangent, y.imag / H)
        actual = inner(v, run.gradients[name])
        limit = run.y_bound.dot(case.cotangent) * 2 + bound.dot(v)
        sums = inner_gamma(run.problem.elements) / unit_roundoff(run.problem.dtype)
        yield compared("complex_step", f"grad_{name}", run.problem, actual, expected, limit * (1 + sums))
