"""Figures of layers of sequences."""

from __future__ import annotations

import numpy as np

from checks.book.contents import Figure
from checks.book.figures.panels import Index, numbers
from reference import attention, embedding, gru_cell, lstm_cell, rotary


def W1() -> Figure:
    """Three keys, of which each query sees those that are not after it."""
    q = k = np.zeros((1, 1, 3, 1))
    v = np.array([[6.0], [12], [3]])[None, None]
    g = np.array([[1.0], [2], [3]])[None, None]
    of_v = attention.backward(g, q, k, v, causal=True)[2]
    weights = attention.forward(q, k, np.eye(3)[None, None], causal=True)[0, 0]
    hidden: dict[Index, str] = {(t, s): "dim" for t in range(3) for s in range(t + 1, 3)}
    return Figure(
        "Causal, with scores that are all alike: query $`t`$ takes the mean of the first $`t`$ values. A value gets back "
        "what the queries that see it have taken of it: its column of $`P`$ against $`g`$.",
        (
            numbers("P", weights, hidden),
            numbers("v", v[0, 0]),
            numbers("y", attention.forward(q, k, v, causal=True)[0, 0], sign="→"),
            numbers("g", g[0, 0]),
            numbers("∂J/∂v", of_v[0, 0], sign="→"),
        ),
    )


def W2() -> Figure:
    """A row that is asked for twice, and one that is not."""
    index, weight = np.array([2, 0, 2, 3]), np.array([[1.0, 5], [2, 6], [3, 7], [4, 8]])
    g = np.array([[1.0, 2], [3, 4], [10, 20], [5, 6]])
    twice: dict[Index, str] = {(n, d): "tint" for n in (0, 2) for d in range(2)}
    row: dict[Index, str] = {(2, d): "tint" for d in range(2)}
    return Figure(
        "The third row, tinted, is asked for by two places, and collects both of their cotangents; nobody asks for the "
        "second.",
        (
            numbers("row", index + 1.0, {(n,): "tint" for n in (0, 2)}),
            numbers("w", weight, row),
            numbers("y", embedding.forward(index, weight), twice, sign="→"),
            numbers("g", g, twice),
            numbers("∂J/∂w", embedding.backward(g, index, weight)[1], row, sign="→"),
        ),
    )


def W3() -> Figure:
    """Quarter turns, one more at each place."""
    cos, sin = np.array([[1.0], [0], [-1], [0]]), np.array([[0.0], [1], [0], [-1]])
    x, g = np.tile([[3.0, 1]], (4, 1)), np.tile([[2.0, 0]], (4, 1))
    return Figure(
        "One pair, turned by a quarter more at each place: the same numbers at four places are four vectors, and each "
        "cotangent comes back turned the other way.",
        (
            numbers("x", x),
            numbers("cos", cos),
            numbers("sin", sin),
            numbers("y", rotary.forward(x, cos, sin), sign="→"),
            numbers("g", g),
            numbers("∂J/∂x", rotary.backward(g, x, cos, sin)[0], sign="→"),
        ),
    )


def W4() -> Figure:
    """Gates that are open or shut: a bias far from 0 makes them so."""
    far, zeros = 100.0, np.zeros((2, 1))
    forget = np.array([[-far], [far]])  # one sample forgets, the other keeps
    c, g = np.array([[5.0], [5]]), np.array([[0.0, 1], [0, 1]])
    weight, bias = np.array([[0.0], [1], [0], [0]]), np.array([-far, 0.0, 0, far])
    inputs = forget, zeros, c, weight, np.zeros((4, 1)), bias
    kept: dict[Index, str] = {(1, 0): "tint"}
    return Figure(
        "Two samples, with the input gate shut: where the forget gate is shut, too, neither the cell comes through nor its "
        "cotangent; where it is open, tinted, both do, unchanged.",
        (
            numbers("c", c, kept),
            numbers("c'", lstm_cell.forward(*inputs)[:, 1:], kept, sign="→"),
            numbers("κ", g[:, 1:], kept),
            numbers("∂J/∂c", lstm_cell.backward(g, *inputs)[2], kept, sign="→"),
        ),
    )


def W5() -> Figure:
    """An update gate at one half, and at 1."""
    h, g = np.array([[4.0, 4]]), np.array([[1.0, 1]])
    bias = np.array([0.0, 0, 0, 100, 0, 0])  # z is 1/2 and 1
    inputs = np.zeros((1, 1)), h, np.zeros((6, 1)), np.zeros((6, 2)), bias, np.zeros(6)
    kept: dict[Index, str] = {(0, 1): "tint"}
    return Figure(
        "Two numbers of a state, with 0 to be written in their place: $`z = \\tfrac12`$ keeps half of the first, "
        "$`z = 1`$ all of the second, tinted, and as much of its cotangent comes straight back.",
        (
            numbers("h", h, kept),
            numbers("y", gru_cell.forward(*inputs), kept, sign="→"),
            numbers("g", g, kept),
            numbers("∂J/∂h", gru_cell.backward(g, *inputs)[1], kept, sign="→"),
        ),
    )
