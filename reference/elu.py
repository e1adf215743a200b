"""The exponential linear unit, element by element: y = x where x > 0, α·(e^x − 1) elsewhere                  (T5).

    ∂J/∂x = g  where x > 0,   α · e^x · g  where x ≤ 0

At 0 the slopes are α and 1: with α = 1 there is no kink, else every multiple of g between them is a subgradient, and this
one takes α, as torch does. (Clevert, Unterthiner and Hochreiter 2016, equation 15.)
"""

from __future__ import annotations

from math import isfinite

import numpy as np

from reference._pointwise import checked, pointwise
from reference._precision import real
from reference._window import Array


def forward(x: Array, *, alpha: float = 1.0) -> Array:
    """y = x where x > 0 and alpha · (e^x − 1) elsewhere, x and y of any one shape; NaN stays NaN.

    The dtype is that of x (of whole numbers: the float that NumPy gives them); float16 is computed in float32 and rounded
    once. Complex x is allowed, and the function analytic but where the real part, whose sign decides, is 0.

    Raises ValueError if alpha is not a finite number.
    """
    alpha = _number(alpha)

    def value(x: Array) -> Array:
        above = ~(real(x) <= 0)
        return np.where(above, x, alpha * np.expm1(np.where(above, x * 0, x)))

    return pointwise(value, np.asarray(x))


def backward(grad_output: Array, x: Array, *, alpha: float = 1.0) -> tuple[Array]:
    """∂J/∂x = grad_output where x > 0 and alpha · e^x · grad_output where x ≤ 0, as a tuple of one.

    Where x is NaN, grad_output passes.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError as forward does, and if grad_output does not
    have the shape of y.
    """
    alpha = _number(alpha)

    def gradient(g: Array, x: Array) -> Array:
        above = ~(real(x) <= 0)
        return np.where(above, g, g * (alpha * np.exp(np.where(above, x * 0, x))))

    return (pointwise(gradient, *checked(grad_output, x=x)),)


def _number(alpha: float) -> float:
    """As Python's number, which leaves a float32 what it is."""
    if not isfinite(alpha):
        raise ValueError(f"alpha is {alpha!r}; expected a finite number")
    return float(alpha)
