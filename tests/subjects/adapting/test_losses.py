"""Losses by their own conventions: how many times the op's they are is found by forward, and said."""

from __future__ import annotations

import numpy as np
import pytest

from checks.ops import find
from checks.subjects.adapting.factor import times
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import NotAnImplementation
from checks.verdict.judging import judge


class MSELoss:
    """The mean over all elements, without the half."""

    def forward(self, pred, target):
        self.pred, self.target = pred, target
        return np.mean((pred - target) ** 2)

    def backward(self):
        return 2 * (self.pred - self.target) / self.pred.size


class Halved(MSELoss):
    def backward(self):
        return (self.pred - self.target) / self.pred.size


def mse(y_true, y_pred):
    return np.mean(np.power(y_true - y_pred, 2))


def mse_prime(y_true, y_pred):
    return 2 * (y_pred - y_true) / np.size(y_true)


def sse(y, t):
    return 0.5 * np.sum((y - t) ** 2)


def sse_backward(y, t):
    return y - t


def mse_loss(x, y):
    return np.sum((x - y) ** 2) / x.shape[0], 2 * (x - y) / x.shape[0]


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (MSELoss, "it is 2 / elements of a sample times euclidean_loss"),
        (mse, "it is 2 / elements of a sample times euclidean_loss"),
        (mse_loss, "it is 2 times euclidean_loss"),
        (sse, "grad_target is not there, and not judged"),
    ],
)
def test_a_loss_by_another_convention_is_right_and_that_is_said(loss, said):
    assert said in Implementation.of(find("euclidean_loss"), loss).assumed[1]
    report = judge("euclidean_loss", loss, examples=10, seed=1)
    assert report.exit_code == 0
    assert {decision.result for decision in report.decisions} == {"y", "grad_prediction"}


def test_a_gradient_that_is_not_that_of_its_own_loss_is_wrong():
    report = judge("euclidean_loss", Halved, examples=10, seed=1)
    assert report.exit_code == 1
    assert {failure.result for failure in report.failures} == {"grad_prediction"}


def test_a_factor_that_would_round_is_not_divided_by():
    assert times("2 / elements of a sample", (5, 4, 2)) == 0.25
    with pytest.raises(NotImplementedError, match="power of two"):
        times("2 / elements of a sample", (5, 3))


def softmax_loss(x, y):
    """Of whole classes, three times too large forwards."""
    p = np.exp(x - x.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    at = np.arange(len(x)), y
    g = p.copy()
    g[at] -= 1
    return -3 * np.log(p[at]).mean(), g / len(x)


def hinge_loss(x, y):
    margins = np.maximum(0, x - x[np.arange(len(x)), y][:, None] + 1)
    margins[np.arange(len(x)), y] = 0
    g = (margins > 0).astype(float)
    g[np.arange(len(x)), y] -= g.sum(1)
    return margins.sum() / len(x), g / len(x)


def guarded_loss(x, y):
    p = np.exp(x - x.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return -np.log(p[np.arange(len(x)), y] + 1e-8).mean(), (p - np.eye(x.shape[1])[y]) / len(x)


def test_another_loss_is_not_called_wrong():
    with pytest.raises(NotAnImplementation, match="it is no number of times that: another function"):
        Implementation.of(find("cross_entropy"), hinge_loss)


def test_a_loss_that_is_a_number_of_times_too_large_is_judged():
    found = Implementation.of(find("cross_entropy"), softmax_loss)
    assert "forward is right in none" in found.assumed[0]


def test_a_loss_that_is_near_is_judged_by_what_it_adds():
    found = Implementation.of(find("cross_entropy"), guarded_loss)
    assert "it adds 1e-08 inside of its logarithm" in found.assumed[1]


class OfProbabilities:
    """As it stands in courses: what it takes are probabilities."""

    def loss(self, y, p):
        return -np.mean(np.log((p + 1e-12)[np.arange(len(y)), y]))

    def gradient(self, y, p):
        g = np.zeros_like(p)
        g[np.arange(len(y)), y] = -1 / p[np.arange(len(y)), y] / len(y)
        return g


def test_a_cross_entropy_of_probabilities_is_told_what_it_is():
    with pytest.raises(NotAnImplementation, match="it is the cross-entropy of probabilities, which are handed over"):
        Implementation.of(find("cross_entropy"), OfProbabilities)


class OfOutputs:
    """A loss whose backward is handed what is predicted, as nnfs has it, and calls that dvalues."""

    def forward(self, y_pred, y_true):
        return np.mean(np.mean((y_true - y_pred) ** 2, axis=-1))

    def backward(self, dvalues, y_true):
        self.dinputs = -self.times * (y_true - dvalues) / dvalues.size

    times = 2


class Once(OfOutputs):
    times = 1


def test_a_backward_is_handed_what_is_predicted_where_forward_keeps_nothing():
    assert judge("euclidean_loss", OfOutputs, examples=12, seed=1).exit_code == 0
    report = judge("euclidean_loss", Once, examples=12, seed=1)
    assert (report.exit_code, {failure.result for failure in report.failures}) == (1, {"grad_prediction"})


class Guarded:
    """Its logarithm is kept from 0 by a number that is added."""

    more = 0.0

    def forward(self, x, t):
        e = np.exp(x - x.max(1, keepdims=True))
        self.t, self.p = t, e / e.sum(1, keepdims=True)
        return -np.mean(np.log(self.p[np.arange(len(t)), t] + 1e-7)) + self.more

    def backward(self):
        g = self.p.copy()
        g[np.arange(len(g)), self.t] -= 1
        return g / len(g)


class Moved(Guarded):
    more = 1e-6


def test_a_number_inside_of_a_logarithm_is_found_and_taken_back():
    report = judge("cross_entropy", Guarded, examples=20, seed=1)
    assert report.exit_code == 0
    assert report.assumed[1].startswith("it adds 1e-07 inside of its logarithm, which is taken back")
    report = judge("cross_entropy", Moved, examples=20, seed=1)
    assert (report.exit_code, {failure.result for failure in report.failures}) == (1, {"y"})
