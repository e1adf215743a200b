"""Formulas of group norm, instance norm and batch norm in inference, element by element."""

from __future__ import annotations

from math import prod

import numpy as np

from checks.algebra.expression import (
    Call,
    Element,
    Expression,
    Named,
    Power,
    Product,
    Quotient,
    Sum,
    add,
    minus,
    number,
)
from checks.op import Problem
from checks.ops._groups import groups_of

Index = tuple[int, ...]
HAT, BAR = "\u0302", "\u0304"


def _channel(problem: Problem, c: int) -> list[Index]:
    """All of x in a channel."""
    n, _, *size = problem.shape("x")
    return [(i[0], c, *i[1:]) for i in np.ndindex(n, *size)]


def _affine(problem: Problem, c: int, *factors: Expression) -> Expression:
    """These, and γ where there is one."""
    return Product((*([Element("gamma", (c,))] if "gamma" in problem.present else []), *factors))


def _shifted(problem: Problem, c: int, scaled: Expression) -> Expression:
    return Sum((scaled, Element("beta", (c,)))) if "beta" in problem.present else scaled


def grouped(problem: Problem, result: str, index: Index) -> Expression:
    """γ·x̂ + β; (h − mean(h) − x̂·mean(h·x̂)) / σ, h = γ·G; Σ G·x̂ and Σ G over the channel. There may be no γ, no β."""
    _, channels, *size = problem.shape("x")
    of_a_group = channels // groups_of(problem.parameters, channels)
    count = number(of_a_group * prod(size))

    def group(i: Index) -> list[Index]:
        first = i[1] // of_a_group * of_a_group
        return [(i[0], first + j[0], *j[1:]) for j in np.ndindex(of_a_group, *size)]

    def at(i: Index) -> Index:
        return (i[0], i[1] // of_a_group)

    def deviation(i: Index) -> tuple[Named, Named]:
        mean = Named("μ", at(i), Quotient(add(Element("x", j) for j in group(i)), count))
        squares = add(Power(minus(Element("x", j), mean), number(2)) for j in group(i))
        eps = Named("ε", (), number(problem.parameters["eps"]))
        return mean, Named("σ", at(i), Call("sqrt", (Sum((Quotient(squares, count), eps)),)))

    def normal(i: Index) -> Named:
        mean, root = deviation(i)
        return Named(f"x{HAT}", i, Quotient(minus(Element("x", i), mean), root), like="x")

    if result == "y":
        return _shifted(problem, index[1], _affine(problem, index[1], normal(index)))
    if result == "beta":
        return add(Element("g", i) for i in _channel(problem, index[0]))
    if result == "gamma":
        return add(Product((Element("g", i), normal(i))) for i in _channel(problem, index[0]))
    h = add(_affine(problem, i[1], Element("g", i)) for i in group(index))
    along = add(_affine(problem, i[1], Element("g", i), normal(i)) for i in group(index))
    mean = Named(f"{'h' if 'gamma' in problem.present else 'G'}{BAR}", at(index), Quotient(h, count))
    share = Product((normal(index), Named("s", at(index), Quotient(along, count))))
    own = _affine(problem, index[1], Element("g", index))
    return Quotient(minus(own, mean, share), deviation(index)[1])


def inference(problem: Problem, result: str, index: Index) -> Expression:
    """γ·(x − μ)/σ + β; γ·G/σ; Σ G·(x − μ)/σ and Σ G over the channel. There may be no γ, no β."""
    c = index[1] if len(index) > 1 else index[0]
    eps = Named("ε", (), number(problem.parameters["eps"]))
    root = Named("σ", (c,), Call("sqrt", (Sum((Element("running_var", (c,)), eps)),)), like="running_var")

    def normal(i: Index) -> Named:
        return Named(f"x{HAT}", i, Quotient(minus(Element("x", i), Element("running_mean", (c,))), root), like="x")

    if result == "y":
        return _shifted(problem, c, _affine(problem, c, normal(index)))
    if result == "x":
        return Quotient(_affine(problem, c, Element("g", index)), root)
    along = _channel(problem, c)
    return add(Element("g", i) if result == "beta" else Product((Element("g", i), normal(i))) for i in along)
