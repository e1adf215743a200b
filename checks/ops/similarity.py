"""Cosine similarity at every place: how problems are drawn, its twin in torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from checks.op import Case, Op, Problem, of_x
from checks.ops import _formulas as formulas
from checks.ops._similarity_mistakes import SIMILARITY
from checks.signature.drawing import among
from checks.signature.options import Option, Pinned, pair, per_axis
from checks.signature.windows import BATCH, DIMS, SIZE, along, not_too_large, pinned_axes
from reference import similarity

if TYPE_CHECKING:
    import torch
    from hypothesis.strategies import DrawFn, SearchStrategy

OUTPUTS = {1: 5, 2: 3, 3: 2}
OPTIONS = (
    Option("kernel", "size of the template", "3 | 3,5", per_axis(1)),
    Option("channels", "channels of x, and number of templates", "3,2", pair(1)),
    DIMS,
    SIZE,
    BATCH,
)


def validate(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    for axis in range(pinned_axes(pinned) or 1):
        kernel, size = along(pinned.get("kernel"), axis), along(pinned.get("size"), axis)
        if kernel and size and kernel > size:
            raise ValueError(f"a template of {kernel} does not fit into size {size}; --size {kernel} would make it fit")


def problems(op: Op, pinned: Pinned, dtype: str) -> SearchStrategy[Problem]:
    """Problems in which the pinned values hold."""
    from hypothesis import strategies as st

    @st.composite
    def draw_problem(draw: DrawFn) -> Problem:
        axes = pinned_axes(pinned) or draw(among(2, 1, 2, 3))
        kernel, size = [], []
        for axis in range(axes):
            fixed = along(pinned.get("size"), axis)
            kernel.append(along(pinned.get("kernel"), axis) or draw(st.integers(1, min(3, fixed or 3))))
            size.append(fixed or kernel[-1] + draw(st.integers(0, OUTPUTS[axes] - 1)))
        channels = pinned.get("channels") or (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
        batch = pinned["batch"] if "batch" in pinned else draw(among(1, 2, 3, 2, 1, 3, 2, 0))
        not_too_large(pinned, (batch, channels[0], *size))
        scales = among(*((0, 0, 20, -20) if dtype != "float16" else (0,)))
        return Problem(
            op,
            shapes={
                "x": (batch, channels[0], *size),
                "template": (channels[1], channels[0], *kernel),
                "y": (batch, channels[1], *(n - k + 1 for n, k in zip(size, kernel, strict=True))),
            },
            parameters={},
            dtype=dtype,
            seed=draw(st.integers(0, 2**32 - 1)),
            exponents={"x": draw(scales), "template": draw(scales)},
        )

    return draw_problem()


def radius(case: Case) -> float:  # noqa: ARG001, every op is asked alike
    """Relative steps of an eighth change no norm by more than an eighth."""
    return 0.25


def twin(x: torch.Tensor, template: torch.Tensor) -> torch.Tensor:
    """The same function by torch: its cosine similarity of every window, unfolded, with every template."""
    import torch

    windows = x
    for axis, size in enumerate(template.shape[2:]):
        windows = windows.unfold(2 + axis, size, 1)
    axes = template.ndim - 2
    flat = windows.movedim(1, 1 + axes).flatten(1 + axes)  # (N, *output, C · kernel)
    y: torch.Tensor = torch.nn.functional.cosine_similarity(
        flat.unsqueeze(1), template.flatten(1).reshape(len(template), *(1,) * axes, -1), dim=-1, eps=0.0
    )
    return y


def coverage(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """What a reader wants to know was tried."""
    x, template = problem.shape("x"), problem.shape("template")
    return {
        "dims": (len(x) - 2,),
        "kernel": template[2:],
        "channels": (x[1],),
        "templates": (template[0],),
        "batch": (x[0],),
    }


def pins(problem: Problem) -> dict[str, Any]:
    """The options that pin this very problem."""
    x, template = problem.shape("x"), problem.shape("template")
    return {"dims": len(x) - 2, "size": x[2:], "kernel": template[2:], "channels": (x[1], template[0]), "batch": x[0]}


OP = Op(
    name="similarity",
    inputs=("x", "template"),
    reference=similarity,
    defaults={},
    options=OPTIONS,
    validate=validate,
    problems=problems,
    twin=twin,
    coverage=coverage,
    pins=pins,
    radius=radius,
    samples=of_x,
    sources=dict.fromkeys(("y", "x", "template"), "004, C2 and C3"),
    formula=formulas.similarity,
    mistakes=SIMILARITY,
)

OPS = (OP,)
