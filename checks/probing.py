"""The formula of each element of a result, recovered from a black box by asking it for chosen whole numbers.

Where a result is a sum of products of an element of one array and an element of another, both arrays may be given powers
of a base: with aᵢ = Bⁱ and bⱼ = Bᵖʲ, i < p, the value Σ cᵢⱼ·Bⁱ⁺ᵖʲ has the coefficients cᵢⱼ for its digits (balanced ones,
from 1 − B/2 to B/2). As many elements take part in a call as the precision has room for; all others are 0. Where that does
not explain the box, or its coefficients are no such digits, every polynomial of degree 2 in all arrays is tried: from its
values at 0, at single elements and at pairs of them.

What was recovered has to give, for whole numbers drawn at random, what the box gives: to the last bit, or where the box is
seen to round, to within that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product

import numpy as np

from checks.implementation import Judged
from checks.op import Array, Problem
from checks.polynomial import COTANGENT, Element, Polynomial, Product
from checks.precision import PRECISIONS

MOST_CALLS = 400
DIGIT = 3  # bits of a digit: coefficients from −3 to 4
TRIALS = 3  # random cases that the formula has to explain
ROUNDED = 64  # units of rounding, for each product, within which a box that transforms has to come
LARGEST_DENOMINATOR = 1000

Index = tuple[int, ...]
Terms = dict[Index, dict[Product, Fraction]]


def recovered(
    implementation: Judged, problem: Problem, array: str, most_calls: int = MOST_CALLS
) -> dict[Index, Polynomial] | None:
    """Every element of one result as a polynomial, "y" or the name of an input with a gradient; None if it cannot be told.

    It cannot where the result is no polynomial of degree 2 at most, and where more than `most_calls` would be needed. At
    kinks the inputs stay as they are, and the formula is one in the cotangent.

    Raises what the implementation's failing raises: Crashed, Malformed, Unsupported.
    """
    box = _Box(implementation, problem, array)
    for attempt in (_by_digits, _by_pairs):
        terms = attempt(box, most_calls)
        if terms is not None and _explains(box, terms):
            return {index: Polynomial.of(terms[index].items()) for index in np.ndindex(*problem.shape(array))}
    return None


class _Box:
    """One result of an implementation as a function of the arrays that it may depend on."""

    def __init__(self, implementation: Judged, problem: Problem, array: str) -> None:
        self.implementation = implementation
        self.problem = problem
        self.array = array
        self.case = problem.whole_numbers() if problem.largest else problem.reals()
        op = problem.op
        given = [] if op.kinks is not None else list(problem.present)
        self.arrays = {name: self.case.input(name).shape for name in given}
        if array != "y":
            self.arrays[COTANGENT] = self.case.cotangent.shape

    @property
    def elements(self) -> list[Element]:
        """All elements that the result may depend on."""
        return [(name, index) for name, shape in self.arrays.items() for index in np.ndindex(*shape)]

    def at(self, numbers: Mapping[Element, float]) -> Array:
        """The result where these elements have these values, and all others of their arrays 0."""
        arrays = {name: np.zeros(shape) for name, shape in self.arrays.items()}
        for (name, index), number in numbers.items():
            arrays[name][index] = number
        return self.of(arrays)

    def of(self, arrays: Mapping[str, Array]) -> Array:
        """The result for these arrays."""
        case = self.case
        for name, numbers in arrays.items():
            stored = np.asarray(numbers).astype(case.cotangent.dtype)
            case = replace(case, cotangent=stored) if name == COTANGENT else case.with_input(name, stored)
        if self.array == "y":
            return self.implementation.forward(case)
        return self.implementation.backward(case)[self.array]


def _by_digits(box: _Box, most_calls: int) -> Terms | None:
    """The constant, the terms of one element and the products of two different arrays, coefficients read as digits."""
    digits = PRECISIONS[box.problem.dtype].bits // DIGIT - 1
    first = next(p for p in (4, 3, 2) if p <= digits)
    singles = [((), chunk) for name in box.arrays for chunk in _chunks(box, name, digits)]
    pairs = [
        (one, other)
        for a, b in combinations(box.arrays, 2)
        for one, other in product(_chunks(box, a, first), _chunks(box, b, digits // first))
    ]
    if 1 + len(singles) + len(pairs) > most_calls:
        return None
    terms: Terms = {index: {} for index in np.ndindex(*box.problem.shape(box.array))}
    if np.any(box.at({})):
        return None  # a constant would add to every digit
    for one, other in (*singles, *pairs):
        numbers = _powers(one, 1) | _powers(other, max(1, len(one)))
        products: list[Product] = [tuple(sorted((a, b))) for b in other for a in one] or [(b,) for b in other]
        for index, value in np.ndenumerate(box.at(numbers)):
            found = _digits(Fraction(float(value)) - _alone(terms[index], numbers if one else {}), len(products))
            if found is None:
                return None
            terms[index] |= {of: Fraction(digit) for of, digit in zip(products, found, strict=True) if digit}
    return terms


def _chunks(box: _Box, name: str, size: int) -> Iterator[tuple[Element, ...]]:
    """The elements of an array, so many at a time."""
    elements = [(name, index) for index in np.ndindex(*box.arrays[name])]
    return (tuple(elements[start : start + size]) for start in range(0, len(elements), size))


def _powers(elements: tuple[Element, ...], step: int) -> dict[Element, float]:
    """1, B^step, B^(2·step) … for the elements in order."""
    return {element: 2.0 ** (DIGIT * step * place) for place, element in enumerate(elements)}


def _alone(terms: Mapping[Product, Fraction], numbers: Mapping[Element, float]) -> Fraction:
    """What the terms of one element add where these elements are not 0."""
    return sum((terms.get((element,), Fraction(0)) * Fraction(n) for element, n in numbers.items()), Fraction(0))


def _digits(value: Fraction, count: int) -> list[int] | None:
    """The balanced digits of a whole number, lowest first; None if it is none or has more."""
    if value.denominator != 1:
        return None
    rest, base = value.numerator, 1 << DIGIT
    found = []
    for _ in range(count):
        digit = (rest + base // 2 - 1) % base - (base // 2 - 1)
        found.append(digit)
        rest = (rest - digit) // base
    return None if rest else found


def _by_pairs(box: _Box, most_calls: int) -> Terms | None:
    """Every polynomial of degree 2, by f(0), f(e), f(−e) and f(e + e') for all elements e and e'."""
    elements = box.elements
    if 1 + 2 * len(elements) + len(elements) * (len(elements) - 1) // 2 > most_calls:
        return None
    constant = box.at({})
    plus, minus = ({e: box.at({e: sign}) for e in elements} for sign in (1.0, -1.0))
    values: dict[Product, Array] = {(): constant}
    for e in elements:
        values[(e,)] = (plus[e] - minus[e]) / 2
        values[e, e] = (plus[e] + minus[e]) / 2 - constant
    for a, b in combinations(sorted(elements), 2):
        values[a, b] = box.at({a: 1.0, b: 1.0}) - plus[a] - plus[b] + constant
    if not all(np.isfinite(value).all() for value in values.values()):
        return None
    unit = PRECISIONS[box.problem.dtype].unit_roundoff
    return {
        index: {of: _simple(float(value[index]), unit) for of, value in values.items()}
        for index in np.ndindex(*box.problem.shape(box.array))
    }


def _simple(value: float, unit: float) -> Fraction:
    """The simple fraction that this is to within rounding, or the number itself."""
    simple = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    return simple if abs(float(simple) - value) <= ROUNDED * unit * max(1.0, abs(value)) else Fraction(value)


def _explains(box: _Box, terms: Terms) -> bool:
    """Whether the formulas give what the box gives for whole numbers drawn at random."""
    unit = PRECISIONS[box.problem.dtype].unit_roundoff
    slack = ROUNDED * unit if unit < 2.0**-20 else 0.0  # few digits: whole numbers are exact there, or nothing is
    largest = box.problem.largest or 9
    polynomials = {index: Polynomial.of(found.items()) for index, found in terms.items()}
    for trial in range(TRIALS):
        rng = box.problem.rng(20, trial)
        numbers = {name: rng.integers(-largest, largest, shape, endpoint=True) for name, shape in box.arrays.items()}
        result = box.of(numbers)
        sizes = {name: np.abs(array) for name, array in numbers.items()}
        for index, polynomial in polynomials.items():
            off = abs(polynomial.at(numbers) - Fraction(float(result[index])))
            if off > slack * float(polynomial.magnitude.at(sizes)):
                return False
    return True
