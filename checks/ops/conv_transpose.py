"""Transposed convolution: how problems are drawn, its twin in torch, what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd, prod
from typing import TYPE_CHECKING, Any

from checks.op import Op, Problem, of_x
from checks.ops._conv_transpose_mistakes import CONV_TRANSPOSE
from checks.ops.conv import lighter
from checks.signature.drawing import among
from checks.signature.options import Option, Pinned, as_text, pair, per_axis, whole
from checks.signature.windows import BATCH, DIMS, SIZE, along, not_too_large, pinned_axes, together
from reference import conv_transpose

if TYPE_CHECKING:
    import torch
    from hypothesis.strategies import DrawFn, SearchStrategy

DEFAULTS = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1}
KERNELS = {1: 4, 2: 3, 3: 2}
SIZES = {1: 6, 2: 4, 3: 2}
OPTIONS = (
    Option("stride", "step between the places where the kernel is laid down", "2 | 2,1", per_axis(1)),
    Option("padding", "how much is cut off both ends of each axis of y", "1 | 1,0", per_axis(0)),
    Option("output_padding", "how much is left on at the end of each axis of y", "1 | 1,0", per_axis(0)),
    Option("dilation", "step between the elements of the kernel", "2 | 2,1", per_axis(1)),
    Option("groups", "groups of channels that do not mix", "2", whole(1)),
    DIMS,
    Option("kernel", "size of the kernel", "3 | 3,5", per_axis(1)),
    SIZE,
    Option("channels", "channels in and out", "4,6", pair(1)),
    BATCH,
)


def validate(pinned: Pinned) -> None:
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
    groups, channels = pinned.get("groups"), pinned.get("channels")
    if groups is not None and channels is not None and any(c % groups for c in channels):
        nearest = ",".join(str(-(-c // groups) * groups) for c in channels)
        raise ValueError(f"groups {groups} does not divide channels {as_text(channels)}; channels {nearest} would do")


def problems(op: Op, pinned: Pinned, dtype: str) -> SearchStrategy[Problem]:
    """Problems in which the pinned values hold; what is not pinned leaves at least one position of y."""
    from hypothesis import strategies as st

    @st.composite
    def draw_problem(draw: DrawFn) -> Problem:
        def pick(*values: Any) -> Any:
            return draw(among(*values))

        axes = pinned_axes(pinned) or pick(2, 1, 2, 3)
        drawn = [_draw_axis(draw, axis, axes, pinned) for axis in range(axes)]
        kernel, size, output, *moves = zip(*drawn, strict=True)
        groups, c_in, c_out = _draw_channels(draw, pinned)
        batch = pinned["batch"] if "batch" in pinned else pick(1, 2, 3, 2, 1, 3, 2, 0)
        for shape in ((batch, c_in, *size), (batch, c_out, *output)):
            not_too_large(pinned, shape)
        scale = [pick(*((0, 0, 0, 20, -20) if dtype != "float16" else (0,))) for _ in range(2)]
        named = zip(("stride", "padding", "output_padding", "dilation"), map(together, moves), strict=True)
        return Problem(
            op,
            shapes={
                "x": (batch, c_in, *size),
                "weight": (c_in, c_out // groups, *kernel),
                "bias": (c_out,) if pick(True, True, True, False) else None,
                "y": (batch, c_out, *output),
            },
            parameters={**dict(named), "groups": groups},
            dtype=dtype,
            seed=draw(st.integers(0, 2**32 - 1)),
            small=pick(True, False),
            exponents={"x": scale[0], "weight": scale[1], "bias": sum(scale)},
        )

    return draw_problem()


def _draw_axis(draw: DrawFn, axis: int, axes: int, pinned: Pinned) -> tuple[int, ...]:
    """Kernel, size, size of y, stride, padding, output padding and dilation along one axis."""
    from hypothesis import strategies as st

    def between(least: int, most: int) -> int:
        return draw(st.integers(least, max(least, most)))

    names = ("kernel", "size", "stride", "padding", "output_padding", "dilation")
    kernel, size, stride, padding, extra, dilation = (along(pinned.get(name), axis) for name in names)
    if not stride:
        # Output padding stays below the stride or the dilation, padding below half of what is laid down.
        stride = between(1 + (extra or 0) if (dilation or 0) <= (extra or 0) else 1, 3)
    if not dilation:
        dilation = between(1 + (extra or 0) if stride <= (extra or 0) else 1, 2)
    if extra is None:
        extra = between(0, max(stride, dilation) - 1)
    needed = 2 * (padding or 0) + 1 - extra
    if not kernel:
        room = (size - 1) * stride if size else 0
        kernel = between(max(1, -(-(needed - room - 1) // dilation) + 1 if size else 1), KERNELS[axes])
    span = (kernel - 1) * dilation + 1
    if not size:
        size = between(max(1, -(-(needed - span) // stride) + 1), SIZES[axes])
    laid = (size - 1) * stride + span + extra
    if padding is None:
        padding = between(0, min(2, (laid - 1) // 2))
    return kernel, size, laid - 2 * padding, stride, padding, extra, dilation


# In and out, for each group. More than one, and as many of both, in half of the cases: there alone can they be mixed up.
CHANNELS = ((1, 1), (2, 2), (1, 2), (3, 3), (2, 1), (2, 2), (2, 3), (3, 3), (3, 2), (2, 2))


def _draw_channels(draw: DrawFn, pinned: Pinned) -> tuple[int, int, int]:
    """Groups and channels in and out."""
    channels, groups = pinned.get("channels"), pinned.get("groups")
    if channels is not None:
        common = gcd(*channels)
        return groups or draw(among(*(g for g in range(1, common + 1) if common % g == 0))), *channels
    groups = groups or draw(among(1, 1, 2, 3))
    each, other = draw(among(*CHANNELS))
    return groups, groups * each, groups * other


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
        parameters=DEFAULTS,
    )


def twin(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, **parameters: Any) -> torch.Tensor:
    """The same function by torch."""
    import torch

    f = torch.nn.functional
    transposed = (f.conv_transpose1d, f.conv_transpose2d, f.conv_transpose3d)[x.ndim - 3]
    y: torch.Tensor = transposed(x, weight, bias, **parameters)
    return y


def coverage(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """What a reader wants to know was tried; per-axis values are counted axis by axis."""
    x, weight, y = (problem.shape(name) for name in ("x", "weight", "y"))
    moves = {
        name: value if isinstance(value, tuple) else (value,)
        for name, value in problem.parameters.items()
        if name != "groups"
    }
    return {
        "dims": (len(x) - 2,),
        **moves,
        "kernel": weight[2:],
        "groups": (problem.parameters["groups"],),
        "channels": ("in = out" if x[1] == y[1] else "in ≠ out",),
        "bias": ("yes" if problem.shapes["bias"] is not None else "no",),
        "batch": (x[0],),
    }


def pins(problem: Problem) -> dict[str, Any]:
    """The options that pin this very problem."""
    x, weight, y = (problem.shape(name) for name in ("x", "weight", "y"))
    return {
        "dims": len(x) - 2,
        "size": x[2:],
        "kernel": weight[2:],
        **problem.parameters,
        "channels": (x[1], y[1]),
        "batch": x[0],
    }


OP = Op(
    name="conv_transpose",
    inputs=("x", "weight", "bias"),
    reference=conv_transpose,
    defaults=DEFAULTS,
    options=OPTIONS,
    validate=validate,
    problems=problems,
    twin=twin,
    coverage=coverage,
    pins=pins,
    terms=terms,
    factors={"y": ("x", "weight"), "x": ("g", "weight"), "weight": ("g", "x"), "bias": ("g",)},
    telling=telling,
    degree=2,
    linear_in=(("x", "bias"), ("weight", "bias")),
    lighter=lighter,
    samples=of_x,
    sources={"y": "002, eq. 3", "weight": "002, eq. 2", "x": "002, eq. 1", "bias": "001, B5"},
    usual={"size": 2},
    mistakes=CONV_TRANSPOSE,
)

OPS = (OP,)
