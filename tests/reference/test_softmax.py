"""softmax: its Jacobian in fifty digits, logits of any size, torch, the complex step."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from reference import softmax
from tests.reference.witnesses import MP, assert_all_close, assert_close, complex_step, digits, each, of_torch, ulps


def textbook(x, g):
    """y_i = e^{x_i} / Σ e^{x_j} of one row, and Σ_i g_i · ∂y_i/∂x_j with every element of the Jacobian."""
    powers = each(MP.exp, digits(x))
    y, g = powers / sum(powers), digits(g)
    gradient = np.zeros(len(x), object)
    for i in range(len(x)):
        for j in range(len(x)):
            gradient[j] += g[i] * y[i] * ((1 if i == j else 0) - y[j])
    return y, gradient


@pytest.mark.parametrize(
    ("row", "of_y"),
    [  # bounds in ulp; behind them the largest errors seen
        pytest.param([0.5, -1.25, 3, 0, 2], 2, id="ordinary"),  # 0.7
        pytest.param([1e6, 1e6 - 1, 1e6 - 2.5, 1e6 + 0.125], 2, id="a million"),  # 0.9
        pytest.param([1e4, 1e4 - 30, 1e4 - 37.5, 1e4 - 300], 2.5, id="almost certain"),  # 1.7
        # Here x − max is no longer exact: half a unit of 60.8 is 32 units of the probability e^{−60.8}.
        pytest.param([0.3, 40.1, -20.7, 1.1], 32, id="of mixed size"),  # 19.5
    ],
)
def test_probabilities_and_gradients_are_right_to_a_few_units_in_the_last_place(row, of_y):
    """The gradient y_j·(h_j − Σ h·y), h = g less that of the largest: units are those of what is subtracted.

    Each h is rounded once (½), each y is off by `of_y`; n products are summed in n roundings, the difference and the last
    product are one each: in halves of a unit, 2·of_y of the y outside, 1 + 2·of_y + n of the sum, and 3.
    """
    x, g = np.array(row), np.random.default_rng(0).standard_normal(len(row))
    y, gradient = textbook(x, g)
    assert ulps(softmax.forward(x, axis=0), y) <= of_y
    h, probable = np.abs(g - g[np.argmax(x)]), y.astype(float)
    terms = probable * (h + (h * probable).sum())
    off = np.abs((softmax.backward(g, x, axis=0)[0] - gradient).astype(float))
    assert np.all(off <= (4 * of_y + len(row) + 4) * 2.0**-53 * terms)


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((4, 5), 1), ((0, 3), 1), ((2, 3, 4, 2), 1), ((3, 1), 1), ((2, 3), 0), ((2, 3, 4), -1), ((3,), 0)],
)
def test_y_and_gradient_are_torchs(shape, axis):
    rng = np.random.default_rng(1)
    x, g = 5 * rng.standard_normal(shape), rng.standard_normal(shape)
    y, gradients = of_torch(lambda t: torch.softmax(t, axis), g, x)
    assert_close(softmax.forward(x, axis=axis), y, 16)
    assert_all_close(softmax.backward(g, x, axis=axis), gradients, 32)


def test_the_gradient_is_the_complex_step_of_forward():
    rng = np.random.default_rng(2)
    x, g = 5 * rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 4, 3))
    assert_all_close(softmax.backward(g, x), complex_step(softmax, g, (x,)), 16)


def test_logits_at_infinity():
    """−∞ has probability 0 and gets no gradient; where the largest is infinite there is no probability: NaN, as torch."""
    inf = np.inf
    x = np.array([[0, -inf, 0], [-inf, -inf, 3], [inf, 0, 0], [-inf, -inf, -inf], [np.nan, 0, 0], [-1e308, 1e308, 0]])
    y, (gradient,) = softmax.forward(x), softmax.backward(np.arange(18.0).reshape(6, 3), x)
    assert y[[0, 1, 5]].tolist() == [[0.5, 0, 0.5], [0, 0, 1], [0, 1, 0]]
    assert gradient[[0, 1, 5]].tolist() == [[-0.5, 0, 0.5], [0, 0, 0], [0, 0, 0]]
    assert np.isnan(y[2:5]).all()
    assert np.isnan(gradient[2:5]).all()
    assert np.array_equal(y, torch.softmax(torch.tensor(x), 1).numpy(), equal_nan=True)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64", "complex128"])
def test_dtypes_are_what_numpy_promotes_to_and_inputs_stay_as_they_were(dtype):
    x, g = np.linspace(-2, 2, 6).reshape(2, 3).astype(dtype), np.ones((2, 3), np.float16)
    x.flags.writeable = g.flags.writeable = False
    assert softmax.forward(x).dtype == softmax.backward(g, x)[0].dtype == x.dtype
    assert softmax.backward(g.astype(float), x)[0].dtype == np.result_type(x, float)


@pytest.mark.parametrize(("shape", "axis"), [((2,), 1), ((2, 3), 2), ((2, 3), -3), ((2, 0), 1)])
def test_an_axis_without_elements_is_named(shape, axis):
    message = re.escape(f"x has shape {shape}, with no elements along axis {axis}")
    with pytest.raises(ValueError, match=message):
        softmax.forward(np.ones(shape), axis=axis)
    with pytest.raises(ValueError, match=message):
        softmax.backward(np.ones(shape), np.ones(shape), axis=axis)


def test_a_cotangent_of_another_shape_is_named_with_it():
    with pytest.raises(ValueError, match=re.escape("grad_output has shape (2,); y has (2, 3)")):
        softmax.backward(np.ones(2), np.ones((2, 3)))
