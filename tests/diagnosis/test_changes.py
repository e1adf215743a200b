"""What was done to the right result is told as finely as the precision tells it."""

import numpy as np
import pytest

from checks import judge
from checks.diagnosis.changes import Pair, change, factor
from checks.numbers.bounds import rounding
from checks.numbers.precision import PRECISIONS
from checks.op import Problem
from checks.ops import find
from reference import conv

TELLING = ("float64", "float32", "float16", "bfloat16")


def pair(dtype, times):
    """Whole numbers and their multiples, stored in a precision."""
    base = np.arange(1.0, 121.0).reshape(10, 12) * np.where(np.arange(12) % 2, 1, -1)
    op = find("linear")
    problem = Problem(op, {"x": (1, 12), "weight": (10, 12), "bias": None, "y": (1, 10)}, {}, dtype=dtype)
    actual = PRECISIONS[dtype].rounded(base * times).astype(np.float64)
    return Pair(problem, actual, base, rounding(1, np.abs(base), (), dtype).elementwise)


@pytest.mark.parametrize("dtype", TELLING)
@pytest.mark.parametrize(
    ("times", "words"), [(1.01, "1.01"), (2, "2"), (-1, "-1"), (0.75, "3/4"), (1 / 3, "1/3"), (0.95, "0.95")]
)
def test_a_factor_is_told_in_every_precision(dtype, times, words):
    one = pair(dtype, times)
    told = factor(one)
    resolution = 2 * PRECISIONS[dtype].unit_roundoff
    assert told == words or (resolution > 1e-3 and abs(float(told) / times - 1) <= resolution), told
    assert change([one]) == f"multiplied by {told}, in every case"


@pytest.mark.parametrize("dtype", TELLING)
def test_what_rounding_explains_is_no_factor(dtype):
    assert factor(pair(dtype, 1 + PRECISIONS[dtype].unit_roundoff / 4)) == ""
    assert change([pair(dtype, 1)]) == ""


def test_one_element_that_does_not_fit_is_no_factor():
    one = pair("float64", 2)
    one.actual[3, 4] += 1e-6
    assert factor(one) == ""


def test_a_single_number_is_a_multiple_of_any_other_and_none_of_a_simple_one():
    one = pair("float64", 1)
    whole = Pair(one.problem, np.array([2.0000001]), np.array([2.0]), np.array([1e-15]))
    assert change([whole]) == ""
    assert (
        change([Pair(one.problem, np.array([4.0]), np.array([2.0]), np.array([1e-15]))])
        == "multiplied by 2, in every case"
    )


@pytest.mark.parametrize(("times", "words"), [(1 + 1e-7, "1 + 1e-07"), (2 + 2e-9, "2.000000002"), (np.pi, "3.14159")])
def test_a_factor_is_not_called_a_simpler_one(times, words):
    assert factor(pair("float64", times)) == words


class Changed:
    """Convolution whose weight gradient is something else."""

    def __init__(self, change):
        self.change = change

    forward = staticmethod(conv.forward)

    def backward(self, *arrays, **parameters):
        grad_x, grad_weight, grad_bias = conv.backward(*arrays, **parameters)
        return grad_x, self.change(grad_weight).astype(grad_weight.dtype), grad_bias


def first_only(grad):
    grad[:, 1:] = 0
    return grad


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda grad: 2 * grad, "Twice what it should be."),
        (lambda grad: 0 * grad, "It is 0 everywhere."),
        (lambda grad: grad * grad.dtype.type(1.37), "It is the right one multiplied by 1.37, in every case."),
    ],
    ids=["doubled", "zero", "1.37"],
)
def test_what_is_wrong_has_its_name_in_every_precision(dtype, change, words):
    (found,) = judge("conv", Changed(change), seed=1, examples=20, dtype=dtype, laws=["exact"], dims=1).failures
    assert found.explanation == words


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_a_block_of_zeros_is_told_in_every_precision(dtype):
    pinned = {"dims": 1, "channels": (4, 2), "groups": 1}
    (found,) = judge("conv", Changed(first_only), seed=1, examples=10, dtype=dtype, laws=["exact"], **pinned).failures
    whole = "grad_weight[:, 1:] (the last 3 of 4) is 0"  # what is told where the cases are enough for it
    assert found.where in (whole, "all but the first index along axis 1 are wrong")
