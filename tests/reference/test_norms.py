"""Group, instance and inference norms: torch, fifty digits, the complex step, what they are special cases of, misfits."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from reference import batch_norm, batch_norm_inference, group_norm, instance_norm, layer_norm
from tests.reference.witnesses import (
    MP,
    assert_all_close,
    assert_close,
    complex_step,
    digits,
    of_torch,
    ulps_of_the_largest,
)

SHAPES = [(3, 6), (2, 6, 3), (2, 6, 3, 4), (2, 6, 2, 3, 2), (1, 6, 40, 41)]


def drawn(shape, seed):
    """x, gamma, beta and a cotangent."""
    rng = np.random.default_rng(seed)
    return (3 + rng.standard_normal(shape), *rng.standard_normal((2, shape[1]))), rng.standard_normal(shape)


def gathered(seed, channels=6):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(channels), rng.uniform(0.1, 3, channels)


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e-9])
def test_a_group_is_right_to_a_few_units_in_the_last_place(scale):
    """Two channels of twenty numbers make a group, whose textbook is that of layer norm."""
    rng = np.random.default_rng(0)
    x, gamma, beta, g = (
        scale * rng.standard_normal((2, 20)),
        1 + rng.random(2),
        rng.random(2),
        rng.standard_normal((2, 20)),
    )
    X, h = digits(x), (digits(g) * digits(gamma)[:, None])
    centred = X - X.sum() / 40
    deviation = MP.sqrt((centred * centred).sum() / 40 + MP.mpf(1e-5))
    normal = centred / deviation
    of_x = (h - h.sum() / 40 - normal * (h * normal).sum() / 40) / deviation
    y = group_norm.forward(x[None], gamma, beta)[0]
    found, of_gamma, _ = group_norm.backward(g[None], x[None], gamma, beta)
    assert ulps_of_the_largest(y.ravel(), (digits(gamma)[:, None] * normal + digits(beta)[:, None]).ravel()) <= 4
    assert ulps_of_the_largest(found.ravel(), of_x.ravel()) <= 8
    assert ulps_of_the_largest(of_gamma, (digits(g) * normal).sum(1)) <= 8


@pytest.mark.parametrize(
    ("shape", "groups"), [(SHAPES[0], 1), (SHAPES[0], 2), *((shape, g) for shape in SHAPES[1:] for g in (1, 2, 3, 6))]
)
def test_group_norm_is_torchs(shape, groups):
    inputs, g = drawn(shape, 1)
    y, gradients = of_torch(lambda x, c, b: torch.group_norm(x, groups, c, b, 1e-5), g, *inputs)
    assert_close(group_norm.forward(*inputs, groups=groups), y, 32)
    assert_all_close(group_norm.backward(g, *inputs, groups=groups), gradients, 256)


@pytest.mark.parametrize("shape", SHAPES[1:])
def test_instance_norm_is_torchs(shape):
    inputs, g = drawn(shape, 2)
    y, gradients = of_torch(lambda x, c, b: torch.nn.functional.instance_norm(x, None, None, c, b), g, *inputs)
    assert_close(instance_norm.forward(*inputs), y, 32)
    assert_all_close(instance_norm.backward(g, *inputs), gradients, 256)


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_in_inference_is_torchs(shape):
    (x, gamma, beta), g = drawn(shape, 3)
    mean, variance = gathered(3)
    statistics = torch.from_numpy(mean), torch.from_numpy(variance)
    y, gradients = of_torch(lambda x, c, b: torch.nn.functional.batch_norm(x, *statistics, c, b), g, x, gamma, beta)
    assert_close(batch_norm_inference.forward(x, mean, variance, gamma, beta), y, 8)
    of_x, *none, of_gamma, of_beta = batch_norm_inference.backward(g, x, mean, variance, gamma, beta)
    assert none == [None, None]
    assert_all_close((of_x, of_gamma, of_beta), gradients, 64)


def test_one_group_is_layer_norm_and_a_group_a_channel_is_instance_norm():
    inputs, g = drawn((2, 4, 3, 2), 4)
    laid = [np.broadcast_to(a[:, None, None], (4, 3, 2)) for a in inputs[1:]]
    assert_close(group_norm.forward(*inputs), layer_norm.forward(inputs[0], *laid), 8)
    assert_close(group_norm.backward(g, *inputs)[0], layer_norm.backward(g, inputs[0], *laid)[0], 16)
    for own, other in ((group_norm, {"groups": 4}), (instance_norm, {})):
        assert_close(own.forward(*inputs, **other), instance_norm.forward(*inputs), 0)
    one, first = drawn((1, 4, 3, 2), 5)
    assert_close(instance_norm.forward(*one), batch_norm.forward(*one), 8)
    assert_all_close(instance_norm.backward(first, *one), batch_norm.backward(first, *one), 64)


def test_with_the_statistics_of_the_batch_inference_is_training_and_its_gradient_is_not():
    inputs, g = drawn((4, 3, 5), 6)
    x = inputs[0]
    statistics = x.mean((0, 2)), x.var((0, 2))
    assert_close(batch_norm_inference.forward(x, *statistics, *inputs[1:]), batch_norm.forward(*inputs), 8)
    of_x, _, _, of_gamma, of_beta = batch_norm_inference.backward(g, x, *statistics, *inputs[1:])
    trained = batch_norm.backward(g, *inputs)
    assert_all_close((of_gamma, of_beta), trained[1:], 64)
    assert np.abs(of_x - trained[0]).max() > 0.01
    assert np.abs(trained[0].sum((0, 2))).max() < 1e-12, "a shift of a channel changes nothing in training"


@pytest.mark.parametrize("op", ["group_norm", "instance_norm", "batch_norm_inference"])
@pytest.mark.parametrize("missing", [(), (0,), (1,), (0, 1)])
def test_the_gradients_are_the_complex_step_of_forward_and_what_is_missing_is_1_or_0(op, missing):
    (x, *affine), g = drawn((2, 4, 3), 7)
    own = {"group_norm": group_norm, "instance_norm": instance_norm, "batch_norm_inference": batch_norm_inference}[op]
    fixed = gathered(7, 4) if own is batch_norm_inference else ()
    parameters = {"groups": 2} if own is group_norm else {}
    given = [None if i in missing else a for i, a in enumerate(affine)]
    usual = [np.full(4, 1.0 - i) if i in missing else a for i, a in enumerate(affine)]
    assert_close(own.forward(x, *fixed, *given, **parameters), own.forward(x, *fixed, *usual, **parameters), 2)
    found = own.backward(g, x, *fixed, *given, **parameters)
    steps = complex_step(own, g, (x, *fixed, *usual), **parameters)
    for i, (gradient, step) in enumerate(zip(found, steps, strict=True)):
        if gradient is None:
            assert (fixed and i in (1, 2)) or i - 1 - len(fixed) in missing
        else:
            assert_close(gradient, step, 64)


@pytest.mark.parametrize("op", [group_norm, instance_norm, batch_norm_inference])
@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 2, 0)])
def test_a_batch_of_none(op, shape):
    x, ones = np.zeros(shape), np.ones(2)
    inputs = (x, *(ones,) * (4 if op is batch_norm_inference else 2))
    found = op.backward(x, *inputs)
    assert op.forward(*inputs).shape == found[0].shape == shape
    assert found[-1].tolist() == found[-2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("op", [group_norm, instance_norm, batch_norm_inference])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64"])
def test_dtypes_are_what_numpy_promotes_to_and_inputs_stay_as_they_were(op, dtype):
    x, ones = np.linspace(-2, 2, 12).reshape(2, 2, 3).astype(dtype), np.ones(2, dtype)
    for a in (x, ones):
        a.flags.writeable = False
    inputs = (x, *(ones,) * (4 if op is batch_norm_inference else 2))
    results = op.forward(*inputs), *op.backward(x, *inputs)
    assert {a.dtype for a in results if a is not None} == {x.dtype}
    assert op.forward(*inputs[:-1], np.ones(2, np.longdouble)).dtype == np.result_type(x, np.longdouble)


HALF = np.ones((1, 2, 3))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: group_norm.forward(HALF, None, None, groups=3),
            "groups is 3; expected a whole number that divides the 2",
        ),
        (lambda: group_norm.forward(HALF, np.ones(3), None), "gamma has shape (3,); x (1, 2, 3) needs (2,)"),
        (lambda: group_norm.forward(np.ones(3), None, None), "x has shape (3,); expected (N, C, *size)"),
        (lambda: group_norm.forward(HALF, None, None, eps=-1), "eps is -1; expected at least 0"),
        (lambda: group_norm.backward(np.ones(3), HALF, None, None), "grad_output has shape (3,); y has (1, 2, 3)"),
        (lambda: instance_norm.forward(np.ones(4), None, None), "x has shape (4,); expected (N, C, *size)"),
        (lambda: instance_norm.forward(HALF, None, np.ones(1)), "beta has shape (1,); x (1, 2, 3) needs (2,)"),
        (
            lambda: batch_norm_inference.forward(HALF, np.ones(2), None, None, None),
            "running_var has shape (); x (1, 2, 3) needs (2,)",
        ),
        (
            lambda: batch_norm_inference.forward(HALF, np.ones(2), np.ones(2), None, None, eps=-2),
            "eps is -2; expected at least 0",
        ),
        (
            lambda: batch_norm_inference.backward(np.ones(2), HALF, np.ones(2), np.ones(2), None, None),
            "grad_output has shape (2,); y has (1, 2, 3)",
        ),
    ],
)
def test_what_does_not_fit_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        call()
