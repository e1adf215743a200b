"""Hard swish, element by element: y = x · min(max(x + 3, 0), 6) / 6                                            (T7).

0 up to −3, x from 3 on, and between them a parabola through −3 and 0 that meets x in 3:

    ∂J/∂x = 0  where x ≤ −3,   g · (2x + 3)/6  where −3 < x ≤ 3,   g  where x > 3

At the ends the slope jumps: from 0 to −1/2, and from 3/2 to 1. Everything between is a subgradient; at −3 this one takes
0, and at 3 it takes 3/2. (Howard et al. 2019, section 5.2.)
"""

from __future__ import annotations

import numpy as np

from reference._pointwise import checked, pointwise
from reference._precision import real
from reference._window import Array


def forward(x: Array) -> Array:
    """y = x · min(max(x + 3, 0), 6) / 6, x and y of any one shape; NaN stays NaN, and −∞ becomes 0.

    The dtype is that of x (of whole numbers: the float that NumPy gives them); float16 is computed in float32 and rounded
    once. Complex x is allowed, and the function analytic but where the real part, which decides, is −3 or 3.
    """

    def value(x: Array) -> Array:
        at = real(x)
        return np.where(at <= -3, x.dtype.type(0), np.where(at <= 3, x * (x + 3) / 6, x))

    return pointwise(value, np.asarray(x))


def backward(grad_output: Array, x: Array) -> tuple[Array]:
    """∂J/∂x = grad_output · (2x + 3)/6 where −3 < x ≤ 3, grad_output above and 0 below, as a tuple of one.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError if grad_output does not have the shape of y.
    """

    def gradient(g: Array, x: Array) -> Array:
        at = real(x)
        return np.where(at <= -3, g.dtype.type(0), np.where(at <= 3, g * ((2 * x + 3) / 6), g))

    return (pointwise(gradient, *checked(grad_output, x=x)),)
