"""Dual numbers a + εb, ε² = 0: a formula computed of them has its derivative along b beside ε, with no subtraction in it.

Where complex numbers do not go through, or where the numbers carry how far rounding can have led (rounded.py), they do what
a complex step does elsewhere. Both parts may be floats, numbers that carry their errors, or dual numbers again: of order n
the derivatives come from n of them, one within another (Clifford 1873; Fike and Alonso 2011). Choices go by the value, so a
derivative is one of the branch that is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from operator import mul
from typing import Any

import numpy as np

from checks.numbers.precision import Array

SMALL = 8  # whole powers up to this are products


class Dual:
    """a + εb; a b that is the whole number 0 says that nothing moves, and costs nothing."""

    __slots__ = ("tangent", "value")
    __array_ufunc__ = None  # a NumPy number on the left leaves the operation to us

    def __init__(self, value: Any, tangent: Any = 0) -> None:
        self.value, self.tangent = value, tangent

    # Sums

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.tangent)

    def __abs__(self) -> Dual:
        return -self if float(self.value) < 0 else self

    def __add__(self, other: Any) -> Dual:
        if not isinstance(other, Dual):
            return Dual(self.value + other, self.tangent)
        return Dual(self.value + other.value, _sum(self.tangent, other.tangent))

    def __sub__(self, other: Any) -> Dual:
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> Dual:
        return (-self).__add__(other)

    # Products

    def __mul__(self, other: Any) -> Dual:
        if not isinstance(other, Dual):
            return Dual(self.value * other, _times(self.tangent, other))
        moved = _sum(_times(self.tangent, other.value), _times(other.tangent, self.value))
        return Dual(self.value * other.value, moved)

    def __truediv__(self, other: Any) -> Dual:
        """a/b, and (a' − a/b · b') / b: no square of b, which might overflow."""
        if not isinstance(other, Dual):
            return Dual(self.value / other, self.tangent if _is_still(self.tangent) else self.tangent / other)
        ratio = self.value / other.value
        moved = _sum(self.tangent, -_times(other.tangent, ratio))
        return Dual(ratio, moved if _is_still(moved) else moved / other.value)

    def __rtruediv__(self, other: Any) -> Dual:
        ratio = other / self.value
        return Dual(ratio, 0 if _is_still(self.tangent) else -(self.tangent * ratio) / self.value)

    __radd__, __rmul__ = __add__, __mul__

    # Functions, by the names under which NumPy's ask for them

    def sqrt(self) -> Dual:
        """√a, and a' / 2√a."""
        root = called(math.sqrt, self.value)
        return Dual(root, 0 if _is_still(self.tangent) else self.tangent / (2 * root))

    def exp(self) -> Dual:
        """e^a, and e^a · a'."""
        image = called(math.exp, self.value)
        return Dual(image, _times(self.tangent, image))

    def expm1(self) -> Dual:
        """e^a − 1, and e^a · a'."""
        moved = self.tangent if _is_still(self.tangent) else self.tangent * called(math.exp, self.value)
        return Dual(called(math.expm1, self.value), moved)

    def log(self) -> Dual:
        """Log a, and a'/a."""
        moved = self.tangent if _is_still(self.tangent) else self.tangent / self.value
        return Dual(called(math.log, self.value), moved)

    def log1p(self) -> Dual:
        """Log(1 + a), and a' / (1 + a)."""
        moved = self.tangent if _is_still(self.tangent) else self.tangent / (1 + self.value)
        return Dual(called(math.log1p, self.value), moved)

    def tanh(self) -> Dual:
        """tanh a, and (1 − tanh a)(1 + tanh a) · a'."""
        image = called(math.tanh, self.value)
        return Dual(image, 0 if _is_still(self.tangent) else self.tangent * ((1 - image) * (1 + image)))

    def erfc(self) -> Dual:
        """Erfc a, and −2/√π · e^{−a²} · a'."""
        moved: Any = 0
        if not _is_still(self.tangent):
            moved = self.tangent * (called(math.exp, -(self.value * self.value)) * (-2 / math.sqrt(math.pi)))
        return Dual(called(math.erfc, self.value), moved)

    def __pow__(self, exponent: Any) -> Dual:
        """Small whole powers are products; of others p · a^{p − 1} · a'."""
        power = float(exponent)
        if power in range(1, SMALL):
            return reduce(mul, [self] * int(power))
        if power == 0:
            return Dual(self.value * 0 + 1)
        moved = 0 if _is_still(self.tangent) else self.tangent * (power * self.value ** (power - 1))
        return Dual(self.value**power, moved)

    # Choices, by value

    def __float__(self) -> float:
        return float(self.value)

    def __lt__(self, other: Any) -> bool:
        return float(self.value) < float(other)

    def __le__(self, other: Any) -> bool:
        return float(self.value) <= float(other)

    def __gt__(self, other: Any) -> bool:
        return float(self.value) > float(other)

    def __ge__(self, other: Any) -> bool:
        return float(self.value) >= float(other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dual | float | int) and float(self.value) == float(other)

    def __hash__(self) -> int:
        return hash(float(self.value))


def moving(values: Array, tangents: Array | None) -> Array:
    """An array of dual numbers (dtype object): these values, moving along these tangents, or not at all."""
    flat = np.asarray(values, object).ravel().tolist()
    along = [0] * len(flat) if tangents is None else np.asarray(tangents, object).ravel().tolist()
    made = np.empty(len(flat), object)
    made[:] = [Dual(a, b) for a, b in zip(flat, along, strict=True)]
    return made.reshape(np.shape(values))


def tangents_of(results: Array) -> Array:
    """What stands beside ε in each; 0 in what is no dual number, which is a constant."""
    flat = np.asarray(results, object).ravel().tolist()
    made = np.empty(len(flat), object)
    made[:] = [r.tangent if isinstance(r, Dual) else 0 for r in flat]
    return made.reshape(np.shape(results))


def called(function: Callable[[float], float], a: Any) -> Any:
    """A function of a float, or of a number that knows it by its name; NaN or ∞ where a float has none."""
    own: Callable[[], Any] | None = getattr(a, function.__name__, None)
    if own is not None:
        return own()
    try:
        return function(a)
    except ValueError:
        return math.nan
    except OverflowError:
        return math.inf


def _is_still(tangent: Any) -> bool:
    return type(tangent) is int and not tangent


def _sum(a: Any, b: Any) -> Any:
    return b if _is_still(a) else a if _is_still(b) else a + b


def _times(tangent: Any, factor: Any) -> Any:
    return tangent if _is_still(tangent) else tangent * factor
