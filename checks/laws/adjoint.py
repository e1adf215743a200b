"""⟨g, J v⟩ = ⟨Jᵀ g, v⟩: the backward map is the adjoint of the forward derivative.

Where y is linear in a group of inputs while the others are held, J v is forward itself with v in their place: no step, no
difference. Both sides are then the same sum in another order and differ by rounding at most: the error of forward weighed
with |g| and the error of each gradient weighed with |v|. As |v| ≤ |a| for each input a of the group, the bounds of the
case itself hold at v.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import add

from checks.bounds import unit_roundoff
from checks.directions import direction, inner, inner_gamma
from checks.report import Finding, compared
from checks.trial import Trial

RANK = 4


def check(trial: Trial) -> Iterator[Finding]:
    """One finding for each group of inputs in which y is linear."""
    run = trial.light
    for group in run.problem.op.linear_in:
        names = [name for name in group if name in run.problem.present]
        moves = {name: direction(run, name, RANK) for name in names}
        case = run.case
        for name, v in moves.items():
            case = case.with_input(name, v)
        left = inner(run.case.cotangent, run.implementation.forward(case))
        right = sum(inner(moves[name], run.gradients[name]) for name in names)
        bound = reduce(add, (run.gradient_bounds[name].dot(moves[name]) for name in names), run.y_bound.dot(case.cotangent))
        # The bounds hold at least u·Σ|terms|, which says how large the terms of the two inner products can be.
        sums = inner_gamma(run.problem.elements) / unit_roundoff(run.problem.dtype)
        result = " + ".join(f"grad_{name}" for name in names)
        yield compared("adjoint", result, run.problem, right, left, bound * (1 + sums))
