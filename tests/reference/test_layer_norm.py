"""layer_norm: the textbook in fifty digits, rows far from 0 or almost constant, torch, the complex step, identities."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from reference import batch_norm, layer_norm
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
SHAPES = [
    ((6, 3), 1),
    ((2, 3, 5), 1),
    ((4, 3, 2), 2),
    ((2, 3, 4), 3),
    ((5,), 1),
    ((1, 1, 4), 1),
    ((40, 5, 401), 1),
]


def textbook(x, gamma, beta, g):
    """y and the gradients of one row as sums over every i and j of g_j · ∂y_j/∂x_i."""
    x, g, gamma, beta = map(digits, (x, g, gamma, beta))
    n = len(x)
    mean = sum(x) / n
    deviation = MP.sqrt(sum((t - mean) ** 2 for t in x) / n + MP.mpf(EPS))
    normal = np.array([(t - mean) / deviation for t in x])
    grad_x = [
        sum(g[j] * gamma[j] / deviation * ((1 if i == j else 0) - (1 + normal[i] * normal[j]) / n) for j in range(n))
        for i in range(n)
    ]
    return gamma * normal + beta, np.array(grad_x), g * normal, g


def of_the_last(last):
    """torch's own, over so many axes."""

    def normalised(x, gamma=None, beta=None):
        return torch.nn.functional.layer_norm(x, x.shape[x.ndim - last :], gamma, beta, EPS)

    return normalised


def drawn(shape, last, seed):
    """x, gamma, beta and a cotangent."""
    rng = np.random.default_rng(seed)
    own = shape[len(shape) - last :]
    return (3 + rng.standard_normal(shape), *rng.standard_normal((2, *own))), rng.standard_normal(shape)


ROWS = {
    "ordinary": lambda rng: rng.standard_normal(40),
    "a million away": lambda rng: 1e6 + rng.standard_normal(40),
    "almost constant": lambda rng: 3 + np.spacing(3.0) * rng.integers(0, 3, 40),
    "tiny": lambda rng: 1e-9 * rng.standard_normal(40),
}


@pytest.mark.parametrize(
    ("name", "bounds"),
    [  # of y, ∂J/∂x, ∂J/∂gamma, in ulp of the largest; behind them the largest errors seen in six draws, and torch's
        ("ordinary", (2.5, 4, 2)),  # 1.7 2.7 1.1; torch 1.7 1.5 1.7
        ("a million away", (2, 2, 2.5)),  # 1.4 1.1 1.7; torch 4e5 4e5 6e5
        ("almost constant", (2, 2.5, 2)),  # 1.4 1.5 1.0; torch 5e15 1.0 4e15
        ("tiny", (2, 3, 3)),  # 1.0 1.9 1.9; torch 1.0 1.9 1.9
    ],
)
@pytest.mark.parametrize("seed", range(6))
def test_every_result_is_right_to_a_few_units_in_the_last_place(name, bounds, seed):
    rng = np.random.default_rng(seed)
    x, gamma, g = ROWS[name](rng), 1 + rng.uniform(0, 1, 40), rng.standard_normal(40)
    *exact, of_beta = textbook(x, gamma, np.zeros(40), g)
    inputs = x.reshape(1, 40), gamma, np.zeros(40)
    *found, grad_beta = layer_norm.forward(*inputs), *layer_norm.backward(g.reshape(1, 40), *inputs)
    for a, b, bound in zip(found, exact, bounds, strict=True):
        assert ulps_of_the_largest(a.ravel(), b) <= bound
    assert ulps_of_the_largest(grad_beta, of_beta) == 0, "one row has nothing to add"


@pytest.mark.parametrize(("shape", "last"), SHAPES)
def test_every_result_is_torchs(shape, last):
    """Over one axis and over several, without any before them, and in blocks: of 40 · 5 rows of 401, some go together."""
    inputs, g = drawn(shape, last, 1)
    y, gradients = of_torch(of_the_last(last), g, *inputs)
    assert_close(layer_norm.forward(*inputs, eps=EPS), y, 64)
    assert_all_close(layer_norm.backward(g, *inputs, eps=EPS), gradients, 256)


@pytest.mark.parametrize("left_out", [(1,), (2,), (1, 2)])
def test_without_gamma_or_beta_it_is_torchs_without_and_with_ones_and_zeros(left_out):
    """With neither, the last axis is normalised: `elementwise_affine=False`."""
    (x, *affine), g = drawn((2, 3, 5), 1, 2)
    inputs = [x, *(None if place in left_out else a for place, a in enumerate(affine, 1))]
    neutral = [x, *(np.full(5, 1.0 - place) if a is None else a for place, a in enumerate(inputs[1:]))]
    y, gradients = layer_norm.forward(*inputs), layer_norm.backward(g, *inputs)
    assert [a is None for a in gradients] == [a is None for a in inputs]
    assert_close(y, layer_norm.forward(*neutral), 0)
    for a, b in zip(gradients, layer_norm.backward(g, *neutral), strict=True):
        assert a is None or np.array_equal(a, b)
    if left_out == (1, 2):
        torchs, (of_x,) = of_torch(of_the_last(1), g, x)
        assert_close(y, torchs, 32)
        assert_close(gradients[0], of_x, 128)


@pytest.mark.parametrize("eps", [0, 1e-5, 0.5])
@pytest.mark.parametrize("last", [1, 2])
def test_the_gradients_are_the_complex_step_of_forward(eps, last):
    inputs, g = drawn((3, 2, 4), last, 3)
    assert_all_close(layer_norm.backward(g, *inputs, eps=eps), complex_step(layer_norm, g, inputs, eps=eps), 64)


def test_backward_is_the_adjoint_of_the_derivative():
    """⟨g, J v⟩ = ⟨Jᵀ g, v⟩ in all three inputs together, J v by the complex step along v."""
    inputs, g = drawn((4, 3, 6), 2, 4)
    along = drawn((4, 3, 6), 2, 5)[0]
    moved = layer_norm.forward(*(a + 1e-200j * v for a, v in zip(inputs, along, strict=True))).imag / 1e-200
    products = [(a * v).sum() for a, v in zip(layer_norm.backward(g, *inputs), along, strict=True)]
    terms = np.abs(g * moved).sum() + sum(map(abs, products))
    assert abs((g * moved).sum() - sum(products)) <= 256 * 2.0**-53 * terms


def test_the_gradient_of_x_is_orthogonal_to_what_normalising_takes_away():
    """Shifting a row, or (without eps) scaling it, changes nothing: Σ ∂J/∂x = 0 and Σ x·∂J/∂x = 0 in each row."""
    inputs, g = drawn((5, 7), 1, 6)
    of_x = layer_norm.backward(g, *inputs, eps=0)[0]
    assert np.abs(of_x.sum(1)).max() <= 64 * 2.0**-53 * np.abs(of_x).sum(1).max()
    assert np.abs((inputs[0] * of_x).sum(1)).max() <= 256 * 2.0**-53 * np.abs(inputs[0] * of_x).sum(1).max()


def test_with_one_gamma_for_all_it_is_a_batch_norm_of_the_transposed():
    """Rows and columns exchanged, γ = 1 and β = 0: each sample is then what a channel is there."""
    x, g = np.random.default_rng(7).standard_normal((2, 6, 9))
    ours = layer_norm.backward(g, x, np.ones(9), np.zeros(9))[0]
    channels = batch_norm.backward(g.T, x.T, np.ones(6), np.zeros(6))[0].T
    assert_close(layer_norm.forward(x, None, None), batch_norm.forward(x.T, np.ones(6), np.zeros(6)).T, 32)
    assert_close(ours, channels, 64)


def test_any_layout_gives_the_same():
    rng = np.random.default_rng(8)
    x, g = rng.standard_normal((2, 3, 4, 8, 3))[:, :, :, ::2].transpose(0, 1, 4, 2, 3)
    gamma, beta = rng.standard_normal((2, 4, 4)).swapaxes(1, 2)
    assert_close(layer_norm.forward(x, gamma, beta), layer_norm.forward(x.copy(), gamma.copy(), beta.copy()), 16)
    again = layer_norm.backward(g.copy(), x.copy(), gamma.copy(), beta.copy())
    assert_all_close(layer_norm.backward(g, x, gamma, beta), again, 64)


@pytest.mark.parametrize(("shape", "last"), [((0, 2), 1), ((0, 2, 3), 2), ((2, 0), 1), ((2, 0, 3), 2), ((0, 0), 1)])
def test_a_batch_of_none(shape, last):
    """Nothing in, nothing out, and no gradient for gamma and beta."""
    x, ones = np.zeros(shape), np.ones(shape[len(shape) - last :])
    grad_x, *others = layer_norm.backward(x, x, ones, ones)
    assert layer_norm.forward(x, ones, ones).shape == grad_x.shape == shape
    assert all(np.array_equal(a, 0 * ones) for a in others)


def test_a_row_of_one_number_gives_beta():
    """Its mean is itself."""
    x, gamma, beta = np.array([[7.0], [1e300]]), np.array([2.0]), np.array([4.0])
    assert layer_norm.forward(x, gamma, beta).tolist() == [[4], [4]]
    gradients = layer_norm.backward(np.array([[1.0], [2]]), x, gamma, beta)
    assert [a.tolist() for a in gradients] == [[[0], [0]], [0], [3]]


def test_a_constant_row_without_eps_is_not_a_number():
    x, ones = np.array([[3.0, 3.0]]), np.ones(2)
    assert np.isnan(layer_norm.forward(x, ones, ones, eps=0)).all()
    assert np.isnan(layer_norm.backward(x, x, ones, ones, eps=0)[0]).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64", "complex128"])
def test_dtypes_are_what_numpy_promotes_to_and_inputs_stay_as_they_were(dtype):
    x = np.linspace(-2, 2, 12).reshape(2, 3, 2).astype(dtype)
    assert_keeps_dtypes_and_inputs(layer_norm, x, 2)
    for eps in (1e-5, np.float64(1e-5)):
        assert layer_norm.forward(x, None, None, eps=eps).dtype == x.dtype


def test_float16_is_computed_in_float32_and_rounded_once():
    """The squares of 300 would be infinite in float16, and so would a sum of 2048 cotangents of 40 over the places."""
    x, ones = np.tile(np.array([300, -300], np.float16), (2048, 1)), np.ones(2, np.float16)
    assert layer_norm.forward(x, ones, 0 * ones)[0].tolist() == [1, -1]
    g = np.full(x.shape, 40, np.float16)
    g[1024:] = -40
    g[0] = 41
    assert [a.tolist() for a in layer_norm.backward(g, x, ones, ones)[1:]] == [[1, -1], [1, 1]]


@pytest.mark.parametrize(
    ("x", "gamma", "beta", "eps", "message"),
    [
        ((2, 3), (3,), (2,), 0, "gamma has shape (3,) and beta (2,); expected one shape, that of the last axes of x"),
        ((2, 3, 4), (3,), (3,), 0, "gamma has shape (3,); x (2, 3, 4) ends in (4,)"),
        ((2, 3, 4), (3, 3), None, 0, "gamma has shape (3, 3); x (2, 3, 4) ends in (3, 4)"),
        ((4,), None, (3, 4), 0, "beta has shape (3, 4); x (4,) has no 2 axes"),
        ((2, 3), (), (), 0, "gamma has shape (); expected one axis at least, the last of x"),
        ((), None, None, 0, "x has shape (); expected one axis at least"),
        ((2, 3), (3,), (3,), -1e-5, "eps is -1e-05; expected at least 0"),
        ((2, 3), (3,), (3,), float("nan"), "eps is nan; expected at least 0"),
    ],
)
def test_what_does_not_fit_is_named_with_its_numbers(x, gamma, beta, eps, message):
    inputs = [None if shape is None else np.ones(shape) for shape in (x, gamma, beta)]
    with pytest.raises(ValueError, match=re.escape(message)):
        layer_norm.forward(*inputs, eps=eps)
    with pytest.raises(ValueError, match=re.escape(message)):
        layer_norm.backward(np.ones(x), *inputs, eps=eps)


def test_a_cotangent_of_another_shape_is_named_with_it():
    with pytest.raises(ValueError, match=re.escape("grad_output has shape (3, 2); y has (2, 3)")):
        layer_norm.backward(np.ones((3, 2)), np.ones((2, 3)), np.ones(3), np.ones(3))
