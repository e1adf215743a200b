"""Tails and large means: what a formula in use loses is named, what none loses is wrong, what is kept holds."""

import numpy as np
import pytest

from checks import judge
from reference import sigmoid
from tests.laws.right_layers import BatchNormOfOnePass

TAIL, MEAN = "loses the tail", "loses digits where the mean is large"


class ByDifference:
    """σ(1 − σ): right, but for the digits of 1 − σ."""

    def forward(self, x):
        return sigmoid.forward(x)

    def backward(self, grad_output, x):
        y = sigmoid.forward(x)
        return (grad_output * y * (1 - y),)


class NoTails:
    """The derivative is 0 where it is small, on both sides."""

    def forward(self, x):
        return sigmoid.forward(x)

    def backward(self, grad_output, x):
        return (np.where(np.abs(x) > 20, 0, sigmoid.backward(grad_output, x)[0]).astype(x.dtype),)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_tail_is_named_where_a_difference_loses_it_and_wrong_where_nothing_does(dtype):
    named = judge("sigmoid", ByDifference, seed=1, examples=20, dtype=dtype)
    assert named.exit_code == 0
    assert any(note.startswith(f"grad_x {TAIL}") for note in named.warnings)
    assert judge("sigmoid", ByDifference, seed=1, examples=20, dtype=dtype, strict=True).exit_code == 1
    wrong = judge("sigmoid", NoTails, seed=1, examples=20, dtype=dtype)
    assert wrong.exit_code == 1
    assert {f.law for f in wrong.failures} == {"digits"}


@pytest.mark.parametrize("op", ["sigmoid", "tanh", "batch_norm", "layer_norm"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_the_reference_loses_nothing(op, dtype):
    report = judge(op, seed=1, examples=15, dtype=dtype, laws=["digits"])
    assert report.exit_code == 0, report
    assert not report.warnings


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_mean_of_squares_less_the_square_of_the_mean_is_named(dtype):
    report = judge("batch_norm", BatchNormOfOnePass, seed=1, examples=20, dtype=dtype)
    assert report.exit_code == 0, report
    assert any(MEAN in note for note in report.warnings)
