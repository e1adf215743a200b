"""Whole numbers of which most are 0: sums that are exact however they are kept, in few bits, of as many terms as you like.

Sums of n products of whole numbers up to M are exact in p bits if n·M² ≤ 2^p. Where n alone is more than that, most
elements are made 0, and those that are left are −1 and 1: adding 0 rounds nothing, so what counts is the sum of the
magnitudes, which the reference computes of the magnitudes of the case. While one of them is more than 2^p, elements are
made 0 at random. Whoever sums in bfloat16, or in parts, or from the end, gets the same number; what is scaled or left out
does not.
"""

from __future__ import annotations

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Problem

USE = 7  # what elements are made 0 with (Problem.rng)
LEAST = 0.1  # of what is there is kept at a time


def whole_numbers(problem: Problem) -> Case:
    """The whole numbers of a problem, thinned until every sum of them is exact in its dtype, if they are to be small."""
    case = problem.whole_numbers()
    if not problem.sparse:
        return case
    rng, room = problem.rng(USE), (1 << PRECISIONS[problem.dtype].bits) // (problem.unit or 1)
    while (most := _largest_sum(case)) > room:
        # Products have two factors: their sums shrink with the square of the share that is kept.
        keep = max(LEAST, 0.9 * (room / most) ** 0.5)
        case = case.each(lambda a: np.where(rng.random(a.shape) < keep, a, a.dtype.type(0)))  # noqa: B023, used at once
    return case


def _largest_sum(case: Case) -> float:
    """The largest sum of magnitudes in any result."""
    sizes = case.absolute()
    sums: list[Array] = [sizes.y, *(g for g in sizes.gradients if g is not None)]
    return max(float(np.max(a, initial=0.0)) for a in sums)
