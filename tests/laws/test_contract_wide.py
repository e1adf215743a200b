"""What code does with memory from some size on is seen: layouts and writing are asked of cases with a large axis too."""

import numpy as np
import pytest

from checks import judge
from reference import conv, linear, softmax


def as_if_contiguous(a, axis, size):
    """What lies in memory where the array begins, one after the other, where the array is larger than this."""
    if a.shape[axis] <= size or a.flags.c_contiguous or any(step < 0 for step in a.strides):
        return a
    reach = 1 + sum((n - 1) * step // a.itemsize for n, step in zip(a.shape, a.strides, strict=True))
    return np.resize(np.lib.stride_tricks.as_strided(a, (reach,), (a.itemsize,)), a.shape)


class ReadsWideInputs:
    """Of x, above 16 channels."""

    def forward(self, x, *others, **p):
        return conv.forward(as_if_contiguous(x, 1, 16), *others, **p)

    backward = staticmethod(conv.backward)


class ReadsWideCotangents:
    """Of the cotangent, above 64 classes."""

    forward = staticmethod(softmax.forward)

    def backward(self, g, x, *, axis=1):
        return softmax.backward(as_if_contiguous(g, axis, 64), x, axis=axis)


class WritesIntoWideInputs:
    """Into x, above 64 features."""

    forward = staticmethod(linear.forward)

    def backward(self, g, x, *others):
        gradients = linear.backward(g, x, *others)
        if x.shape[-1] > 64 and x.flags.writeable:
            x *= 2
        return gradients


@pytest.mark.usefixtures("verdict_alone")
@pytest.mark.parametrize(
    ("op", "code", "note"),
    [
        ("conv", ReadsWideInputs, "are read wrongly"),
        ("softmax", ReadsWideCotangents, "are read wrongly"),
        ("linear", WritesIntoWideInputs, "backward writes into x, which the caller goes on using"),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_memory_of_large_arrays(op, code, note, seed):
    report = judge(op, code(), seed=seed, examples=150, laws=["contract"])
    assert note in report.failures[0].note


@pytest.mark.usefixtures("verdict_alone")
def test_right_code_is_not_accused_there():
    assert not judge("conv", conv, seed=1, examples=40, laws=["contract"]).failures
