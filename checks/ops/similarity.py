"""Cosine similarity at every place; how it rounds its reference tells by itself (numbers/running.py).

Norms of windows may be had from sums of squares that run on along whole axes. Where ‖w‖² is off by δ, 1/‖w‖ is by
δ/2‖w‖² of itself, and twice that beyond first order. y has it once; ŵ and y in a gradient of the template once each; in
that of a window, which is divided by ‖w‖ again, three times together at most. Elements of ŵ, t̂ and y are at most 1.
"""

from __future__ import annotations

from math import inf, prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from checks.op import Case, Documents, Kind, Op, Rounding
from checks.ops import _formulas as formulas
from checks.ops._similarity_mistakes import SIMILARITY
from checks.ops.pooling import running_on
from checks.signature.drawing import Draws
from checks.signature.options import Pinned
from checks.signature.takes import FAIR, Drawn, Sizes, Takes
from checks.signature.windows import BATCHES, along, pinned_axes
from reference import similarity

if TYPE_CHECKING:
    import torch

OUTPUTS = {1: 5, 2: 3, 3: 2}


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    for axis in range(pinned_axes(pinned) or 1):
        kernel, size = along(pinned.get("kernel"), axis), along(pinned.get("size"), axis)
        if kernel and size and kernel > size:
            raise ValueError(f"a template of {kernel} does not fit into size {size}; --size {kernel} would make it fit")


def geometry(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """A template that fits, with one to a few places along each axis."""
    kernel, size = [], []
    for axis in range(axes):
        fixed = along(pinned.get("size"), axis)
        kernel.append(along(pinned.get("kernel"), axis) or draw.between(1, min(3, fixed or 3)))
        size.append(fixed or kernel[-1] + draw.between(0, OUTPUTS[axes] - 1))
    output = tuple(n - k + 1 for n, k in zip(size, kernel, strict=True))
    return {"*kernel": tuple(kernel), "*size": tuple(size), "*output": output}


def running(case: Case) -> dict[str, tuple[int, float]]:
    """As the module says; windows of nothing but 0 stay that, since nothing is added to them."""
    x, template, g = case.input("x"), case.input("template"), case.cotangent
    kernel, axes = template.shape[2:], tuple(range(1, x.ndim - 1))
    squares = (x * x).sum(1)
    terms, size = running_on(squares[:, None])
    norms = np.sqrt(sliding_window_view(squares, kernel, axis=axes).sum(tuple(range(-len(kernel), 0))))[:, None]
    norms = np.where(norms > 0, norms, inf)
    off = size / norms**2
    of_windows = 6 * prod(kernel) * (g.sum(1, keepdims=True) * off / norms)
    lengths = np.linalg.norm(template.reshape(len(template), -1), axis=1)
    of_templates = (4 * g * off).sum((0, *range(2, g.ndim))) / np.where(lengths > 0, lengths, inf)
    sizes = {"y": off, "x": of_windows, "template": of_templates}
    return {name: (terms, float(a.max(initial=0.0))) for name, a in sizes.items()}


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


OP = Op(
    name="similarity",
    reference=similarity,
    takes=Takes(
        arrays={"x": "N C *size", "template": "O C *kernel", "y": "N O *output"},
        sizes=(
            Sizes("kernel", "*kernel", "size of the template", metavar="3 | 3,5", window=True),
            Sizes("channels", "C O", "channels of x, and number of templates", (1, 2, 3), metavar="3,2", tells=2),
            Sizes("size", "*size", "spatial size of the input"),
            Sizes("batch", "N", "samples", BATCHES, least=0, metavar="2"),
        ),
        dims=(2, 1, 2, 3),
        geometry=geometry,
        scales={"x": FAIR, "template": FAIR},
        refuse=refuse,
    ),
    twin=twin,
    rounds=Rounding(running=running),
    kind=Kind(radius=radius),
    told=Documents(
        sources=dict.fromkeys(("y", "x", "template"), "004, C2 and C3"),
        formula=formulas.similarity,
    ),
    mistakes=SIMILARITY,
)

OPS = (OP,)
