"""Lp pooling: of every window its p-norm, each map on its own                                                    (W13).

With s the stride, windows i and offsets k from 0, and p at least 1

    y[n, c, i] = (Σ_k |x[n, c, i·s + k]|^p)^{1/p},   over the offsets k that lie inside x

p = 1 is the sum of absolute values, p = 2 the root of the sum of squares, and the larger p, the nearer is y to the largest.
The outer derivative is (1/p)·(…)^{1/p − 1} = y^{1 − p}/p, the inner p·|x|^{p − 1}·sign x, so with g = ∂J/∂y

    ∂J/∂x[n, c, j] = Σ_{i, k : i·s + k = j} g[n, c, i] · sign(x[n, c, j]) · (|x[n, c, j]| / y[n, c, i])^{p − 1}

Where a window is all 0 there is no derivative: every s with ‖s‖_q ≤ 1, 1/p + 1/q = 1, is a subgradient of y, and this is 0.
So it is for p = 1 wherever x is 0. |x| is divided by the largest of its window first, so that no power leaves the range.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference._resample import quotient
from reference._window import Array, Window, gather, map_blocks, pooling_window, scatter, wide

Numbers = int | tuple[int, ...]


def forward(
    x: Array,
    *,
    norm_type: float = 2.0,
    kernel_size: Numbers = 2,
    stride: Numbers | None = None,
    ceil_mode: bool = False,
) -> Array:
    """The norms: x (N, C, *size) → y (N, C, *output). Parameters as torch's; `stride` None is `kernel_size`.

    The dtype is that of x, or float64 if x holds whole numbers; float16 is computed in float32 and rounded once.

    Raises ValueError, naming the numbers, if x has no spatial axis or is complex, or if a parameter makes no sense.
    """
    x, over = _windows(x, norm_type, kernel_size, stride, ceil_mode)
    y = np.empty((*x.shape[:2], *over.output), x.dtype)
    for of_x, of_y in map_blocks(x, y):
        _, largest, root = _relative(of_x[None], over, norm_type)
        of_y[...] = (largest * root)[0]
    return y


def backward(
    grad_output: Array,
    x: Array,
    *,
    norm_type: float = 2.0,
    kernel_size: Numbers = 2,
    stride: Numbers | None = None,
    ceil_mode: bool = False,
) -> tuple[Array]:
    """∂J/∂x, as a tuple of one, given grad_output = ∂J/∂y (N, C, *output); 0 where there is no derivative.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError as forward does, and if grad_output does not
    have the shape of y.
    """
    x, over = _windows(x, norm_type, kernel_size, stride, ceil_mode)
    g = np.asarray(grad_output)
    if g.shape != (*x.shape[:2], *over.output):
        raise ValueError(f"grad_output has shape {g.shape}; y has {(*x.shape[:2], *over.output)}")
    dtype = np.result_type(g, x)
    grad_x = np.empty(x.shape, dtype)
    spread = (slice(None),) * 2 + (None,) * len(over.size)
    for of_x, of_g, of_grad_x in map_blocks(x, g, grad_x):
        part, _, root = _relative(of_x[None], over, norm_type)
        with np.errstate(invalid="ignore"):  # ∞ / ∞ where an infinity is in the window
            part /= np.where(root == 0, 1, root)[spread]
        if norm_type != 2:
            np.copyto(part, 1, where=part == 0)  # its sign is 0, and a power of 0 may have no derivative
            part **= norm_type - 1
        part *= of_g[None][spread].astype(part.dtype, copy=False)
        of_grad_x[...] = (scatter(_signed(part, of_x, over), over))[0]
    return (grad_x,)


def _relative(x: Array, over: Window, p: float) -> tuple[Array, Array, Array]:
    """|x| over the largest of each window (1, maps, *kernel, *output), that largest, and the p-norm of the first.

    Objects, such as numbers that carry a derivative, leave no range and are divided by 1.
    """
    axes = tuple(range(2, 2 + len(over.size)))
    part = np.abs(gather(wide(x), over))
    largest = part.max(axes)
    usual = (largest > 0) & (largest < np.inf) if part.dtype != object else False
    scale = np.where(usual, largest, 1).astype(part.dtype)
    part /= scale[(slice(None),) * 2 + (None,) * len(axes)]
    with np.errstate(invalid="ignore"):
        total = (part * part if p == 2 else part**p).sum(axes)
        root = np.sqrt(total) if p == 2 else total ** (1 / p)
    return part, scale, root


def _signed(part: Array, x: Array, over: Window) -> Array:
    """With the signs of x, 0 where x is 0."""
    part *= gather(np.sign(wide(x))[None], over)
    return part


def _windows(x: Array, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> tuple[Array, Window]:
    """x as an array of what y is made of, and the windows over it."""
    x = np.asarray(x)
    if x.ndim < 3:
        raise ValueError(f"x has shape {x.shape}; expected (N, C, *size) with at least one spatial axis")
    if x.dtype.kind == "c":
        raise ValueError(f"x is {x.dtype}; |x| has no derivative by a complex number")
    if isinstance(norm_type, bool) or not 1 <= norm_type < np.inf:
        raise ValueError(f"norm_type is {norm_type!r}; expected a number of at least 1")
    over = pooling_window(x.shape[2:], kernel_size, stride=stride, ceil_mode=ceil_mode)
    return x.astype(quotient(x.dtype), copy=False), over
