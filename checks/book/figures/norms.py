"""Figures of norms that share out channels differently, and of the one that is no norm any more."""

from __future__ import annotations

import numpy as np

from checks.book.contents import Figure
from checks.book.figures.panels import Index, numbers
from reference import batch_norm_inference, group_norm, instance_norm

X = np.array([[3.0, 1], [-3, -1], [7, 5], [-7, -5]])
G = np.array([[8.0, 0], [0, 0], [0, 0], [0, 16]])


def T12() -> Figure:
    """Two channels to a group."""
    ones, upper = np.ones(4), {i: "tint" for i in np.ndindex(4, 2) if i[0] < 2}
    y = group_norm.forward(X[None], ones, 0 * ones, groups=2, eps=11)[0]
    of_x = group_norm.backward(G[None], X[None], ones, 0 * ones, groups=2, eps=11)[0][0]
    return Figure(
        "One sample of four channels, a row each, in two groups, with $`\\gamma = 1`$ and $`\\varepsilon = 11`$: one "
        "$`g`$ in a channel reaches all of its group, and no more.",
        (
            numbers("x", X, upper),
            numbers("y", np.round(y, 3), upper, sign="→"),
            numbers("g", G, upper),
            numbers("∂J/∂x", np.round(of_x, 3), upper, sign="→"),
        ),
    )


def T13() -> Figure:
    """Each channel by itself."""
    ones, first = np.ones(4), {i: "tint" for i in np.ndindex(4, 2) if i[0] == 0}
    y = instance_norm.forward(X[None], ones, 0 * ones, eps=3)[0]
    of_x = instance_norm.backward(G[None], X[None], ones, 0 * ones, eps=3)[0][0]
    return Figure(
        "The same sample, each channel by itself, with $`\\varepsilon = 3`$ to make $`\\sigma`$ 2: every row of "
        "$`\\partial J/\\partial x`$ adds to 0.",
        (
            numbers("x", X, first),
            numbers("y", np.round(y, 3), first, sign="→"),
            numbers("g", G, first),
            numbers("∂J/∂x", np.round(of_x, 3), first, sign="→"),
        ),
    )


def T14() -> Figure:
    """A line for each channel."""
    x, g = np.array([[3.0, 1], [5, -3]]), np.array([[8.0, 0], [0, 2]])
    mean, variance, ones = np.array([1.0, 1]), np.array([3.75, 0.0]), np.ones(2)
    inputs = (x[None], mean, variance, ones, 0 * ones)
    reached: dict[Index, str] = {(0, 0): "tint", (1, 1): "tint"}
    return Figure(
        "Two channels, a row each, with $`\\mu = 1`$ and $`\\varepsilon = \\tfrac14`$ to make the deviations 2 and "
        "$`\\tfrac12`$: each $`g`$ reaches its own $`x`$ alone.",
        (
            numbers("x", x),
            numbers("y", batch_norm_inference.forward(*inputs, eps=0.25)[0], sign="→"),
            numbers("g", g, reached),
            numbers("∂J/∂x", batch_norm_inference.backward(g[None], *inputs, eps=0.25)[0][0], reached, sign="→"),
        ),
    )
