"""What keeps results on the way in few bits, right and wrong, where a pinned axis is long."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from checks.cases.series import Series
from checks.cases.wide import WIDE, wide_problems
from checks.laws import laws
from checks.numbers.precision import PRECISIONS
from checks.op import Problem
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.verdict.decisions import by_kind
from checks.verdict.report import Verdict
from checks.verdict.tried import Tried
from reference import bce_with_logits, layer_norm

rounded = PRECISIONS["bfloat16"].rounded
PINNED = {"last": (577,)}


class NarrowNorm:
    """A layer norm that adds up what samples say of γ and β in bfloat16, as torch does on a CPU, from the first on."""

    lost = 0  # samples from this one on are left out, if it is not 0

    @staticmethod
    def forward(x, gamma=None, beta=None, *, eps):
        wide = (None if a is None else np.asarray(a, np.float64) for a in (x, gamma, beta))
        return rounded(layer_norm.forward(*wide, eps=eps))

    def backward(self, g, x, gamma=None, beta=None, *, eps):
        wide = (None if a is None else np.asarray(a, np.float64) for a in (g, x, gamma, beta))
        found = [None if a is None else rounded(a) for a in layer_norm.backward(*wide, eps=eps)]
        rows = np.asarray(g, np.float64).reshape(-1, g.shape[-1])[: self.lost or None]
        normal = layer_norm.forward(np.asarray(x, np.float64), None, None, eps=eps).reshape(-1, g.shape[-1])[
            : self.lost or None
        ]
        for at, array, parts in ((1, gamma, rows * normal), (2, beta, rows)):
            if array is not None:
                total = np.zeros(rows.shape[-1:])
                for part in parts[parts.any(1)]:
                    total = np.asarray(rounded(total + part), np.float64)
                found[at] = rounded(total)
        return tuple(found)


class LosesRows(NarrowNorm):
    """The same, without the samples from the 65th on."""

    lost = 64


def of_wide(code, many):
    """What was found in wide cases beside the pinned axis: how often each gradient was decided, and what is broken."""
    op = find("layer_norm")
    tried = Tried(Implementation.of(op, code), {"agreement": laws()["agreement"]})
    for problem in wide_problems(op, PINNED, "bfloat16", many, 1):
        tried.add(problem)
    tried.settle(wait=True)
    return {d.result: d for d in by_kind(tried.decisions.counted)}, {
        f.result for f in tried.findings if f.verdict is Verdict.BROKEN
    }


def test_sums_over_many_samples_in_few_bits_are_decided_beside_a_long_axis():
    decided, broken = of_wide(NarrowNorm(), 4)
    assert not broken
    for result in ("grad_gamma", "grad_beta"):
        assert decided[result].kind == WIDE
        assert decided[result].enough


def test_samples_that_are_lost_from_a_tile_on_are_not_right_there():
    decided, broken = of_wide(LosesRows(), 3)
    assert all(result in broken or not decided[result].enough for result in ("grad_gamma", "grad_beta"))


def test_cotangents_are_thin_only_where_a_sum_in_few_bits_could_hide_a_term_beside_what_is_longer():
    op = find("layer_norm")

    def share(dtype, last):
        found = [p.reals().cotangent for p in wide_problems(op, {"last": (last,)}, dtype, 40, 1)]
        full = [(g.reshape(-1, last) != 0).any(1).mean() for g in found]
        return np.mean([rows < 0.5 for rows in full])

    assert 0.6 < share("bfloat16", 577) < 0.9
    assert share("float32", 577) == share("float64", 577) == 0


class StepByStep:
    """Binary cross-entropy, of which each step of the gradient is stored: c·σ − q·t."""

    @staticmethod
    def forward(*arrays, reduction):
        return rounded(
            bce_with_logits.forward(*(None if a is None else np.float64(a) for a in arrays), reduction=reduction)
        )

    @staticmethod
    def backward(g, x, target, weight=None, *, reduction):
        g, x, t = (np.asarray(a, np.float64) for a in (g, x, target))
        q = 1.0 if weight is None else np.asarray(weight, np.float64)
        positive, sigma = rounded(q * t), rounded(1 / (1 + np.exp(-x)))
        scale = rounded(rounded(positive + rounded(1 - t)) * sigma)
        found = rounded(rounded(scale - positive) * g)
        return rounded(found / x.size if reduction == "mean" else found), None, None


class Doubled(StepByStep):
    """The same, twice."""

    @staticmethod
    def backward(*given, **parameters):
        return (rounded(2 * StepByStep.backward(*given, **parameters)[0]), None, None)


@pytest.mark.parametrize(("code", "seed"), [(StepByStep, 2), (Doubled, 1)])
def test_thousands_of_tails_that_are_differences_leave_most_cases_decided(code, seed):
    op = find("bce_with_logits")
    tried = Tried(Implementation.of(op, code()), {"agreement": laws()["agreement"]})
    Series(op, {"batch": (10_000,), "classes": 1}, "bfloat16", 24, seed).run(tried.add)
    tried.settle(wait=True)
    verdicts = Counter(f.verdict for f in tried.findings if f.result == "grad_logits")
    assert (verdicts[Verdict.BROKEN] > 0) == (code is Doubled)
    ordinary = next(d for d in by_kind(tried.decisions.counted) if d.result == "grad_logits" and not d.kind)
    assert 5 * ordinary.decided >= 3 * ordinary.cases


def test_few_cases_are_tails_for_the_most_part_and_no_weight_of_positives_is_large():
    problems = list[Problem]()
    Series(find("bce_with_logits"), {"batch": (8,)}, "bfloat16", 200, 1).run(problems.append)
    assert 0.1 < np.mean([p.exponents["logits"] == 3 for p in problems if not p.kind]) < 0.23
    weights = [a for p in problems if (a := p.reals().inputs[2]) is not None]
    assert 1 < max(a.max(initial=1) for a in weights) <= 2
