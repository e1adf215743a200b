"""Whether an implementation adds what a result does not contain, and subtracts it.

Sums do that run on along whole axes, of which windows are differences, and Strassen's products of blocks.

Among whole numbers one is so large that beside it the others are lost. A result that it does not reach is the same
whether it is there or is 0, to the last bit, unless it was added and subtracted on the way: then what is left is off by
roundings of the large number, and by no more than these. What reads a wrong element is off by far more, and what sums
windows is not off at all.

Prefix sums and integral images are seen so, from either end, and a sum that moves along, which is exact on all whole
numbers that windows have room for. Which results may be had so, and what that loses, the op says (op.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from checks.numbers.bounds import gamma, unit_roundoff
from checks.numbers.precision import accumulator
from checks.op import Case
from checks.trials.traces import COTANGENT
from checks.trials.trial import Run

USE = 24  # what places are drawn with (Problem.rng)
SMALL = 9  # the largest of the other whole numbers
PLACES = 14  # at which the large one stands, beside the first and the last
PROBLEMS = 8  # asked until it is seen, which it is in nearly any problem whose results are off by it


def runs_on(run: Run) -> bool:
    """Whether that is seen, on this problem or on one that was asked before."""
    if run.problem.op.rounds.running is None:
        return False
    seen = run.implementation.remembered.setdefault(("running", run.problem.dtype), [])
    if not any(seen) and len(seen) < PROBLEMS:
        seen.append(run.once(_runs_on))
    return any(seen)


def _runs_on(run: Run) -> bool:
    return any(_leaves_rounding(*two) for two in _without_and_with(run))


def _without_and_with(run: Run) -> Iterator[tuple[Run, Run]]:
    """The case with 0 in some place, and with a number there beside which the others are lost in any accumulator."""
    digits = accumulator(run.problem.dtype).bits + 2
    large = 2.0 ** (digits // 2)
    case = run.problem.whole_numbers(SMALL).each(lambda a: a * a.dtype.type(large / 2.0**digits))
    rng = run.problem.rng(USE)
    for name in (COTANGENT, *run.problem.present):
        size = (case.cotangent if name == COTANGENT else case.input(name)).size
        for at in (0, size - 1, *map(int, rng.integers(size, size=PLACES))) if size else ():
            zero, other = (replace(run, case=_with(case, name, at, value), watched=False) for value in (0.0, large))
            yield zero, other


def _with(case: Case, name: str, at: int, value: float) -> Case:
    """The case with another number in one place."""
    changed = (case.cotangent if name == COTANGENT else case.input(name)).copy()
    changed.flat[at] = value
    return replace(case, cotangent=changed) if name == COTANGENT else case.with_input(name, changed)


def _leaves_rounding(zero: Run, other: Run) -> bool:
    """Whether any result is off where it is to be the same in both, and by no more than sums of all of an axis round."""
    running = other.problem.op.rounds.running
    known = {} if running is None else running(other.case.absolute().widened())
    for (result, a, before), (_, b, after) in zip(zero.results(), other.results(), strict=True):
        terms, size = known.get(result.removeprefix("grad_"), (0, 0.0))
        with np.errstate(invalid="ignore"):
            off = np.abs(b.astype(np.float64) - a)[before == after]
            if off.any() and np.all(off <= gamma(terms, unit_roundoff(other.problem.dtype)) * size):
                return True
    return False
