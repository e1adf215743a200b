"""What is off by more than one rounding, in float16 and bfloat16: sums that were kept narrow, or something that is wrong.

Kernels keep sums in float32 and round once (numbers/bounds.py). Code that keeps them narrower, or stores results on the
way, is not wrong, but less exact than it could be; code that leaves out a term, or scales, is wrong. Both are off by a
little. An excuse counts only where there is evidence for it:

- **A sum that was rounded before the bias was added to it.** It may be off by u|y − b| more. On whole numbers there is
  nothing to allow: of S + b that gives fl(fl(S) + b), one number. What a norm multiplies by γ may be rounded before, by
  u|y − β| more, and once more before β is added.
- **Partial sums that are stored** along an axis in which the accumulator is read to be narrow (accumulator.py): of
  s partial sums P_j each is rounded, and so is each addition, γ_s(u)·Σ|P_j| more. An element counts those that reach it.
- **Narrow sums throughout**, where numbers that cancel on this very problem show that bits are lost: γ_n(u)·Σ|terms|.
- **Products that are rounded** before they are summed, where products of more than p bits show it: u·Σ|terms| more.
- **Several steps**, of an op that is no sum of products: a few results on the way may have been stored, up to
  4·γ₁(u)·Σ|terms| more, or all of them, γ_n(u)·Σ|terms|. Rounding falls to both sides, and a factor does not: of the same
  problem drawn again, what is beyond one rounding has to be too large in some draws and too small in others. What is off
  by the same factor in all of them is wrong.
- **Constants that are stored**, of such an op: parameters, and 1/n of a mean (stored.py).
- **Transforms in few bits**, of an op that is transformed: what they are off by is of the size of the largest elements,
  which explains nearly anything. It decides nothing, and falls to both sides too.

What an excuse explains is a warning that names it; one that would explain everything, because it is as large as what is
judged, leaves it undecided. What `--accumulate` promises is not excused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from checks.numbers.bounds import Bound, added_narrow, gamma, unit_roundoff
from checks.numbers.precision import ACCUMULATORS, PRECISIONS, Array
from checks.trials.accumulator import axes_of, loses, place_of, rounds_products, summed_by, widths
from checks.trials.arithmetic import is_inexact
from checks.trials.comparison import compared
from checks.trials.finding import Finding, Verdict
from checks.trials.sides import falls_to_both_sides, is_factor
from checks.trials.stored import readings
from checks.trials.trial import Run

STORED = (
    1 / 16,
    1 / 4,
    1,
    4,
)  # of γ₁, sharpest first: what explains it counts. Magnitudes are what the roundings of the
# formula that loses most are relative to, so that one which is stored in another may be far less
HUNDREDTH = 0.01
FACTOR = "every element is off by the same factor, in every draw"
PARTS = 256  # partial sums that are worked out; of more the bound for narrow sums throughout is all there is


def judged(law: str, result: str, run: Run, actual: Array, expected: Array) -> Finding:
    """The finding on every element of a result, by the sharpest bound that a right implementation may be held to."""
    found = compared(law, result, run, actual, expected, run.sharp_bound(result))
    if found.verdict is Verdict.HOLDS and _hides_a_factor(found) and is_factor(run, result):
        return replace(found, verdict=Verdict.BROKEN, note=FACTOR)
    return excused(found, run, actual, expected) if _may_be_excused(found) else found


def excused(found: Finding, run: Run, actual: Array, expected: Array, *, whole: bool = False) -> Finding:
    """The finding, or the warning that names what explains it.

    whole  nothing is lost in an accumulator that is wide, since the numbers are whole
    """
    promised = run.implementation.promised
    if not _may_be_excused(found) or promised == "float32":
        return found
    if promised == "same":
        return compared(found.law, found.result, run, actual, expected, run.bound(found.result))
    u = unit_roundoff(run.problem.dtype)
    if not run.problem.op.rounds.factors and not whole and is_factor(run, found.result):
        return found
    once = u * np.abs(expected) if whole else run.sharp_bound(found.result).elementwise
    best = found
    for words, more, evident in _excuses(run, found.result, actual, expected, whole=whole):
        other = compared(found.law, found.result, run, actual, expected, Bound(once + more, np.asarray(0.0)))
        if other.verdict is Verdict.HOLDS and evident:
            return replace(other, verdict=Verdict.WARNING, note=words)
        if other.verdict is not Verdict.BROKEN and best.verdict is Verdict.BROKEN:
            note = f"{words}, or something is wrong: float32 would tell"
            best = replace(other, verdict=Verdict.UNDECIDED, note=note)
    if not run.problem.op.rounds.factors and not whole:
        best = _by_constants(found, run, actual) or best
    if best.verdict is not Verdict.WARNING and is_inexact(run):  # asked last: as many calls as there are redraws
        loose = np.broadcast_to(run.bound(found.result).normwise, actual.shape)
        if np.all(np.abs(actual - expected) <= loose) and falls_to_both_sides(run, found.result):
            how = "transforms" if run.problem.op.rounds.running is None else "sums that run on"
            note = f"{how} in {run.problem.dtype}, or something is wrong: float32 would tell"
            return replace(found, verdict=Verdict.UNDECIDED, note=note)
    return best


def _by_constants(found: Finding, run: Run, actual: Array) -> Finding | None:
    """The warning that constants are stored, if they explain it, or what else is stored falls to both sides of that."""
    u = unit_roundoff(run.problem.dtype)
    for reading in readings(run, found.result):
        right, once = reading.right(run, found.result)
        for more in (0, *STORED):
            bound = Bound(once + more * gamma(1, u) * run.magnitude(found.result), np.asarray(0.0))
            other = compared(found.law, found.result, run, actual, right, bound)
            if other.verdict is Verdict.HOLDS and (not more or falls_to_both_sides(run, found.result, reading)):
                return replace(other, verdict=Verdict.WARNING, note=f"{found.result}: {reading.words}")
    return None


def may_be_noise(run: Run, result: str, actual: Array, expected: Array) -> bool:
    """Whether what is off may be a transform's noise, by what is known of few bits: a factor of 1.01 is small there too."""
    if run.problem.dtype not in ACCUMULATORS:
        return True
    with np.errstate(invalid="ignore"):
        stored_once = bool(np.all(np.abs(actual - expected) <= run.sharp_bound(result).normwise))
    return stored_once or falls_to_both_sides(run, result)


def _hides_a_factor(found: Finding) -> bool:
    """Whether an error of a hundredth in everything would not be beyond the bound, in few bits."""
    return found.problem.dtype in ACCUMULATORS and found.sees is not None and found.sees > HUNDREDTH


def _may_be_excused(found: Finding) -> bool:
    return found.verdict is Verdict.BROKEN and found.problem.dtype in ACCUMULATORS


def _excuses(
    run: Run, result: str, actual: Array, expected: Array, *, whole: bool
) -> Iterator[tuple[str, Array, bool]]:
    """What may explain a result that is off by more than one rounding: words, how much more it may be off, any evidence."""
    dtype, mine, name = run.problem.dtype, run.implementation, result.removeprefix("grad_")
    u = unit_roundoff(dtype)
    apart, times, what = _without_bias(run) if result == "y" else (None, 1, "")
    before = f"y is rounded to {dtype} before {what}"
    twice = np.zeros(()) if apart is None else times * u * np.abs(apart)
    if apart is not None and not whole:
        yield before, twice, True
    if apart is not None and whole and np.array_equal(actual, _rounded_twice(run, apart, expected)):
        yield before, np.abs(actual - expected), True
    products = np.zeros(())
    if rounds_products(mine, run.problem, name):
        products = u * run.magnitude(result)
        yield f"{result}: products are rounded to {dtype} before they are summed", products + twice, True
    read = widths(mine, dtype).items()
    axes = tuple(place.axis for place, width in read if place.result == result and place.axis and narrow(dtype, width))
    if axes and (more := run.once(_stored_along(name, axes))) is not None:
        yield in_words(run, name, axes), more + products, True
    if axes or loses(mine, run.problem, name):
        yield f"{result} is summed in {dtype}, not in {ACCUMULATORS[dtype]}", run.bound(result).elementwise, True
    if not run.problem.op.rounds.factors and not whole:
        words = f"{result}: results on the way are rounded to {dtype}"
        evident = falls_to_both_sides(run, result)
        yield from ((words, stored * gamma(1, u) * run.magnitude(result), evident) for stored in STORED)
        yield f"{result}: every result on the way is rounded to {dtype}", run.bound(result).elementwise, evident


def narrow(dtype: str, width: int) -> bool:
    """Whether so many bits are those of the dtype. One more is read where −2^k is added before the 1 is rounded away."""
    return width <= PRECISIONS[dtype].bits + 1


def in_words(run: Run, name: str, axes: tuple[str, ...]) -> str:
    """Which result is summed narrow, and where."""
    dtype = run.problem.dtype
    places = [place_of(run.problem.op, name, axis) for axis in axes]
    where = " and ".join(place.words for place in places)
    return f"{places[0].result} is summed in {dtype} {where}, not in {ACCUMULATORS[dtype]}"


def _without_bias(run: Run) -> tuple[Array | None, int, str]:
    """What y is before the bias is added, how often that may have been rounded, and before what; None where nothing is.

    What y is multiplied by comes after a rounding too, and the product is rounded in its turn if something is added.
    """
    optional = [name for name in run.problem.op.takes.optional if run.problem.shapes[name] is not None]
    linear = {name for group in run.problem.op.kind.linear_in for name in group}  # weights of classes are not
    given = [name for name in optional if name in linear]
    if not given:
        return None, 1, ""
    added = [name for name in given if not _multiplies(run, name)]
    scaled = len(added) < len(given)
    return _y_without(run, added), scaled + bool(added), "it is scaled" if scaled else "the bias is added"


def _multiplies(run: Run, name: str) -> bool:
    """Whether an array that is left out counts as 1, not as 0."""
    nothing = run.case.with_input(name, np.zeros_like(run.case.input(name)))
    return not np.array_equal(run.reference.forward(nothing.widened()), _y_without(run, [name]), equal_nan=True)


def _y_without(run: Run, names: Collection[str]) -> Array:
    case = run.case
    inputs = tuple(None if n in names else a for n, a in zip(case.op.inputs, case.inputs, strict=True))
    return np.asarray(run.reference.forward(replace(case, inputs=inputs).widened()))


def _rounded_twice(run: Run, apart: Array, expected: Array) -> Array:
    """fl(fl(S) + b) of the sum S and what is added to it."""
    rounded = PRECISIONS[run.problem.dtype].rounded
    return rounded(rounded(apart).astype(np.float64) + (expected - apart))


@cache
def _stored_along(name: str, axes: tuple[str, ...]) -> Callable[[Run], Array | None]:
    """The question that several laws have on the same run, of which each part takes a backward."""
    return lambda run: _stored(run, name, axes)


def _stored(run: Run, name: str, axes: tuple[str, ...]) -> Array | None:
    """What is lost where partial sums along these axes are stored; None if there are too many of them."""
    found = summed_by(run.implementation, run.problem, name)
    if found is None:
        return None
    array = run.case.cotangent if found.array == "g" else run.case.input(found.array)
    named = axes_of(run.problem.op, found.array, array.ndim)
    where = tuple(i for axis in axes for i in named[axis])
    if np.prod([array.shape[i] for i in where]) > PARTS:
        return None
    total = count = np.zeros(())
    for at in np.ndindex(*(array.shape[i] for i in where)):
        index = tuple(at[where.index(i)] if i in where else slice(None) for i in range(array.ndim))
        kept = np.zeros_like(array)
        kept[index] = array[index]
        part = np.abs(_part(run, name, found.array, kept))
        total, count = total + part, count + (part > 0)
    return added_narrow(count, total, run.problem.dtype)


def _part(run: Run, name: str, array: str, kept: Array) -> Array:
    """The result of that part of what is summed, without a bias."""
    case = replace(run.case, cotangent=kept) if array == "g" else run.case.with_input(array, kept)
    if name != "y":
        return np.asarray(run.reference.backward(case.widened())[name])
    optional = run.problem.op.takes.optional
    inputs = tuple(None if n in optional else a for n, a in zip(case.op.inputs, case.inputs, strict=True))
    return np.asarray(run.reference.forward(replace(case, inputs=inputs).widened()))
