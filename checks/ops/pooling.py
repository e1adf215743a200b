"""Max and average pooling: windows that fit, ties, what is exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import gcd, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Documents, Inputs, Kind, Kinks, Op, Problem, Rounding
from checks.ops import _formulas as formulas
from checks.ops import _pooling_mistakes as mistakes
from checks.ops import _ties as ties
from checks.signature.drawing import Draws
from checks.signature.options import Pinned, per_axis
from checks.signature.takes import LOUD, Drawn, Parameter, Sizes, Takes
from checks.signature.windows import BATCHES, MOST, along, pinned_axes, together
from reference import avg_pool, max_pool
from reference._window import Window, gather, pooling_window, scatter

if TYPE_CHECKING:
    import torch

KERNELS = {1: (2, 3, 1, 4, 5), 2: (2, 3, 1, 4), 3: (2, 1, 3)}
OUTPUTS = {1: 6, 2: 3, 3: 2}
KERNEL_SIZE = Parameter("kernel_size", 2, "size of a window", "3 | 3,5", per_axis(1))
MOVES = (
    KERNEL_SIZE,
    Parameter("stride", None, "step between windows (default: kernel size)", "2 | 2,1", per_axis(1)),
    Parameter("padding", 0, "how far windows reach beyond both ends of each axis", "1 | 1,0", per_axis(0)),
)
DILATION = Parameter("dilation", 1, "step between the elements of a window", "2 | 2,1", per_axis(1))
CEIL_MODE = Parameter("ceil_mode", False, "windows that begin inside but end outside count too", among=(False, True))
COUNT_INCLUDE_PAD = Parameter("count_include_pad", True, "padding counts in the mean", among=(False, True))
WHERE = (
    Sizes("size", "*size", "spatial size of the input"),
    Sizes("channels", "C", "channels", (1, 2, 3)),
    Sizes("batch", "N", "samples", BATCHES, least=0, metavar="2"),
)


def fitting(pinned: Pinned, axis: int, axes: int, dilations: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Every kernel size, dilation and padding along one axis that the pinned values allow, simplest first."""
    kernel, dilation, padding, size, stride = (
        along(pinned.get(name), axis) for name in ("kernel_size", "dilation", "padding", "size", "stride")
    )
    beyond = (stride or kernel or 1) - 1 if pinned.get("ceil_mode") else 0
    needed = max(0, ((kernel or 1) - 1) * (dilation or 1) + 2 - (size or MOST)) // 2
    return [
        (k, d, p)
        for p in (sorted({0, 1, 2, needed}) if padding is None else (padding,))
        for d in ((dilation,) if dilation else dilations)
        for k in (
            (kernel,) if kernel else sorted({*KERNELS[axes], *range(2 * (padding or 0), 2 * (padding or 0) + 2)} - {0})
        )
        # torch allows half of the kernel size only, where half of what it spans makes sense too.
        if p <= (k if padding is None else (k - 1) * d + 1) // 2
        # A window reaches the input, and does not step over it from one padding into the other.
        and (size is None or ((k - 1) * d + 1 <= size + 2 * p + beyond and (p == 0 or d <= size)))
    ]


def halving(fits: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Those with a power of two for a kernel size: means over so many are exact, so half of the cases are drawn so."""
    return [fit for fit in fits if not fit[0] & (fit[0] - 1)]


def refuse(pinned: Pinned) -> None:
    """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
    axes = pinned_axes(pinned) or 1
    for axis in range(axes):
        if fitting(pinned, axis, axes, (1,)):
            continue
        kernel, padding, size = (along(pinned.get(name), axis) for name in ("kernel_size", "padding", "size"))
        span = ((kernel or 1) - 1) * (along(pinned.get("dilation"), axis) or 1) + 1
        if padding and padding > span // 2:
            raise ValueError(
                f"padding {padding} is more than half of the {span} that a window spans; --padding {span // 2} would do"
            )
        raise ValueError(
            f"a window that spans {span} does not fit into size {size} with padding {padding or 0}; "
            f"--size {span - 2 * (padding or 0)} would make it fit"
        )


def geometry(*known: str) -> Callable[[Draws, Pinned, int], Drawn]:
    """Windows of an op with these parameters, built from the output backwards."""

    def drawn(draw: Draws, pinned: Pinned, axes: int) -> Drawn:
        dilations = (1, 1, 2) if "dilation" in known else (1,)
        fits = [fitting(pinned, a, axes, dilations) for a in range(axes)]
        if "count_include_pad" in known and draw.among(True, False):
            fits = [halving(axis) or axis for axis in fits]
        kernel, dilation, padding = zip(*(draw.among(*axis) for axis in fits), strict=True)
        as_kernel = pinned["stride"] is None if "stride" in pinned else draw.among(True, False, False)
        stride = (
            kernel if as_kernel else tuple(along(pinned.get("stride"), a) or draw.among(1, 2, 3) for a in range(axes))
        )
        spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        # torch's mean over three axes takes no input smaller than the kernel, whatever the padding.
        least = kernel if axes == 3 else dilation
        size = tuple(
            along(pinned.get("size"), a)
            or max(least[a], drawn_size(draw, spans[a], stride[a], padding[a], OUTPUTS[axes]))
            for a in range(axes)
        )
        moves = {
            "kernel_size": together(kernel),
            "stride": None if as_kernel else together(stride),
            "padding": together(padding),
            "dilation": together(dilation),
            "ceil_mode": pinned.get("ceil_mode", draw.among(False, True)),
        }
        moves = {name: value for name, value in moves.items() if name in known}
        return {"*size": size, "*output": windows(size, moves).output, **moves}

    return drawn


def drawn_size(draw: Draws, span: int, stride: int, padding: int, most: int) -> int:
    """A size with one to `most` places for the window, and rows left over in some."""
    left_over = draw.between(0, stride - 1)
    least = max(1, -(-(1 + 2 * padding - span - left_over) // stride) + 1)
    places = draw.between(least, most)
    return (places - 1) * stride + span + left_over - 2 * padding


def windows(size: tuple[int, ...], parameters: Mapping[str, Any]) -> Window:
    """The window over an input of this spatial size."""
    known = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    moves = {name: parameters[name] for name in known if name in parameters}
    return pooling_window(size, moves.pop("kernel_size"), **moves)


def window_of(of: Problem | Case) -> Window:
    """The window of a problem, or of a case."""
    x = of.shape("x") if isinstance(of, Problem) else of.input("x").shape
    return windows(x[2:], of.parameters)


def tried(problem: Problem) -> Mapping[str, tuple[Any, ...]]:
    """How windows lie, along each axis, and whether they reach everything."""
    over = window_of(problem)
    moves = list(zip(over.padded, over.span, over.stride, over.kernel, strict=True))
    ends = ((o - 1) * s + e > n for o, (n, e, s, _) in zip(over.output, moves, strict=True))
    return {
        "kernel_size": over.kernel,
        **({"stride": over.stride} if "stride" in problem.parameters else {}),
        "windows": tuple("overlap" if s < e else "touch" if s == k else "leave gaps" for _, e, s, k in moves),
        "rows left over": ("yes" if any((n - e) % s for n, e, s, _ in moves) else "no",),
        **({"windows cut off": ("yes" if any(ends) else "no",)} if "ceil_mode" in problem.parameters else {}),
    }


def written(problem: Problem) -> dict[str, Any]:
    """The stride in numbers, also where it is that of the kernel."""
    return {"stride": together(window_of(problem).stride)}


def max_pool_twin(x: torch.Tensor, **parameters: Any) -> torch.Tensor:
    """The same function by torch."""
    import torch

    f = torch.nn.functional
    y: torch.Tensor = (f.max_pool1d, f.max_pool2d, f.max_pool3d)[x.ndim - 3](x, **parameters)
    return y


def avg_pool_twin(x: torch.Tensor, **parameters: Any) -> torch.Tensor:
    """The same function by torch."""
    import torch

    f = torch.nn.functional
    y: torch.Tensor = (f.avg_pool1d, f.avg_pool2d, f.avg_pool3d)[x.ndim - 3](x, **parameters)
    return y


def max_pool_terms(problem: Problem) -> dict[str, int]:
    """What is chosen is not rounded; as many cotangents are added as an input is in windows."""
    return {"y": 1, "x": containing(window_of(problem))}


def containing(over: Window) -> int:
    """The most windows that an input can be in, whatever the padding.

    o·stride + t·dilation is the same place for windows o that are dilation/gcd apart, at offsets t stride/gcd apart.
    """
    most = 1
    for k, s, d, o in zip(over.kernel, over.stride, over.dilation, over.output, strict=True):
        common = gcd(s, d)
        most *= max(1, min(-(-k * common // s), -(-o * common // d)))
    return most


def span(of: Problem | Case) -> tuple[int, ...]:
    """How far a window reaches along each axis."""
    return window_of(of).span


@dataclass(frozen=True)
class Gathered:
    """Windows of one size, laid out by gathering."""

    case: Case

    def laid(self, a: Array) -> Array:
        """The kernel's axes made one, the last."""
        over = window_of(self.case)
        axes = tuple(range(2, 2 + len(over.size)))
        places = np.moveaxis(gather(a, over), axes, range(-len(axes), 0))
        return places.reshape(*places.shape[: -len(axes)], prod(over.kernel))

    def inside(self) -> Array:
        """What is no padding."""
        return self.laid(np.ones(self.case.input("x").shape, bool))

    def back(self, parts: Array) -> Array:
        """Scattered."""
        over = window_of(self.case)
        laid = parts.reshape(*parts.shape[:-1], *over.kernel)
        return scatter(np.moveaxis(laid, range(-len(over.kernel), 0), range(2, 2 + len(over.kernel))), over)


def apart(case: Case) -> Iterator[Array]:
    """Every so many places along each axis, as many as it takes for windows not to overlap."""
    over = window_of(case)
    steps = [min(n, -(-e // s)) for n, e, s in zip(over.output, over.span, over.stride, strict=True)]
    for first in product(*map(range, steps)):
        mask = np.zeros(case.cotangent.shape, case.cotangent.dtype)
        chosen: Any = (..., *(slice(f, None, s) for f, s in zip(first, steps, strict=True)))
        mask[chosen] = 1
        yield mask


def counts(of: Problem | Case) -> list[Array]:
    """What sums are divided by, along each axis: the product over the axes is a window's divisor."""
    over, include = window_of(of), of.parameters["count_include_pad"]
    found = []
    for n, k, s, p, o in zip(over.size, over.kernel, over.stride, over.before, over.output, strict=True):
        first = np.arange(o) * s - p
        last = np.minimum(first + k, n + p)
        found.append(last - first if include else np.minimum(last, n) - np.maximum(first, 0))
    return found


def avg_pool_unit(problem: Problem) -> int | None:
    """The largest divisor, where all of them are powers of two."""
    divisors = counts(problem)
    powers = all(np.all(c & (c - 1) == 0) for c in divisors)
    return prod(int(c.max(initial=1)) for c in divisors) if powers else None


def avg_pool_terms(problem: Problem) -> dict[str, int]:
    """A sum over the window and a division; as many shares as an input is in windows."""
    over = window_of(problem)
    return {"y": prod(over.kernel) + 1, "x": containing(over) + 1}


def avg_pool_running(case: Case) -> dict[str, tuple[int, float]]:
    """Sums along all axes, of x and of the shares of g, of which 2^d at the corners of each window are subtracted.

    A sum that moves along has each element enter and leave; what padding adds is a few zeros, and a division is one more.
    """
    divisors = counts(case)
    shares = case.cotangent
    for axis, count in enumerate(divisors, 2):
        shares = shares / count.reshape(-1, *(1,) * (shares.ndim - axis - 1))
    least = prod(int(c.min(initial=1 << 30)) for c in divisors)
    return {
        "y": running_on(case.input("x") / least),
        "x": running_on(shares, case.input("x").shape),
    }


def running_on(terms: Array, over: tuple[int, ...] = ()) -> tuple[int, float]:
    """How many roundings sums over all places go through that corners are taken of, and Σ|terms| of the largest map."""
    axes = tuple(range(2, terms.ndim))
    corners = 1 << len(axes)
    longest = sum(max(n, m) for n, m in zip(terms.shape[2:], over[2:] or terms.shape[2:], strict=True))
    return 2 * longest + corners + 2, corners * float(np.abs(terms).sum(axes).max(initial=0.0))


def _takes(*parameters: Parameter) -> Takes:
    """What a pool takes: both take the same arrays of the same sizes, and each its own parameters."""
    return Takes(
        arrays={"x": "N C *size", "y": "N C *output"},
        parameters=parameters,
        sizes=WHERE,
        dims=(2, 1, 2, 3),
        geometry=geometry(*(parameter.name for parameter in parameters)),
        scales={"x": LOUD},
        refuse=refuse,
    )


MAX_POOL = Op(
    name="max_pool",
    reference=max_pool,
    takes=_takes(*MOVES, DILATION, CEIL_MODE),
    twin=max_pool_twin,
    rounds=Rounding(max_pool_terms, ties.magnitudes(span)),
    kind=Kind(degree=1, unit=ties.unit(span), euler_in=(("x",),), analytic=False, radius=ties.radius(span)),
    kinks=Kinks(
        ties.some, apart, ties.nearest(Gathered), ties.convention(Gathered), ties.at_infinity, ties.dropped(Gathered)
    ),
    cases=Inputs(ties.without(span), tried, written),
    told=Documents(sources={"y": "004, C11", "x": "004, C15"}, formula=formulas.max_pool),
    mistakes=mistakes.MAX_POOL,
)
AVG_POOL = Op(
    name="avg_pool",
    reference=avg_pool,
    takes=_takes(*MOVES, CEIL_MODE, COUNT_INCLUDE_PAD),
    twin=avg_pool_twin,
    rounds=Rounding(avg_pool_terms, running=avg_pool_running),
    kind=Kind(degree=1, unit=avg_pool_unit, linear_in=(("x",),)),
    cases=Inputs(tried=tried, written=written),
    told=Documents(sources={"y": "004, C11", "x": "004, C14"}),
    mistakes=mistakes.AVG_POOL,
)
OPS = (MAX_POOL, AVG_POOL)
