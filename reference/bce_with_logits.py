"""Binary cross-entropy of the sigmoid of logits x with targets t between 0 and 1                                (T15).

    E = −q·t·log σ(x) − (1 − t)·log(1 − σ(x))          q, one number for each class, is what a positive counts

averaged over all elements, or summed. −log σ(x) is softplus(−x) and −log(1 − σ(x)) softplus(x), and the derivative of
softplus is σ, so that

    E = q·t·softplus(−x) + (1 − t)·softplus(x)         ∂E/∂x = (1 − t)·σ(x) − q·t·σ(−x)

Without q that is σ(x) − t; written so, nothing cancels where a target is 0 or 1, and a gradient keeps its digits where the
answer is almost certain and right.
"""

from __future__ import annotations

import numpy as np

from reference._elements import pair, reduced, share
from reference._precision import at_least_single, promoted, real
from reference._window import Array


def forward(logits: Array, target: Array, pos_weight: Array | None = None, *, reduction: str = "mean") -> Array:
    """E, a 0-d array, for logits and target of one shape (…, C); pos_weight (C,), or None for 1.

    Targets need not be 0 or 1; they have no gradient. The mean is over all elements; over none it is NaN, and the sum 0.
    The dtype is what NumPy promotes the inputs to; float16 is computed in float32 and rounded once. Complex logits are
    allowed, and E is analytic.

    Raises ValueError, naming the numbers, if the shapes do not fit or `reduction` is neither "mean" nor "sum".
    """
    x, t, q = _arrays(logits, target, pos_weight, reduction)
    e, positive = _decay(x)
    above = np.where(positive, x, 0)
    both = np.log1p(e)  # softplus(x) is max(x, 0) and this, softplus(−x) max(−x, 0) and this
    losses = (1 - t) * (above + both) + q * t * (above - x + both)
    return reduced(losses, reduction, *(a for a in (logits, target, pos_weight) if a is not None))


def backward(
    grad_output: Array, logits: Array, target: Array, pos_weight: Array | None = None, *, reduction: str = "mean"
) -> tuple[Array, None, None]:
    """∂J/∂logits, and None for target and pos_weight, given grad_output = ∂J/∂E, a single number.

    The dtype is what NumPy promotes all of them to. Raises ValueError as forward does, and if grad_output has any axis.
    """
    x, t, q = _arrays(logits, target, pos_weight, reduction)
    e, positive = _decay(x)
    shares = np.where(positive, 1 - t, -q * t), np.where(positive, -q * t, 1 - t)  # of σ(|x|), and of σ(−|x|)
    gradient = share(grad_output, x, reduction) * ((shares[0] + shares[1] * e) / (1 + e))
    given = [np.asarray(a) for a in (grad_output, logits, target, pos_weight) if a is not None]
    return gradient.astype(promoted(*given), copy=False), None, None


def _decay(x: Array) -> tuple[Array, Array]:
    """e^{−|x|} and whether x > 0; for complex x the real part decides, and −|x| is −x or x, so that e is analytic."""
    sign = np.copysign(1, real(x))
    return np.exp(x * -sign), sign > 0


def _arrays(logits: Array, target: Array, weight: Array | None, reduction: str) -> tuple[Array, Array, Array]:
    x, t = pair(("logits", "target"), logits, target, reduction)
    q = np.ones((), np.float32) if weight is None else at_least_single(np.asarray(weight))
    if weight is not None and q.shape != x.shape[-1:]:
        raise ValueError(f"pos_weight has shape {q.shape}; logits {x.shape} need {x.shape[-1:]}, one for each class")
    return x, t, q
