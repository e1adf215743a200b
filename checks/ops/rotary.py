"""Rotary positions: pairs in halves or side by side, turned by given cosines and sines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Documents, Kind, Op, Problem, Rounding
from checks.ops._rotary_mistakes import ROTARY
from checks.signature.takes import LOUD, Parameter, Sizes, Takes
from reference import rotary

if TYPE_CHECKING:
    import torch


def terms(problem: Problem) -> dict[str, int]:  # noqa: ARG001, every op is asked alike
    """Two products and their sum."""
    return {"y": 2, "x": 2}


def magnitudes(case: Case) -> dict[str, Array]:
    """|a||c| + |b||s|, which turning by −|s| gives of magnitudes in one of the pair, and by |s| in the other."""
    x, g = np.abs(case.input("x")), np.abs(case.cotangent)
    cos, sin = np.abs(case.input("cos")), np.abs(case.input("sin"))

    def found(a: Array) -> Array:
        forth, back = (rotary.forward(a, cos, s, **case.parameters) for s in (sin, -sin))
        return np.maximum(forth, back)

    return {"y": found(x), "x": found(g)}


def twin(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, *, interleaved: bool) -> torch.Tensor:
    """The same function by torch: a complex product, pairs laid side by side."""
    import torch

    half = x.shape[-1] // 2
    laid = x if interleaved else torch.stack((x[..., :half], x[..., half:]), -1)
    first, second = laid.reshape(*x.shape[:-1], half, 2).unbind(-1)
    turned = torch.stack((first * cos - second * sin, second * cos + first * sin), -1)
    return turned.flatten(-2) if interleaved else torch.cat(turned.unbind(-1), -1)


OP = Op(
    name="rotary",
    reference=rotary,
    takes=Takes(
        arrays={"x": "*batch T 2P", "cos": "T P", "sin": "T P", "y": "*batch T 2P"},
        parameters=(Parameter("interleaved", False, "pairs stand side by side, not in halves", among=(False, True)),),
        sizes=(
            Sizes("pairs", "P", "pairs in a row: half its width", (2, 1, 3, 4), metavar="4"),
            Sizes("places", "T", "places of a sequence", (2, 1, 3, 5), metavar="4"),
            Sizes("batch", "*batch", "all axes before the places", (2, 1, 3, 2, 1, 3, 2, 0), (1, 2), 0, "8 | 2,3"),
        ),
        scales={"x": LOUD},
        constant=("cos", "sin"),
    ),
    twin=twin,
    rounds=Rounding(terms, magnitudes),
    kind=Kind(degree=2, linear_in=(("x",),)),
    told=Documents(
        letters={"x": "x", "cos": "c", "sin": "s", "y": "y", "g": "g"},
        sources={"y": "W3", "x": "W3"},
        usual={"pairs": 2, "places": 2, "batch": (1,)},
    ),
    mistakes=ROTARY,
)

OPS = (OP,)
