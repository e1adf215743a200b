"""Where an op has no derivative: which gradients are right, as numbers that need no program.

An op says what is right there by `nearest`: the right gradient that is nearest to one that came (checks/op.py). What is
right for one output is a set of shares of its cotangent, between a least and a largest each, and, where shares are parts of
one whole (a window's largest numbers), with one sum. Both are read off what is nearest to gradients that are far away, and
then looked at: points of the set described so must be nearest to themselves, or the case is not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Problem
from checks.vectors.vector import Choice

FAR = (
    2.0**12
)  # times the largest cotangent: far enough for what is nearest to be an end, near enough to keep its digits
DIGITS = 6
MOST = 48  # elements of a case: each is asked about with each output
PROBES = 8
# A share is drawn as total·w/Σw, and computed again as a share of the cotangent, of a sum of shares, times the cotangent:
# two sums of at most MOST terms and six roundings besides, so (2·MOST + 6)·u, of the largest number there is.
ROUNDING = (2 * MOST + 6) * 2.0**-53


def tied(problem: Problem) -> Iterator[tuple[Case, Array, tuple[Choice, ...]]]:
    """Cases on kinks: under a cotangent whose outputs share no input, one right gradient, and what else is right."""
    kinks = problem.op.kinks
    if kinks is None or not 0 < problem.elements <= MOST or len(problem.present) != 1:
        return
    case = kinks.case(problem)
    if not all(np.all(np.isfinite(a)) for a in case.inputs if a is not None):
        return  # what is compared with −∞ alone has no subdifferential to publish
    (name,) = problem.present
    for mask in kinks.apart(case):
        masked = replace(case, cotangent=case.cotangent * mask)
        gradient = np.asarray(masked.gradients[problem.op.inputs.index(name)], np.float64)
        choices = tuple(filter(None, (_choice(masked, at) for at in np.argwhere(masked.cotangent))))
        if choices and _describes(masked, gradient, choices):
            yield masked, gradient, choices
            return


def _choice(case: Case, at: Array) -> Choice | None:
    """What is right for this output alone, if more than one gradient is."""
    kinks = case.op.kinks
    if kinks is None:
        return None
    alone = np.zeros_like(case.cotangent)
    alone[tuple(at)] = case.cotangent[tuple(at)]
    only = replace(case, cotangent=alone)
    (name,) = case.op.takes.differentiable
    shape = case.input(name).shape
    size = int(np.prod(shape))
    low, high, sums = np.zeros(size), np.zeros(size), set()
    away = FAR * 2.0 ** np.ceil(np.log2(float(np.abs(alone).max())))
    for element in range(size):
        for far, ends in ((-away, low), (away, high)):
            probe = np.full(size, -far)
            probe[element] = far
            near = np.asarray(kinks.nearest(only, probe.reshape(shape)), np.float64).ravel()
            ends[element] = _known(near[element])
            sums.add(_known(near.sum()))
    free = np.flatnonzero(low < high)
    if not free.size:
        return None
    total = sums.pop() if len(sums) == 1 else None
    return Choice(tuple(map(int, free)), tuple(low[free].tolist()), tuple(high[free].tolist()), total)


def _known(number: float) -> float:
    """A share of few digits, as it is before what is nearest was computed; a share that needs more is none that is told."""
    return round(float(number), DIGITS)


def _describes(case: Case, gradient: Array, choices: tuple[Choice, ...]) -> bool:
    """Whether gradients that are drawn from the sets are right ones."""
    chance = Random("points of the sets")  # noqa: S311, no secret
    kinks = case.op.kinks
    for _ in range(PROBES):
        point = gradient.copy().ravel()
        for choice in choices:
            point[list(choice.elements)] = _drawn(choice, chance)
        near = np.asarray(kinks.nearest(case, point.reshape(gradient.shape)), np.float64).ravel() if kinks else point
        if np.abs(near - point).max() > ROUNDING * np.abs(point).max():
            return False
    return True


def _drawn(choice: Choice, chance: Random) -> list[float]:
    """A point of the set."""
    if choice.total is None:
        return [chance.uniform(a, b) for a, b in zip(choice.low, choice.high, strict=True)]
    weights = [chance.random() for _ in choice.elements]
    return [choice.total * w / sum(weights) for w in weights]
