"""Attention as courses have it: no heads or samples, causal by itself, masks left out; and what is another function."""

from __future__ import annotations

from random import Random
from typing import ClassVar

import numpy as np
import pytest

from checks.cases.drawing import problem
from checks.ops import find
from checks.signature.drawing import ByChance
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import NotAnImplementation
from checks.verdict.judging import judge


class Causal:
    """(T, d), and as many keys as queries."""

    def forward(self, Q, K, V):
        self.scale = Q.shape[1] ** -0.5
        S = np.where(np.tril(np.ones((len(Q), len(Q)), bool)), Q @ K.T * self.scale, -np.inf)
        P = np.exp(S - S.max(1, keepdims=True))
        self.kept = Q, K, V, P / P.sum(1, keepdims=True)
        return self.kept[-1] @ V

    def backward(self, dout):
        Q, K, V, P = self.kept
        dP = dout @ V.T
        dS = P * (dP - self.mean(P, dP)) * self.scale
        return dS @ K, dS.T @ Q, P.T @ dout

    def mean(self, P, dP):
        return (P * dP).sum(1, keepdims=True)


class Uncentred(Causal):
    def mean(self, P, dP):  # noqa: ARG002, that is the mistake
        return 0


class Masked:
    """(N, H, T, d); a mask is added to scores, and none is no mask of zeros."""

    seen: ClassVar[list[bool]] = []

    def forward(self, query, key, value, mask=None):
        self.seen.append(mask is None)
        self.passed = query, key, value
        S = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])
        S = S if mask is None else S + (1 - mask) * -1e9
        P = np.exp(S - S.max(-1, keepdims=True))
        return P / P.sum(-1, keepdims=True) @ value

    def backward(self, dout):  # noqa: ARG002, forward is what is looked at
        return tuple(map(np.zeros_like, self.passed))


class SelfAttention:
    def __init__(self, d_model):
        self.W_q, self.W_k, self.W_v = (np.ones((d_model, d_model)) for _ in range(3))

    def forward(self, x):
        return x @ self.W_q

    def backward(self, dout):
        return dout @ self.W_q.T


def gru_forward(x, h, Wx, Wh, b):
    """Cho's: r acts on h."""
    a, (of_z, of_r, of_n) = np.split(x @ Wx + b, 3, 1), np.split(Wh, 3, 1)
    z, r = (1 / (1 + np.exp(-(one + h @ of))) for one, of in zip(a[:2], (of_z, of_r), strict=True))
    return z * h + (1 - z) * np.tanh(a[2] + (r * h) @ of_n), (x, h)


def gru_backward(dout, cache):
    return (dout, *cache)


def test_causal_attention_without_heads_or_samples_is_judged_where_it_works():
    report = judge("attention", Causal, examples=12, seed=1)
    assert report.exit_code == 0
    assert "q (T D), k (S D), v (S E), no mask, causal True" in report.assumed[0]
    assert "as many keys as queries" in " ".join(one.judged for one in report.elsewhere)


def test_a_softmax_whose_gradient_is_not_centred_is_wrong():
    report = judge("attention", Uncentred, examples=12, seed=1)
    assert report.exit_code == 1
    assert {failure.result for failure in report.failures} == {"grad_q", "grad_k"}


@pytest.mark.parametrize("given", [True, False])
def test_a_mask_that_is_absent_is_not_handed_over(given):
    op = find("attention")
    subject = Implementation.of(op, Masked)
    problems = (problem(ByChance(Random(seed)), op, {"groups": 1, "causal": False}, "float64") for seed in range(99))  # noqa: S311, no secret
    case = next(p for p in problems if (p.shapes["mask"] is None) != given and p.parameters["scale"] is None).reals()
    Masked.seen.clear()
    subject.forward(case)
    assert Masked.seen == [not given]


@pytest.mark.parametrize(
    ("op", "given", "said"),
    [
        (
            "attention",
            SelfAttention,
            "it keeps W_q, W_k and W_v, and attention has no weights, so it is a layer around it",
        ),
        ("gru_cell", gru_forward, "it is the GRU of Cho et al. (2014), whose reset gate acts on the state before"),
    ],
)
def test_another_function_of_that_name_is_not_called_wrong(op, given, said):
    with pytest.raises(NotAnImplementation) as refused:
        Implementation.of(find(op), given)
    assert said in str(refused.value)
    assert "`gradoracle function test_attention.py:f --backward test_attention.py:b" in str(refused.value)
