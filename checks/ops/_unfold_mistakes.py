"""Known ways to get unfold and fold, and their gradients, wrong: each is the other's backward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import right
from reference._window import Window, gather, scatter, window

Wrong = Callable[[Case], Mapping[str, Array]]
Turn = Callable[[Array, int], Array]  # of what lies as (N, C, *kernel, *output), with so many spatial axes
Order = Callable[[int], tuple[int, ...]]  # of these axes


def _is_fold(case: Case) -> bool:
    return "output_size" in case.parameters


def _over(case: Case) -> Window:
    moves = dict(case.parameters)
    kernel = moves.pop("kernel_size")
    size = moves.pop("output_size") if _is_fold(case) else case.input("x").shape[2:]
    return window(size, kernel if isinstance(kernel, tuple) else (kernel,) * len(size), **moves)


def _laid(case: Case, over: Window) -> Array:
    """The columns that are given, fold's x and unfold's cotangent, as (N, C, *kernel, *output)."""
    columns, image = (case.input("x"), case.cotangent) if _is_fold(case) else (case.cotangent, case.input("x"))
    return columns.reshape(*image.shape[:2], *over.kernel, *over.output)


def _counts(over: Window) -> Array:
    """How many windows lie over each element, 1 where there is none."""
    return np.asarray(np.maximum(1, scatter(np.ones((1, 1, *over.kernel, *over.output)), over)))


def _columns(case: Case, windows: Array) -> Array:
    """Windows as the columns of fold's x, or of unfold's y."""
    return np.array(windows).reshape((case.input("x") if _is_fold(case) else case.cotangent).shape)


def _ordered(order: Order, *, both: bool) -> Wrong:
    """Rows and columns in another order, in backward alone or in forward, too."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over = _over(case)
        axes = order(len(over.size))
        windows = gather(case.cotangent if _is_fold(case) else case.input("x"), over).transpose(axes)
        laid = _laid(case, over).reshape(windows.shape).transpose(np.argsort(axes))
        columns, image = _columns(case, windows), scatter(np.ascontiguousarray(laid), over)
        y, gradient = (image, columns) if _is_fold(case) else (columns, image)
        return {"x": gradient, **({"y": y} if both else {})}

    return wrong_gradient


def _offsets_first(axes: int) -> tuple[int, ...]:
    return (0, *range(2, 2 + axes), 1, *range(2 + axes, 2 + 2 * axes))


def _offsets_reversed(axes: int) -> tuple[int, ...]:
    return (0, 1, *reversed(range(2, 2 + axes)), *range(2 + axes, 2 + 2 * axes))


def _places_reversed(axes: int) -> tuple[int, ...]:
    return (*range(2 + axes), *reversed(range(2 + axes, 2 + 2 * axes)))


def _back(case: Case, over: Window, turn: Turn = lambda a, _: a) -> dict[str, Array]:
    """The gradient through these windows, each turned."""
    axes = len(over.size)
    if _is_fold(case):
        return {"x": _columns(case, turn(gather(case.cotangent, over), axes))}
    return {"x": scatter(np.ascontiguousarray(turn(_laid(case, over), axes)), over)}


def _turned(case: Case) -> Mapping[str, Array]:
    return _back(case, _over(case), lambda a, axes: np.flip(a, tuple(range(2, 2 + axes))))


def _moved(**moves: int) -> Wrong:
    """Through windows that move otherwise along every axis, as many of them."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over = _over(case)
        other = replace(over, **{name: (value,) * len(over.size) for name, value in moves.items()})
        ends = zip(over.output, other.span, other.stride, over.size, other.before, strict=True)
        return _back(case, replace(other, after=tuple((o - 1) * s + e - n - b for o, e, s, n, b in ends)))

    return wrong_gradient


def _shared(source: str, forward: str, backward: str, windows: str, elements: str) -> tuple[Mistake, ...]:
    """What goes wrong in both; forward and backward put and read rows, and do with windows and elements what is said."""
    named: tuple[tuple[str, str, Wrong], ...] = (
        (
            "offsets before channels",
            f"Forward and backward {forward} row κ·C + c, where it is c·|kernel| + κ.",
            _ordered(_offsets_first, both=True),
        ),
        (
            "backward with offsets before channels",
            f"Backward {backward}s row κ·C + c, where forward {forward}s c·|kernel| + κ.",
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
            f"Backward {windows} windows side by side, where the stride lies between them.",
            _moved(stride=1),
        ),
        (
            "dilation of 1",
            f"Backward {elements} side by side, where the dilation lies between them.",
            _moved(dilation=1),
        ),
    )
    return tuple(Mistake(name, explanation, source, wrong) for name, explanation, wrong in named)


# Unfold


def _last_part(case: Case) -> Mapping[str, Array]:
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
    return {"x": (right(case)["x"] / _counts(_over(case))).astype(case.cotangent.dtype)}


UNFOLD = (
    Mistake(
        "overlap overwritten",
        "Of the windows over an element the last one's cotangent is left, where they add up.",
        "W9",
        _last_part,
    ),
    Mistake(
        "averaged over windows",
        "The sum over the windows was divided by how many there are, as to invert unfold, where the adjoint only sums.",
        "W9",
        _averaged,
    ),
    *_shared("W9", "put", "read", "puts", "puts the elements of a window"),
    Mistake(
        "padding not cropped",
        "Backward begins at the first zero of the padding, where x begins after it.",
        "W9",
        _moved(before=0),
    ),
)


# Fold


def _inverse(*, both: bool) -> Wrong:
    """Divided by how many windows lie over each element."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over, dtype = _over(case), case.cotangent.dtype
        divided = (case.cotangent / _counts(over)).astype(dtype)
        found = _back(replace(case, cotangent=divided), over)
        return {**found, "y": (scatter(_laid(case, over), over) / _counts(over)).astype(dtype)} if both else found

    return wrong_gradient


def _last_number(case: Case) -> Mapping[str, Array]:
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
    return _back(replace(case, cotangent=padded), within)


FOLD = (
    Mistake(
        "divided by the overlap",
        "Forward and backward divide by how many windows lie over an element, to invert unfold, where fold only sums.",
        "W10",
        _inverse(both=True),
    ),
    Mistake(
        "backward divided by the overlap",
        "Each cotangent was divided by how many windows lie over it, where every one of them gets all of it.",
        "W10",
        _inverse(both=False),
    ),
    Mistake(
        "overlap overwritten",
        "Forward keeps the last of the windows over an element, and backward gives to it alone, where they add up.",
        "W10",
        _last_number,
    ),
    *_shared("W10", "read", "put", "looks at", "takes a window from elements"),
    Mistake(
        "padding not counted",
        "The first window begins at the first output, where it begins in the padding before it.",
        "W10",
        _moved(before=0),
    ),
    Mistake(
        "ends repeated in the padding",
        "What is laid into the padding got the cotangent of the output at the end, where it is part of none.",
        "W10",
        _edge_in_padding,
    ),
)
