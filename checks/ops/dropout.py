"""Dropout with a given mask, which is exact where 1 − p is a power of two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops._dropout_mistakes import DROPOUT
from checks.signature.options import real
from checks.signature.takes import FAIR, Parameter, Sizes, Takes
from reference import dropout

if TYPE_CHECKING:
    import torch


def draw(problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:  # noqa: ARG001, every op is asked alike
    """A mask of 0 and 1, 1 with probability 1 − p, in the dtype of x."""
    if name != "mask":
        return None
    return PRECISIONS[problem.dtype].rounded(rng.random(problem.shape("mask")) >= problem.parameters["p"])


def scale(problem: Problem) -> float:
    """1 / (1 − p): how much is left over for those that stay."""
    return float(1 / (1 - problem.parameters["p"]))


def unit(problem: Problem) -> int | None:
    """1, where the scale is a power of two: dividing by 1 − p is exact then, and so is multiplying by its inverse."""
    return 1 if np.frexp(scale(problem))[0] == 0.5 else None


def terms(problem: Problem) -> dict[str, int]:
    """1 − p, the quotient and the product; on whole numbers the scale, which is how much larger a result may be."""
    most = max(3, int(scale(problem)))
    return {"y": most, "x": most}


def twin(x: torch.Tensor, mask: torch.Tensor, *, p: float) -> torch.Tensor:
    """The same function by torch, whose own dropout draws its mask and cannot be given one."""
    return x * mask / (1 - p)


OP = Op(
    name="dropout",
    reference=dropout,
    takes=Takes(
        arrays={"x": "*shape", "mask": "*shape", "y": "*shape"},
        sizes=(Sizes("shape", "*shape", "shape of x", (2, 3, 1, 4, 5), (1, 2, 3, 4), 0),),
        parameters=(
            Parameter(
                "p",
                0.5,
                "probability with which an element is dropped",
                "0.5",
                real(0, 1),
                (0.5, 0.75, 0.0, 0.1, 0.2, 0.875),
            ),
        ),
        scales={"x": FAIR},
        constant=("mask",),
    ),
    twin=twin,
    rounds=Rounding(terms),
    kind=Kind(degree=1, unit=unit, linear_in=(("x",),)),
    cases=Inputs(draw),
    told=Documents(sources={"y": "004, C19", "x": "004, C19"}),
    mistakes=DROPOUT,
)

OPS = (OP,)
