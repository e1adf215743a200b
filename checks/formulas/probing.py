"""The formula of each element of a result, recovered from a black box by asking it for chosen whole numbers.

Where a result is a sum of products of an element of one array and an element of another, both arrays may be given powers
of a base: with aᵢ = Bⁱ and bⱼ = Bᵖʲ, i < p, the value Σ cᵢⱼ·Bⁱ⁺ᵖʲ has the coefficients cᵢⱼ for its digits (balanced ones,
from 1 − B/2 to B/2). As many elements take part in a call as the precision has room for; all others are 0. Where that does
not explain the box, or its coefficients are no such digits, sums of elements are tried, from their values at 0 and at each
element, and then every polynomial of degree 2 in all arrays, from its values at pairs of elements as well.

What was recovered has to give, for whole numbers drawn at random, what the box gives: to within the rounding of one that
transforms, or, in precisions of few digits, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product
from math import isqrt
from types import MappingProxyType

import numpy as np

from checks.algebra.polynomial import COTANGENT, Element, Polynomial, Product
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Problem
from checks.subjects.implementation import Judged

MOST_CALLS = 400
DIGIT = 3  # bits of a digit: coefficients from −3 to 4
TRIALS = 3  # random cases that the formula has to explain
ROUNDED = 64  # units of rounding within which a box that transforms has to come
FEW = 2  # units of rounding that a coefficient may be off by where there are few digits, and no room for transforms
FEW_DIGITS = 20  # bits
LARGEST_DENOMINATOR = 1000
LARGEST = 2.0**62  # of numbers whose digits are read

Index = tuple[int, ...]
Coefficients = dict[Product, Array]  # of every element of the result


def recovered(
    implementation: Judged,
    problem: Problem,
    array: str,
    most_calls: int = MOST_CALLS,
    near: Mapping[Index, Polynomial] = MappingProxyType({}),
) -> dict[Index, Polynomial] | None:
    """Every element of one result as a polynomial, "y" or the name of an input with a gradient; None if it cannot be told.

    It cannot where the result is no polynomial of degree 2 at most, and where more than `most_calls` would be needed. At
    kinks the inputs stay as they are, and the formula is one in the cotangent. A coefficient that is that of `near` to
    within rounding is that; otherwise it is the simple fraction that it is, if it is one.

    Raises what the implementation's failing raises: Crashed, Malformed, Unsupported.
    """
    box = _Box(implementation, problem, array)
    attempts = (_found(box, way, most_calls, near) for way in (_by_digits, _by_elements, _by_pairs))
    return next((found for found in attempts if found is not None), None)


def asked_with(problem: Problem) -> Case:
    """The numbers that inputs have where they are not asked about: at kinks, and where they have no gradient."""
    return problem.whole_numbers() if problem.largest else problem.reals()


class _Box:
    """One result of an implementation as a function of the arrays that it may depend on."""

    def __init__(self, implementation: Judged, problem: Problem, array: str) -> None:
        self.implementation = implementation
        self.problem = problem
        self.array = array
        self.case = asked_with(problem)
        op = problem.op
        given = [] if op.kinks is not None and op.kind.degree is not None else list(problem.present)
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
        """The result for these arrays; FloatingPointError if it is not finite."""
        case = self.case
        for name, numbers in arrays.items():
            stored = np.asarray(numbers).astype(case.cotangent.dtype)
            case = replace(case, cotangent=stored) if name == COTANGENT else case.with_input(name, stored)
        result = (
            self.implementation.forward(case) if self.array == "y" else self.implementation.backward(case)[self.array]
        )
        if not np.isfinite(result).all():
            raise FloatingPointError("no polynomial is infinite")
        return np.asarray(result, np.float64)


def _found(
    box: _Box, way: Callable[[_Box, int], Coefficients | None], most_calls: int, near: Mapping[Index, Polynomial]
) -> dict[Index, Polynomial] | None:
    """What was recovered in one of the ways, if it explains the box."""
    try:
        coefficients = way(box, most_calls)
        found = None if coefficients is None else _polynomials(box, coefficients, near)
        return found if found is not None and _explains(box, found) else None
    except FloatingPointError:
        return None


def _by_digits(box: _Box, most_calls: int) -> Coefficients | None:
    """Terms of one element and products of two different arrays, coefficients read as digits; None if there is more."""
    digits = PRECISIONS[box.problem.dtype].bits // DIGIT - 1
    first = isqrt(digits)
    singles = [((), chunk) for name in box.arrays for chunk in _chunks(box, name, digits)]
    pairs = [
        (one, other)
        for a, b in combinations(box.arrays, 2)
        for one, other in product(_chunks(box, a, first), _chunks(box, b, digits // first))
    ]
    if 1 + len(singles) + len(pairs) > most_calls:
        return None
    if np.any(box.at({})):
        return None  # a constant would add to every digit
    coefficients: Coefficients = {}
    for one, other in (*singles, *pairs):
        numbers = _powers(one, 1) | _powers(other, max(1, len(one)))
        alone = [coefficients[(e,)] * n for e, n in numbers.items() if one and (e,) in coefficients]
        products: list[Product] = [tuple(sorted((a, b))) for b in other for a in one] or [(b,) for b in other]
        found = _digits(box.at(numbers) - sum(alone), len(products))
        if found is None:
            return None
        coefficients |= {of: digits for of, digits in zip(products, found, strict=True) if digits.any()}
    return coefficients


def _chunks(box: _Box, name: str, size: int) -> list[tuple[Element, ...]]:
    """The elements of an array, so many at a time."""
    elements = [(name, index) for index in np.ndindex(*box.arrays[name])]
    return [tuple(elements[start : start + size]) for start in range(0, len(elements), size)]


def _powers(elements: tuple[Element, ...], step: int) -> dict[Element, float]:
    """1, B^step, B^(2·step) … for the elements in order."""
    return {element: 2.0 ** (DIGIT * step * place) for place, element in enumerate(elements)}


def _digits(values: Array, count: int) -> list[Array] | None:
    """The balanced digits of whole numbers, lowest first; None if one of them is none, or has more."""
    if np.any(np.abs(values) >= LARGEST):
        return None
    rest, base = values.astype(np.int64), 1 << DIGIT
    if np.any(rest != values):
        return None
    found = []
    for _ in range(count):
        digit = (rest + base // 2 - 1) % base - (base // 2 - 1)
        found.append(digit)
        rest = (rest - digit) // base
    return None if rest.any() else found


def _by_elements(box: _Box, most_calls: int) -> Coefficients | None:
    """Every sum of elements and a constant, by f(0) and f(e) for all elements e."""
    if 1 + len(box.elements) > most_calls:
        return None
    constant = box.at({})
    return {(): constant, **{(e,): box.at({e: 1.0}) - constant for e in box.elements}}


def _by_pairs(box: _Box, most_calls: int) -> Coefficients | None:
    """Every polynomial of degree 2, by f(0), f(e), f(−e) and f(e + e') for all elements e and e'."""
    elements = box.elements
    if 1 + 2 * len(elements) + len(elements) * (len(elements) - 1) // 2 > most_calls:
        return None
    constant = box.at({})
    plus, minus = ({e: box.at({e: sign}) for e in elements} for sign in (1.0, -1.0))
    values: Coefficients = {(): constant}
    for e in elements:
        values[(e,)] = (plus[e] - minus[e]) / 2
        values[e, e] = (plus[e] + minus[e]) / 2 - constant
    for a, b in combinations(sorted(elements), 2):
        values[a, b] = box.at({a: 1.0, b: 1.0}) - plus[a] - plus[b] + constant
    return values


def _polynomials(box: _Box, coefficients: Coefficients, near: Mapping[Index, Polynomial]) -> dict[Index, Polynomial]:
    """Every element of the result; coefficients that rounding leaves are 0."""
    slack = _slack(box.problem)
    terms: dict[Index, list[tuple[Product, Fraction]]] = {i: [] for i in np.ndindex(*box.problem.shape(box.array))}
    for of, values in coefficients.items():
        for index in map(tuple, np.argwhere(np.abs(values) > slack).tolist()):
            other = near[index].terms.get(of) if index in near else None
            terms[index].append((of, _simple(float(values[index]), slack, other)))
    return {index: Polynomial.of(found) for index, found in terms.items()}


def _slack(problem: Problem) -> float:
    """How far rounding may take a coefficient off, as a share of it, or of 1 if it is less."""
    precision = PRECISIONS[problem.dtype]
    return (FEW if precision.bits < FEW_DIGITS else ROUNDED) * precision.unit_roundoff


def _simple(value: float, slack: float, near: Fraction | None) -> Fraction:
    """What this is to within rounding: `near`, or a simple fraction; or else the number itself."""
    for simple in (near, Fraction(value).limit_denominator(LARGEST_DENOMINATOR)):
        if simple is not None and abs(float(simple) - value) <= slack * max(1.0, abs(value)):
            return simple
    return Fraction(value)


def _explains(box: _Box, polynomials: Mapping[Index, Polynomial]) -> bool:
    """Whether the formulas give what the box gives for whole numbers drawn at random."""
    # Where there are few digits, whole numbers are exact, or nothing is.
    slack = 0.0 if PRECISIONS[box.problem.dtype].bits < FEW_DIGITS else _slack(box.problem)
    largest = box.problem.largest or 9
    for trial in range(TRIALS):
        rng = box.problem.rng(20, trial)
        numbers = {name: rng.integers(-largest, largest, shape, endpoint=True) for name, shape in box.arrays.items()}
        result = box.of(numbers)
        sizes = {name: np.abs(array) for name, array in numbers.items()}
        # Noise of a transform is everywhere as large as the largest result lets it be.
        allowed = slack * max((float(p.magnitude.at(sizes)) for p in polynomials.values()), default=0.0)
        if any(abs(p.at(numbers) - Fraction(float(result[index]))) > allowed for index, p in polynomials.items()):
            return False
    return True
