"""backward(a·g₁ + g₂) = a·backward(g₁) + backward(g₂), and backward(0) = 0 exactly.

A gradient is linear in the cotangent whatever the op. Here a is a power of two and |g₂| ≤ |g₁| element by element, so the
bound of backward(g₁) serves all three: each rounds to within (|a| + 1) times it, the left side once more because
a·g₁ + g₂ was itself rounded. (The bound is that of the right gradient: a wrong one may round by more.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from checks.numbers.bounds import Bound
from checks.numbers.precision import PRECISIONS
from checks.trials.comparison import compared
from checks.trials.finding import Finding, Verdict
from checks.trials.trial import Run, Trial

RANK = 8

A = -2.0


def begin(trial: Trial) -> None:
    """Backward at four cotangents."""
    trial.light.begin("backward").once(_others)


def check(trial: Trial) -> Iterator[Finding]:
    """One finding for each gradient, and one for each that is not 0 at 0."""
    run = trial.light
    second, both, zero = (other.gradients for other in run.taken(_others))
    for name, bound in run.gradient_bounds.items():
        expected = A * run.gradients[name].astype(np.float64) + second[name]
        limit = _sum(bound, abs(A) + 1)
        yield compared("linearity", f"grad_{name}", run, both[name], expected, limit)
    nothing = Bound(np.zeros(()), np.zeros(()))
    for name, gradient in zero.items():
        finding = compared("linearity", f"grad_{name}", run, gradient, np.zeros(gradient.shape), nothing)
        if finding.verdict is not Verdict.HOLDS:
            yield replace(finding, note="backward of a cotangent of zeros is not zero")


def _others(run: Run) -> list[Run]:
    """The same inputs under g₂, under a·g₁ + g₂ and under zeros."""
    g1, precision = run.case.cotangent, PRECISIONS[run.problem.dtype]
    g2 = precision.rounded(run.problem.rng(RANK).uniform(-1, 1, g1.shape) * g1)
    both = precision.rounded(A * g1.astype(np.float64) + g2)
    return [run.with_cotangent(g).begin("backward") for g in (g2, both, np.zeros_like(g1))]


def _sum(bound: Bound, size: float) -> Bound:
    """Backward at a cotangent `size` times as large, the same assembled from parts, and the rounding of that cotangent.

    The last is at most u·size·Σ|terms|, less than one more of the bound, which holds at least two roundings of each term.
    """
    return bound * (3 * size)
