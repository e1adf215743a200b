"""Average pooling: of every window the mean, each map on its own                                         (004, C1 and C11).

With s the stride, p the padding and all indices from 0

    y[n, c, i] = Σ_k x[n, c, i·s + k − p] / m[i]                                           (padding counts as 0)

m[i] is the number of offsets k: of those inside x and its padding, or, without `count_include_pad`, of those inside x.
Every element of a window has the same part in its mean, so with g = ∂J/∂y each gets the same share (004, C14, where
there is neither padding nor overlap and m is p·p of its letters):

    ∂J/∂x[n, c, j] = Σ_{i, k : i·s + k − p = j} g[n, c, i] / m[i]

The mean adds up each window, and divides; the gradient divides, and spreads over each window: the adjoint.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from reference._window import Array, Window, over_windows, pooling_window, spread, wide


def forward(
    x: Array,
    *,
    kernel_size: int | tuple[int, ...] = 2,
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """The mean of each window: x (N, C, *size) → y (N, C, *output).

    The parameters are torch's, one number or one for each axis; `stride` None is `kernel_size`. How many windows there
    are: see `_window.pooling_window`. The dtype is that of x, or float64 if x holds whole numbers; float16 is summed in
    float32 and rounded once.

    Raises ValueError, naming the numbers, if x has no spatial axis or a parameter makes no sense.
    """
    x = np.asarray(x)
    over = _window(x, kernel_size, stride, padding, ceil_mode)
    dtype = _quotient(x.dtype)
    y = over_windows(np.add, wide(x.astype(dtype, copy=False)), over, 0)
    y /= _counts(over, count_include_pad, dtype)
    return y.astype(dtype, copy=False)


def backward(
    grad_output: Array,
    x: Array,
    *,
    kernel_size: int | tuple[int, ...] = 2,
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> tuple[Array]:
    """∂J/∂x, as a tuple of one, given grad_output = ∂J/∂y (N, C, *output); of x only the shape and the dtype matter.

    The dtype is what NumPy promotes grad_output and y to; float16 is summed in float32 and rounded once. An element that
    no window reaches gets exactly 0.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x, g = np.asarray(x), np.asarray(grad_output)
    over = _window(x, kernel_size, stride, padding, ceil_mode)
    if g.shape != (*x.shape[:2], *over.output):
        raise ValueError(f"grad_output has shape {g.shape}; y has {(*x.shape[:2], *over.output)}")
    dtype = np.result_type(g, _quotient(x.dtype))
    shares = g.astype(dtype, copy=False) / _counts(over, count_include_pad, dtype)
    return (spread(shares, over).astype(dtype, copy=False),)


def _counts(over: Window, count_include_pad: bool, dtype: Any) -> Array:
    """m: how many elements each window has, the product of how many it has along each axis."""
    along = []
    for n, k, s, p, o in zip(over.size, over.kernel, over.stride, over.before, over.output, strict=True):
        first = np.arange(o) * s - p
        # In ceil mode the last window may reach past the padding, where there is nothing to count.
        last = np.minimum(first + k, n + p)
        along.append(last - first if count_include_pad else np.minimum(last, n) - np.maximum(first, 0))
    return np.asarray(reduce(np.multiply.outer, along), wide(np.empty(0, dtype)).real.dtype)


def _quotient(dtype: Any) -> Any:
    """The dtype of such numbers divided."""
    return np.dtype(np.float64) if dtype.kind in "biu" else dtype


def _window(x: Array, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool) -> Window:
    """The window of these parameters over x."""
    if x.ndim < 3:
        raise ValueError(f"x has shape {x.shape}; expected (N, C, *size) with at least one spatial axis")
    return pooling_window(x.shape[2:], kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode)
