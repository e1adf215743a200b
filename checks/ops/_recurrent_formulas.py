"""One step of an LSTM and of a GRU, element by element."""

from __future__ import annotations

from collections.abc import Callable

from checks.algebra.expression import (
    Call,
    Element,
    Expression,
    Named,
    Power,
    Product,
    Sum,
    add,
    minus,
    number,
)
from checks.op import Problem

Index = tuple[int, ...]
ONE = number(1)


def _own_slope(gate: Expression) -> Expression:
    """σ(1 − σ)."""
    return Product((gate, minus(ONE, gate)))


def _affine(problem: Problem, row: int, n: int, inputs: tuple[tuple[str, str], ...], *biases: str) -> Expression:
    """Σ weight·input over some inputs, and biases that are there, of one row of the weights."""
    products = (
        Product((Element(name, (n, j)), Element(weight, (row, j))))
        for name, weight in inputs
        for j in range(problem.shape(name)[1])
    )
    return add((*products, *(Element(bias, (row,)) for bias in biases if bias in problem.present)))


def _spread(
    problem: Problem, result: str, index: Index, of_a: Callable[[int, int], Expression], many: int
) -> Expression:
    """Σ ∂J/∂a·weight for an input, Σ ∂J/∂a·input for a weight, Σ ∂J/∂a for a bias; of_a of a sample and a row."""
    samples, rows = problem.shape("x")[0], many * problem.shape("h")[1]
    if result in {"x", "h"}:
        weight, (n, j) = f"weight_{result}", index
        return add(Product((of_a(n, row), Element(weight, (row, j)))) for row in range(rows))
    if result.startswith("weight_"):
        row, j = index
        return add(Product((of_a(n, row), Element(result.removeprefix("weight_"), (n, j)))) for n in range(samples))
    return add(of_a(n, index[0]) for n in range(samples))


def lstm(problem: Problem, result: str, index: Index) -> Expression:
    """H' and c' of the gates i, f, g and o, and the gradients through them (reference/lstm_cell.py)."""
    hidden = problem.shape("h")[1]

    def gate(letter: str, n: int, k: int) -> Named:
        row = "ifgo".index(letter) * hidden + k
        sums = _affine(problem, row, n, (("x", "weight_x"), ("h", "weight_h")), "bias")
        return Named(letter, (n, k), Call("tanh" if letter == "g" else "σ", (sums,)), like="h")

    def new(n: int, k: int) -> Named:
        kept = Product((gate("f", n, k), Element("c", (n, k))))
        return Named("c'", (n, k), Sum((kept, Product((gate("i", n, k), gate("g", n, k))))), like="h")

    def bounded(n: int, k: int) -> Expression:
        return Call("tanh", (new(n, k),))

    def of_new(n: int, k: int) -> Named:
        slope = minus(ONE, Power(bounded(n, k), number(2)))
        through = Product((Element("g", (n, k)), gate("o", n, k), slope))
        return Named("δ", (n, k), Sum((Element("g", (n, hidden + k)), through)), like="h")

    def of_a(n: int, row: int) -> Expression:
        which, k = divmod(row, hidden)
        letter = "ifgo"[which]
        own = gate(letter, n, k)
        if letter == "o":
            return Product((Element("g", (n, k)), bounded(n, k), _own_slope(own)))
        if letter == "g":
            return Product((of_new(n, k), gate("i", n, k), minus(ONE, Power(own, number(2)))))
        other: Expression = gate("g", n, k) if letter == "i" else Element("c", (n, k))
        return Product((of_new(n, k), other, _own_slope(own)))

    if result == "y":
        n, column = index
        k = column % hidden
        return new(n, k) if column >= hidden else Product((gate("o", n, k), bounded(n, k)))
    if result == "c":
        return Product((of_new(*index), gate("f", *index)))
    return _spread(problem, result, index, of_a, 4)


def gru(problem: Problem, result: str, index: Index) -> Expression:
    """(1 − z)·n + z·h of the gates r and z, and the gradients through them (reference/gru_cell.py)."""
    hidden = problem.shape("h")[1]
    of_x, of_h = (("x", "weight_x"),), (("h", "weight_h"),)

    def gate(letter: str, n: int, k: int) -> Named:
        row = "rz".index(letter) * hidden + k
        sums = _affine(problem, row, n, (*of_x, *of_h), "bias_x", "bias_h")
        return Named(letter, (n, k), Call("σ", (sums,)), like="h")

    def last(n: int, k: int) -> Named:
        return Named("b", (n, k), _affine(problem, 2 * hidden + k, n, of_h, "bias_h"), like="h")

    def new(n: int, k: int) -> Named:
        own = _affine(problem, 2 * hidden + k, n, of_x, "bias_x")
        return Named("n", (n, k), Call("tanh", (Sum((own, Product((gate("r", n, k), last(n, k))))),)), like="h")

    def of_new(n: int, k: int) -> Named:
        kept, slope = minus(ONE, gate("z", n, k)), minus(ONE, Power(new(n, k), number(2)))
        return Named("ν", (n, k), Product((Element("g", (n, k)), kept, slope)), like="h")

    def of_a(n: int, row: int) -> Expression:
        which, k = divmod(row, hidden)
        if which == 2:
            return of_new(n, k)
        own = _own_slope(gate("rz"[which], n, k))
        if which == 0:
            return Product((of_new(n, k), last(n, k), own))
        return Product((Element("g", (n, k)), minus(Element("h", (n, k)), new(n, k)), own))

    def of_b(n: int, row: int) -> Expression:
        which, k = divmod(row, hidden)
        return Product((of_new(n, k), gate("r", n, k))) if which == 2 else of_a(n, row)

    if result == "y":
        z = gate("z", *index)
        return Sum((Product((minus(ONE, z), new(*index))), Product((z, Element("h", index)))))
    found = _spread(problem, result, index, of_a if result in {"x", "weight_x", "bias_x"} else of_b, 3)
    return Sum((found, Product((Element("g", index), gate("z", *index))))) if result == "h" else found
