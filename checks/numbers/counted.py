"""Counting roundings: arrays that carry how far off they may be, in units of u, when they were rounded step by step.

Of a and b, off by e and f, to first order

    a + b    e + f, and |a| + |b| for the sum, so that what follows may be multiplied out
    a·b      |a|·f + e·|b|, and |a·b|
    Σ aₖbₖ   Σ (|aₖ|·fₖ + eₖ|bₖ|), and n·Σ|aₖbₖ| for n products summed in any order

Signs are kept in the values, so that what is off by the same everywhere is counted once: unlike running.py, which takes
absolute values on the way, this follows one formula and what it is multiplied out to.

**Sigmoids and tanh** are as steep as they are anywhere within what rounding can lead to in the coarsest precision that
anything is computed in, bfloat16 (`COARSEST`). Each has roundings of its own, e^x and tanh x coming within 3 units in the
last place, 6 roundings (ops/activation.py). With t = 2σ − 1 and w = σ(1 − σ), σ as 1/(1 + e^{−a}), e^a/(1 + e^a) or 1
minus one of these rounds 6w + 2 times at most, as (1 + tanh(a/2))/2 3|t| + σ times: never more than `SIGMOID`. tanh as
such rounds 6|t| times, and as a quotient of sums of e^a and e^{−a}, of e^{2a} and 1, or as 2σ(2a) − 1, at most
6(1 − t²) + 3|t| times: never more than `TANH`. Their slopes may be differences, σ − σ² and 1 − t², or products.

**A softmax** of n scores, p = e^{S − L}, L = log Σe^S. What the sum, its logarithm or the largest score are off by, all p
are together: n for the sum and the quotient, or 4(n − 1) where it is scaled anew with every larger score (ops/loss.py), 6
for e^x and log n for the differences in it, 6·max(|L|, log n) for the logarithm, Σp·e for what the scores are off by.
Each p has |S − L| for its difference, 6 for e^x and its own score's e. So p is off by (c + o)·p, c in common. With b, of
size B and off by f, to go through it, p·(b − s), s = Σp·b, is off by

    p·(c·(|b − s| + |s|) + o·|b − s| + Σp·o·B + (n + m)·(B + ΣpB) + f + Σp·f)

for m roundings of products and differences: n + m also where it goes through the whole Jacobian, diag(p) − p·pᵀ. Where
one b is taken off all others first, s and B are what is left, if that is more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from checks.numbers.precision import PRECISIONS, Array

FUNCTION = 6  # roundings in e^x, log x or tanh x: 3 ulp
COARSEST = PRECISIONS["bfloat16"].unit_roundoff
SIGMOID = 5
TANH = 7


@dataclass(frozen=True, eq=False)
class Counted:
    """Values, and how many times u each may be off."""

    value: Array
    error: Array

    @property
    def size(self) -> Array:
        """Their absolute values."""
        return np.abs(self.value)

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.value + other.value, self.error + other.error + self.size + other.size)

    def __sub__(self, other: Counted) -> Counted:
        return self + Counted(-other.value, other.error)

    def __mul__(self, other: Counted) -> Counted:
        error = self.size * other.error + self.error * other.size
        return Counted(self.value * other.value, error + self.size * other.size)

    def rounded(self, *sizes: Array) -> Counted:
        """The same, after more roundings of these sizes."""
        return Counted(self.value, self.error + sum(sizes))

    def summed_with(self, weights: Array) -> Array:
        """What Σ aₖwₖ is off by, for exact weights (K, M) and K products."""
        return np.asarray((self.error + len(weights) * self.size) @ np.abs(weights))


def exact(a: Array) -> Counted:
    """What was never rounded."""
    return Counted(a, np.zeros(()))


def sigmoid(a: Counted) -> Counted:
    """σ."""
    value = _sigmoid(a.value)
    steepest = _sigmoid(_nearest(a))
    return Counted(value, steepest * (1 - steepest) * a.error + SIGMOID)


def tanh(a: Counted) -> Counted:
    """Tanh."""
    return Counted(np.tanh(a.value), (1 - np.tanh(_nearest(a)) ** 2) * a.error + TANH)


def slope_of_sigmoid(s: Counted) -> Counted:
    """σ(1 − σ), whose own slope is 1 − 2σ."""
    w = s.value * (1 - s.value)
    steep = np.minimum(1, np.abs(1 - 2 * s.value) + COARSEST * s.error)
    return Counted(w, steep * s.error + np.square(s.value) + 2 * w)


def slope_of_tanh(t: Counted) -> Counted:
    """1 − t², whose own slope is −2t."""
    square = np.square(t.value)
    steep = np.minimum(2, 2 * t.size + COARSEST * t.error)
    return Counted(1 - square, steep * t.error + square + 3 * (1 - square))


def _nearest(a: Counted) -> Array:
    """The place nearest to 0, where these are steepest, that rounding can lead to."""
    return np.asarray(np.maximum(0, a.size - COARSEST * a.error))


def _sigmoid(a: Array) -> Array:
    return np.asarray((1 + np.tanh(a / 2)) / 2)


@dataclass(frozen=True, eq=False)
class Softmax:
    """Shares along the last axis, and how many times u each is off, of itself: in common, and by itself."""

    p: Array
    common: Array
    own: Array

    @property
    def error(self) -> Array:
        """How many times u each is off."""
        return np.asarray(self.p * (self.common + self.own))

    def mean(self, v: Array) -> Array:
        """What Σ p·v is off by, for exact v (…, S, E)."""
        n = self.p.shape[-1]
        return np.asarray(self.common * np.abs(self.p @ v) + (self.p * (self.own + n)) @ np.abs(v))

    def slope(self, b: Counted, size: Array, roundings: int, first: Array | float = 0.0) -> Counted:
        """p·(b − Σp·b), for b made of numbers of these sizes; `first` may be taken off b before."""
        n = self.p.shape[-1] + roundings

        def mean(a: Array) -> Array:
            return np.asarray((self.p * a).sum(-1, keepdims=True))

        s = mean(b.value)
        apart, left = np.abs(b.value - s), np.maximum(np.abs(s), np.abs(s - first))
        size = np.maximum(size, np.abs(b.value - first))
        error = self.common * (apart + left) + self.own * apart + n * size + b.error
        error = error + mean(self.own * size + n * size + b.error)
        return Counted(self.p * (b.value - s), self.p * error)


def softmax(scores: Counted, seen: Array | bool = True) -> Softmax:
    """Along the last axis, of those that are seen."""
    n = scores.value.shape[-1]
    value = np.where(seen, scores.value, -np.inf)
    largest = value.max(-1, keepdims=True)
    total = largest + np.log(np.exp(value - largest).sum(-1, keepdims=True))
    apart = np.where(seen, value - total, 0)
    p = np.where(seen, np.exp(apart), 0)
    off = (p * scores.error).sum(-1, keepdims=True)
    common = 4 * (n - 1) + 2 + FUNCTION + np.log(n) + FUNCTION * np.maximum(np.abs(total), np.log(n)) + off
    return Softmax(p, common, np.where(seen, np.abs(apart) + FUNCTION + scores.error, 0))
