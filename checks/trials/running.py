"""Whether an implementation adds what a result does not contain, and subtracts it.

Sums do that run on along whole axes, of which windows are differences, Strassen's products of blocks, and Winograd's of
sums of neighbours.

Among whole numbers one is so large that beside it the others are lost. A result that it does not reach is the same
whether it is there or is 0, to the last bit, unless it was added and subtracted on the way: then what is left is off by
roundings of the large number, and by no more than these. What reads a wrong element is off by far more, and what sums
windows is not off at all. What is multiplied by 0 is not contained in a result either, so half of the numbers are 0 where
products are transformed: by halves and quarters, as Winograd's shortest, whole numbers come out exact, and show nothing.

Prefix sums and integral images are seen so, from either end, and a sum that moves along, which is exact on all whole
numbers that windows have room for. Which results may be had so, and what that loses, the op says (op.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np

from checks.numbers.bounds import gamma, unit_roundoff
from checks.numbers.precision import Array, accumulator
from checks.op import Case
from checks.trials.traces import COTANGENT, array_of, with_element
from checks.trials.trial import Run

USE, THINNED = 24, 25  # what places are drawn with (Problem.rng), and what is 0
SMALL = 9  # the largest of the other whole numbers
PLACES = 14  # at which the large one stands, beside the first and the last
PROBLEMS = 8  # asked until it is seen, which it is in nearly any problem whose results are off by it


def runs_on(run: Run) -> bool:
    """Whether that is seen, on this problem or on one that was asked before."""
    return run.problem.op.rounds.running is not None and _is_seen(run, "running", _runs_on)


def cancels(run: Run) -> bool:
    """Whether that is seen of what is multiplied by 0, of an op that is transformed, on this problem or on one before."""
    return run.problem.op.rounds.telling is not None and _is_seen(run, "cancels", _cancels)


def _is_seen(run: Run, what: str, in_one: Callable[[Run], bool]) -> bool:
    """Whether it is, on this problem or on one that was asked before, of which there are no more than `PROBLEMS`."""
    seen = run.implementation.remembered.setdefault((what, run.problem.dtype), [])
    if not any(seen) and len(seen) < PROBLEMS:
        seen.append(run.once(in_one))
    return any(seen)


def _runs_on(run: Run) -> bool:
    def most(other: Run, result: str) -> float:
        terms, size = other.sums(result.removeprefix("grad_"))
        return gamma(terms, unit_roundoff(other.problem.dtype)) * size

    return any(_leaves_rounding(*two, most) for two in _without_and_with(run, run.problem.whole_numbers(SMALL)))


def _cancels(run: Run) -> bool:
    def most(other: Run, result: str) -> float:
        return float(other.bound(result).normwise)

    rng = run.problem.rng(THINNED)
    thin = run.problem.whole_numbers(SMALL).each(lambda a: np.asarray(a * (rng.random(a.shape) < 1 / 2)))
    return any(_leaves_rounding(*two, most) for two in _without_and_with(run, thin))


def _without_and_with(run: Run, whole: Case) -> Iterator[tuple[Run, Run]]:
    """The case with 0 in some place, and with a number there beside which the others are lost in any accumulator."""
    digits = accumulator(run.problem.dtype).bits + 2
    large = 2.0 ** (digits // 2)
    rng = run.problem.rng(USE)
    # Squares of whole numbers are lost beside the square of half the digits; their own, beside what is added to them all.
    scales = (large / 2.0**digits,) if run.problem.op.kind.degree is not None else (large / 2.0**digits, 1 / SMALL)
    for scale, name in product(scales, (COTANGENT, *run.problem.present)):
        case = whole.each(partial(_times, by=scale))
        size = array_of(case, name).size
        for at in (0, size - 1, *map(int, rng.integers(size, size=PLACES))) if size else ():
            zero, other = (
                replace(run, case=with_element(case, name, at, value), watched=False) for value in (0.0, large)
            )
            yield zero, other


def _times(a: Array, by: float) -> Array:
    return np.asarray(a * a.dtype.type(by))


def _leaves_rounding(zero: Run, other: Run, most: Callable[[Run, str], float]) -> bool:
    """Whether any result is off where it is to be the same in both, by no more than what is added on the way rounds.

    But by more than it rounds by itself.
    """
    for (result, a, before), (_, b, after) in zip(zero.results(), other.results(), strict=True):
        with np.errstate(invalid="ignore"):
            same = before == after
            off = np.abs(b.astype(np.float64) - a)[same]
            if not off.any() or not np.all(off <= most(other, result)):
                continue
            # What is reached by less than a rounding is the same as well, and may be rounded in another way.
            if np.any(off > (zero.bound(result) + other.bound(result)).elementwise[same]):
                return True
    return False
