"""Figures of subsampling and pooling: blocks of a map."""

from __future__ import annotations

from typing import Any

import numpy as np

from checks.algebra.polynomial import symbols
from checks.book.contents import Figure
from checks.book.figures.panels import blocks, named, numbers, panel
from checks.numbers.precision import Array
from checks.render.grid import Cell
from reference import avg_pool, max_pool, subsample

# 1 to 16 as 001 labels a 4x4 map: block by block, and row by row within each.
LABELS = np.arange(1, 17).reshape(2, 2, 2, 2).swapaxes(1, 2).reshape(4, 4)

# A map whose maxima stand in different corners of their regions.
MAP = np.array([[1, 5, 2, 0], [3, 2, 4, 1], [0, 1, 2, 2], [7, 4, 3, 6]])


def down(x: Array) -> Array:
    """The sum of each 2x2 block of a map."""
    y: Array = subsample.forward(x[None, None], np.ones(1, int), np.zeros(1, int))[0, 0]
    return y


def pooled(op: Any, x: Array) -> Array:
    """A map pooled over 2x2 regions."""
    y: Array = op.forward(x[None, None])[0, 0]
    return y


def spread(op: Any, delta: Array, x: Array) -> Array:
    """The gradient of a map that was pooled."""
    of_x: Array = op.backward(delta[None, None], x[None, None])[0][0, 0]
    return of_x


def maxima(x: Array) -> dict[tuple[int, ...], str]:
    """The places to which max pooling sends the gradient."""
    return {i: "lit" for i, g in np.ndenumerate(spread(max_pool, np.ones((2, 2)), x)) if g}


def B3() -> Figure:
    """Each element over its block."""
    delta, x = symbols("δ", (1, 1, 2, 2)), np.zeros((1, 1, 4, 4))
    up, _, _ = subsample.backward(delta, x, np.ones(1), np.zeros(1))

    def name(element: Any) -> str:
        (((_, index),),) = element.terms
        return named("δ", index[2:])

    return Figure(
        "Every number once for each element of its block.",
        (
            panel("δ", (2, 2), lambda i: Cell(name(delta[0, 0][i]), blocks((2, 2), 1).get(i, ""))),
            panel("up(δ)", (4, 4), lambda i: Cell(name(up[0, 0][i]), blocks((4, 4)).get(i, "")), sign="→"),
        ),
    )


def B8() -> Figure:
    """Blocks and their sums."""
    return Figure(
        "Each block and its sum.",
        (numbers("x", MAP, blocks((4, 4))), numbers("down(x)", down(MAP), blocks((2, 2), 1), sign="→")),
    )


def B12() -> Figure:
    """The labelled map and its sums."""
    return Figure(
        "The document's labels, block by block, and the sum of each block.",
        (
            numbers("x", LABELS, blocks((4, 4))),
            numbers("the sums", down(LABELS), blocks((2, 2), 1), sign="→"),
        ),
    )


def C11() -> Figure:
    """Means and maxima of regions."""
    return Figure(
        "Regions of 2x2, their means and their maxima; what is marked is a maximum.",
        (
            numbers("x", MAP, blocks((4, 4)) | maxima(MAP)),
            numbers("mean", pooled(avg_pool, MAP), blocks((2, 2), 1), sign="→"),
            numbers("max", pooled(max_pool, MAP), blocks((2, 2), 1)),
        ),
    )


def C12() -> Figure:
    """A feature that moves."""
    parts = []
    for caption, at in (("x", (0, 0)), ("moved within", (1, 1)), ("moved across", (1, 2))):
        x = np.zeros((4, 4), int)
        x[at] = 9
        lit = {at: "lit"}
        y = pooled(max_pool, x)
        parts += [
            numbers(caption, x, blocks((4, 4)) | lit),
            numbers("pooled", y, {tuple(i): "lit" for i in np.argwhere(y).tolist()}, sign="→"),
        ]
    return Figure(
        "A feature of 9, moved within its region and then across the border, and what max pooling makes of the map.",
        tuple(parts),
    )


def C14() -> Figure:
    """The gradient shared out."""
    delta = np.array([[4, 8], [-4, 2]])
    return Figure(
        "Every element of a region gets a quarter of its number.",
        (
            numbers("δ", delta, blocks((2, 2), 1)),
            numbers("∂J/∂x", spread(avg_pool, delta, MAP.astype(float)), blocks((4, 4)), sign="→"),
        ),
    )


def C15() -> Figure:
    """The gradient sent to the maxima."""
    delta = np.array([[4, 8], [-4, 2]])
    return Figure(
        "All of it goes to the maximum of its region, marked; everything else gets 0.",
        (
            numbers("x", MAP, blocks((4, 4)) | maxima(MAP)),
            numbers("δ", delta, blocks((2, 2), 1)),
            numbers("∂J/∂x", spread(max_pool, delta, MAP), blocks((4, 4)) | maxima(MAP), sign="→"),
        ),
    )
