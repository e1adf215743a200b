"""Dropout with a given mask: how problems are drawn, its twin in torch, when it is exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Op, Problem
from checks.ops._dropout_mistakes import DROPOUT
from checks.signature.drawing import among
from checks.signature.options import Option, Pinned, real, shape
from checks.signature.windows import not_too_large
from reference import dropout

if TYPE_CHECKING:
    import torch
    from hypothesis.strategies import DrawFn, SearchStrategy

OPTIONS = (
    Option("p", "probability with which an element is dropped", "0.5", real(0, 1)),
    Option("shape", "shape of x", "2,3,4", shape(0)),
)


def validate(pinned: Pinned) -> None:
    """Raise ValueError if no problem has these values: any can."""


def problems(op: Op, pinned: Pinned, dtype: str) -> SearchStrategy[Problem]:
    """Problems in which the pinned values hold."""
    from hypothesis import strategies as st

    @st.composite
    def draw_problem(draw: DrawFn) -> Problem:
        sizes = st.lists(among(2, 3, 1, 4, 5), min_size=1, max_size=4)
        drawn = pinned.get("shape") or tuple(draw(sizes))
        not_too_large(pinned, drawn)
        return Problem(
            op,
            shapes={"x": drawn, "mask": drawn, "y": drawn},
            parameters={"p": pinned.get("p", draw(among(0.5, 0.75, 0.0, 0.1, 0.2, 0.875)))},
            dtype=dtype,
            seed=draw(st.integers(0, 2**32 - 1)),
            small=draw(st.booleans()),
            exponents={"x": draw(among(*((0, 0, 20, -20) if dtype != "float16" else (0,))))},
        )

    return draw_problem()


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


def coverage(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """What a reader wants to know was tried."""
    return {"p": (problem.parameters["p"],), "axes": (len(problem.shape("x")),)}


def pins(problem: Problem) -> dict[str, Any]:
    """The options that pin this very problem."""
    return {"shape": problem.shape("x"), **problem.parameters}


OP = Op(
    name="dropout",
    inputs=("x", "mask"),
    reference=dropout,
    defaults={"p": 0.5},
    options=OPTIONS,
    validate=validate,
    problems=problems,
    twin=twin,
    coverage=coverage,
    pins=pins,
    terms=terms,
    degree=1,
    unit=unit,
    linear_in=(("x",),),
    constant=("mask",),
    samples=lambda problem: problem.op.inputs,
    draw=draw,
    sources={"y": "004, C19", "x": "004, C19"},
    mistakes=DROPOUT,
)

OPS = (OP,)
