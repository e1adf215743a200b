"""Softplus, the smooth rectifier, element by element: y = log(1 + e^{βx}) / β                                (T6).

The derivative of the logarithm is e^{βx}/(1 + e^{βx}), and the inner β cancels the outer:

    ∂J/∂x = g · σ(βx)

log(1 + e^t) is max(t, 0) + log(1 + e^{−|t|}), in which nothing overflows, and nothing is lost where e^t is small. It has no
threshold beyond which it is a line: for t > 37 that comes by itself. (Dugas et al. 2001.)
"""

from __future__ import annotations

from math import isfinite

import numpy as np

from reference._pointwise import checked, logistic, pointwise
from reference._precision import real
from reference._window import Array


def forward(x: Array, *, beta: float = 1.0) -> Array:
    """y = log(1 + e^{beta · x}) / beta, x and y of any one shape.

    The dtype is that of x (of whole numbers: the float that NumPy gives them); float16 is computed in float32 and rounded
    once. Complex x is allowed, and the function analytic.

    Raises ValueError if beta is not a finite number other than 0.
    """
    beta = _scale(beta)

    def value(x: Array) -> Array:
        t = beta * x
        sign = np.copysign(1, real(t))
        return np.asarray((np.where(sign > 0, t, 0) + np.log1p(np.exp(t * -sign))) / beta)

    return pointwise(value, np.asarray(x))


def backward(grad_output: Array, x: Array, *, beta: float = 1.0) -> tuple[Array]:
    """∂J/∂x = grad_output · σ(beta · x), as a tuple of one.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError as forward does, and if grad_output does not
    have the shape of y.
    """
    beta = _scale(beta)
    return (pointwise(lambda g, x: g * logistic(beta * x)[0], *checked(grad_output, x=x)),)


def _scale(beta: float) -> float:
    """As Python's number, which leaves a float32 what it is."""
    if not (isfinite(beta) and beta):
        raise ValueError(f"beta is {beta!r}; expected a finite number other than 0")
    return float(beta)
