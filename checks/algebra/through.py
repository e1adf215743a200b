"""What a formula of a gradient has through some outputs alone: the cotangents of all others are 0 in it.

A gradient is linear in the cotangent, so what it has through each output adds to the whole.
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

from checks.algebra.expression import Element, Expression, Named, Number, Product, Quotient, Sum, add
from checks.algebra.polynomial import COTANGENT

ZERO = Number(Fraction(0))


def through(expression: Expression, outputs: Collection[tuple[int, ...]]) -> Expression:
    """The formula where the cotangents of other outputs are 0, and what they alone multiply is left out.

    Letters whose definition changes by that are written out, since they stand for something else then.
    """
    match expression:
        case Element(array, index):
            return ZERO if array == COTANGENT and index not in outputs else expression
        case Named(definition=definition):
            kept = through(definition, outputs)
            return expression if kept == definition else kept
        case Sum(terms):
            parts = [kept for term in terms if (kept := through(term, outputs)) != ZERO]
            return add(parts) if parts else ZERO
        case Product(factors):
            some = tuple(through(factor, outputs) for factor in factors)
            return expression if some == factors else _multiplied(some)
        case Quotient(over, under):
            kept = through(over, outputs)
            return kept if kept == ZERO else Quotient(kept, under)
        case _:
            return expression


def _multiplied(factors: tuple[Expression, ...]) -> Expression:
    """The factors in one product, numbers as one before them; 0 where one of them is."""
    flat = [part for factor in factors for part in (factor.factors if isinstance(factor, Product) else (factor,))]
    number = Fraction(1)
    for part in flat:
        if isinstance(part, Number):
            number *= part.value
    others = tuple(part for part in flat if not isinstance(part, Number))
    if number == 0 or not others:
        return Number(number)
    lead = () if number == 1 else (Number(number),)
    return Product((*lead, *others)) if len(lead) + len(others) > 1 else others[0]
