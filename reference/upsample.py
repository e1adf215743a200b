"""Upsampling: more numbers along each axis, read off between those that are there                                   (W7).

Output i of an axis looks at the place s_i of the input (indices from 0), k being the scale and n the size:

    s_i = (i + ½)/k − ½                       pixels are little squares, and their edges coincide
    s_i = i·(n − 1)/(k·n − 1)                 `align_corners`: the centres of the first and of the last coincide

nearest takes element ⌊i/k⌋. linear weighs the two around s_i, which is 0 at least: with λ = s_i − ⌊s_i⌋

    y[i] = (1 − λ)·x[⌊s_i⌋] + λ·x[⌊s_i⌋ + 1]

cubic weighs the four around it by w(t) at distance t (Keys 1981, with a = −¾), and outside x stands the element at its end:

    w(t) = (a + 2)t³ − (a + 3)t² + 1  for t ≤ 1,      w(t) = a·(t³ − 5t² + 8t − 4)  for 1 < t < 2

Every axis is multiplied by a matrix A of such weights, so the gradient by its transpose: ∂J/∂x[j] = Σ_i A[i, j]·g[i].
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from reference._resample import along, back, quotient, rounded
from reference._window import Array

Scale = int | Sequence[int]
MODES = ("nearest", "linear", "cubic")
A = Fraction(-3, 4)


def forward(x: Array, *, scale: Scale = 2, mode: str = "nearest", align_corners: bool = False) -> Array:
    """x (N, C, *size) → y (N, C, *scale·size): one whole scale for all axes, or one for each.

    The dtype is that of x, or float64 if x holds whole numbers; float16 is summed in float32 and rounded once.

    Raises ValueError, naming the numbers, if x has no spatial axis or one of no elements, or a parameter makes no sense.
    """
    x = np.asarray(x)
    dtype = quotient(x.dtype)
    return along(x.astype(dtype, copy=False), _matrices(x, scale, mode, align_corners)).astype(dtype, copy=False)


def backward(
    grad_output: Array, x: Array, *, scale: Scale = 2, mode: str = "nearest", align_corners: bool = False
) -> tuple[Array]:
    """∂J/∂x, as a tuple of one, given grad_output = ∂J/∂y of the shape of y; of x only shape and dtype matter.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError as forward does, and if grad_output does not
    have the shape of y.
    """
    x, g = np.asarray(x), np.asarray(grad_output)
    matrices = _matrices(x, scale, mode, align_corners)
    expected = (*x.shape[:2], *map(len, matrices))
    if g.shape != expected:
        raise ValueError(f"grad_output has shape {g.shape}; y has {expected}")
    dtype = np.result_type(g, quotient(x.dtype))
    return (back(g.astype(dtype, copy=False), matrices).astype(dtype, copy=False),)


def place(i: int, size: int, scale: int, *, align_corners: bool) -> Fraction:
    """s_i, exactly."""
    if align_corners:
        return Fraction(i * (size - 1), max(1, scale * size - 1))
    return Fraction(2 * i + 1, 2 * scale) - Fraction(1, 2)


def weights(i: int, size: int, scale: int, mode: str, *, align_corners: bool) -> dict[int, Fraction]:
    """What output i takes of each element that it looks at, exactly."""
    if mode == "nearest":
        return {i // scale: Fraction(1)}
    s = place(i, size, scale, align_corners=align_corners)
    s = max(s, Fraction(0)) if mode == "linear" else s
    first = s.numerator // s.denominator
    part = s - first
    taken = {first: 1 - part, first + 1: part}
    if mode == "cubic":
        taken = {first + d: _keys(abs(part - d)) for d in range(-1, 3)}
    found: dict[int, Fraction] = {}
    for j, weight in taken.items():
        inside = min(max(j, 0), size - 1)
        found[inside] = found.get(inside, Fraction(0)) + weight
    return found


def _keys(t: Fraction) -> Fraction:
    """w(t)."""
    if t <= 1:
        return (A + 2) * t**3 - (A + 3) * t**2 + 1
    return A * (t**3 - 5 * t**2 + 8 * t - 4)


@lru_cache(maxsize=512)
def _matrix(size: int, scale: int, mode: str, align_corners: bool, exact: bool) -> Array:
    """A (scale·size, size), of fractions if `exact`."""
    matrix = np.full((scale * size, size), Fraction(0), object)
    for i, row in enumerate(matrix):
        for j, weight in weights(i, size, scale, mode, align_corners=align_corners).items():
            row[j] = weight
    return rounded(matrix, np.dtype(object if exact else np.longdouble))


def _matrices(x: Array, scale: Scale, mode: str, align_corners: bool) -> list[Array]:
    """For each axis, what multiplies it."""
    if x.ndim < 3 or 0 in x.shape[2:]:
        raise ValueError(
            f"x has shape {x.shape}; expected (N, C, *size) with at least one spatial axis, and elements in each"
        )
    axes = x.ndim - 2
    scales: Any = (scale,) * axes if np.ndim(scale) == 0 else tuple(np.atleast_1d(scale).tolist())
    if len(scales) != axes or any(isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1 for k in scales):
        raise ValueError(f"scale is {scale!r}; expected a whole number of at least 1, or {axes} of them")
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}; expected one of {', '.join(MODES)}")
    if mode == "nearest" and align_corners:
        raise ValueError("align_corners is True, which makes no sense for mode nearest; linear and cubic know it")
    exact = x.dtype == object
    return [_matrix(n, int(k), mode, bool(align_corners), exact) for n, k in zip(x.shape[2:], scales, strict=True)]
