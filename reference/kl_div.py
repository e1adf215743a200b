"""The Kullback–Leibler divergence of log-probabilities x from a target                                           (T19).

    E = Σ t·(log t − x)           ∂E/∂x = −t,       ∂E/∂t = log t − x + 1         t the target's probabilities
    E = Σ e^u·(u − x)             ∂E/∂x = −e^u,     ∂E/∂u = e^u·(u − x + 1)       u = log t, where that is the target

divided by the number of elements, or of samples, or summed. x is what log softmax returns; nothing here needs either to be
a distribution. 0·log 0 is 0, its limit, and there ∂E/∂t is −∞ (Kullback and Leibler 1951).
"""

from __future__ import annotations

import numpy as np

from reference._elements import BOTH, pair, reduced, share
from reference._precision import promoted
from reference._window import Array

REDUCTIONS = (*BOTH, "batchmean")


def forward(x: Array, target: Array, *, log_target: bool = False, reduction: str = "mean") -> Array:
    """E, a 0-d array, for x and target of one shape, samples first; target holds logarithms if `log_target`.

    "mean" divides by the number of elements, "batchmean" by that of samples, which alone is the divergence of the paper; of
    none they are NaN, and the sum 0. The dtype is what NumPy promotes the two to; float16 is computed in float32 and
    rounded once. Complex numbers are allowed, and E is analytic.

    Raises ValueError, naming the numbers, if the shapes differ or `reduction` is none of the three.
    """
    wide, t = pair(("x", "target"), x, target, reduction, REDUCTIONS)
    if log_target:
        return reduced(np.exp(t) * (t - wide), reduction, x, target)
    return reduced(t * (_logarithm(t, 0.0) - wide), reduction, x, target)


def backward(
    grad_output: Array, x: Array, target: Array, *, log_target: bool = False, reduction: str = "mean"
) -> tuple[Array, Array]:
    """∂J/∂x and ∂J/∂target, given grad_output = ∂J/∂E, a single number.

    The dtype is what NumPy promotes the three to. Raises ValueError as forward does, and if grad_output has any axis.
    """
    wide, t = pair(("x", "target"), x, target, reduction, REDUCTIONS)
    own = share(grad_output, wide, reduction)
    p = np.exp(t) if log_target else t
    of_target = p * (t - wide + 1) if log_target else _logarithm(t, -np.inf) - wide + 1
    dtype = promoted(*map(np.asarray, (grad_output, x, target)))
    of_x, of_target = (np.asarray(own * a).astype(dtype, copy=False) for a in (-p, of_target))
    return of_x, of_target


def _logarithm(t: Array, of_zero: float) -> Array:
    """Log t, and this where t is 0."""
    zero = t == 0
    with np.errstate(invalid="ignore"):  # of what is below 0: NaN
        return np.where(zero, of_zero, np.log(np.where(zero, np.ones((), t.dtype), t)))
