"""rms_norm: the textbook in fifty digits, torch, the complex step, identities, and what does not fit."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from reference import rms_norm
from tests.reference.witnesses import (
    MP,
    assert_all_close,
    assert_close,
    complex_step,
    digits,
    of_torch,
    ulps_of_the_largest,
)

SHAPES = [((6, 3), 1), ((2, 3, 5), 1), ((4, 3, 2), 2), ((2, 3, 4), 3), ((5,), 1), ((40, 5, 401), 1)]


def drawn(shape, last, seed):
    rng = np.random.default_rng(seed)
    return (3 + rng.standard_normal(shape), rng.standard_normal(shape[len(shape) - last :])), rng.standard_normal(shape)


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e-9])
def test_every_result_is_right_to_a_few_units_in_the_last_place(scale):
    rng = np.random.default_rng(0)
    x, gamma, g = scale * rng.standard_normal(40), 1 + rng.uniform(0, 1, 40), rng.standard_normal(40)
    X, H = digits(x), digits(g) * digits(gamma)
    r = MP.sqrt(sum(t * t for t in X) / 40 + MP.mpf(1e-5))
    of_x = (H - X / r * (sum(H * X) / r / 40)) / r
    found, gamma_found = rms_norm.backward(g[None], x[None], gamma)
    assert ulps_of_the_largest(rms_norm.forward(x[None], gamma)[0], digits(gamma) * X / r) <= 4
    assert ulps_of_the_largest(found[0], of_x) <= 4
    assert ulps_of_the_largest(gamma_found, digits(g) * X / r) <= 4


@pytest.mark.parametrize(("shape", "last"), SHAPES)
def test_every_result_is_torchs(shape, last):
    (x, gamma), g = drawn(shape, last, 1)
    y, gradients = of_torch(lambda x, c: torch.nn.functional.rms_norm(x, c.shape, c, 1e-5), g, x, gamma)
    assert_close(rms_norm.forward(x, gamma), y, 32)
    assert_all_close(rms_norm.backward(g, x, gamma), gradients, 128)


def test_without_gamma_it_is_that_with_ones_over_the_last_axis():
    (x, _), g = drawn((2, 3, 5), 1, 2)
    assert np.array_equal(rms_norm.forward(x), rms_norm.forward(x, np.ones(5)))
    of_x, none = rms_norm.backward(g, x)
    assert none is None
    assert np.array_equal(of_x, rms_norm.backward(g, x, np.ones(5))[0])


@pytest.mark.parametrize("last", [1, 2])
def test_the_gradients_are_the_complex_step_of_forward(last):
    inputs, g = drawn((3, 2, 4), last, 3)
    assert_all_close(rms_norm.backward(g, *inputs), complex_step(rms_norm, g, inputs), 64)


def test_scaling_a_row_changes_nothing_without_eps():
    """Σ x·∂J/∂x = 0 in each row."""
    inputs, g = drawn((5, 7), 1, 6)
    of_x = rms_norm.backward(g, *inputs, eps=0)[0]
    assert np.abs((inputs[0] * of_x).sum(1)).max() <= 64 * 2.0**-53 * np.abs(inputs[0] * of_x).sum(1).max()


@pytest.mark.parametrize("shape", [(0, 2), (2, 0), (0, 0)])
def test_a_batch_of_none(shape):
    x = np.zeros(shape)
    of_x, of_gamma = rms_norm.backward(x, x, np.ones(shape[1]))
    assert rms_norm.forward(x, np.ones(shape[1])).shape == of_x.shape == shape
    assert of_gamma.tolist() == [0.0] * shape[1]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64", "complex128"])
def test_dtypes_are_what_numpy_promotes_to_and_inputs_stay_as_they_were(dtype):
    x, ones = np.linspace(-2, 2, 12).reshape(4, 3).astype(dtype), np.ones(3, dtype)
    for a in (x, ones):
        a.flags.writeable = False
    assert {a.dtype for a in (rms_norm.forward(x, ones), *rms_norm.backward(x, x, ones))} == {x.dtype}
    assert rms_norm.forward(x, np.ones(3, np.longdouble)).dtype == np.result_type(x, np.longdouble)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: rms_norm.forward(np.ones((2, 3)), np.ones(2)), "gamma has shape (2,); expected that of the last axes"),
        (lambda: rms_norm.forward(np.ones(()), None), "x has shape (); expected one axis at least"),
        (lambda: rms_norm.forward(np.ones(2), eps=-1), "eps is -1; expected at least 0"),
        (lambda: rms_norm.backward(np.ones(3), np.ones(2)), "grad_output has shape (3,); y has (2,)"),
    ],
)
def test_what_does_not_fit_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        call()
