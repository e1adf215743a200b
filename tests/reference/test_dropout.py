"""dropout: x · mask / (1 − p), exactly."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

from reference import dropout
from tests.reference.witnesses import assert_all_close, assert_close, of_torch


def test_what_is_kept_grows_and_what_is_dropped_is_0():
    x, mask, g = np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([[1, 0, 1], [0, 0, 1]]), np.full((2, 3), 3.0)
    assert dropout.forward(x, mask, p=0.75).tolist() == [[4, 0, 12], [0, 0, 24]]
    gradient, of_mask = dropout.backward(g, x, mask, p=0.75)
    assert gradient.tolist() == [[12, 0, 12], [0, 0, 12]]
    assert of_mask is None
    assert dropout.forward(x, mask, p=0).tolist() == (x * mask).tolist()


@pytest.mark.parametrize("shape", [(4, 5), (0, 3), ()])
def test_y_and_gradient_are_torchs(shape):
    rng = np.random.default_rng(0)
    x, g, mask = rng.standard_normal(shape), rng.standard_normal(shape), np.asarray(rng.random(shape) < 0.7)
    y, gradients = of_torch(lambda t, kept: t * kept / (1 - 0.3), g, x, mask)
    assert_close(dropout.forward(x, mask, p=0.3), y, 2)
    assert_all_close(dropout.backward(g, x, mask, p=0.3), gradients, 2)


def test_fractions_stay_fractions():
    x, mask = np.array([Fraction(1, 3), Fraction(2)]), np.array([1, 0])
    assert dropout.forward(x, mask, p=Fraction(1, 4)).tolist() == [Fraction(4, 9), 0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64"])
def test_a_parameter_does_not_change_the_dtype_and_inputs_stay_as_they_were(dtype):
    x, mask = np.ones(3, dtype), np.array([True, False, True])
    x.flags.writeable = mask.flags.writeable = False
    for p in (0, 0.3, np.float64(0.3)):
        assert dropout.forward(x, mask, p=p).dtype == dropout.backward(x, x, mask, p=p)[0].dtype == x.dtype


@pytest.mark.parametrize(
    ("x", "mask", "p", "message"),
    [
        (3, 4, 0.5, "x has shape (3,) and mask (4,); expected one shape for both"),
        (3, 3, 1, "p is 1; expected at least 0 and less than 1"),
        (3, 3, -0.5, "p is -0.5; expected"),
        (3, 3, float("nan"), "p is nan; expected"),
    ],
)
def test_what_does_not_fit_is_named_with_its_numbers(x, mask, p, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        dropout.forward(np.ones(x), np.ones(mask), p=p)
    with pytest.raises(ValueError, match=re.escape(message)):
        dropout.backward(np.ones(x), np.ones(x), np.ones(mask), p=p)


def test_a_cotangent_of_another_shape_is_named_with_it():
    with pytest.raises(ValueError, match=re.escape("grad_output has shape (2,); y has (3,)")):
        dropout.backward(np.ones(2), np.ones(3), np.ones(3))
