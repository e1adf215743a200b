"""Figures of convolution in two dimensions: which elements meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from checks.algebra.polynomial import symbols
from checks.book.contents import Figure
from checks.book.figures.panels import Index, met, named, numbers, panel, window
from checks.numbers.precision import Array
from checks.render.grid import Cell
from checks.render.picture import Panel
from reference import conv, lenet

Letters = tuple[str, str, str]  # of the input, the kernel and the cotangent
IN_001, IN_002, IN_003, IN_004 = ("x", "k", "δ"), ("V", "K", "G"), ("z", "w", "δ"), ("x", "w", "δ")

WINDOWS = "Each grid is the input under the kernel, as it lies for one output; what lies over an element multiplies it."


def forward(x: Array, k: Array, **parameters: Any) -> Array:
    """The output for one map and one kernel."""
    y: Array = conv.forward(x[None, None], k[None, None], **parameters)[0, 0]
    return y


def backward(g: Array, x: Array, k: Array, **parameters: Any) -> tuple[Array, Array]:
    """The gradients of one map and of one kernel."""
    of_x, of_k, _ = conv.backward(g[None, None], x[None, None], k[None, None], **parameters)
    return of_x[0, 0], of_k[0, 0]


def layer(letters: Letters, size: int, kernel: int, **parameters: Any) -> tuple[Array, Array, Array]:
    """The outputs, and the gradients of input and kernel, all as sums of products of elements called by these letters."""
    V, K, G = letters
    x, k = symbols(V, (1, 1, size, size)), symbols(K, (1, 1, kernel, kernel))
    y = conv.forward(x, k, **parameters)
    of_x, of_k, _ = conv.backward(symbols(G, y.shape), x, k, **parameters)
    return y[0, 0], of_x[0, 0], of_k[0, 0]


def windows(letters: Letters, outputs: str, size: int, kernel: int, **parameters: Any) -> tuple[Panel, ...]:
    """The kernel as it lies over the input for each output."""
    V, K, _ = letters
    y, _, _ = layer(letters, size, kernel, **parameters)
    return tuple(window(named(outputs, i), (size, size), met(element, V, K), K) for i, element in np.ndenumerate(y))


def paths(
    letters: Letters,
    size: int,
    kernel: int,
    of: Index,
    *,
    output: Callable[[Index], Index] = tuple,
    under: Callable[[Index], str] = lambda _: "",
) -> tuple[Panel, ...]:
    """The windows that reach one element of the input, in each of them the element of the kernel that lies over it.

    `output` numbers the outputs, `under` writes what is under no window.
    """
    V, K, G = letters
    y, of_x, _ = layer(letters, size, kernel)
    return tuple(
        window(f"{named(K, k)} · {named(G, output(g))}", (size, size), met(y[g], V, K), K, lit=of, under=under)
        for g, k in sorted(met(of_x[of], G, K).items())
    )


def met_by_kernel(letters: Letters, size: int, kernel: int, of: Index, **parameters: Any) -> Panel:
    """The elements of the input that one element of the kernel meets, and the cotangent of the output in which it does."""
    V, K, G = letters
    _, _, of_k = layer(letters, size, kernel, **parameters)
    pairs = met(of_k[of], V, G)
    return panel(
        named(K, of),
        (size, size),
        lambda i: Cell(named(G, pairs[i]), "lit") if i in pairs else Cell(named(V, i), "dim"),
    )


def terms(caption: str, letters: Letters, size: int, kernel: int, **parameters: Any) -> Panel:
    """How many terms the gradient of each element of the input has."""
    _, of_x, _ = layer(letters, size, kernel, **parameters)
    return numbers(caption, np.vectorize(lambda element: len(element.terms), [object])(of_x))


def L1() -> Figure:
    """The boxes of a stride of 2."""
    return Figure(f"{WINDOWS} The stride is 2.", windows(IN_002, "Z", 5, 3, stride=2))


def L2() -> Figure:
    """What two elements of the kernel meet."""
    parts = (met_by_kernel(IN_002, 5, 3, of, stride=2) for of in ((0, 0), (1, 2)))
    caption = (
        "The elements of $`V`$ that $`K_{11}`$ and $`K_{23}`$ meet, each with the $`G`$ of its output. The stride is 2."
    )
    return Figure(caption, tuple(parts))


def L3() -> Figure:
    """The number of terms for each element of the input."""
    parts = (terms(f"s = {s}", IN_002, 5, 3, stride=s) for s in (1, 2))
    return Figure("How many terms the sum has for each element of a 5x5 input under a 3x3 kernel.", tuple(parts))


def L4() -> Figure:
    """The four windows."""
    return Figure(WINDOWS, windows(IN_002, "Z", 3, 2))


def L5() -> Figure:
    """What the first element of the kernel meets."""
    return Figure(
        "The elements of $`V`$ that $`K_{11}`$ meets, each with the $`G`$ of its output.",
        (met_by_kernel(IN_002, 3, 2, (0, 0)),),
    )


def L6() -> Figure:
    """The one window that reaches the corner."""
    return Figure("One window reaches $`V_{11}`$, with its first element.", paths(IN_002, 3, 2, (0, 0)))


def L7() -> Figure:
    """The four windows that reach the centre."""
    caption = "All four windows reach $`V_{22}`$. What lies over it, marked, meets the $`G`$ of that window."
    return Figure(caption, paths(IN_002, 3, 2, (1, 1)))


def B2() -> Figure:
    """Two maps, two kernels, one map, in numbers."""
    rng = np.random.default_rng(2)
    x, k = rng.integers(0, 4, (1, 2, 4, 4)), rng.integers(-1, 3, (1, 2, 2, 2))
    u = conv.forward(x, k)[0, 0]
    under = dict.fromkeys(np.ndindex(2, 2), "lit")
    return Figure(
        "The marked patches, times the kernels element by element and added up, give the marked number.",
        (
            numbers("x₁", x[0, 0], under),
            numbers("k₁₁", k[0, 0], sign="⋆"),
            numbers("x₂", x[0, 1], under, sign="+"),
            numbers("k₁₂", k[0, 1], sign="⋆"),
            numbers("u", u, {(0, 0): "lit"}, sign="="),
        ),
    )


def B6() -> Figure:
    """The gradient as a sum of patches."""
    return Figure(
        "The gradient of a 2x2 kernel over a 3x3 map: four patches with their weights.",
        tuple(patch(at) for at in np.ndindex(2, 2)),
    )


def patch(at: Index) -> Panel:
    """The part of a 3x3 map that the gradient of a 2x2 kernel takes for one output, with its weight."""
    _, _, of_k = layer(IN_001, 3, 2)
    under = {k: met(element, "δ", "x")[at] for k, element in np.ndenumerate(of_k)}
    sign = f"{'+ ' if any(at) else ''}{named('δ', at)} ·"
    return panel(named("p", at), (2, 2), lambda k: Cell(named("x", under[k]), "tint"), sign)


def B7() -> Figure:
    """MATLAB's way in numbers, and what the code says."""
    rng = np.random.default_rng(7)
    x, delta = rng.integers(0, 4, (4, 4)), rng.integers(-2, 3, (3, 3))
    found = forward(x, turned(delta), flip=True)  # conv2 turns its second argument
    _, of_k = backward(delta, x, np.ones((2, 2)), flip=True)
    return Figure(
        "`conv2` turns its second argument back, and gives the gradient of the kernel in the picture; turned, it is that "
        "of MATLAB's. The code finds the same on its own: the last grid is `conv.backward`.",
        (
            numbers("x", x),
            numbers("rot180(δ)", turned(delta)),
            numbers("conv2(x, rot180(δ))", found),
            numbers("rot180(conv2(…))", turned(found)),
            numbers("∂E/∂k", of_k, sign="="),
        ),
    )


def B9() -> Figure:
    """The full convolution in numbers."""
    delta, k = np.array([[1, 2], [3, 4]]), np.array([[1, 0], [2, -1]])
    of_x, _ = backward(delta, np.zeros((3, 3)), k, flip=True)
    padded = np.pad(delta, 1)
    inside = {i: "lit" if padded[i] else "dim" for i in np.ndindex(4, 4)}
    return Figure(
        "One map above: $`\\delta`$ counts as 0 outside, and the kernel slides over all of it without being turned.",
        (
            numbers("δ, 'full'", padded, inside),
            numbers("k", k, sign="⋆"),
            numbers("the sum for this map", of_x, sign="="),
        ),
    )


def B10() -> Figure:
    """The four windows that reach the 7th node."""
    return Figure(
        "The windows of outputs 2, 3, 5 and 6; what lies over node 7 is marked.",
        paths(IN_001, 4, 2, (1, 2), output=lambda g: (3 * g[0] + g[1],), under=lambda i: str(4 * i[0] + i[1] + 1)),
    )


def S4() -> Figure:
    """A matrix and the same turned."""
    old = np.arange(1, 13).reshape(3, 4)
    return Figure(
        "Old and new place of 1 and of 7, marked: their rows add up to 4, their columns to 5.",
        (
            numbers("old", old, {(0, 0): "lit", (1, 2): "warm"}),
            numbers("new", turned(old), {(2, 3): "lit", (1, 1): "warm"}, sign="→"),
        ),
    )


def P2() -> Figure:
    """The dense layer's matrix."""
    return Figure(
        "The matrix of a 2x2 kernel over a 3x3 map: a row for each output, a column for each input. What is dotted is a "
        "connection that was cut; equal letters are one weight.",
        (toeplitz("T", IN_003, flip=True),),
    )


def P3() -> Figure:
    """The windows of true convolution."""
    return Figure(f"{WINDOWS} Compare L4: here it lies turned.", windows(IN_003, "z", 3, 2, flip=True))


def P5() -> Figure:
    """The number of terms for each position."""
    return Figure(
        "How many outputs a position of a 4x4 map has a part in, under a 2x2 kernel: fewer at the rim.",
        (terms("terms of δ", IN_003, 4, 2, flip=True),),
    )


def P6() -> Figure:
    """A kernel counted from its centre, and the same turned."""
    w = symbols("w", (1, 1, 3, 3))
    rotated = turned(w[0, 0])

    def index(element: Any) -> str:
        (((_, (_, _, row, column)),),) = element.terms
        return f"{row - 1},{column - 1}".replace("-", "−")

    return Figure(
        "The indices of a kernel that is counted from its centre, and of what true convolution makes of it: each changes "
        "its sign.",
        (
            panel("w", (3, 3), lambda i: Cell(index(w[0, 0][i]), "lit" if i == (0, 1) else "")),
            panel("ROT180(w)", (3, 3), lambda i: Cell(index(rotated[i]), "lit" if i == (2, 1) else ""), "→"),
        ),
    )


def C8() -> Figure:
    """Valid within same within full."""
    a, b = symbols("A", (1, 1, 4, 4)), symbols("B", (1, 1, 3, 3))
    full, same, valid = (list(conv.forward(a, b, padding=name, flip=True).flat) for name in ("full", "same", "valid"))

    def cell(i: Index) -> Cell:
        element = full[6 * i[0] + i[1]]
        return Cell(str(len(element.terms)), "lit" if element in valid else "tint" if element in same else "")

    return Figure(
        "A 4x4 matrix with a 3x3 one: all of it is 'full', the shaded part with the marked one 'same', the marked one "
        "'valid'. The numbers say how many terms each sum has.",
        (panel("A ∗ B", (6, 6), cell),),
    )


def C13() -> Figure:
    """Both matrices of a small layer."""
    y, _, _ = layer(IN_004, 3, 2)
    patches = [met(element, "w", "x") for element in y.ravel()]
    names = list(np.ndindex(2, 2))
    B = panel("B", (4, 4), lambda i: Cell(named("x", patches[i[0]][names[i[1]]]), "tint"))
    caption = "A 2x2 kernel over a 3x3 input: $`z = Ax = Bw`$, with a row for each output. What is dotted is 0."
    return Figure(caption, (toeplitz("A", IN_004), B))


def C20() -> Figure:
    """LeCun's table."""
    head = (None, *(Cell(str(o), "head") for o in range(lenet.TABLE.shape[0])))
    rows = (
        (
            Cell(str(i), "head"),
            *(Cell("×", "tint", f"{i} feeds {o}") if fed else Cell(style="dim") for o, fed in enumerate(of)),
        )
        for i, of in enumerate(lenet.TABLE.T)
    )
    caption = "Which maps of S2 (rows) feed which maps of C3 (columns), both counted from 0: 60 pairs."
    return Figure(caption, (Panel("S2 to C3", (head, *rows)),))


def toeplitz(caption: str, letters: Letters, **parameters: Any) -> Panel:
    """The matrix of a 2x2 kernel over a 3x3 input: a row for each output, a column for each input."""
    V, K, _ = letters
    y, _, _ = layer(letters, 3, 2, **parameters)
    rows = [met(element, V, K) for element in y.ravel()]
    inputs = list(np.ndindex(3, 3))

    def cell(i: Index) -> Cell:
        row, column = rows[i[0]], inputs[i[1]]
        return Cell(named(K, row[column]), "tint") if column in row else Cell(style="dim")

    return panel(caption, (len(rows), len(inputs)), cell)


def turned(k: Array) -> Array:
    """The kernel turned by 180°: what cross-correlation makes of a single 1."""
    return forward(np.ones((1, 1), k.dtype), k, padding="full")
