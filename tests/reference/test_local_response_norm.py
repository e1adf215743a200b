"""local_response_norm: the textbook in fifty digits, torch's window, the complex step."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest
import torch

from reference import local_response_norm
from tests.reference.witnesses import (
    MP,
    assert_all_close,
    assert_close,
    complex_step,
    digits,
    of_torch,
    ulps,
    ulps_of_the_largest,
)

PARAMETERS = {"alpha": 0.3, "beta": 0.7, "k": 1.25}


def textbook(x, g, size, alpha, beta, k):
    """y_c = x_c / s_c^β of one position, and Σ_c g_c · ∂y_c/∂x_j with every derivative written out."""
    x, g = digits(x), digits(g)
    alpha, beta, k = (MP.mpf(number) for number in (alpha, beta, k))
    channels = range(len(x))

    def window(c):
        return [j for j in channels if c - size // 2 <= j <= c + (size - 1) // 2]

    s = [k + alpha / size * sum(x[j] ** 2 for j in window(c)) for c in channels]
    y = [x[c] / s[c] ** beta for c in channels]
    gradient = [
        sum(
            g[c]
            * (
                (s[c] ** -beta if c == j else 0)
                - (beta * x[c] * s[c] ** (-beta - 1) * alpha / size * 2 * x[j] if j in window(c) else 0)
            )
            for c in channels
        )
        for j in channels
    ]
    return np.array(y), np.array(gradient)


@pytest.mark.parametrize("size", [1, 2, 5, 6, 9])
def test_every_result_is_right_to_a_few_units_in_the_last_place(size):
    """y element by element, the gradient, a difference, in ulp of its largest; the largest errors seen are 0.9 and 1.0."""
    rng = np.random.default_rng(size)
    x, g = 3 * rng.standard_normal((2, 1, 7))
    y, gradient = textbook(x[0], g[0], size, **PARAMETERS)
    assert ulps(local_response_norm.forward(x, size=size, **PARAMETERS)[0], y) <= 2
    found = local_response_norm.backward(g, x, size=size, **PARAMETERS)[0][0]
    assert ulps_of_the_largest(found, gradient) <= 2


SHAPES = [(2, 7, 3), (3, 4, 2, 3), (1, 2, 2, 2, 2), (0, 3, 2)]


@pytest.mark.parametrize(("shape", "size"), [*product(SHAPES, (1, 2, 3, 4, 5, 8)), ((3, 7, 199, 199), 4)])
def test_every_result_is_torchs(shape, size):
    """The window of an even size too, wider than there are channels, and across blocks of samples."""
    rng = np.random.default_rng(1)
    x, g = 3 * rng.standard_normal((2, *shape))
    y, gradients = of_torch(lambda t: torch.nn.functional.local_response_norm(t, size, **PARAMETERS), g, x)
    assert_close(local_response_norm.forward(x, size=size, **PARAMETERS), y, 16)
    assert_all_close(local_response_norm.backward(g, x, size=size, **PARAMETERS), gradients, 16)


@pytest.mark.parametrize("parameters", [{}, PARAMETERS | {"size": 2}, {"size": 3, "k": 0, "alpha": 2, "beta": 0.5}])
def test_the_gradient_is_the_complex_step_of_forward(parameters):
    rng = np.random.default_rng(2)
    x, g = 3 * rng.standard_normal((2, 2, 5, 2))
    found = local_response_norm.backward(g, x, **parameters)
    assert_all_close(found, complex_step(local_response_norm, g, (x,), **parameters), 32)


def test_the_defaults_are_torchs():
    x = 30 * np.random.default_rng(3).standard_normal((2, 7, 3))
    y, _ = of_torch(lambda t: torch.nn.functional.local_response_norm(t, 5), np.ones(x.shape), x)
    assert_close(local_response_norm.forward(x), y, 8)


def test_nothing_but_zeros_and_no_k_is_not_a_number():
    """0 / 0, as in torch."""
    x = np.zeros((1, 3, 2))
    assert np.isnan(local_response_norm.forward(x, k=0)).all()
    assert np.isnan(local_response_norm.backward(x, x, k=0)[0]).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64", "complex128"])
def test_dtypes_are_what_numpy_promotes_to_and_inputs_stay_as_they_were(dtype):
    x, g = np.linspace(-2, 2, 12).reshape(2, 3, 2).astype(dtype), np.ones((2, 3, 2), np.float16)
    x.flags.writeable = g.flags.writeable = False
    for parameters in ({}, dict.fromkeys(("alpha", "beta", "k"), np.float64(0.5))):
        y, (gradient,) = local_response_norm.forward(x, **parameters), local_response_norm.backward(g, x, **parameters)
        assert y.dtype == gradient.dtype == x.dtype


def test_float16_is_computed_in_float32_and_rounded_once():
    """The squares of 300 would be infinite in float16: 300 / (1 + 90000)^½ is 1 when rounded."""
    x = np.full((1, 1, 1), 300, np.float16)
    assert local_response_norm.forward(x, size=1, alpha=1, beta=0.5).tolist() == [[[1]]]


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ((3,), 5, "x has shape (3,); expected (N, C, *size)"),
        ((2, 3), 0, "size is 0; expected a whole number of at least 1"),
        ((2, 3), 2.5, "size is 2.5; expected a whole number of at least 1"),
        ((2, 3), True, "size is True; expected a whole number of at least 1"),
    ],
)
def test_what_does_not_fit_is_named_with_its_numbers(shape, size, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        local_response_norm.forward(np.ones(shape), size=size)
    with pytest.raises(ValueError, match=re.escape(message)):
        local_response_norm.backward(np.ones(shape), np.ones(shape), size=size)


def test_a_cotangent_of_another_shape_is_named_with_it():
    with pytest.raises(ValueError, match=re.escape("grad_output has shape (3, 2); y has (2, 3)")):
        local_response_norm.backward(np.ones((3, 2)), np.ones((2, 3)))
