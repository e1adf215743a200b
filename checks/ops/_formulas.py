"""Formulas of what is no polynomial, element by element, as the documents write them; formulas.py checks what it shows.

x, y and G are elements of the inputs, of the output and of the cotangent; whatever else has a name is defined here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

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
from reference._window import Window, gather, pooling_window, window
from reference.adaptive_avg_pool import ends

Index = tuple[int, ...]
HAT, BAR = "\u0302", "\u0304"
ONE, TWO = number(1), number(2)


def _x(index: Index) -> Element:
    return Element("x", index)


def _y(index: Index) -> Element:
    return Element("y", index)


def _g(index: Index) -> Element:
    return Element("g", index)


def sigmoid(problem: Problem, result: str, index: Index) -> Expression:  # noqa: ARG001, the signature of all
    """σ(x); G·σ(x)·(1 − σ(x))."""
    y = Call("σ", (_x(index),))
    return y if result == "y" else Product((_g(index), y, minus(ONE, y)))


def tanh(problem: Problem, result: str, index: Index) -> Expression:  # noqa: ARG001, the signature of all
    """tanh(x); G·(1 − y²)."""
    y = Call("tanh", (_x(index),))
    return y if result == "y" else Product((_g(index), minus(ONE, Power(_y(index), TWO))))


def relu(problem: Problem, result: str, index: Index) -> Expression:  # noqa: ARG001, the signature of all
    """max(0, x); [x > 0]·G."""
    zero = number(0)
    return Call("max", (zero, _x(index))) if result == "y" else Product((Condition(_x(index), ">", zero), _g(index)))


def leaky_relu(problem: Problem, result: str, index: Index) -> Expression:
    """max(0, x) + α·min(0, x); [x > 0]·G + α·[x ≤ 0]·G."""
    zero, x, slope = number(0), _x(index), Named("α", (), number(problem.parameters["negative_slope"]))
    if result == "y":
        return Sum((Call("max", (zero, x)), Product((slope, Call("min", (zero, x))))))
    above, below = (Condition(x, relation, zero) for relation in (">", "≤"))
    return Sum((Product((above, _g(index))), Product((slope, below, _g(index)))))


def softmax(problem: Problem, result: str, index: Index) -> Expression:
    """e^x / Σ e^x; y·(G − Σ G·y)."""
    axis = problem.parameters["axis"] % len(index)
    row = [(*index[:axis], i, *index[axis + 1 :]) for i in range(problem.shape("x")[axis])]
    if result == "y":
        return Quotient(_exp(_x(index)), add(_exp(_x(i)) for i in row))
    return Product((_y(index), minus(_g(index), add(Product((_g(i), _y(i))) for i in row))))


def _exp(argument: Expression) -> Expression:
    return Call("exp", (argument,))


def cross_entropy(problem: Problem, result: str, index: Index) -> Expression:
    """−Σ [t = c]·ln p / N, p the softmax of the logits; G·(p − [t = c]) / N."""
    shape = problem.shape("logits")
    count = number(int(np.prod(problem.shape("target"))))

    def p(at: Index) -> Named:
        row = [(at[0], c, *at[2:]) for c in range(shape[1])]
        quotient = Quotient(_exp(Element("logits", at)), add(_exp(Element("logits", i)) for i in row))
        return Named("p", at, quotient, like="logits")

    def right(at: Index) -> Condition:
        return Condition(Element("target", (at[0], *at[2:])), "=", number(at[1]))

    mean = problem.parameters["reduction"] == "mean" and count != ONE
    if result == "y":
        total = add(Product((right(at), Call("ln", (p(at),)))) for at in np.ndindex(*shape))
        return negative(Quotient(total, count) if mean else total)
    share = Product((_g(()), minus(p(index), right(index))))
    return Quotient(share, count) if mean else share


def max_pool(problem: Problem, result: str, index: Index) -> Expression:
    """max over the window; Σ [x = y]·G over the windows that hold x, of equal ones the first."""
    size = problem.shape("x")[2:]
    over = pooling_window(size, **{"kernel_size": 2, **problem.parameters})
    lead = index[:2]
    if result == "y":
        under = tuple(_x((*lead, *at)) for at in _under(over, index[2:]))
        return Call("max", under) if len(under) > 1 else under[0]
    windows = [at for at in np.ndindex(*over.output) if index[2:] in set(_under(over, at))]
    return add(Product((Condition(_x(index), "=", _y((*lead, *at))), _g((*lead, *at)))) for at in windows)


def adaptive_max_pool(problem: Problem, result: str, index: Index) -> Expression:
    """The same, where windows begin and end as those of adaptive means do."""
    lead, axes = index[:2], list(zip(problem.shape("x")[2:], problem.shape("y")[2:], strict=True))

    def under(at: Index) -> list[Index]:
        bounds = (ends(n, m) for n, m in axes)
        return list(product(*(range(first[i], last[i]) for i, (first, last) in zip(at, bounds, strict=True))))

    if result == "y":
        elements = tuple(_x((*lead, *at)) for at in under(index[2:]))
        return Call("max", elements) if len(elements) > 1 else elements[0]
    windows = [at for at in np.ndindex(*(m for _, m in axes)) if index[2:] in under(at)]
    return add(Product((Condition(_x(index), "=", _y((*lead, *at))), _g((*lead, *at)))) for at in windows)


def lp_pool(problem: Problem, result: str, index: Index) -> Expression:
    """(Σ |x|^p)^{1/p}; Σ ([x > 0] − [0 > x])·(|x|/y)^{p−1}·G over the windows that hold x."""
    zero, p = number(0), Named("p", (), number(problem.parameters["norm_type"]))
    moves = {name: value for name, value in problem.parameters.items() if name != "norm_type"}
    over, lead = pooling_window(problem.shape("x")[2:], **moves), index[:2]

    def size(at: Index) -> Expression:
        return Call("max", (_x(at), negative(_x(at))))

    if result == "y":
        return Power(add(Power(size((*lead, *at)), p) for at in _under(over, index[2:])), Quotient(ONE, p))
    windows = [at for at in np.ndindex(*over.output) if index[2:] in set(_under(over, at))]
    sign = minus(Condition(_x(index), ">", zero), Condition(zero, ">", _x(index)))
    return add(
        Product((sign, Power(Quotient(size(index), _y((*lead, *at))), minus(p, ONE)), _g((*lead, *at))))
        for at in windows
    )


def _under(over: Window, at: Index) -> Iterator[Index]:
    """The inputs under one window, padding left out."""
    numbered = np.arange(1, 1 + int(np.prod(over.size))).reshape(1, 1, *over.size)
    windows = gather(numbered, over)[0, 0]
    for place in windows[(..., *at)].ravel():
        if place:
            yield tuple(int(i) for i in np.unravel_index(place - 1, over.size))


def similarity(problem: Problem, result: str, index: Index) -> Expression:
    """Σ x·t / (r·q), r and q the norms of window and template; G·(t/(r·q) − y·x/r²) and likewise for t, summed."""
    x, template = problem.shape("x"), problem.shape("template")
    over = window(x[2:], template[2:])

    def pairs(n: int, o: int, i: Index) -> list[tuple[Element, Element]]:
        """Each element of the window at i with the one of the template that it meets."""
        return [
            (_x((n, c, *(a + b for a, b in zip(i, k, strict=True)))), Element("template", (o, c, *k)))
            for c, *k in np.ndindex(*template[1:])
        ]

    def norm(letter: str, at: Index, elements: list[Element]) -> Named:
        return Named(letter, at, Call("sqrt", (add(Power(e, TWO) for e in elements),)))

    def norms(n: int, o: int, i: Index) -> tuple[Named, Named]:
        met = pairs(n, o, i)
        return (
            norm("r", i if x[0] == 1 else (n, *i), [a for a, _ in met]),
            norm("q", () if template[0] == 1 else (o,), [b for _, b in met]),
        )

    if result == "y":
        n, o, *i = index
        r, q = norms(n, o, tuple(i))
        return Quotient(add(Product(pair) for pair in pairs(n, o, tuple(i))), Product((r, q)))
    own = Element(result, index)
    terms: list[Expression] = []
    for n, o, *i in np.ndindex(x[0], template[0], *over.output):
        r, q = norms(n, o, tuple(i))
        for a, b in pairs(n, o, tuple(i)):
            if own in {a, b}:
                other, norm_of_own = (b, r) if own == a else (a, q)
                share = Quotient(Product((_y((n, o, *i)), own)), Power(norm_of_own, TWO))
                terms.append(Product((_g((n, o, *i)), minus(Quotient(other, Product((r, q))), share))))
    return add(terms)
