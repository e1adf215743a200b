"""What one array was turned into, where that is as simple as a factor, a shift or a transposition, in all cases alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from math import isfinite, prod

import numpy as np

from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Problem

FARTHEST = 3
LARGEST_DENOMINATOR = 16
FEW = 3  # elements: what multiplies fewer is told only if it is a simple fraction
MOST_DIGITS = 6  # of a factor that is no such fraction, but where these would call it a shorter number: 1.0000001
ALL_DIGITS = 17


@dataclass(frozen=True)
class Pair:
    """What came out in a problem, what it may have been made from, and how far rounding can set the two apart."""

    problem: Problem
    actual: Array
    base: Array
    bound: Array


def change(pairs: Sequence[Pair]) -> str:
    """What was done to the bases, such as "multiplied by 3/4, in every case"; "" if nothing simple, or nothing, was."""
    telling = [p for p in pairs if p.base.any() or p.actual.any()]
    if not telling or all(_same(p, p.base) for p in telling):
        return ""
    return _factor(telling) or _shift(telling) or _swap(telling)


def is_zero(pairs: Sequence[Pair]) -> bool:
    """Whether nothing came out in any case, where something should have in some."""
    return any(p.base.any() for p in pairs) and not any(p.actual.any() for p in pairs)


def factor(pair: Pair) -> str:
    """The number that the base was multiplied by, as it is written; "" if it was not, or by 1."""
    low, high = _factors(pair)
    return _number(low, high) if low <= high and not low <= 1 <= high else ""


def joined(pairs: Sequence[Pair]) -> Pair:
    """The elements of all, of one problem with several numbers, as those of one."""
    arrays = zip(*((p.actual, p.base, np.broadcast_to(p.bound, p.base.shape)) for p in pairs), strict=True)
    return Pair(pairs[0].problem, *(np.concatenate([a.reshape(-1) for a in same]) for same in arrays))


def _same(pair: Pair, changed: Array) -> bool:
    """Whether rounding explains the difference."""
    if pair.actual.shape != changed.shape:
        return False
    with np.errstate(invalid="ignore"):
        return bool(np.all(np.abs(pair.actual - changed) <= pair.bound))


def _factor(pairs: Sequence[Pair]) -> str:
    """A constant, the same in all cases or the same function of the problem."""
    between = [_factors(pair) for pair in pairs]
    low, high = max(low for low, _ in between), min(high for _, high in between)
    if low <= high:
        if sum(np.count_nonzero(pair.base) for pair in pairs) < FEW and _fraction(low, high) is None:
            return ""  # one number is a multiple of any other
        return "" if low <= 1 <= high else f"multiplied by {_number(low, high)}, in every case"
    for words, of in _FACTORS.items():
        values = [of(pair.problem) for pair in pairs]
        if all(low <= 1 / value <= high for value, (low, high) in zip(values, between, strict=True)):
            return f"divided by {words}"
        if all(low <= value <= high for value, (low, high) in zip(values, between, strict=True)):
            return f"multiplied by {words}"
    return ""


def _factors(pair: Pair) -> tuple[float, float]:
    """The least and the largest factor that explain every element; the least is the larger one where none does.

    An element a that should be b, and that rounding may have moved by c·δ, has a factor c between (a − cδ)/b and
    (a + cδ)/b. Each narrows it, so that many elements tell 1.01 from 1 in a precision that rounds by nearly as much.
    """
    actual, base = pair.actual, pair.base
    none = (1.0, 0.0)
    if actual.shape != base.shape or not base.any() or not np.isfinite(actual).all() or not np.isfinite(base).all():
        return none
    largest = np.unravel_index(np.argmax(np.abs(base)), base.shape)
    near = float(actual[largest] / base[largest])
    if not isfinite(near) or not near:
        return none
    precision = PRECISIONS[pair.problem.dtype]
    allowed = np.broadcast_to(pair.bound, base.shape) * abs(near) + 2 * precision.underflow
    nothing = base == 0
    if np.any(np.abs(actual[nothing]) > allowed[nothing]):
        return none
    some = ~nothing
    ratios, off = actual[some] / base[some], allowed[some] / np.abs(base[some])
    # A quotient of this program's own is off by a rounding of float64.
    own = abs(near) * unit_roundoff("float64")
    low, high = float((ratios - off).max()) - own, float((ratios + off).min()) + own
    return (low, high) if isfinite(low) and isfinite(high) else none


def _shape(problem: Problem) -> tuple[int, ...]:
    """That of y, or of the first input; (1,) where both are single numbers."""
    return problem.shape("y") or problem.shape(problem.op.inputs[0]) or (1,)


def _kernel(problem: Problem) -> int:
    """The positions of a window, whether it comes as an array or as a parameter; 1 if there is none."""
    axes = len(_shape(problem)) - 2
    size = problem.parameters.get("kernel_size")
    if size is not None:
        return prod(size) if isinstance(size, tuple) else int(size**axes)
    weights = [s for n, s in problem.shapes.items() if n not in {"x", "y"} and s is not None and len(s) == axes + 2]
    return prod(weights[0][2:]) if weights and axes else 1


_FACTORS: dict[str, Callable[[Problem], int]] = {
    "the number of samples": lambda problem: max(1, _shape(problem)[0]),
    "the size of the kernel": _kernel,
    "the number of positions": lambda problem: max(1, prod(_shape(problem)[2:])),
    "the number of samples and positions": lambda problem: max(1, _shape(problem)[0] * prod(_shape(problem)[2:])),
    "the number of elements": lambda problem: max(1, prod(_shape(problem))),
}


def _number(low: float, high: float) -> str:
    """As a fraction, if there is one so near; else with as few digits as tell it from what lies beyond.

    Fractions with denominators up to d lie d²·3/π² to a unit, so one falls between `low` and `high` by chance with
    probability 0.3·d²·(high − low): d is taken so small that this is at most a tenth.
    """
    value, fraction = (low + high) / 2, _fraction(low, high)
    if fraction is not None:
        return str(fraction)
    for digits in range(1, ALL_DIGITS):
        found = f"{value:.{digits}g}"
        if low <= float(found) <= high or (digits >= MOST_DIGITS and float(found) != float(f"{value:.{digits - 1}g}")):
            break
    # What is nearer to 1 than some digits tell is no 1.
    near = float(f"{value:.{MOST_DIGITS}g}") == 1 and value != 1
    return f"1 {'+' if value > 1 else '−'} {abs(value - 1):.2g}" if near else found


def _fraction(low: float, high: float) -> Fraction | None:
    """The simplest between the two, if it is so simple that it is hardly there by chance."""
    width = high - low
    most = int(min(LARGEST_DENOMINATOR, max(1.0, (1 / (3 * width)) ** 0.5))) if width else LARGEST_DENOMINATOR
    fraction = Fraction((low + high) / 2).limit_denominator(most)
    return fraction if low <= fraction <= high else None


def _shift(pairs: Sequence[Pair]) -> str:
    """By a few places along the last axes, going round or leaving zeros behind."""
    axes = min(max(1, p.base.ndim - 2) for p in pairs)
    if any(p.base.shape != p.actual.shape or p.base.ndim < axes for p in pairs):
        return ""
    steps = [by for by in product(range(-FARTHEST, FARTHEST + 1), repeat=axes) if any(by)]
    for by in sorted(steps, key=lambda by: sum(map(abs, by))):
        for words, shifted in (("", _moved), (", what leaves coming in on the other side", _rolled)):
            if all(_same(p, shifted(p.base, by)) for p in pairs):
                places = f"({','.join(map(str, by))})" if axes > 1 else str(by[0])
                return f"shifted by {places} along the last {'axes' if axes > 1 else 'axis'}{words}"
    return ""


def _rolled(a: Array, by: Sequence[int]) -> Array:
    return np.roll(a, by, tuple(range(a.ndim - len(by), a.ndim)))


def _moved(a: Array, by: Sequence[int]) -> Array:
    """With zeros where nothing came."""
    moved = _rolled(a, by).copy()
    for axis, step in enumerate(by, start=a.ndim - len(by)):
        gone = slice(0, step) if step > 0 else slice(step, None)
        if step:
            moved[(slice(None),) * axis + (gone,)] = 0
    return moved


def _swap(pairs: Sequence[Pair]) -> str:
    """Two axes in each other's place."""
    for one, other in combinations(range(min(p.base.ndim for p in pairs)), 2):
        if all(_same(p, np.swapaxes(p.base, one, other)) for p in pairs):
            return f"transposed: axes {one} and {other} are in each other's place"
    return ""
