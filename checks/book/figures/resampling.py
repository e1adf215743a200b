"""Figures of adaptive means, upsampling, pixel shuffle, unfold, fold, padding, pooling by norms, and grid sampling."""

from __future__ import annotations

from typing import Any

import numpy as np

from checks.book.contents import Figure
from checks.book.figures.panels import Index, blocks, numbers
from reference import (
    adaptive_avg_pool,
    adaptive_max_pool,
    fold,
    grid_sample,
    lp_pool,
    pad,
    pixel_shuffle,
    unfold,
    upsample,
)


def W6() -> Figure:
    """Five numbers and two means, which share one."""
    x, g = np.array([[[4.0, 8, 3, 1, 5]]]), np.array([[[3.0, 6]]])
    shared: dict[Index, str] = {(2,): "tint"}
    return Figure(
        "Two means of five numbers: the third, tinted, is in both, and gets a share of both cotangents.",
        (
            numbers("x", x[0, 0], shared),
            numbers("y", adaptive_avg_pool.forward(x, output_size=2)[0, 0], sign="→"),
            numbers("g", g[0, 0]),
            numbers("∂J/∂x", adaptive_avg_pool.backward(g, x, output_size=2)[0][0, 0], shared, sign="→"),
        ),
    )


def W7() -> Figure:
    """Three numbers made six, in two ways."""
    x, g = np.array([[[0.0, 8, 4]]]), np.array([[[0.0, 0, 4, 0, 0, 0]]])
    nearest: dict[str, Any] = {"scale": 2}
    linear: dict[str, Any] = {**nearest, "mode": upsample.MODES[1]}
    lit: dict[Index, str] = {(2,): "tint"}
    return Figure(
        "Twice as many: by the nearest, and by linear weights, of which the two at the ends look outside and find the "
        "number at the end. The third output, tinted, has a cotangent of 4, and gives it back to those it has looked at.",
        (
            numbers("x", x[0, 0]),
            numbers("y, nearest", upsample.forward(x, **nearest)[0, 0], lit, sign="→"),
            numbers("y, linear", upsample.forward(x, **linear)[0, 0], lit),
            numbers("∂J/∂x, nearest", upsample.backward(g, x, **nearest)[0][0, 0], sign="→"),
            numbers("∂J/∂x, linear", upsample.backward(g, x, **linear)[0][0, 0]),
        ),
    )


def W8() -> Figure:
    """Four maps of two by two become one of four by four."""
    x = np.arange(1.0, 17).reshape(1, 4, 2, 2)
    return Figure(
        "Four maps of four numbers; each block of the result takes one from each of them, in their order.",
        (
            *(numbers(f"x, map {c + 1}", x[0, c], {(0, 0): "tint"}) for c in range(4)),
            numbers("y", pixel_shuffle.forward(x)[0, 0], blocks((4, 4)), sign="→"),
        ),
    )


def W9() -> Figure:
    """Four numbers, windows of three, and a cotangent of ones."""
    x = np.arange(1.0, 5).reshape(1, 1, 4)
    moves = {"kernel_size": 3, "padding": 1}
    y = unfold.forward(x, **moves)
    return Figure(
        "Windows of three over four numbers with a zero at both ends: each window a column. Under a cotangent of ones, the "
        "gradient counts the windows over each number.",
        (
            numbers("x", x[0, 0]),
            numbers("y", y[0], {i: "dim" for i in np.ndindex(*y.shape[1:]) if not y[0][i]}, sign="→"),
            numbers("∂J/∂x", unfold.backward(np.ones_like(y), x, **moves)[0][0, 0], sign="→"),
        ),
    )


def W10() -> Figure:
    """Two columns of three over four numbers."""
    x, g = np.array([[[1.0, 4], [2, 5], [3, 6]]]), np.array([[[1.0, 2, 3, 4]]])
    moves: dict[str, Any] = {"output_size": 4, "kernel_size": 3}
    lit: dict[Index, str] = {(1,): "tint", (2,): "tint"}
    return Figure(
        "Two columns laid back as windows of three, one apart: where both lie, tinted, they add up.",
        (
            numbers("x", x[0], {(1, 0): "tint", (2, 0): "tint", (0, 1): "tint", (1, 1): "tint"}),
            numbers("y", fold.forward(x, **moves)[0, 0], lit, sign="→"),
            numbers("g", g[0, 0], lit),
            numbers("∂J/∂x", fold.backward(g, x, **moves)[0][0], sign="→"),
        ),
    )


def W11() -> Figure:
    """Four numbers with two more at either end, in each mode."""
    x, ends = np.array([[[1.0, 2, 3, 4]]]), {"before": 2, "after": 2}
    outside: dict[Index, str] = {(i,): "tint" for i in (0, 1, 6, 7)}
    modes = pad.MODES[1:]
    return Figure(
        "Two numbers added at either end of four, tinted. Under a cotangent of ones, the gradient counts the places where "
        "each number stands.",
        (
            numbers("x", x[0, 0]),
            *(numbers(f"y, {m}", pad.forward(x, **ends, mode=m)[0, 0], outside, sign="→") for m in modes),
            *(numbers(f"∂J/∂x, {m}", pad.backward(np.ones((1, 1, 8)), x, **ends, mode=m)[0][0, 0]) for m in modes),
        ),
    )


def W12() -> Figure:
    """Five numbers and two maxima, which both are the third."""
    x, g = np.array([[[4.0, 3, 8, 1, 5]]]), np.array([[[3.0, 6]]])
    shared: dict[Index, str] = {(2,): "tint"}
    return Figure(
        "Two maxima of five numbers: the third, tinted, is in both windows, the largest of both, and gets both cotangents.",
        (
            numbers("x", x[0, 0], shared),
            numbers("y", adaptive_max_pool.forward(x, output_size=2)[0, 0], sign="→"),
            numbers("g", g[0, 0]),
            numbers("∂J/∂x", adaptive_max_pool.backward(g, x, output_size=2)[0][0, 0], shared, sign="→"),
        ),
    )


def W13() -> Figure:
    """Three windows of two numbers, one of them all 0, and two norms."""
    x, g = np.array([[[3.0, -4, 0, 5, 0, 0]]]), np.array([[[10.0, 2, 7]]])
    one, two = 1.0, 2.0
    nothing: dict[Index, str] = {(4,): "tint", (5,): "tint"}
    return Figure(
        "Norms of three windows of two numbers, by p = 2 and p = 1. By p = 2 each gets its share x/y of the cotangent, "
        "by p = 1 all of it, with its sign. The last window, tinted, is all 0: there is no derivative, and 0 is right.",
        (
            numbers("x", x[0, 0], nothing),
            numbers("g", g[0, 0]),
            *(
                figure
                for p in (two, one)
                for figure in (
                    numbers(f"y, p = {p:.0f}", lp_pool.forward(x, norm_type=p)[0, 0], sign="→"),
                    numbers("∂J/∂x", lp_pool.backward(g, x, norm_type=p)[0][0, 0], nothing, sign="→"),
                )
            ),
        ),
    )


def W14() -> Figure:
    """A map of two by two, read at one place, and what each number and each coordinate gets."""
    x, g = np.array([[[[8.0, 4], [0, 12]]]]), np.array([[[[2.0]]]])
    grid = np.array([[[[-0.25, 0.25]]]])
    of_x, of_grid = grid_sample.backward(g, x, grid)
    return Figure(
        "A map that is read at x = −¼, y = ¼: a quarter of a pixel from the left column, three quarters from the top. "
        "The four numbers get their weights times the cotangent; each coordinate gets the slope along its axis.",
        (
            numbers("x", x[0, 0]),
            numbers("grid", grid[0, 0]),
            numbers("y", grid_sample.forward(x, grid)[0, 0], sign="→"),
            numbers("g", g[0, 0]),
            numbers("∂J/∂x", of_x[0, 0], sign="→"),
            numbers("∂J/∂grid", of_grid[0, 0]),
        ),
    )
