"""Layers that are made already, at their own sizes; and layers that leave some gradients out, judged for what they have."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import NotAnImplementation
from checks.verdict.judging import judge
from tests.subjects.adapting.test_layer import Averaged, ConvNHWC, Dense, Turned


class First(Dense):
    """The first layer of a network, which hands no gradient on."""

    def backward(self, dvalues):
        super().backward(dvalues)


class Norm:
    def __init__(self, width, eps=1e-3):
        self.gamma, self.beta, self.eps = np.ones(width), np.zeros(width), eps

    def forward(self, x):
        self.inverse = 1 / np.sqrt(x.var(0) + self.eps)
        self.normal = (x - x.mean(0)) * self.inverse
        return self.gamma * self.normal + self.beta

    def backward(self, g):
        self.dgamma, self.dbeta = (g * self.normal).sum(0), g.sum(0)
        g = g * self.gamma
        return self.inverse * (g - g.mean(0) - self.normal * (g * self.normal).mean(0))


class Rectified:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, g):
        return g * self.mask


def judged(op, given):
    return judge(op, given, examples=10, seed=3)


@pytest.mark.parametrize(
    ("op", "layer", "pins"),
    [
        ("linear", Dense(5, 3), {"features": (5, 3)}),
        ("conv", ConvNHWC(3, 4, 2, stride=2), {"channels": (3, 4), "kernel": (2, 2), "stride": 2, "dims": 2}),
        ("batch_norm", Norm(4), {"channels": 4, "eps": 1e-3}),
        ("relu", Rectified(), {}),
    ],
)
def test_what_is_made_already_is_judged_at_its_sizes_and_that_is_said(op, layer, pins):
    found = Implementation.of(find(op), layer)
    assert pins.items() <= dict(found.pins).items()
    assert "made already, so judged at its own sizes" in found.assumed[1]
    assert judged(op, layer).exit_code == 0


@pytest.mark.parametrize(("op", "layer"), [("linear", Averaged(5, 3)), ("conv", Turned(3, 4, 2))])
def test_a_mistake_in_what_is_made_already_is_found(op, layer):
    report = judged(op, layer)
    assert report.exit_code == 1
    assert {failure.result for failure in report.failures} == {"grad_weight"}


def test_a_run_leaves_nothing_in_what_was_made():
    layer = Dense(5, 3)
    before = layer.weights.copy()
    judged("linear", layer)
    assert np.array_equal(layer.weights, before)
    assert not hasattr(layer, "inputs")


def test_a_first_layer_is_judged_without_the_gradient_that_it_does_not_hand_on():
    report = judged("linear", First)
    assert report.exit_code == 0
    assert report.implementation == "First without grad_x"
    assert {decision.result for decision in report.decisions} == {"y", "grad_weight", "grad_bias"}


def test_a_mistake_in_the_weight_of_a_first_layer_is_found():
    class Wrong(First):
        def backward(self, dvalues):
            super().backward(dvalues)
            self.dweights = self.dweights * 2

    report = judged("linear", Wrong)
    assert report.exit_code == 1
    assert {failure.result for failure in report.failures} == {"grad_weight"}


def test_it_is_the_same_in_a_process_of_its_own(tmp_path, monkeypatch):
    text = "import numpy as np\n\n\n" + inspect.getsource(Dense) + "\n\n" + inspect.getsource(First)
    (tmp_path / "first_layers.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    report = judge("linear", "first_layers.py:First", examples=6, seed=1)
    assert (report.exit_code, report.implementation) == (0, "First without grad_x")


def test_what_is_returned_and_is_no_gradient_of_ours_is_not_passed_over():
    class Odd(First):
        def backward(self, dvalues):
            super().backward(dvalues)
            return np.zeros(7), np.zeros(3)

    with pytest.raises(NotAnImplementation, match="no gradient of x"):
        Implementation.of(find("linear"), Odd)
