"""reference.avg_pool against a textbook's loops in fractions and torch's divisors; the adjoint; dtypes; errors."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings

from reference import avg_pool
from tests.reference.pooled import Pooled, each, inside, poolings, windows
from tests.reference.witnesses import assert_all_close, assert_close, of_torch

TORCH = {1: torch.nn.functional.avg_pool1d, 2: torch.nn.functional.avg_pool2d, 3: torch.nn.functional.avg_pool3d}
SWITCHES = ("ceil_mode", "count_include_pad")
CORNERS = [{"ceil_mode": a, "count_include_pad": b} for a in (False, True) for b in (False, True)]


def textbook(drawn, x, g=None):
    """y, or given a cotangent ∂J/∂x: each window's elements counted one by one, and divided as fractions."""
    moves = dict(drawn.parameters)
    with_padding = moves.pop("count_include_pad", True)
    size, padding = x.shape[2:], each(moves["padding"], x.ndim - 2)
    every = dict(windows(size, **moves))
    y = np.zeros((*x.shape[:2], *(1 + max(along) for along in zip(*every, strict=True))), object)
    grad_x = np.zeros(x.shape, object)
    for i, positions in every.items():
        elements = [j for j in positions if inside(j, size)]
        padded = [
            j for j in positions if inside([a + p for a, p in zip(j, padding, strict=True)], with_ends(size, padding))
        ]
        count = len(padded if with_padding else elements)
        for n, c in np.ndindex(x.shape[:2]):
            y[n, c, *i] = sum(x[n, c, *j] for j in elements) / Fraction(count)
            for j in elements:
                grad_x[n, c, *j] += 0 if g is None else g[n, c, *i] / Fraction(count)
    return y if g is None else grad_x


def with_ends(size, padding):
    return [n + 2 * p for n, p in zip(size, padding, strict=True)]


def as_fractions(a):
    return np.asarray(np.frompyfunc(Fraction, 1, 1)(a.astype(object)), object)


@settings(derandomize=True, max_examples=150)
@given(poolings(dilations=(1,), switches=SWITCHES))
def test_every_result_is_the_textbooks(drawn):
    """Fractions all the way, so nothing is rounded."""
    x = as_fractions(drawn.input())
    y = avg_pool.forward(x, **drawn.parameters)
    expected = textbook(drawn, x)
    assert y.shape == expected.shape
    assert np.array_equal(y, expected)
    g = as_fractions(drawn.cotangent(y.shape))
    assert np.array_equal(avg_pool.backward(g, x, **drawn.parameters)[0], textbook(drawn, x, g))


@settings(derandomize=True, max_examples=100)
@given(poolings(dilations=(1,), switches=SWITCHES, of_torch=True))
def test_every_result_is_torchs(drawn):
    """y to the last bit, for both divide a whole number by a whole number; ∂J/∂x within its sums' few roundings."""
    x = drawn.input(float)
    pool, axes = TORCH[x.ndim - 2], x.ndim - 2
    if axes == 3 and any(n < k for n, k in zip(x.shape[2:], each(drawn.parameters["kernel_size"], 3), strict=True)):
        return  # torch's pooling over three axes refuses an input that is smaller than the kernel
    y = avg_pool.forward(x, **drawn.parameters)
    g = drawn.cotangent(y.shape, float)
    expected, gradients = of_torch(lambda a: pool(a, **drawn.parameters), g, x)
    assert y.shape == expected.shape
    assert np.array_equal(y, expected)
    assert_close(avg_pool.backward(g, x, **drawn.parameters)[0], gradients[0], roundings=2 * 4**axes)


@pytest.mark.parametrize("switches", CORNERS)
@pytest.mark.parametrize(
    ("size", "moves"),
    [
        ((4, 5), {"kernel_size": 3, "stride": 2, "padding": 1}),
        ((5, 6), {"kernel_size": (2, 3), "stride": (3, 2), "padding": (1, 0)}),
        ((7,), {"kernel_size": 4, "stride": 3, "padding": 2}),
        ((2, 3, 4), {"kernel_size": 2, "stride": 3, "padding": 1}),
    ],
)
def test_the_divisors_are_torchs(size, moves, switches):
    """Ones over padding: each mean is a quotient of two counts, so a wrong divisor shows in it."""
    parameters = {**moves, **switches}
    x = np.ones((1, 1, *size))
    assert np.array_equal(avg_pool.forward(x, **parameters), TORCH[len(size)](torch.tensor(x), **parameters).numpy())


def test_what_reaches_past_the_padding_is_not_counted():
    """The padding counts, unless it is not to; what a last window lacks because of rounding up counts in neither case."""
    x = np.array([[[6.0, 12.0, 18.0]]])
    moves = {"kernel_size": 2, "stride": 2, "padding": 1}
    assert avg_pool.forward(x, **moves).tolist() == [[[3, 15]]]
    assert avg_pool.forward(x, count_include_pad=False, **moves).tolist() == [[[6, 15]]]
    assert avg_pool.forward(x[..., :2], ceil_mode=True, kernel_size=3, stride=2).tolist() == [[[9]]]


@settings(derandomize=True, max_examples=50)
@given(poolings(dilations=(1,), switches=SWITCHES))
def test_backward_is_the_adjoint(drawn):
    """⟨g, y⟩ = ⟨∂x, x⟩, for y is linear in x; in fractions, so exactly."""
    x = as_fractions(drawn.input())
    y = avg_pool.forward(x, **drawn.parameters)
    g = as_fractions(drawn.cotangent(y.shape))
    assert (g * y).sum() == (avg_pool.backward(g, x, **drawn.parameters)[0] * x).sum()


def test_a_share_for_each_element_of_a_block():
    """∂J/∂x = δ / (p·p) over each block (004, C14); the row and the column left over get exactly 0."""
    a, b = sympy.symbols("a b")
    (grad_x,) = avg_pool.backward(np.array([[[[a, b]]]]), np.zeros((1, 1, 3, 5), object))
    row = [a / 4, a / 4, b / 4, b / 4, 0]
    assert grad_x[0, 0].tolist() == [row, row, [0] * 5]


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "longdouble", "complex64", "complex128", "clongdouble"]
)
def test_every_result_keeps_the_dtype(dtype):
    drawn = Pooled((2, 3, 5, 4), {"kernel_size": 2, "stride": 1, "padding": 1})
    x = drawn.input(dtype) * (1 + 1j if np.dtype(dtype).kind == "c" else 1)
    y = avg_pool.forward(x, **drawn.parameters)
    assert y.dtype == dtype
    assert np.array_equal(y, textbook(drawn, x.astype(complex)))  # quarters of small whole numbers
    (grad_x,) = avg_pool.backward(y, x, **drawn.parameters)
    assert grad_x.dtype == dtype
    assert avg_pool.backward(y.astype("c16"), x, **drawn.parameters)[0].dtype == np.promote_types(dtype, "c16")


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", bool])
def test_whole_numbers_have_float64_means(dtype):
    x = np.array([[[100, 101]]]).astype(dtype)
    y = avg_pool.forward(x)
    assert y.dtype == np.float64
    assert y == x.astype(float).sum() / 2
    assert avg_pool.backward(np.array([[[3]]]), x)[0].tolist() == [[[1.5, 1.5]]]


def test_a_longdouble_keeps_all_its_digits():
    x = np.full((1, 1, 2), 1 + np.finfo(np.longdouble).eps, np.longdouble)
    assert (avg_pool.forward(x) > 1).all()
    assert (avg_pool.backward(x[..., :1], x)[0] > 0.5).all()


def test_fractions_of_large_numbers_do_not_overflow():
    x = np.array([[[Fraction(2**80), Fraction(1, 3)]]])
    assert avg_pool.forward(x)[0, 0, 0] == Fraction(2**80) / 2 + Fraction(1, 6)


def test_float16_is_summed_in_float32_and_rounded_once():
    """(2048 + 1 + 1 + 2) / 4 = 513; the sum of the first three, rounded after each, stays 2048."""
    y = avg_pool.forward(np.array([[[2048, 1, 1, 2]]], np.float16), kernel_size=4)
    assert y.tolist() == [[[513]]]
    assert avg_pool.forward(np.full((1, 1, 4), 60000, np.float16), kernel_size=4) == 60000  # its sum is no float16
    for shares in ([2048, 1, 1], [1, 1, 2048]):
        g = 3 * np.array([[shares]], np.float16)
        (grad_x,) = avg_pool.backward(g, np.zeros((1, 1, 5), np.float16), kernel_size=3, stride=1)
        assert grad_x[0, 0, 2] == 2050


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 0, 4, 4)])
def test_nothing_gives_nothing(shape):
    x = np.zeros(shape, np.float32)
    y = avg_pool.forward(x)
    assert y.shape == (*shape[:2], 2, 2)
    (grad_x,) = avg_pool.backward(y, x)
    assert (grad_x.shape, grad_x.dtype) == (shape, np.float32)


def test_what_no_window_reaches_has_no_part_in_anything():
    x = np.array([[[1.0, 2.0, np.nan]]])
    assert avg_pool.forward(x).tolist() == [[[1.5]]]
    assert avg_pool.backward(np.array([[[np.inf]]]), x)[0].tolist() == [[[np.inf, np.inf, 0.0]]]


def test_layout_changes_nothing_and_inputs_stay_as_they_are():
    drawn = Pooled((2, 60, 40, 31), {"kernel_size": 3, "stride": 2, "padding": 1})
    x = drawn.input(float)
    y = avg_pool.forward(x, **drawn.parameters)
    g = drawn.cotangent(y.shape, float)
    gradients = avg_pool.backward(g, x, **drawn.parameters)
    for layout in (
        lambda a: a.T.copy().T,
        lambda a: np.flip(np.flip(a).copy()),
        lambda a: np.repeat(a, 2, -1)[..., ::2],
    ):
        other, cotangent = layout(x), layout(g)
        other.flags.writeable = cotangent.flags.writeable = False
        assert np.array_equal(avg_pool.forward(other, **drawn.parameters), y)
        assert_all_close(avg_pool.backward(cotangent, other, **drawn.parameters), gradients, roundings=0)
    assert np.array_equal(x, drawn.input(float))
    assert np.array_equal(g, drawn.cotangent(y.shape, float))


@pytest.mark.parametrize(
    ("shape", "parameters", "message"),
    [
        ((4, 4), {}, "x has shape (4, 4); expected (N, C, *size) with at least one spatial axis"),
        ((1, 1, 4), {"kernel_size": -2}, "kernel_size is -2; expected at least 1"),
        ((1, 1, 4), {"stride": (1, 2)}, "stride has 2 entries (1, 2); expected one number or one for each of 1 axes"),
        (
            (1, 1, 4),
            {"padding": 2},
            "padding is 2; expected at most 1 along axis 0, half of the 2 that the kernel spans",
        ),
        ((1, 1, 4, 2), {"kernel_size": 3}, "does not fit: along axis 1 it spans 3 (kernel_size 3, dilation 1)"),
    ],
)
def test_what_does_not_fit_is_named_with_its_numbers(shape, parameters, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        avg_pool.forward(np.zeros(shape), **parameters)
    with pytest.raises(ValueError, match=re.escape(message)):
        avg_pool.backward(np.zeros(1), np.zeros(shape), **parameters)


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 2, 2), (1, 2)])
def test_a_cotangent_that_does_not_fit_y_is_named_with_its_shape(shape):
    with pytest.raises(ValueError, match=re.escape(f"grad_output has shape {shape}; y has (1, 2, 2)")):
        avg_pool.backward(np.zeros(shape), np.zeros((1, 2, 4)))
