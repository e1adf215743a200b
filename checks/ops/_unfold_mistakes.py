"""Known ways to get the gradient of unfold wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import right
from reference._window import Window, gather, scatter, window

Wrong = Callable[[Case], Mapping[str, Array]]


def _over(case: Case) -> Window:
    size, moves = case.input("x").shape[2:], dict(case.parameters)
    kernel = moves.pop("kernel_size")
    return window(size, kernel if isinstance(kernel, tuple) else (kernel,) * len(size), **moves)


def _laid(case: Case, over: Window) -> Array:
    """The cotangent as (N, C, *kernel, *output)."""
    return case.cotangent.reshape(*case.input("x").shape[:2], *over.kernel, *over.output)


def _columns(case: Case, order: Callable[[int], tuple[int, ...]], *, both: bool) -> Mapping[str, Array]:
    """Rows and columns in another order: how the axes N, C, *kernel, *output of so many spatial axes are laid out."""
    over, x = _over(case), case.input("x")
    axes = order(len(over.size))
    laid = np.asarray(gather(x, over))
    y = laid.transpose(axes)
    g = case.cotangent.reshape(y.shape).transpose(np.argsort(axes))
    found = {"x": scatter(np.ascontiguousarray(g), over)}
    return {**found, "y": y.reshape(case.cotangent.shape)} if both else found


def _ordered(order: Callable[[int], tuple[int, ...]], *, both: bool) -> Wrong:
    return lambda case: _columns(case, order, both=both)


def _offsets_first(axes: int) -> tuple[int, ...]:
    return (0, *range(2, 2 + axes), 1, *range(2 + axes, 2 + 2 * axes))


def _offsets_reversed(axes: int) -> tuple[int, ...]:
    return (0, 1, *reversed(range(2, 2 + axes)), *range(2 + axes, 2 + 2 * axes))


def _places_reversed(axes: int) -> tuple[int, ...]:
    return (*range(2 + axes), *reversed(range(2 + axes, 2 + 2 * axes)))


def _moved(move: Callable[[Window], Window]) -> Wrong:
    """Scattered over other windows."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over = _over(case)
        return {"x": scatter(_laid(case, over), move(over))}

    return wrong_gradient


def _ends(over: Window, **moves: Any) -> Window:
    """Other moves, as many windows."""
    other = replace(over, **moves)
    ends = zip(over.output, other.span, other.stride, over.size, other.before, strict=True)
    return replace(other, after=tuple((o - 1) * s + e - n - b for o, e, s, n, b in ends))


def _flipped(case: Case) -> Mapping[str, Array]:
    over = _over(case)
    return {"x": scatter(np.flip(_laid(case, over), tuple(range(2, 2 + len(over.size)))).copy(), over)}


def _overwritten(case: Case) -> Mapping[str, Array]:
    """Of the windows over an element the last one's part is left."""
    over, x = _over(case), case.input("x")
    numbers = gather(np.broadcast_to(1 + np.arange(prod(over.size)).reshape(over.size), x.shape), over)
    found = np.zeros((*x.shape[:2], prod(over.size) + 1), case.cotangent.dtype)
    flat = (*x.shape[:2], numbers[0, 0].size if x.size else 0)
    places, parts = numbers.reshape(flat), _laid(case, over).reshape(flat)
    for k in range(flat[2]):
        np.put_along_axis(found, places[..., k : k + 1], parts[..., k : k + 1], 2)
    return {"x": found[..., 1:].reshape(x.shape)}


def _averaged(case: Case) -> Mapping[str, Array]:
    over = _over(case)
    laid = np.ones((1, 1, *over.kernel, *over.output))
    counts = np.maximum(1, scatter(laid, over))
    return {"x": (right(case)["x"] / counts).astype(case.cotangent.dtype)}


UNFOLD = tuple(
    Mistake(name, explanation, "W9", wrong_gradient)
    for name, explanation, wrong_gradient in (
        (
            "overlap overwritten",
            "Of the windows over an element the last one's cotangent is left, where they add up.",
            _overwritten,
        ),
        (
            "averaged over windows",
            "The sum over the windows was divided by how many there are, as to invert unfold, where the adjoint only sums.",
            _averaged,
        ),
        (
            "offsets before channels",
            "Forward and backward put row κ·C + c, where it is c·|kernel| + κ.",
            _ordered(_offsets_first, both=True),
        ),
        (
            "backward with offsets before channels",
            "Backward reads row κ·C + c, where forward puts c·|kernel| + κ.",
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
        ("offsets turned", "Backward goes through the offsets from the last to the first.", _flipped),
        (
            "stride of 1",
            "Backward puts windows side by side, where the stride lies between them.",
            _moved(lambda over: _ends(over, stride=(1,) * len(over.size))),
        ),
        (
            "dilation of 1",
            "Backward puts the elements of a window side by side, where the dilation lies between them.",
            _moved(lambda over: _ends(over, dilation=(1,) * len(over.size))),
        ),
        (
            "padding not cropped",
            "Backward begins at the first zero of the padding, where x begins after it.",
            _moved(lambda over: _ends(over, before=(0,) * len(over.size))),
        ),
    )
)
