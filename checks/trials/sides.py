"""Whether what is off in few bits is rounding: it falls to either side, and is no factor; told from draws of one problem.

A draw has one vote, since what is rounded in one place, such as a norm's 1/√v, moves many elements alike.

**Sides.** Of what is beyond one rounding, `VOTES` draws make results larger, all in all, and as many smaller.

**A factor.** The α for which (1 + α)·y is nearest to what came has the same sign in `SURE` draws: of rounding, that has a
chance of 2^(1 − SURE). What one rounding on the way wipes out has no say: e^x − 1 is 0 for every small x, and so is 0
times what is right. Draws that are the same once they are stored, as a loss of small logits is ln C, have one vote. α is
more than a constant that is stored in the dtype, as a 1/9, could be off by, u and half of it again, and more than what an
op says of constants that grow on the way, as an exponent does (op.py); and `DISTINCT` standard errors from 0. Sums so long
that they stop growing, each term being less than half a unit in the last place of what is there, have a factor too, but
another in each draw; so of these (1 + α)·y has to be within one rounding of what came, for one α in all draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import isfinite, sqrt
from statistics import fmean, stdev

import numpy as np

from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import PRECISIONS, Array
from checks.trials.stored import Stored
from checks.trials.trial import Run

VOTES = 2
SURE = 16
REDRAWS = 32  # draws at most
DISTINCT = 8


def falls_to_both_sides(run: Run, result: str, stored: Stored | None = None) -> bool:
    """Whether what is beyond one rounding, in this problem drawn again and again, is too large and too small.

    stored  constants with which what is right is taken
    """
    if stored is None:
        return _remembered(run, "sides", result, _both_sides)
    return _remembered(run, f"sides, {stored}", result, partial(_both_sides, stored=stored))


def is_factor(run: Run, result: str) -> bool:
    """Whether a result is multiplied by what no rounding is."""
    return _remembered(run, "factor", result, _has_factor)


def _remembered(run: Run, what: str, result: str, question: Callable[[Run, str], bool]) -> bool:
    # Of inputs that are scaled down to nothing 1/n is rounded alike in every draw, which says nothing of others.
    alike = dict(run.problem.shapes), dict(run.problem.parameters), dict(run.problem.exponents)
    key = what, run.problem.dtype, repr(alike), result
    remembered = run.implementation.remembered
    if key not in remembered:
        remembered[key] = question(run, result)
    return bool(remembered[key])


def _drawn(run: Run, result: str) -> Iterator[tuple[Run, Array, Array]]:
    """The problem drawn again and again: what came, and what is right."""
    for redraw in range(REDRAWS):
        problem = replace(run.problem, seed=run.problem.seed + redraw)
        other = replace(run, problem=problem, case=problem.reals())
        actual, expected = other.result(result)
        yield other, np.asarray(actual, np.float64), np.asarray(expected, np.float64)


def _both_sides(run: Run, result: str, stored: Stored | None = None) -> bool:
    outwards = inwards = 0
    for other, actual, true in _drawn(run, result):
        expected, once = stored.right(other, result) if stored else (true, other.sharp_bound(result).elementwise)
        error = actual - expected
        beyond = np.abs(error) > once
        side = float(np.sum(error[beyond] * expected[beyond]))
        outwards, inwards = outwards + (side > 0), inwards + (side < 0)
        if min(outwards, inwards) >= VOTES:
            return True
        if max(outwards, inwards) >= SURE:
            break
    return False


def _has_factor(run: Run, result: str) -> bool:
    factors, seen, voted = list[float](), list[tuple[Run, Array, Array]](), list[Array]()
    for other, actual, expected in _drawn(run, result):
        stored = PRECISIONS[run.problem.dtype].rounded(expected)
        if any(np.array_equal(stored, before) for before in voted):
            continue
        voted.append(stored)
        told = np.where(np.abs(expected) > unit_roundoff(run.problem.dtype) * other.magnitude(result), expected, 0)
        size = float(np.sum(np.square(told)))
        factor = float(np.sum((actual - expected) * told)) / size if size else 0.0
        if not factor:
            continue
        if not isfinite(factor):
            return False
        factors.append(factor)
        seen.append((other, actual, expected))
        if min(factors) < 0 < max(factors):
            return False
        if len(factors) == SURE:
            break
    else:
        return False
    mean, spread = fmean(factors), stdev(factors)
    constant = (1.5 + max(_grown(other, result) for other, _, _ in seen)) * unit_roundoff(run.problem.dtype)
    if not (abs(mean) > constant and abs(mean) > DISTINCT * spread / sqrt(SURE)):
        return False
    return _is_short(run) or all(_is_that(1 + mean, *one, result) for one in seen)


def _grown(run: Run, result: str) -> float:
    """By how many roundings constants of the formula may move all of a result."""
    constants = run.problem.op.rounds.constants
    return 0.0 if constants is None else constants(run.case)[result.removeprefix("grad_")]


def _is_short(run: Run) -> bool:
    """Whether no sum can stop growing: no axis is longer than the square root of what the dtype counts to."""
    longest = max((n for shape in run.problem.shapes.values() for n in shape or ()), default=0)
    return longest**2 <= 1 << PRECISIONS[run.problem.dtype].bits


def _is_that(factor: float, run: Run, actual: Array, expected: Array, result: str) -> bool:
    """Whether what came is within one rounding of so many times what is right."""
    allowed = (1 + abs(factor)) * run.sharp_bound(result).elementwise
    return bool(np.all(np.abs(actual - factor * expected) <= allowed))
