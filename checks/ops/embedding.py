"""Embedding: rows that are asked for once, often and never; a padding row is 0, and stays it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.algebra.expression import Condition, Element, Expression, Product, add, number
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops._embedding_mistakes import EMBEDDING
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, whole
from checks.signature.takes import LOUD, Drawn, Parameter, Sizes, Takes
from reference import embedding

if TYPE_CHECKING:
    import torch

ROWS = (3, 2, 1, 5, 8)
LAST = (
    3  # rows at the end of the table, which half of the indices are among: there it shows whether all of it is served
)


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    rows, padding = pinned.get("rows"), pinned.get("padding_index")
    if rows is not None and padding is not None and padding >= rows:
        raise ValueError(f"padding_index {padding} is no row of {rows}; --padding-index {rows - 1} would be the last")


def rows_beyond(draws: Draws, pinned: Pinned, _: int) -> Drawn:
    """The rows of the table, where one of them is said to be padding: more than that."""
    padding = pinned.get("padding_index")
    if padding is None or "rows" in pinned:
        return {}
    return {"V": draws.among(*(n for n in ROWS if n > padding), padding + 1)}


def padding(drawn: Drawn) -> tuple[Any, ...]:
    """None, or the first or the last row."""
    return (None, None, 0, drawn["V"] - 1)


def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:
    """Indices, many alike; a table whose padding row is 0, as those who pad have it."""
    rows, width = problem.shape("weight")
    if name == "index":
        shape = problem.shape("index")
        near_the_end = rng.integers(max(0, rows - LAST), rows, shape)
        return np.where(rng.random(shape) < 0.5, rng.integers(0, rows, shape), near_the_end)
    at = problem.parameters["padding_index"]
    if at is None:
        return None
    largest = max(1, problem.largest)
    numbers = rng.integers(1, largest + 1, (rows, width)) * rng.choice((-1, 1), (rows, width))
    table = PRECISIONS[problem.dtype].rounded(numbers if whole else rng.uniform(-1, 1, (rows, width)))
    table[at] = 0
    return table


def terms(problem: Problem) -> dict[str, int]:
    """What is picked is not rounded; as many cotangents are added as ask for a row, all at most."""
    return {"y": 1, "weight": max(1, prod(problem.shape("index")))}


def padded(inputs: Sequence[Any], parameters: Mapping[str, Any]) -> dict[str, Array]:
    """The padding row of the table: y is what stands there, and no gradient goes there."""
    rows = np.arange(len(inputs[1]))[:, None]
    return {"weight": np.asarray(rows == parameters.get("padding_index"))}


def tried(problem: Problem) -> dict[str, tuple[Any, ...]]:
    """How many places ask, and whether there is a padding row."""
    batch = problem.sizes["*batch"]
    given = problem.parameters["padding_index"] is not None
    return {"places": (prod(batch),), "batch": (), "padding_index": ("a row" if given else "None",)}


def formula(problem: Problem, result: str, index: tuple[int, ...]) -> Expression:
    """Σ [index = i]·W_i; Σ [index = i]·G, and 0 for the row that pads."""
    *place, d = index
    if result == "y":
        rows = range(problem.shape("weight")[0])
        asked = Element("index", tuple(place))
        return add(Product((Condition(asked, "=", number(i)), Element("weight", (i, d)))) for i in rows)
    (row,) = place
    if row == problem.parameters["padding_index"]:
        return number(0)
    places = np.ndindex(*problem.shape("index"))
    return add(Product((Condition(Element("index", n), "=", number(row)), Element("g", (*n, d)))) for n in places)


def twin(index: torch.Tensor, weight: torch.Tensor, *, padding_index: int | None) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.embedding(index, weight, padding_idx=padding_index)


OP = Op(
    name="embedding",
    reference=embedding,
    takes=Takes(
        arrays={"index": "*batch", "weight": "V D", "y": "*batch D"},
        parameters=(Parameter("padding_index", None, "row that stands for no word", "0", whole(0), padding),),
        sizes=(
            Sizes("rows", "V", "rows of the table", ROWS, metavar="10"),
            Sizes("width", "D", "numbers in a row", (2, 1, 3, 4), metavar="4"),
            Sizes("batch", "*batch", "all axes of the index", (3, 2, 4, 1, 6, 3, 2, 0), (1, 2), 0, "8 | 2,3"),
        ),
        geometry=rows_beyond,
        scales={"weight": LOUD},
        constant=("index",),
        refuse=refuse,
    ),
    twin=twin,
    rounds=Rounding(terms, factors={"y": ("weight",), "weight": ("g",)}),
    kind=Kind(degree=1, linear_in=(("weight",),), stops=padded),
    cases=Inputs(draw, tried),
    told=Documents(
        letters={"index": "i", "weight": "W", "y": "y", "g": "g"},
        sources={"y": "W2", "weight": "W2"},
        formula=formula,
        usual={"rows": 3, "width": 2, "batch": (3,)},
    ),
    mistakes=EMBEDDING,
)

OPS = (OP,)
