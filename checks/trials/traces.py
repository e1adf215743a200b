"""Where one number that is none (NaN, ±∞) must be seen in the results, and where it must not.

Floating-point numbers are no field: 0·NaN is NaN, and so is 0·∞. So it depends on the algorithm whether an element that has
a zero in front of the odd number, as of padding, or of a mask, is spoilt by it; right ones do either. What they agree in:

- **A trace.** An element that depends on the odd number, and that the reference makes NaN of a NaN, is a number to nobody.
  Of ∞ an element may have a limit (σ(∞) = 1), or none (∞ − ∞, 0·∞), where one algorithm says NaN and another a number: only
  what the reference makes ±∞ of has to be seen.
- **No leak.** Where samples have nothing to do with one another, not even a zero leads from one to the other: what the odd
  number of one sample spoils in another is the fault of the code alone.

What leaves no trace is wrong, and no convention, where the odd number goes into an element by products and sums alone: of a
polynomial that makes no choice, of y in an input in which it is linear, of a gradient in the cotangent. Elsewhere it goes
through a comparison, or a function, of which some clip: a maximum may take the other number, as `fmax` does.

That an element depends on the odd number is seen by other numbers in its place: what stands there, twice the largest there
is, and its negative, which change what is clipped, chosen or cut off at one of them, or is the same at both, as σ′ is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Op
from checks.signature.derivative import nowhere
from checks.trials.trial import Run

COTANGENT = "grad_output"


def oddly(run: Run, name: str, place: int, odd: float) -> Run:
    """The same with `odd` in this element of an input, or of the cotangent; what is judged may begin with it."""
    other = replace(run, case=with_element(run.case, name, place, odd), watched=False)
    return other.begin("backward") if name == COTANGENT else other.begin()


class Lost(str):
    """What goes wrong with an odd number where no convention allows it."""

    __slots__ = ()


def misplaced(run: Run, other: Run, name: str, place: int, odd: float) -> str:
    """What goes wrong in such a one; "" if nothing does.

    Raises what the implementation raises.
    """
    # y knows nothing of a cotangent, so that one call is enough.
    actual = dict(other.gradients) if name == COTANGENT else {"y": other.y, **other.gradients}
    right = _right(other, actual)
    off = {result for result in actual if np.any(~np.isfinite(actual[result]) != ~np.isfinite(right[result]))}
    if not off:
        return ""
    most = 2 * max(1.0, float(np.max(np.abs(array_of(run.case, name)), initial=0.0)))
    own = _right(run, actual)
    low, high = (_right(replace(run, case=with_element(run.case, name, place, v)), actual) for v in (-most, most))
    apart = {*run.problem.samples, "y", COTANGENT} if run.problem.samples else set()
    shape = array_of(run.case, name).shape
    sample = place // max(1, prod(shape[1:]))
    what = f"{'a NaN' if np.isnan(odd) else 'an infinity'} in {name}"
    for result in (r for r in actual if r in off):
        spoilt = ~np.isfinite(actual[result])
        depends = _differ(low[result], high[result]) | _differ(own[result], high[result])
        seen = np.isnan(right[result]) if np.isnan(odd) else np.isinf(right[result])
        said = result if result == "y" else f"grad_{result}"
        if np.any(depends & seen & ~spoilt):
            words = f"{what} leaves no trace in elements of {said} that it should"
            return Lost(words) if _by_products(run.problem.op, name, result) else words
        if {name, result} <= apart and np.any(np.delete(spoilt & np.isfinite(right[result]), sample, axis=0)):
            return f"{what} makes NaN or infinity of elements of {said} that it should not: of other samples"
    return ""


def _differ(a: Array, b: Array) -> Array:
    return np.asarray(~((a == b) | (np.isnan(a) & np.isnan(b))))


def _by_products(op: Op, name: str, result: str) -> bool:
    """Whether an array goes into a result by products and sums alone."""
    # A row of padding, which no gradient reaches, may be known to be 0.
    if result == "y" and op.kind.stops is not nowhere:
        return False
    linear = any(name in group for group in op.kind.linear_in) if result == "y" else name == COTANGENT
    return linear or (op.kind.degree is not None and op.kind.analytic)


def _right(run: Run, wanted: Mapping[str, Array]) -> dict[str, Array]:
    """The reference's results, for all that are wanted."""
    return {result: run.true_y if result == "y" else run.true_gradients[result] for result in wanted}


def array_of(case: Case, name: str) -> Array:
    """An input of this name, or the cotangent."""
    return case.cotangent if name == COTANGENT else case.input(name)


def with_array(case: Case, name: str, a: Array) -> Case:
    """The case with another array for an input of this name, or for the cotangent."""
    return replace(case, cotangent=a) if name == COTANGENT else case.with_input(name, a)


def with_element(case: Case, name: str, place: int, value: float) -> Case:
    """The case with this number in one element of an input, or of the cotangent."""
    changed = array_of(case, name).copy()
    changed.flat[place] = value
    return with_array(case, name, changed)
