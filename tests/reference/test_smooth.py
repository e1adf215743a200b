"""Activations of today: fifty digits, torch, the complex step, what is beyond numbers, dtypes, and errors."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from reference import elu, gelu, glu, hard_swish, log_softmax, silu, softplus, swiglu
from reference._normal import normal
from tests.reference.witnesses import MP, assert_all_close, assert_close, complex_step, digits, each, of_torch, ulps

F = torch.nn.functional
OPS = {
    "gelu": (gelu, F.gelu, {}),
    "gelu by tanh": (gelu, lambda x: F.gelu(x, approximate="tanh"), {"approximate": "tanh"}),
    "silu": (silu, F.silu, {}),
    "elu": (elu, lambda x: F.elu(x, 0.3), {"alpha": 0.3}),
    "softplus": (softplus, lambda x: F.softplus(x, 2.0, 40), {"beta": 2.0}),
    "hard_swish": (hard_swish, F.hardswish, {}),
    "log_softmax": (log_softmax, lambda x: x.log_softmax(1), {}),
    "glu": (glu, F.glu, {}),
    "swiglu": (swiglu, lambda gate, x: F.silu(gate) * x, {}),
}
EVERY = pytest.mark.parametrize(("op", "torchs", "parameters"), OPS.values(), ids=OPS)


def drawn(op, shape, seed, dtype="float64"):
    """Inputs, and a cotangent of the shape of y."""
    rng = np.random.default_rng(seed)
    inputs = tuple((4 * rng.standard_normal(shape)).astype(dtype) for _ in range(2 if op is swiglu else 1))
    y = op.forward(*inputs)
    return inputs, rng.standard_normal(y.shape).astype(dtype)


@pytest.mark.parametrize(("dtype", "reach"), [("float32", 13), ("float64", 37), ("longdouble", 37)])
def test_the_normal_distribution_is_right_to_a_few_units_far_into_its_tail(dtype, reach):
    """Where 1 + erf is 0 in float64 from −8.3 on; on the right it rounds to 1."""
    x = np.concatenate((np.linspace(-reach, reach, 301), -np.logspace(-8, 1, 40))).astype(dtype)
    below, density = normal(x)
    assert below.dtype == density.dtype == x.dtype
    assert ulps(below, each(lambda t: MP.erfc(-t / MP.sqrt(2)) / 2, digits(x))) <= 4
    assert ulps(density, each(lambda t: MP.exp(-t * t / 2) / MP.sqrt(2 * MP.pi), digits(x))) <= 5


TEXTBOOK = {
    "silu": (silu, {}, lambda t: t / (1 + MP.exp(-t))),
    "gelu": (gelu, {}, lambda t: t * MP.erfc(-t / MP.sqrt(2)) / 2),
    "elu": (elu, {"alpha": 0.25}, lambda t: t if t > 0 else MP.expm1(t) / 4),
    "softplus": (softplus, {"beta": 2.0}, lambda t: MP.log1p(MP.exp(2 * t)) / 2),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
@pytest.mark.parametrize(("op", "parameters", "y"), TEXTBOOK.values(), ids=TEXTBOOK)
def test_y_is_right_to_a_few_units_in_the_last_place_in_both_tails(op, parameters, y, dtype):
    x = np.concatenate((np.linspace(-12, 12, 121), np.logspace(-6, 0, 20), -np.logspace(-6, 0, 20))).astype(dtype)
    assert ulps(op.forward(x, **parameters), each(y, digits(x))) <= 6


@EVERY
@pytest.mark.parametrize("shape", [(4, 6), (2, 4, 8), (1, 2), (3, 20002)])
def test_y_and_gradients_are_torchs(op, torchs, parameters, shape):
    """In blocks too: of 60006 numbers there are several."""
    inputs, g = drawn(op, shape, 1)
    y, gradients = of_torch(torchs, g, *inputs)
    assert_close(op.forward(*inputs, **parameters), y, 32)
    assert_all_close(op.backward(g, *inputs, **parameters), gradients, 64)


@EVERY
def test_the_gradients_are_the_complex_step_of_forward(op, torchs, parameters):
    inputs, g = drawn(op, (3, 4), 2)
    found = op.backward(g, *inputs, **parameters)
    assert_all_close(found, complex_step(op, g, inputs, **parameters), 32)


@EVERY
@pytest.mark.parametrize("shape", [(0, 4), (3, 0)])
def test_nothing_in_nothing_out(op, torchs, parameters, shape):
    if op is log_softmax and not shape[1]:
        with pytest.raises(ValueError, match="no elements along axis 1"):
            op.forward(np.ones(shape))
        return
    inputs, g = drawn(op, shape, 3)
    assert op.forward(*inputs, **parameters).size == 0
    assert [a.shape for a in op.backward(g, *inputs, **parameters)] == [a.shape for a in inputs]


@EVERY
def test_any_layout_gives_the_same(op, torchs, parameters):
    inputs, g = drawn(op, (6, 4), 4)
    turned = [np.asfortranarray(a)[::1] for a in inputs]
    assert_close(op.forward(*turned, **parameters), op.forward(*inputs, **parameters), 2)
    assert_all_close(op.backward(np.asfortranarray(g), *turned, **parameters), op.backward(g, *inputs, **parameters), 4)


@EVERY
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64", "complex128"])
def test_dtypes_are_what_numpy_promotes_to_and_inputs_stay_as_they_were(op, torchs, parameters, dtype):
    inputs, g = drawn(op, (2, 4), 5, dtype)
    for a in (*inputs, g):
        a.flags.writeable = False
    results = op.forward(*inputs, **parameters), *op.backward(g, *inputs, **parameters)
    assert {a.dtype for a in results} == {np.dtype(dtype)}
    wider = op.backward(g.astype(np.result_type(dtype, np.longdouble)), *inputs, **parameters)
    assert {a.dtype for a in wider} == {np.result_type(dtype, np.longdouble)}
    whole = tuple(np.ones((2, 4), int) for _ in inputs)
    assert op.forward(*whole, **parameters).dtype == float


@EVERY
def test_float16_is_computed_in_float32_and_rounded_once(op, torchs, parameters):
    inputs, g = drawn(op, (5, 8), 6, "float16")
    wide = [a.astype(np.float32) for a in inputs]
    assert np.array_equal(op.forward(*inputs, **parameters), op.forward(*wide, **parameters).astype(np.float16))
    for a, b in zip(
        op.backward(g, *inputs, **parameters), op.backward(g.astype(np.float32), *wide, **parameters), strict=True
    ):
        assert np.array_equal(a, b.astype(np.float16))


def test_beyond_all_numbers():
    """The limits where there are some without a product 0 · ∞; NaN is never swallowed by y."""
    x = np.array([-np.inf, np.inf, np.nan])
    for op in (gelu, silu, softplus, elu, hard_swish):
        assert np.isnan(op.forward(x)[2])
        assert op.forward(x)[1] == np.inf
    assert softplus.forward(x)[0] == 0
    assert elu.forward(x)[0] == -1
    assert hard_swish.forward(x)[0] == 0
    assert softplus.forward(np.array([1e4]))[0] == 1e4
    assert log_softmax.forward(np.array([[1e4, -1e4]])).tolist() == [[0, -2e4]]


def test_kinks_take_the_side_that_is_promised():
    assert elu.backward(np.ones(1), np.zeros(1), alpha=0.25)[0] == 0.25
    assert hard_swish.backward(np.ones(2), np.array([-3.0, 3.0]))[0].tolist() == [0, 1.5]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: gelu.forward(np.ones(2), approximate="tan"), "approximate is 'tan'; expected 'none' or 'tanh'"),
        (lambda: softplus.forward(np.ones(2), beta=0), "beta is 0; expected a finite number other than 0"),
        (lambda: elu.backward(np.ones(2), np.ones(2), alpha=np.nan), "alpha is nan; expected a finite number"),
        (lambda: silu.backward(np.ones((2, 1)), np.ones(2)), "grad_output has shape (2, 1); y has (2,)"),
        (
            lambda: glu.forward(np.ones((2, 3))),
            "x has shape (2, 3); expected a last axis of an even number, for two halves",
        ),
        (lambda: glu.backward(np.ones((2, 2)), np.ones((2, 2))), "grad_output has shape (2, 2); y has (2, 1)"),
        (lambda: swiglu.forward(np.ones(2), np.ones(3)), "x has shape (3,); gate has (2,)"),
    ],
)
def test_what_does_not_fit_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        call()
