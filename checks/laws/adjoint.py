"""⟨g, J v⟩ = ⟨Jᵀ g, v⟩: the backward map is the adjoint of the forward derivative.

Where y is linear in a group of inputs while the others are held, J v is forward itself with v in their place: no step, no
difference. Both sides are then the same sum in another order and differ by rounding at most: the error of forward weighed
with |g| and the error of each gradient weighed with |v|. As |v| ≤ |a| for each input a of the group, the bounds of the
case itself hold at v.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from checks.numbers.bounds import unit_roundoff
from checks.trials.comparison import compared
from checks.trials.directions import Line, direction, inner, inner_gamma
from checks.trials.finding import Finding
from checks.trials.trial import Run, Trial

RANK = 4
OWN_FORWARD = True


def begin(trial: Trial) -> None:
    """Backward, and forward along each line."""
    if trial.light.once(_along):
        trial.light.begin("backward")


def check(trial: Trial) -> Iterator[Finding]:
    """One finding for each group of inputs in which y is linear."""
    run = trial.light
    for line, ahead in run.taken(_along):
        left = inner(run.case.cotangent, ahead.y)
        bound = run.y_bound.dot(run.case.cotangent) + line.claim_bound
        # The bounds hold at least u·Σ|terms|, which says how large the terms of the two inner products can be.
        sums = inner_gamma(run.problem.elements) / unit_roundoff(run.problem.dtype)
        yield compared("adjoint", line.result, run, line.claim, left, bound * (1 + sums))


def _along(run: Run) -> list[tuple[Line, Run]]:
    """For each group a line, and the run that has v in place of its inputs."""
    found = []
    for group in run.problem.op.kind.linear_in:
        if group[0] not in run.problem.present:
            continue  # without it y is a constant more than a linear map of the others
        line = Line(run, {name: direction(run, name, RANK) for name in group if name in run.problem.present})
        case = run.case
        for name, v in line.moves.items():
            case = case.with_input(name, v)
        found.append((line, replace(run, case=case, watched=False).begin("forward")))
    return found
