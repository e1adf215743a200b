"""The logarithm of softmax along one axis: y_i = x_i − log Σ_j e^{x_j}                                           (T8).

The derivative of the logarithm of the sum is softmax p, and with g = ∂J/∂y it meets every g of its row:

    ∂J/∂x_i = g_i − p_i · Σ_j g_j

Neither y nor p changes when the largest x is taken off first, and then nothing overflows.
"""

from __future__ import annotations

import numpy as np

from reference._blocks import each, samples
from reference._precision import at_least_single
from reference._window import Array
from reference.softmax import check_axis


def forward(x: Array, *, axis: int = 1) -> Array:
    """y, of the shape of x: the logarithm of softmax along `axis`.

    The dtype is that of x (of whole numbers: the float that NumPy gives them); float16 is computed in float32 and rounded
    once. A logit of −∞ gives −∞; NaN or +∞, or nothing but −∞, makes its row NaN. Complex x is allowed, and the function
    analytic: the largest is the one with the largest real part.

    Raises ValueError, naming the numbers, if x has no such axis or no elements along it.
    """
    x = np.asarray(x)
    check_axis(x, axis)
    y = np.empty(x.shape, np.promote_types(x.dtype, np.float16))

    def fill(block: slice) -> None:
        less, total = _parts(x[block], axis)
        y[block] = less - np.log(total)

    each(len(x), len(x) if axis % x.ndim == 0 else samples(x), fill)
    return y


def backward(grad_output: Array, x: Array, *, axis: int = 1) -> tuple[Array]:
    """∂J/∂x, as a tuple of one, given grad_output = ∂J/∂y of the shape of x.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError as forward does, and if grad_output does not
    have the shape of y.
    """
    g, x = np.asarray(grad_output), np.asarray(x)
    check_axis(x, axis)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    grad_x = np.empty(x.shape, np.result_type(g, x, np.float16))

    def fill(block: slice) -> None:
        less, total = _parts(x[block], axis)
        wide = at_least_single(g[block])
        grad_x[block] = wide - np.exp(less) / total * wide.sum(axis, keepdims=True)

    each(len(x), len(x) if axis % x.ndim == 0 else samples(x), fill)
    return (grad_x,)


def _parts(x: Array, axis: int) -> tuple[Array, Array]:
    """x less the largest of its row, in float32 at least, and Σ e of that."""
    x = at_least_single(x)
    with np.errstate(over="ignore", invalid="ignore"):  # ∞ − ∞ is the NaN that is promised
        less = x - np.take_along_axis(x.real, x.real.argmax(axis, keepdims=True), axis)
        return less, np.exp(less).sum(axis, keepdims=True)
