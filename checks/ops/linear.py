"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.op import Case, Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops._linear_mistakes import LINEAR
from checks.signature.takes import LOUD, Sizes, Takes
from reference import linear

if TYPE_CHECKING:
    import torch


def terms(problem: Problem) -> dict[str, int]:
    """Products in the longest sum: over features in (and bias), features out, samples."""
    out_features, in_features = problem.shape("weight")
    samples = prod(problem.shape("x")[:-1])
    return {"y": in_features + 1, "x": out_features, "weight": samples, "bias": samples}


def by_blocks(case: Case) -> dict[str, tuple[int, float]]:
    """Products of matrices by Strassen's seven of blocks: adds blocks that a result does not contain, and subtracts them.

    Halved down to single numbers, n rows and columns, padded to a power of two, are off by less than 6·n^(log₂ 12)
    roundings of the largest element of one factor times that of the other (Higham, Accuracy and Stability of Numerical
    Algorithms, 2nd ed., theorem 23.2). Beyond some 64 float32 has too few digits for that; the usual bound is wide there.
    """
    weight = case.input("weight")
    rows = max(1, prod(case.cotangent.shape[:-1]), *weight.shape)
    roundings = 6 * 12 ** (rows - 1).bit_length() + 1
    arrays = {"g": case.cotangent, "w": weight, "x": case.input("x")}
    largest = {name: float(np.abs(a).max(initial=0.0)) for name, a in arrays.items()}
    return {
        "y": (roundings, largest["x"] * largest["w"]),
        "x": (roundings, largest["g"] * largest["w"]),
        "weight": (roundings, largest["g"] * largest["x"]),
    }


def tried(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """How many samples there are, and on how many axes."""
    batch = problem.sizes["*batch"]
    return {"samples": (prod(batch),), "leading axes": (len(batch),), "batch": ()}  # whose axes make the samples


def twin(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.linear(x, weight, bias)


OP = Op(
    name="linear",
    reference=linear,
    takes=Takes(
        arrays={"x": "*batch I", "weight": "O I", "bias": "O ?", "y": "*batch O"},
        sizes=(
            Sizes("features", "I O", "features in and out", (2, 1, 3, 4, 6)),
            Sizes(
                "batch", "*batch", "all axes of x but the last", (1, 2, 3, 5, 2, 1, 3, 2, 5, 0), (1, 2), 0, "8 | 2,3"
            ),
        ),
        scales={"x": LOUD, "weight": LOUD, "bias": "x weight"},
    ),
    twin=twin,
    rounds=Rounding(
        terms,
        factors={"y": ("x", "weight"), "x": ("g", "weight"), "weight": ("g", "x"), "bias": ("g",)},
        running=by_blocks,
    ),
    kind=Kind(degree=2, linear_in=(("x", "bias"), ("weight", "bias"))),
    cases=Inputs(tried=tried),
    told=Documents(
        letters={"x": "a", "weight": "w", "y": "z", "g": "δ"},
        sources={"y": "004, C18", "weight": "004, C16", "x": "003, P1", "bias": "004, C16"},
    ),
    mistakes=LINEAR,
)

OPS = (OP,)
