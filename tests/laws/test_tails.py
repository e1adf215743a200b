"""Shares and gates far below the largest are representable, and looked at: what takes them as 0 is wrong."""

import numpy as np
import pytest

from checks import judge
from reference import bce_with_logits, elu, gelu, log_softmax, silu, softmax, softplus


class Flat:
    """An activation whose derivative is 0 where it is small."""

    of, least = gelu, 0.0

    def forward(self, x, **parameters):
        return self.of.forward(x, **parameters)

    def backward(self, grad_output, x, **parameters):
        (slope,) = self.of.backward(np.ones(x.shape), x, **parameters)
        return (np.where(np.abs(slope) < self.least, 0, grad_output * slope),)


class ForgetsSmallShares:
    """A softmax whose gradient takes shares below 1e-12 as 0."""

    forward = staticmethod(softmax.forward)

    def backward(self, grad_output, x, axis=1):
        p = softmax.forward(x, axis=axis)
        p[p < 1e-12] = 0
        return (p * (grad_output - np.sum(p * grad_output, axis=axis, keepdims=True)),)


class EndsEarly:
    """A SiLU that is 0 below −30, where it is −2.8e-12."""

    def forward(self, x):
        return np.where(x < -30, 0, silu.forward(x))

    backward = staticmethod(silu.backward)


class ForgetsLateShares:
    """A log softmax whose gradient forgets shares below 1e-9."""

    forward = staticmethod(log_softmax.forward)

    def backward(self, grad_output, x, axis=1):
        p = np.exp(log_softmax.forward(x, axis=axis))
        return (grad_output - np.where(p < 1e-9, 0, p) * grad_output.sum(axis=axis, keepdims=True),)


class EndsAtFour:
    """A GELU that is 0 below −4, where it is −1.3e-4."""

    def forward(self, x, *, approximate="none"):
        return np.where(x < -4, 0, gelu.forward(x, approximate=approximate))

    backward = staticmethod(gelu.backward)


class Clips:
    """A binary cross-entropy of probabilities that are kept a ten-millionth away from 0 and 1."""

    def forward(self, logits, target, pos_weight=None, *, reduction="mean"):
        far = np.log(1e7)
        return bce_with_logits.forward(np.clip(logits, -far, far), target, pos_weight, reduction=reduction)

    backward = staticmethod(bce_with_logits.backward)


class FlatGelu(Flat):
    """Of a GELU the derivative is 0 where it is below a millionth."""

    of, least = gelu, 1e-6


class FlatSilu(Flat):
    """The same of a SiLU, where it is below 1e-13."""

    of, least = silu, 1e-13


class FlatSoftplus(Flat):
    """The same of a softplus, where it is below 1e-12."""

    of, least = softplus, 1e-12


class FlatElu(Flat):
    """The same of an ELU, where it is below 1e-12."""

    of, least = elu, 1e-12


class SoftplusOfOnePlus:
    """log(1 + e^x), whose digits 1 takes, and the derivative as a difference from 1."""

    def forward(self, x, *, beta=1.0):
        return np.log(1 + np.exp(beta * x)) / beta

    def backward(self, grad_output, x, *, beta=1.0):
        return (grad_output * (1 - 1 / (1 + np.exp(beta * x))),)


class BinaryByDifference:
    """The gradient as σ(x) − t, which is what most write."""

    forward = staticmethod(bce_with_logits.forward)

    def backward(self, grad_output, logits, target, *, reduction="mean"):
        share = grad_output / (logits.size if reduction == "mean" else 1)
        return share * (1 / (1 + np.exp(-logits)) - target), None


@pytest.mark.parametrize(
    ("op", "layer"),
    [
        ("gelu", EndsAtFour),
        ("gelu", FlatGelu),
        ("silu", FlatSilu),
        ("softplus", FlatSoftplus),
        ("elu", FlatElu),
        ("bce_with_logits", Clips),
    ],
)
@pytest.mark.usefixtures("verdict_alone")
def test_a_function_that_ends_before_it_is_small_is_wrong(op, layer):
    assert judge(op, layer(), seed=3, examples=20, laws=["agreement", "digits"]).exit_code == 1


@pytest.mark.parametrize(
    ("op", "layer", "results"),
    [("softplus", SoftplusOfOnePlus, {"y", "grad_x"}), ("bce_with_logits", BinaryByDifference, {"grad_logits"})],
)
def test_a_difference_from_1_is_named_and_no_mistake(op, layer, results):
    report = judge(op, layer(), seed=3, examples=20, laws=["agreement", "digits"])
    assert report.exit_code == 0, report
    assert {note.partition(" loses the tail")[0] for note in report.warnings} == results


@pytest.mark.parametrize("op", ["silu", "gelu", "softplus", "elu", "bce_with_logits"])
@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_the_reference_keeps_every_tail(op, dtype):
    report = judge(op, seed=3, examples=15, dtype=dtype, laws=["digits"])
    assert report.exit_code == 0, report
    assert not report.warnings


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("op", "layer"), [("softmax", ForgetsSmallShares), ("silu", EndsEarly), ("log_softmax", ForgetsLateShares)]
)
def test_a_tail_that_is_taken_as_0_is_wrong(op, layer, seed):
    assert judge(op, layer(), seed=seed, laws=["agreement"]).exit_code == 1
