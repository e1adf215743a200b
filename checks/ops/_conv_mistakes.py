"""Known ways to get the gradients of a convolution wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from checks.mistakes import last_sample, right
from checks.op import Array, Case, Mistake
from reference._window import Window, window


def _over(case: Case) -> Window:
    p = case.parameters
    size, kernel = case.input("x").shape[2:], case.input("weight").shape[2:]
    return window(size, kernel, stride=p["stride"], padding=p["padding"], dilation=p["dilation"])


def _padded(case: Case, over: Window) -> Array:
    return np.pad(case.input("x"), [(0, 0), (0, 0), *zip(over.before, over.after, strict=True)])


def _corner(a: Array, size: Iterable[int]) -> Array:
    at: Any = (..., *(slice(0, n) for n in size))
    corner: Array = a[at]
    return corner


def _with(case: Case, **parameters: Any) -> Case:
    return replace(case, parameters={**case.parameters, **parameters})


def _turned(a: Array) -> Array:
    return np.flip(a, tuple(range(2, a.ndim)))


def _kernel_not_turned(case: Case) -> Mapping[str, Array]:
    return {"x": right(case.with_input("weight", _turned(case.input("weight"))))["x"]}


def _weight_moved(stride: bool, dilation: bool) -> Callable[[Case], Mapping[str, Array]]:
    """grad_weight with stride 1, or dilation 1, where forward had another, on as much of x as that touches."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over = _over(case)
        ones = (1,) * len(over.size)
        steps, spread = ones if stride else over.stride, ones if dilation else over.dilation
        moves = zip(over.output, steps, over.kernel, spread, strict=True)
        reach = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in moves]
        touched = _corner(_padded(case, over), reach)
        other = _with(case.with_input("x", touched), stride=steps, dilation=spread, padding=0)
        return {"weight": right(other)["weight"]}

    return wrong_gradient


def _padding_not_cropped(case: Case) -> Mapping[str, Array]:
    over = _over(case)
    whole = right(_with(case.with_input("x", _padded(case, over)), padding=0))["x"]
    return {"x": _corner(whole, over.size)}


def _rows_left_over_shifted(case: Case) -> Mapping[str, Array]:
    over = _over(case)
    left = [(n - e) % s for n, e, s in zip(over.padded, over.span, over.stride, strict=True)]
    return {"x": np.roll(right(case)["x"], left, tuple(range(2, 2 + len(left))))}


def _groups_reversed(case: Case) -> Mapping[str, Array]:
    parts = np.split(right(case)["weight"], case.parameters["groups"])
    return {"weight": np.concatenate(parts[::-1])}


def _in_and_out_swapped(case: Case) -> Mapping[str, Array]:
    gradient = right(case)["weight"]
    square = gradient.shape[0] == gradient.shape[1]
    return {"weight": gradient.swapaxes(0, 1) if square else gradient}


def _bias_averaged(case: Case) -> Mapping[str, Array]:
    gradients, g = right(case), case.cotangent
    positions = g.dtype.type(max(1, g.size // g.shape[1]))
    return {"bias": gradients["bias"] / positions} if "bias" in gradients else {}


def _both_flipped(case: Case) -> Mapping[str, Array]:
    other = _with(case, flip=not case.parameters["flip"])
    gradients = right(other)
    return {
        "y": np.asarray(case.op.reference.forward(*other.inputs, **other.parameters)),
        "x": gradients["x"],
        "weight": gradients["weight"],
    }


def _overlap_overwritten(case: Case) -> Mapping[str, Array]:
    over, x, weight, groups = _over(case), case.input("x"), case.input("weight"), case.parameters["groups"]
    kernel = _turned(weight) if case.parameters["flip"] else weight
    grouped = kernel.reshape(groups, -1, *kernel.shape[1:])
    g = case.cotangent
    cotangent = g.reshape(len(g), groups, g.shape[1] // groups, *g.shape[2:])
    grad = np.zeros((*x.shape[:2], *over.padded), x.dtype)
    for k in product(*map(range, over.kernel)):
        taps: Any = (..., *k)
        part = np.einsum("goc,ngo...->ngc...", grouped[taps], cotangent)
        moves = zip(k, over.dilation, over.output, over.stride, strict=True)
        at: Any = (..., *(slice(a * d, a * d + (o - 1) * s + 1, s) for a, d, o, s in moves))
        grad[at] = part.reshape(*x.shape[:2], *over.output)
    inside: Any = (..., *(slice(b, b + n) for b, n in zip(over.before, over.size, strict=True)))
    return {"x": grad[inside]}


MISTAKES = (
    Mistake(
        "kernel not turned",
        "The kernel slides over the cotangent as it is, where the derivation turns it by 180 degrees.",
        "003, P5 and P6",
        _kernel_not_turned,
    ),
    Mistake(
        "stride ignored",
        "The weight gradient takes the inputs of neighbouring outputs one apart, where they are a stride apart.",
        "002, eq. 2",
        _weight_moved(stride=True, dilation=False),
    ),
    Mistake(
        "dilation ignored",
        "The weight gradient takes neighbouring inputs, where forward skipped some.",
        "002, eq. 2",
        _weight_moved(stride=False, dilation=True),
    ),
    Mistake(
        "padding not cropped",
        "The gradient of the padded input was cut to size at its end, where the padding comes off both ends.",
        "002, eq. 3",
        _padding_not_cropped,
    ),
    Mistake(
        "rows left over shifted",
        "Rows that no window reaches are taken to be the first, where they are the last.",
        "002, L9",
        _rows_left_over_shifted,
    ),
    Mistake(
        "groups reversed",
        "Each group got the weight gradient of the group at the other end.",
        "004, C10",
        _groups_reversed,
    ),
    Mistake(
        "in and out swapped",
        "The channel axes of the weight gradient are exchanged; shapes tell only where they differ.",
        "002, eq. 2",
        _in_and_out_swapped,
    ),
    Mistake(
        "bias averaged",
        "The mean over samples and positions, where the bias is added at every one of them.",
        "001, B5",
        _bias_averaged,
    ),
    Mistake(
        "both flipped",
        "Forward and backward agree with each other, on the other kind of convolution.",
        "000, S1",
        _both_flipped,
    ),
    Mistake(
        "overlap overwritten",
        "Where windows overlap the last one is kept, where all of them add up.",
        "002, eq. 3",
        _overlap_overwritten,
    ),
    last_sample("weight"),
)
