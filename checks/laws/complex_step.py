"""Im f(x + ih·v) / h = J v, h = 1e-200: a derivative with no subtraction in it, so exact to rounding.

For analytic f, f(x + ihv) = f(x) + ih·J v − h²(…), and h² underflows to nothing (Squire and Trapp 1998). The reference is
run on complex numbers with all inputs moved at once, and ⟨g, J v⟩ compared with Σ⟨gradient, v⟩; one input at a time only
where that is needed to tell them apart. The imaginary parts of a forward pass are the terms of the gradients, summed from
the other end: each is a path from an input to an output times v and g, and goes through as many roundings as y does,
twice over since a complex product takes two real ones. So ⟨g, J v⟩ rounds to within γ₂ₙ ⟨M, |v|⟩ in float64, with n the
most terms of y or a gradient and M the magnitudes of the gradients (bounds.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from checks.numbers.bounds import unit_roundoff
from checks.trials.comparison import compared
from checks.trials.directions import Line, inner, inner_gamma, lines
from checks.trials.finding import Finding
from checks.trials.trial import Run, Trial

RANK = 5

H = 1e-200


def check(trial: Trial) -> Iterator[Finding]:
    """One finding on all gradients together, or one for each; none for an op that complex numbers cannot go through."""
    if trial.problem.op.kind.analytic:
        yield from lines(trial.light, RANK, finding)


def finding(run: Run, line: Line) -> Finding:
    """The derivative along one line, against what the gradients claim it to be."""
    case = run.case.widened()
    moved = case
    for name, v in line.moves.items():
        moved = moved.with_input(name, case.input(name) + 1j * H * v.astype(np.float64))
    y = run.problem.op.reference.forward(*moved.inputs, **moved.parameters)
    limit = line.tangent_bound + line.claim_bound
    sums = inner_gamma(run.problem.elements) / unit_roundoff(run.problem.dtype)
    right = inner(case.cotangent, y.imag / H)
    return compared("complex_step", line.result, run, line.claim, right, limit * (1 + sums))
