"""Softmax along one axis: y_i = e^{x_i} / Σ_j e^{x_j}, positive and with sum 1.

The derivative is ∂y_i/∂x_j = y_i · ([i = j] − y_j), so with g = ∂J/∂y

    ∂J/∂x_j = Σ_i g_i · y_i · ([i = j] − y_j) = y_j · (g_j − Σ_i g_i · y_i)

Neither changes when a constant is added: to all x, because e^c cancels, so the largest x is brought to 0 and nothing
overflows; nor, in the gradient, to all g, because Σ y_i = 1. Taking the g of the largest x off leaves that term out of the
sum, so nothing cancels where one y is almost 1 and the gradient almost 0.
"""

from __future__ import annotations

import numpy as np

from reference._window import Array


def forward(x: Array, *, axis: int = 1) -> Array:
    """y, of the shape of x: softmax along `axis`.

    The dtype is that of x (of whole numbers: the float that NumPy gives them); float16 is computed in float32 and rounded
    once. A logit of −∞ has probability 0; NaN or +∞, or nothing but −∞, makes its row NaN. Complex x is allowed, and the
    function analytic: the largest is the one with the largest real part.

    Raises ValueError, naming the numbers, if x has no such axis or no elements along it.
    """
    x = np.asarray(x)
    return _probabilities(x, axis).astype(np.promote_types(x.dtype, np.float16), copy=False)


def backward(grad_output: Array, x: Array, *, axis: int = 1) -> tuple[Array]:
    """∂J/∂x, as a tuple of one, given grad_output = ∂J/∂y of the shape of x.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError as forward does, and if grad_output does not
    have the shape of y.
    """
    g, x = np.asarray(grad_output), np.asarray(x)
    y = _probabilities(x, axis)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    g = g.astype(np.result_type(g, y), copy=False)
    grad_x = g - np.take_along_axis(g, x.real.argmax(axis, keepdims=True), axis)
    grad_x -= (grad_x * y).sum(axis, keepdims=True)
    grad_x *= y
    return (grad_x.astype(np.result_type(grad_output, x, np.float16), copy=False),)


def _probabilities(x: Array, axis: int) -> Array:
    """y, in float32 at least."""
    if not -x.ndim <= axis < x.ndim or not x.shape[axis]:
        raise ValueError(f"x has shape {x.shape}, with no elements along axis {axis}")
    x = x.astype(np.promote_types(x.dtype, np.float32), copy=False)
    with np.errstate(over="ignore", invalid="ignore"):  # x − max may reach −∞; ∞ − ∞ is the NaN that is promised
        y = x - x.real.max(axis, keepdims=True)
        np.exp(y, out=y)
        y /= y.sum(axis, keepdims=True)
    return np.asarray(y)
