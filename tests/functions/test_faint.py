"""A gradient that is 0 by mathematics is nothing but rounding: decided where it is so in every case."""

from __future__ import annotations

import numpy as np
import pytest

from checks.functions.coverage import Coverage
from checks.functions.function import judge_function


def attend(x, w, bias):
    """Attention of x with itself, whose keys have a bias: no softmax sees that."""
    s = x @ (x @ w + bias).T
    p = np.exp(s - s.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True) @ x


def backward(g, x, w, bias):
    k = x @ w + bias
    s = x @ k.T
    p = np.exp(s - s.max(-1, keepdims=True))
    p = p / p.sum(-1, keepdims=True)
    dp = g @ x.T
    ds = p * (dp - (dp * p).sum(-1, keepdims=True))
    dk = ds.T @ x
    return p.T @ g + ds @ k + dk @ w.T, x.T @ dk, dk.sum(0)


def moved(g, x, w, bias):
    dx, dw, db = backward(g, x, w, bias)
    return dx, dw, db + 1e-9


def test_a_gradient_of_nothing_but_rounding_is_decided_and_another_is_wrong():
    shapes = "4,3 3,3 3"
    right = judge_function(attend, backward, shapes, seed=1)
    assert right.exit_code == 0
    wrong = judge_function(attend, moved, shapes, seed=1)
    assert wrong.exit_code == 1
    assert {failure.result for failure in wrong.failures} == {"grad_bias"}


class Somewhere:
    """A place with one gradient of one element."""

    def __init__(self, claim, faint):
        self.spans, self.claim, self.faint = {"b": slice(0, 1)}, np.array([claim]), frozenset({"b"} if faint else ())


@pytest.mark.parametrize(("claims", "sees"), [([1e-17], 0.01), ([1e-17, 0.5], 2.0), ([0.5, 1e-17], 2.0)])
def test_what_is_more_than_rounding_somewhere_is_not_decided_where_it_is_not(claims, sees):
    coverage = Coverage(("b",))
    for claim in claims:
        faint = claim < 1e-9
        coverage.add("complex_step", Somewhere(claim, faint), np.array([0]), np.array([0.01 if faint else 2.0]))
    assert coverage.sees("b") == sees
    assert coverage.decided is (sees < 0.25)
