"""What was returned is the caller's: a later call that writes into it is caught, one that hands it out again is not."""

import numpy as np
import pytest

from checks import judge


class Relu:
    """max(x, 0), and a gradient in memory of its own."""

    def forward(self, x):
        return np.maximum(x, 0)


class ReusesItsResult(Relu):
    """Hands out the same array in every call: what was returned before changes with it."""

    def __init__(self):
        self.buffers = {}

    def backward(self, g, x):
        out = self.buffers.setdefault(x.shape, np.empty(x.shape, x.dtype))
        return (np.multiply(g, x > 0, out=out),)


class KeepsItsResult(Relu):
    """Hands out the same array again for the same numbers alone."""

    def __init__(self):
        self.kept = {}

    def backward(self, g, x):
        key = g.tobytes(), x.tobytes(), g.shape
        return (self.kept.setdefault(key, g * (x > 0)),)


class LeavesItInAnAttribute:
    """A layer of a course, whose gradient is written into the same array each time: its own way to hand it over."""

    def __init__(self, W, b):
        self.W, self.b = W, b
        self.dW, self.db = np.zeros_like(W), np.zeros_like(b)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW[...] = self.x.T @ dout
        self.db[...] = dout.sum(axis=0)
        return dout @ self.W.T


def test_a_result_that_a_later_call_writes_into_is_a_warning():
    report = judge("relu", ReusesItsResult, seed=61, examples=20, laws=["contract"])
    assert report.exit_code == 0, report
    assert "backward writes into what an earlier call returned, which the caller goes on using" in str(report)
    assert judge("relu", ReusesItsResult, seed=61, examples=20, laws=["contract"], strict=True).exit_code == 1


@pytest.mark.parametrize(("op", "layer"), [("relu", KeepsItsResult), ("linear", LeavesItInAnAttribute)])
def test_what_is_handed_out_again_is_right(op, layer):
    report = judge(op, layer, seed=61, examples=20, laws=["contract"])
    assert report.exit_code == 0, report


class Binary:
    """Binary cross-entropy of two arrays only, with one gradient for each of them."""

    def forward(self, logits, target):
        return np.mean(np.logaddexp(0, logits) - target * logits)

    def backward(self, grad_output, logits, target):
        return grad_output / logits.size * (np.exp(-np.logaddexp(0, -logits)) - target), None


def test_there_is_one_gradient_for_each_array_that_is_taken():
    report = judge("bce_with_logits", Binary, seed=1, examples=10, laws=["agreement"])
    assert report.exit_code == 0, report
