"""What is said of a gradient that sums over samples: of an empty batch, of the wrong axes, on small numbers."""

import warnings

import numpy as np
import pytest

from checks import Verdict, judge
from checks.diagnosis import whereabouts
from checks.diagnosis.naming import EMPTY
from checks.diagnosis.whereabouts import Found, elements
from reference import linear


class OfLinear:
    """A fully connected layer with another gradient of the bias."""

    def __init__(self, total):
        self.total = total

    forward = staticmethod(linear.forward)

    def backward(self, g, x, weight, bias):
        grad_x, grad_weight, grad_bias = linear.backward(g, x, weight, bias)
        other = None if bias is None else self.total(g)
        return grad_x, grad_weight, other if other is not None and other.shape == bias.shape else grad_bias


def mean(g):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return g.reshape(-1, g.shape[-1]).mean(0)


def test_an_empty_batch_does_not_hide_what_is_wrong_with_others():
    report = judge("linear", OfLinear(mean), seed=1, examples=60)
    (found,) = report.failures
    assert found.mistake == "bias averaged"
    assert found.problem.elements
    assert 0 not in found.problem.shape("x")
    words = "right for samples 1, wrong above", "only where samples is above 1"  # the mean of what adds to 0 is right
    assert found.where in {f"{one}; an empty batch is wrong too" for one in words}
    echoes = [f for f in report.findings if f.law == "contract" and f.verdict in {Verdict.BROKEN, Verdict.WARNING}]
    assert not echoes, "what is wrong anyway is wrong under other cotangents and beside a NaN too"


def test_what_is_wrong_of_an_empty_batch_alone_is_said():
    def total(g):
        return g.reshape(-1, g.shape[-1]).sum(0) if g.size else np.full(g.shape[-1], np.nan)

    (found,) = judge("linear", OfLinear(total), seed=1, examples=60).failures
    assert found.explanation == EMPTY
    assert not found.where


def test_values_are_listed_in_the_order_of_numbers():
    assert whereabouts._listed(frozenset({25, 2, 10, 0}), "and") == "0, 2, 10 and 25"
    assert whereabouts._listed(frozenset({"same", 2, 10}), "or") == "10, 2 or same"


@pytest.mark.parametrize(
    ("total", "name"),
    [
        (lambda g: g.sum(-1), "summed over the wrong axes"),
        (lambda g: g.sum((0, 2)) if g.ndim == 3 else None, "summed over the wrong axes"),
        (lambda g: g.reshape(g.shape[-1], -1).sum(1), "bias reshaped before its sum"),
    ],
    ids=["samples kept", "steps kept", "reshaped"],
)
def test_a_bias_summed_over_the_wrong_axes_is_named_where_shapes_allow_it(total, name):
    (found,) = judge("linear", OfLinear(total), seed=3, examples=80, laws=["exact"]).failures
    assert found.mistake == name


def test_a_smallest_case_has_small_numbers():
    class Doubled(OfLinear):
        def backward(self, *arrays):
            grad_x, *others = linear.backward(*arrays)
            return (2 * grad_x, *others)

    (found,) = judge("linear", Doubled(None), seed=2, examples=40, laws=["exact"]).failures
    assert found.problem.small
    assert abs(found.actual) < 1000


def test_elements_are_those_of_every_case_only_if_no_other_is_wrong_in_any():
    def found(wrong):
        wrong = np.array(wrong, bool)
        return Found(np.zeros(wrong.shape), np.ones(wrong.shape), wrong)

    some, same, more = found([1, 1, 0, 0, 0]), found([1, 1, 0, 0]), found([1, 1, 1])
    assert elements([some, same], samples=False) == "only [0] and [1] are wrong, in every case"
    assert elements([some], samples=False) == "only [0] and [1] are wrong"
    assert elements([some, more], samples=False) == ""
