"""Subsampling with a trainable coefficient and bias: how problems are drawn, its twin in torch, how it rounds.

The sum of a block may be computed as its mean times its size, as the twin does: a quotient and a product more than the sum
itself, in y and in the gradients. Whole numbers come out of that only where the size is a power of two.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from checks.op import Op, Problem, of_x
from checks.ops import pooling
from checks.ops._subsample_mistakes import SUBSAMPLE
from checks.ops.pooling import (
    BATCHES,
    KERNEL_SIZE,
    OUTPUTS,
    WHERE,
    avg_pool_twin,
    coverage,
    drawn_size,
    fitting,
    pins,
    window_of,
)
from checks.signature.drawing import among
from checks.signature.options import Pinned
from checks.signature.windows import along, not_too_large, pinned_axes, together
from reference import subsample

if TYPE_CHECKING:
    import torch
    from hypothesis.strategies import DrawFn, SearchStrategy


def validate(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    pooling.validate({**pinned, "padding": 0})


def problems(op: Op, pinned: Pinned, dtype: str) -> SearchStrategy[Problem]:
    """Problems in which the pinned values hold: blocks side by side, and rows left over in some."""
    from hypothesis import strategies as st

    @st.composite
    def draw_problem(draw: DrawFn) -> Problem:
        def pick(*values: Any) -> Any:
            return draw(among(*values))

        axes = pinned_axes(pinned) or pick(2, 1, 2, 3)
        kernel = tuple(
            pick(*{k: 0 for k, _, _ in fitting({**pinned, "padding": 0}, a, axes, (1,))}) for a in range(axes)
        )
        size = tuple(
            along(pinned.get("size"), a) or drawn_size(draw, k, k, 0, OUTPUTS[axes]) for a, k in enumerate(kernel)
        )
        batch, channels = pinned.get("batch", pick(*BATCHES)), pinned.get("channels") or pick(1, 2, 3)
        not_too_large(pinned, (batch, channels, *size))
        scale = [pick(*((0, 0, 0, 20, -20) if dtype != "float16" else (0,))) for _ in range(2)]
        return Problem(
            op,
            shapes={
                "x": (batch, channels, *size),
                "coefficient": (channels,),
                "bias": (channels,),
                "y": (batch, channels, *(n // k for n, k in zip(size, kernel, strict=True))),
            },
            parameters={"kernel_size": together(kernel)},
            dtype=dtype,
            seed=draw(st.integers(0, 2**32 - 1)),
            small=draw(st.booleans()),
            exponents={"x": scale[0], "coefficient": scale[1], "bias": sum(scale)},
        )

    return draw_problem()


def unit(problem: Problem) -> int | None:
    """1, where a mean times the size of its block is as exact as the sum."""
    block = prod(window_of(problem).kernel)
    return 1 if block & (block - 1) == 0 else None


def terms(problem: Problem) -> dict[str, int]:
    """A block's sum, by its mean, times the coefficient, plus the bias; a product, through a mean.

    For the coefficient one sum of all products, or the blocks' sums, by their means, times the cotangents, summed.
    """
    y = problem.shape("y")
    block, positions = prod(window_of(problem).kernel), y[0] * prod(y[2:])
    return {
        "y": block + 3,
        "x": 3,
        "coefficient": max(positions * block, positions + block + 1),
        "bias": positions,
    }


def twin(x: torch.Tensor, coefficient: torch.Tensor, bias: torch.Tensor, *, kernel_size: Any) -> torch.Tensor:
    """The same function by torch: a mean times the size of its block."""
    axes = x.ndim - 2
    kernel = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * axes
    mean = avg_pool_twin(x, kernel_size=kernel)
    channel = (1, -1, *(1,) * axes)
    return coefficient.reshape(channel) * mean * prod(kernel) + bias.reshape(channel)


OP = Op(
    name="subsample",
    inputs=("x", "coefficient", "bias"),
    reference=subsample,
    defaults={"kernel_size": 2},
    options=(KERNEL_SIZE, *WHERE),
    validate=validate,
    problems=problems,
    twin=twin,
    coverage=coverage,
    pins=pins,
    terms=terms,
    degree=2,
    unit=unit,
    linear_in=(("x", "bias"), ("coefficient", "bias")),
    samples=of_x,
    letters={"y": "u", "g": "δ"},
    sources={"y": "001, B8", "x": "001, B4", "coefficient": "001, B11", "bias": "001, B13"},
    mistakes=SUBSAMPLE,
)

OPS = (OP,)
