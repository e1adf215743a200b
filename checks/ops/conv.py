"""Convolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd, prod
from typing import TYPE_CHECKING, Any

import reference
from checks.op import Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops._conv_mistakes import MISTAKES
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, per_axis, whole
from checks.signature.takes import LOUD, Drawn, Parameter, Sizes, Takes
from checks.signature.windows import BATCHES, along, pinned_axes, together
from reference._window import NAMED_PADDINGS, Window, window

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class _Limits:
    """How far sizes go when they are drawn: small cases find the same mistakes, and more of them fit into a run."""

    kernel: int
    outputs: int
    step: int = 3


LIMITS = {1: _Limits(kernel=5, outputs=6), 2: _Limits(kernel=4, outputs=4), 3: _Limits(kernel=3, outputs=2)}
# In and out, for each group: as many of both in more than half of the cases.
CHANNELS = [(a, b) for a in (1, 2, 3) for b in (1, 2, 3)] + [(1, 1), (2, 2), (3, 3)] * 2


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    for axis in range(pinned_axes(pinned) or 1):
        kernel, size, spread = (along(pinned.get(name), axis) for name in ("kernel", "size", "dilation"))
        if kernel is None or size is None:
            continue
        span = (kernel - 1) * (spread or 1) + 1
        padding = pinned.get("padding", 0)
        if padding in ("same", "full"):
            continue
        zeros = 0 if isinstance(padding, str) else along(padding, axis) or 0
        if span > size + 2 * zeros:
            need = (span - size + 1) // 2
            raise ValueError(
                f"a kernel of {kernel}{f' with dilation {spread}' if spread else ''} spans {span} and does not fit into "
                f"size {size} with padding {zeros}; --padding {need} or --size {span - 2 * zeros} would make it fit"
            )


def geometry(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """Built from the output backwards."""
    named = pinned.get("padding", draw.among(None, None, None, *NAMED_PADDINGS))
    drawn = [draw_axis(draw, axis, axes, pinned, named) for axis in range(axes)]
    kernel, stride, dilation, padding, size = zip(*drawn, strict=True)
    moves: dict[str, Any] = {
        "stride": stride,
        "dilation": dilation,
        "padding": named if isinstance(named, str) else padding,
    }
    over = window(size, kernel, **moves)
    written = {name: value if isinstance(value, str) else together(value) for name, value in moves.items()}
    return {
        "*size": size,
        "*kernel": kernel,
        "*output": over.output,
        **written,
        **drawn_channels(draw, pinned, CHANNELS),
    }


def draw_axis(draw: Draws, axis: int, axes: int, pinned: Pinned, named: Any) -> tuple[int, int, int, int, int]:
    """Kernel, stride, dilation, padding and size along one axis."""
    limits = LIMITS[axes]
    kernel, stride, dilation, size = (along(pinned.get(n), axis) for n in ("kernel", "stride", "dilation", "size"))
    padding = 0 if isinstance(named, str) else along(named, axis)
    stride = stride or draw.between(1, limits.step)
    if size is None:
        kernel = kernel or draw.between(1, limits.kernel)
        dilation = dilation or draw.between(1, limits.step)
        span = (kernel - 1) * dilation + 1
        padding = draw.between(0, min(span, 3)) if padding is None else padding
        zeros = {"same": span - 1, "full": 2 * (span - 1)}.get(str(named), 2 * padding)
        left_over = draw.between(0, stride - 1)
        least = max(1, -(-(1 + zeros - span - left_over) // stride) + 1)
        outputs = draw.between(least, least + limits.outputs)
        return kernel, stride, dilation, padding, (outputs - 1) * stride + span + left_over - zeros
    if padding is None:
        span = ((kernel or 1) - 1) * (dilation or 1) + 1
        padding = draw.between(max(0, (span - size + 1) // 2), 3)
    room = size + 2 * padding - 1 if named not in ("same", "full") else limits.kernel * limits.step
    kernel = kernel or draw.between(1, min(limits.kernel, room // (dilation or 1) + 1))
    dilation = dilation or draw.between(1, min(limits.step, room // (kernel - 1)) if kernel > 1 else 1)
    return kernel, stride, dilation, padding, size


def drawn_channels(draw: Draws, pinned: Pinned, pairs: Sequence[tuple[int, int]]) -> Drawn:
    """Groups, and channels in and out: so many of each for a group, or depthwise in some."""
    channels, groups = pinned.get("channels"), pinned.get("groups")
    if channels is not None:
        common = gcd(*channels)
        groups = groups or draw.among(*(g for g in range(1, common + 1) if common % g == 0))
    else:
        groups = groups or draw.among(1, 1, 2, 3)
        channels = tuple(groups * each for each in draw.among(*pairs))
    return {"groups": groups, "C": channels[0], "O": channels[1]}


def _window(x: Sequence[int], weight: Sequence[int], parameters: Mapping[str, Any]) -> Window:
    """The window over x of these shapes and parameters."""
    moves = {name: parameters[name] for name in ("stride", "padding", "dilation")}
    return window(x[2:], weight[2:], **moves)


def terms(problem: Problem) -> dict[str, int]:
    """Products in the longest sum: over C/groups and offsets (and bias), O/groups and offsets, samples and positions."""
    weight, y = problem.shape("weight"), problem.shape("y")
    offsets, positions = prod(weight[2:]), y[0] * prod(y[2:])
    return {
        "y": weight[1] * offsets + 1,
        "x": weight[0] // problem.parameters["groups"] * offsets,
        "weight": positions,
        "bias": positions,
    }


def telling() -> Problem:
    """Sizes whose Fourier transforms no padding to a convenient length makes exact."""
    return Problem(
        OP,
        shapes={"x": (1, 2, 11, 11), "weight": (2, 2, 3, 3), "bias": (2,), "y": (1, 2, 9, 9)},
        parameters=OP.takes.defaults,
    )


def twin(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, **parameters: Any) -> torch.Tensor:
    """The same function by torch, padded explicitly so that every kind of padding is one and the same path."""
    import torch

    over = _window(x.shape, weight.shape, parameters)
    ends = [end for axis in reversed(range(len(over.size))) for end in (over.before[axis], over.after[axis])]
    if parameters["flip"]:
        weight = weight.flip(*range(2, weight.ndim))
    convolution = (torch.nn.functional.conv1d, torch.nn.functional.conv2d, torch.nn.functional.conv3d)[
        len(over.size) - 1
    ]
    padded = torch.nn.functional.pad(x, ends)
    y: torch.Tensor = convolution(
        padded, weight, bias, stride=over.stride, dilation=over.dilation, groups=parameters["groups"]
    )
    return y


def tried(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """Zeros before the first element, which names of paddings do not say; and what no window reaches."""
    over = _window(problem.shape("x"), problem.shape("weight"), problem.parameters)
    left = ((n - e) % s for n, e, s in zip(over.padded, over.span, over.stride, strict=True))
    groups, padding = problem.parameters["groups"], problem.parameters["padding"]
    return {
        "stride": over.stride,
        "padding": (padding,) if isinstance(padding, str) else over.before,
        "dilation": over.dilation,
        "groups": ("depthwise" if 1 < groups == problem.sizes["C"] else groups,),
        "rows left over": ("yes" if any(left) else "no",),
        "uneven padding": ("yes" if over.before != over.after else "no",),
    }


# What 002 writes out, of one channel and stride 1: in two dimensions, and in one.
PAGE = {((1, 1, 3, 3), (1, 1, 2, 2)), ((1, 1, 3), (1, 1, 2))}
WORKED: dict[tuple[str, tuple[int, ...]], str] = {
    ("weight", (0, 0, 0, 0)): "L5",
    ("x", (0, 0, 0, 0)): "L6",
    ("x", (0, 0, 1, 1)): "L7, the page's last example",
    ("x", (0, 0, 0)): "L8",
    ("x", (0, 0, 1)): "L8",
}
# Where 003 says the same of a kernel that is turned, as true convolution has it.
TURNED = {"y": "P3", "x": "P5", "weight": "P7"}


def worked(problem: Problem, array: str, index: tuple[int, ...] | None) -> str:
    """Where 002 works out this element, or all of y, or where 003 turns the kernel."""
    if problem.parameters["flip"] and array in TURNED:
        return f"turned: 003, {TURNED[array]}"
    if (problem.shape("x"), problem.shape("weight")) not in PAGE or problem.parameters != problem.op.takes.defaults:
        return ""
    if array == "y":
        return "L4" if len(problem.shape("y")) == 4 and problem.shapes["bias"] is None else ""
    return WORKED.get((array, index), "") if index is not None else ""


WHERE = (
    Sizes("kernel", "*kernel", "size of the kernel", metavar="3 | 3,5", window=True),
    Sizes("size", "*size", "spatial size of the input"),
    Sizes("channels", "C O", "channels in and out"),
    Sizes("batch", "N", "samples", BATCHES, least=0, metavar="2"),
)
OP = Op(
    name="conv",
    reference=reference.conv,
    takes=Takes(
        arrays={"x": "N C *size", "weight": "O C/groups *kernel", "bias": "O ?", "y": "N O *output"},
        parameters=(
            Parameter("stride", 1, "step between windows", "2 | 2,1", per_axis(1)),
            Parameter(
                "padding",
                0,
                "zeros at both ends of each axis, or a name",
                "1 | 1,0 | same",
                per_axis(0, named=NAMED_PADDINGS),
            ),
            Parameter("dilation", 1, "step between the elements of a window", "2 | 2,1", per_axis(1)),
            Parameter("groups", 1, "groups of channels that do not mix", "2", whole(1)),
            Parameter("flip", False, "true convolution: the kernel turned by 180 degrees", among=(False, False, True)),
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
    cases=Inputs(tried=tried),
    told=Documents(
        letters={"x": "V", "weight": "K", "bias": "b", "y": "Z"},
        sources={"y": "002, eq. 1", "weight": "002, eq. 2", "x": "002, eq. 3", "bias": "001, B5"},
        worked=worked,
    ),
    mistakes=MISTAKES,
)

OPS = (OP,)
