"""What reference.conv takes and gives back: dtypes, memory layouts, empty batches, untouched inputs, memory, errors."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pytest

from reference import conv
from tests.reference import textbook
from tests.reference.drawn import Drawn

CHANNELS = [(3, 1), (1, 3), (2, 2)]  # in and out: which of the two is larger decides how backward multiplies
PARAMETERS = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}


def drawn_with(channels, **more):
    return Drawn((2, channels[0], 6, 7), (channels[1], channels[0], 3, 2), parameters=PARAMETERS, **more)


def results(drawn, g, *inputs):
    """y and the three gradients, by name."""
    names = ("y", "grad_x", "grad_weight", "grad_bias")
    y = conv.forward(*inputs, **drawn.parameters)
    return dict(zip(names, (y, *conv.backward(g, *inputs, **drawn.parameters)), strict=True))


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "complex64", "complex128", "int32", "int64", object]
)
def test_every_result_keeps_the_dtype(dtype, bias, channels):
    drawn = drawn_with(channels, bias=bias)
    inputs = drawn.inputs(dtype)
    g = drawn.cotangent(conv.forward(*inputs, **PARAMETERS).shape, dtype)
    for name, result in results(drawn, g, *inputs).items():
        if name == "grad_bias" and not bias:
            assert result is None
        else:
            assert result.dtype == np.dtype(dtype), name


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("wide", ["g", "x", "weight", "bias"])
def test_a_float64_among_float32_is_never_narrowed(wide, channels):
    """A result is float64 if one of its factors is, and holds what float32 cannot: 1 + 2⁻⁴⁰."""
    drawn = drawn_with(channels)
    arrays = dict(zip(("x", "weight", "bias"), drawn.inputs(np.float32), strict=True))
    arrays["g"] = drawn.cotangent(conv.forward(*arrays.values(), **PARAMETERS).shape, np.float32)
    arrays[wide] = np.full(arrays[wide].shape, 1 + 2.0**-40)
    factors = {"y": ("x", "weight", "bias"), "grad_x": ("g", "weight"), "grad_weight": ("g", "x"), "grad_bias": ("g",)}
    g, *inputs = given = [arrays[name] for name in ("g", "x", "weight", "bias")]
    loops = (textbook.forward(*inputs, **PARAMETERS), *textbook.backward(g, *inputs, **PARAMETERS))
    expected = dict(zip(factors, loops, strict=True))
    for name, result in results(drawn, *given).items():
        assert result.dtype == (np.float64 if wide in factors[name] else np.float32), name
        if wide in factors[name]:
            assert np.array_equal(result, expected[name]), name


@pytest.mark.parametrize("channels", [(4096, 1), (1, 4096)])
def test_float16_is_summed_in_float32(channels):
    """Float16 counts no further than 2048 by ones; these sums of 4096 and of 4100 ones are float16 numbers."""
    x, weight = np.ones((2050, channels[0], 2), np.float16), np.ones((channels[1], channels[0], 1), np.float16)
    y = conv.forward(x[:2], weight)
    assert (y == channels[0]).all()
    grad_x, _, _ = conv.backward(np.ones_like(y), x[:2], weight)
    assert (grad_x == channels[1]).all()
    x, weight = x[:, :1], weight[:1, :1]
    _, grad_weight, grad_bias = conv.backward(np.ones_like(x), x, weight, np.zeros(1, np.float16))
    assert grad_weight == 2 * 2050
    assert grad_bias == 2 * 2050


@pytest.mark.parametrize("channels", CHANNELS)
def test_float16_is_rounded_once(channels):
    """2048 + 1 + 1 = 2050; rounded after each addition it stays 2048. Over offsets, samples and blocks of samples."""
    x, weight = np.zeros((1, channels[0], 5), np.float16), np.zeros((*channels[::-1], 3), np.float16)
    weight[0] = [2048, 1, 1]
    grad_x, _, _ = conv.backward(np.ones((1, channels[1], 3), np.float16), x, weight)
    assert (grad_x[:, :, 2] == 2050).all()

    long = 2**18  # long enough for each sample to be gathered on its own
    g, x = np.zeros((3, channels[1], long), np.float16), np.ones((3, channels[0], long), np.float16)
    g[:, :, 0] = np.reshape([2048, 1, 1], (3, 1))
    bias = np.zeros(channels[1], np.float16)
    _, grad_weight, grad_bias = conv.backward(g, x, np.ones((*channels[::-1], 1), np.float16), bias)
    assert (grad_weight == 2050).all()
    assert (grad_bias == 2050).all()


@pytest.mark.parametrize("channels", CHANNELS)
def test_a_batch_too_large_to_gather_at_once_gives_the_sum_over_its_samples(channels):
    """y and ∂J/∂x sample by sample, ∂J/∂weight and ∂J/∂bias summed: whole numbers, so exactly."""
    drawn = Drawn((7, channels[0], 200, 150), (*channels[::-1], 3, 2))
    x, weight, bias = drawn.inputs(np.float64)
    y = conv.forward(x, weight, bias)
    g = drawn.cotangent(y.shape, np.float64)
    alone = [conv.backward(g[[n]], x[[n]], weight, bias) for n in range(7)]
    grad_x, grad_weight, grad_bias = conv.backward(g, x, weight, bias)
    assert np.array_equal(y, np.concatenate([conv.forward(x[[n]], weight, bias) for n in range(7)]))
    assert np.array_equal(grad_x, np.concatenate([of[0] for of in alone]))
    assert np.array_equal(grad_weight, sum(of[1] for of in alone))
    assert np.array_equal(grad_bias, sum(of[2] for of in alone))


@pytest.mark.parametrize("channels", CHANNELS)
def test_an_empty_batch_gives_no_outputs_and_zero_gradients(channels):
    weight, bias = np.ones((channels[1], channels[0], 2, 2), np.float32), np.ones(channels[1], np.float32)
    x = np.ones((0, channels[0], 5, 5), np.float32)
    y = conv.forward(x, weight, bias)
    assert y.shape == (0, channels[1], 4, 4)
    grad_x, grad_weight, grad_bias = conv.backward(y, x, weight, bias)
    assert grad_x.shape == x.shape
    assert np.array_equal(grad_weight, np.zeros_like(weight))
    assert np.array_equal(grad_bias, np.zeros_like(bias))
    assert {a.dtype for a in (y, grad_x, grad_weight, grad_bias)} == {np.dtype(np.float32)}


def backwards(a):
    """The same numbers, held with negative strides."""
    return np.flip(np.flip(a).copy())


def spaced(a):
    """The same numbers, every second element of a larger array."""
    larger = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    larger[..., ::2] = a
    return larger[..., ::2]


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


LAYOUTS = {
    "transposed": lambda a: a.T.copy().T,
    "negative strides": backwards,
    "spaced": spaced,
    "read-only": read_only,
    "lists": lambda a: a.tolist(),
}


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_memory_layout_of_the_inputs_changes_nothing(layout, channels):
    drawn = drawn_with(channels)
    inputs = drawn.inputs()
    g = drawn.cotangent(conv.forward(*inputs, **PARAMETERS).shape)
    expected = results(drawn, g, *inputs)
    for name, result in results(drawn, *(LAYOUTS[layout](a) for a in (g, *inputs))).items():
        assert np.array_equal(result, expected[name]), name


@pytest.mark.parametrize("channels", CHANNELS)
def test_broadcast_inputs_count_once_for_each_element(channels):
    """Views with strides of 0 give what their copies give."""
    drawn = drawn_with(channels)
    x, weight, bias = (np.broadcast_to(a[:1], a.shape) for a in drawn.inputs())
    g = np.broadcast_to(3, conv.forward(x, weight, bias, **PARAMETERS).shape)
    expected = results(drawn, *(a.copy() for a in (g, x, weight, bias)))
    for name, result in results(drawn, g, x, weight, bias).items():
        assert np.array_equal(result, expected[name]), name


@pytest.mark.parametrize("channels", [*CHANNELS, (1, 1)])
@pytest.mark.parametrize("kernel", [(1, 1), (2, 3)])
@pytest.mark.parametrize("flip", [False, True])
def test_inputs_stay_as_they_are_and_results_share_no_memory(flip, kernel, channels):
    drawn = Drawn((1, channels[0], 4, 4), (channels[1], channels[0], *kernel), parameters={"flip": flip})
    inputs = drawn.inputs(np.float64)
    g = drawn.cotangent(conv.forward(*inputs, flip=flip).shape, np.float64)
    given = (g, *inputs)
    before = [a.copy() for a in given]
    found = results(drawn, *given)
    assert all(np.array_equal(a, b) for a, b in zip(given, before, strict=True))
    arrays = [*given, *found.values()]
    for name, result in found.items():
        assert result.flags.writeable, name
        assert not any(np.shares_memory(result, other) for other in arrays if other is not result), name


@pytest.mark.parametrize("channels", CHANNELS)
def test_whole_numbers_beyond_64_bits_are_exact(channels):
    """Python's own integers, products above 2¹⁴⁰: as the textbook's loops have them."""
    drawn = drawn_with(channels)
    inputs = [2**70 + a for a in drawn.inputs(object)]
    y = conv.forward(*inputs, **PARAMETERS)
    g = drawn.cotangent(y.shape, object) - 2**71
    assert np.array_equal(y, textbook.forward(*inputs, **PARAMETERS))
    assert max(y.ravel()) > 2**140
    expected = textbook.backward(g, *inputs, **PARAMETERS)
    for found, right in zip(conv.backward(g, *inputs, **PARAMETERS), expected, strict=True):
        assert np.array_equal(found, right)


def test_peak_memory_stays_below_two_and_a_half_times_the_gathered_windows():
    x, weight = np.ones((16, 16, 32, 32)), np.ones((16, 16, 3, 3))
    gathered = 16 * 16 * 9 * 32 * 32 * 8
    tracemalloc.start()
    try:
        y = conv.forward(x, weight, padding=1)
        assert tracemalloc.get_traced_memory()[1] < 2.5 * gathered
        tracemalloc.reset_peak()
        conv.backward(y, x, weight, padding=1)
        assert tracemalloc.get_traced_memory()[1] < 2.5 * gathered
    finally:
        tracemalloc.stop()


ERRORS = [
    # shapes of x, weight, bias; parameters; what the message says
    ((4, 4), (1, 1, 2), None, {}, "x has shape (4, 4) and weight (1, 1, 2); expected"),
    ((1, 1, 4), (1, 1, 2, 2), None, {}, "x has shape (1, 1, 4) and weight (1, 1, 2, 2); expected"),
    ((1, 4, 5), (6, 3, 2), None, {}, "x has 4 channels and weight (6, 3, 2) takes 3 in each of 1 groups"),
    ((1, 4, 5), (6, 4, 2), None, {"groups": 2}, "x has 4 channels and weight (6, 4, 2) takes 4 in each of 2 groups"),
    ((1, 4, 5), (6, 4, 2), None, {"groups": 2}, "expected weight (6, 2, *kernel)"),
    ((1, 0, 5), (6, 0, 2), None, {}, "x has 0 channels"),
    ((1, 4, 5), (0, 4, 2), None, {}, "weight (0, 4, 2)"),
    ((1, 4, 5), (6, 1, 2), None, {"groups": 3}, "groups 3 does not divide both the channels of x, 4, and of y, 6"),
    ((1, 6, 5), (4, 2, 2), None, {"groups": 3}, "groups 3 does not divide both the channels of x, 6, and of y, 4"),
    ((1, 4, 5), (6, 4, 2), None, {"groups": 0}, "groups is 0; expected"),
    ((1, 4, 5), (6, 4, 2), None, {"groups": -2}, "groups is -2; expected"),
    ((1, 4, 5), (6, 4, 2), None, {"groups": 2.0}, "groups is 2.0; expected"),
    ((1, 4, 5), (6, 4, 2), None, {"groups": True}, "groups is True; expected"),
    ((1, 4, 5), (6, 4, 2), (4,), {}, "bias has shape (4,); weight (6, 4, 2) needs (6,)"),
    ((1, 4, 5), (6, 4, 2), (6, 1), {}, "bias has shape (6, 1); weight (6, 4, 2) needs (6,)"),
    ((1, 1, 5, 5), (1, 1, 2, 2), None, {"stride": 0}, "stride is 0; expected at least 1"),
    ((1, 1, 5, 5), (1, 1, 2, 2), None, {"stride": (1, -2)}, "stride is (1, -2); expected at least 1"),
    ((1, 1, 5, 5), (1, 1, 2, 2), None, {"stride": (1, 2, 3)}, "stride has 3 entries (1, 2, 3); expected one number"),
    ((1, 1, 5, 5), (1, 1, 2, 2), None, {"stride": 1.5}, "stride is 1.5; expected"),
    ((1, 1, 5, 5), (1, 1, 2, 2), None, {"stride": (1, 1.5)}, "stride is (1, 1.5); expected whole numbers"),
    ((1, 1, 5, 5), (1, 1, 2, 2), None, {"dilation": 0}, "dilation is 0; expected at least 1"),
    ((1, 1, 5, 5), (1, 1, 2, 2), None, {"dilation": (2,)}, "dilation has 1 entries (2,); expected one number"),
    ((1, 1, 5, 5), (1, 1, 2, 2), None, {"padding": -1}, "padding is -1; expected at least 0"),
    ((1, 1, 5, 5), (1, 1, 2, 2), None, {"padding": (1, 1, 1)}, "padding has 3 entries (1, 1, 1); expected one number"),
    ((1, 1, 5, 5), (1, 1, 2, 2), None, {"padding": (1, True)}, "padding is (1, True); expected whole numbers"),
    ((1, 1, 5, 5), (1, 1, 2, 2), None, {"padding": "half"}, "padding is 'half'; expected"),
    ((1, 1, 5, 5), (1, 1, 2, 0), None, {}, "no elements along axis 1: kernel (2, 0)"),
    ((1, 1, 5, 3), (1, 1, 2, 4), None, {}, "along axis 1 it spans 4 (kernel 4, dilation 1) and the padded input 3"),
    ((1, 1, 5), (1, 1, 4), None, {"dilation": 3, "padding": 2}, "10 (kernel 4, dilation 3) and the padded input 9"),
    ((1, 1, 5), (1, 1, 4), None, {"dilation": 3, "padding": 2}, "(size 5, padding 2 + 2)"),
]


@pytest.mark.parametrize(("x", "weight", "bias", "parameters", "message"), ERRORS, ids=[case[-1] for case in ERRORS])
def test_what_does_not_fit_is_named_with_its_numbers(x, weight, bias, parameters, message):
    x, weight, bias = np.zeros(x), np.zeros(weight), None if bias is None else np.zeros(bias)
    with pytest.raises(ValueError, match=re.escape(message)):
        conv.forward(x, weight, bias, **parameters)
    with pytest.raises(ValueError, match=re.escape(message)):
        conv.backward(np.zeros(1), x, weight, bias, **parameters)


@pytest.mark.parametrize("shape", [(1, 6, 3), (2, 6, 4), (1, 3, 4), (1, 6, 4, 1)])
def test_a_cotangent_that_does_not_fit_y_is_named_with_its_shape(shape):
    x, weight = np.zeros((1, 4, 5)), np.zeros((6, 4, 2))
    with pytest.raises(ValueError, match=re.escape(f"grad_output has shape {shape}; y has (1, 6, 4)")):
        conv.backward(np.zeros(shape), x, weight)
