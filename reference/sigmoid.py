"""The logistic sigmoid, element by element: σ(x) = 1 / (1 + e^{−x})                                (004, C1 and C18).

With e = e^{−|x|}, which is at most 1 and so never overflows,

    σ(x)  = 1 / (1 + e)  for x > 0,   e / (1 + e)  for x ≤ 0            (the fraction extended by e^x)
    σ'(x) = σ(x) · (1 − σ(x)) = e / (1 + e)²                            (on both sides, for σ' is even)

Nothing is subtracted, so both are right to a few units in the last place for every x. The familiar σ · (1 − σ) is not: at
x = 40 it gives 0 in float64, where σ' is 4.2e−18.
"""

from __future__ import annotations

import numpy as np

from reference._blocks import each
from reference._precision import at_least_single, real
from reference._window import Array

BLOCK = 1 << 16  # numbers at a time: few enough for the cache, and enough to keep a thread busy


def forward(x: Array) -> Array:
    """y = σ(x), x and y of any one shape.

    The dtype is that of x (of whole numbers: the float that NumPy gives them); float16 is computed in float32 and rounded
    once. Complex x is allowed, and the function analytic: the sign of its real part decides between the two formulas.
    """
    x = np.asarray(x)
    y = np.empty(x.size, np.promote_types(x.dtype, np.float16))
    wide = at_least_single(x.reshape(-1))

    def fill(block: slice) -> None:
        e, positive = _decay(wide[block])
        total = 1 + e
        e *= ~positive
        e += positive  # 1 or e; np.where takes as long as the exponential
        np.divide(e, total, out=y[block], casting="same_kind")

    each(x.size, BLOCK, fill)
    return y.reshape(x.shape)


def backward(grad_output: Array, x: Array) -> tuple[Array]:
    """∂J/∂x = grad_output · σ'(x), as a tuple of one, given grad_output = ∂J/∂y of the shape of x.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError if grad_output does not have the shape of y.
    """
    g, x = np.asarray(grad_output), np.asarray(x)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    grad_x = np.empty(x.size, np.result_type(g, x, np.float16))
    flat, wide = at_least_single(g.reshape(-1)), at_least_single(x.reshape(-1))

    def fill(block: slice) -> None:
        e, _ = _decay(wide[block])
        total = 1 + e
        e /= np.square(total, out=total)
        np.multiply(flat[block], e, out=grad_x[block], casting="same_kind")

    each(x.size, BLOCK, fill)
    return (grad_x.reshape(x.shape),)


def _decay(x: Array) -> tuple[Array, Array]:
    """e^{−|x|} and whether x > 0; for complex x the real part decides, and −|x| is −x or x, so that e is analytic."""
    sign = np.copysign(1, real(x))
    positive = sign > 0
    e = np.multiply(x, np.negative(sign, out=sign))
    return np.exp(e, out=e), positive
