"""What is right where constants are stored in few bits before they are used: parameters, and 1/n of a mean.

A slope of 0.3 is 0.30078125 in bfloat16, and 1/387 is off too. Code that stores them is off on one side in every draw, as
rounding is not, and by more in some elements than in others, as a wrong factor is not. But what it has to return is
known: the reference with the parameters that are stored, times n·fl(1/n). Within one rounding of that it is explained, with
nothing to spare; and where more was stored on the way, that falls to both sides of it.

Only a gradient of a mean is excused for 1/n: to y that is what a term left out of the sum of n does, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from typing import Any

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.trials.trial import Run

MEANS = ("mean", "batchmean")


@dataclass(frozen=True)
class Stored:
    """Some of the constants, as they are stored: parameters, and what all of a result is multiplied by."""

    words: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    factor: float = 1.0

    def right(self, run: Run, result: str) -> tuple[Array, Array]:
        """What is right then, and what one rounding can do to it."""
        case = replace(run.case, parameters={**run.case.parameters, **self.parameters})
        other = replace(run, case=case, watched=False)
        right = other.true_y if result == "y" else other.true_gradients[result.removeprefix("grad_")]
        return self.factor * np.asarray(right, np.float64), self.factor * other.sharp_bound(result).elementwise


def readings(run: Run, result: str) -> Iterator[Stored]:
    """Every choice of constants that may be stored on the way to a result, if that changes them."""
    dtype = run.problem.dtype
    parameters = {n: (v, _rounded(v, dtype)) for n, v in run.case.parameters.items() if isinstance(v, float)}
    moved = {n: after for n, (before, after) in parameters.items() if after not in (0.0, before)}
    divisors = _means(run) if result != "y" else []
    means = {n: factor for n in divisors if (factor := n * _rounded(1 / n, dtype)) != 1.0}
    for some, n in product(({}, moved) if moved else ({},), (0, *means)):
        names = [*some, *(["1/n"] if n else [])]
        if names:
            yield Stored(f"stored in {dtype}: {', '.join(names)}", some, means.get(n, 1.0))


def _means(run: Run) -> list[int]:
    """What a mean may divide by: all elements of an input, or all along its first axis."""
    if run.case.parameters.get("reduction") not in MEANS:
        return []
    shapes = [shape for shape in run.problem.shapes.values() if shape and 0 not in shape]
    return list(dict.fromkeys(n for shape in shapes for n in (prod(shape), shape[0])))


def _rounded(value: float, dtype: str) -> float:
    return float(PRECISIONS[dtype].rounded(np.asarray(value, np.float64)))
