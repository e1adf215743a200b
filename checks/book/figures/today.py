"""Figures of layers of today."""

from __future__ import annotations

import numpy as np

from checks.book.contents import Figure
from checks.book.figures.panels import numbers
from reference import layer_norm, leaky_relu


def T1() -> Figure:
    """What comes through on either side of 0."""
    x, g = np.array([-8.0, -4, -1, 0, 1, 4, 8]), np.array([4, 2, -8, 4, 2, -3, 5])
    below = {i: "tint" for i, n in np.ndenumerate(x) if n <= 0}
    (of_x,) = leaky_relu.backward(g, x, negative_slope=0.25)
    return Figure(
        "$`\\alpha = \\tfrac14`$: where $`x \\le 0`$, tinted, a quarter comes through, both ways.",
        (
            numbers("x", x, below),
            numbers("y", leaky_relu.forward(x, negative_slope=0.25), below, sign="→"),
            numbers("g", g, below),
            numbers("∂J/∂x", of_x, below, sign="→"),
        ),
    )


def T2() -> Figure:
    """Two rows, each by itself."""
    x, g = np.array([[3.0, 1, 3, 1], [6, -4, 2, 0]]), np.array([[8, 0, 0, 0], [0, 0, 16, 0]])
    ones, rows = np.ones(4), {i: "tint" for i in np.ndindex(2, 4) if i[0] == 0}
    of_x, _, _ = layer_norm.backward(g, x, ones, 0 * ones, eps=3)
    return Figure(
        "Each row by itself, with $`\\gamma = 1`$, $`\\beta = 0`$, and $`\\varepsilon = 3`$ to make $`\\sigma`$ 2 and 4. "
        "Every row of $`\\partial J/\\partial x`$ adds to 0: a number added to all of a row changes no $`y`$.",
        (
            numbers("x", x, rows),
            numbers("y", layer_norm.forward(x, ones, 0 * ones, eps=3), rows, sign="→"),
            numbers("g", g, rows),
            numbers("∂J/∂x", of_x, rows, sign="→"),
        ),
    )
