"""Grids of cells for figures, out of arrays and of polynomials that the reference computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any

import numpy as np

from checks.algebra.polynomial import Polynomial
from checks.formulas.writing import SUBSCRIPTS
from checks.numbers.precision import Array
from checks.render.grid import Cell
from checks.render.picture import Panel

Index = tuple[int, ...]


def named(letter: str, index: Iterable[int], first: int = 1) -> str:
    """An element as the documents write it, V₂₂, from an index from 0; `first` is what the document begins with."""
    counted = [str(i + first) for i in index]
    return letter + ("," if any(len(n) > 1 for n in counted) else "").join(counted).translate(SUBSCRIPTS)


def met(sum_: Polynomial, through: str, by: str) -> dict[Index, Index]:
    """What each element of the array `through` is multiplied with in a sum of products: an element of `by`.

    Indices are those of one map of one sample.
    """
    pairs = (dict(terms) for terms in sum_.terms)
    return {pair[through][2:]: pair[by][2:] for pair in pairs}


def panel(caption: str, shape: Index, cell: Callable[[Index], Cell | None], sign: str = "") -> Panel:
    """A grid of this shape, one row for one axis, whose cells `cell` makes from their index."""
    lead = len(shape) == 1
    rows, columns = (1, *shape) if lead else shape
    at = (((r, c)[lead:] for c in range(columns)) for r in range(rows))
    return Panel(caption, tuple(tuple(map(cell, row)) for row in at), sign)


def numbers(caption: str, array: Array, styles: Mapping[Index, str] | None = None, sign: str = "") -> Panel:
    """An array of numbers; `styles` by index, plain where there is none."""
    chosen = styles or {}
    return panel(caption, np.shape(array), lambda i: Cell(written(array[i]), chosen.get(i, "")), sign)


def written(number: Any) -> str:
    """A whole number as such, quarters as ¼, ½ and ¾, anything else with two digits."""
    whole, quarters = divmod(abs(float(number)), 1)
    sign = "−" if number < 0 else ""
    if quarters in (0.25, 0.5, 0.75):
        return sign + (f"{whole:.0f}" if whole else "") + {0.25: "¼", 0.5: "½", 0.75: "¾"}[quarters]
    return sign + (f"{whole:.0f}" if not quarters else f"{abs(float(number)):.2f}")


def window(
    caption: str,
    size: Index,
    laid: Mapping[Index, Index],
    letter: str,
    *,
    lit: Index | None = None,
    under: Callable[[Index], str] = lambda _: "",
) -> Panel:
    """An input of this size with the elements of a kernel over it; one of them, over `lit`, stands out.

    `under` writes what is not covered.
    """

    def cell(i: Index) -> Cell:
        if i not in laid:
            return Cell(under(i), "dim")
        return Cell(named(letter, laid[i]), "lit" if i == lit else "tint")

    return panel(caption, size, cell)


def strips(caption: str, sums: Array, size: int, through: str, by: str) -> Panel:
    """One axis: a row for each output, with the elements of the kernel where they lie over the input.

    The last row says how many outputs an input met; those that met none stand out.
    """
    rows: list[tuple[Cell | None, ...]] = [
        (Cell(style="head"), *(Cell(named(through, (k,)), "head") for k in range(size)))
    ]
    count = dict.fromkeys(range(size), 0)
    for n, element in enumerate(sums):
        laid = met(element, through, by)
        for (k,) in laid:
            count[k] += 1
        cells = (Cell(named(by, laid[(k,)]), "tint") if (k,) in laid else Cell(style="dim") for k in range(size))
        rows.append((Cell(f"n={n + 1}", "head"), *cells))
    last = (Cell(str(count[k]), "" if count[k] else "warm") for k in range(size))
    return Panel(caption, (*rows, (Cell("terms", "head"), *last)))


def blocks(shape: Index, size: int = 2) -> dict[Index, str]:
    """Every other block of a map tinted, as on a chessboard."""
    return {i: "tint" for i in product(*map(range, shape)) if sum(n // size for n in i) % 2 == 0}
