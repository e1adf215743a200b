"""Figures of layers of today."""

from __future__ import annotations

from typing import Any

import numpy as np

from checks.book.contents import Figure
from checks.book.figures.panels import Index, numbers
from checks.numbers.precision import Array
from reference import elu, gelu, glu, hard_swish, layer_norm, leaky_relu, log_softmax, rms_norm, silu, softplus, swiglu


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


def _through(op: Any, x: Array, g: Array, text: str, tint: dict[Index, str] | None = None, **parameters: Any) -> Figure:
    """x, y, g and ∂J/∂x of a function of each number by itself."""
    (of_x,) = op.backward(g, x, **parameters)
    return Figure(
        text,
        (
            numbers("x", x, tint or {}),
            numbers("y", np.round(op.forward(x, **parameters), 3), tint or {}, sign="→"),
            numbers("g", g, tint or {}),
            numbers("∂J/∂x", np.round(of_x, 3), tint or {}, sign="→"),
        ),
    )


ACROSS, ONES = np.array([-4.0, -2, -1, 0, 1, 2, 4]), np.ones(7)


def _below(bound: float) -> dict[Index, str]:
    return {i: "tint" for i, n in np.ndenumerate(ACROSS) if n <= bound}


def T3() -> Figure:
    """Where it falls."""
    falls: dict[Index, str] = {(i,): "tint" for i in range(3)}
    text = "With $`g = 1`$, to three digits: left of −0.752, tinted, $`y`$ falls, and the gradient is negative."
    return _through(gelu, ACROSS, ONES, text, falls)


def T4() -> Figure:
    """The same for the sigmoid."""
    text = "With $`g = 1`$, to three digits: left of −1.278, tinted, $`y`$ falls."
    return _through(silu, ACROSS, ONES, text, _below(-2))


def T5() -> Figure:
    """The left side of 0."""
    text = "$`\\alpha = 2`$, with $`g = 1`$, to three digits: where $`x \\le 0`$, tinted, the gradient is $`y + 2`$."
    return _through(elu, ACROSS, ONES, text, _below(0), alpha=2.0)


def T6() -> Figure:
    """It is a sigmoid."""
    text = "With $`g = 1`$, to three digits: the gradient of the rounded rectifier is a rounded step, the sigmoid."
    return _through(softplus, ACROSS, ONES, text)


def T7() -> Figure:
    """The parabola."""
    inside: dict[Index, str] = {i: "tint" for i, n in np.ndenumerate(ACROSS) if abs(n) <= 3}
    text = "With $`g = 6`$: a parabola between −3 and 3, tinted, nothing below it, and the line above."
    return _through(hard_swish, ACROSS, 6 * ONES, text, inside)


def T8() -> Figure:
    """One g meets all of its row."""
    x, g = np.log(np.array([[1.0, 2, 1], [1, 1, 2]])), np.array([[4.0, 0, 0], [0, 0, 8]])
    first: dict[Index, str] = {(0, i): "tint" for i in range(3)}
    return Figure(
        "Two rows with the softmax $`p`$. A single $`g`$ goes to its own $`x`$, and is taken off all of the row in "
        "the shares $`p`$: each row of $`\\partial J/\\partial x`$ adds to 0.",
        (
            numbers("p", np.round(np.exp(log_softmax.forward(x)), 3), first),
            numbers("g", g, first),
            numbers("∂J/∂x", np.round(log_softmax.backward(g, x)[0], 3), first, sign="→"),
        ),
    )


def T9() -> Figure:
    """Gates shut, half open and open."""
    x, g = np.array([[4.0, 4, 4, -50, 0, 50]]), np.array([[1.0, 1, 1]])
    gates: dict[Index, str] = {(0, i): "tint" for i in range(3, 6)}
    return Figure(
        "Three values, and behind them, tinted, their gates: shut, half open and open. A gate that is shut or "
        "open has no gradient.",
        (
            numbers("x", x, gates),
            numbers("y", np.round(glu.forward(x), 3), sign="→"),
            numbers("g", g),
            numbers("∂J/∂x", np.round(glu.backward(g, x)[0], 3), gates, sign="→"),
        ),
    )


def T10() -> Figure:
    """What the gate lets through, and more."""
    a, x, g = np.array([-50.0, 0, 50]), np.array([2.0, 2, 2]), np.ones(3)
    of_a, of_x = swiglu.backward(g, a, x)
    return Figure(
        "A gate that is shut, one at 0 and one that is open: this multiplies by its own number, so that "
        "$`\\partial J/\\partial a`$ is $`x`$ there, and half of it at 0.",
        (
            numbers("a", a),
            numbers("x", x),
            numbers("y", np.round(swiglu.forward(a, x), 3) + 0.0, sign="→"),
            numbers("∂J/∂a", np.round(of_a, 3) + 0.0, sign="→"),
            numbers("∂J/∂x", np.round(of_x, 3) + 0.0, sign="→"),
        ),
    )


def T11() -> Figure:
    """Two rows, each by itself, whose root mean squares are whole."""
    x, g = np.array([[1.0, 1, 1, 5], [4, -4, 4, -4]]), np.array([[4.0, 0, 0, 0], [0, 0, 5, 0]])
    rows: dict[Index, str] = {(0, i): "tint" for i in range(4)}
    of_x, _ = rms_norm.backward(g, x, np.ones(4), eps=9)
    return Figure(
        "Each row by itself, with $`\\gamma = 1`$, and $`\\varepsilon = 9`$ to make $`\\rho`$ 4 and 5: unlike a layer "
        "norm, a row of equal numbers would stay one, and rows of the gradient do not add to 0.",
        (
            numbers("x", x, rows),
            numbers("y", rms_norm.forward(x, np.ones(4), eps=9), rows, sign="→"),
            numbers("g", g, rows),
            numbers("∂J/∂x", np.round(of_x, 3), rows, sign="→"),
        ),
    )
