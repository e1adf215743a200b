"""What kind of arithmetic an implementation does, told from whole numbers: sums, or transforms.

On whole numbers small enough, sums of products are exact in any order (laws/exact.py). An implementation that is close
but not exact there divides or transforms on the way (Winograd, FFT), or keeps sums that run on beyond its windows and
subtracts them, and only normwise bounds hold for it (bounds.py). An implementation that is exact there has no such
excuse, however large the normwise bound.

Results are whole multiples of one over the unit of a problem (a mean over four of a quarter), so half of that is what
noise has to be less than: a wrong sum of other whole numbers is off by all of it at least.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache

import numpy as np

from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Problem
from checks.subjects.refusals import Crashed, Malformed, Unsupported
from checks.trials.running import cancels, runs_on
from checks.trials.trial import Run

REDRAWS = 24
HALF = 0.499  # of what results are multiples of: what is off by less is nearer to the right number than to any other
# Noise that stays among the same elements by chance, once in so many times, is taken for a mistake.
CHANCE = 1e-9


def transforms(run: Run, result: str = "") -> bool:
    """Whether only normwise bounds hold for this result of the implementation, by what it is on whole numbers.

    Without a name that a result has, as where several are compared at once: for any of them.
    """
    return run.once(_transforms(result if result == "y" or result.removeprefix("grad_") in run.problem.present else ""))


@cache
def _transforms(result: str) -> Callable[[Run], bool]:
    """The question that several laws have about the same result."""
    return lambda run: _is_transformed(run, result)


def _is_transformed(run: Run, result: str) -> bool:
    """Whether whole numbers come out inexact, but by noise only: on this problem, or else on the op's telling one.

    The largest whole numbers that leave sums exact are tried: whatever a transform adds up on the way is larger. Short
    transforms are exact on whole numbers even so, and then the problem that the op keeps for this purpose is asked. An op
    that keeps none, and no sums that run on, is one that nobody transforms. Sums that run on are seen in other ways, and
    may be exact on all whole numbers.
    """
    if not is_inexact(run):
        return False
    telling = run.problem.op.rounds.telling
    noise = _noise(run, run.problem, result)
    if noise is None and telling is not None:
        with suppress(Crashed, Malformed, Unsupported):  # code of one axis, say, is made for no telling problem
            noise = _noise(run, replace(telling(), dtype=run.problem.dtype), result)
    return noise if noise is not None else telling is None or cancels(run)


def _noise(run: Run, problem: Problem, result: str) -> bool | None:
    """Whether what is off, of the first whole numbers of a problem that come out inexact, is noise; None where none do."""
    problem = replace(problem, small=False)
    stored = PRECISIONS[problem.dtype].rounded
    for redraw in range(1, REDRAWS + 1) if problem.largest else ():
        other = redrawn(run, problem, redraw)
        named = [(name, a, e) for name, a, e in other.results() if result in ("", name)]
        off = [(name, a, e) for name, a, e in named if not np.array_equal(a, stored(e))]
        if off:
            return all(is_noise(other, name, a, e) for name, a, e in off)
    return None


def is_inexact(run: Run) -> bool:
    """Whether whole numbers may come out inexact: of an op that is transformed, or of code whose sums run on."""
    return run.problem.op.rounds.telling is not None or runs_on(run)


def is_noise(run: Run, result: str, actual: Array, expected: Array) -> bool:
    """Whether what should be whole numbers is off by no more than a transform's rounding.

    That is the normwise bound, while sums of other terms than the right ones are off by a unit at least. Large numbers in
    low precision can make the bound larger than that: then smaller ones decide.
    """
    if not _within(actual, expected, float(run.bound(result).normwise)) or not is_inexact(run):
        return False
    if _within(actual, expected, _half(run)):
        return True
    return _within(*run.once(faint).result(result), _half(run))


def _within(actual: Array, expected: Array, most: float) -> bool:
    """Whether no element is further off; NaN is."""
    with np.errstate(invalid="ignore"):
        return bool(np.all(np.abs(np.asarray(actual, np.float64) - expected) <= most))


def faint(run: Run) -> Run:
    """The same problem on whole numbers so small that no normwise bound reaches a half.

    At least on −1 and 1: where even these are too large for the bound (float16, or millions of elements in float32) half
    is far beyond what transforms are off by, the bound being that of the worst case.
    """
    most = run.problem.largest
    while True:
        most = max(1, most // 2)
        smaller = replace(run, case=run.problem.whole_numbers(most))
        bounds = [smaller.y_bound, *smaller.gradient_bounds.values()]
        if most == 1 or all(float(bound.normwise) < _half(run) for bound in bounds):
            return smaller


def _half(run: Run) -> float:
    """What is nearer to one of the numbers that whole numbers can give than to any other."""
    return HALF / (run.problem.unit or 1)


def stays_put(run: Run, result: str, actual: Array, expected: Array) -> bool:
    """Whether the elements that are off stay among the same few when the numbers are drawn again: noise would not.

    What no product is summed into, or is within a few roundings of the largest element, counts as right: where sums are
    empty, or always small, a transform leaves its noise in every draw.
    """
    wrong = _off(run, result, actual, expected)
    among = float(wrong.sum() / max(1, np.count_nonzero(_summed(run, result, expected))))
    if not 0 < among < 1:
        return False
    others, chance = run.once(_redraws), 1.0
    for redraw in range(1, REDRAWS + 1):
        if redraw not in others:
            others[redraw] = redrawn(run, run.problem, redraw)
        other = others[redraw]
        off = _off(other, result, *other.result(result))
        if np.any(off & ~wrong):
            return False
        chance *= among ** int(off.sum())
        if chance < CHANCE:
            return True
    return False


def _redraws(run: Run) -> dict[int, Run]:  # noqa: ARG001, each run has its own
    """The run on the same problem with other whole numbers, by redraw: the same for each of its results."""
    return {}


def redrawn(run: Run, problem: Problem, redraw: int) -> Run:
    """The run on a problem, with other whole numbers in it."""
    drawn = replace(problem, seed=problem.seed + redraw)
    return replace(run, problem=drawn, case=drawn.whole_numbers())


def _off(run: Run, result: str, actual: Array, expected: Array) -> Array:
    """Which sums of products are off by more than six roundings of the largest element."""
    few = 6 * unit_roundoff(run.problem.dtype) * float(np.abs(expected).max())
    return np.asarray((_summed(run, result, expected) != 0) & (np.abs(actual - expected) > few))


def _summed(run: Run, result: str, expected: Array) -> Array:
    """What products add to each element: y less what it is where one of their factors is 0, which is the bias."""
    factors = run.problem.op.rounds.factors.get("y")
    if result != "y" or not factors:
        return expected
    factor = factors[0]
    return expected - replace(run, case=run.case.with_input(factor, np.zeros_like(run.case.input(factor)))).true_y
