"""Cells as courses have them: two results with a cotangent each, and gates in an order of their own."""

from __future__ import annotations

import numpy as np
import pytest

from checks.ops import find
from checks.subjects.adapting.gates import families
from checks.subjects.adapting.pieces import cut_out, put_together, ways_to_cut
from checks.subjects.adapting.slots import answers
from checks.subjects.adapting.told import path_of
from checks.subjects.implementation import Implementation
from checks.verdict.judging import judge


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gates(a, order):
    """i, f, o and g, of what is multiplied in this order of them."""
    found = dict(zip(order, np.split(a, 4, axis=1), strict=True))
    return [np.tanh(found[n]) if n == "g" else sigmoid(found[n]) for n in "ifog"]


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    """CS231n's: weights (in, 4 × hidden), gates i, f, o, g."""
    i, f, o, g = gates(x @ Wx + prev_h @ Wh + b, "ifog")
    next_c = f * prev_c + i * g
    return o * np.tanh(next_c), next_c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c)


def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c = cache
    t = np.tanh(next_c)
    dc = dnext_c + dnext_h * o * (1 - t**2)
    parts = dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dnext_h * t * o * (1 - o), dc * i * (1 - g**2)
    da = np.hstack(parts)
    return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, prev_h.T @ da, da.sum(0)


class LSTMCell:
    """Weights (4 × hidden, in), gates f, i, g, o; the cell is returned first, and its cotangent asked for first."""

    def __init__(self, input_size, hidden_size):
        self.weight_ih = np.ones((4 * hidden_size, input_size))
        self.weight_hh = np.ones((4 * hidden_size, hidden_size))
        self.bias = np.zeros(4 * hidden_size)

    def forward(self, x, h, c):
        i, f, o, g = gates(x @ self.weight_ih.T + h @ self.weight_hh.T + self.bias, "figo")
        self.cache = x, h, c, i, f, o, g, f * c + i * g
        return self.cache[-1], o * np.tanh(self.cache[-1])

    def backward(self, grad_c, grad_h):
        x, h, c, i, f, o, g, new = self.cache
        t = np.tanh(new)
        dc = self.through(grad_c, grad_h * o * (1 - t**2))
        parts = dc * c * f * (1 - f), dc * g * i * (1 - i), dc * i * (1 - g**2), grad_h * t * o * (1 - o)
        da = np.hstack(parts)
        self.dweight_ih, self.dweight_hh, self.dbias = da.T @ x, da.T @ h, da.sum(0)
        return da @ self.weight_ih, da @ self.weight_hh, dc * f

    def through(self, of_c, of_h):
        return of_c + of_h


class Cut(LSTMCell):
    """The cell is not told what comes through h."""

    def through(self, of_c, of_h):  # noqa: ARG002, that is the mistake
        return of_c


def gru_step_forward(x, h_prev, Wx, Wh, bx, bh):
    """Gates z, r, n."""
    az, ar, an = np.split(x @ Wx + bx, 3, 1)
    bz, br, bn = np.split(h_prev @ Wh + bh, 3, 1)
    z, r = sigmoid(az + bz), sigmoid(ar + br)
    n = np.tanh(an + r * bn)
    return (1 - z) * n + z * h_prev, (x, h_prev, Wx, Wh, z, r, n, bn)


def gru_step_backward(dnext_h, cache):
    x, h, Wx, Wh, z, r, n, bn = cache
    dn = dnext_h * (1 - z) * (1 - n**2)
    dz, dr = dnext_h * (h - n) * z * (1 - z), dn * bn * r * (1 - r)
    da, db = np.hstack([dz, dr, dn]), np.hstack([dz, dr, dn * r])
    return da @ Wx.T, db @ Wh.T + dnext_h * z, x.T @ da, h.T @ db, da.sum(0), db.sum(0)


class Turned:
    """z takes the new state in: y = z·n + (1 − z)·h."""

    def forward(self, x, h_prev, Wx, Wh, bx, bh):
        a, b = np.split(x @ Wx + bx, 3, 1), np.split(h_prev @ Wh + bh, 3, 1)
        r, z = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
        n = np.tanh(a[2] + r * b[2])
        self.cache = x, h_prev, Wx, Wh, r, z, n, b[2]
        return z * n + (1 - z) * h_prev

    def backward(self, dnext_h):
        x, h, Wx, Wh, r, z, n, bn = self.cache
        dn = dnext_h * z * (1 - n**2)
        dr, dz = dn * bn * r * (1 - r), dnext_h * self.apart(n, h) * z * (1 - z)
        da, db = np.hstack([dr, dz, dn]), np.hstack([dr, dz, dn * r])
        return da @ Wx.T, db @ Wh.T + dnext_h * (1 - z), x.T @ da, h.T @ db, da.sum(0), db.sum(0)

    def apart(self, n, h):
        return n - h


class Mixed(Turned):
    """Forward has it one way round, backward the other."""

    def apart(self, n, h):
        return h - n


@pytest.mark.parametrize(
    ("op", "given", "said"),
    [
        ("lstm_cell", lstm_step_forward, "its gates are numbers 1, 2, 4, 3 of lstm_cell"),
        ("lstm_cell", lstm_step_forward, "y is [0] beside [1] of what is returned"),
        ("lstm_cell", LSTMCell, "its gates are numbers 2, 1, 3, 4 of lstm_cell"),
        ("lstm_cell", LSTMCell, "y is [1] beside [0] of what is returned"),
        ("gru_cell", gru_step_forward, "its gates are numbers 2, 1, 3 of gru_cell"),
        ("gru_cell", Turned, "its gate 2 is 1 − that of gru_cell"),
    ],
)
def test_the_order_of_gates_and_of_results_is_found_by_forward_and_said(op, given, said):
    assert said in Implementation.of(find(op), given).assumed[1]


@pytest.mark.parametrize(
    ("op", "given"),
    [("lstm_cell", lstm_step_forward), ("lstm_cell", LSTMCell), ("gru_cell", gru_step_forward), ("gru_cell", Turned)],
)
def test_a_right_cell_is_right(op, given):
    report = judge(op, given, examples=8, seed=1)
    assert report.exit_code == 0
    assert {d.result for d in report.decisions} == {"y", *(f"grad_{n}" for n in find(op).inputs)}


def test_a_cell_that_is_not_told_what_comes_through_h_is_wrong():
    report = judge("lstm_cell", Cut, examples=8, seed=1)
    assert report.exit_code == 1
    assert "y" not in {failure.result for failure in report.failures}
    assert "grad_c" in {failure.result for failure in report.failures}


def test_a_gate_that_is_turned_forwards_only_is_wrong():
    report = judge("gru_cell", Mixed, examples=8, seed=1)
    assert report.exit_code == 1
    assert {"grad_weight_x", "grad_weight_h"} <= {failure.result for failure in report.failures}
    assert "y" not in {failure.result for failure in report.failures}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (
            ["Wf", "Wi", "Wc", "Wo", "bf", "bi", "bc", "bo", "Wy", "by"],
            [("Wi", "Wf", "Wc", "Wo"), ("bi", "bf", "bc", "bo")],
        ),
        (
            ["W_ii", "W_if", "W_ig", "W_io", "W_hi", "W_hf", "W_hg", "W_ho"],
            [("W_ii", "W_if", "W_ig", "W_io"), ("W_hi", "W_hf", "W_hg", "W_ho")],
        ),
        (
            ["forget_gate_W", "input_gate_W", "cell_W", "output_gate_W"],
            [("input_gate_W", "forget_gate_W", "cell_W", "output_gate_W")],
        ),
        (["Wf", "Wi", "Wo"], []),
        (["weight_ih", "weight_hh", "bias"], []),
    ],
)
def test_weights_of_single_gates_are_told_by_their_names(names, found):
    assert [family.names for family in families(find("lstm_cell"), names)] == found


def test_the_weights_of_an_op_are_cut_and_put_together_again():
    op = find("lstm_cell")
    found = families(op, ["Wf", "Wi", "Wc", "Wo"])
    places = {n: ("argument", (("item", n),)) for n in ("Wf", "Wi", "Wc", "Wo")}
    arrays = {"weight_x": np.arange(24.0).reshape(8, 3), "weight_h": np.arange(16.0).reshape(8, 2)}
    for cut in ways_to_cut(op, found, places):
        pieces = {piece: cut_out(op, piece, arrays.get) for piece in cut}
        assert {a.shape for a in pieces.values()} <= {(2, 5), (5, 2)}
        for n, array in arrays.items():
            again = put_together(op, n, pieces, {n: a.shape for n, a in arrays.items()})
            assert np.array_equal(again, array)


@pytest.mark.parametrize(
    ("path", "held", "sure"),
    [
        ("dW['f']", "W['f']", True),
        ("dU['f']", "W['f']", False),
        ("grads['Wf']", "params['Wf']", True),
        ("grads['Wf']", "Wf", True),
        ("dWf", "Wf", True),
        ("dbf", "Wf", False),
        ("forget_gate.dW", "forget_gate.W", True),
        ("forget_gate.dW", "input_gate.W", False),
        ("forget_gate.dW", "forget_gate.b", False),
        ("Wf.grad", "Wf", True),
        ("Wf", "Wf", False),
    ],
)
def test_a_gradient_answers_to_what_lies_where_it_does(path, held, sure):
    assert bool(answers(path_of(path), path_of(held))) == sure
