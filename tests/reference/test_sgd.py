"""sgd: a step worked by hand, torch.optim.SGD step by step, symbols."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch

from reference import sgd
from tests.reference.witnesses import assert_close


def test_two_steps_by_hand():
    """v = 1/2·0 + (2 + 1/4·4) = 3 and w = 4 − 1/3·3 = 3; then v = 1/2·3 + (2 + 1/4·3) = 17/4 and w = 3 − 17/12."""
    w, gradient = np.array([Fraction(4)]), np.array([Fraction(2)])
    rates = {"learning_rate": Fraction(1, 3), "momentum": Fraction(1, 2), "weight_decay": Fraction(1, 4)}
    (w,), (v,) = sgd.step([w], [gradient], **rates)
    assert (w.tolist(), v.tolist()) == ([3], [3])
    (w,), (v,) = sgd.step([w], [gradient], [v], **rates)
    assert (w.tolist(), v.tolist()) == ([Fraction(19, 12)], [Fraction(17, 4)])


def test_without_momentum_and_decay_it_is_the_step_of_the_documents():
    """K ← K − α · ∇_K J (002, L10)."""
    alpha, k, d = sympy.symbols("alpha k d")
    (w,), _ = sgd.step([np.array([k])], [np.array([d])], learning_rate=alpha)
    assert sympy.expand(w[0] - (k - alpha * d)) == 0


@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize("weight_decay", [0, 0.01])
def test_every_step_is_torchs(momentum, weight_decay):
    rng = np.random.default_rng(0)
    weights, velocities = [rng.standard_normal(shape) for shape in ((3, 2), (), (0,), (4,))], None
    tensors = [torch.tensor(w) for w in weights]
    rates = {"momentum": momentum, "weight_decay": weight_decay}
    optimizer = torch.optim.SGD(tensors, lr=0.1, **rates)
    for _ in range(4):
        gradients = [rng.standard_normal(w.shape) for w in weights]
        for tensor, gradient in zip(tensors, gradients, strict=True):
            tensor.grad = torch.tensor(gradient)
        optimizer.step()
        weights, velocities = sgd.step(weights, gradients, velocities, learning_rate=0.1, **rates)
        for tensor, w in zip(tensors, weights, strict=True):
            assert_close(w, tensor.numpy(), 16)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64"])
def test_results_have_the_dtype_of_their_weight_and_inputs_stay_as_they_were(dtype):
    w = np.ones(3, dtype)
    w.flags.writeable = False
    (stepped,), (v,) = sgd.step([w], [w], [w], learning_rate=0.1, momentum=0.9, weight_decay=0.1)
    assert stepped.dtype == v.dtype == w.dtype
    assert sgd.step([w], [w], learning_rate=0.1)[0][0].shape == (3,)


def test_no_parameters_make_an_empty_step():
    assert sgd.step([], [], learning_rate=0.1) == ((), ())


@pytest.mark.parametrize(
    ("weights", "gradients", "velocities", "rates", "message"),
    [
        ([1], [1], None, {"learning_rate": -0.1}, "learning_rate is -0.1; expected at least 0"),
        ([1], [1], None, {"learning_rate": 1, "momentum": -1}, "momentum is -1; expected at least 0"),
        ([1], [1], None, {"learning_rate": 1, "weight_decay": -1}, "weight_decay is -1; expected at least 0"),
        ([1, 1], [1], None, {"learning_rate": 1}, "there are 2 weights, 1 gradients and 2 velocities"),
        ([1, 1], [1, 1], [1], {"learning_rate": 1}, "there are 2 weights, 2 gradients and 1 velocities"),
        (
            [1, 2],
            [1, 3],
            None,
            {"learning_rate": 1},
            "weight 1 has shape (2,), its gradient (3,) and its velocity (2,)",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_its_numbers(weights, gradients, velocities, rates, message):
    groups = [None if sizes is None else [np.ones(n) for n in sizes] for sizes in (weights, gradients, velocities)]
    with pytest.raises(ValueError, match=re.escape(message)):
        sgd.step(*groups, **rates)
