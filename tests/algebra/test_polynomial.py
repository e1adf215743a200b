"""Polynomials are exact, and go through NumPy as numbers do."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from checks.algebra.polynomial import Polynomial, symbols

X = symbols("x", (3,))
K = symbols("k", (2,))
X0, X1, K0 = ("x", (0,)), ("x", (1,)), ("k", (0,))


def test_an_element_is_itself():
    assert X.shape == (3,)
    assert X[1] == Polynomial({(X1,): Fraction(1)})
    assert symbols("y", ())[()].terms == {(("y", ()),): 1}


def test_products_are_in_order_so_that_they_are_the_same():
    assert X[0] * K[0] == K[0] * X[0]
    assert (X[0] * K[0]).terms == {(K0, X0): 1}
    assert (X[0] * X[0] * 3).terms == {(X0, X0): 3}


@pytest.mark.parametrize(
    ("made", "terms"),
    [
        (X[0] + X[0], {(X0,): 2}),
        (X[0] - X[0], {}),
        (X[0] - X[1], {(X0,): 1, (X1,): -1}),
        (-X[0], {(X0,): -1}),
        (2 - X[0], {(): 2, (X0,): -1}),
        (X[0] - 2, {(): -2, (X0,): 1}),
        (0 * X[0], {}),
        (X[0] / 3, {(X0,): Fraction(1, 3)}),
        (X[0] * 0.1, {(X0,): Fraction(1, 10)}),
        (np.float64(0.25) * X[0], {(X0,): Fraction(1, 4)}),
        (np.int64(2) + X[0], {(): 2, (X0,): 1}),
        ((X[0] + 1) * (X[0] - 1), {(X0, X0): 1, (): -1}),
    ],
)
def test_arithmetic_leaves_no_term_that_is_0(made, terms):
    assert made.terms == terms


@pytest.mark.parametrize(
    ("number", "fraction"),
    [(1 / 3, Fraction(1, 3)), (1 - 0.7, Fraction(3, 10)), (2.0**-12, Fraction(1, 4096)), (0.0, Fraction(0))],
)
def test_a_float_is_the_simple_fraction_that_it_is_to_within_a_few_roundings(number, fraction):
    assert (Polynomial.of([((), Fraction(1))]) * number).terms.get((), 0) == fraction


def test_a_float_that_is_no_simple_fraction_is_itself():
    assert (X[0] * np.pi).terms == {(X0,): Fraction(np.pi)}
    assert (X[0] * (1 / 3 + 1e-13)).terms == {(X0,): Fraction(1 / 3 + 1e-13)}


def test_what_is_no_number_is_refused():
    with pytest.raises(TypeError):
        X[0] + "1"
    with pytest.raises(TypeError):
        X[0] * None


def test_arrays_of_them_go_through_numpy():
    assert np.sum(X).terms == {(("x", (i,)),): 1 for i in range(3)}
    assert (X[:2] @ K).terms == {(K0, X0): 1, (("k", (1,)), X1): 1}
    assert np.einsum("i,i->", X[:2], K) == X[:2] @ K
    assert (np.array([2.0, 3.0]) * K)[1].terms == {(("k", (1,)),): 3}


def test_its_value_is_exact():
    numbers = {"x": np.array([0.1, 1e20, 3.0]), "k": np.array([1.0, 2.0])}
    product = X[0] * X[1] + K[0] - X[0] * X[1]
    assert product.at(numbers) == 1
    assert (X[0] * X[0] * 3 + 1).at(numbers) == 3 * Fraction(0.1) ** 2 + 1


def test_what_is_left_where_an_array_has_numbers():
    left = (X[0] * K[0] * 2 + X[1] * K[1] + X[0]).given({"k": np.array([3.0, 0.0])})
    assert left.terms == {(X0,): 7}


def test_its_magnitude_has_the_sizes_of_its_coefficients():
    assert (X[0] - 2 * X[1]).magnitude == X[0] + 2 * X[1]
