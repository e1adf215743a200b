"""The fully connected layer: how problems are drawn, its twin in torch, what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from checks.op import Op, Problem, of_x
from checks.ops._linear_mistakes import LINEAR
from checks.signature.drawing import among
from checks.signature.options import Option, Pinned, pair, shape
from checks.signature.windows import not_too_large
from reference import linear

if TYPE_CHECKING:
    import torch
    from hypothesis.strategies import DrawFn, SearchStrategy

OPTIONS = (
    Option("features", "features in and out", "4,6", pair(1)),
    Option("batch", "all axes of x but the last", "8 | 2,3", shape(0)),
)


def validate(pinned: Pinned) -> None:
    """Raise ValueError if no problem has these values: any can."""


def problems(op: Op, pinned: Pinned, dtype: str) -> SearchStrategy[Problem]:
    """Problems in which the pinned values hold: as many features in as out in some, and one or two leading axes."""
    from hypothesis import strategies as st

    @st.composite
    def draw_problem(draw: DrawFn) -> Problem:
        sizes = among(2, 1, 3, 4, 6)
        features = pinned.get("features") or (draw(sizes), draw(sizes))
        batch = pinned.get("batch") or tuple(
            draw(st.lists(among(1, 2, 3, 5, 2, 1, 3, 2, 5, 0), min_size=1, max_size=2))
        )
        for size in ((*batch, features[0]), (*batch, features[1]), features):
            not_too_large(pinned, size)
        scale = [draw(among(*((0, 0, 0, 20, -20) if dtype != "float16" else (0,)))) for _ in range(2)]
        return Problem(
            op,
            shapes={
                "x": (*batch, features[0]),
                "weight": (features[1], features[0]),
                "bias": (features[1],) if draw(among(True, True, True, False)) else None,
                "y": (*batch, features[1]),
            },
            parameters={},
            dtype=dtype,
            seed=draw(st.integers(0, 2**32 - 1)),
            small=draw(st.booleans()),
            exponents={"x": scale[0], "weight": scale[1], "bias": sum(scale)},
        )

    return draw_problem()


def terms(problem: Problem) -> dict[str, int]:
    """Products in the longest sum: over features in (and bias), features out, samples."""
    out_features, in_features = problem.shape("weight")
    samples = prod(problem.shape("x")[:-1])
    return {"y": in_features + 1, "x": out_features, "weight": samples, "bias": samples}


def twin(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.linear(x, weight, bias)


def coverage(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """What a reader wants to know was tried."""
    weight = problem.shape("weight")
    return {
        "features": ("in = out" if weight[0] == weight[1] else "in ≠ out",),
        "leading axes": (len(problem.shape("x")) - 1,),
        "bias": ("yes" if problem.shapes["bias"] is not None else "no",),
        "samples": (prod(problem.shape("x")[:-1]),),
    }


def pins(problem: Problem) -> dict[str, Any]:
    """The options that pin this very problem."""
    return {"features": problem.shape("weight")[::-1], "batch": problem.shape("x")[:-1]}


OP = Op(
    name="linear",
    inputs=("x", "weight", "bias"),
    reference=linear,
    defaults={},
    options=OPTIONS,
    validate=validate,
    problems=problems,
    twin=twin,
    coverage=coverage,
    pins=pins,
    terms=terms,
    factors={"y": ("x", "weight"), "x": ("g", "weight"), "weight": ("g", "x"), "bias": ("g",)},
    degree=2,
    linear_in=(("x", "bias"), ("weight", "bias")),
    samples=of_x,
    letters={"x": "a", "weight": "w", "y": "z", "g": "δ"},
    sources={"y": "004, C18", "weight": "004, C16", "x": "003, P1", "bias": "004, C16"},
    mistakes=LINEAR,
)

OPS = (OP,)
