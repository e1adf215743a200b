"""Adaptive means, upsampling and pixel shuffle: sizes, what is exact, and what a place that is rounded does to a weight."""

from __future__ import annotations

from collections.abc import Mapping
from math import lcm, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Documents, Inputs, Kind, Op, Problem, Rounding
from checks.ops._resampling_mistakes import ADAPTIVE, SHUFFLE, UPSAMPLE
from checks.ops.pooling import WHERE, running_on
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, one_of, per_axis, whole
from checks.signature.takes import LOUD, Drawn, Parameter, Sizes, Takes
from checks.signature.windows import BATCHES, along, not_too_large, together
from reference import _resample as resample
from reference import adaptive_avg_pool, pixel_shuffle, upsample
from reference.adaptive_avg_pool import ends

if TYPE_CHECKING:
    import torch

FEW = 1 << 20  # of weights: with what their formulas go through on the way, three bits more, they are no more than 24
LARGEST = {1: 7, 2: 5, 3: 3}  # sizes by number of axes


def _counts(size: int, means: int) -> list[int]:
    first, last = ends(size, means)
    return [int(n) for n in last - first]


def adaptive_geometry(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """Sizes and how many means, more than there are elements in some; in half of the cases all of powers of two."""
    exact, pairs = draw.among(True, False), []
    for axis in range(axes):
        given, wanted = along(pinned.get("size"), axis), along(pinned.get("output_size"), axis)
        fits = [
            (n, m)
            for n in ((given,) if given else range(1, LARGEST[axes] + 1))
            for m in ((wanted,) if wanted else sorted({1, 2, 3, n}))
        ]
        powers = [(n, m) for n, m in fits if not any(c & (c - 1) for c in _counts(n, m))]
        pairs.append(draw.among(*(powers if exact and powers else fits)))
    size, output = zip(*pairs, strict=True)
    return {"*size": size, "*output": output, "output_size": together(output)}


def _adaptive(problem: Problem) -> list[tuple[list[int], int]]:
    """Along each axis, how many elements each mean takes, and the most means that take one element."""
    found = []
    for n, m in zip(problem.shape("x")[2:], problem.shape("y")[2:], strict=True):
        first, last = ends(n, m)
        most = max(int(((first <= j) & (j < last)).sum()) for j in range(n))
        found.append((_counts(n, m), most))
    return found


def adaptive_unit(problem: Problem) -> int | None:
    """The largest divisor, where all of them are powers of two."""
    axes = _adaptive(problem)
    powers = not any(c & (c - 1) for counts, _ in axes for c in counts)
    return prod(max(counts) for counts, _ in axes) if powers else None


def adaptive_terms(problem: Problem) -> dict[str, int]:
    """A sum over the elements of a mean, and its divisor, at once or axis by axis; as many shares as means."""
    axes = _adaptive(problem)
    divided = 2 * len(axes) + 2
    return {"y": prod(max(c) for c, _ in axes) + divided, "x": prod(most for _, most in axes) + divided}


def adaptive_running(case: Case) -> dict[str, tuple[int, float]]:
    """Sums along all axes of x, and of the shares of g, as of a mean over windows."""
    shares, least, sizes = case.cotangent, 1, case.input("x").shape
    for axis, (n, m) in enumerate(zip(sizes[2:], shares.shape[2:], strict=True), 2):
        counts = np.asarray(_counts(n, m))
        shares, least = (
            shares / counts.reshape(-1, *(1,) * (shares.ndim - axis - 1)),
            least * int(counts.min(initial=1)),
        )
    return {"y": running_on(case.input("x") / least), "x": running_on(shares, sizes)}


def adaptive_twin(x: torch.Tensor, *, output_size: Any) -> torch.Tensor:
    """The same function by torch."""
    import torch

    f = torch.nn.functional
    y: torch.Tensor = (f.adaptive_avg_pool1d, f.adaptive_avg_pool2d, f.adaptive_avg_pool3d)[x.ndim - 3](x, output_size)
    return y


def adaptive_tried(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """How sizes and numbers of means go together, axis by axis."""
    pairs = zip(problem.shape("x")[2:], problem.shape("y")[2:], strict=True)
    said = tuple("more than elements" if m > n else "divides" if n % m == 0 else "divides not" for n, m in pairs)
    return {"output_size": said}


def upsample_geometry(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
    """Sizes, scales, and corners that are aligned only where there is something between them."""
    size, scale = [], []
    for axis in range(axes):
        size.append(along(pinned.get("size"), axis) or draw.between(1, LARGEST[axes]))
        scale.append(along(pinned.get("scale"), axis) or draw.among(2, 2, 1, 3, 4))
    aligned = pinned.get("align_corners")
    modes = ("linear", "cubic") if aligned else upsample.MODES
    mode = pinned.get("mode") or draw.among(*modes)
    if aligned is None:
        aligned = mode != "nearest" and draw.among(False, False, True)
    output = tuple(n * k for n, k in zip(size, scale, strict=True))
    not_too_large(pinned, output)
    return {
        "*size": tuple(size),
        "*output": output,
        "scale": together(tuple(scale)),
        "mode": mode,
        "align_corners": aligned,
    }


def upsample_refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    if pinned.get("align_corners") and pinned.get("mode") == "nearest":
        raise ValueError("align_corners makes no sense for mode nearest; --mode linear or cubic knows it")


def _scales(of: Problem | Case) -> list[tuple[int, int]]:
    """Size and scale of each axis."""
    x = of.shape("x") if isinstance(of, Problem) else of.input("x").shape
    given = of.parameters["scale"]
    return list(zip(x[2:], given if isinstance(given, tuple) else (given,) * len(x[2:]), strict=True))


def upsample_unit(problem: Problem) -> int | None:
    """What makes all weights whole, where places are fractions of powers of two; else they are rounded before they add up.

    A linear weight is a whole multiple of what its place is, a cubic one of a quarter of its cube.
    """
    mode, found = problem.parameters["mode"], 1
    for n, k in [] if mode == "nearest" else _scales(problem):
        aligned = problem.parameters["align_corners"]
        places = lcm(*(upsample.place(i, n, k, align_corners=aligned).denominator for i in range(n * k)))
        if places & (places - 1):
            return None
        found *= places if mode == "linear" else 4 * places**3
    return found


def upsample_terms(problem: Problem) -> dict[str, int]:
    """Twelve for a weight and its products along each axis, and the sum; back, of all outputs that look at an element.

    Weights of few bits are not rounded, and neither are their products: those with x are, once along each axis.
    """
    mode = problem.parameters["mode"]
    looks, axes = {"nearest": 1, "linear": 2, "cubic": 4}[mode], _scales(problem)
    outputs = 1 if mode == "nearest" else looks + 1
    reached = prod(min(n * k, outputs * k) + (n == 1 and outputs > 1) * k for n, k in axes)
    unit = upsample_unit(problem)
    weighed = len(axes) * (12 if unit is None or unit > FEW else 1)
    return {"y": looks ** len(axes) + weighed, "x": reached + weighed}


def upsample_magnitudes(case: Case) -> dict[str, Array]:
    """Σ|weights·x|, and what a place that is rounded does to a weight: 9/4 of that at most, in mode cubic, for its slope.

    A place s is computed to within three roundings of s + 1 where it is no dyadic fraction; on the other side of an element
    the next ones are looked at, so that all within two of s are counted.
    """
    mode, aligned, matrices = case.parameters["mode"], case.parameters["align_corners"], []
    for n, k in _scales(case):
        matrix = np.zeros((n * k, n))
        rounds = mode != "nearest" and (aligned or k & (k - 1))
        for i in range(n * k):
            for j, weight in upsample.weights(i, n, k, mode, align_corners=aligned).items():
                matrix[i, j] = abs(float(weight))
            if rounds:
                s = float(upsample.place(i, n, k, align_corners=aligned))
                near = np.clip(np.arange(int(s) - 2, int(s) + 4), 0, n - 1)
                matrix[i, near] += (abs(s) + 1) * 0.6  # 3 · 9/4 of the twelve roundings that a weight has
        matrices.append(matrix)
    x, g = np.abs(case.input("x")), np.abs(case.cotangent)
    return {"y": resample.along(x, matrices), "x": resample.back(g, matrices)}


def upsample_twin(x: torch.Tensor, *, scale: Any, mode: str, align_corners: bool) -> torch.Tensor:
    """The same function by torch, which has cubic weights over two axes: here one axis after another, beside one of 1."""
    import torch

    interpolate, axes = torch.nn.functional.interpolate, x.ndim - 2
    factors = [float(k) for k in (scale if isinstance(scale, tuple) else (scale,) * axes)]
    if mode != "cubic":
        name = ("linear", "bilinear", "trilinear")[axes - 1] if mode == "linear" else mode
        y: torch.Tensor = interpolate(
            x, scale_factor=factors, mode=name, align_corners=None if mode == "nearest" else align_corners
        )
        return y
    for axis, factor in enumerate(factors, 2):
        moved = x.movedim(axis, -1)
        rows = moved.reshape(1, moved[..., 0].numel(), 1, x.shape[axis])
        if x.numel():
            rows = interpolate(rows, scale_factor=(1.0, factor), mode="bicubic", align_corners=align_corners)
        else:  # which torch refuses
            rows = rows.repeat_interleave(int(factor), -1)
        x = rows.reshape(*moved.shape[:-1], rows.shape[-1]).movedim(-1, axis)
    return x


def shuffle_twin(x: torch.Tensor, *, upscale_factor: int) -> torch.Tensor:
    """The same function by torch's moving of axes: the backward of its own takes no empty batch."""
    n, channels, h, w = x.shape
    r, maps = upscale_factor, channels // upscale_factor**2
    return x.reshape(n, maps, r, r, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, maps, h * r, w * r)


def moved(problem: Problem) -> dict[str, int]:  # noqa: ARG001, every op is asked alike
    """Nothing is computed."""
    return {"y": 1, "x": 1}


ADAPTIVE_AVG_POOL = Op(
    name="adaptive_avg_pool",
    reference=adaptive_avg_pool,
    takes=Takes(
        arrays={"x": "N C *size", "y": "N C *output"},
        parameters=(Parameter("output_size", 1, "means along each axis", "7 | 7,5", per_axis(1)),),
        sizes=WHERE,
        dims=(2, 1, 2, 3),
        geometry=adaptive_geometry,
        scales={"x": LOUD},
    ),
    twin=adaptive_twin,
    rounds=Rounding(adaptive_terms, running=adaptive_running),
    kind=Kind(degree=1, unit=adaptive_unit, linear_in=(("x",),)),
    cases=Inputs(tried=adaptive_tried),
    told=Documents(letters={"x": "x", "y": "y", "g": "g"}, sources={"y": "W6", "x": "W6"}),
    mistakes=ADAPTIVE,
)
UPSAMPLE_OP = Op(
    name="upsample",
    reference=upsample,
    takes=Takes(
        arrays={"x": "N C *size", "y": "N C *output"},
        parameters=(
            Parameter("scale", 2, "how many times as large along each axis", "2 | 2,3", per_axis(1)),
            Parameter("mode", "nearest", "which elements are read, and how weighed", "linear", one_of(*upsample.MODES)),
            Parameter("align_corners", False, "the first and the last elements stay where they are"),
        ),
        sizes=WHERE,
        dims=(2, 1, 2, 3),
        geometry=upsample_geometry,
        scales={"x": LOUD},
        refuse=upsample_refuse,
    ),
    twin=upsample_twin,
    rounds=Rounding(upsample_terms, upsample_magnitudes),
    kind=Kind(degree=1, unit=upsample_unit, linear_in=(("x",),)),
    told=Documents(letters={"x": "x", "y": "y", "g": "g"}, sources={"y": "W7", "x": "W7"}),
    mistakes=UPSAMPLE,
)
PIXEL_SHUFFLE = Op(
    name="pixel_shuffle",
    reference=pixel_shuffle,
    takes=Takes(
        arrays={
            "x": "N C*upscale_factor*upscale_factor H W",
            "y": "N C H*upscale_factor W*upscale_factor",
        },
        parameters=(
            Parameter("upscale_factor", 2, "how many times as large along both axes", "2", whole(1), (2, 3, 1)),
        ),
        sizes=(
            Sizes("size", "H W", "height and width of the input", (2, 1, 3), metavar="4,6"),
            Sizes("channels", "C", "channels of the output", (1, 2, 3)),
            Sizes("batch", "N", "samples", BATCHES, least=0, metavar="2"),
        ),
        scales={"x": LOUD},
    ),
    twin=shuffle_twin,
    rounds=Rounding(moved),
    kind=Kind(degree=1, linear_in=(("x",),)),
    told=Documents(letters={"x": "x", "y": "y", "g": "g"}, sources={"y": "W8", "x": "W8"}),
    mistakes=SHUFFLE,
)

OPS = (ADAPTIVE_AVG_POOL, UPSAMPLE_OP, PIXEL_SHUFFLE)
