"""Fold: columns laid back where the windows are that unfold takes them from, and added up                         (W10).

With s the stride, d the dilation, p the padding, windows i and offsets k numbered row by row as l and κ, all from 0,

    y[n, c, j] = Σ_{i, k : i·s + k·d − p = j} x[n, c·|kernel| + κ, l]

which is the adjoint of unfold, so that unfold is its adjoint: each element of x is added to one element of y, if any, and
gets that one's cotangent. With g = ∂J/∂y

    ∂J/∂x[n, c·|kernel| + κ, l] = g[n, c, i·s + k·d − p],   0 where that is padding
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from reference._window import Array, Window, gather, scatter, wide, window

Numbers = int | tuple[int, ...]


def forward(
    x: Array,
    *,
    output_size: Sequence[int],
    kernel_size: Numbers = 2,
    stride: Numbers = 1,
    padding: Numbers = 0,
    dilation: Numbers = 1,
) -> Array:
    """The sums: x (N, C·|kernel|, L) for L windows → y (N, C, *output_size). Parameters as torch's.

    `output_size` is one number along one axis, else one for each axis. The dtype is that of x; float16 is summed in
    float32 and rounded once. Raises ValueError, naming the numbers, if x has no such columns or a parameter makes no sense.
    """
    x = np.asarray(x)
    over, channels = _windows(x, output_size, kernel_size, stride, padding, dilation)
    laid = wide(x).reshape(len(x), channels, *over.kernel, *over.output)
    return scatter(laid, over).astype(x.dtype, copy=False)


def backward(
    grad_output: Array,
    x: Array,
    *,
    output_size: Sequence[int],
    kernel_size: Numbers = 2,
    stride: Numbers = 1,
    padding: Numbers = 0,
    dilation: Numbers = 1,
) -> tuple[Array]:
    """∂J/∂x, as a tuple of one, given grad_output = ∂J/∂y (N, C, *output_size); of x only the shape matters.

    The dtype is that of grad_output. Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x, g = np.asarray(x), np.asarray(grad_output)
    over, channels = _windows(x, output_size, kernel_size, stride, padding, dilation)
    if g.shape != (len(x), channels, *over.size):
        raise ValueError(f"grad_output has shape {g.shape}; y has {(len(x), channels, *over.size)}")
    return (np.array(gather(g, over)).reshape(x.shape),)


def _windows(
    x: Array, output_size: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[Window, int]:
    """The windows of these parameters over y, and how many channels y has."""
    size = (output_size,) if isinstance(output_size, int | np.integer) else tuple(output_size)
    if not size or any(isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1 for n in size):
        raise ValueError(f"output_size is {output_size!r}; expected a whole number of at least 1 for each spatial axis")
    kernel: Any = (kernel_size,) * len(size) if isinstance(kernel_size, int | np.integer) else tuple(kernel_size)
    if len(kernel) != len(size):
        raise ValueError(f"kernel_size is {kernel_size!r} and output_size {output_size!r}; expected as many entries")
    over = window(size, kernel, stride=stride, padding=padding, dilation=dilation)
    rows, columns = prod(kernel), prod(over.output)
    if x.ndim != 3 or x.shape[1] % rows or x.shape[2] != columns:
        raise ValueError(f"x has shape {x.shape}; expected (N, C·{rows}, {columns}): a column for each of the windows")
    return over, x.shape[1] // rows
