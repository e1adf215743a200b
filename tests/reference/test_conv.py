"""reference.conv against the textbook's loops, torch, and what convolution is known to do, exactly on whole numbers."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from reference import conv
from tests.reference import textbook
from tests.reference.drawn import COUNTS, Drawn, convolutions, whole_numbers

CHANNELS = [(3, 1), (1, 3), (2, 2)]  # in and out: which of the two is larger decides how backward multiplies


def assert_same(found, expected):
    """Both have the same shape and the same numbers; or both are None."""
    assert (found is None) == (expected is None)
    if expected is not None:
        assert found.shape == expected.shape
        assert np.array_equal(found, expected)


def assert_textbook(drawn, dtype=np.int64):
    """y and all gradients are what the loops of the textbook give, to the last bit."""
    inputs = drawn.inputs(dtype)
    y = conv.forward(*inputs, **drawn.parameters)
    assert_same(y, textbook.forward(*inputs, **drawn.parameters))
    g = drawn.cotangent(y.shape, dtype)
    expected = textbook.backward(g, *inputs, **drawn.parameters)
    for found, right in zip(conv.backward(g, *inputs, **drawn.parameters), expected, strict=True):
        assert_same(found, right)


@settings(deadline=None, database=None, max_examples=200)
@given(convolutions())
def test_every_result_is_the_textbooks(drawn):
    """y, ∂J/∂x, ∂J/∂weight and ∂J/∂bias agree with eq. 1-3 as loops, to the last bit."""
    assert_textbook(drawn)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(
    ("size", "kernel", "parameters"),
    [
        pytest.param(2, 2, {"stride": 2, "padding": 7, "dilation": 11}, id="inputs lost between two offsets"),
        pytest.param(0, 3, {"padding": 2}, id="nothing but padding"),
        pytest.param(1, 1, {"stride": 5, "padding": 9}, id="an input that no window reaches"),
        pytest.param(3, 2, {"padding": "same", "stride": 4, "dilation": 3}, id="one window"),
    ],
)
def test_rare_shapes_are_the_textbooks_too(size, kernel, parameters, channels):
    assert_textbook(Drawn((2, channels[0], size), (*channels[::-1], kernel), parameters=parameters))


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128", object])
@settings(deadline=None, database=None, max_examples=25)
@given(drawn=convolutions())
def test_every_dtype_gives_the_textbooks_numbers(dtype, drawn):
    """Bilinear in complex numbers too: nothing is conjugated."""
    assert_textbook(drawn, dtype)


@settings(deadline=None, database=None, max_examples=60)
@given(convolutions(batch=(1, 2), paddings=(*COUNTS, "valid")))
def test_every_result_is_torchs(drawn):
    """conv1d, conv2d, conv3d and torch.autograd in float64; a turned kernel is turned before torch sees it."""
    x, weight, bias = drawn.inputs(np.float64)
    parameters = dict(drawn.parameters)
    axes = range(2, x.ndim)
    of_torch = [torch.tensor(a, requires_grad=True) for a in (x, weight, bias) if a is not None]
    kernel = of_torch[1].flip(*axes) if parameters.pop("flip") else of_torch[1]
    convolve = (torch.conv1d, torch.conv2d, torch.conv3d)[len(axes) - 1]
    expected = convolve(of_torch[0], kernel, *of_torch[2:], **parameters)
    y = conv.forward(x, weight, bias, **drawn.parameters)
    assert_same(y, expected.detach().numpy())
    g = drawn.cotangent(y.shape, np.float64)
    right = torch.autograd.grad(expected, of_torch, torch.from_numpy(g))
    found = conv.backward(g, x, weight, bias, **drawn.parameters)
    assert (found[2] is None) == (bias is None)
    for a, b in zip(found[: len(right)], right, strict=True):
        assert_same(a, b.numpy())


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")  # torch's advice on speed
@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize("kernel", [(1, 2), (2, 3), (3, 4), (4, 5)])
def test_same_padding_keeps_the_size_and_is_torchs(kernel, dilation):
    """Stride 1: as many outputs as inputs; where the zeros cannot be halved, the end gets one more."""
    drawn = Drawn((2, 2, 7, 9), (3, 2, *kernel))
    inputs = drawn.inputs(np.float64)
    y = conv.forward(*inputs, padding="same", dilation=dilation)
    assert y.shape == (2, 3, 7, 9)
    of_torch = [torch.tensor(a, requires_grad=True) for a in inputs]
    expected = torch.conv2d(*of_torch, padding="same", dilation=dilation)
    assert_same(y, expected.detach().numpy())
    g = drawn.cotangent(y.shape, np.float64)
    right = torch.autograd.grad(expected, of_torch, torch.from_numpy(g))
    for a, b in zip(conv.backward(g, *inputs, padding="same", dilation=dilation), right, strict=True):
        assert_same(a, b.numpy())


def test_same_padding_puts_the_extra_zero_at_the_end():
    y = conv.forward(np.array([[[1, 2, 3]]]), np.array([[[1, 10]]]), padding="same")
    assert y.tolist() == [[[1 + 20, 2 + 30, 3 + 0]]]


def test_full_padding_with_a_turned_kernel_is_numpys_convolution():
    """Polynomial multiplication: (1 + 2t + 3t²)(4 + 5t) = 4 + 13t + 22t² + 15t³."""
    y = conv.forward(np.array([[[1, 2, 3]]]), np.array([[[4, 5]]]), padding="full", flip=True)
    assert y.tolist() == [[[4, 13, 22, 15]]]
    x, kernel = whole_numbers(np.random.default_rng(1), (9,)), whole_numbers(np.random.default_rng(2), (4,))
    y = conv.forward(x[None, None], kernel[None, None], padding="full", flip=True)
    assert np.array_equal(y[0, 0], np.convolve(x, kernel))


@settings(deadline=None, database=None, max_examples=50)
@given(convolutions())
def test_flip_is_correlation_with_the_kernel_turned_by_180_degrees(drawn):
    """y and ∂J/∂x as for the turned kernel, ∂J/∂weight its gradient turned back."""
    x, weight, bias = drawn.inputs()
    axes = tuple(range(2, x.ndim))
    turned = np.flip(weight, axes)
    convolution, correlation = {**drawn.parameters, "flip": True}, {**drawn.parameters, "flip": False}
    y = conv.forward(x, weight, bias, **convolution)
    assert_same(y, conv.forward(x, turned, bias, **correlation))
    g = drawn.cotangent(y.shape)
    grad_x, grad_weight, grad_bias = conv.backward(g, x, weight, bias, **convolution)
    of_turned = conv.backward(g, x, turned, bias, **correlation)
    assert_same(grad_x, of_turned[0])
    assert_same(grad_weight, np.flip(of_turned[1], axes))
    assert_same(grad_bias, of_turned[2])


@pytest.mark.parametrize("channels", CHANNELS)
def test_rows_left_over_get_exactly_0(channels):
    """8 rows, kernel 3, stride 4: the windows reach rows 0-2 and 4-6, so 3 lies between them and 7 is left over."""
    x, weight = np.ones((2, channels[0], 8, 8)), np.full((channels[1], channels[0], 3, 3), 0.1)
    reached = np.isin(np.arange(8), [0, 1, 2, 4, 5, 6])
    grad_x, _, _ = conv.backward(np.full((2, channels[1], 2, 2), 0.1), x, weight, stride=4)
    assert np.array_equal(grad_x != 0, np.broadcast_to(np.outer(reached, reached), x.shape))


@pytest.mark.parametrize("channels", CHANNELS)
def test_what_no_window_reaches_has_no_part_in_anything(channels):
    """An infinity there is no term of eq. 1-3: neither it, nor 0 times it, is added to a gradient."""
    rng = np.random.default_rng(3)
    x, weight = (whole_numbers(rng, shape, float) for shape in ((2, channels[0], 5), (*channels[::-1], 2)))
    g = whole_numbers(rng, (2, channels[1], 2), float)
    right = conv.backward(g, x, weight, stride=2)
    x[..., 4] = np.inf
    for found, expected in zip(conv.backward(g, x, weight, stride=2)[:2], right[:2], strict=True):
        assert_same(found, expected)


@pytest.mark.parametrize("channels", CHANNELS)
def test_an_infinite_kernel_element_reaches_only_the_inputs_it_met(channels):
    """∂J/∂V₁ = K₁·G₁ (002, L8): K₂ is no term of it, nor of the gradient of an input that is left over, 0."""
    x, weight = np.ones((1, channels[0], 5)), np.ones((*channels[::-1], 2))
    weight[..., 1] = np.inf
    grad_x, _, _ = conv.backward(np.ones((1, channels[1], 2)), x, weight, stride=2)
    assert_same(grad_x, np.broadcast_to([channels[1], np.inf, channels[1], np.inf, 0], x.shape))
    grad_x, _, _ = conv.backward(np.ones((1, channels[1], 4)), x, weight)
    assert_same(grad_x, np.broadcast_to([channels[1], np.inf, np.inf, np.inf, np.inf], x.shape))


@pytest.mark.parametrize("groups", [1, 2])
def test_one_element_kernels_multiply_the_channels_by_a_matrix(groups):
    drawn = Drawn((3, 4, 5, 6), (6, 4 // groups, 1, 1), parameters={"groups": groups})
    x, weight, bias = drawn.inputs()
    matrix = np.zeros((6, 4), int)
    for o in range(6):
        group = slice(o * groups // 6 * 4 // groups, (o * groups // 6 + 1) * 4 // groups)
        matrix[o, group] = weight[o, :, 0, 0]
    y = conv.forward(x, weight, bias, groups=groups)
    assert np.array_equal(y, np.einsum("oc,nchw->nohw", matrix, x) + bias[:, None, None])
    g = drawn.cotangent(y.shape)
    grad_x, _, _ = conv.backward(g, x, weight, bias, groups=groups)
    assert np.array_equal(grad_x, np.einsum("oc,nohw->nchw", matrix, g))


@pytest.mark.parametrize("padding", [0, 1])
def test_a_kernel_as_large_as_the_padded_input_has_one_output(padding):
    """Then y is ⟨x, weight⟩ with the padded x, so each gradient is g times the other factor."""
    drawn = Drawn((2, 3, 4, 5), (2, 3, 4 + 2 * padding, 5 + 2 * padding), bias=False)
    x, weight, _ = drawn.inputs()
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    y = conv.forward(x, weight, padding=padding)
    assert np.array_equal(y, np.einsum("nchw,ochw->no", padded, weight)[..., None, None])
    g = drawn.cotangent((2, 2, 1, 1))
    grad_x, grad_weight, _ = conv.backward(g, x, weight, padding=padding)
    inner = weight[:, :, padding : padding + 4, padding : padding + 5]
    assert np.array_equal(grad_x, np.einsum("noij,ochw->nchw", g, inner))
    assert np.array_equal(grad_weight, np.einsum("noij,nchw->ochw", g, padded))


@settings(deadline=None, database=None, max_examples=30)
@given(convolutions(batch=(1, 2)))
def test_a_complex_step_gives_the_real_derivative(drawn):
    """Im J(a + i·h·v) / h = ⟨∂J/∂a, v⟩ for each input a; exact, for h is a power of 2 and J is linear in a."""
    h = 2.0**-600
    inputs = [a for a in drawn.inputs(np.float64) if a is not None]
    g = drawn.cotangent(conv.forward(*inputs, **drawn.parameters).shape, np.float64)
    gradients = conv.backward(g, *inputs, **drawn.parameters)
    for place, a in enumerate(inputs):
        v = whole_numbers(np.random.default_rng(drawn.seed + 2), a.shape, np.float64)
        stepped = [a + 1j * h * v if at == place else other for at, other in enumerate(inputs)]
        J = (g * conv.forward(*stepped, **drawn.parameters)).sum()
        assert J.imag / h == (gradients[place] * v).sum()


def test_a_kernel_nearly_as_large_as_the_input_takes_memory_by_its_outputs():
    """Six outputs of 11 830 products each; gathered under the inputs they would be 12 144 times as many, of zeros."""
    x, weight, g = np.ones((1, 1, 66, 184)), np.ones((1, 1, 65, 182)), np.ones((1, 1, 2, 3))
    tracemalloc.start()
    grad_x, grad_weight, _ = conv.backward(g, x, weight)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 6 * weight.nbytes
    assert grad_x.sum() == grad_weight.sum() == 6 * weight.size
