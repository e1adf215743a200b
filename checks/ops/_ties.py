"""What it means that a window picks its largest: numbers without ties, and, where there are some, what is right then.

An op that pools so says how its windows lie (`Layout`), and of a problem how far the widest reaches along each axis.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Protocol

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Problem

Span = Callable[[Problem | Case], tuple[int, ...]]


class Layout(Protocol):
    """How windows lie over an input."""

    def laid(self, a: Array) -> Array:
        """Each window's elements of an array like x, (N, C, *output, elements); of a smaller window any in what is left."""

    def inside(self) -> Array:
        """Which of them are elements, in the same shape, for one map at least."""

    def back(self, parts: Array) -> Array:
        """The adjoint of `laid` for what is inside: (N, C, *size)."""


def unit(span: Span) -> Callable[[Problem], int | None]:
    """1, if the dtype has different whole numbers for all elements of a window."""
    return lambda problem: 1 if 2 * prod(span(problem)) <= 1 << PRECISIONS[problem.dtype].bits else None


def radius(span: Span) -> Callable[[Case], float]:
    """Numbers of size at most 1 that are at least 1/(4m) apart stay in order while each moves by less than 1/(8m)."""
    return lambda case: 1 / (10 * prod(span(case)))


def magnitudes(span: Span) -> Callable[[Case], dict[str, Array]]:
    """|y|, and the cotangents' magnitudes sent where they are sent; infinite where the dtype cannot do without ties."""

    def of_case(case: Case) -> dict[str, Array]:
        x, tied = case.input("x"), 2 * prod(span(case)) > 1 << 11
        reference = case.op.reference
        (gradient,) = reference.backward(np.abs(case.cotangent), x, **case.parameters)
        ties = tied and np.array_equal(x, x.astype(np.float16))
        return {
            "y": np.abs(reference.forward(x, **case.parameters)),
            "x": np.full(x.shape, np.inf) if ties else gradient,
        }

    return of_case


def without(span: Span) -> Callable[[Problem, str, np.random.Generator, bool], Array | None]:
    """Numbers of which no two in a window are the same, at least 1/(4m) of the largest apart for m to a window.

    Positions are numbered modulo the widest window's span, differently for each channel, and what has the same number
    differs by multiples of m: so every window has all its numbers different, and the order in it is uniform.
    """

    def drawn(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, x is all there is
        x, reach = problem.shape("x"), span(problem)
        m = prod(reach)
        places = np.ravel_multi_index(np.indices(x[2:]) % np.reshape(reach, (-1, *(1,) * len(reach))), reach)
        numbers = rng.permuted(np.broadcast_to(np.arange(m), (*x[:2], m)), axis=2)
        drawn = numbers[..., places] + m * rng.integers(-1, 2, x) - m // 2
        if whole:
            return PRECISIONS[problem.dtype].rounded(drawn)
        jitter = rng.uniform(-0.25, 0.25, x) if 8 * m <= 1 << PRECISIONS[problem.dtype].bits else 0
        return PRECISIONS[problem.dtype].rounded((drawn + jitter) / (2 * m))

    return drawn


def some(problem: Problem) -> Case:
    """Few different numbers, so that most windows have several largest; −∞ throughout some maps."""
    rng = problem.rng(2)
    precision = PRECISIONS[problem.dtype]
    x = precision.rounded(rng.integers(-1, 2, problem.shape("x")))
    x[rng.random(x.shape[:2]) < 0.2] = -np.inf
    g = rng.integers(1, 10, problem.shape("y")) * rng.choice((-1, 1), problem.shape("y"))
    return Case(problem.op, (x,), problem.parameters, precision.rounded(g))


def at_infinity(case: Case) -> Array:
    """Whole maps of −∞: there no window has anything larger, so nothing that it reaches has a derivative."""
    lowest: Array = case.input("x") == -np.inf
    return lowest


def _shares(layout: Layout, case: Case, gradient: Array) -> tuple[Array, Array, Array, Array]:
    """What is largest in each window, its share of the cotangent, the cotangents, and which windows are all −∞."""
    inside, x = layout.inside(), layout.laid(case.input("x"))
    largest = np.where(inside, x, -np.inf).max(-1, keepdims=True)
    tied = inside & (x == largest)
    g = case.cotangent[..., None].astype(np.float64)
    shares = np.where(tied & (g != 0), layout.laid(gradient.astype(np.float64)) / np.where(g == 0, 1, g), 0.0)
    return tied, shares, g, largest == -np.inf


def nearest(layout: Callable[[Case], Layout]) -> Callable[[Case, Array], Array]:
    """Shares in [0, 1] for what is largest, made to add to 1; equal ones where there are none.

    Of a window that is all −∞ the padding may have the rest, as large as what is largest inside.
    """

    def of_case(case: Case, gradient: Array) -> Array:
        over = layout(case)
        tied, shares, g, lowest = _shares(over, case, gradient)
        shares = np.clip(shares, 0, 1)
        total = shares.sum(-1, keepdims=True)
        whole = np.where(total > 0, shares / np.where(total > 0, total, 1), tied / tied.sum(-1, keepdims=True))
        return over.back(np.where(lowest & (total <= 1), shares, whole) * g)

    return of_case


def convention(layout: Callable[[Case], Layout]) -> Callable[[Case, Array], str]:
    """Which of the largest got the cotangent, over all windows that have several."""

    def of_case(case: Case, gradient: Array) -> str:
        tied, shares, g, lowest = _shares(layout(case), case, gradient)
        several = (tied.sum(-1) > 1) & (g[..., 0] != 0) & ~lowest[..., 0]
        if not several.any():
            return ""
        tied, shares = tied[several], shares[several]
        order = np.cumsum(tied, -1)
        known: dict[str, Any] = {
            "the first of the largest takes all": tied & (order == 1),
            "the last of the largest takes all": tied & (order == order[:, -1:]),
            "the largest share equally": tied / tied.sum(-1, keepdims=True),
        }
        for words, expected in known.items():
            if np.all(np.abs(shares - expected) < 1 / 64):  # a share is no finer than one in the elements of a window
                return words
        return "the largest get shares that add to 1"

    return of_case


def dropped(layout: Callable[[Case], Layout]) -> Callable[[Case, Array], str]:
    """Whether a window that is all −∞ gave its cotangent to no input."""

    def of_case(case: Case, gradient: Array) -> str:
        _, shares, g, lowest = _shares(layout(case), case, gradient)
        lost = np.any(lowest & (g != 0) & (shares.sum(-1, keepdims=True) < 1 / 2))
        return "where a window is all −∞, its cotangent goes to the padding" if lost else ""

    return of_case
