"""Formulas of the norms, element by element, as the documents write them; γ and β may be absent, but for batch norm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    negative,
    number,
)
from checks.op import Problem
from checks.ops._groups import groups_of

Index = tuple[int, ...]
HAT, BAR = "\u0302", "\u0304"
TWO = number(2)


def _x(index: Index) -> Element:
    return Element("x", index)


def _g(index: Index) -> Element:
    return Element("g", index)


@dataclass(frozen=True)
class _Norm:
    """Which elements of x are normalised together, and by what.

    group  all that are normalised together with the one of an index
    at     the index of their mean and deviation, written as that of `like`
    place  the index of the γ and β of an element
    """

    problem: Problem
    group: Callable[[Index], list[Index]]
    at: Callable[[Index], Index]
    place: Callable[[Index], Index]
    like: str = ""

    def root(self, variance: Expression) -> Expression:
        """The root of a variance and ε."""
        eps = Named("ε", (), number(self.problem.parameters["eps"]))
        return Call("sqrt", (Sum((variance, eps)),))

    def moments(self, i: Index) -> tuple[Expression, Named]:
        """μ and σ of the group of this element."""
        group, at = self.group(i), self.at(i)
        mean = Named("μ", at, Quotient(add(map(_x, group)), number(len(group))), like=self.like)
        squares = add(Power(minus(_x(j), mean), TWO) for j in group)
        return mean, Named("σ", at, self.root(Quotient(squares, number(len(group)))), like=self.like)

    def normal(self, i: Index) -> Named:
        """x̂ of this element."""
        mean, deviation = self.moments(i)
        return Named(f"x{HAT}", i, Quotient(minus(_x(i), mean), deviation), like="x")

    def scaled(self, i: Index, *factors: Expression) -> Expression:
        """These, and γ where there is one."""
        return Product((Element("gamma", self.place(i)), *factors) if "gamma" in self.problem.present else factors)

    def y(self, i: Index) -> Expression:
        """γ·x̂ + β."""
        y = self.scaled(i, self.normal(i))
        return Sum((y, Element("beta", self.place(i)))) if "beta" in self.problem.present else y

    def of_parameter(self, result: str, index: Index) -> Expression:
        """Σ G·x̂ and Σ G over all elements with this γ and β."""
        every = [i for i in np.ndindex(*self.problem.shape("x")) if self.place(i) == index]
        return add(_g(i) if result == "beta" else Product((_g(i), self.normal(i))) for i in every)

    def of_x(self, index: Index) -> Expression:
        """(h − mean(h) − x̂·mean(h·x̂)) / σ, h = γ·G."""
        group, at = self.group(index), self.at(index)
        count, letter = number(len(group)), "h" if "gamma" in self.problem.present else "G"
        mean = Named(f"{letter}{BAR}", at, Quotient(add(self.scaled(i, _g(i)) for i in group), count))
        along = add(self.scaled(i, _g(i), self.normal(i)) for i in group)
        share = Product((self.normal(index), Named("s", at, Quotient(along, count))))
        return Quotient(minus(self.scaled(index, _g(index)), mean, share), self.moments(index)[1])

    def formula(self, result: str, index: Index) -> Expression:
        """Each result."""
        if result in {"y", "x"}:
            return self.y(index) if result == "y" else self.of_x(index)
        return self.of_parameter(result, index)


def _channel(problem: Problem) -> Callable[[Index], list[Index]]:
    """All of x in the channel of an index."""
    n, _, *size = problem.shape("x")
    return lambda i: [(j[0], i[1], *j[1:]) for j in np.ndindex(n, *size)]


def _of_channel(i: Index) -> Index:
    return (i[1],)


def batch_norm(problem: Problem, result: str, index: Index) -> Expression:
    """γ·x̂ + β; γ/σ·(G − mean(G) − x̂·mean(G·x̂)), Σ G·x̂ and Σ G."""
    norm = _Norm(problem, _channel(problem), _of_channel, _of_channel, like="gamma")
    if result != "x":
        return norm.formula(result, index)
    channel, at = norm.group(index), norm.at(index)
    along = add(Product((_g(i), norm.normal(i))) for i in channel)
    mean, share = (
        Named(letter, at, Quotient(total, number(len(channel))), like="gamma")
        for letter, total in ((f"G{BAR}", add(map(_g, channel))), ("s", along))
    )
    factor = Quotient(Element("gamma", at), norm.moments(index)[1])
    return Product((factor, minus(_g(index), mean, Product((norm.normal(index), share)))))


def layer_norm(problem: Problem, result: str, index: Index) -> Expression:
    """γ·x̂ + β; (h − mean(h) − x̂·mean(h·x̂)) / σ, h = γ·G; Σ G·x̂ and Σ G over the places."""
    shape, present = problem.shape("x"), problem.present
    last = next((problem.shape(name) for name in ("gamma", "beta") if name in present), shape[-1:])
    lead = shape[: len(shape) - len(last)]

    def row(i: Index) -> list[Index]:
        return [(*i[: len(lead)], *j) for j in np.ndindex(*last)]

    def at(i: Index) -> Index:
        """The place of that, but for axes of one place, which need no index."""
        return tuple(k for k, n in zip(i, lead, strict=False) if n > 1)

    return _Norm(problem, row, at, lambda i: i[len(lead) :]).formula(result, index)


def grouped(problem: Problem, result: str, index: Index) -> Expression:
    """γ·x̂ + β; (h − mean(h) − x̂·mean(h·x̂)) / σ, h = γ·G; Σ G·x̂ and Σ G over the channel."""
    _, channels, *size = problem.shape("x")
    of_a_group = channels // groups_of(problem.parameters, channels)

    def group(i: Index) -> list[Index]:
        first = i[1] // of_a_group * of_a_group
        return [(i[0], first + j[0], *j[1:]) for j in np.ndindex(of_a_group, *size)]

    return _Norm(problem, group, lambda i: (i[0], i[1] // of_a_group), _of_channel).formula(result, index)


class _Given(_Norm):
    """By moments that are inputs, and so no part of a derivative."""

    def moments(self, i: Index) -> tuple[Expression, Named]:
        """The running mean, and σ of the running variance."""
        at = self.at(i)
        return Element("running_mean", at), Named("σ", at, self.root(Element("running_var", at)), like="running_var")

    def of_x(self, index: Index) -> Expression:
        """γ·G/σ."""
        return Quotient(self.scaled(index, _g(index)), self.moments(index)[1])


def inference(problem: Problem, result: str, index: Index) -> Expression:
    """γ·(x − μ)/σ + β; γ·G/σ; Σ G·(x − μ)/σ and Σ G over the channel."""
    return _Given(problem, _channel(problem), _of_channel, _of_channel).formula(result, index)


def local_response_norm(problem: Problem, result: str, index: Index) -> Expression:
    """x·s^(−β), s = k + α/n · Σ x²; G·s^(−β) − 2αβ/n · x · Σ G·x·s^(−β−1)."""
    alpha, beta, k = (Named(letter, (), number(problem.parameters[name])) for letter, name in _LRN)
    size, channels = problem.parameters["size"], problem.shape("x")[1]

    def around(c: int, reach: range) -> list[Index]:
        return [(index[0], c + d, *index[2:]) for d in reach if 0 <= c + d < channels]

    before, after = size // 2, (size - 1) // 2

    def scale(at: Index) -> Named:
        squares = add(Power(_x(i), TWO) for i in around(at[1], range(-before, after + 1)))
        return Named("s", at, Sum((k, Product((Quotient(alpha, number(size)), squares)))), like="x")

    own = Power(scale(index), negative(beta))
    if result == "y":
        return Product((_x(index), own))
    holding = around(index[1], range(-after, before + 1))  # channels whose window holds this one
    shares = add(Product((_g(i), _x(i), Power(scale(i), minus(negative(beta), number(1))))) for i in holding)
    factor = Quotient(Product((TWO, alpha, beta)), number(size))
    return minus(Product((_g(index), own)), Product((factor, _x(index), shares)))


_LRN = (("α", "alpha"), ("β", "beta"), ("k", "k"))
