"""Grid sampling: numbers read off between the elements of a map, at places that are inputs too                   (W14).

`grid` holds a place for each output, one coordinate for each spatial axis, the last axis first (x before y), and −1 … 1
from one end of the map to the other. Along an axis of size n a coordinate a is the place (indices from 0)

    s = ((a + 1)·n − 1)/2                     pixels are little squares, and ±1 are the edges of the outer two
    s = (a + 1)·(n − 1)/2                     `align_corners`: ±1 are the centres of the outer two

Outside, `padding_mode` says what is read: zeros; the element at the border, r(s) = min(max(s, 0), n − 1); or what a mirror
shows, at the edge of the outer pixel, or with `align_corners` at its centre, so that r runs up and down; then as border.

nearest takes the element at round(s), halves to the even one. linear weighs the two elements around s, along each axis by
itself: with λ = s − ⌊s⌋ and e the element at ⌊s⌋ or the next, w = 1 − λ or λ, and with g = ∂J/∂y,

    y[i] = Σ_e Π_axes w(e, s_i) · x[e]                              over the corners e of the cell that s_i lies in
    ∂J/∂x[j] = Σ_{i, e : e = j} Π w(e, s_i) · g[i]
    ∂J/∂a_i = ds/da · r'(s) · Σ_channels g[i] · Σ_e (±1) · Π_other axes w(e, s_i) · x[e]          + for the next, − for ⌊s⌋

with ds/da = n/2, or (n − 1)/2 with `align_corners`; r' is 1, −1 where a mirror turns it, 0 where r stays at a border. On
the line between two cells the slopes of both are right, and all between them; this one is ahead, in the cell that ⌊s⌋
begins, and 0 at a border. nearest has no slope at all: ∂J/∂a = 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from reference._resample import quotient
from reference._window import Array, wide

MODES = ("linear", "nearest")
PADDINGS = ("zeros", "border", "reflection")


@dataclass(frozen=True, eq=False)
class Along:
    """One axis: of each place the two elements around it, their weights, which of them are there, and dr(s)/da."""

    at: tuple[Array, Array]
    weight: tuple[Array, Array]
    inside: tuple[Array, Array]
    slope: Array


def forward(
    x: Array, grid: Array, *, mode: str = "linear", padding_mode: str = "zeros", align_corners: bool = False
) -> Array:
    """What x (N, C, *size) holds at the places of grid (N, *output, axes): y (N, C, *output).

    The dtype is what NumPy promotes x and grid to, or float64 of whole numbers; float16 is computed in float32 and rounded
    once. Raises ValueError, naming what was given, if shapes do not go together, x has no elements along an axis, or a
    parameter makes no sense.
    """
    x, grid, dtype = _arrays(x, grid, mode, padding_mode)
    y = sampled(x, around(x, grid, mode, padding_mode, align_corners=align_corners))
    return y.reshape(*x.shape[:2], *grid.shape[1:-1]).astype(dtype, copy=False)


def backward(
    grad_output: Array,
    x: Array,
    grid: Array,
    *,
    mode: str = "linear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
) -> tuple[Array, Array]:
    """∂J/∂x and ∂J/∂grid, given grad_output = ∂J/∂y (N, C, *output).

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError as forward does, and if grad_output does not
    have the shape of y.
    """
    x, grid, dtype = _arrays(x, grid, mode, padding_mode)
    g = np.asarray(grad_output)
    if g.shape != (*x.shape[:2], *grid.shape[1:-1]):
        raise ValueError(f"grad_output has shape {g.shape}; y has {(*x.shape[:2], *grid.shape[1:-1])}")
    dtype = np.result_type(g, dtype)
    axes = around(x, grid, mode, padding_mode, align_corners=align_corners)
    g = g.reshape(*g.shape[:2], prod(g.shape[2:])).astype(np.result_type(g, x), copy=False)
    grad_x, grad_grid = shared(g, x, axes, sloped=mode == MODES[0])
    return grad_x.astype(dtype, copy=False), grad_grid.reshape(grid.shape).astype(dtype, copy=False)


def sampled(x: Array, axes: Sequence[Along]) -> Array:
    """y (N, C, places), where axes say what each place looks at."""
    y = np.zeros((*x.shape[:2], axes[0].slope.shape[1]), x.dtype)
    for at, weights, inside, _ in _corners(x, axes):
        y += np.where(inside, prod(weights), 0)[:, None] * _read(x, at)
    return y


def shared(g: Array, x: Array, axes: Sequence[Along], *, sloped: bool = True) -> tuple[Array, Array]:
    """∂J/∂x, and ∂J/∂grid (N, places, axes), of g (N, C, places); the second is 0 if not `sloped`."""
    grad_x = np.zeros((prod(x.shape[:2]), prod(x.shape[2:])), g.dtype)
    grad_grid = np.zeros((*g.shape[::2], len(axes)), g.dtype)
    rows = np.arange(len(grad_x)).reshape(*x.shape[:2], 1)
    for at, weights, inside, signs in _corners(x, axes):
        np.add.at(grad_x, (rows, at[:, None]), np.where(inside, prod(weights), 0)[:, None] * g)
        if sloped:
            read = np.where(inside, (_read(x, at) * g).sum(1), 0)
            for a, sign in enumerate(signs):
                grad_grid[..., a] += sign * prod(w for b, w in enumerate(weights) if b != a) * read
    for a, along in enumerate(axes):
        grad_grid[..., a] *= along.slope
    return grad_x.reshape(x.shape), grad_grid[..., ::-1]


def place(a: Array, size: int, *, align_corners: bool) -> tuple[Array, float]:
    """s, and ds/da."""
    if align_corners:
        return (a + 1) * ((size - 1) / 2), (size - 1) / 2
    return ((a + 1) * size - 1) / 2, size / 2


def turned(s: Array, size: int, *, align_corners: bool) -> tuple[Array, Array]:
    """r(s) before it stops at a border, and whether it goes up: up and down between the mirrors, which are a size apart."""
    low, span = (0.0, size - 1) if align_corners else (-0.5, size)
    if span == 0:
        return np.zeros_like(s), np.zeros(s.shape, bool)
    values = s.astype(np.float64) if s.dtype == object else s
    times = np.floor((values - low) / span)
    up = times % 2 == 0
    within = s - times * span
    return np.where(up, within, 2 * low + span - within), up


def around(x: Array, grid: Array, mode: str, padding_mode: str, *, align_corners: bool) -> list[Along]:
    """What each place of grid looks at, along each axis of x, first to last."""
    flat = grid.reshape(len(grid), prod(grid.shape[1:-1]), grid.shape[-1])[..., ::-1]
    found = []
    for a, size in enumerate(x.shape[2:]):
        s, scale = place(flat[..., a], size, align_corners=align_corners)
        slope = np.full(s.shape, scale, s.dtype)
        if padding_mode == PADDINGS[2]:
            s, up = turned(s, size, align_corners=align_corners)
            slope = np.where(up, slope, -slope)
        if padding_mode != PADDINGS[0]:
            slope = np.where((s > 0) & (s < size - 1), slope, 0)
            s = np.where(s > 0, np.where(s < size - 1, s, size - 1), 0)
        values = s.astype(np.float64) if s.dtype == object else s
        first = np.rint(values) if mode == MODES[1] else np.floor(values)
        part = s - first if mode == MODES[0] else np.zeros_like(s)
        first = np.clip(np.nan_to_num(first), -2, size).astype(np.intp)
        inside = (first >= 0) & (first < size), (first >= -1) & (first < size - 1) & (mode == MODES[0])
        at = np.clip(first, 0, size - 1), np.clip(first + 1, 0, size - 1)
        found.append(Along(at, (1 - part, part), inside, slope))
    return found


def _corners(x: Array, axes: Sequence[Along]) -> Iterator[tuple[Array, list[Array], Array, list[int]]]:
    """Of each corner of the cells its index in a map, its weights along the axes, whether it is there, which end it is."""
    for ends in product((0, 1), repeat=len(axes)):
        chosen = [(along.at[e], along.weight[e], along.inside[e]) for e, along in zip(ends, axes, strict=True)]
        at, weights, inside = (list(part) for part in zip(*chosen, strict=True))
        index = np.ravel_multi_index(tuple(at), x.shape[2:])
        yield index, weights, np.logical_and.reduce(inside), [2 * e - 1 for e in ends]


def _read(x: Array, at: Array) -> Array:
    """x (N, C, *size) at these indices of each map (N, places): (N, C, places)."""
    maps = x.reshape(*x.shape[:2], prod(x.shape[2:]))
    return np.take_along_axis(maps, np.broadcast_to(at[:, None], (*x.shape[:2], at.shape[1])), 2)


def _arrays(x: Any, grid: Any, mode: str, padding_mode: str) -> tuple[Array, Array, np.dtype[Any]]:
    """x and grid in one dtype wide enough to compute in, and the dtype of y."""
    x, grid = np.asarray(x), np.asarray(grid)
    if x.ndim < 3 or 0 in x.shape[2:]:
        raise ValueError(
            f"x has shape {x.shape}; expected (N, C, *size) with at least one spatial axis, and elements in each"
        )
    axes = x.ndim - 2
    if grid.ndim != x.ndim or grid.shape[0] != x.shape[0] or grid.shape[-1] != axes:
        raise ValueError(
            f"grid has shape {grid.shape}; expected {(len(x), *('*',) * axes, axes)} for x of shape {x.shape}: as many "
            f"samples, as many axes of places, and {axes} coordinates for each"
        )
    if "c" in (x.dtype.kind, grid.dtype.kind):
        raise ValueError(f"x is {x.dtype} and grid {grid.dtype}; places are no complex numbers")
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}; expected one of {', '.join(MODES)}")
    if padding_mode not in PADDINGS:
        raise ValueError(f"padding_mode is {padding_mode!r}; expected one of {', '.join(PADDINGS)}")
    dtype = quotient(np.result_type(x, grid))
    return wide(x.astype(dtype, copy=False)), wide(grid.astype(dtype, copy=False)), dtype
