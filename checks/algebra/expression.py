"""Formulas as trees: what a notation writes (writing.py), and what a formula is worth for given numbers.

Elements carry the names that the protocol gives to arrays, with indices from 0; letters and where to count from are the
notation's affair.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import erfc, prod, sqrt
from typing import Any

import numpy as np

from checks.algebra.polynomial import Polynomial
from checks.algebra.polynomial import Product as Factors
from checks.numbers.precision import Array


@dataclass(frozen=True)
class Number:
    """A number; parameters that are no fractions are given by name (Named)."""

    value: Fraction


@dataclass(frozen=True)
class Element:
    """One element of an input, of y, or of the cotangent, "g"."""

    array: str
    index: tuple[int, ...]


@dataclass(frozen=True)
class Named:
    """An intermediate result or a parameter, called by its own letter; the definition says what it is.

    Its index is written as that of an array of the same axes would be: `like`, if there is one.
    """

    letter: str
    index: tuple[int, ...]
    definition: Expression
    like: str = ""


@dataclass(frozen=True)
class Sum:
    """Terms added up; none make 0."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True)
class Product:
    """Factors multiplied; a Number comes first."""

    factors: tuple[Expression, ...]


@dataclass(frozen=True)
class Quotient:
    """One expression over another."""

    over: Expression
    under: Expression


@dataclass(frozen=True)
class Power:
    """A base to an exponent."""

    base: Expression
    exponent: Expression


@dataclass(frozen=True)
class Call:
    """A function of one argument or more: one of FUNCTIONS."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Condition:
    """Iverson's bracket: 1 where the relation holds, else 0."""

    left: Expression
    relation: str
    right: Expression


Expression = Number | Element | Named | Sum | Product | Quotient | Power | Call | Condition

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{function.__name__: function for function in (np.exp, np.sqrt, np.tanh)},
    "ln": np.log,
    "σ": lambda t: 1 / (1 + np.exp(-t)),
    "Φ": lambda t: erfc(-t / sqrt(2)) / 2,
    "max": max,
    "min": min,
    "floor": np.floor,
}
RELATIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "≠": operator.ne,
    ">": operator.gt,
    "≤": operator.le,
}


def number(value: float) -> Number:
    """A number as a tree, the decimal fraction that it is written as."""
    return Number(Fraction(str(value)))


def add(terms: Iterable[Expression]) -> Expression:
    """A sum, or its only term."""
    kept = tuple(terms)
    return kept[0] if len(kept) == 1 else Sum(kept)


def negative(term: Expression) -> Expression:
    """−term."""
    return Product((number(-1), term))


def minus(first: Expression, *others: Expression) -> Expression:
    """first − others."""
    return Sum((first, *map(negative, others)))


def tree(polynomial: Polynomial, places: Mapping[str, int]) -> Expression:
    """The polynomial as a sum of products; `places` orders arrays within a product, and the last decides among products."""

    def ordered(factors: Factors) -> list[tuple[str, tuple[int, ...]]]:
        return sorted(factors, key=lambda element: (places[element[0]], element))

    def key(factors: Factors) -> tuple[Any, ...]:
        return (-len(factors), [(places[name], index) for name, index in reversed(ordered(factors))])

    terms = []
    for factors in sorted(polynomial.terms, key=key):
        coefficient = polynomial.terms[factors]
        elements = [Element(name, index) for name, index in ordered(factors)]
        powers: list[Expression] = []
        for element in dict.fromkeys(elements):
            times = elements.count(element)
            powers.append(element if times == 1 else Power(element, number(times)))
        lead = [] if coefficient == 1 and powers else [Number(coefficient)]
        terms.append(Product((*lead, *powers)) if len(lead) + len(powers) > 1 else [*lead, *powers][0])
    return add(terms)


def value(expression: Expression, numbers: Mapping[str, Array]) -> Any:  # noqa: C901, PLR0911, one case for each kind
    """What it is worth, in extended precision where the machine has it."""

    def of(part: Expression) -> Any:
        return value(part, numbers)

    match expression:
        case Number(exact):
            return np.longdouble(exact.numerator) / np.longdouble(exact.denominator)
        case Element(array, index):
            return np.longdouble(numbers[array][index])
        case Named(definition=definition):
            return of(definition)
        case Sum(terms):
            return sum(map(of, terms), np.longdouble(0))
        case Product(factors):
            return prod(map(of, factors), start=np.longdouble(1))
        case Quotient(over, under):
            return of(over) / of(under)
        case Power(base, exponent):
            return of(base) ** of(exponent)
        case Call(function, arguments):
            return FUNCTIONS[function](*map(of, arguments))
        case Condition(left, relation, right):
            return np.longdouble(RELATIONS[relation](of(left), of(right)))


def parts(expression: Expression) -> Iterator[Expression]:
    """The expression and all that it is made of, definitions left out."""
    yield expression
    inner: tuple[Expression, ...] = ()
    match expression:
        case Sum(terms):
            inner = terms
        case Product(factors):
            inner = factors
        case Quotient(over, under):
            inner = (over, under)
        case Power(base, exponent):
            inner = (base, exponent)
        case Call(_, arguments):
            inner = arguments
        case Condition(left, _, right):
            inner = (left, right)
    for part in inner:
        yield from parts(part)


def definitions(expressions: Iterable[Expression]) -> tuple[Named, ...]:
    """Of each letter that stands in them, and in what defines it, the first that is met, and others of another length.

    A window at an edge has fewer terms than one inside; of those that differ in their indices alone one says it all.
    """
    found: dict[tuple[str, int], Named] = {}
    waiting = list(expressions)
    while waiting:
        for part in parts(waiting.pop(0)):
            if isinstance(part, Named) and (key := (part.letter, sum(1 for _ in parts(part.definition)))) not in found:
                found[key] = part
                waiting.append(part.definition)
    return tuple(found.values())
