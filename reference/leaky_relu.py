"""The rectifier that leaks, element by element: y = x where x > 0, α·x elsewhere, α the negative slope          (T1).

    ∂J/∂x = g  where x > 0,   α · g  where x ≤ 0

x − α·x = (1 − α)·x has the sign of x where α < 1, and the other sign where α > 1; so y is the larger of x and α·x, or the
smaller, and nothing is asked of each element alone. At the kink, x = 0, every multiple of g between α and 1 is a
subgradient if α ≤ 1; this one takes α, as torch does. (Maas, Hannun and Ng 2013, section 2.)
"""

from __future__ import annotations

from math import isfinite

import numpy as np

from reference import relu
from reference._blocks import each
from reference._precision import at_least_single
from reference._window import Array

BLOCK = 1 << 16  # numbers at a time: few enough for the cache, and enough to keep a thread busy


def forward(x: Array, *, negative_slope: float = 0.01) -> Array:
    """y = x where x > 0 and negative_slope · x elsewhere, x and y of any one shape; NaN stays NaN.

    The dtype is that of x (of whole numbers: the float that NumPy gives them), and the slope is rounded to it; float16 is
    computed in float32 and rounded once. Complex x is allowed, and the function analytic but where the real part, whose
    sign decides, is 0.

    Raises ValueError if negative_slope is not a finite number.
    """
    x, slope = np.asarray(x), _slope(negative_slope)
    dtype = np.promote_types(x.dtype, np.float16)
    if not slope:
        return relu.forward(x).astype(dtype, copy=False)  # 0 · ∞ is not 0
    y = np.empty(x.size, dtype)
    wide, choose = at_least_single(x.reshape(-1)), np.maximum if slope <= 1 else np.minimum

    def fill(block: slice) -> None:
        with np.errstate(over="ignore"):  # α · x is ∞ where x is large and chosen
            choose(wide[block], slope * wide[block], out=y[block], casting="same_kind")

    each(x.size, BLOCK, fill)
    return y.reshape(x.shape)


def backward(grad_output: Array, x: Array, *, negative_slope: float = 0.01) -> tuple[Array]:
    """∂J/∂x = grad_output where x > 0 and negative_slope · grad_output where x ≤ 0, as a tuple of one.

    Where x is NaN, grad_output passes. The dtype is what NumPy promotes grad_output and y to. Raises ValueError as forward
    does, and if grad_output does not have the shape of y.
    """
    g, x, slope = np.asarray(grad_output), np.asarray(x), _slope(negative_slope)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    dtype = np.result_type(g, x, np.float16)
    if not slope:
        return (relu.backward(g, x)[0].astype(dtype, copy=False),)
    grad_x = np.empty(x.size, dtype)
    flat, wide = x.reshape(-1), at_least_single(g.reshape(-1))

    def fill(block: slice) -> None:
        below = flat[block] <= 0
        derivative = np.multiply(below, slope, dtype=wide.real.dtype)  # α or 0, and then α or 1: as exact as np.where
        derivative += ~below
        np.multiply(derivative, wide[block], out=grad_x[block], casting="same_kind")

    each(x.size, BLOCK, fill)
    return (grad_x.reshape(x.shape),)


def _slope(negative_slope: float) -> float:
    """As Python's number, which leaves a float32 what it is."""
    if not isfinite(negative_slope):
        raise ValueError(f"negative_slope is {negative_slope!r}; expected a finite number")
    return float(negative_slope)
