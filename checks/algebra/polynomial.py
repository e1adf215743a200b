"""Polynomials in the elements of arrays, exact: what the reference computes of symbols in place of numbers.

Arrays of them (dtype object) go through every op of the reference that only adds, multiplies and divides by numbers, so a
formula found in this way is what the reference computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from numbers import Real
from typing import Any

import numpy as np

from checks.numbers.precision import Array

COTANGENT = "g"  # as ops name it among the factors of their products
FEW_ROUNDINGS = 4 * Fraction(1, 1 << 53)

Element = tuple[str, tuple[int, ...]]  # an array's name, and an index from 0
Product = tuple[Element, ...]  # in order, an element as often as its power; () is the number 1


@dataclass(frozen=True)
class Polynomial:
    """A sum of products of elements, each with its coefficient, none of them 0."""

    terms: Mapping[Product, Fraction] = field(default_factory=dict)

    __array_ufunc__ = None  # a NumPy number on the left leaves the product to us

    @classmethod
    def of(cls, terms: Iterable[tuple[Product, Fraction]]) -> Polynomial:
        """The sum of these terms."""
        collected: dict[Product, Fraction] = {}
        for product, coefficient in terms:
            collected[product] = collected.get(product, Fraction(0)) + coefficient
        return cls({product: coefficient for product, coefficient in collected.items() if coefficient})

    @classmethod
    def element(cls, name: str, index: tuple[int, ...]) -> Polynomial:
        """One element of an array."""
        return cls({((name, index),): Fraction(1)})

    def __add__(self, other: Any) -> Polynomial:
        other = _polynomial(other)
        return Polynomial.of([*self.terms.items(), *other.terms.items()]) if other is not None else NotImplemented

    def __mul__(self, other: Any) -> Polynomial:
        other = _polynomial(other)
        if other is None:
            return NotImplemented
        return Polynomial.of(
            (tuple(sorted(a + b)), m * n) for a, m in self.terms.items() for b, n in other.terms.items()
        )

    def __truediv__(self, other: Any) -> Polynomial:
        return self * (1 / _fraction(other))

    def __neg__(self) -> Polynomial:
        return self * -1

    def __sub__(self, other: Any) -> Polynomial:
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> Polynomial:
        return (-self).__add__(other)

    __radd__, __rmul__ = __add__, __mul__

    @property
    def magnitude(self) -> Polynomial:
        """Its terms with the sizes of their coefficients."""
        return Polynomial({product: abs(coefficient) for product, coefficient in self.terms.items()})

    def given(self, numbers: Mapping[str, Array]) -> Polynomial:
        """What is left where these arrays have these numbers."""
        terms = []
        for product, coefficient in self.terms.items():
            known = [_fraction(numbers[name][index]) for name, index in product if name in numbers]
            terms.append(
                (tuple(element for element in product if element[0] not in numbers), prod(known, start=coefficient))
            )
        return Polynomial.of(terms)

    def at(self, numbers: Mapping[str, Array]) -> Fraction:
        """Its value, exactly, where the arrays have these numbers."""
        total = Fraction(0)
        for product, coefficient in self.terms.items():
            value = coefficient
            for name, index in product:
                value *= Fraction(float(numbers[name][index]))
            total += value
        return total


def symbols(name: str, shape: tuple[int, ...]) -> Array:
    """An array of this shape with itself for elements."""
    made = np.empty(shape, object)
    for index in np.ndindex(*shape):
        made[index] = Polynomial.element(name, index)
    return made


def _polynomial(value: Any) -> Polynomial | None:
    if isinstance(value, Polynomial):
        return value
    return Polynomial.of([((), _fraction(value))]) if isinstance(value, Real) else None


def _fraction(value: Any) -> Fraction:
    """A number as a fraction: the simple one that it is to within a few roundings, as 1 − 0.7 is 3/10, if there is one."""
    exact = Fraction(float(value))
    simple = exact.limit_denominator(1000)
    return simple if abs(simple - exact) <= FEW_ROUNDINGS * abs(exact) else exact
