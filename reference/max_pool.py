"""Max pooling: of every window the largest element, each map on its own                                    (004, C11).

With s the stride, d the dilation, p the padding and all indices from 0

    y[n, c, i] = max_k x[n, c, i·s + k·d − p],   over the offsets k that lie inside x: padding counts as −∞

Let k*[n, c, i] be the first offset, row by row, at which the maximum stands. Around x, y is the element that was picked,
x[n, c, i·s + k*·d − p], so with g = ∂J/∂y all of g goes back there, and nothing elsewhere (004, C15):

    ∂J/∂x[n, c, j] = Σ_{i : i·s + k*[n, c, i]·d − p = j} g[n, c, i]

At a tie every share of g among the equal elements is a subgradient; this one, as torch's, gives all to the first.
NaN is larger than everything, so it comes through, and the first NaN is the one that is picked.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from reference._window import Array, Window, map_blocks, over_windows, pooling_window, wide


def forward(
    x: Array,
    *,
    kernel_size: int | tuple[int, ...] = 2,
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    ceil_mode: bool = False,
) -> Array:
    """The largest element of each window: x (N, C, *size) → y (N, C, *output), of the same dtype.

    The parameters are torch's, one number or one for each axis; `stride` None is `kernel_size`. How many windows there
    are: see `_window.pooling_window`. A window whose every offset lies in the padding gives −∞ (the least whole number).

    Raises ValueError, naming the numbers, if x has no spatial axis or is complex, or if a parameter makes no sense.
    """
    x = np.asarray(x)
    over = _window(x, kernel_size, stride, padding, dilation, ceil_mode)
    return over_windows(np.maximum, x, over, _least(x.dtype))


def backward(
    grad_output: Array,
    x: Array,
    *,
    kernel_size: int | tuple[int, ...] = 2,
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    ceil_mode: bool = False,
) -> tuple[Array]:
    """∂J/∂x, as a tuple of one, given grad_output = ∂J/∂y (N, C, *output): all of it to the first maximum.

    The dtype is what NumPy promotes grad_output and x to; float16 is summed in float32 and rounded once. An element that
    is no first maximum gets exactly 0.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x, g = np.asarray(x), np.asarray(grad_output)
    over = _window(x, kernel_size, stride, padding, dilation, ceil_mode)
    if g.shape != (*x.shape[:2], *over.output):
        raise ValueError(f"grad_output has shape {g.shape}; y has {(*x.shape[:2], *over.output)}")
    dtype = np.result_type(g, x)
    grad_x = np.zeros(x.shape, wide(np.empty(0, dtype)).dtype)
    for of_x, of_g, of_grad_x in map_blocks(x, g, grad_x):
        passed = _passed(of_x, over)
        place, cotangent = _places(passed, over).reshape(-1), of_g.astype(grad_x.dtype, copy=False).reshape(-1)
        found = passed.reshape(-1) < len(over.meetings)
        if not found.all():  # windows that lie in the padding with every offset
            place, cotangent = place[found], cotangent[found]
        np.add.at(of_grad_x.reshape(-1), place, cotangent)
    return (grad_x.astype(dtype, copy=False),)


def _passed(x: Array, over: Window) -> Array:
    """How many offsets come before the first that has the maximum, for each window of the maps x; all if none has it."""
    y = over_windows(np.maximum, x[None], over, _least(x.dtype))[0]
    nan = bool((y != y).any())  # noqa: PLR0124, NaN alone differs from itself
    looking = np.ones(y.shape, bool)
    passed = np.zeros(y.shape, np.min_scalar_type(len(over.meetings)))
    for _, reaching, reached in over.meetings:
        here, element = (slice(None), *reaching), x[:, *reached]
        other = element != y[here]
        if nan:
            other &= element == element  # noqa: PLR0124, what is NaN ends the search
        looking[here] &= other
        passed += looking.view(np.uint8)
    return passed


def _places(passed: Array, over: Window) -> Array:
    """Where in x.ravel(), for maps x, the element stands that each window comes to after so many offsets."""
    axes = len(over.size)
    steps = [prod(over.size[axis:]) for axis in range(axes + 1)]
    none = (0,) * axes  # for windows that passed all offsets
    offsets = np.array([*(offset for offset, _, _ in over.meetings), none])
    places = (offsets * over.dilation @ steps[1:]).take(passed)
    # The first element of each window, which may be padding, is so many places from the first of its map.
    corners = (np.arange(o) * s - b for o, s, b in zip(over.output, over.stride, over.before, strict=True))
    for along, step in zip(np.ix_(np.arange(len(passed)), *corners), steps, strict=True):
        places += along * step
    return places


def _least(dtype: Any) -> Any:
    """The least number of this dtype."""
    if dtype.kind == "b":
        return False
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _window(x: Array, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Window:
    """The window of these parameters over x."""
    if x.ndim < 3:
        raise ValueError(f"x has shape {x.shape}; expected (N, C, *size) with at least one spatial axis")
    if x.dtype.kind == "c":
        raise ValueError(f"x is {x.dtype}; complex numbers have no order, so none of them is the largest")
    return pooling_window(
        x.shape[2:], kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
