"""Adaptive max pooling: as many maxima along each axis as are asked for, whatever the size of the input          (W12).

Its windows are those of adaptive average pooling: of n elements along an axis and m maxima, window i holds those from
⌊i·n/m⌋ to before ⌈(i + 1)·n/m⌉ (indices from 0), so that neighbours may share an element. Each picks as max pooling
does: with j*(i) the first place, row by row, at which the largest of window i stands, and g = ∂J/∂y

    y[i] = x[j*(i)],        ∂J/∂x[j] = Σ_{i : j*(i) = j} g[i]

At a tie every share of g among the equal elements is a subgradient; this one gives all to the first, as torch's does.
NaN is larger than everything. A window is a box, so its maximum is that of its rows' maxima, one axis after the other;
the first place is the first in the first row that has it.

One maximum along each axis is global max pooling.
"""

from __future__ import annotations

from math import prod

import numpy as np

from reference._window import Array, map_blocks, wide
from reference.adaptive_avg_pool import Output, ends, outputs


def forward(x: Array, *, output_size: Output = 1) -> Array:
    """The maxima: x (N, C, *size) → y (N, C, *output_size) of the same dtype, one number for all axes or one for each.

    Raises ValueError, naming the numbers, if x is complex, has no spatial axis or one of no elements, or output_size makes
    no sense.
    """
    x = _ordered(x)
    counts = outputs(x, output_size)
    y = np.empty((*x.shape[:2], *counts), x.dtype)
    for of_x, of_y in map_blocks(x, y):
        rows = of_x
        for axis in reversed(range(1, of_x.ndim)):
            rows = laid(rows, axis, counts[axis - 1]).max(axis + 1)
        of_y[...] = rows
    return y


def backward(grad_output: Array, x: Array, *, output_size: Output = 1) -> tuple[Array]:
    """∂J/∂x, as a tuple of one, given grad_output = ∂J/∂y (N, C, *output_size): all of it to the first maximum.

    The dtype is what NumPy promotes grad_output and x to; float16 is summed in float32 and rounded once. Raises ValueError
    as forward does, and if grad_output does not have the shape of y.
    """
    x, g = _ordered(x), np.asarray(grad_output)
    counts = outputs(x, output_size)
    if g.shape != (*x.shape[:2], *counts):
        raise ValueError(f"grad_output has shape {g.shape}; y has {(*x.shape[:2], *counts)}")
    dtype = np.result_type(g, x)
    grad_x = np.zeros(x.shape, wide(np.empty(0, dtype)).dtype)
    maps = prod(x.shape[2:])
    for of_x, of_g, of_grad_x in map_blocks(x, g, grad_x):
        at = _first(of_x, counts) + np.arange(len(of_x)).reshape(-1, *(1,) * len(counts)) * maps
        np.add.at(of_grad_x.reshape(-1), at.reshape(-1), of_g.astype(grad_x.dtype, copy=False).reshape(-1))
    return (grad_x.astype(dtype, copy=False),)


def laid(a: Array, axis: int, count: int) -> Array:
    """One axis made two, windows and the elements of each; of a smaller window the last element several times."""
    size = a.shape[axis]
    if size % count == 0:
        return a.reshape(*a.shape[:axis], count, size // count, *a.shape[axis + 1 :])
    return a.take(places(size, count), axis)


def places(size: int, count: int) -> Array:
    """Where the elements of each window stand along an axis, (count, most elements): the last is repeated to fill up."""
    first, last = ends(size, count)
    offsets = np.arange((last - first).max())
    return np.asarray(np.minimum(first[:, None] + offsets, last[:, None] - 1))


def _first(x: Array, counts: tuple[int, ...]) -> Array:
    """Which element of a map x[n].ravel() each window picks."""
    rows, at = x, np.arange(prod(x.shape[1:])).reshape(1, *x.shape[1:])
    for axis in reversed(range(1, x.ndim)):
        windows = laid(rows, axis, counts[axis - 1])
        picked = np.expand_dims(windows.argmax(axis + 1), axis + 1)
        rows = np.take_along_axis(windows, picked, axis + 1).squeeze(axis + 1)
        at = np.take_along_axis(laid(at, axis, counts[axis - 1]), picked, axis + 1).squeeze(axis + 1)
    return at


def _ordered(x: Array) -> Array:
    x = np.asarray(x)
    if x.dtype.kind == "c":
        raise ValueError(f"x is {x.dtype}; complex numbers have no order, so none of them is the largest")
    return x
