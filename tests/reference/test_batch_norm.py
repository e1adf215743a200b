"""batch_norm: the textbook in fifty digits, channels far from 0 or almost constant, torch, the complex step."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from reference import batch_norm
from tests.reference.witnesses import (
    MP,
    assert_all_close,
    assert_close,
    assert_keeps_dtypes_and_inputs,
    complex_step,
    digits,
    of_torch,
    ulps_of_the_largest,
)

EPS = 1e-5


def textbook(x, gamma, beta, g):
    """y and the gradients of one channel as sums over every i and j of g_j · ∂y_j/∂x_i."""
    x, g, (gamma, beta) = digits(x), digits(g), digits(np.array([gamma, beta]))
    m = len(x)
    mean = sum(x) / m
    deviation = MP.sqrt(sum((t - mean) ** 2 for t in x) / m + MP.mpf(EPS))
    normal = [(t - mean) / deviation for t in x]
    y = [gamma * t + beta for t in normal]
    grad_x = [
        sum(g[j] * gamma / deviation * ((1 if i == j else 0) - (1 + normal[i] * normal[j]) / m) for j in range(m))
        for i in range(m)
    ]
    return [np.array(a) for a in (y, grad_x, [sum(g[j] * normal[j] for j in range(m))], [sum(g)])]


def of_the_batch(x, gamma, beta):
    return torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)


CHANNELS = {
    "ordinary": lambda rng: rng.standard_normal(40),
    "a million away": lambda rng: 1e6 + rng.standard_normal(40),
    "almost constant": lambda rng: 3 + np.spacing(3.0) * rng.integers(0, 3, 40),
    "tiny": lambda rng: 1e-9 * rng.standard_normal(40),
}


@pytest.mark.parametrize(
    ("name", "bounds"),
    [  # of y, ∂J/∂x, ∂J/∂gamma, ∂J/∂beta, in ulp of the largest; behind them the largest errors seen, and torch's
        ("ordinary", (2, 4, 7, 2)),  # 0.6 1.9 5.2 0.3; torch 0.5 0.6 1.2 0.7
        ("a million away", (2, 2, 4, 2)),  # 0.3 0.5 1.9 0.3; torch 2e5 1e5 2e6 0.7
        ("almost constant", (2, 2, 2, 2)),  # 0.7 1.1 0.2 0.7; torch 8e15 1.2 6e15 0.7
        ("tiny", (2, 2, 4, 2)),  # 0.6 0.5 2.3 0.3; torch 0.4 0.5 2.7 0.7
    ],
)
def test_every_result_is_right_to_a_few_units_in_the_last_place(name, bounds):
    rng = np.random.default_rng(0)
    x, g = CHANNELS[name](rng), rng.standard_normal(40)
    exact = textbook(x, 1.5, 0.0, g)
    inputs = x.reshape(40, 1), np.array([1.5]), np.array([0.0])
    found = [batch_norm.forward(*inputs), *batch_norm.backward(g.reshape(40, 1), *inputs)]
    for a, b, bound in zip(found, exact, bounds, strict=True):
        assert ulps_of_the_largest(a.ravel(), b) <= bound


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 5), (4, 3, 2, 3), (2, 3, 2, 2, 2), (1, 1, 4), (40, 5, 401)])
def test_every_result_is_torchs(shape):
    """With one and with several channels at a time: of the last shape, two go together, two more, and one alone."""
    rng = np.random.default_rng(1)
    inputs = 3 + rng.standard_normal(shape), rng.standard_normal(shape[1]), rng.standard_normal(shape[1])
    g = rng.standard_normal(shape)
    y, gradients = of_torch(of_the_batch, g, *inputs)
    assert_close(batch_norm.forward(*inputs, eps=EPS), y, 32)
    assert_all_close(batch_norm.backward(g, *inputs, eps=EPS), gradients, 128)


@pytest.mark.parametrize("eps", [0, 1e-5, 0.5])
def test_the_gradients_are_the_complex_step_of_forward(eps):
    rng = np.random.default_rng(2)
    inputs = rng.standard_normal((3, 2, 4)), rng.standard_normal(2), rng.standard_normal(2)
    g = rng.standard_normal((3, 2, 4))
    assert_all_close(batch_norm.backward(g, *inputs, eps=eps), complex_step(batch_norm, g, inputs, eps=eps), 32)


def test_any_layout_gives_the_same():
    """Channels last, and every other number of a wider array: views that cannot be laid out in rows."""
    rng = np.random.default_rng(3)
    x, g = rng.standard_normal((2, 3, 4, 8, 3))[:, :, :, ::2].transpose(0, 1, 4, 2, 3)
    inputs = x, rng.standard_normal(3), rng.standard_normal(3)
    assert_close(batch_norm.forward(*inputs), batch_norm.forward(x.copy(), *inputs[1:]), 8)
    assert_all_close(batch_norm.backward(g, *inputs), batch_norm.backward(g.copy(), x.copy(), *inputs[1:]), 32)


@pytest.mark.parametrize("shape", [(0, 2), (0, 2, 3), (2, 2, 0), (2, 0, 3)])
def test_a_batch_of_none(shape):
    """Nothing in, nothing out, and no gradient for gamma and beta."""
    x, ones = np.zeros(shape), np.ones(shape[1])
    grad_x, *others = batch_norm.backward(x, x, ones, ones)
    assert batch_norm.forward(x, ones, ones).shape == grad_x.shape == shape
    assert [a.tolist() for a in others] == [[0] * shape[1]] * 2


def test_a_channel_of_one_number_gives_beta():
    """Its mean is itself. torch refuses to normalise it."""
    x, gamma, beta = np.array([[7.0, 1e300]]), np.array([2.0, 3]), np.array([4.0, 5])
    assert batch_norm.forward(x, gamma, beta).tolist() == [[4, 5]]
    gradients = batch_norm.backward(np.array([[1.0, 2]]), x, gamma, beta)
    assert [a.tolist() for a in gradients] == [[[0, 0]], [0, 0], [1, 2]]


def test_a_constant_channel_without_eps_is_not_a_number():
    x, ones = np.array([[3.0], [3.0]]), np.ones(1)
    assert np.isnan(batch_norm.forward(x, ones, ones, eps=0)).all()
    assert np.isnan(batch_norm.backward(x, x, ones, ones, eps=0)[0]).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64", "complex128"])
def test_dtypes_are_what_numpy_promotes_to_and_inputs_stay_as_they_were(dtype):
    x = np.linspace(-2, 2, 12).reshape(2, 3, 2).astype(dtype)
    assert_keeps_dtypes_and_inputs(batch_norm, x, 3)


def test_float16_is_computed_in_float32_and_rounded_once():
    """The squares of 300 would be infinite in float16."""
    x, ones = np.array([[300], [-300]], np.float16), np.ones(1, np.float16)
    assert batch_norm.forward(x, ones, 0 * ones).tolist() == [[1], [-1]]


@pytest.mark.parametrize(
    ("x", "gamma", "beta", "eps", "message"),
    [
        ((3,), 3, 3, 0, "x has shape (3,); expected (N, C, *size)"),
        ((2, 3, 4), 2, 3, 0, "gamma has shape (2,) and beta (3,); x (2, 3, 4) needs (3,)"),
        ((2, 3, 4), 3, 4, 0, "gamma has shape (3,) and beta (4,); x (2, 3, 4) needs (3,)"),
        ((2, 3), 3, 3, -1e-5, "eps is -1e-05; expected at least 0"),
        ((2, 3), 3, 3, float("nan"), "eps is nan; expected at least 0"),
    ],
)
def test_what_does_not_fit_is_named_with_its_numbers(x, gamma, beta, eps, message):
    inputs = np.ones(x), np.ones(gamma), np.ones(beta)
    with pytest.raises(ValueError, match=re.escape(message)):
        batch_norm.forward(*inputs, eps=eps)
    with pytest.raises(ValueError, match=re.escape(message)):
        batch_norm.backward(np.ones(x), *inputs, eps=eps)


def test_a_cotangent_of_another_shape_is_named_with_it():
    with pytest.raises(ValueError, match=re.escape("grad_output has shape (3, 2); y has (2, 3)")):
        batch_norm.backward(np.ones((3, 2)), np.ones((2, 3)), np.ones(3), np.ones(3))
