"""Functions that are not defined everywhere are drawn where they are; views of what was passed are no fault."""

import numpy as np
import pytest

from checks.functions.function import judge_function
from checks.verdict.report import Verdict


def loud_log(x):
    if np.any(np.real(x) <= 0):
        raise ValueError("math domain error")
    return np.log(x)


def last_off(gradient):
    def b(g, *inputs):
        found = np.array(gradient(g, *inputs))
        found.flat[-1] *= 1.01
        return found

    return b


def inverse_b(g, x):
    return g / x


def factor_b(g, a):
    lower = np.linalg.cholesky(a)
    middle = np.tril(lower.T @ np.tril(g))
    middle[np.diag_indices(len(a))] /= 2
    inverse = np.linalg.inv(lower)
    found = inverse.T @ middle @ inverse
    return (found + found.T) / 2


DEFINED = [
    (np.log, inverse_b, [(4, 5)], "x drawn as positive"),
    (loud_log, inverse_b, [(4, 5)], "x drawn as positive"),
    (lambda x: np.log(x / (1 - x)), lambda g, x: g / (x * (1 - x)), [(4,)], "x drawn as uniform(0,1)"),
    (np.arccosh, lambda g, x: g / np.sqrt(x**2 - 1), [(4,)], "x drawn as uniform(1,2)"),
    (np.linalg.cholesky, factor_b, [(4, 4)], "a drawn as spd"),
]


@pytest.mark.parametrize(("f", "b", "inputs", "words"), DEFINED)
def test_numbers_are_drawn_where_the_function_is_defined(f, b, inputs, words):
    report = judge_function(f, b, inputs, seed=1, examples=8)
    assert report.exit_code == 0, str(report)
    assert f"{words}, since it is not defined on (−1, 1)" in report.implementation.replace("input0", "x")
    assert judge_function(f, last_off(b), inputs, seed=1, examples=8).exit_code == 1


def test_only_the_input_that_has_to_be_positive_is_drawn_so():
    def b(g, x, s):
        return g * np.log(s), g * x / s

    report = judge_function(lambda x, s: x * np.log(s), b, [(4,), (4,)], seed=1, examples=6)
    assert report.exit_code == 0
    assert ", s drawn as positive" in report.implementation


def test_what_said_its_kind_keeps_it():
    report = judge_function(np.log, inverse_b, "4:uniform(0.5,3)", seed=1, examples=6)
    assert report.exit_code == 0
    assert "drawn" not in report.implementation


def test_a_case_in_which_y_is_no_number_is_not_judged():
    """arccos of numbers on (−2, 2), which are drawn too, is NaN, and so is its gradient."""
    report = judge_function(np.arccos, lambda g, x: -g / np.sqrt(1 - x * x), [(5,)], seed=1, examples=30)
    assert report.exit_code == 0, str(report)
    assert any("y is not finite" in words for words in report.unsupported)


def test_a_gradient_that_is_no_number_where_y_is_one_is_wrong():
    zero = np.array([0.0, 1.0])
    report = judge_function(np.abs, lambda g, x: g * x / np.abs(x), [zero], seed=1, examples=6)
    assert report.exit_code == 1


VIEWS = [
    (lambda a, b: np.concatenate([a, b], -1), lambda g, a, _: np.split(g, [a.shape[-1]], -1), [(3, 4), (3, 5)]),
    (lambda a, b: a + b, lambda g, *_: (g, g), [(3, 4), (3, 4)]),
    (lambda a: a.T, lambda g, _: g.T, [(3, 4)]),
]


@pytest.mark.parametrize(("f", "b", "inputs"), VIEWS)
def test_a_view_of_what_was_passed_is_a_warning(f, b, inputs):
    report = judge_function(f, b, inputs, seed=1, examples=8)
    assert report.exit_code == 0, str(report)
    assert any(finding.verdict is Verdict.WARNING for finding in report.findings)


def test_what_is_written_into_the_cotangent_is_wrong():
    def b(g, x):
        g *= 2 * x
        return g

    assert judge_function(lambda x: x * x, b, [(4,)], seed=1, examples=8).exit_code == 1


def test_at_a_tie_something_is_due():
    """No element of those tied gets anything: each is between its own slopes, and together they are not."""
    tied = np.array([[1.0, 3.0, 3.0, 2.0]])
    report = judge_function(lambda x: x.max(-1), lambda _, x: 0 * x, [tied], seed=1, examples=20)
    assert report.exit_code == 1


def test_fewer_cases_are_drawn_of_many_numbers():
    def counted(*inputs):
        return judge_function(lambda x: 2 * x, lambda g, _: 2 * g, *inputs, seed=1).cases

    assert counted([(2,)]) == 60
    assert counted([(30,)]) == 20
    assert counted([(2000,)]) <= 16
