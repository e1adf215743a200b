"""Activations of today, element by element."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

from checks.algebra.expression import (
    Call,
    Condition,
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
from reference.gelu import CUBE

Index = tuple[int, ...]
Formula = Callable[[Problem, str, Index], Expression]
ONE, TWO, THREE, SIX = map(number, (1, 2, 3, 6))


def _exp(argument: Expression) -> Expression:
    return Call("exp", (argument,))


def _of_one(formula: Callable[[Problem, Element], tuple[Expression, Expression]]) -> Formula:
    """An element of y, and the derivative by which an element of the cotangent is multiplied, both of an element of x."""

    def written(problem: Problem, result: str, index: Index) -> Expression:
        y, derivative = formula(problem, Element("x", index))
        return y if result == "y" else Product((Element("g", index), derivative))

    return written


def _logistic_slope(x: Expression) -> Expression:
    share = Call("σ", (x,))
    return Product((share, minus(ONE, share)))


def _silu(problem: Problem, x: Element) -> tuple[Expression, Expression]:  # noqa: ARG001, the signature of all
    share = Call("σ", (x,))
    return Product((x, share)), Sum((share, Product((x, _logistic_slope(x)))))


def _gelu(problem: Problem, x: Element) -> tuple[Expression, Expression]:
    if problem.parameters["approximate"] == "tanh":
        root = Named("κ", (), Call("sqrt", (Quotient(TWO, Named("π", (), number(pi))),)))
        cube = Named("α", (), number(CUBE))
        u = Named("u", x.index, Product((root, Sum((x, Product((cube, Power(x, THREE))))))), like="x")
        slope = Product((root, Sum((ONE, Product((THREE, cube, Power(x, TWO)))))))
        twice = Product((TWO, u))
        share = Call("σ", (twice,))
        return Product((x, share)), Sum((share, Product((TWO, x, _logistic_slope(twice), slope))))
    width = Call("sqrt", (Product((TWO, Named("π", (), number(pi)))),))
    density = Named("φ", x.index, Quotient(_exp(negative(Quotient(Power(x, TWO), TWO))), width), like="x")
    share = Call("Φ", (x,))
    return Product((x, share)), Sum((share, Product((x, density))))


def _softplus(problem: Problem, x: Element) -> tuple[Expression, Expression]:
    if problem.parameters["beta"] == 1:
        return Call("ln", (Sum((ONE, _exp(x))),)), Call("σ", (x,))
    beta = Named("β", (), number(problem.parameters["beta"]))
    inner = Product((beta, x))
    return Quotient(Call("ln", (Sum((ONE, _exp(inner))),)), beta), Call("σ", (inner,))


def _elu(problem: Problem, x: Element) -> tuple[Expression, Expression]:
    above, below = (Condition(x, relation, number(0)) for relation in (">", "≤"))
    alpha = Named("α", (), number(problem.parameters["alpha"]))
    y = Sum((Product((above, x)), Product((alpha, below, minus(_exp(x), ONE)))))
    return y, Sum((above, Product((alpha, below, _exp(x)))))


def _hard_swish(problem: Problem, x: Element) -> tuple[Expression, Expression]:  # noqa: ARG001, the signature of all
    inside = Call("min", (Call("max", (Sum((x, THREE)), number(0))), SIX))
    inner = Product((Condition(x, ">", number(-3)), Condition(x, "≤", THREE)))
    slope = Quotient(Sum((Product((TWO, x)), THREE)), SIX)
    return Quotient(Product((x, inside)), SIX), Sum((Condition(x, ">", THREE), Product((*inner.factors, slope))))


silu, gelu, softplus, elu, hard_swish = map(_of_one, (_silu, _gelu, _softplus, _elu, _hard_swish))


def log_softmax(problem: Problem, result: str, index: Index) -> Expression:
    """x − ln Σ e^x; G − p·Σ G, p the softmax."""
    axis = problem.parameters["axis"] % len(index)
    row = [(*index[:axis], i, *index[axis + 1 :]) for i in range(problem.shape("x")[axis])]
    x, total = Element("x", index), add(_exp(Element("x", i)) for i in row)
    if result == "y":
        return minus(x, Call("ln", (total,)))
    share = Named("p", index, Quotient(_exp(x), total), like="x")
    return minus(Element("g", index), Product((share, add(Element("g", i) for i in row))))


def glu(problem: Problem, result: str, index: Index) -> Expression:
    """a·σ(b); G·σ(b) for the first half, G·a·σ(b)(1 − σ(b)) for the second."""
    half, at = problem.shape("y")[-1], index[-1] % problem.shape("y")[-1]
    own = (*index[:-1], at)
    a, b = Element("x", own), Element("x", (*own[:-1], at + half))
    if result == "y":
        return Product((a, Call("σ", (b,))))
    g = Element("g", own)
    return Product((g, Call("σ", (b,)))) if index[-1] < half else Product((g, a, _logistic_slope(b)))


def swiglu(problem: Problem, result: str, index: Index) -> Expression:
    """a·σ(a)·x; G·a·σ(a), and G·x·(σ(a) + a·σ(a)(1 − σ(a)))."""
    a, x, g = (Element(name, index) for name in ("gate", "x", "g"))
    value, slope = _silu(problem, a)
    if result == "y":
        return Product((value, x))
    return Product((g, value)) if result == "x" else Product((g, x, slope))
