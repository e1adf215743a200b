"""Known ways to get fold and its gradient wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from reference._window import Window, gather, scatter, window

Wrong = Callable[[Case], Mapping[str, Array]]


def _over(case: Case) -> Window:
    moves = dict(case.parameters)
    size, kernel = moves.pop("output_size"), moves.pop("kernel_size")
    return window(size, kernel if isinstance(kernel, tuple) else (kernel,) * len(size), **moves)


def _laid(case: Case, over: Window) -> Array:
    """X as (N, C, *kernel, *output)."""
    return case.input("x").reshape(*case.cotangent.shape[:2], *over.kernel, *over.output)


def _counts(over: Window) -> Array:
    """How many windows lie over each element, 1 where there is none."""
    return np.asarray(np.maximum(1, scatter(np.ones((1, 1, *over.kernel, *over.output)), over)))


def _columns(case: Case, over: Window, g: Array) -> dict[str, Array]:
    """What unfold makes of this cotangent with these windows."""
    return {"x": np.array(gather(g, over)).reshape(case.input("x").shape)}


def _inverse(*, both: bool) -> Wrong:
    """Divided by how many windows lie over each element."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over, dtype = _over(case), case.cotangent.dtype
        found = _columns(case, over, (case.cotangent / _counts(over)).astype(dtype))
        return {**found, "y": (scatter(_laid(case, over), over) / _counts(over)).astype(dtype)} if both else found

    return wrong_gradient


def _ordered(order: Callable[[int], tuple[int, ...]], *, both: bool) -> Wrong:
    """Rows and columns read in another order: how the axes N, C, *kernel, *output of so many spatial ones are laid out."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over, x = _over(case), case.input("x")
        axes = order(len(over.size))
        windows = gather(case.cotangent, over).transpose(axes)
        found = {"x": np.array(windows).reshape(x.shape)}
        laid = x.reshape(windows.shape).transpose(np.argsort(axes))
        return {**found, "y": scatter(np.ascontiguousarray(laid), over)} if both else found

    return wrong_gradient


def _offsets_first(axes: int) -> tuple[int, ...]:
    return (0, *range(2, 2 + axes), 1, *range(2 + axes, 2 + 2 * axes))


def _offsets_reversed(axes: int) -> tuple[int, ...]:
    return (0, 1, *reversed(range(2, 2 + axes)), *range(2 + axes, 2 + 2 * axes))


def _places_reversed(axes: int) -> tuple[int, ...]:
    return (*range(2 + axes), *reversed(range(2 + axes, 2 + 2 * axes)))


def _moved(move: Callable[[Window], dict[str, Any]]) -> Wrong:
    """Gathered from other windows, as many of them."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over = _over(case)
        other = replace(over, **move(over))
        ends = zip(over.output, other.span, other.stride, over.size, other.before, strict=True)
        return _columns(
            case, replace(other, after=tuple((o - 1) * s + e - n - b for o, e, s, n, b in ends)), case.cotangent
        )

    return wrong_gradient


def _turned(case: Case) -> Mapping[str, Array]:
    over = _over(case)
    laid = np.flip(gather(case.cotangent, over), tuple(range(2, 2 + len(over.size))))
    return {"x": np.array(laid).reshape(case.input("x").shape)}


def _overwritten(case: Case) -> Mapping[str, Array]:
    """Of the windows over an element the last one's number is left, and it alone gets the cotangent."""
    over, x, g = _over(case), case.input("x"), case.cotangent
    places = prod(over.size)
    numbers = gather(1 + np.arange(places).reshape(1, 1, *over.size), over).ravel()
    parts = _laid(case, over).reshape(*g.shape[:2], numbers.size)
    y, last = np.zeros((*g.shape[:2], places + 1), x.dtype), np.full(places + 1, -1)
    for k, place in enumerate(numbers):
        y[..., place], last[place] = parts[..., k], k
    kept = (last[numbers] == np.arange(numbers.size)) & (numbers > 0)
    back = gather(g, over).reshape(parts.shape) * kept
    return {"x": back.reshape(x.shape).astype(x.dtype), "y": y[..., 1:].reshape(g.shape)}


def _edge_in_padding(case: Case) -> Mapping[str, Array]:
    """What lies in the padding got the cotangent of the element at the end."""
    over = _over(case)
    ends = zip(over.before, (max(0, a) for a in over.after), strict=True)
    padded = np.pad(case.cotangent, [(0, 0), (0, 0), *ends], mode="edge")
    within = replace(
        over, size=padded.shape[2:], before=(0,) * len(over.size), after=tuple(min(0, a) for a in over.after)
    )
    return _columns(case, within, padded)


FOLD = tuple(
    Mistake(name, explanation, "W10", wrong_gradient)
    for name, explanation, wrong_gradient in (
        (
            "divided by the overlap",
            "Forward and backward divide by how many windows lie over an element, to invert unfold, where fold only sums.",
            _inverse(both=True),
        ),
        (
            "backward divided by the overlap",
            "Each cotangent was divided by how many windows lie over it, where every one of them gets all of it.",
            _inverse(both=False),
        ),
        (
            "overlap overwritten",
            "Forward keeps the last of the windows over an element, and backward gives to it alone, where they add up.",
            _overwritten,
        ),
        (
            "offsets before channels",
            "Forward and backward read row κ·C + c, where it is c·|kernel| + κ.",
            _ordered(_offsets_first, both=True),
        ),
        (
            "backward with offsets before channels",
            "Backward puts row κ·C + c, where forward reads c·|kernel| + κ.",
            _ordered(_offsets_first, both=False),
        ),
        (
            "offsets column by column",
            "Backward numbers the offsets of a kernel column by column, where forward does row by row.",
            _ordered(_offsets_reversed, both=False),
        ),
        (
            "windows column by column",
            "Backward numbers the windows column by column, where forward does row by row.",
            _ordered(_places_reversed, both=False),
        ),
        ("offsets turned", "Backward goes through the offsets from the last to the first.", _turned),
        (
            "stride of 1",
            "Backward looks at windows side by side, where the stride lies between them.",
            _moved(lambda over: {"stride": (1,) * len(over.size)}),
        ),
        (
            "dilation of 1",
            "Backward takes a window from elements side by side, where the dilation lies between them.",
            _moved(lambda over: {"dilation": (1,) * len(over.size)}),
        ),
        (
            "padding not counted",
            "The first window begins at the first output, where it begins in the padding before it.",
            _moved(lambda over: {"before": (0,) * len(over.size)}),
        ),
        (
            "ends repeated in the padding",
            "What is laid into the padding got the cotangent of the output at the end, where it is part of none.",
            _edge_in_padding,
        ),
    )
)
