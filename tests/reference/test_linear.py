"""linear against the textbook's loops and torch, exactly, on whole numbers, fractions and symbols."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch

from reference import linear
from tests.reference.drawn import whole_numbers
from tests.reference.witnesses import of_torch

SHAPES = [(2, 3), (0, 3), (1, 1), (2, 4, 3), (3,), (2, 0)]  # of x; the last entry is the number of inputs


def textbook(x, weight, bias):
    """y_o = b_o + Σ_i x_i · w_oi of one sample."""
    return [b + sum(x[i] * row[i] for i in range(len(x))) for row, b in zip(weight, bias, strict=True)]


def textbook_gradients(g, x, weight):
    """∂J/∂x_i = Σ_o g_o w_oi, ∂J/∂w_oi = g_o x_i and ∂J/∂b_o = g_o of one sample; those of a batch add up."""
    grad_x = [sum(g[o] * weight[o][i] for o in range(len(g))) for i in range(len(x))]
    return grad_x, [[g[o] * x[i] for i in range(len(x))] for o in range(len(g))], g


@pytest.mark.parametrize("dtype", [np.int64, np.float16, np.float32, np.float64, np.longdouble, np.complex128, object])
def test_every_result_is_the_textbooks(dtype):
    rng = np.random.default_rng(0)
    x, weight, bias, g = (whole_numbers(rng, shape, dtype) for shape in ((4, 3), (2, 3), (2,), (4, 2)))
    y, (grad_x, grad_weight, grad_bias) = linear.forward(x, weight, bias), linear.backward(g, x, weight, bias)
    assert {a.dtype for a in (y, grad_x, grad_weight, grad_bias)} == {np.dtype(dtype)}
    assert y.tolist() == [textbook(row, weight.tolist(), bias.tolist()) for row in x.tolist()]
    each = [textbook_gradients(*pair, weight.tolist()) for pair in zip(g.tolist(), x.tolist(), strict=True)]
    assert grad_x.tolist() == [one[0] for one in each]
    assert grad_weight.tolist() == sum(np.array(one[1]) for one in each).tolist()
    assert grad_bias.tolist() == sum(np.array(one[2]) for one in each).tolist()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_bias", [True, False])
def test_every_result_is_torchs(shape, with_bias):
    rng = np.random.default_rng(1)
    inputs = [whole_numbers(rng, s, float) for s in (shape, (5, shape[-1]), (5,))][: 3 if with_bias else 2]
    g = whole_numbers(rng, (*shape[:-1], 5), float)
    y, gradients = of_torch(torch.nn.functional.linear, g, *inputs)
    found = linear.backward(g, *inputs)
    assert np.array_equal(linear.forward(*inputs), y)
    assert with_bias or found[2] is None
    for a, b in zip(found, gradients, strict=with_bias):
        assert a.shape == b.shape
        assert np.array_equal(a, b)


def test_symbols_and_fractions_stay_what_they_are():
    a, b, c = sympy.symbols("a b c")
    assert linear.forward(np.array([[a, b]]), np.array([[2, c]]), np.array([1])).tolist() == [[2 * a + b * c + 1]]
    assert linear.backward(np.array([[c]]), np.array([[a, b]]), np.array([[2, 3]]))[1].tolist() == [[a * c, b * c]]
    third = np.full((1, 1), Fraction(1, 3))
    assert linear.forward(third, third).tolist() == [[Fraction(1, 9)]]


def test_float16_is_summed_in_float32_and_rounded_once():
    """2048 + 1 + 1: one after the other in float16, each 1 would be lost."""
    x = np.array([[2048, 1, 1]], np.float16)
    assert linear.forward(x, np.ones((1, 3), np.float16)).tolist() == [[2050]]
    assert linear.backward(x.T, np.ones((3, 1), np.float16), np.ones((1, 1), np.float16), np.ones(1))[2] == 2050


@pytest.mark.parametrize(
    ("x", "weight", "bias", "message"),
    [
        ((2, 3), (4, 2), (4,), "x has shape (2, 3) and weight (4, 2); expected (..., in) and (out, in)"),
        ((2, 3), (3,), (4,), "x has shape (2, 3) and weight (3,); expected (..., in) and (out, in)"),
        ((), (3, 1), (3,), "x has shape () and weight (3, 1)"),
        ((2, 3), (4, 3), (3,), "bias has shape (3,); weight (4, 3) needs (4,)"),
    ],
)
def test_what_does_not_fit_is_named_with_its_numbers(x, weight, bias, message):
    arrays = np.ones(x), np.ones(weight), np.ones(bias)
    with pytest.raises(ValueError, match=re.escape(message)):
        linear.forward(*arrays)
    with pytest.raises(ValueError, match=re.escape(message)):
        linear.backward(np.ones(1), *arrays)


def test_a_cotangent_of_another_shape_is_named_with_it():
    with pytest.raises(ValueError, match=re.escape("grad_output has shape (4, 2); y has (2, 4)")):
        linear.backward(np.ones((4, 2)), np.ones((2, 3)), np.ones((4, 3)))
