"""Shares and gates far below the largest are representable, and looked at: what takes them as 0 is wrong."""

import numpy as np
import pytest

from checks import judge
from reference import log_softmax, silu, softmax


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


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("op", "layer"), [("softmax", ForgetsSmallShares), ("silu", EndsEarly), ("log_softmax", ForgetsLateShares)]
)
def test_a_tail_that_is_taken_as_0_is_wrong(op, layer, seed):
    assert judge(op, layer(), seed=seed, laws=["agreement"]).exit_code == 1
