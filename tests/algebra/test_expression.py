"""Formulas as trees: what each is worth, in which order a polynomial becomes one, which letters need a definition."""

from __future__ import annotations

from fractions import Fraction
from math import exp, log, sqrt, tanh

import numpy as np
import pytest

from checks.algebra.expression import (
    Call,
    Condition,
    Element,
    Named,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    add,
    definitions,
    negative,
    number,
    parts,
    tree,
    value,
)
from checks.algebra.polynomial import Polynomial

NUMBERS = {"x": np.array([[2.0, 3.0], [0.5, -1.0]]), "y": np.array(7.0)}
A, B, C, Y = Element("x", (0, 0)), Element("x", (0, 1)), Element("x", (1, 0)), Element("y", ())


@pytest.mark.parametrize(
    ("expression", "worth"),
    [
        (Number(Fraction(1, 3)), 1 / 3),
        (number(0.1), 0.1),
        (A, 2),
        (Y, 7),
        (Named("s", (0,), Sum((A, B))), 5),
        (Sum(()), 0),
        (Sum((A, B, negative(C))), 4.5),
        (Product((number(2), A, B)), 12),
        (negative(A), -2),
        (Quotient(A, C), 4),
        (Power(A, B), 8),
        (Power(C, negative(A)), 4),
        (Call("exp", (C,)), exp(0.5)),
        (Call("ln", (A,)), log(2)),
        (Call("sqrt", (A,)), sqrt(2)),
        (Call("tanh", (C,)), tanh(0.5)),
        (Call("σ", (C,)), 1 / (1 + exp(-0.5))),
        (Call("max", (A, B, C)), 3),
        (Call("min", (A, B, C)), 0.5),
        (Condition(A, ">", B), 0),
        (Condition(A, "≤", A), 1),
        (Condition(A, "≤", B), 1),
        (Condition(B, "≤", A), 0),
        (Condition(B, ">", A), 1),
        (Condition(A, "=", number(2)), 1),
        (Condition(A, "=", B), 0),
    ],
)
def test_each_kind_has_its_value(expression, worth):
    assert float(value(expression, NUMBERS)) == pytest.approx(worth, rel=1e-15, abs=0)


def test_values_are_worked_out_with_all_the_digits_that_there_are():
    assert value(Number(Fraction(1, 3)), {}).dtype == np.longdouble
    assert value(Sum((number(1), Power(number(10), number(-18)))), {}) == np.longdouble(1) + np.longdouble(10) ** -18


def test_a_sum_of_one_term_is_that_term():
    assert add([A]) is A
    assert add(iter((A, B))) == Sum((A, B))
    assert add([]) == Sum(())


PLACES = {"x": 0, "w": 1, "y": 2, "g": 3}


def polynomial(*terms):
    """Of pairs of a coefficient and of elements such as x0."""
    return Polynomial.of(
        (tuple(sorted((e[0], (int(e[1:]),)) for e in elements.split())), Fraction(c)) for c, elements in terms
    )


def names(expression):
    """The terms as lists of their elements."""
    terms = expression.terms if isinstance(expression, Sum) else (expression,)
    return [" ".join(f"{p.array}{p.index[0]}" for p in parts(t) if isinstance(p, Element)) for t in terms]


@pytest.mark.parametrize(
    ("terms", "order"),
    [
        # the cotangent stands last in a product and decides, as in 002
        (["w1 g0", "w0 g1", "w3 g0"], ["w1 g0", "w3 g0", "w0 g1"]),
        # of two arrays the one that the op names first
        (["w0 g0", "x0 g0"], ["x0 g0", "w0 g0"]),
        # the longest products first, a constant last
        (["", "x1", "w0 x0"], ["x0 w0", "x1", ""]),
        (["x1 x1", "x0 x0", "w0 w0", "w0 x1"], ["x0", "x1", "x1 w0", "w0"]),
    ],
)
def test_terms_are_in_the_order_of_the_documents(terms, order):
    assert names(tree(polynomial(*((1, term) for term in terms)), PLACES)) == order


def test_coefficients_come_first_and_1_is_not_written():
    x, g = Element("x", (0,)), Element("g", (0,))
    assert tree(polynomial((1, "x0")), PLACES) == x
    assert tree(polynomial((2, "x0 g0")), PLACES) == Product((number(2), x, g))
    assert tree(polynomial((-1, "x0")), PLACES) == negative(x)
    assert tree(polynomial((1, "x0 x0 x0")), PLACES) == Power(x, number(3))
    assert tree(polynomial(("1/4", "")), PLACES) == Number(Fraction(1, 4))
    assert tree(polynomial((1, "")), PLACES) == number(1)
    assert tree(polynomial(), PLACES) == Sum(())


def test_a_tree_is_worth_what_the_polynomial_is():
    of = polynomial((2, "x0 x0"), ("-1/3", "x1 w0"), (1, "g1"), (5, ""))
    numbers = {name: np.array([1.5, -2.0]) for name in PLACES}
    assert value(tree(of, PLACES), numbers) == pytest.approx(float(of.at(numbers)), rel=1e-15)


def test_every_part_is_found():
    whole = Sum((Product((A, B)), Quotient(C, Power(Y, number(2))), Call("max", (A, Condition(B, ">", C)))))
    assert [p for p in parts(whole) if isinstance(p, Element)] == [A, B, C, Y, A, B, C]


def test_letters_are_defined_once_and_with_what_their_definitions_need():
    inner = Named("μ", (), Quotient(Sum((A, B)), number(2)))
    first, second = (Named("x̂", (i,), Sum((A, negative(inner)))) for i in (0, 1))
    assert definitions([Product((second, first)), A]) == (second, inner)
    assert definitions([A]) == ()


def test_a_letter_that_stands_for_more_in_another_place_is_defined_there_too():
    edge, inner, other = (Named("s", (i,), Sum(terms)) for i, terms in enumerate([(A, B), (A, B, C), (B, C)]))
    assert definitions([edge, inner, other]) == (edge, inner)
