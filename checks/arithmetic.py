"""What kind of arithmetic an implementation does, told from whole numbers: sums, or transforms.

On whole numbers small enough, sums of products are exact in any order (laws/exact.py). An implementation that is close
but not exact there divides or transforms on the way (Winograd, FFT), and only normwise bounds hold for it (bounds.py).
An implementation that is exact there has no such excuse, however large the normwise bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from checks.bounds import Bound, unit_roundoff
from checks.op import Array, Problem

if TYPE_CHECKING:
    from checks.trial import Run

REDRAWS = 24
# Noise that stays among the same elements by chance, once in so many times, is taken for a mistake.
CHANCE = 1e-9


def transforms(run: Run) -> bool:
    """Whether whole numbers come out inexact, but by noise only: on this problem, or else on the op's telling one.

    The largest whole numbers that leave sums exact are tried: whatever a transform adds up on the way is larger. Short
    transforms are exact on whole numbers even so, and then the problem that the op keeps for this purpose is asked. An op
    that keeps none is one that nobody transforms.
    """
    telling = run.problem.op.telling
    if telling is None:
        return False
    for problem in (run.problem, replace(telling(), dtype=run.problem.dtype)):
        for other in _redrawn(run, problem, small=False):
            off = [(result, a, e) for result, a, e in other.results() if not np.array_equal(a, e)]
            if off:
                return all(is_noise(a, e, other.bound(result)) for result, a, e in off)
    return False


def is_noise(actual: Array, expected: Array, bound: Bound) -> bool:
    """Whether results that should be whole numbers are off by no more than a transform's rounding.

    That is the normwise bound, as long as it is less than half or a thousandth of the largest result: in low precision it
    can be as large as a mistake. Where all results should be 0, the largest says nothing: a hundredth of the bound counts.
    """
    with np.errstate(invalid="ignore"):
        error = np.abs(np.asarray(actual, np.float64) - expected)
    slight = max(0.499, float(np.abs(expected).max()) / 1000 if np.any(expected) else float(bound.normwise) / 100)
    return bool(np.all(error <= min(slight, float(bound.normwise))))


def stays_put(run: Run, result: str, actual: Array, expected: Array) -> bool:
    """Whether the elements that are off stay among the same few when the numbers are drawn again: noise would not.

    What should be 0, or is within a few roundings of the largest element, counts as right: where sums are empty, or
    always small, a transform leaves its noise in every draw.
    """
    wrong = _off(run, actual, expected)
    among = float(wrong.sum() / max(1, np.count_nonzero(expected)))
    if not 0 < among < 1:
        return False
    chance = 1.0
    for other in _redrawn(run, run.problem, small=run.problem.small):
        off = next(_off(run, a, e) for name, a, e in other.results() if name == result)
        if np.any(off & ~wrong):
            return False
        chance *= among ** int(off.sum())
        if chance < CHANCE:
            return True
    return False


def _redrawn(run: Run, problem: Problem, *, small: bool) -> Iterator[Run]:
    """Runs on the problem with other whole numbers."""
    for redraw in range(1, REDRAWS + 1):
        drawn = replace(problem, seed=problem.seed + redraw, small=small)
        if drawn.largest:
            yield replace(run, problem=drawn, case=drawn.whole_numbers())


def _off(run: Run, actual: Array, expected: Array) -> Array:
    """Which elements other than 0 are off by more than six roundings of the largest."""
    few = 6 * unit_roundoff(run.problem.dtype) * float(np.abs(expected).max())
    return np.asarray((expected != 0) & (np.abs(actual - expected) > few))
