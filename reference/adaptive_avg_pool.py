"""Adaptive average pooling: as many means along each axis as are asked for, whatever the size of the input          (W6).

Of n elements along an axis and m means, mean i is over the elements from ⌊i·n/m⌋ to before ⌈(i + 1)·n/m⌉ (indices from 0):

    y[i] = Σ_{j = a_i}^{b_i − 1} x[j] / (b_i − a_i),   a_i = ⌊i·n/m⌋,   b_i = ⌈(i + 1)·n/m⌉

and so in every axis. Where m divides n, these are the windows of average pooling; elsewhere their sizes differ by one at
most, neighbours share an element, and nothing is left over. With g = ∂J/∂y every element gets the shares of all means that
it is in:

    ∂J/∂x[j] = Σ_{i : a_i ≤ j < b_i} g[i] / (b_i − a_i)

One mean along each axis is global average pooling.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from reference._resample import along, back, quotient, rounded
from reference._window import Array

Output = int | Sequence[int]


def forward(x: Array, *, output_size: Output = 1) -> Array:
    """The means: x (N, C, *size) → y (N, C, *output_size), one number for all axes or one for each.

    The dtype is that of x, or float64 if x holds whole numbers; float16 is summed in float32 and rounded once.

    Raises ValueError, naming the numbers, if x has no spatial axis or one of no elements, or output_size makes no sense.
    """
    x = np.asarray(x)
    dtype = quotient(x.dtype)
    return along(x.astype(dtype, copy=False), _means(x, output_size)).astype(dtype, copy=False)


def backward(grad_output: Array, x: Array, *, output_size: Output = 1) -> tuple[Array]:
    """∂J/∂x, as a tuple of one, given grad_output = ∂J/∂y (N, C, *output_size); of x only shape and dtype matter.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError as forward does, and if grad_output does not
    have the shape of y.
    """
    x, g = np.asarray(x), np.asarray(grad_output)
    means = _means(x, output_size)
    expected = (*x.shape[:2], *map(len, means))
    if g.shape != expected:
        raise ValueError(f"grad_output has shape {g.shape}; y has {expected}")
    dtype = np.result_type(g, quotient(x.dtype))
    return (back(g.astype(dtype, copy=False), means).astype(dtype, copy=False),)


def ends(size: int, means: int) -> tuple[Array, Array]:
    """Where each of so many means begins, and the first element after it."""
    i = np.arange(means)
    return i * size // means, -(-(i + 1) * size // means)


def outputs(x: Array, output_size: Output) -> tuple[int, ...]:
    """How many are asked for along each spatial axis of x; ValueError if that makes no sense."""
    if x.ndim < 3 or 0 in x.shape[2:]:
        raise ValueError(
            f"x has shape {x.shape}; expected (N, C, *size) with at least one spatial axis, and elements in each"
        )
    axes = x.ndim - 2
    wanted: Any = (output_size,) * axes if np.ndim(output_size) == 0 else tuple(np.atleast_1d(output_size).tolist())
    if len(wanted) != axes or any(isinstance(m, bool) or not isinstance(m, int | np.integer) or m < 1 for m in wanted):
        raise ValueError(f"output_size is {output_size!r}; expected a whole number of at least 1, or {axes} of them")
    return tuple(map(int, wanted))


def _means(x: Array, output_size: Output) -> list[Array]:
    """For each axis, what multiplies it."""
    pairs = zip(x.shape[2:], outputs(x, output_size), strict=True)
    return [_matrix(n, m, x.dtype == object) for n, m in pairs]


@lru_cache(maxsize=512)
def _matrix(size: int, means: int, exact: bool) -> Array:
    """1/(b_i − a_i) where a mean takes an element; of fractions if `exact`."""
    matrix = np.full((means, size), Fraction(0), object)
    for row, first, last in zip(matrix, *ends(size, means), strict=True):
        row[first:last] = Fraction(1, int(last - first))
    return rounded(matrix, np.dtype(object if exact else np.longdouble))
