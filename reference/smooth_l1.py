"""Smooth L1: the absolute difference with a parabola of width β in place of its kink                            (T18).

    E = d²/2β where |d| ≤ β, else |d| − β/2            ∂E/∂p = min(max(d/β, −1), 1) = −∂E/∂t,   d = p − t

averaged over all elements, or summed. It is the Huber loss with δ = β, divided by β: far off its slope is 1, whatever β is
(Girshick 2015, equation 3, with β = 1).
"""

from __future__ import annotations

import numpy as np

from reference._elements import pair, reduced, share
from reference._precision import promoted
from reference._window import Array


def forward(prediction: Array, target: Array, *, beta: float = 1.0, reduction: str = "mean") -> Array:
    """E, a 0-d array, for prediction and target of one shape.

    The mean is over all elements; over none it is NaN, and the sum 0. The dtype is what NumPy promotes the two to; float16
    is computed in float32 and rounded once.

    Raises ValueError, naming the numbers, if the shapes differ, beta is not above 0, or `reduction` is neither "mean" nor
    "sum".
    """
    d = _difference(prediction, target, beta, reduction)
    size = np.abs(d)
    near = np.minimum(size / beta, 1)
    return reduced(near * (size - np.minimum(size, beta) / 2), reduction, prediction, target)


def backward(
    grad_output: Array, prediction: Array, target: Array, *, beta: float = 1.0, reduction: str = "mean"
) -> tuple[Array, Array]:
    """∂J/∂prediction and ∂J/∂target, given grad_output = ∂J/∂E, a single number.

    The dtype is what NumPy promotes the three to. Raises ValueError as forward does, and if grad_output has any axis.
    """
    d = _difference(prediction, target, beta, reduction)
    slope = np.minimum(np.maximum(d / beta, -1), 1)
    gradient = (share(grad_output, d, reduction) * slope).astype(
        promoted(*map(np.asarray, (grad_output, prediction, target))), copy=False
    )
    return gradient, -gradient


def _difference(prediction: Array, target: Array, beta: float, reduction: str) -> Array:
    if not beta > 0:
        raise ValueError(f"beta is {beta!r}; expected a number above 0")
    p, t = pair(("prediction", "target"), prediction, target, reduction)
    return np.asarray(p - t)
