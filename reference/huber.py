"""The Huber loss of the difference d = p − t: a parabola near 0, and its tangents where |d| is beyond δ         (T17).

    E = d²/2 where |d| ≤ δ, else δ·(|d| − δ/2)         ∂E/∂p = min(max(d, −δ), δ) = −∂E/∂t

averaged over all elements, or summed. At |d| = δ both have the value δ²/2 and the slope ±δ: there is no kink (Huber 1964).
"""

from __future__ import annotations

import numpy as np

from reference._elements import difference, opposite, reduced
from reference._window import Array


def forward(prediction: Array, target: Array, *, delta: float = 1.0, reduction: str = "mean") -> Array:
    """E, a 0-d array, for prediction and target of one shape.

    The mean is over all elements; over none it is NaN, and the sum 0. The dtype is what NumPy promotes the two to; float16
    is computed in float32 and rounded once.

    Raises ValueError, naming the numbers, if the shapes differ, delta is not above 0, or `reduction` is neither "mean" nor
    "sum".
    """
    d = difference(prediction, target, reduction, delta=delta)
    size = np.abs(d)
    near = np.minimum(size, delta)
    return reduced(near * (size - near / 2), reduction, prediction, target)


def backward(
    grad_output: Array, prediction: Array, target: Array, *, delta: float = 1.0, reduction: str = "mean"
) -> tuple[Array, Array]:
    """∂J/∂prediction and ∂J/∂target, given grad_output = ∂J/∂E, a single number.

    The dtype is what NumPy promotes the three to. Raises ValueError as forward does, and if grad_output has any axis.
    """
    d = difference(prediction, target, reduction, delta=delta)
    slope = np.minimum(np.maximum(d, -delta), delta)
    return opposite(grad_output, slope, reduction, prediction, target)
