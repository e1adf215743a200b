"""Grid sampling as formulas: each element of the map under a hat of width 2 around the place that is read."""

from __future__ import annotations

import numpy as np

from checks.algebra.expression import (
    Call,
    Condition,
    Element,
    Expression,
    Named,
    Product,
    Quotient,
    Sum,
    add,
    minus,
    negative,
    number,
)
from checks.op import Problem
from reference import grid_sample

Index = tuple[int, ...]
ZERO, ONE, TWO = number(0), number(1), number(2)


def formula(problem: Problem, result: str, index: Index) -> Expression:
    """Σ x·Π hat(r − j); Σ G·Π hat(r − j); ds/da·r'·Σ G·Σ x·hat'(r − j)·Π hat over the other axes."""
    size, places = problem.shape("x")[2:], problem.shape("grid")[1:-1]

    def hats(n: int, i: Index, j: Index, slope: int | None = None) -> list[Expression]:
        """The weight of element j for the place i; along one axis the slope of it."""
        shapes = ((_hat, _step)[a == slope] for a in range(len(size)))
        return [
            shape(problem, _read_at(problem, n, i, a), e) for a, (shape, e) in enumerate(zip(shapes, j, strict=True))
        ]

    if result == "y":
        n, c, *i = index
        elements = np.ndindex(*size)
        return add(Product((Element("x", (n, c, *j)), *hats(n, tuple(i), j))) for j in elements)
    if result == "x":
        n, c, *j = index
        return add(Product((Element("g", (n, c, *i)), *hats(n, i, tuple(j)))) for i in np.ndindex(*places))
    n, *i, last = index
    a = len(size) - 1 - last
    if problem.parameters["mode"] == grid_sample.MODES[1]:
        return ZERO
    channels = range(problem.shape("x")[1])
    total = add(
        Product((Element("g", (n, c, *i)), Element("x", (n, c, *j)), *hats(n, tuple(i), j, a)))
        for c in channels
        for j in np.ndindex(*size)
    )
    return Product((*_turns(problem, n, tuple(i), a), total))


def _place(problem: Problem, n: int, i: Index, axis: int) -> Named:
    """s of one axis."""
    size, last = problem.shape("x")[2:], len(i) - 1 - axis
    beyond = Sum((Element("grid", (n, *i, last)), ONE))
    if problem.parameters["align_corners"]:
        return Named("s", (n, *i, last), Product((_half(size[axis] - 1), beyond)), "grid")
    return Named("s", (n, *i, last), Quotient(minus(Product((number(size[axis]), beyond)), ONE), TWO), "grid")


def _mirrors(problem: Problem, axis: int) -> tuple[float, int]:
    """Where the lower mirror stands, and how far the upper one is."""
    size = problem.shape("x")[2 + axis]
    return (0.0, size - 1) if problem.parameters["align_corners"] else (-0.5, size)


def _period(problem: Problem, n: int, i: Index, axis: int) -> Expression:
    """How far s is from where it last met the lower mirror, going up: from 0 to twice the distance of the mirrors."""
    low, span = _mirrors(problem, axis)
    far, twice = minus(_place(problem, n, i, axis), number(low)), number(2 * span)
    return Named(
        "m", (n, *i, len(i) - 1 - axis), minus(far, Product((twice, Call("floor", (Quotient(far, twice),))))), "grid"
    )


def _read_at(problem: Problem, n: int, i: Index, axis: int) -> Expression:
    """r(s)."""
    s, size, padding = _place(problem, n, i, axis), problem.shape("x")[2 + axis], problem.parameters["padding_mode"]
    if padding == grid_sample.PADDINGS[0]:
        return s
    low, span = _mirrors(problem, axis)
    if padding == grid_sample.PADDINGS[2]:
        met = _period(problem, n, i, axis) if span else ZERO
        turned = Call("min", (met, minus(number(2 * span), met)))
        inner: Expression = Sum((number(low), turned))
    else:
        inner = s
    return Named("r", (n, *i, len(i) - 1 - axis), Call("max", (ZERO, Call("min", (inner, number(size - 1))))), "grid")


def _turns(problem: Problem, n: int, i: Index, axis: int) -> list[Expression]:
    """ds/da and r'(s), as factors."""
    size, padding = problem.shape("x")[2 + axis], problem.parameters["padding_mode"]
    of_place = _half(size - 1 if problem.parameters["align_corners"] else size)
    if padding == grid_sample.PADDINGS[0]:
        return [of_place]
    r = _read_at(problem, n, i, axis)
    inside: list[Expression] = [Condition(r, ">", ZERO), Condition(number(size - 1), ">", r)]
    _, span = _mirrors(problem, axis)
    if padding == grid_sample.PADDINGS[2] and span:
        up = Condition(number(span), ">", _period(problem, n, i, axis))
        inside.append(minus(Product((TWO, up)), ONE))
    return [of_place, *inside]


def _hat(problem: Problem, r: Expression, j: int) -> Expression:
    """1 at r = j, 0 from 1 away on; in mode nearest 1 up to a half away."""
    away = Call("max", (minus(r, number(j)), minus(number(j), r)) if j else (r, negative(r)))
    if problem.parameters["mode"] == grid_sample.MODES[1]:
        return Condition(away, "≤", number(0.5))
    return Call("max", (ZERO, minus(ONE, away)))


def _step(problem: Problem, r: Expression, j: int) -> Expression:  # noqa: ARG001, both are asked alike
    """The slope of the hat ahead: 1 up to j, −1 from there on."""
    up = Product((Condition(number(j - 1), "≤", r), Condition(number(j), ">", r)))
    down = Product((Condition(number(j), "≤", r), Condition(number(j + 1), ">", r)))
    return Sum((up, negative(down)))


def _half(n: int) -> Expression:
    """n/2, as it is written."""
    return Quotient(number(n), TWO) if n % 2 else number(n // 2)
