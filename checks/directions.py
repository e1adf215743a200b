"""Random directions and inner products: the vocabulary of the laws that compare derivatives along a line."""

from __future__ import annotations

import numpy as np

from checks.bounds import gamma, unit_roundoff
from checks.op import Array
from checks.trial import Run


def direction(run: Run, name: str, use: int) -> Array:
    """A random v for one input a, in its dtype, with |a|/2 ≤ |v| ≤ |a| element by element.

    A direction relative to the input moves large and small elements by the same share, so it asks about each of them,
    and sums of magnitudes at v stay below those at a.
    """
    a = run.case.input(name)
    rng = run.problem.rng(use, run.problem.op.inputs.index(name))
    return (rng.choice((-1.0, 1.0), a.shape) * rng.uniform(0.5, 1, a.shape) * a).astype(a.dtype)


def inner(a: Array, b: Array) -> float:
    """⟨a, b⟩ in float64, summed pairwise."""
    return float(np.sum((np.asarray(a, np.float64) * b).ravel()))


def inner_gamma(size: int) -> float:
    """γ of an inner product of that many terms: |inner(a, b) − ⟨a, b⟩| ≤ γ Σ|a||b|.

    NumPy sums blocks of 128 in 8 interleaved runs (16 roundings, then 3) and the blocks pairwise; the product is one more.
    """
    return gamma(20 + max(1, size).bit_length(), unit_roundoff("float64"))
