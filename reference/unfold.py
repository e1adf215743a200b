"""Unfold: every window of every map laid out as a column, as convolution by matrix products has it                  (W9).

With s the stride, d the dilation, p the padding, windows i and offsets k numbered row by row as l and κ, all from 0,

    y[n, c·|kernel| + κ, l] = x[n, c, i·s + k·d − p],   0 where that is padding                                 (002, eq. 1)

Each element of x is copied to as many places as there are windows over it, so its gradient is the sum over them, which is
what fold computes: with g = ∂J/∂y

    ∂J/∂x[n, c, j] = Σ_{i, k : i·s + k·d − p = j} g[n, c·|kernel| + κ, l]
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from reference._window import Array, Window, gather, scatter, wide, window

Numbers = int | tuple[int, ...]


def forward(
    x: Array, *, kernel_size: Numbers = 2, stride: Numbers = 1, padding: Numbers = 0, dilation: Numbers = 1
) -> Array:
    """The columns: x (N, C, *size) → y (N, C·|kernel|, L), of the same dtype, for L windows. Parameters as torch's.

    Raises ValueError, naming the numbers, if x has no spatial axis or a parameter makes no sense.
    """
    x = np.asarray(x)
    over = _window(x, kernel_size, stride, padding, dilation)
    return np.array(gather(x, over)).reshape(_columns(x, over))


def backward(
    grad_output: Array,
    x: Array,
    *,
    kernel_size: Numbers = 2,
    stride: Numbers = 1,
    padding: Numbers = 0,
    dilation: Numbers = 1,
) -> tuple[Array]:
    """∂J/∂x, as a tuple of one, given grad_output = ∂J/∂y (N, C·|kernel|, L); of x only the shape matters.

    The dtype is that of grad_output; float16 is summed in float32 and rounded once. Raises ValueError as forward does, and
    if grad_output does not have the shape of y.
    """
    x, g = np.asarray(x), np.asarray(grad_output)
    over = _window(x, kernel_size, stride, padding, dilation)
    if g.shape != _columns(x, over):
        raise ValueError(f"grad_output has shape {g.shape}; y has {_columns(x, over)}")
    laid = wide(g).reshape(*x.shape[:2], *over.kernel, *over.output)
    return (scatter(laid, over).astype(g.dtype, copy=False),)


def _columns(x: Array, over: Window) -> tuple[int, int, int]:
    """The shape of y."""
    return len(x), x.shape[1] * prod(over.kernel), prod(over.output)


def _window(x: Array, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    """The window of these parameters over x."""
    if x.ndim < 3:
        raise ValueError(f"x has shape {x.shape}; expected (N, C, *size) with at least one spatial axis")
    kernel: Any = (kernel_size,) * (x.ndim - 2) if isinstance(kernel_size, int | np.integer) else tuple(kernel_size)
    return window(x.shape[2:], kernel, stride=stride, padding=padding, dilation=dilation)
