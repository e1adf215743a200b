"""Attention, element by element."""

from __future__ import annotations

from collections.abc import Callable

from checks.algebra.expression import (
    Call,
    Element,
    Expression,
    Named,
    Product,
    Quotient,
    add,
    minus,
    number,
)
from checks.op import Problem

Index = tuple[int, ...]


def attention(problem: Problem, result: str, index: Index) -> Expression:
    """Σ P·v, P the softmax of scale·q·k over the keys that are seen; and its gradients (reference/attention.py)."""
    groups, seen = problem.parameters["groups"], _seen(problem)
    width, values, queries = problem.shape("q")[3], problem.shape("v")[3], problem.shape("q")[2]
    given = problem.parameters["scale"]
    scale = Named("α", (), Call("sqrt", (Quotient(number(1), number(width)),)) if given is None else number(given))

    def kept(head: int) -> int:
        return int(head // groups)

    def score(n: int, h: int, t: int, s: int) -> Expression:
        products = (Product((Element("q", (n, h, t, d)), Element("k", (n, kept(h), s, d)))) for d in range(width))
        return Named("S", (n, h, t, s), Product((scale, add(products))))

    def weight(n: int, h: int, t: int, s: int) -> Expression:
        total = add(_masked(problem, t, j, Call("exp", (score(n, h, t, j),))) for j in seen(t))
        return Named("P", (n, h, t, s), Quotient(_masked(problem, t, s, Call("exp", (score(n, h, t, s),))), total))

    def through(n: int, h: int, t: int, s: int) -> Expression:
        """∂J/∂P."""
        met = (Product((Element("g", (n, h, t, e)), Element("v", (n, kept(h), s, e)))) for e in range(values))
        return Named("p", (n, h, t, s), add(met))

    def of_score(n: int, h: int, t: int, s: int) -> Expression:
        mean = add(Product((weight(n, h, t, j), through(n, h, t, j))) for j in seen(t))
        difference = minus(through(n, h, t, s), mean)
        return Named("s", (n, h, t, s), Product((weight(n, h, t, s), difference)))

    n, h, row, column = index
    sharing = range(h * groups, (h + 1) * groups)  # heads of queries that look at this one of keys and values
    if result == "y":
        return add(Product((weight(n, h, row, s), Element("v", (n, kept(h), s, column)))) for s in seen(row))
    if result == "q":
        met = (Product((of_score(n, h, row, s), Element("k", (n, kept(h), s, column)))) for s in seen(row))
        return Product((scale, add(met)))
    looking = [(head, t) for head in sharing for t in range(queries) if row in seen(t)]
    if result == "v":
        return add(Product((weight(n, head, t, row), Element("g", (n, head, t, column)))) for head, t in looking)
    return Product(
        (scale, add(Product((of_score(n, head, t, row), Element("q", (n, head, t, column)))) for head, t in looking))
    )


def _masked(problem: Problem, t: int, s: int, expression: Expression) -> Expression:
    """Times what the mask says, if there is one."""
    if "mask" not in problem.shapes or problem.shapes["mask"] is None:
        return expression
    return Product((Element("mask", (t, s)), expression))


def _seen(problem: Problem) -> Callable[[int], range]:
    """The keys that a query may see if the mask lets it."""
    keys, causal = problem.shape("k")[2], problem.parameters["causal"]
    return lambda t: range(min(t + 1, keys) if causal else keys)
