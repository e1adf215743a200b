"""Softmax along one axis: y_i = e^{x_i} / Σ_j e^{x_j}, positive and with sum 1.

The derivative is ∂y_i/∂x_j = y_i · ([i = j] − y_j), so with g = ∂J/∂y

    ∂J/∂x_j = Σ_i g_i · y_i · ([i = j] − y_j) = y_j · (g_j − Σ_i g_i · y_i)

Neither changes when a constant is added: to all x, because e^c cancels, so the largest x is brought to 0 and nothing
overflows; nor, in the gradient, to all g, because Σ y_i = 1. Taking the g of the largest x off leaves that term out of the
sum, so nothing cancels where one y is almost 1 and the gradient almost 0.
"""

from __future__ import annotations

import numpy as np

from reference._blocks import each, samples
from reference._precision import at_least_single
from reference._window import Array


def forward(x: Array, *, axis: int = 1) -> Array:
    """y, of the shape of x: softmax along `axis`.

    The dtype is that of x (of whole numbers: the float that NumPy gives them); float16 is computed in float32 and rounded
    once. A logit of −∞ has probability 0; NaN or +∞, or nothing but −∞, makes its row NaN. Complex x is allowed, and the
    function analytic: the largest is the one with the largest real part.

    Raises ValueError, naming the numbers, if x has no such axis or no elements along it.
    """
    x = np.asarray(x)
    check_axis(x, axis)
    y = np.empty(x.shape, np.promote_types(x.dtype, np.float16))

    def fill(block: slice) -> None:
        y[block], _ = _probabilities(x[block], axis)

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
        y, largest = _probabilities(x[block], axis)
        others = g[block] - np.take_along_axis(g[block], largest, axis).astype(np.result_type(g, y), copy=False)
        others -= (others * y).sum(axis, keepdims=True)
        np.multiply(others, y, out=grad_x[block], casting="same_kind")

    each(len(x), len(x) if axis % x.ndim == 0 else samples(x), fill)
    return (grad_x,)


def _probabilities(x: Array, axis: int) -> tuple[Array, Array]:
    """y, in float32 at least, and where along the axis the largest x stands."""
    x = at_least_single(x)
    largest = x.real.argmax(axis, keepdims=True)
    with np.errstate(over="ignore", invalid="ignore"):  # x − max may reach −∞; ∞ − ∞ is the NaN that is promised
        y = x - np.take_along_axis(x.real, largest, axis)
        np.exp(y, out=y)
        y /= y.sum(axis, keepdims=True)
    return y, largest


def check_axis(x: Array, axis: int) -> None:
    """Raise ValueError, naming the numbers, if x has no such axis or no elements along it."""
    if not -x.ndim <= axis < x.ndim or not x.shape[axis]:
        raise ValueError(f"x has shape {x.shape}, with no elements along axis {axis}")
