"""sigmoid, tanh and relu: fifty digits where the familiar formula has none left, torch, the complex step, the kink."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from reference import relu, sigmoid, tanh
from tests.reference.witnesses import MP, assert_all_close, assert_close, complex_step, digits, each, of_torch, ulps

SMOOTH = [(sigmoid, torch.sigmoid), (tanh, torch.tanh)]
ALL = [*SMOOTH, (relu, torch.relu)]
FARTHEST = {np.float16: 9, np.float32: 86, np.float64: 700, np.longdouble: 11000}  # where e^{−|x|} is not yet subnormal


def textbook_sigmoid(x):
    """1 / (1 + e^{−x}) and σ · (1 − σ)."""
    y = each(lambda t: 1 / (1 + MP.exp(-t)), digits(x))
    return y, y * each(lambda t: 1 / (1 + MP.exp(t)), digits(x))


def textbook_tanh(x):
    """(e^x − e^{−x}) / (e^x + e^{−x}) and 4 / (e^x + e^{−x})²."""
    return each(MP.tanh, digits(x)), each(lambda t: 4 / (MP.exp(t) + MP.exp(-t)) ** 2, digits(x))


def points(dtype, farthest):
    """Near 0, in both tails, and at random between."""
    special = np.array([0, 1e-300, 1e-20, 1e-8, 1e-3, 0.5, 1, 20, 40, farthest])
    sweep = np.random.default_rng(0).uniform(-1, 1, 700)
    x = np.concatenate([special, -special, farthest * sweep, 3 * sweep])
    return x[np.abs(x) <= farthest].astype(dtype)


@pytest.mark.parametrize(
    ("op", "textbook", "dtype", "of_y", "of_gradient"),
    [  # bounds in ulp; behind them the largest errors seen. The exponential of float32 alone is off by up to 2.5.
        (sigmoid, textbook_sigmoid, np.float16, 0.51, 0.51),  # 0.50 0.50
        (sigmoid, textbook_sigmoid, np.float32, 4.0, 5.0),  # 2.3 3.0
        (sigmoid, textbook_sigmoid, np.float64, 3.0, 3.5),  # 2.0 2.6
        (sigmoid, textbook_sigmoid, np.longdouble, 3.0, 3.5),  # 1.5 2.9
        (tanh, textbook_tanh, np.float16, 0.51, 0.51),  # 0.50 0.50
        (tanh, textbook_tanh, np.float32, 2.5, 8.0),  # 1.3 5.6
        (tanh, textbook_tanh, np.float64, 2.0, 4.5),  # 1.0 3.6
        (tanh, textbook_tanh, np.longdouble, 2.5, 4.5),  # 1.7 3.6
    ],
)
def test_values_and_derivatives_are_right_to_a_few_units_in_the_last_place(op, textbook, dtype, of_y, of_gradient):
    x = points(dtype, FARTHEST[dtype] / (2 if op is tanh else 1))
    y, derivative = textbook(x)
    found, (gradient,) = op.forward(x), op.backward(np.ones_like(x), x)
    assert found.dtype == gradient.dtype == dtype
    assert ulps(found, y) <= of_y
    assert ulps(gradient, derivative) <= of_gradient


@pytest.mark.parametrize(("op", "familiar"), [(sigmoid, lambda y: y * (1 - y)), (tanh, lambda y: 1 - y * y)])
def test_the_familiar_formula_has_no_digits_left_at_40(op, familiar):
    """Why backward goes back to x, and why these derivatives do not agree with torch's to the last bits."""
    x = np.array([40.0])
    assert familiar(op.forward(x))[0] == 0
    assert 0 < op.backward(np.ones(1), x)[0][0] < 1e-17


@pytest.mark.parametrize("x", [np.finfo(float).max, np.inf])
@pytest.mark.parametrize(("op", "left", "right"), [(sigmoid, 0, 1), (tanh, -1, 1)])
def test_the_ends_of_the_line_are_the_limits(op, left, right, x):
    assert op.forward(np.array([-x, x])).tolist() == [left, right]
    assert op.backward(np.ones(2), np.array([-x, x]))[0].tolist() == [0, 0]


@pytest.mark.parametrize(("op", "function"), ALL)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4), (5, 40, 201)])
def test_y_and_gradient_are_torchs(op, function, shape):
    """Of any shape, across the blocks (5 · 40 · 201 numbers are more than two), in any layout."""
    rng = np.random.default_rng(1)
    x, g = (rng.standard_normal(shape).T for _ in range(2))
    y, gradients = of_torch(function, g, x)
    assert_close(op.forward(x), y, 8)
    assert_all_close(op.backward(g, x), gradients, 16)


@pytest.mark.parametrize(("op", "function"), SMOOTH)
def test_the_gradient_is_the_complex_step_of_forward(op, function):
    x = np.array([-40, -3, -1, -1e-17, 0, 1e-17, 1e-3, 0.7, 5, 30])
    g = np.random.default_rng(2).standard_normal(x.shape)
    (gradient,), (step,) = op.backward(g, x), complex_step(op, g, (x,))
    assert np.abs(gradient / step - 1).max() < 16 * np.finfo(float).eps
    assert_close(op.forward(x.astype(complex)).real, op.forward(x), 8)


def test_the_rectifier_at_its_kink_and_beyond_all_numbers():
    """At 0 the gradient is 0. An infinite cotangent comes to a dead unit as 0; NaN stays NaN, and its gradient is g."""
    x = np.array([-np.inf, -1, -0.0, 0.0, 5e-324, 1, np.inf, np.nan])
    g = np.array([np.inf, 2, 2, -np.inf, 2, np.inf, 2, 2])
    assert np.array_equal(relu.forward(x), [0, 0, 0, 0, 5e-324, 1, np.inf, np.nan], equal_nan=True)
    assert relu.backward(g, x)[0].tolist() == [0, 0, 0, 0, 2, np.inf, 2, 2]
    assert_all_close([relu.backward(g, x)[0][:5]], [of_torch(torch.relu, g, x)[1][0][:5]], 0)


@pytest.mark.parametrize(("op", "function"), SMOOTH)
def test_nan_stays_nan(op, function):
    x = np.array([np.nan, 0])
    assert np.isnan(op.forward(x)).tolist() == np.isnan(op.backward(np.ones(2), x)[0]).tolist() == [True, False]


@pytest.mark.parametrize(("op", "function"), ALL)
def test_dtypes_are_what_numpy_promotes_to_and_inputs_stay_as_they_were(op, function):
    for dtype in ("float16", "float32", "float64", "longdouble", "complex64", "complex128"):
        x, g = np.linspace(-2, 2, 6).astype(dtype), np.ones(6, np.float16)
        x.flags.writeable = g.flags.writeable = False
        assert op.forward(x).dtype == op.backward(g, x)[0].dtype == x.dtype
        assert op.backward(g.astype(np.longdouble), x)[0].dtype == np.result_type(x, np.longdouble)
    assert op.forward(np.array([1, -1])).dtype == (int if op is relu else float)


@pytest.mark.parametrize(("op", "function"), ALL)
def test_a_cotangent_of_another_shape_is_named_with_it(op, function):
    with pytest.raises(ValueError, match=re.escape("grad_output has shape (2, 1); y has (2,)")):
        op.backward(np.ones((2, 1)), np.ones(2))
