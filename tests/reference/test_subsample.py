"""reference.subsample against the loops of document 001, its worked example, and torch."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import subsample
from tests.reference.drawn import one_or_each, whole_numbers
from tests.reference.pooled import each
from tests.reference.witnesses import of_torch


@st.composite
def layers(draw, dtype=np.int64):
    """x, coefficient, bias and kernel_size: one to three blocks along each axis, with rows left over or not."""
    axes = draw(st.integers(1, 3))
    kernel_size = draw(one_or_each(st.integers(1, 3), axes))
    size = [draw(st.integers(1, 3)) * k + draw(st.integers(0, k - 1)) for k in each(kernel_size, axes)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    batch, maps = draw(st.integers(0, 2)), draw(st.integers(1, 3))
    arrays = [whole_numbers(rng, shape, dtype) for shape in ((batch, maps, *size), (maps,), (maps,))]
    output = [n // k for n, k in zip(size, each(kernel_size, axes), strict=True)]
    return whole_numbers(rng, (batch, maps, *output), dtype), arrays, kernel_size


def textbook(g, x, coefficient, bias, kernel_size):
    """u_j = β_j · down(x_j) + b_j, and the three gradients, one element at a time."""
    kernel = each(kernel_size, x.ndim - 2)
    y, grad_x = np.zeros(g.shape, x.dtype), np.zeros(x.shape, x.dtype)
    grad_coefficient, grad_bias = np.zeros_like(coefficient), np.zeros_like(bias)
    for n, j, *block in np.ndindex(g.shape):
        down = 0
        for within in np.ndindex(*kernel):
            place = tuple(b * k + o for b, k, o in zip(block, kernel, within, strict=True))
            down += x[n, j, *place]
            grad_x[n, j, *place] = coefficient[j] * g[n, j, *block]
        y[n, j, *block] = coefficient[j] * down + bias[j]
        grad_coefficient[j] += g[n, j, *block] * down
        grad_bias[j] += g[n, j, *block]
    return y, grad_x, grad_coefficient, grad_bias


def results(g, arrays, kernel_size=2):
    y = subsample.forward(*arrays, kernel_size=kernel_size)
    return y, *subsample.backward(g, *arrays, kernel_size=kernel_size)


def assert_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        assert np.array_equal(a, b)


@settings(derandomize=True, max_examples=150)
@given(layers())
def test_every_result_is_the_documents(drawn):
    g, arrays, kernel_size = drawn
    assert_same(results(g, arrays, kernel_size), textbook(g, *arrays, kernel_size))


@pytest.mark.parametrize("dtype", ["float16", "float32", "longdouble", "complex64", "complex128", object])
@settings(derandomize=True, max_examples=15)
@given(data=st.data())
def test_every_dtype_gives_the_documents_numbers(dtype, data):
    """Bilinear in complex numbers too: nothing is conjugated."""
    g, arrays, kernel_size = data.draw(layers(dtype))
    exact = [a.astype(complex if np.dtype(dtype).kind == "c" else object) for a in (g, *arrays)]
    found = results(g, arrays, kernel_size)
    assert all(a.dtype == np.dtype(dtype) for a in found)
    assert_same(found, [a.astype(dtype) for a in textbook(*exact, kernel_size)])


@settings(derandomize=True, max_examples=40)
@given(layers(np.float64))
def test_every_result_is_torchs(drawn):
    """Average pooling, times the size of a block."""
    g, arrays, kernel_size = drawn
    axes = g.ndim - 2
    pool = {1: torch.nn.functional.avg_pool1d, 2: torch.nn.functional.avg_pool2d, 3: torch.nn.functional.avg_pool3d}[
        axes
    ]
    block = int(np.prod(each(kernel_size, axes)))

    def layer(x, coefficient, bias):
        along = (-1, *(1,) * axes)
        return coefficient.reshape(along) * (pool(x, kernel_size) * block).round() + bias.reshape(along)

    def sums(x, coefficient, bias):  # rounded, the means times their count are the sums; the gradient is that of a sum
        along = (-1, *(1,) * axes)
        return coefficient.reshape(along) * pool(x * block, kernel_size) + bias.reshape(along)

    y, *gradients = results(g, arrays, kernel_size)
    assert np.array_equal(y, layer(*map(torch.tensor, arrays)).numpy())
    _, expected = of_torch(sums, g, *arrays)
    for found, right in zip(gradients, expected, strict=True):
        assert np.array_equal(found, right.round())


def test_the_documents_worked_example():
    """B12: 1…16 block by block, ∂E/∂β = d₁₁·(1+2+3+4) + d₁₂·(5+6+7+8) + d₂₁·(9+10+11+12) + d₂₂·(13+14+15+16)."""
    x = np.array([[[[1, 2, 5, 6], [3, 4, 7, 8], [9, 10, 13, 14], [11, 12, 15, 16]]]], object)
    d11, d12, d21, d22, beta, b = sympy.symbols("d11 d12 d21 d22 beta b")
    g = np.array([[[[d11, d12], [d21, d22]]]])
    y, grad_x, grad_coefficient, grad_bias = results(g, (x, np.array([beta]), np.array([b])))
    assert y[0, 0].tolist() == [[10 * beta + b, 26 * beta + b], [42 * beta + b, 58 * beta + b]]
    up = [[d11, d11, d12, d12]] * 2 + [[d21, d21, d22, d22]] * 2
    assert grad_x[0, 0].tolist() == [[beta * d for d in row] for row in up]
    assert sympy.expand(grad_coefficient[0] - (10 * d11 + 26 * d12 + 42 * d21 + 58 * d22)) == 0
    assert sympy.expand(grad_bias[0] - (d11 + d12 + d21 + d22)) == 0


@settings(derandomize=True, max_examples=40)
@given(layers())
def test_each_gradient_is_the_adjoint_of_its_part(drawn):
    """⟨g, y − b⟩ = ⟨∂x, x⟩ = ⟨∂β, β⟩ and ⟨g, b⟩ = ⟨∂b, b⟩."""
    g, (x, coefficient, bias), kernel_size = drawn
    y, grad_x, grad_coefficient, grad_bias = results(g, (x, coefficient, bias), kernel_size)
    of_bias = (grad_bias * bias).sum()
    assert (g * y).sum() - of_bias == (grad_x * x).sum() == (grad_coefficient * coefficient).sum()


def test_fractions_stay_fractions():
    x, one = np.array([[[Fraction(1, 3), Fraction(1, 6)]]]), np.array([Fraction(1, 7)])
    y, grad_x, grad_coefficient, _ = results(np.array([[[Fraction(2, 5)]]]), (x, one, one))
    assert y[0, 0, 0] == Fraction(1, 14) + Fraction(1, 7)
    assert grad_x.tolist() == [[[Fraction(2, 35)] * 2]]
    assert grad_coefficient[0] == Fraction(1, 5)


def test_what_is_dropped_gets_exactly_0_and_has_no_part_in_anything():
    x = np.array([[[1.0, 2.0, np.nan]]])
    y, grad_x, grad_coefficient, _ = results(np.array([[[4.0]]]), (x, np.array([np.inf]), np.array([0.0])))
    assert y.tolist() == [[[np.inf]]]
    assert grad_x.tolist() == [[[np.inf, np.inf, 0.0]]]
    assert grad_coefficient.tolist() == [12.0]


def test_float16_is_summed_in_float32_and_rounded_once():
    """2048 + 1 + 1 = 2050; rounded after each addition it stays 2048. And 2048·1 + 1 + bias 1 is 2050 as well."""
    one, zero = np.ones(1, np.float16), np.zeros(1, np.float16)
    x = np.array([[[2048, 1, 1]]], np.float16)
    assert subsample.forward(x, one, zero, kernel_size=3) == 2050
    assert subsample.forward(x[..., :2], one, one) == 2050
    assert subsample.forward(np.full((1, 1, 2), 60000, np.float16), one / 4, zero) == 30000  # its sum is no float16
    _, grad_coefficient, grad_bias = subsample.backward(x, np.ones((1, 1, 3), np.float16), one, zero, kernel_size=1)
    assert grad_coefficient == 2050
    assert grad_bias == 2050
    _, grad_coefficient, _ = subsample.backward(np.ones((1, 1, 1), np.float16), x, one, zero, kernel_size=3)
    assert grad_coefficient == 2050


@pytest.mark.parametrize("wide", ["g", "x", "coefficient", "bias"])
def test_a_float64_among_float32_is_never_narrowed(wide):
    arrays = {
        "x": np.ones((1, 1, 2), "f4"),
        "coefficient": np.ones(1, "f4"),
        "bias": np.ones(1, "f4"),
        "g": np.ones((1, 1, 1), "f4"),
    }
    arrays[wide] = np.full(arrays[wide].shape, 1 + 2.0**-40)
    g = arrays.pop("g")
    found = results(g, tuple(arrays.values()))
    factors = [("x", "coefficient", "bias"), ("g", "coefficient"), ("g", "x"), ("g",)]
    for result, of in zip(found, factors, strict=True):
        assert result.dtype == (np.float64 if wide in of else np.float32)
        if wide in of:
            assert (result != np.round(result)).all()


def test_an_empty_batch_gives_no_outputs_and_zero_gradients():
    x, numbers = np.zeros((0, 3, 4, 5), np.float32), np.ones(3, np.float32)
    y, grad_x, grad_coefficient, grad_bias = results(np.zeros((0, 3, 2, 2), np.float32), (x, numbers, numbers))
    assert (y.shape, grad_x.shape) == ((0, 3, 2, 2), x.shape)
    assert grad_coefficient.tolist() == grad_bias.tolist() == [0, 0, 0]


def test_layout_changes_nothing_and_inputs_stay_as_they_are():
    rng = np.random.default_rng(0)
    arrays = [whole_numbers(rng, shape, float) for shape in ((2, 2, 2, 3), (2, 2, 5, 7), (2,), (2,))]
    before = [a.copy() for a in arrays]
    expected = results(arrays[0], arrays[1:])
    for layout in (
        lambda a: a.T.copy().T,
        lambda a: np.flip(np.flip(a).copy()),
        lambda a: np.repeat(a, 2, -1)[..., ::2],
    ):
        others = [layout(a) for a in arrays]
        for a in others:
            a.flags.writeable = False
        assert_same(results(others[0], others[1:]), expected)
    assert_same(arrays, before)


@pytest.mark.parametrize(
    ("x", "coefficient", "bias", "kernel_size", "message"),
    [
        ((4, 4), (4,), (4,), 2, "x has shape (4, 4); expected (N, C, *size) with at least one spatial axis"),
        ((1, 3, 4), (2,), (3,), 2, "coefficient has shape (2,); x (1, 3, 4) needs (3,), one for each map"),
        ((1, 3, 4), (3,), (3, 1), 2, "bias has shape (3, 1); x (1, 3, 4) needs (3,), one for each map"),
        ((1, 3, 4), (3,), (3,), 0, "kernel_size is 0; expected at least 1"),
        (
            (1, 3, 4),
            (3,),
            (3,),
            (2, 2),
            "kernel_size has 2 entries (2, 2); expected one number or one for each of 1 axes",
        ),
        (
            (1, 3, 4),
            (3,),
            (3,),
            5,
            "does not fit: along axis 0 it spans 5 (kernel_size 5, dilation 1) and the padded input 4",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_its_numbers(x, coefficient, bias, kernel_size, message):
    arrays = [np.zeros(shape) for shape in (x, coefficient, bias)]
    with pytest.raises(ValueError, match=re.escape(message)):
        subsample.forward(*arrays, kernel_size=kernel_size)
    with pytest.raises(ValueError, match=re.escape(message)):
        subsample.backward(np.zeros(1), *arrays, kernel_size=kernel_size)


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 2, 2), (1, 2)])
def test_a_cotangent_that_does_not_fit_y_is_named_with_its_shape(shape):
    with pytest.raises(ValueError, match=re.escape(f"grad_output has shape {shape}; y has (1, 2, 2)")):
        subsample.backward(np.zeros(shape), np.zeros((1, 2, 4)), np.zeros(2), np.zeros(2))
