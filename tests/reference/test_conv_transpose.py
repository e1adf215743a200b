"""reference.conv_transpose against a textbook's loops, torch, and conv, whose adjoint it is; exactly, on whole numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reference import conv, conv_transpose
from tests.reference.drawn import LARGEST, one_or_each, whole_numbers
from tests.reference.pooled import each, inside
from tests.reference.witnesses import of_torch

TORCH = {1: torch.conv_transpose1d, 2: torch.conv_transpose2d, 3: torch.conv_transpose3d}


@dataclass(frozen=True)
class Drawn:
    """The shapes and parameters of a transposed convolution, and the seed of its numbers."""

    x: tuple[int, ...]
    weight: tuple[int, ...]
    bias: bool = True
    parameters: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    @property
    def output(self):
        """(size − 1)·s − 2·p + (kernel − 1)·d + 1 + output_padding, as torch's manual has it."""
        names = (("stride", 1), ("padding", 0), ("output_padding", 0), ("dilation", 1))
        moves = (each(self.parameters.get(name, default), len(self.x) - 2) for name, default in names)
        along = zip(self.x[2:], self.weight[2:], *moves, strict=True)
        size = ((i - 1) * s - 2 * p + (k - 1) * d + 1 + more for i, k, s, p, more, d in along)
        return (self.x[0], self.weight[1] * self.parameters.get("groups", 1), *size)

    def arrays(self, dtype=np.int64):
        """g, x, weight and bias (or None), small whole numbers."""
        rng = np.random.default_rng(self.seed)
        g, x, weight, bias = (
            whole_numbers(rng, shape, dtype) for shape in (self.output, self.x, self.weight, self.output[1:2])
        )
        return g, x, weight, bias if self.bias else None


@st.composite
def layers(draw):
    """Everything but the padding first; then as much of that as leaves something of y."""
    axes = draw(st.integers(1, 3))
    upto = st.integers(1, LARGEST[axes])
    kernel, size = draw(st.tuples(*[upto] * axes)), draw(st.tuples(*[upto] * axes))
    stride, dilation = (draw(one_or_each(st.integers(1, 3), axes)) for _ in range(2))
    steps, spreads = each(stride, axes), each(dilation, axes)
    more = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(steps, spreads, strict=True))
    whole = [(i - 1) * s + (k - 1) * d + m for i, s, k, d, m in zip(size, steps, kernel, spreads, more, strict=True)]
    padding = tuple(draw(st.integers(0, min(3, n // 2))) for n in whole)
    groups, inputs, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    return Drawn(
        x=(draw(st.integers(0, 2)), groups * inputs, *size),
        weight=(groups * inputs, outputs, *kernel),
        bias=draw(st.booleans()),
        parameters={
            "stride": stride,
            "padding": padding,
            "output_padding": more,
            "dilation": dilation,
            "groups": groups,
        },
        seed=draw(st.integers(0, 2**32)),
    )


def textbook(drawn, g, x, weight, bias):
    """Every product of an x and a weight, added to the y that it meets; every factor's part in it, likewise."""
    axes = x.ndim - 2
    stride, padding, dilation = (
        each(drawn.parameters.get(name, default), axes)
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))
    )
    in_a_group, out_of_a_group = len(weight) // drawn.parameters.get("groups", 1), weight.shape[1]
    y, grad_x, grad_weight = (np.zeros(shape, object) for shape in (g.shape, x.shape, weight.shape))
    for (n, c, *i), number in np.ndenumerate(x):
        for o, *k in np.ndindex(weight.shape[1:]):
            into = c // in_a_group * out_of_a_group + o
            j = [a * s + b * d - p for a, s, b, d, p in zip(i, stride, k, dilation, padding, strict=True)]
            if inside(j, g.shape[2:]):
                y[n, into, *j] += number * weight[c, o, *k]
                grad_x[n, c, *i] += g[n, into, *j] * weight[c, o, *k]
                grad_weight[c, o, *k] += g[n, into, *j] * number
    if bias is None:
        return y, grad_x, grad_weight, None
    grad_bias = np.zeros(len(bias), object)
    for (n, o, *j), number in np.ndenumerate(g):
        y[n, o, *j] += bias[o]
        grad_bias[o] += number
    return y, grad_x, grad_weight, grad_bias


def results(drawn, g, *inputs):
    """y and the three gradients."""
    return conv_transpose.forward(*inputs, **drawn.parameters), *conv_transpose.backward(g, *inputs, **drawn.parameters)


def assert_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None)
        if b is not None:
            assert a.shape == b.shape
            assert np.array_equal(a, b)


@settings(derandomize=True, max_examples=150)
@given(layers())
@example(Drawn((1, 1, 3), (1, 1, 3), parameters={"stride": 3, "padding": 5, "output_padding": 2}))  # one y is left
@example(Drawn((2, 1, 2), (1, 2, 2), parameters={"dilation": 5, "output_padding": 4, "padding": 1}))
@example(Drawn((2, 2, 2), (2, 1, 1), parameters={"stride": 4, "output_padding": 3}))  # y that no window reaches
def test_every_result_is_the_textbooks(drawn):
    arrays = drawn.arrays()
    assert_same(results(drawn, *arrays), textbook(drawn, *arrays))


@pytest.mark.parametrize("dtype", ["float16", "float32", "longdouble", "complex64", "complex128", object])
@settings(derandomize=True, max_examples=15)
@given(drawn=layers())
def test_every_dtype_gives_the_textbooks_numbers(dtype, drawn):
    """Bilinear in complex numbers too: nothing is conjugated."""
    arrays = drawn.arrays(dtype)
    found = results(drawn, *arrays)
    assert all(a is None or a.dtype == np.dtype(dtype) for a in found)
    assert_same(found, textbook(drawn, *arrays))


@settings(derandomize=True, max_examples=60)
@given(layers())
def test_every_result_is_torchs(drawn):
    g, *inputs = drawn.arrays(np.float64)
    given = [a for a in inputs if a is not None]
    expected, gradients = of_torch(lambda *tensors: TORCH[g.ndim - 2](*tensors, **drawn.parameters), g, *given)
    assert_same([a for a in results(drawn, g, *inputs) if a is not None], [expected, *gradients])


@settings(derandomize=True, max_examples=60)
@given(layers())
def test_it_is_the_adjoint_of_conv(drawn):
    """⟨conv(v), x⟩ = ⟨v, convᵀ(x)⟩ for every v of the size of y, where output_padding leaves conv as many places as x."""
    v, x, weight, _ = drawn.arrays()
    moves = {name: drawn.parameters[name] for name in ("stride", "padding", "dilation", "groups")}
    y = conv_transpose.forward(x, weight, **drawn.parameters)
    z = conv.forward(v, weight, **moves)
    z = z[
        (..., *(slice(n) for n in x.shape[2:]))
    ]  # an output_padding of the stride or more makes room for another place
    assert (z * x).sum() == (v * y).sum()


@settings(derandomize=True, max_examples=40)
@given(layers())
def test_backward_is_the_adjoint_of_each_part(drawn):
    """⟨g, y − b⟩ = ⟨∂x, x⟩ = ⟨∂weight, weight⟩."""
    g, x, weight, _ = drawn.arrays()
    y, grad_x, grad_weight, _ = results(drawn, g, x, weight, None)
    assert (g * y).sum() == (grad_x * x).sum() == (grad_weight * weight).sum()


def test_a_stride_as_large_as_the_kernel_lays_scaled_kernels_side_by_side():
    y = conv_transpose.forward(np.array([[[2, 3]]]), np.array([[[1, 10]]]), np.array([5]), stride=2, output_padding=1)
    assert y.tolist() == [[[7, 25, 8, 35, 5]]]


def test_what_no_window_reaches_is_exactly_the_bias_and_has_no_part_in_any_gradient():
    x, weight, bias = np.ones((1, 1, 2)), np.ones((1, 1, 1)), np.full(1, 0.1)
    assert conv_transpose.forward(x, weight, bias, stride=3, output_padding=2).tolist() == [[[1.1, 0.1, 0.1] * 2]]
    g = np.array([[[1.0, np.nan, np.inf, 2.0, np.nan, np.inf]]])
    grad_x, grad_weight, _ = conv_transpose.backward(g, x, weight, stride=3, output_padding=2)
    assert grad_x.tolist() == [[[1.0, 2.0]]]
    assert grad_weight.tolist() == [[[3.0]]]


def test_float16_is_summed_in_float32_and_rounded_once():
    """2048 + 1 + 1 = 2050; rounded after each addition it stays 2048. Over offsets, channels, positions and samples."""
    numbers, ones = np.array([[[2048, 1, 1]]], np.float16), np.ones((1, 1, 3), np.float16)
    assert conv_transpose.forward(numbers, ones)[0, 0, 2] == 2050
    assert conv_transpose.forward(numbers.reshape(1, 3, 1), ones.reshape(3, 1, 1)) == 2050
    grad_x, grad_weight, _ = conv_transpose.backward(numbers, ones[..., :1], ones)
    assert grad_x == 2050
    _, grad_weight, grad_bias = conv_transpose.backward(
        numbers.reshape(3, 1, 1), ones.reshape(3, 1, 1), ones[..., :1], np.zeros(1, np.float16)
    )
    assert grad_weight == 2050
    assert grad_bias == 2050


@pytest.mark.parametrize("wide", ["g", "x", "weight", "bias"])
def test_a_float64_among_float32_is_never_narrowed(wide):
    drawn = Drawn((2, 2, 3, 4), (2, 3, 2, 2), parameters={"stride": 2})
    arrays = dict(zip(("g", "x", "weight", "bias"), drawn.arrays(np.float32), strict=True))
    arrays[wide] = np.full(arrays[wide].shape, 1 + 2.0**-40)
    found = results(drawn, *arrays.values())
    factors = [("x", "weight", "bias"), ("g", "weight"), ("g", "x"), ("g",)]
    for result, right, of in zip(found, textbook(drawn, *arrays.values()), factors, strict=True):
        assert result.dtype == (np.float64 if wide in of else np.float32)
        if wide in of:
            assert np.array_equal(result, right)


def test_an_empty_batch_gives_no_outputs_and_zero_gradients():
    drawn = Drawn((0, 2, 3), (2, 3, 2))
    g, *inputs = drawn.arrays(np.float32)
    y, grad_x, grad_weight, grad_bias = results(drawn, g, *inputs)
    assert (y.shape, grad_x.shape) == ((0, 3, 4), (0, 2, 3))
    assert not grad_weight.any()
    assert not grad_bias.any()
    assert {a.dtype for a in (y, grad_x, grad_weight, grad_bias)} == {np.dtype(np.float32)}


def test_a_batch_too_large_for_one_block_gives_the_sum_over_its_samples():
    drawn = Drawn((5, 2, 100, 150), (2, 3, 3, 3), parameters={"stride": 2})
    g, x, weight, bias = drawn.arrays(np.float64)
    alone = [results(drawn, g[[n]], x[[n]], weight, bias) for n in range(5)]
    y, grad_x, grad_weight, grad_bias = results(drawn, g, x, weight, bias)
    assert np.array_equal(y, np.concatenate([of[0] for of in alone]))
    assert np.array_equal(grad_x, np.concatenate([of[1] for of in alone]))
    assert np.array_equal(grad_weight, sum(of[2] for of in alone))
    assert np.array_equal(grad_bias, sum(of[3] for of in alone))


def test_layout_changes_nothing_and_inputs_stay_as_they_are():
    drawn = Drawn((2, 4, 3, 4), (4, 3, 2, 3), parameters={"stride": (2, 1), "padding": 1, "groups": 2})
    arrays = drawn.arrays()
    expected = results(drawn, *arrays)
    for layout in (
        lambda a: a.T.copy().T,
        lambda a: np.flip(np.flip(a).copy()),
        lambda a: np.repeat(a, 2, -1)[..., ::2],
    ):
        others = [layout(a) for a in arrays]
        for a in others:
            a.flags.writeable = False
        assert_same(results(drawn, *others), expected)
    assert_same(arrays, drawn.arrays())


ERRORS = [
    # shapes of x, weight, bias; parameters; what the message says
    ((4, 4), (1, 1, 2), None, {}, "x has shape (4, 4) and weight (1, 1, 2); expected"),
    ((1, 1, 4), (1, 1, 2, 2), None, {}, "x has shape (1, 1, 4) and weight (1, 1, 2, 2); expected"),
    ((1, 4, 5), (3, 6, 2), None, {}, "x has 4 channels and weight (3, 6, 2) takes 3"),
    ((1, 0, 5), (0, 6, 2), None, {}, "x has 0 channels"),
    ((1, 4, 5), (4, 0, 2), None, {}, "weight (4, 0, 2)"),
    ((1, 4, 5), (4, 2, 2), None, {"groups": 3}, "groups 3 does not divide the channels of x, 4"),
    ((1, 4, 5), (4, 2, 2), None, {"groups": 0}, "groups is 0; expected"),
    ((1, 4, 5), (4, 2, 2), None, {"groups": True}, "groups is True; expected"),
    ((1, 4, 5), (4, 3, 2), (3,), {"groups": 2}, "bias has shape (3,); weight (4, 3, 2) in 2 groups needs (6,)"),
    ((1, 1, 5), (1, 1, 0), None, {}, "kernel is (0,); expected at least 1"),
    ((1, 1, 5), (1, 1, 2), None, {"stride": 0}, "stride is 0; expected at least 1"),
    ((1, 1, 5), (1, 1, 2), None, {"dilation": (1, 2)}, "dilation has 2 entries (1, 2); expected one number"),
    ((1, 1, 5), (1, 1, 2), None, {"padding": "same"}, "padding is 'same'; expected whole numbers"),
    ((1, 1, 5), (1, 1, 2), None, {"output_padding": -1}, "output_padding is -1; expected at least 0"),
    (
        (1, 1, 5),
        (1, 1, 2),
        None,
        {"output_padding": 1},
        "output_padding is 1; expected less than stride 1 or dilation 1",
    ),
    (
        (1, 1, 5),
        (1, 1, 2),
        None,
        {"output_padding": 3, "stride": 2, "dilation": 3},
        "less than stride 2 or dilation 3 along",
    ),
    ((1, 1, 0), (1, 1, 2), None, {"stride": 2}, "nothing is left of y along axis 0: x has 0 positions there"),
    (
        (1, 1, 1),
        (1, 1, 2),
        None,
        {"padding": 1},
        "kernel 2, stride 1, padding 1, dilation 1 and output_padding 0 make 0",
    ),
]


@pytest.mark.parametrize(("x", "weight", "bias", "parameters", "message"), ERRORS, ids=[case[-1] for case in ERRORS])
def test_what_does_not_fit_is_named_with_its_numbers(x, weight, bias, parameters, message):
    x, weight, bias = np.zeros(x), np.zeros(weight), None if bias is None else np.zeros(bias)
    with pytest.raises(ValueError, match=re.escape(message)):
        conv_transpose.forward(x, weight, bias, **parameters)
    with pytest.raises(ValueError, match=re.escape(message)):
        conv_transpose.backward(np.zeros(1), x, weight, bias, **parameters)


@pytest.mark.parametrize("shape", [(1, 3, 5), (2, 3, 6), (1, 2, 6), (1, 3, 6, 1)])
def test_a_cotangent_that_does_not_fit_y_is_named_with_its_shape(shape):
    with pytest.raises(ValueError, match=re.escape(f"grad_output has shape {shape}; y has (1, 3, 6)")):
        conv_transpose.backward(np.zeros(shape), np.zeros((1, 2, 5)), np.zeros((2, 3, 2)))
