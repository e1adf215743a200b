"""Smooth L1: the absolute difference with a parabola of width β in place of its kink                            (T18).

    E = d²/2β where |d| ≤ β, else |d| − β/2            ∂E/∂p = min(max(d/β, −1), 1) = −∂E/∂t,   d = p − t

averaged over all elements, or summed. It is the Huber loss with δ = β, divided by β: far off its slope is 1, whatever β is
(Girshick 2015, equation 3, with β = 1).
"""

from __future__ import annotations

import numpy as np

from reference._elements import difference, opposite, reduced
from reference._window import Array


def forward(prediction: Array, target: Array, *, beta: float = 1.0, reduction: str = "mean") -> Array:
    """E, a 0-d array, for prediction and target of one shape.

    The mean is over all elements; over none it is NaN, and the sum 0. The dtype is what NumPy promotes the two to; float16
    is computed in float32 and rounded once.

    Raises ValueError, naming the numbers, if the shapes differ, beta is not above 0, or `reduction` is neither "mean" nor
    "sum".
    """
    d = difference(prediction, target, reduction, beta=beta)
    size = np.abs(d)
    near = np.minimum(size / beta, 1)
    return reduced(near * (size - np.minimum(size, beta) / 2), reduction, prediction, target)


def backward(
    grad_output: Array, prediction: Array, target: Array, *, beta: float = 1.0, reduction: str = "mean"
) -> tuple[Array, Array]:
    """∂J/∂prediction and ∂J/∂target, given grad_output = ∂J/∂E, a single number.

    The dtype is what NumPy promotes the three to. Raises ValueError as forward does, and if grad_output has any axis.
    """
    d = difference(prediction, target, reduction, beta=beta)
    slope = np.minimum(np.maximum(d / beta, -1), 1)
    return opposite(grad_output, slope, reduction, prediction, target)
