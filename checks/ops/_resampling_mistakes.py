"""Known ways to get adaptive means, upsampling and pixel shuffle wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import right
from reference import _resample as resample
from reference import upsample
from reference.adaptive_avg_pool import ends

Wrong = Callable[[Case], Mapping[str, Array]]
Along = Callable[[int, int], Array]


def _sizes(case: Case) -> Iterator[tuple[int, int]]:
    """Sizes of x and y along each axis."""
    return zip(case.input("x").shape[2:], case.cotangent.shape[2:], strict=True)


def _made(case: Case, matrices: list[Array], *, both: bool) -> Mapping[str, Array]:
    """What these matrices do in place of those that are right."""
    g = case.cotangent
    found = {"x": resample.back(g, matrices).astype(g.dtype)}
    return {**found, "y": resample.along(case.input("x"), matrices).astype(g.dtype)} if both else found


def _each_axis(matrix: Along, *, both: bool) -> Wrong:
    return lambda case: _made(case, [matrix(n, m) for n, m in _sizes(case)], both=both)


# Adaptive average pooling: a matrix (m, n) of sizes n and m.


def _windows(begin: Callable[[int, int], Array], end: Callable[[int, int], Array]) -> Along:
    """Means over windows that begin and end elsewhere."""

    def matrix(n: int, m: int) -> Array:
        inside = (np.arange(n) >= begin(n, m)[:, None]) & (np.arange(n) < end(n, m)[:, None])
        return np.asarray(inside / np.maximum(1, inside.sum(1, keepdims=True)))

    return matrix


def _first(n: int, m: int) -> Array:
    return ends(n, m)[0]


def _last(n: int, m: int) -> Array:
    return ends(n, m)[1]


def _inside(n: int, m: int) -> Array:
    first, last = ends(n, m)
    return np.asarray((np.arange(n) >= first[:, None]) & (np.arange(n) < last[:, None]), float)


def _assigned(n: int, m: int) -> Array:
    """Of the means that share an element the last one keeps it."""
    inside = _inside(n, m)
    later = np.cumsum(inside[::-1], 0)[::-1] == 1
    return np.asarray(inside * later / inside.sum(1, keepdims=True))


ADAPTIVE = tuple(
    Mistake(name, explanation, "W6", wrong_gradient)
    for name, explanation, wrong_gradient in (
        (
            "windows of one size",
            "Forward and backward have windows of ⌊n/m⌋, side by side, so that the last elements may be left over.",
            _each_axis(
                _windows(lambda n, m: np.arange(m) * max(1, n // m), lambda n, m: (np.arange(m) + 1) * max(1, n // m)),
                both=True,
            ),
        ),
        (
            "ends rounded down",
            "Forward and backward end windows at ⌊(i + 1)·n/m⌋, where it is ⌈(i + 1)·n/m⌉, so that none share an element.",
            _each_axis(
                _windows(_first, lambda n, m: np.maximum((np.arange(m) + 1) * n // m, _first(n, m) + 1)), both=True
            ),
        ),
        (
            "beginnings rounded up",
            "Forward and backward begin windows at ⌈i·n/m⌉, where it is ⌊i·n/m⌋, so that none share an element.",
            _each_axis(_windows(lambda n, m: np.minimum(-(-np.arange(m) * n // m), _last(n, m) - 1), _last), both=True),
        ),
        (
            "one divisor for all",
            "Backward divides by ⌈n/m⌉ everywhere, where each window has a size of its own.",
            _each_axis(lambda n, m: _inside(n, m) / -(-n // m), both=False),
        ),
        (
            "not divided",
            "The cotangent was spread over each window, and not divided by its size.",
            _each_axis(_inside, both=False),
        ),
        (
            "shared elements assigned",
            "An element that two windows share got the part of the last one, where both add to it.",
            _each_axis(_assigned, both=False),
        ),
        (
            "divided by the outputs",
            "The cotangent was divided by how many means there are, where it is by how many elements each is over.",
            _each_axis(lambda n, m: _inside(n, m) / m, both=False),
        ),
        (
            "as nearest upsampling",
            "Each element got the share of one mean, at ⌊j·m/n⌋, where neighbouring windows may share it.",
            _each_axis(
                lambda n, m: (np.arange(m)[:, None] == np.arange(n) * m // n) / _inside(n, m).sum(1, keepdims=True),
                both=False,
            ),
        ),
    )
)


# Upsampling: a matrix (k·n, n) of a size and a scale.

Weights = Callable[[int, int, Mapping[str, Any]], Array]


def _weights(weights: Weights, *, both: bool) -> Wrong:
    """Weights made otherwise, of the size, the scale and the parameters."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        matrices = [weights(n, m // n, case.parameters) for n, m in _sizes(case)]
        return _made(case, matrices, both=both)

    return wrong_gradient


def _of(n: int, k: int, mode: str, aligned: bool) -> Array:
    matrix = np.zeros((n * k, n))
    for i in range(n * k):
        for j, weight in upsample.weights(i, n, k, mode, align_corners=aligned).items():
            matrix[i, j] = float(weight)
    return matrix


def _right(n: int, k: int, p: Mapping[str, Any]) -> Array:
    return _of(n, k, p["mode"], p["align_corners"])


def _other_corners(n: int, k: int, p: Mapping[str, Any]) -> Array:
    return _right(n, k, p) if p["mode"] == "nearest" else _of(n, k, p["mode"], not p["align_corners"])


def _other_mode(mode: str) -> Weights:
    return lambda n, k, p: _of(n, k, mode, p["align_corners"] and mode != "nearest")


def _at(place: Callable[[int, int, int], float], *, clamped: bool = True) -> Weights:
    """Linear weights around other places; other modes as they are."""

    def matrix(n: int, k: int, p: Mapping[str, Any]) -> Array:
        if p["mode"] != "linear" or p["align_corners"]:
            return _right(n, k, p)
        found = np.zeros((n * k, n))
        for i in range(n * k):
            s = max(place(i, n, k), 0.0) if clamped else place(i, n, k)
            first = int(np.floor(s))
            for j, weight in ((first, 1 - s + first), (first + 1, s - first)):
                if clamped or 0 <= j < n:
                    found[i, min(max(j, 0), n - 1)] += weight
        return found

    return matrix


def _keys(a: float) -> Weights:
    """Cubic weights with another a."""

    def weight(t: float) -> float:
        if t <= 1:
            return (a + 2) * t**3 - (a + 3) * t**2 + 1
        return a * (t**3 - 5 * t**2 + 8 * t - 4)

    def matrix(n: int, k: int, p: Mapping[str, Any]) -> Array:
        if p["mode"] != "cubic":
            return _right(n, k, p)
        found = np.zeros((n * k, n))
        for i in range(n * k):
            s = float(upsample.place(i, n, k, align_corners=p["align_corners"]))
            first = int(np.floor(s))
            for d in range(-1, 3):
                found[i, min(max(first + d, 0), n - 1)] += weight(abs(s - first - d))
        return found

    return matrix


def _one_each(n: int, k: int, p: Mapping[str, Any]) -> Array:
    return np.asarray(_right(n, k, p) != 0, float)


def _first_only(n: int, k: int, p: Mapping[str, Any]) -> Array:
    return np.asarray(_right(n, k, p) * (np.arange(n * k) % k == 0)[:, None])


def _last_assigned(n: int, k: int, p: Mapping[str, Any]) -> Array:
    matrix = _right(n, k, p)
    later = np.cumsum((matrix != 0)[::-1], 0)[::-1] == 1
    return np.asarray(matrix * later)


UPSAMPLE = tuple(
    Mistake(name, explanation, "W7", wrong_gradient)
    for name, explanation, wrong_gradient in (
        (
            "corners the other way",
            "Backward aligns corners where forward does not, or the other way round.",
            _weights(_other_corners, both=False),
        ),
        (
            "both with corners the other way",
            (
                "Forward and backward agree with each other, on corners that are aligned where they are not, or not where "
                "they are."
            ),
            _weights(_other_corners, both=True),
        ),
        (
            "pixels as points",
            "Forward and backward look at i/k, where the centre of a pixel is at (i + ½)/k − ½.",
            _weights(_at(lambda i, _, k: i / k), both=True),
        ),
        (
            "outside left out",
            "Forward and backward weigh what is outside as 0, where the element at the end stands for it.",
            _weights(_at(lambda i, _, k: (i + 0.5) / k - 0.5, clamped=False), both=True),
        ),
        (
            "backward of nearest",
            "Each cotangent went to one element, where the weights spread it over those around it.",
            _weights(_other_mode("nearest"), both=False),
        ),
        (
            "backward of linear",
            "Each cotangent was spread over two elements along an axis, by linear weights, in another mode.",
            _weights(_other_mode("linear"), both=False),
        ),
        (
            "a of −½",
            "Forward and backward have cubic weights with a = −½, as some libraries, where it is −¾.",
            _weights(_keys(-0.5), both=True),
        ),
        (
            "not weighed",
            "Every element that was looked at got the whole cotangent, where it is multiplied by its weight.",
            _weights(_one_each, both=False),
        ),
        (
            "averaged",
            "The gradient is the mean over the outputs that look at an element, where the chain rule sums.",
            _weights(lambda n, k, p: _right(n, k, p) / k, both=False),
        ),
        (
            "first of each",
            "Every k-th cotangent was taken, where all k outputs of an element give something back.",
            _weights(_first_only, both=False),
        ),
        (
            "last assigned",
            "The last output that looks at an element overwrites what others gave, where each adds to it.",
            _weights(_last_assigned, both=False),
        ),
    )
)


# Pixel shuffle: which axis of x becomes which of y.


def _shuffled(lead: tuple[int, ...], axes: tuple[int, ...], *, both: bool) -> Wrong:
    """Channels read as axes in another order: `lead` of (C, r, r), and which of them goes where."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        r, x, g = case.parameters["upscale_factor"], case.input("x"), case.cotangent
        n, channels, h, w = x.shape
        parts = np.array([channels // (r * r), r, r])[list(lead)].tolist()
        laid = x.reshape(n, *parts, h, w).transpose(axes)
        back = g.reshape(laid.shape).transpose(np.argsort(axes)).reshape(x.shape)
        found = {"x": np.ascontiguousarray(back)}
        return {**found, "y": laid.reshape(g.shape)} if both else found

    return wrong_gradient


def _read_as_it_lies(case: Case) -> Mapping[str, Array]:
    return {"x": case.cotangent.reshape(case.input("x").shape)}


def _over_r(case: Case) -> Mapping[str, Array]:
    r = case.parameters["upscale_factor"]
    return {"x": np.asarray(right(case)["x"] / case.cotangent.dtype.type(r * r))}


def _first_of_block(case: Case) -> Mapping[str, Array]:
    r, gradient = case.parameters["upscale_factor"], right(case)["x"]
    gradient[:, np.arange(gradient.shape[1]) % (r * r) != 0] = 0
    return {"x": gradient}


def _from_the_end(case: Case) -> Mapping[str, Array]:
    r, gradient = case.parameters["upscale_factor"], right(case)["x"]
    n, channels, h, w = gradient.shape
    return {"x": gradient.reshape(n, channels // (r * r), r * r, h, w)[:, :, ::-1].reshape(gradient.shape)}


SHUFFLE = tuple(
    Mistake(name, explanation, "W8", wrong_gradient)
    for name, explanation, wrong_gradient in (
        (
            "blocks before channels",
            (
                "Forward and backward read channel (r·a + b)·C + c, where it is c·r² + r·a + b, as depth-to-space has it "
                "elsewhere."
            ),
            _shuffled((1, 2, 0), (0, 3, 4, 1, 5, 2), both=True),
        ),
        (
            "rows and columns exchanged",
            "Forward and backward put channel r·a + b at column a and row b of a block.",
            _shuffled((0, 1, 2), (0, 1, 4, 3, 5, 2), both=True),
        ),
        (
            "backward with blocks before channels",
            "Backward reads channel (r·a + b)·C + c, where forward has c·r² + r·a + b.",
            _shuffled((1, 2, 0), (0, 3, 4, 1, 5, 2), both=False),
        ),
        (
            "backward with rows and columns exchanged",
            "Backward takes channel r·a + b from column a and row b of a block.",
            _shuffled((0, 1, 2), (0, 1, 4, 3, 5, 2), both=False),
        ),
        (
            "read as it lies",
            "The cotangent was given the shape of x without moving its axes.",
            _read_as_it_lies,
        ),
        (
            "blocks from the end",
            "The pixels of a block were numbered from its last, where the first channel is the first pixel.",
            _from_the_end,
        ),
        (
            "divided by the block",
            "The gradient was divided by r², where nothing was added up.",
            _over_r,
        ),
        (
            "first of each block",
            "Only the first channel of each r² got a gradient, where every pixel comes from one of them.",
            _first_of_block,
        ),
    )
)
