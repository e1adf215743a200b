"""Subsampling with a trainable coefficient and bias.

The sum of a block may be computed as its mean times its size, as the twin does: a quotient and a product more than the sum
itself, in y and in the gradients. Whole numbers come out of that only where the size is a power of two.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.op import Case, Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops import pooling
from checks.ops._subsample_mistakes import SUBSAMPLE
from checks.signature.drawing import Draws
from checks.signature.options import Pinned
from checks.signature.takes import LOUD, Drawn, Takes
from checks.signature.windows import along, together
from reference import subsample

if TYPE_CHECKING:
    import torch


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    pooling.refuse({**pinned, "padding": 0})


def geometry(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """Blocks side by side, and rows left over in some."""
    fits = [pooling.fitting({**pinned, "padding": 0}, axis, axes, (1,)) for axis in range(axes)]
    kernel = tuple(draw.among(*{k: 0 for k, _, _ in axis}) for axis in fits)
    size = tuple(
        along(pinned.get("size"), a) or pooling.drawn_size(draw, k, k, 0, pooling.OUTPUTS[axes])
        for a, k in enumerate(kernel)
    )
    output = tuple(n // k for n, k in zip(size, kernel, strict=True))
    return {"*size": size, "*output": output, "kernel_size": together(kernel)}


def unit(problem: Problem) -> int | None:
    """1, where a mean times the size of its block is as exact as the sum."""
    block = prod(pooling.window_of(problem).kernel)
    return 1 if block & (block - 1) == 0 else None


def terms(problem: Problem) -> dict[str, int]:
    """A block's sum, by its mean, times the coefficient, plus the bias; a product, through a mean.

    For the coefficient one sum of all products, or the blocks' sums, by their means, times the cotangents, summed.
    """
    y = problem.shape("y")
    block, positions = prod(pooling.window_of(problem).kernel), y[0] * prod(y[2:])
    return {
        "y": block + 3,
        "x": 3,
        "coefficient": max(positions * block, positions + block + 1),
        "bias": positions,
    }


def running(case: Case) -> dict[str, tuple[int, float]]:
    """Sums along all axes of x times the coefficient, or the cotangent; back to x there is one product alone."""
    terms, size = pooling.running_on(case.input("x"))
    return {
        "y": (terms, size * float(np.abs(case.input("coefficient")).max(initial=0.0))),
        "coefficient": (terms + case.cotangent.size, size * float(np.abs(case.cotangent).sum())),
    }


def twin(x: torch.Tensor, coefficient: torch.Tensor, bias: torch.Tensor, *, kernel_size: Any) -> torch.Tensor:
    """The same function by torch: a mean times the size of its block."""
    axes = x.ndim - 2
    kernel = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * axes
    mean = pooling.avg_pool_twin(x, kernel_size=kernel)
    channel = (1, -1, *(1,) * axes)
    return coefficient.reshape(channel) * mean * prod(kernel) + bias.reshape(channel)


OP = Op(
    name="subsample",
    reference=subsample,
    takes=Takes(
        arrays={"x": "N C *size", "coefficient": "C", "bias": "C", "y": "N C *output"},
        parameters=(pooling.KERNEL_SIZE,),
        sizes=pooling.WHERE,
        dims=(2, 1, 2, 3),
        geometry=geometry,
        scales={"x": LOUD, "coefficient": LOUD, "bias": "x coefficient"},
        refuse=refuse,
    ),
    twin=twin,
    rounds=Rounding(terms, running=running),
    kind=Kind(degree=2, unit=unit, linear_in=(("x", "bias"), ("coefficient", "bias"))),
    cases=Inputs(tried=pooling.tried),
    told=Documents(
        letters={"y": "u", "g": "δ"},
        sources={"y": "001, B8", "x": "001, B4", "coefficient": "001, B11", "bias": "001, B13"},
    ),
    mistakes=SUBSAMPLE,
)

OPS = (OP,)
