"""What is off by more than one rounding, in float16 and bfloat16: sums that were kept narrow, or something that is wrong.

Kernels keep sums in float32 and round once (numbers/bounds.py). Code that keeps them narrower, or stores results on the
way, is not wrong, but less exact than it could be; code that leaves out a term, or scales, is wrong. Both are off by a
little. An excuse counts only where there is evidence for it:

- **Sums of products.** The accumulator's width is read at each place (accumulator.py). Where it is narrow, partial sums P_j
  are stored there, and may be off by γ_s(u)·Σ|P_j| more; nothing else is excused, but a sum that was rounded once before
  the bias was added to it.
- **Several steps.** A few results on the way may have been stored: γ₄(u)·Σ|terms| more. Rounding falls to both sides, and a
  factor does not: where nearly all that is beyond one rounding is so to the same side, nothing is decided.

What an excuse explains is a warning that names it; one that would explain everything, because it is as large as what is
judged, leaves it undecided. What `--accumulate` promises is not excused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from checks.numbers.bounds import Bound, added_narrow, gamma, unit_roundoff
from checks.numbers.precision import ACCUMULATORS, PRECISIONS, Array
from checks.trials.accumulator import Place, widths
from checks.trials.comparison import compared
from checks.trials.finding import Finding, Verdict
from checks.trials.trial import Run

STORED = 4  # results on the way
PARTS = 256  # partial sums that are worked out; of more the bound for narrow sums throughout is all there is
BOTH_SIDES = 0.25  # the share on the rarer side, from which on errors are taken for rounding
FEWEST = 4  # errors of which a side can be told


def judged(law: str, result: str, run: Run, actual: Array, expected: Array) -> Finding:
    """The finding on every element of a result, by the sharpest bound that a right implementation may be held to."""
    promised = run.implementation.promised
    bound = run.bound(result) if promised == "same" else run.sharp_bound(result)
    return excused(compared(law, result, run, actual, expected, bound), run, result, actual, expected)


def excused(found: Finding, run: Run, result: str, actual: Array, expected: Array) -> Finding:
    """The finding, or the warning that names what explains it."""
    if found.verdict is not Verdict.BROKEN or run.problem.dtype not in ACCUMULATORS or run.implementation.promised:
        return found
    sharp = run.sharp_bound(result).elementwise
    for words, more in _excuses(run, result):
        other = compared(found.law, result, run, actual, expected, Bound(sharp + more, np.asarray(0.0)))
        if other.verdict is Verdict.UNDECIDED or (
            other.verdict is Verdict.HOLDS
            and not run.problem.op.rounds.factors
            and not _both_sides(actual, expected, sharp)
        ):
            return replace(other, verdict=Verdict.UNDECIDED, note=f"{words}, or something is wrong: float32 would tell")
        if other.verdict is Verdict.HOLDS:
            return replace(other, verdict=Verdict.WARNING, note=f"{result}: {words}")
    return found


def _excuses(run: Run, result: str) -> Iterator[tuple[str, Array]]:
    """What may explain a result that is off by more than one rounding, in words, and by how much more it may be off."""
    dtype, u = run.problem.dtype, unit_roundoff(run.problem.dtype)
    if not run.problem.op.rounds.factors:
        yield f"results on the way are rounded to {dtype}", gamma(STORED, u) * run.magnitude(result)
        return
    if result == "y" and (apart := _without_bias(run)) is not None:
        yield f"the sum is rounded to {dtype} before the bias is added", u * np.abs(apart)
    bits = PRECISIONS[dtype].bits
    narrow = [place for place, width in widths(run.implementation, dtype).items() if width <= bits + 1]
    for place in (place for place in narrow if place.result == result):
        parts = _parts(run, place)
        words = f"sums are kept in {dtype} {place.words}"
        yield words, run.bound(result).elementwise if parts is None else added_narrow(*parts, dtype)
    if any(place.result == result for place in narrow):
        yield f"sums are kept in {dtype}", run.bound(result).elementwise


def _both_sides(actual: Array, expected: Array, sharp: Array) -> bool:
    """Whether what is beyond one rounding is so to both sides, too large and too small."""
    error = np.asarray(actual, np.float64) - expected
    beyond = np.abs(error) > sharp
    larger = int(np.sum(error[beyond] * np.sign(expected[beyond]) > 0))
    total = int(beyond.sum())
    return total >= FEWEST and min(larger, total - larger) >= BOTH_SIDES * total


def _without_bias(run: Run) -> Array | None:
    """y before what may be left out is added; None where nothing is."""
    optional = [name for name in run.problem.op.takes.optional if run.problem.shapes[name] is not None]
    if not optional:
        return None
    case = run.case
    inputs = tuple(None if n in optional else a for n, a in zip(case.op.inputs, case.inputs, strict=True))
    return run.reference.forward(replace(case, inputs=inputs).widened())


def _parts(run: Run, place: Place) -> tuple[int, Array] | None:
    """How many partial sums are added at this place, and the sum of their sizes; None if there are too many."""
    op, name = run.problem.op, place.result.removeprefix("grad_")
    for factor in op.rounds.factors[name]:
        names = op.takes.axes["y" if factor == "g" else factor].names
        plain = [axis.partition("/")[0] for axis in names]
        if place.axis not in plain:
            continue
        array = run.case.cotangent if factor == "g" else run.case.input(factor)
        first, several = plain.index(place.axis), array.ndim - len(plain) + 1
        axes = tuple(range(first, first + (several if place.axis.startswith("*") else 1)))
        count = int(np.prod([array.shape[axis] for axis in axes]))
        if count > PARTS:
            return None
        places = np.ndindex(*(array.shape[axis] for axis in axes))
        return count, np.sum([np.abs(_part(run, name, factor, axes, at)) for at in places], axis=0)
    return None


def _part(run: Run, name: str, factor: str, axes: tuple[int, ...], at: tuple[int, ...]) -> Array:
    """The result of that part of one factor alone."""
    array = run.case.cotangent if factor == "g" else run.case.input(factor)
    kept = np.zeros_like(array)
    index = tuple(at[axes.index(axis)] if axis in axes else slice(None) for axis in range(array.ndim))
    kept[index] = array[index]
    case = replace(run.case, cotangent=kept) if factor == "g" else run.case.with_input(factor, kept)
    return run.reference.forward(case.widened()) if name == "y" else run.reference.backward(case.widened())[name]
