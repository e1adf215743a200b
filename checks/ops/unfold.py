"""Unfold and fold: windows laid out as columns, and columns laid back and added up where they overlap."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from checks.op import Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops import conv
from checks.ops._unfold_mistakes import FOLD, UNFOLD
from checks.ops.pooling import WHERE
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, per_axis
from checks.signature.takes import LOUD, Drawn, Parameter, Sizes, Takes
from checks.signature.windows import together
from reference import fold, unfold
from reference._window import Window, window

if TYPE_CHECKING:
    import torch


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    conv.refuse(_as_kernel(pinned))


def _as_kernel(pinned: Pinned) -> Pinned:
    """The options of a convolution that pin the same windows."""
    return {"kernel" if name == "kernel_size" else name: value for name, value in pinned.items()}


def geometry(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """Windows of a convolution; a column for each, and a row for each channel and offset."""
    held = _as_kernel(pinned)
    drawn = [conv.draw_axis(draw, axis, axes, held, held.get("padding")) for axis in range(axes)]
    kernel, stride, dilation, padding, size = zip(*drawn, strict=True)
    over = window(size, kernel, stride=stride, padding=padding, dilation=dilation)
    channels = pinned.get("channels") or draw.among(1, 2, 3)
    moves = {"kernel_size": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    return {
        "*size": size,
        "C": channels,
        "K": channels * prod(kernel),
        "L": prod(over.output),
        **{name: together(value) for name, value in moves.items()},
    }


def fold_refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    refuse(_of_output(pinned))


def _of_output(pinned: Pinned) -> Pinned:
    """What pins the same windows over the output as over an input of unfold."""
    return {"size" if name == "output_size" else name: value for name, value in pinned.items()}


def fold_geometry(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """The same windows, over the output; its size is written for each axis, as torch has it."""
    drawn = geometry(draw, _of_output(pinned), axes)
    return {**drawn, "output_size": tuple(drawn["*size"])}


def window_of(problem: Problem) -> Window:
    """The window of a problem."""
    size = problem.shape("y" if "output_size" in problem.parameters else "x")[2:]
    moves: dict[str, Any] = {n: v for n, v in problem.parameters.items() if n not in {"kernel_size", "output_size"}}
    kernel = problem.parameters["kernel_size"]
    return window(size, kernel if isinstance(kernel, tuple) else (kernel,) * len(size), **moves)


def terms(problem: Problem) -> dict[str, int]:
    """What is copied is not rounded; as many cotangents are added as an element is in windows."""
    return {"y": 1, "x": prod(window_of(problem).kernel)}


def fold_terms(problem: Problem) -> dict[str, int]:
    """The other way round: as many elements are added as there are windows over an output."""
    return {"y": prod(window_of(problem).kernel), "x": 1}


def tried(problem: Problem) -> dict[str, tuple[Any, ...]]:
    """How windows lie."""
    over = window_of(problem)
    moves = list(zip(over.span, over.stride, over.kernel, strict=True))
    return {
        "kernel_size": over.kernel,
        "windows": tuple("overlap" if s < e else "touch" if s == k else "leave gaps" for e, s, k in moves),
    }


def twin(x: torch.Tensor, *, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> torch.Tensor:
    """The same function by torch, whose own is over two axes only: windows of one axis after another, kernels last."""
    import torch

    axes = x.ndim - 2
    moves = [
        value if isinstance(value, tuple) else (value,) * axes for value in (kernel_size, stride, padding, dilation)
    ]
    for axis, (k, s, p, d) in reversed(list(enumerate(zip(*moves, strict=True), 2))):
        rest = 2 * (x.ndim - 1 - axis)
        x = torch.nn.functional.pad(x, [0] * rest + [p, p])
        x = x.unfold(axis, (k - 1) * d + 1, s)[..., ::d]
    offsets = [*reversed(range(2 + axes, 2 + 2 * axes))]  # the first axis was laid out last
    laid = x.permute(0, 1, *offsets, *range(2, 2 + axes))
    return laid.reshape(len(x), x.shape[1] * prod(moves[0]), prod(x.shape[2 : 2 + axes]))


OP = Op(
    name="unfold",
    reference=unfold,
    takes=Takes(
        arrays={"x": "N C *size", "y": "N K L"},
        parameters=(
            Parameter("kernel_size", 2, "size of a window", "3 | 3,5", per_axis(1)),
            Parameter("stride", 1, "step between windows", "2 | 2,1", per_axis(1)),
            Parameter("padding", 0, "zeros at both ends of each axis", "1 | 1,0", per_axis(0)),
            Parameter("dilation", 1, "step between the elements of a window", "2 | 2,1", per_axis(1)),
        ),
        sizes=WHERE,
        dims=(2, 1, 2, 3),
        geometry=geometry,
        scales={"x": LOUD},
        refuse=refuse,
    ),
    twin=twin,
    rounds=Rounding(terms),
    kind=Kind(degree=1, linear_in=(("x",),)),
    cases=Inputs(tried=tried),
    told=Documents(letters={"x": "x", "y": "y", "g": "g"}, sources={"y": "W9", "x": "W9"}),
    mistakes=UNFOLD,
)


def fold_twin(x: torch.Tensor, *, output_size: Any, kernel_size: Any, **moves: Any) -> torch.Tensor:
    """The same function by torch, whose own is over two axes only: the adjoint of the twin above, differentiated by it."""
    import torch

    kernel = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * len(output_size)
    zeros = torch.zeros(len(x), x.shape[1] // prod(kernel), *output_size, dtype=x.dtype, requires_grad=True)
    columns = twin(zeros, kernel_size=kernel, **moves)
    (y,) = torch.autograd.grad(columns, zeros, x, create_graph=True)
    return y


OUTPUT_SIZE = Parameter("output_size", None, "size of the output", "9 | 9,7", per_axis(1))
FOLD_OP = Op(
    name="fold",
    reference=fold,
    takes=replace(
        OP.takes,
        arrays={"x": "N K L", "y": "N C *size"},
        parameters=(OUTPUT_SIZE, *OP.takes.parameters),
        sizes=(Sizes("output_size", "*size", "spatial size of the output"), *OP.takes.sizes[1:]),
        geometry=fold_geometry,
        refuse=fold_refuse,
    ),
    twin=fold_twin,
    rounds=Rounding(fold_terms),
    kind=OP.kind,
    cases=OP.cases,
    told=Documents(letters={"x": "x", "y": "y", "g": "g"}, sources={"y": "W10", "x": "W10"}),
    mistakes=FOLD,
)

OPS = (OP, FOLD_OP)
