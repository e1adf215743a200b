"""reference.max_pool against a textbook's loops and torch; who gets the gradient at ties, −∞ and NaN."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings

from reference import max_pool
from tests.reference.pooled import Pooled, inside, poolings, windows
from tests.reference.witnesses import of_torch

TORCH = {1: torch.max_pool1d, 2: torch.max_pool2d, 3: torch.max_pool3d}


def textbook(x, parameters):
    """y, and for each element of y the place that its window finds first, or None."""
    size = x.shape[2:]
    every = dict(windows(size, **parameters))
    output = tuple(1 + max(along) for along in zip(*every, strict=True))
    y, picked = np.full((*x.shape[:2], *output), -np.inf), {}
    for n, c in np.ndindex(x.shape[:2]):
        for i, positions in every.items():
            largest = None
            for j in positions:
                if inside(j, size) and (largest is None or x[n, c, *j] > x[n, c, *largest]):
                    largest = j
            picked[n, c, *i] = largest
            if largest is not None:
                y[n, c, *i] = x[n, c, *largest]
    return y, picked


def assert_textbook(drawn):
    x = drawn.input(float, most=2)
    y = max_pool.forward(x, **drawn.parameters)
    expected, picked = textbook(x, drawn.parameters)
    assert y.shape == expected.shape
    assert np.array_equal(y, expected)
    g = drawn.cotangent(y.shape, float)
    gradient = np.zeros(x.shape)
    for (n, c, *i), j in picked.items():
        if j is not None:
            gradient[n, c, *j] += g[n, c, *i]
    (grad_x,) = max_pool.backward(g, x, **drawn.parameters)
    assert np.array_equal(grad_x, gradient)


@settings(derandomize=True, max_examples=200)
@given(poolings())
@example(Pooled((1, 1, 1), {"kernel_size": 2, "stride": 3, "padding": 1, "dilation": 2}))  # steps over its only input
@example(
    Pooled((1, 1, 2, 1), {"kernel_size": (3, 1), "stride": 3, "ceil_mode": True})
)  # a kernel larger than the input
def test_every_result_is_the_textbooks(drawn):
    assert_textbook(drawn)


@settings(derandomize=True, max_examples=100)
@given(poolings(of_torch=True))
def test_every_result_is_torchs(drawn):
    x = drawn.input(float, most=2)
    y = max_pool.forward(x, **drawn.parameters)
    g = drawn.cotangent(y.shape, float)
    if not np.isfinite(y).all():
        return  # every offset of a window lies in the padding: torch's gradient goes to a place outside of x
    pool = TORCH[x.ndim - 2]
    expected, gradients = of_torch(lambda a: pool(a, **drawn.parameters), g, x)
    assert y.shape == expected.shape
    assert np.array_equal(y, expected)
    assert np.array_equal(max_pool.backward(g, x, **drawn.parameters)[0], gradients[0])


@pytest.mark.parametrize(
    ("size", "parameters", "places"),
    [
        (5, {"kernel_size": 2}, 2),
        (5, {"kernel_size": 2, "ceil_mode": True}, 3),
        (5, {"kernel_size": 2, "stride": 3, "ceil_mode": True}, 2),  # 0-1 and 3-4: nothing is left over
        (4, {"kernel_size": 1, "stride": 3, "padding": 0, "ceil_mode": True}, 2),
        (
            3,
            {"kernel_size": 2, "padding": 1, "ceil_mode": True},
            2,
        ),  # a third would begin in the padding behind the input
        (4, {"kernel_size": 5, "stride": 2, "ceil_mode": True}, 1),
    ],
)
def test_how_many_windows_there_are(size, parameters, places):
    assert max_pool.forward(np.zeros((1, 1, size)), **parameters).shape == (1, 1, places)
    assert torch.max_pool1d(torch.zeros(1, 1, size), **parameters).shape == (1, 1, places)


def test_the_first_maximum_row_by_row_takes_all():
    x = np.array([[[[1, 7, 0], [7, 7, 2], [7, 0, 3]]]])
    (grad_x,) = max_pool.backward(np.array([[[[1, 10], [100, 1000]]]]), x, stride=1)
    assert grad_x.tolist() == [[[[0, 1 + 10, 0], [100, 1000, 0], [0, 0, 0]]]]


def test_a_window_may_have_more_offsets_than_a_byte_counts():
    x = np.arange(600).reshape(1, 1, 600) % 300
    (grad_x,) = max_pool.backward(np.array([[[5, 7]]]), x, kernel_size=300)
    assert np.flatnonzero(grad_x).tolist() == [299, 599]
    assert grad_x[..., [299, 599]].tolist() == [[[5, 7]]]


def test_a_gradient_between_elements_never_multiplies_an_infinity_by_0():
    (grad_x,) = max_pool.backward(np.array([[[np.inf]]]), np.array([[[1.0, 2.0]]]))
    assert grad_x.tolist() == [[[0.0, np.inf]]]


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_padding_is_never_picked(ceil_mode):
    """A window of nothing but −∞ gives its gradient to its first position inside, where the padding is −∞ as well."""
    x = np.full((1, 1, 4, 4), -np.inf)
    moves = {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": ceil_mode}
    y = max_pool.forward(x, **moves)
    assert (y == -np.inf).all()
    (grad_x,) = max_pool.backward(np.arange(1.0, y.size + 1).reshape(y.shape), x, **moves)
    right = np.zeros((4, 4))
    firsts = [0, 1, 3][: y.shape[-1]]
    right[np.ix_(firsts, firsts)] = np.arange(1.0, y.size + 1).reshape(y.shape[2:])
    assert np.array_equal(grad_x[0, 0], right)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", bool])
def test_padding_is_never_picked_where_the_dtype_has_no_infinity(dtype):
    x = np.full((1, 1, 3), np.iinfo(dtype).min if dtype is not bool else False, dtype)
    moves = {"kernel_size": 2, "padding": 1}
    y = max_pool.forward(x, **moves)
    assert y.dtype == dtype
    assert np.array_equal(y, [[x[0, 0, :2]]])
    assert max_pool.backward(np.array([[[3, 5]]]), x, **moves)[0].tolist() == [[[3, 5, 0]]]


def test_a_window_with_no_element_is_minus_infinity_and_gives_nothing():
    """Dilation 2 around a single position: −1 and 1."""
    x, moves = np.array([[[5.0]]]), {"kernel_size": 2, "stride": 1, "padding": 1, "dilation": 2}
    assert max_pool.forward(x, **moves).tolist() == [[[-np.inf]]]
    assert max_pool.backward(np.array([[[3.0]]]), x, **moves)[0].tolist() == [[[0.0]]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
def test_nan_comes_through_and_the_first_takes_the_gradient(dtype):
    x = np.array([[[[1, np.nan, 9, 2], [np.nan, 3, 4, 9]]]], dtype)
    y = max_pool.forward(x)
    assert np.isnan(y).tolist() == [[[[True, False]]]]
    assert y[0, 0, 0, 1] == 9
    (grad_x,) = max_pool.backward(np.array([[[[5, 7]]]], dtype), x)
    assert grad_x.tolist() == [[[[0, 5, 7, 0], [0, 0, 0, 0]]]]
    padded = max_pool.backward(np.array([[[5, 7]]], dtype), np.array([[[-np.inf, np.nan, 0]]], dtype), padding=1)
    assert padded[0].tolist() == [[[5, 7, 0]]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "int8", "int64", "uint16"])
def test_every_result_keeps_the_dtype(dtype):
    x = np.arange(32).reshape(1, 2, 4, 4).astype(dtype)
    y = max_pool.forward(x, stride=1)
    assert y.dtype == dtype
    (grad_x,) = max_pool.backward(y, x, stride=1)
    assert grad_x.dtype == dtype
    assert max_pool.backward(y.astype(np.float64), x, stride=1)[0].dtype == np.promote_types(dtype, np.float64)


def test_float16_is_summed_in_float32_and_rounded_once():
    """2048 + 1 + 1 = 2050; rounded after each addition it stays 2048."""
    (grad_x,) = max_pool.backward(
        np.array([[[2048, 1, 1]]], "f2"), np.array([[[0, 0, 1, 0, 0]]], "f2"), kernel_size=3, stride=1
    )
    assert grad_x.tolist() == [[[0, 0, 2050, 0, 0]]]


def test_a_longdouble_is_compared_with_all_its_digits():
    one = np.longdouble(1)
    x = np.array([[[one, one + np.finfo(np.longdouble).eps]]])
    assert max_pool.backward(np.ones((1, 1, 1)), x)[0].tolist() == [[[0, 1]]]


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 0, 4, 4)])
def test_nothing_gives_nothing(shape):
    x = np.zeros(shape, np.float32)
    y = max_pool.forward(x)
    assert y.shape == (*shape[:2], 2, 2)
    (grad_x,) = max_pool.backward(y, x)
    assert (grad_x.shape, grad_x.dtype) == (shape, np.float32)


def test_maps_too_many_to_fit_into_the_cache_are_pooled_one_by_one():
    x = np.random.default_rng(0).integers(0, 5, (3, 50, 40, 41)).astype(float)
    y = max_pool.forward(x, kernel_size=3, stride=2)
    g = np.random.default_rng(1).integers(-9, 9, y.shape).astype(float)
    (grad_x,) = max_pool.backward(g, x, kernel_size=3, stride=2)
    for n, c in ((0, 0), (1, 30), (2, 49)):
        alone = x[n : n + 1, c : c + 1]
        assert np.array_equal(y[n, c], max_pool.forward(alone, kernel_size=3, stride=2)[0, 0])
        assert np.array_equal(
            grad_x[n, c], max_pool.backward(g[n : n + 1, c : c + 1], alone, kernel_size=3, stride=2)[0][0, 0]
        )


def test_layout_changes_nothing_and_inputs_stay_as_they_are():
    drawn = Pooled((2, 3, 5, 6), {"kernel_size": 3, "stride": 2, "padding": 1})
    x = drawn.input(float, most=2)
    y = max_pool.forward(x, **drawn.parameters)
    g = drawn.cotangent(y.shape, float)
    (grad_x,) = max_pool.backward(g, x, **drawn.parameters)
    for layout in (
        lambda a: a.T.copy().T,
        lambda a: np.flip(np.flip(a).copy()),
        lambda a: np.repeat(a, 2, -1)[..., ::2],
    ):
        other, cotangent = layout(x), layout(g)
        other.flags.writeable = cotangent.flags.writeable = False
        assert np.array_equal(max_pool.forward(other, **drawn.parameters), y)
        assert np.array_equal(max_pool.backward(cotangent, other, **drawn.parameters)[0], grad_x)
    assert np.array_equal(x, drawn.input(float, most=2))
    assert not np.shares_memory(y, x)


@pytest.mark.parametrize(
    ("shape", "parameters", "message"),
    [
        ((4, 4), {}, "x has shape (4, 4); expected (N, C, *size) with at least one spatial axis"),
        ((1, 1, 4), {"kernel_size": 0}, "kernel_size is 0; expected at least 1"),
        (
            (1, 1, 4, 4),
            {"kernel_size": (2, 2, 2)},
            "kernel_size has 3 entries (2, 2, 2); expected one number or one for each",
        ),
        ((1, 1, 4), {"stride": 0}, "stride is 0; expected at least 1"),
        ((1, 1, 4), {"stride": 1.5}, "stride is 1.5; expected whole numbers"),
        ((1, 1, 4), {"dilation": 0}, "dilation is 0; expected at least 1"),
        ((1, 1, 4), {"padding": -1}, "padding is -1; expected at least 0"),
        ((1, 1, 4), {"padding": "same"}, "padding is 'same'; expected whole numbers"),
        (
            (1, 1, 4, 4),
            {"padding": (1, 2)},
            "padding is (1, 2); expected at most 1 along axis 1, half of the 2 that the kernel",
        ),
        (
            (1, 1, 4),
            {"kernel_size": 2, "dilation": 3, "padding": 3},
            "at most 2 along axis 0, half of the 4 that the kernel spans",
        ),
        ((1, 1, 4), {"kernel_size": 3, "padding": 2}, "padding is 2; expected at most 1 along axis 0, half of the 3"),
        (
            (1, 1, 4, 2),
            {"kernel_size": 3},
            "does not fit: along axis 1 it spans 3 (kernel_size 3, dilation 1) and the padded",
        ),
        ((1, 1, 4, 2), {"kernel_size": 5, "padding": 1}, "the padded input 4 (size 2, padding 1 + 1)"),
        ((1, 1, 3), {"kernel_size": 5, "stride": 2, "ceil_mode": True}, "does not fit: along axis 0 it spans 5"),
        ((1, 1, 0), {}, "there is nothing to pool along axis 0: size (0,)"),
    ],
)
def test_what_does_not_fit_is_named_with_its_numbers(shape, parameters, message):
    x = np.zeros(shape)
    with pytest.raises(ValueError, match=re.escape(message)):
        max_pool.forward(x, **parameters)
    with pytest.raises(ValueError, match=re.escape(message)):
        max_pool.backward(np.zeros(1), x, **parameters)


def test_complex_numbers_have_no_maximum():
    with pytest.raises(ValueError, match="x is complex64; complex numbers have no order"):
        max_pool.forward(np.zeros((1, 1, 4), np.complex64))


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 2, 2), (1, 2)])
def test_a_cotangent_that_does_not_fit_y_is_named_with_its_shape(shape):
    with pytest.raises(ValueError, match=re.escape(f"grad_output has shape {shape}; y has (1, 2, 2)")):
        max_pool.backward(np.zeros(shape), np.zeros((1, 2, 4)))
