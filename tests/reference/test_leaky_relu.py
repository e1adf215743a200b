"""leaky_relu: fifty digits, torch, the complex step, identities, the kink and what is beyond numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from reference import leaky_relu, relu
from tests.reference.witnesses import assert_all_close, assert_close, complex_step, digits, each, of_torch, ulps

SLOPES = [0.01, 0.25, 1, 3.7, -0.6]
X = np.random.default_rng(0).standard_normal(400) * np.logspace(-8, 4, 400)


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize(
    ("dtype", "bound"),
    [  # in ulp: half a unit for the product; where the slope is rounded first, half a unit of that, which is one of y
        ("float16", 0.51),  # computed in float32, and rounded once
        ("float32", 1.5),
        ("float64", 0.5),
        ("longdouble", 0.5),
    ],
)
def test_values_and_derivatives_are_right_but_for_one_product(dtype, bound, slope):
    x, g = (a[np.abs(a) > 1e-4].astype(dtype) for a in (X, X[::-1]))
    exact_slope = digits(np.float64(slope)).item()
    y = each(lambda t: t if t > 0 else t * exact_slope, digits(x))
    gradient = each(lambda t, c: c if t > 0 else c * exact_slope, digits(x), digits(g))
    found, (of_x,) = leaky_relu.forward(x, negative_slope=slope), leaky_relu.backward(g, x, negative_slope=slope)
    assert found.dtype == of_x.dtype == x.dtype
    assert ulps(found, y) <= bound
    assert ulps(of_x, gradient) <= bound


@pytest.mark.parametrize("slope", [*SLOPES, 0])
@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3,), (2, 3, 4), (5, 40, 401)])
def test_y_and_gradient_are_torchs(shape, slope):
    """Of any shape, none at all among them, across the blocks (5 · 40 · 401 numbers are two), in any layout."""
    rng = np.random.default_rng(1)
    x, g = (rng.standard_normal(shape).T for _ in range(2))
    y, gradients = of_torch(lambda t: torch.nn.functional.leaky_relu(t, slope), g, x)
    assert_close(leaky_relu.forward(x, negative_slope=slope), y, 0)
    assert_all_close(leaky_relu.backward(g, x, negative_slope=slope), gradients, 0)


def test_the_slope_is_a_hundredth_if_nobody_says_otherwise():
    x = np.array([-200.0, 5.0])
    assert leaky_relu.forward(x).tolist() == [-2, 5]
    assert leaky_relu.backward(x, x)[0].tolist() == [-2, 5]


@pytest.mark.parametrize("slope", SLOPES)
def test_the_gradient_is_the_complex_step_of_forward(slope):
    x, g = X[::8], np.random.default_rng(2).standard_normal(50)
    step = complex_step(leaky_relu, g, (x,), negative_slope=slope)
    for a, b in zip(leaky_relu.backward(g, x, negative_slope=slope)[0], step[0], strict=True):
        assert abs(a - b) <= 4 * np.spacing(abs(b))  # the step is multiplied by the slope and g, and divided by h


@pytest.mark.parametrize("slope", [*SLOPES, 0])
def test_backward_is_the_adjoint_of_the_derivative_and_euler_holds(slope):
    """⟨g, J v⟩ = ⟨Jᵀ g, v⟩, J diagonal: J v is backward with v; and y = J x, for y is linear on each side of 0."""
    x, g, v = np.random.default_rng(3).integers(-9, 10, (3, 4, 50)).astype(float)
    slope = round(4 * slope) / 4  # so that nothing is rounded
    (of_g,), (of_v,) = (leaky_relu.backward(a, x, negative_slope=slope) for a in (g, v))
    assert (g * of_v).sum() == (of_g * v).sum()
    assert np.array_equal(
        leaky_relu.backward(x, x, negative_slope=slope)[0], leaky_relu.forward(x, negative_slope=slope)
    )


def test_without_a_slope_it_is_the_rectifier():
    x = np.array([-np.inf, -1, -0.0, 0.0, 5e-324, 1, np.inf, np.nan])
    g = np.array([np.inf, 2, 2, -np.inf, 2, np.inf, 2, 2])
    assert np.array_equal(leaky_relu.forward(x, negative_slope=0), relu.forward(x), equal_nan=True)
    assert np.array_equal(leaky_relu.backward(g, x, negative_slope=0)[0], relu.backward(g, x)[0])
    assert leaky_relu.forward(np.array([1, -1]), negative_slope=0).dtype == float


@pytest.mark.parametrize("slope", SLOPES)
def test_the_kink_and_what_lies_beyond_all_numbers(slope):
    """At 0 the derivative is the slope. Where x is NaN, y is, and the cotangent passes."""
    x = np.array([-np.inf, -0.0, 0.0, 5e-324, np.inf, np.nan])
    g = np.array([np.inf, 2, -np.inf, np.inf, 2, 3])
    y, (gradient,) = leaky_relu.forward(x, negative_slope=slope), leaky_relu.backward(g, x, negative_slope=slope)
    assert np.array_equal(y, [slope * -np.inf, 0, 0, 5e-324, np.inf, np.nan], equal_nan=True)
    assert gradient.tolist() == [slope * np.inf, 2 * slope, slope * -np.inf, np.inf, 2, 3]


def test_the_largest_numbers_stay_what_they_are_beside_a_steep_slope():
    """1e10 · 1e300 is ∞, and not asked for; nobody is warned of it."""
    assert leaky_relu.forward(np.array([1e300, -1e300]), negative_slope=1e10).tolist() == [1e300, -np.inf]


@pytest.mark.parametrize("slope", [0.01, np.float64(0.02), np.longdouble(2), 1, 0])
def test_dtypes_are_what_numpy_promotes_to_and_inputs_stay_as_they_were(slope):
    for dtype in ("float16", "float32", "float64", "longdouble", "complex64", "complex128"):
        x, g = np.linspace(-2, 2, 6).astype(dtype), np.ones(6, np.float16)
        x.flags.writeable = g.flags.writeable = False
        y, (of_x,) = leaky_relu.forward(x, negative_slope=slope), leaky_relu.backward(g, x, negative_slope=slope)
        assert y.dtype == of_x.dtype == x.dtype
        wider = leaky_relu.backward(g.astype(np.longdouble), x, negative_slope=slope)[0]
        assert wider.dtype == np.result_type(x, np.longdouble)
    assert leaky_relu.forward(np.array([1, -1]), negative_slope=slope).dtype == float


def test_float16_is_computed_in_float32_and_rounded_once():
    """3 · 0.3 is 0.9, between 0.8999 and 0.9004; with the slope as float16 has it, 0.30005, it becomes the larger one."""
    x = np.array([-3], np.float16)
    assert leaky_relu.forward(x, negative_slope=0.3)[0] == leaky_relu.backward(x, x, negative_slope=0.3)[0][0]
    assert leaky_relu.forward(x, negative_slope=0.3)[0] == np.float16(-0.9)
    assert x[0] * np.float16(0.3) != np.float16(-0.9), "rounded twice, and to another number"


def test_a_cotangent_of_another_shape_and_a_slope_that_is_no_number_are_named():
    with pytest.raises(ValueError, match=re.escape("grad_output has shape (2, 1); y has (2,)")):
        leaky_relu.backward(np.ones((2, 1)), np.ones(2))
    for slope in (float("nan"), float("inf")):
        sentence = re.escape(f"negative_slope is {slope!r}; expected a finite number")
        with pytest.raises(ValueError, match=sentence):
            leaky_relu.forward(np.ones(2), negative_slope=slope)
        with pytest.raises(ValueError, match=sentence):
            leaky_relu.backward(np.ones(2), np.ones(2), negative_slope=slope)
