"""Convolution: what can be pinned, how problems are drawn, its twin in torch, what it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd, prod
from typing import TYPE_CHECKING, Any

import reference
from checks.op import Op, Problem, of_x
from checks.ops._conv_mistakes import MISTAKES
from checks.signature.drawing import among
from checks.signature.options import Option, Pinned, as_text, pair, per_axis, whole
from checks.signature.windows import BATCH, DIMS, SIZE, along, not_too_large, pinned_axes, together
from reference._window import NAMED_PADDINGS, Window, window

if TYPE_CHECKING:
    import torch
    from hypothesis.strategies import DrawFn, SearchStrategy

DEFAULTS = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "flip": False}

OPTIONS = (
    Option("stride", "step between windows", "2 | 2,1", per_axis(1)),
    Option(
        "padding", "zeros at both ends of each axis, or a name", "1 | 1,0 | same", per_axis(0, named=NAMED_PADDINGS)
    ),
    Option("dilation", "step between the elements of a window", "2 | 2,1", per_axis(1)),
    Option("groups", "groups of channels that do not mix", "2", whole(1)),
    Option("flip", "true convolution: the kernel turned by 180 degrees"),
    DIMS,
    Option("kernel", "size of the kernel", "3 | 3,5", per_axis(1)),
    SIZE,
    Option("channels", "channels in and out", "4,6", pair(1)),
    BATCH,
)


@dataclass(frozen=True)
class _Limits:
    """How far sizes go when they are drawn: small cases find the same mistakes, and more of them fit into a run."""

    kernel: int
    outputs: int
    step: int = 3


LIMITS = {1: _Limits(kernel=5, outputs=6), 2: _Limits(kernel=4, outputs=4), 3: _Limits(kernel=3, outputs=2)}


def validate(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    axes = pinned_axes(pinned)
    for axis in range(axes or 1):
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
    groups, channels = pinned.get("groups"), pinned.get("channels")
    if groups is not None and channels is not None and any(c % groups for c in channels):
        fits = [g for g in range(1, min(channels) + 1) if not any(c % g for c in channels)]
        nearest = ",".join(str(-(-c // groups) * groups) for c in channels)
        raise ValueError(
            f"groups {groups} does not divide channels {as_text(channels)}; "
            f"groups {' or '.join(map(str, fits))} would, or channels {nearest}"
        )


def problems(op: Op, pinned: Pinned, dtype: str) -> SearchStrategy[Problem]:
    """Problems in which the pinned values hold, built from the output backwards so that nothing has to be filtered."""
    from hypothesis import strategies as st

    @st.composite
    def draw_problem(draw: DrawFn) -> Problem:
        def pick(*values: Any) -> Any:
            return draw(among(*values))

        axes = pinned_axes(pinned) or pick(2, 1, 2, 3)
        named = pinned.get("padding", pick(None, None, None, *NAMED_PADDINGS))
        drawn = [_draw_axis(draw, axis, axes, pinned, named) for axis in range(axes)]
        kernel, stride, dilation, padding, size = zip(*drawn, strict=True)
        groups, c_in, c_out = _draw_channels(draw, pinned)
        batch = pinned["batch"] if "batch" in pinned else pick(1, 2, 3, 2, 1, 3, 2, 0)
        flip = pinned["flip"] if "flip" in pinned else pick(False, False, True)
        not_too_large(pinned, (batch, c_in, *size))
        over = window(
            size, kernel, stride=stride, padding=named if isinstance(named, str) else padding, dilation=dilation
        )
        scale = [pick(*((0, 0, 0, 20, -20) if dtype != "float16" else (0,))) for _ in range(2)]
        return Problem(
            op,
            shapes={
                "x": (batch, c_in, *size),
                "weight": (c_out, c_in // groups, *kernel),
                "bias": (c_out,) if pick(True, True, True, False) else None,
                "y": (batch, c_out, *over.output),
            },
            parameters={
                "stride": together(stride),
                "padding": named if isinstance(named, str) else together(padding),
                "dilation": together(dilation),
                "groups": groups,
                "flip": flip,
            },
            dtype=dtype,
            seed=draw(st.integers(0, 2**32 - 1)),
            small=pick(True, False),
            exponents={"x": scale[0], "weight": scale[1], "bias": sum(scale)},
        )

    return draw_problem()


def _draw_axis(draw: DrawFn, axis: int, axes: int, pinned: Pinned, named: Any) -> tuple[int, int, int, int, int]:
    """Kernel, stride, dilation, padding and size along one axis."""
    from hypothesis import strategies as st

    def between(least: int, most: int) -> int:
        return draw(st.integers(least, max(least, most)))

    limits = LIMITS[axes]
    kernel, stride, dilation, size = (along(pinned.get(n), axis) for n in ("kernel", "stride", "dilation", "size"))
    padding = 0 if isinstance(named, str) else along(named, axis)
    stride = stride or between(1, limits.step)
    if size is None:
        kernel = kernel or between(1, limits.kernel)
        dilation = dilation or between(1, limits.step)
        span = (kernel - 1) * dilation + 1
        padding = between(0, min(span, 3)) if padding is None else padding
        zeros = {"same": span - 1, "full": 2 * (span - 1)}.get(str(named), 2 * padding)
        left_over = between(0, stride - 1)
        least = max(1, -(-(1 + zeros - span - left_over) // stride) + 1)
        outputs = between(least, least + limits.outputs)
        return kernel, stride, dilation, padding, (outputs - 1) * stride + span + left_over - zeros
    if padding is None:
        span = ((kernel or 1) - 1) * (dilation or 1) + 1
        padding = between(max(0, (span - size + 1) // 2), 3)
    room = size + 2 * padding - 1 if named not in ("same", "full") else limits.kernel * limits.step
    kernel = kernel or between(1, min(limits.kernel, room // (dilation or 1) + 1))
    dilation = dilation or between(1, min(limits.step, room // (kernel - 1)) if kernel > 1 else 1)
    return kernel, stride, dilation, padding, size


def _draw_channels(draw: DrawFn, pinned: Pinned) -> tuple[int, int, int]:
    """Groups and channels in and out: as many in as out in half of the cases, depthwise in some."""
    from hypothesis import strategies as st

    channels, groups = pinned.get("channels"), pinned.get("groups")
    if channels is not None:
        common = gcd(*channels)
        divisors = [g for g in range(1, common + 1) if common % g == 0]
        return groups or draw(among(*divisors)), *channels
    groups = groups or draw(among(1, 1, 2, 3))
    each = draw(st.integers(1, 3))
    other = draw(among(*(c for c in (1, 2, 3) if c != each))) if draw(st.booleans()) else each
    return groups, groups * each, groups * other


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


def lighter(problem: Problem) -> Problem:
    """An eighth of the samples where a forward takes more than 2²⁵ products."""
    x, y = problem.shape("x"), problem.shape("y")
    if x[0] < 2 or prod(y) * terms(problem)["y"] <= 1 << 25:
        return problem
    samples = -(-x[0] // 8)
    return replace(problem, shapes={**problem.shapes, "x": (samples, *x[1:]), "y": (samples, *y[1:])})


def telling() -> Problem:
    """Sizes whose Fourier transforms no padding to a convenient length makes exact."""
    return Problem(
        OP,
        shapes={"x": (1, 2, 11, 11), "weight": (2, 2, 3, 3), "bias": (2,), "y": (1, 2, 9, 9)},
        parameters=DEFAULTS,
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


def coverage(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """What a reader wants to know was tried; per-axis values are counted axis by axis."""
    x, weight, y = (problem.shape(name) for name in ("x", "weight", "y"))
    parameters = problem.parameters
    over = _window(x, weight, parameters)
    left = ((n - e) % s for n, e, s in zip(over.padded, over.span, over.stride, strict=True))
    named = isinstance(parameters["padding"], str)
    return {
        "dims": (len(over.size),),
        "stride": over.stride,
        "padding": (parameters["padding"],) if named else over.before,
        "dilation": over.dilation,
        "kernel": over.kernel,
        "groups": ("depthwise" if 1 < parameters["groups"] == x[1] else parameters["groups"],),
        "channels": ("in = out" if x[1] == y[1] else "in ≠ out",),
        "flip": ("yes" if parameters["flip"] else "no",),
        "bias": ("yes" if problem.shapes["bias"] is not None else "no",),
        "batch": (x[0],),
        "rows left over": ("yes" if any(left) else "no",),
    }


def pins(problem: Problem) -> dict[str, Any]:
    """The options that pin this very problem."""
    x, weight = problem.shape("x"), problem.shape("weight")
    return {
        "dims": len(x) - 2,
        "size": x[2:],
        "kernel": weight[2:],
        **problem.parameters,
        "channels": (x[1], weight[0]),
        "batch": x[0],
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
    if (problem.shape("x"), problem.shape("weight")) not in PAGE or problem.parameters != DEFAULTS:
        return ""
    if array == "y":
        return "L4" if len(problem.shape("y")) == 4 and problem.shapes["bias"] is None else ""
    return WORKED.get((array, index), "") if index is not None else ""


OP = Op(
    name="conv",
    inputs=("x", "weight", "bias"),
    reference=reference.conv,
    defaults=DEFAULTS,
    options=OPTIONS,
    validate=validate,
    problems=problems,
    twin=twin,
    terms=terms,
    factors={"y": ("x", "weight"), "x": ("g", "weight"), "weight": ("g", "x"), "bias": ("g",)},
    linear_in=(("x", "bias"), ("weight", "bias")),
    degree=2,
    lighter=lighter,
    samples=of_x,
    telling=telling,
    coverage=coverage,
    pins=pins,
    letters={"x": "V", "weight": "K", "bias": "b", "y": "Z"},
    sources={"y": "002, eq. 1", "weight": "002, eq. 2", "x": "002, eq. 3", "bias": "001, B5"},
    worked=worked,
    mistakes=MISTAKES,
)

OPS = (OP,)
