"""Adaptive max pooling: windows of several sizes, and what is right where they tie."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Documents, Inputs, Kind, Kinks, Op, Problem, Rounding
from checks.ops import _formulas as formulas
from checks.ops import _ties as ties
from checks.ops._adaptive_max_mistakes import ADAPTIVE_MAX
from checks.ops._boxes import Boxes
from checks.ops.pooling import WHERE
from checks.ops.resampling import adaptive_geometry, adaptive_tried
from checks.signature.options import per_axis
from checks.signature.takes import LOUD, Parameter, Takes
from reference import adaptive_max_pool
from reference.adaptive_avg_pool import ends

if TYPE_CHECKING:
    import torch


def bounds(of: Problem | Case) -> list[tuple[Array, Array]]:
    """Where windows begin and end, along each axis."""
    if isinstance(of, Problem):
        x, y = of.shape("x"), of.shape("y")
    else:
        x, y = of.input("x").shape, of.cotangent.shape
    return [ends(n, m) for n, m in zip(x[2:], y[2:], strict=True)]


def span(of: Problem | Case) -> tuple[int, ...]:
    """The most elements that a window has along each axis."""
    return tuple(int((last - first).max()) for first, last in bounds(of))


def boxes(case: Case) -> Boxes:
    """The windows of a case."""
    return Boxes(case.input("x").shape, bounds(case))


def apart(case: Case) -> Iterator[Array]:
    """Every so many windows along each axis, as many as it takes for those of one mask not to overlap."""
    steps = [_step(first, last) for first, last in bounds(case)]
    for begun in product(*map(range, steps)):
        mask = np.zeros(case.cotangent.shape, case.cotangent.dtype)
        chosen: Any = (..., *(slice(f, None, s) for f, s in zip(begun, steps, strict=True)))
        mask[chosen] = 1
        yield mask


def _step(first: Array, last: Array) -> int:
    """The least number of windows after which none overlaps."""
    count = len(first)
    return next(s for s in range(1, count + 1) if all(first[i + s] >= last[i] for i in range(count - s)))


def terms(problem: Problem) -> dict[str, int]:
    """What is chosen is not rounded; as many cotangents are added as an element is in windows."""
    most = (max(int(((first <= j) & (j < last)).sum()) for j in range(last[-1])) for first, last in bounds(problem))
    return {"y": 1, "x": prod(most)}


def twin(x: torch.Tensor, *, output_size: Any) -> torch.Tensor:
    """The same function by torch."""
    import torch

    f = torch.nn.functional
    y: torch.Tensor = (f.adaptive_max_pool1d, f.adaptive_max_pool2d, f.adaptive_max_pool3d)[x.ndim - 3](x, output_size)
    return y


OP = Op(
    name="adaptive_max_pool",
    reference=adaptive_max_pool,
    takes=Takes(
        arrays={"x": "N C *size", "y": "N C *output"},
        parameters=(Parameter("output_size", 1, "maxima along each axis", "7 | 7,5", per_axis(1)),),
        sizes=WHERE,
        dims=(2, 1, 2, 3),
        geometry=adaptive_geometry,
        scales={"x": LOUD},
    ),
    twin=twin,
    rounds=Rounding(terms, ties.magnitudes(span)),
    kind=Kind(degree=1, unit=ties.unit(span), euler_in=(("x",),), analytic=False, radius=ties.radius(span)),
    kinks=Kinks(ties.some, apart, ties.nearest(boxes), ties.convention(boxes), ties.at_infinity, ties.dropped(boxes)),
    cases=Inputs(ties.without(span), adaptive_tried),
    told=Documents(
        letters={"x": "x", "y": "y", "g": "g"},
        sources={"y": "W12", "x": "W12"},
        formula=formulas.adaptive_max_pool,
    ),
    mistakes=ADAPTIVE_MAX,
)

OPS = (OP,)
