"""Subsampling: every disjoint block summed, times the coefficient of its map, plus the bias of its map        (001, B8).

With `down(x)[i]` the sum of block i, K × K numbers for a kernel of K,

    u[n, c, i] = β[c] · down(x)[n, c, i] + b[c],   down(x)[n, c, i] = Σ_{0 ≤ k < K} x[n, c, i·K + k]

Rows and columns that do not fill a block are dropped. The document's layer is f(u): the activation f is a layer of its own
here. u is linear in x, in β and in b, so with g = ∂J/∂u (the document's residual δ of this layer)

    ∂J/∂x[n, c, j] = β[c] · up(g)[n, c, j]            up repeats each number over its block           (001, B3 and B4)
    ∂J/∂β[c]       = Σ_{n, i} g[n, c, i] · down(x)[n, c, i]                                         (001, B11 and B12)
    ∂J/∂b[c]       = Σ_{n, i} g[n, c, i]                                                                   (001, B13)

`up` is the adjoint of `down`, and gives exactly 0 to what was dropped.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference._window import Array, Window, over_windows, pooling_window, spread, wide


def forward(x: Array, coefficient: Array, bias: Array, *, kernel_size: int | tuple[int, ...] = 2) -> Array:
    """The blocks of x (N, C, *size), summed, times coefficient (C,), plus bias (C,) → y (N, C, *output).

    `kernel_size`, one number or one for each axis, is the block's; output = ⌊size / kernel_size⌋ along each axis. The
    dtype is what NumPy promotes the inputs to; float16 is summed in float32 and rounded once.

    Raises ValueError, naming the numbers, if the shapes do not fit together or not one block fits into x.
    """
    x, coefficient, bias = np.asarray(x), np.asarray(coefficient), np.asarray(bias)
    over = _window(x, coefficient, bias, kernel_size)
    dtype = np.result_type(x, coefficient, bias)
    y = over_windows(np.add, x.astype(wide(np.empty(0, dtype)).dtype, copy=False), over, 0)
    y *= _of_maps(coefficient, over)
    y += _of_maps(bias, over)
    return y.astype(dtype, copy=False)


def backward(
    grad_output: Array, x: Array, coefficient: Array, bias: Array, *, kernel_size: int | tuple[int, ...] = 2
) -> tuple[Array, Array, Array]:
    """∂J/∂x, ∂J/∂coefficient and ∂J/∂bias, given grad_output = ∂J/∂y (N, C, *output).

    Each has the shape of its input and the dtype that NumPy gives the two factors of its product.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x, coefficient, bias, g = (np.asarray(a) for a in (x, coefficient, bias, grad_output))
    over = _window(x, coefficient, bias, kernel_size)
    if g.shape != (*x.shape[:2], *over.output):
        raise ValueError(f"grad_output has shape {g.shape}; y has {(*x.shape[:2], *over.output)}")
    of_maps = (0, *range(2, g.ndim))
    grad_x = spread(wide(g) * wide(_of_maps(coefficient, over)), over)
    grad_coefficient = (wide(g) * over_windows(np.add, wide(x), over, 0)).sum(axis=of_maps)
    grad_bias = wide(g).sum(axis=of_maps)
    return (
        grad_x.astype(np.result_type(g, coefficient), copy=False),
        grad_coefficient.astype(np.result_type(g, x), copy=False),
        grad_bias.astype(g.dtype, copy=False),
    )


def _of_maps(numbers: Array, over: Window) -> Array:
    """One number for each map, laid along the channels of (N, C, *output)."""
    return numbers.reshape(-1, *(1,) * len(over.size))


def _window(x: Array, coefficient: Array, bias: Array, kernel_size: Any) -> Window:
    """The window whose places are the blocks, once the shapes are known to fit together."""
    if x.ndim < 3:
        raise ValueError(f"x has shape {x.shape}; expected (N, C, *size) with at least one spatial axis")
    for name, numbers in (("coefficient", coefficient), ("bias", bias)):
        if numbers.shape != (x.shape[1],):
            raise ValueError(f"{name} has shape {numbers.shape}; x {x.shape} needs ({x.shape[1]},), one for each map")
    return pooling_window(x.shape[2:], kernel_size)
