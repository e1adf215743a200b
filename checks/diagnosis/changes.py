"""What one array was turned into, where that is as simple as a factor, a shift or a transposition, in all cases alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from math import isfinite, log10, prod

import numpy as np

from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import Array
from checks.op import Problem

FARTHEST = 3
COARSEST = 1e-3  # how far a factor may be from one that has a name, in the lowest precision


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


def _same(pair: Pair, changed: Array, scale: float = 1.0, uncertain: float = 0.0) -> bool:
    """Whether rounding explains the difference; `changed` is a multiple with a factor that is itself uncertain."""
    if pair.actual.shape != changed.shape:
        return False
    with np.errstate(invalid="ignore"):
        allowed = pair.bound * max(1.0, abs(scale)) + uncertain * np.abs(changed)
        return bool(np.all(np.abs(pair.actual - changed) <= allowed))


def _factor(pairs: Sequence[Pair]) -> str:
    """A constant, the same in all cases or the same function of the problem."""
    ratios, like = [], 0.0
    for pair in pairs:
        if pair.actual.shape != pair.base.shape or not pair.base.any():
            return ""
        at = np.unravel_index(np.argmax(np.abs(pair.base)), pair.base.shape)
        ratio = float(pair.actual[at] / pair.base[at])
        # The ratio is as uncertain as the element that it was taken from.
        uncertain = 8 * unit_roundoff(pair.problem.dtype) + 2 * float(pair.bound[at] / abs(pair.base[at]))
        if not isfinite(ratio) or not ratio or not _same(pair, ratio * pair.base, ratio, uncertain):
            return ""
        ratios.append(ratio)
        like = min(COARSEST, max(like, uncertain))
    if np.ptp(ratios) <= 2 * like * abs(ratios[0]):
        return f"multiplied by {_number(ratios[0], like)}, in every case"
    for words, of in _FACTORS.items():
        values = [of(pair.problem) for pair in pairs]
        if all(abs(r * v - 1) < like for r, v in zip(ratios, values, strict=True)):
            return f"divided by {words}"
        if all(abs(r / v - 1) < like for r, v in zip(ratios, values, strict=True)):
            return f"multiplied by {words}"
    return ""


def _shape(problem: Problem) -> tuple[int, ...]:
    return problem.shape("y") or problem.shape(problem.op.inputs[0])


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


def _number(value: float, like: float) -> str:
    """As a fraction, if there is one so near; else with the digits that are certain."""
    fraction = Fraction(value).limit_denominator(16)
    return (
        str(fraction)
        if abs(float(fraction) - value) <= like * abs(value)
        else f"{value:.{max(3, min(6, int(-log10(like))))}g}"
    )


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
