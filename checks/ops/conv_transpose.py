"""Transposed convolution."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from checks.op import Documents, Kind, Op, Problem, Rounding
from checks.ops._conv_transpose_mistakes import CONV_TRANSPOSE
from checks.ops.conv import WHERE, drawn_channels
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, per_axis, whole
from checks.signature.takes import LOUD, Drawn, Parameter, Takes
from checks.signature.windows import along, pinned_axes, together
from reference import conv_transpose

if TYPE_CHECKING:
    import torch

KERNELS = {1: 4, 2: 3, 3: 2}
SIZES = {1: 6, 2: 4, 3: 2}
# In and out, for each group. More than one, and as many of both, in half of the cases: there alone can they be mixed up.
CHANNELS = ((1, 1), (2, 2), (1, 2), (3, 3), (2, 1), (2, 2), (2, 3), (3, 3), (3, 2), (2, 2))


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    for axis in range(pinned_axes(pinned) or 1):
        extra, stride, dilation, kernel, size, padding = (
            along(pinned.get(n), axis) for n in ("output_padding", "stride", "dilation", "kernel", "size", "padding")
        )
        if extra and stride and dilation and extra >= max(stride, dilation):
            raise ValueError(
                f"output_padding {extra} reaches stride {stride} and dilation {dilation}; "
                f"--output-padding {max(stride, dilation) - 1} would not, nor --stride {extra + 1}"
            )
        if kernel and size and stride and dilation and padding:
            full = (size - 1) * stride + (kernel - 1) * dilation + 1 + (extra or max(stride, dilation) - 1)
            if full <= 2 * padding:
                raise ValueError(
                    f"padding {padding} cuts off all of the {full} positions along an axis of y; "
                    f"--padding {(full - 1) // 2} would leave some"
                )


def geometry(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """What is not pinned leaves at least one position of y."""
    drawn = [_draw_axis(draw, axis, axes, pinned) for axis in range(axes)]
    kernel, size, output, *moves = zip(*drawn, strict=True)
    named = zip(("stride", "padding", "output_padding", "dilation"), map(together, moves), strict=True)
    return {
        "*kernel": kernel,
        "*size": size,
        "*output": output,
        **dict(named),
        **drawn_channels(draw, pinned, CHANNELS),
    }


def _draw_axis(draw: Draws, axis: int, axes: int, pinned: Pinned) -> tuple[int, ...]:
    """Kernel, size, size of y, stride, padding, output padding and dilation along one axis."""
    names = ("kernel", "size", "stride", "padding", "output_padding", "dilation")
    kernel, size, stride, padding, extra, dilation = (along(pinned.get(name), axis) for name in names)
    if not stride:
        # Output padding stays below the stride or the dilation, padding below half of what is laid down.
        stride = draw.between(1 + (extra or 0) if (dilation or 0) <= (extra or 0) else 1, 3)
    if not dilation:
        dilation = draw.between(1 + (extra or 0) if stride <= (extra or 0) else 1, 2)
    if extra is None:
        extra = draw.between(0, max(stride, dilation) - 1)
    needed = 2 * (padding or 0) + 1 - extra
    if not kernel:
        room = (size - 1) * stride if size else 0
        kernel = draw.between(max(1, -(-(needed - room - 1) // dilation) + 1 if size else 1), KERNELS[axes])
    span = (kernel - 1) * dilation + 1
    if not size:
        size = draw.between(max(1, -(-(needed - span) // stride) + 1), SIZES[axes])
    laid = (size - 1) * stride + span + extra
    if padding is None:
        padding = draw.between(0, min(2, (laid - 1) // 2))
    return kernel, size, laid - 2 * padding, stride, padding, extra, dilation


def terms(problem: Problem) -> dict[str, int]:
    """Products in the longest sum: as in a convolution, with x and y in each other's place."""
    x, weight, y = (problem.shape(name) for name in ("x", "weight", "y"))
    offsets = prod(weight[2:])
    return {
        "y": x[1] // problem.parameters["groups"] * offsets + 1,
        "x": weight[1] * offsets,
        "weight": x[0] * prod(x[2:]),
        "bias": y[0] * prod(y[2:]),
    }


def telling() -> Problem:
    """Sizes whose Fourier transforms no padding to a convenient length makes exact."""
    return Problem(
        OP,
        shapes={"x": (1, 2, 9, 9), "weight": (2, 2, 3, 3), "bias": (2,), "y": (1, 2, 11, 11)},
        parameters=OP.takes.defaults,
    )


def twin(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, **parameters: Any) -> torch.Tensor:
    """The same function by torch."""
    import torch

    f = torch.nn.functional
    transposed = (f.conv_transpose1d, f.conv_transpose2d, f.conv_transpose3d)[x.ndim - 3]
    y: torch.Tensor = transposed(x, weight, bias, **parameters)
    return y


OP = Op(
    name="conv_transpose",
    reference=conv_transpose,
    takes=Takes(
        arrays={"x": "N C *size", "weight": "C O/groups *kernel", "bias": "O ?", "y": "N O *output"},
        parameters=(
            Parameter("stride", 1, "step between the places where the kernel is laid down", "2 | 2,1", per_axis(1)),
            Parameter("padding", 0, "how much is cut off both ends of each axis of y", "1 | 1,0", per_axis(0)),
            Parameter("output_padding", 0, "how much is left on at the end of each axis of y", "1 | 1,0", per_axis(0)),
            Parameter("dilation", 1, "step between the elements of the kernel", "2 | 2,1", per_axis(1)),
            Parameter("groups", 1, "groups of channels that do not mix", "2", whole(1)),
        ),
        sizes=WHERE,
        dims=(2, 1, 2, 3),
        geometry=geometry,
        divided={"groups": "C O"},
        scales={"x": LOUD, "weight": LOUD, "bias": "x weight"},
        refuse=refuse,
    ),
    twin=twin,
    rounds=Rounding(
        terms,
        factors={"y": ("x", "weight"), "x": ("g", "weight"), "weight": ("g", "x"), "bias": ("g",)},
        telling=telling,
    ),
    kind=Kind(degree=2, linear_in=(("x", "bias"), ("weight", "bias"))),
    told=Documents(
        sources={"y": "002, eq. 3", "weight": "002, eq. 2", "x": "002, eq. 1", "bias": "001, B5"}, usual={"size": 2}
    ),
    mistakes=CONV_TRANSPOSE,
)

OPS = (OP,)
