"""Formulas of losses of today, element by element."""

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

Index = tuple[int, ...]
ONE, TWO = number(1), number(2)


def _exp(argument: Expression) -> Expression:
    return Call("exp", (argument,))


def _over(problem: Problem, expression: Expression) -> Expression:
    """Divided by what a mean divides by."""
    shape = problem.shape(problem.op.inputs[0])
    many = {"mean": int(np.prod(shape)), "batchmean": shape[0], "sum": 1}[problem.parameters["reduction"]]
    return expression if many <= 1 else Quotient(expression, number(many))


def _all(problem: Problem) -> list[Index]:
    return list(np.ndindex(*problem.shape(problem.op.inputs[0])))


def huber(problem: Problem, result: str, index: Index) -> Expression:
    """Σ n·(|d| − n/2), n = min(|d|, δ); G·min(max(d, −δ), δ). Of smooth L1 over β."""
    smooth = "beta" in problem.parameters
    end = Named("β" if smooth else "δ", (), number(problem.parameters["beta" if smooth else "delta"]))

    def difference(i: Index) -> Named:
        return Named("d", i, minus(Element("prediction", i), Element("target", i)), like="prediction")

    def loss(i: Index) -> Expression:
        size = Call("max", (difference(i), negative(difference(i))))
        near = Named("n", i, Call("min", (size, end)), like="prediction")
        return Product((near, minus(size, Quotient(near, TWO))))

    def of_width(expression: Expression) -> Expression:
        return Quotient(expression, end) if smooth else expression

    if result == "y":
        return _over(problem, of_width(add(map(loss, _all(problem)))))
    slope = Call("min", (Call("max", (difference(index), negative(end))), end))
    share = _over(problem, of_width(Product((Element("g", ()), slope))))
    return share if result == "prediction" else negative(share)


def kl_div(problem: Problem, result: str, index: Index) -> Expression:
    """Σ t·(ln t − x); −G·t and G·(ln t − x + 1). Of logarithms e^t for t, and t for ln t."""

    def parts(i: Index) -> tuple[Expression, Expression]:
        t = Element("target", i)
        return (_exp(t), t) if problem.parameters["log_target"] else (t, Call("ln", (t,)))

    if result == "y":
        losses = (Product((parts(i)[0], minus(parts(i)[1], Element("x", i)))) for i in _all(problem))
        return _over(problem, add(losses))
    p, logarithm = parts(index)
    g = Element("g", ())
    if result == "x":
        return negative(_over(problem, Product((g, p))))
    inside = Sum((logarithm, negative(Element("x", index)), ONE))
    factors = (g, p, inside) if problem.parameters["log_target"] else (g, inside)
    return _over(problem, Product(factors))


def bce_with_logits(problem: Problem, result: str, index: Index) -> Expression:
    """Σ q·t·ln(1 + e^−x) + (1 − t)·ln(1 + e^x); G·((1 − t)·σ(x) − q·t·σ(−x)). There may be no q."""

    def counted(i: Index) -> tuple[Expression, ...]:
        t = Element("target", i)
        return (t,) if problem.shapes["pos_weight"] is None else (Element("pos_weight", i[-1:]), t)

    def softplus(argument: Expression) -> Expression:
        return Call("ln", (Sum((ONE, _exp(argument))),))

    if result == "y":
        losses = (
            Sum(
                (
                    Product((*counted(i), softplus(negative(Element("logits", i))))),
                    Product((minus(ONE, Element("target", i)), softplus(Element("logits", i)))),
                )
            )
            for i in _all(problem)
        )
        return _over(problem, add(losses))
    x, t = Element("logits", index), Element("target", index)
    above, below = Call("σ", (x,)), Call("σ", (negative(x),))
    inside = minus(Product((minus(ONE, t), above)), Product((*counted(index), below)))
    return _over(problem, Product((Element("g", ()), inside)))


def hinge(problem: Problem, result: str, index: Index) -> Expression:
    """Σ [c ≠ t]·max(0, m − x_t + x_c) / C; G·[c ≠ t][m − x_t + x_c > 0], and minus the sum of those for c = t."""
    samples, classes = problem.shape("logits")
    margin, zero = Named("m", (), number(problem.parameters["margin"])), number(0)

    def own(n: int, c: int, *, same: bool) -> Condition:
        return Condition(Element("target", (n,)), "=" if same else "≠", number(c))

    def gap(n: int, c: int) -> Expression:
        right = Named(
            "r", (n,), add(Product((own(n, j, same=True), Element("logits", (n, j)))) for j in range(classes))
        )
        return Sum((margin, negative(right), Element("logits", (n, c))))

    def reduced(expression: Expression) -> Expression:
        many = classes * (samples if problem.parameters["reduction"] == "mean" else 1)
        return Quotient(expression, number(many)) if many > 1 else expression

    if result == "y":
        each = (
            Product((own(n, c, same=False), Call("max", (zero, gap(n, c)))))
            for n in range(samples)
            for c in range(classes)
        )
        return reduced(add(each))
    n, c = index

    def pulls(j: int) -> Expression:
        return Product((own(n, j, same=False), Condition(gap(n, j), ">", zero)))

    against = Product((own(n, c, same=True), add(pulls(j) for j in range(classes))))
    return reduced(Product((Element("g", ()), minus(pulls(c), against))))


def weighted_cross_entropy(problem: Problem, result: str, index: Index) -> Expression:
    """−Σ a·ln p / W; G·(p·Σ a − a) / W, a = ((1 − s)·[c = t] + s/C)·w, and 0 where the position does not count."""
    samples, classes, *size = problem.shape("logits")
    s = Named("s", (), number(problem.parameters["label_smoothing"]))
    ignored = number(problem.parameters["ignore_index"])
    places = list(np.ndindex(samples, *size))

    def weight(c: int) -> tuple[Expression, ...]:
        return () if problem.shapes["weight"] is None else (Element("weight", (c,)),)

    def row(at: Index) -> list[Index]:
        return [(at[0], c, *at[1:]) for c in range(classes)]

    def p(i: Index) -> Named:
        total = add(_exp(Element("logits", j)) for j in row((i[0], *i[2:])))
        return Named("p", i, Quotient(_exp(Element("logits", i)), total), like="logits")

    def own(at: Index, c: int) -> Condition:
        return Condition(Element("target", at), "=", number(c))

    def a(i: Index) -> Named:
        at = (i[0], *i[2:])
        share = Sum((Product((minus(ONE, s), own(at, i[1]))), Quotient(s, number(classes))))
        counts = Condition(Element("target", at), "≠", ignored)
        return Named("a", i, Product((counts, share, *weight(i[1]))), like="logits")

    def reduced(expression: Expression) -> Expression:
        if problem.parameters["reduction"] == "sum":
            return expression
        total = add(
            Product((Condition(Element("target", at), "≠", ignored), own(at, c), *weight(c)))
            for at in places
            for c in range(classes)
        )
        return Quotient(expression, Named("W", (), total))

    if result == "y":
        return reduced(negative(add(Product((a(i), Call("ln", (p(i),)))) for at in places for i in row(at))))
    together = add(a(i) for i in row((index[0], *index[2:])))
    return reduced(Product((Element("g", ()), minus(Product((p(index), together)), a(index)))))
