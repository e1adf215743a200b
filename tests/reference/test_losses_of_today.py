"""Losses that came after the documents: torch, fifty digits where an answer is certain, the complex step, misfits."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from reference import (
    bce_with_logits,
    cross_entropy,
    hinge,
    huber,
    kl_div,
    log_softmax,
    smooth_l1,
    weighted_cross_entropy,
)
from tests.reference.witnesses import MP, assert_all_close, assert_close, complex_step, digits, each, of_torch, ulps

F = torch.nn.functional
BOTH = ["mean", "sum"]
G = 1.7


def rng(seed):
    return np.random.default_rng(seed)


def tensor(a):
    return None if a is None else torch.from_numpy(a)


@pytest.mark.parametrize("reduction", BOTH)
@pytest.mark.parametrize("width", [1.0, 0.3])
def test_huber_and_smooth_l1_are_torchs(width, reduction):
    p, t = rng(0).standard_normal((2, 5, 7, 3))
    for op, theirs, name in ((huber, F.huber_loss, "delta"), (smooth_l1, F.smooth_l1_loss, "beta")):
        parameters = {name: width, "reduction": reduction}
        y, gradients = of_torch(lambda a, b, f=theirs, k=parameters: f(a, b, **k), G, p, t)
        assert_close(op.forward(p, t, **parameters), y, 16)
        assert_all_close(op.backward(G, p, t, **parameters), gradients, 8)


def test_smooth_l1_is_huber_over_its_width():
    p, t = rng(1).integers(-9, 10, (2, 40)) / 4
    one, other = huber.forward(p, t, delta=0.5), smooth_l1.forward(p, t, beta=0.5)
    assert one == other / 2, "of few bits, so that nothing is rounded"
    for a, b in zip(huber.backward(G, p, t, delta=0.5), smooth_l1.backward(G, p, t, beta=0.5), strict=True):
        assert_close(a, b / 2, 2)


@pytest.mark.parametrize("reduction", [*BOTH, "batchmean"])
@pytest.mark.parametrize("log_target", [False, True])
def test_the_divergence_is_torchs(log_target, reduction):
    x, t = log_softmax.forward(rng(2).standard_normal((2, 5, 4)), axis=2)
    t = t if log_target else np.exp(t)
    divisor = {"mean": x.size, "batchmean": len(x), "sum": 1}[reduction]
    y, gradients = of_torch(lambda a, b: F.kl_div(a, b, reduction="sum", log_target=log_target) / divisor, G, x, t)
    parameters = {"log_target": log_target, "reduction": reduction}
    assert_close(kl_div.forward(x, t, **parameters), y, 64)
    assert_all_close(kl_div.backward(G, x, t, **parameters), gradients, 16)
    assert_all_close(complex_step(kl_div, G, (x, t), **parameters), gradients, 16)


def test_a_target_of_0_adds_nothing_and_its_own_derivative_is_infinite():
    x, t = np.log([[0.25, 0.75]]), np.array([[0.0, 1]])
    assert_close(kl_div.forward(x, t, reduction="sum"), -np.log(np.array(0.75)), 2)
    of_x, of_t = kl_div.backward(1.0, x, t, reduction="sum")
    assert of_x.tolist() == [[0, -1]]
    assert of_t[0, 0] == -np.inf


@pytest.mark.parametrize("reduction", BOTH)
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy_is_torchs(weighted, reduction):
    x, t = rng(3).standard_normal((6, 4)), rng(4).random((6, 4))
    q = rng(5).uniform(0.2, 5, 4) if weighted else None
    theirs = {"reduction": reduction, "pos_weight": tensor(q)}
    y, (gradient,) = of_torch(lambda a: F.binary_cross_entropy_with_logits(a, tensor(t), **theirs), G, x)
    assert_close(bce_with_logits.forward(x, t, q, reduction=reduction), y, 32)
    found, *none = bce_with_logits.backward(G, x, t, q, reduction=reduction)
    assert none == [None, None]
    assert_close(found, gradient, 16)


@pytest.mark.parametrize("x", [0.5, -3.0, 40.0, -40.0, 700.0, -700.0])
@pytest.mark.parametrize("t", [0.0, 1.0, 0.25])
def test_an_almost_certain_answer_keeps_its_digits(x, t):
    with MP.workdps(400):
        X = MP.mpf(x)
        above, below = 1 / (1 + MP.exp(-X)), 1 / (1 + MP.exp(X))
        loss, slope = -t * MP.log(above) - (1 - t) * MP.log(below), (1 - t) * above - t * below
    a, b = np.array([x]), np.array([t])
    assert ulps(bce_with_logits.forward(a, b).reshape(1), np.array([loss])) <= 3
    assert ulps(bce_with_logits.backward(1.0, a, b)[0], np.array([slope])) <= (4 if t in (0, 1) else 64)


@pytest.mark.parametrize("reduction", BOTH)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("ignored", [-100, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_weighted_cross_entropy_is_torchs(weighted, ignored, smoothing, reduction):
    x, t = rng(6).standard_normal((4, 3, 5)), rng(7).integers(0, 3, (4, 5))
    t[0, :2] = ignored
    w = rng(8).uniform(0.2, 5, 3) if weighted else None
    parameters = {"label_smoothing": smoothing, "ignore_index": ignored, "reduction": reduction}
    y, (gradient,) = of_torch(lambda a: F.cross_entropy(a, torch.from_numpy(t), tensor(w), **parameters), G, x)
    assert_close(weighted_cross_entropy.forward(x, t, w, **parameters), y, 32)
    assert_close(weighted_cross_entropy.backward(G, x, t, w, **parameters)[0], gradient, 32)


def test_without_weights_and_smoothing_it_is_cross_entropy():
    x, t = rng(9).standard_normal((4, 3, 5)), rng(10).integers(0, 3, (4, 5))
    for reduction in BOTH:
        assert_close(
            weighted_cross_entropy.forward(x, t, reduction=reduction),
            cross_entropy.forward(x, t, reduction=reduction),
            16,
        )
        found, _, _ = weighted_cross_entropy.backward(G, x, t, reduction=reduction)
        assert_close(found, cross_entropy.backward(G, x, t, reduction=reduction)[0], 8)


def test_a_right_class_that_is_almost_certain_keeps_its_digits():
    x, t = np.array([[0.0, -40.0, -50.0]]), np.array([0])
    with MP.workdps(100):
        powers = each(MP.exp, digits(x[0]))
        others = powers[1] + powers[2]
        loss, slope = MP.log(1 + others), -others / (1 + others)
    assert ulps(weighted_cross_entropy.forward(x, t).reshape(1), np.array([loss])) <= 2
    assert ulps(weighted_cross_entropy.backward(1.0, x, t)[0][0, :1], np.array([slope])) <= 3


def test_what_does_not_count_has_no_gradient_and_a_mean_of_nothing_is_no_number():
    x, t = np.array([[np.inf, 1.0], [1.0, 2.0]]), np.array([-100, 0])
    alone = weighted_cross_entropy.forward(x[1:], t[1:])
    assert weighted_cross_entropy.forward(x, t) == alone
    assert weighted_cross_entropy.backward(1.0, x, t)[0][0].tolist() == [0, 0]
    nothing = np.array([-100])
    assert np.isnan(weighted_cross_entropy.forward(x[1:], nothing))
    assert weighted_cross_entropy.forward(x[1:], nothing, reduction="sum") == 0
    assert weighted_cross_entropy.backward(1.0, x[1:], nothing)[0].tolist() == [[0, 0]]


@pytest.mark.parametrize("reduction", BOTH)
@pytest.mark.parametrize("margin", [1.0, 0.3])
def test_hinge_is_torchs(margin, reduction):
    x, t = rng(11).standard_normal((7, 5)), rng(12).integers(0, 5, 7)
    parameters = {"margin": margin, "reduction": reduction}
    y, (gradient,) = of_torch(lambda a: F.multi_margin_loss(a, torch.from_numpy(t), **parameters), G, x)
    assert_close(hinge.forward(x, t, **parameters), y, 32)
    assert_close(hinge.backward(G, x, t, **parameters)[0], gradient, 8)


def test_a_class_on_the_margin_does_not_count():
    assert hinge.backward(6.0, np.array([[2.0, 1, 0]]), np.array([0]))[0].tolist() == [[0, 0, 0]]
    assert hinge.backward(6.0, np.array([[2.0, 1.5, 0]]), np.array([0]))[0].tolist() == [[-2, 2, 0]]


@pytest.mark.parametrize("op", [huber, smooth_l1, kl_div, bce_with_logits])
def test_of_no_elements_the_mean_is_no_number_and_the_sum_0(op):
    none = np.zeros((0, 3))
    assert np.isnan(op.forward(none, none))
    assert op.forward(none, none, reduction="sum") == 0
    assert {a.shape for a in op.backward(1.0, none, none) if a is not None} == {(0, 3)}


def _calls(dtype):
    a, t = np.linspace(0.1, 0.9, 6).reshape(2, 3).astype(dtype), np.array([1, 0])
    return {
        "huber": (huber, (a, a[::-1])),
        "smooth_l1": (smooth_l1, (a, a[::-1])),
        "kl_div": (kl_div, (a, a[::-1])),
        "bce_with_logits": (bce_with_logits, (a, a[::-1], a[0])),
        "weighted_cross_entropy": (weighted_cross_entropy, (a, t, a[0])),
        "hinge": (hinge, (a, t)),
    }


@pytest.mark.parametrize("name", list(_calls("float64")))
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
def test_dtypes_are_those_of_the_inputs_which_stay_as_they_were(name, dtype):
    op, inputs = _calls(dtype)[name]
    for a in inputs:
        a.flags.writeable = False
    results = op.forward(*inputs), *op.backward(np.ones((), dtype), *inputs)
    assert {a.dtype for a in results if a is not None} == {np.dtype(dtype)}


A, T = np.ones((2, 3)), np.array([0, 1])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: huber.forward(A, A[0]), "prediction has shape (2, 3) and target (3,); expected the same"),
        (lambda: huber.forward(A, A, delta=0), "delta is 0; expected a number above 0"),
        (lambda: huber.backward(A, A, A), "grad_output has shape (2, 3); y has ()"),
        (lambda: smooth_l1.forward(A, A, beta=-1), "beta is -1; expected a number above 0"),
        (
            lambda: kl_div.forward(A, A, reduction="none"),
            "reduction is 'none'; expected 'mean' or 'sum' or 'batchmean'",
        ),
        (lambda: bce_with_logits.forward(A, A, A), "pos_weight has shape (2, 3); logits (2, 3) need (3,)"),
        (lambda: bce_with_logits.forward(A, A[0]), "logits has shape (2, 3) and target (3,)"),
        (lambda: weighted_cross_entropy.forward(A, T, A), "weight has shape (2, 3); logits (2, 3) need (3,)"),
        (lambda: weighted_cross_entropy.forward(A, T + 2), "target names class 3; logits (2, 3) have classes 0 to 2"),
        (
            lambda: weighted_cross_entropy.forward(A, T, label_smoothing=2),
            "label_smoothing is 2; expected a number between",
        ),
        (lambda: weighted_cross_entropy.forward(A, A), "logits have shape (2, 3) and target (2, 3)"),
        (lambda: weighted_cross_entropy.backward(A, A, T), "grad_output has shape (2, 3); y has ()"),
        (lambda: hinge.forward(A, T - 1), "target names class -1; logits (2, 3) have classes 0 to 2"),
        (lambda: hinge.forward(A, T / 1), "target has dtype float64; expected whole numbers"),
        (lambda: hinge.forward(A[0], T), "logits have shape (3,) and target (2,); expected (N, C)"),
    ],
    ids=range(15),
)
def test_what_does_not_fit_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        call()
