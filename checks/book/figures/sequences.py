"""Figures in one dimension."""

from __future__ import annotations

from typing import Any

import numpy as np

from checks.algebra.polynomial import symbols
from checks.book.contents import Figure
from checks.book.figures.panels import met, named, numbers, strips
from checks.numbers.precision import Array
from checks.render.grid import Cell
from checks.render.picture import Panel
from reference import conv, similarity


def sums(sequence: str, size: int, kernel: str, length: int, **parameters: Any) -> Array:
    """The outputs for a sequence and a kernel, as sums of products of their elements."""
    y: Array = conv.forward(symbols(sequence, (1, 1, size)), symbols(kernel, (1, 1, length)), **parameters)[0, 0]
    return y


def convolved(a: Array, b: Array, **parameters: Any) -> Array:
    """Of two sequences of numbers."""
    y: Array = conv.forward(a[None, None], b[None, None], **parameters)[0, 0]
    return y


def L8() -> Figure:
    """Which windows lie over each input."""
    return Figure(
        "Row $`n`$ is the kernel as it lies for output $`n`$; column $`k`$ shows which $`K_p`$ meet which $`G_n`$ in the "
        "gradient of $`V_k`$.",
        (strips("s = 1", sums("V", 4, "K", 2), 4, "V", "K"),),
    )


def L9() -> Figure:
    """Strides that leave inputs out."""
    caption = "Read as in L8. A column without an entry, marked, belongs to an input with gradient 0."
    return Figure(
        caption,
        (
            strips("s = 2, a kernel of 3", sums("V", 8, "K", 3, stride=2), 8, "V", "K"),
            strips("s = 3, a kernel of 2", sums("V", 10, "K", 2, stride=3), 10, "V", "K"),
        ),
    )


def S1() -> Figure:
    """Both products of two sequences, both ways."""
    f, g = np.array([1, 2, 3]), np.array([1, 0, -1, 2])
    return Figure(
        "In numbers: the first two are the same, the other two each other's reverse.",
        (
            numbers("f", f),
            numbers("g", g),
            numbers("f ∗ g", convolved(f, g, padding="full", flip=True)),
            numbers("g ∗ f", convolved(g, f, padding="full", flip=True)),
            numbers("f ⋆ g", convolved(f, g, padding="full")),
            numbers("g ⋆ f", convolved(g, f, padding="full")),
        ),
    )


def S2() -> Figure:
    """Where the kernels start."""
    size, padding, kernel, stride = 6, 1, 3, 2
    places = strips("", sums("X", size + 2 * padding, "W", kernel, stride=stride), size + 2 * padding, "X", "W").cells
    outputs = len(sums("X", size, "W", kernel, stride=stride, padding=padding))
    rim = (*range(padding), *range(padding + size, size + 2 * padding))
    head = [Cell("0" if k in rim else named("X", (k - padding,)), "head") for k in range(size + 2 * padding)]
    caption = (
        f"$`I = {size}, P = {padding}, M = {kernel}, S = {stride}`$: {outputs} outputs, and the last zero is left over."
    )
    return Figure(caption, (Panel("places of the kernel", ((places[0][0], *head), *places[1:-1])),))


def C3() -> Figure:
    """A sequence found in another."""
    a, b = np.array([0.0, 1, 3, 2, -1, 2, 6, 4, 1]), np.array([1.0, 3, 2])
    s = similarity.forward(a[None, None], b[None, None])[0, 0]
    found = {n: "lit" for n, cosine in np.ndenumerate(s) if round(cosine, 6) == 1}
    return Figure(
        "$`s_n = 1`$, marked, where $`A`$ has $`B`$ or a multiple of it.",
        (numbers("A", a), numbers("B", b), numbers("s", s, found)),
    )


def C4() -> Figure:
    """All places, and which of them each name means."""
    size, kernel = 5, 3
    named_places = {p: list(sums("A", size, "B", kernel, padding=p, flip=True)) for p in ("full", "same", "valid")}
    full = named_places["full"]
    rows: list[tuple[Cell | None, ...]] = [
        (None, *(Cell(named("A", (k,)), "head") for k in range(size)), *(Cell(p, "head") for p in named_places))
    ]
    for n, element in enumerate(full):
        laid = met(element, "A", "B")
        over = (Cell(named("B", laid[(k,)]), "tint") if (k,) in laid else Cell(style="dim") for k in range(size))
        marks = (
            Cell("✓" if element in of else "", "head", "yes" if element in of else "no") for of in named_places.values()
        )
        rows.append((Cell(f"n={n + 1}", "head"), *over, *marks))
    return Figure(
        "Row $`n`$ shows $`B`$, read backwards, as it lies over $`A`$; on the right, which rows each name keeps.",
        (Panel("M = 5, N = 3", tuple(rows)),),
    )


def C5() -> Figure:
    """The extra zero."""
    parts = []
    for kernel in (3, 4):
        size = 5
        same = sums("A", size, "B", kernel, padding="same")
        before = kernel - len(same[0].terms)  # elements of the kernel that lie over no A at the first place
        after = kernel - len(same[-1].terms)
        cells = [Cell("0", "warm")] * before
        cells += [Cell(named("A", (k,))) for k in range(size)]
        parts.append(Panel(f"N = {kernel}", ((*cells, *[Cell("0", "warm")] * after),)))
    return Figure(
        "The zeros that 'same' adds to a sequence of 5. An even kernel gets one more at the end.", tuple(parts)
    )


def C7() -> Figure:
    """Both sides of the equation in numbers."""
    a, b = np.array([2, 0, 1, 3, 1]), np.array([1, 2, -1])
    flipped = convolved(
        np.ones(1, int), b, padding="full"
    )  # cross-correlation reads its kernel backwards over a single 1
    return Figure(
        "The inner products of $`B`$ with every part of $`A`$, and the convolution with $`\\tilde B`$.",
        (
            numbers("A", a),
            numbers("B", b),
            numbers("B̃", flipped),
            numbers("A ⋆ B", convolved(a, b)),
            numbers("A ∗ B̃, 'valid'", convolved(a, flipped, flip=True), sign="="),
        ),
    )
