"""What overflows, or underflows, on the way to a result that a float can hold: inputs near the ends of the range.

A square leaves the range from its root on: of numbers of 1e20 in float32 it is ∞, and what is divided by that is 0; of
1e-30 it is 0, and what is divided by that is ∞. Who divides by the largest first, or takes a maximum off, loses nothing.
So one input, or the cotangent, is scaled by a power of two, which rounds nothing, to where a sum of all its numbers is
`ROOM` times below the largest number there is, or its largest is as far above the smallest normal one; and it is asked
which results have nothing left. The first input is what an op is of; what is multiplied with it (a scale, weights, the
cotangent) is summed along all axes and has no power taken, so of others all numbers of the case, and what they meet, count
for the sum. An element is asked only

- if the right number is a normal one in the dtype, at least a `LARGE` part of the largest of its result, so that it is no
  remainder of what cancels;
- and if rounding explains less than a quarter of it, at the usual size and, where it is known, there, so that what this op
  cancels is not asked either: all but one class of a softmax of 1e4 have a gradient of e^−100, a difference of larger ones.

Half of it has to be gone, or as much again to have come: that is no rounding, but 0, ∞, NaN or the largest number.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from math import frexp

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case
from checks.trials.comparison import DECISIVE
from checks.trials.traces import COTANGENT, array_of, with_array
from checks.trials.trial import Run

LOG_ROOM = 4
ROOM = 1 << LOG_ROOM
LARGE = 1 / 16


def scaled(run: Run, name: str, *, up: bool) -> Case | None:
    """The case with this input, or the cotangent, near an end of its range; None where it is there, or holds nothing."""
    precision, a = PRECISIONS[run.problem.dtype], array_of(run.case, name).astype(np.float64)
    exponent = _exponent(a)
    if exponent is None:
        return None
    # The largest is then below 2^highest, room and what it meets taken off it, or 2^lowest with the room above.
    top = precision.highest - LOG_ROOM - _met(run, name)
    by = top - exponent if up else precision.lowest + LOG_ROOM + 1 - exponent
    if (by <= 0) if up else (by >= 0):
        return None
    return with_array(run.case, name, precision.rounded(np.ldexp(a, by)))


def _exponent(a: Array) -> int | None:
    """The power of two that the largest number is below; None where there is none that is not 0."""
    largest = float(np.abs(a).max(initial=0.0))
    return frexp(largest)[1] if largest and np.isfinite(largest) else None


def _met(run: Run, name: str) -> int:
    """The power of two that what is added to and multiplied with an array makes of it, at most."""
    if name == run.problem.present[0]:
        return (array_of(run.case, name).size - 1).bit_length()
    others = (array_of(run.case, other) for other in (*run.problem.present, COTANGENT) if other != name)
    return run.problem.elements.bit_length() + sum(max(0, _exponent(a) or 0) for a in others)


def lost(run: Run, case: Case, results: Collection[str]) -> str:
    """In words, what becomes of elements of one of these results of which nothing is left; "" where none is."""
    other = replace(run, case=case)
    for result, actual, right in other.results():
        if result not in results:
            continue
        with np.errstate(invalid="ignore", over="ignore"):
            gone = ~(np.abs(np.asarray(actual, np.longdouble) - right) <= np.abs(right) / 2)
        if gone.any():  # bounds take far longer than results, and are asked for where something has to be explained
            gone &= _asked(run, result, right)
        if gone.any():
            gone &= ~_explained(other, result, right)
        if gone.any():
            found = np.asarray(actual)[gone]
            does = (
                "makes NaN or infinity of" if not np.isfinite(found).all() else "leaves 0 in" if not found.any() else ""
            )
            return f"{does or 'leaves other numbers in'} elements of {result} that it should not"
    return ""


def _explained(run: Run, result: str, right: Array) -> Array:
    """The elements of which rounding may leave nothing; where its bound is no number it explains nothing."""
    with np.errstate(all="ignore"):
        bound = np.asarray(run.bound(result).elementwise)
        return np.asarray(np.isfinite(bound) & (bound > DECISIVE * np.abs(right)))


def _asked(run: Run, result: str, right: Array) -> Array:
    """The elements whose right number nothing takes away that a sum of products could excuse."""
    precision, size = PRECISIONS[run.problem.dtype], np.abs(right)
    normal = 2.0**precision.lowest
    with np.errstate(invalid="ignore"):
        there = (size >= normal) & (size <= precision.largest / ROOM)
        there &= size >= LARGE * np.max(size, where=np.isfinite(size), initial=0.0)
        usual = np.abs(run.result(result)[1])
        return np.asarray(there & (run.bound(result).elementwise <= DECISIVE * usual))
