"""The sigmoid linear unit, or swish, element by element: y = x · σ(x)                                       (T4).

It is a product, so with σ' = σ(1 − σ)

    ∂J/∂x = g · (σ(x) + x · σ'(x))

σ and σ' come without a difference (reference/sigmoid.py); the sum has one of its own where x < 0, and a zero at −1.278.
(Elfwing, Uchibe and Doya 2018; Ramachandran, Zoph and Le 2017.)
"""

from __future__ import annotations

import numpy as np

from reference._pointwise import checked, logistic, pointwise
from reference._window import Array


def forward(x: Array) -> Array:
    """y = x · σ(x), x and y of any one shape.

    The dtype is that of x (of whole numbers: the float that NumPy gives them); float16 is computed in float32 and rounded
    once. Complex x is allowed, and the function analytic. y of −∞ is NaN, as 0 · ∞ is.
    """
    return pointwise(lambda x: x * logistic(x)[0], np.asarray(x))


def backward(grad_output: Array, x: Array) -> tuple[Array]:
    """∂J/∂x = grad_output · (σ(x) + x · σ'(x)), as a tuple of one.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError if grad_output does not have the shape of y.
    """

    def gradient(g: Array, x: Array) -> Array:
        share, slope = logistic(x)
        return np.asarray(g * (share + x * slope))

    return (pointwise(gradient, *checked(grad_output, x=x)),)
