"""Known ways to get the gradient of adaptive max pooling wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._boxes import Boxes, Ends
from reference.adaptive_avg_pool import ends

Wrong = Callable[[Case], Mapping[str, Array]]


def _boxes(case: Case, along: Callable[[int, int], Ends] = ends) -> Boxes:
    x = case.input("x").shape
    return Boxes(x, [along(n, m) for n, m in zip(x[2:], case.cotangent.shape[2:], strict=True)])


def _first(chosen: Array) -> Array:
    return np.asarray(chosen & (np.cumsum(chosen, -1) == 1))


def _largest(case: Case, over: Boxes) -> Array:
    """Which elements of each window are its largest."""
    x = np.where(over.inside(), over.laid(case.input("x")), -np.inf)
    return np.asarray((x == x.max(-1, keepdims=True)) & over.inside())


def _back(case: Case, over: Boxes, shares: Array) -> dict[str, Array]:
    return {"x": over.back((shares * case.cotangent[..., None]).astype(case.cotangent.dtype))}


def _windows(along: Callable[[int, int], Ends]) -> Wrong:
    """Forward and backward by other windows."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over = _boxes(case, along)
        y = np.where(over.inside(), over.laid(case.input("x")), -np.inf).max(-1)
        return {"y": y.astype(case.cotangent.dtype), **_back(case, over, _first(_largest(case, over)))}

    return wrong_gradient


def _side_by_side(n: int, m: int) -> Ends:
    step = max(1, n // m)
    first = np.minimum(np.arange(m) * step, n - 1)
    return first, np.minimum(first + step, n)


def _ends_down(n: int, m: int) -> Ends:
    first, _ = ends(n, m)
    return first, np.maximum((np.arange(m) + 1) * n // m, first + 1)


def _beginnings_up(n: int, m: int) -> Ends:
    _, last = ends(n, m)
    return np.minimum(-(-np.arange(m) * n // m), last - 1), last


def _sent(share: Callable[[Case, Boxes], Array]) -> Wrong:
    """Backward gives other elements of the window their shares."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over = _boxes(case)
        return _back(case, over, share(case, over))

    return wrong_gradient


def _begun(begin: Callable[[int, int], Array]) -> Wrong:
    """The largest is looked for in the right window, and its number in there counted from another beginning."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over, g, x = _boxes(case), case.cotangent, case.input("x")
        picked = _first(_largest(case, over)).argmax(-1)
        at = np.zeros(picked.shape, int)
        for axis, (offset, n) in enumerate(zip(np.unravel_index(picked, over.reach), over.shape[2:], strict=True)):
            first = begin(n, over.counts[axis]).reshape(-1, *(1,) * (len(over.counts) - 1 - axis))
            at = at * n + np.minimum(first + offset, n - 1)
        found = np.zeros((prod(x.shape[:2]), prod(x.shape[2:])), g.dtype)
        rows = np.arange(len(found))[:, None]
        np.add.at(found, (rows, at.reshape(len(found), prod(over.counts))), g.reshape(len(found), prod(over.counts)))
        return {"x": found.reshape(x.shape)}

    return wrong_gradient


def _overwritten(case: Case) -> Mapping[str, Array]:
    over, g = _boxes(case), case.cotangent
    maps, elements = g.shape[:2], prod(case.input("x").shape[2:])
    picked = _first(_largest(case, over))
    at = (picked * over.places).sum(-1).reshape(*maps, prod(over.counts))
    found = np.zeros((*maps, elements), g.dtype)
    for k in range(at.shape[2]):
        np.put_along_axis(found, at[..., k : k + 1], g.reshape(at.shape)[..., k : k + 1], 2)
    return {"x": found.reshape(case.input("x").shape)}


def _by_columns(case: Case, over: Boxes) -> Array:
    picked, reach = _first(_largest(case, over)), over.reach
    if len(reach) < 2 or reach[-1] != reach[-2]:
        return picked
    windows = picked.reshape(*picked.shape[:-1], *reach)
    return np.asarray(windows.swapaxes(-1, -2).reshape(picked.shape))


ADAPTIVE_MAX = tuple(
    Mistake(name, explanation, "W12", wrong_gradient)
    for name, explanation, wrong_gradient in (
        (
            "windows of one size",
            "Forward and backward have windows of ⌊n/m⌋, side by side, so that the last elements may be left over.",
            _windows(_side_by_side),
        ),
        (
            "ends rounded down",
            "Forward and backward end windows at ⌊(i + 1)·n/m⌋, where it is ⌈(i + 1)·n/m⌉, so that none share an element.",
            _windows(_ends_down),
        ),
        (
            "beginnings rounded up",
            "Forward and backward begin windows at ⌈i·n/m⌉, where it is ⌊i·n/m⌋, so that none share an element.",
            _windows(_beginnings_up),
        ),
        (
            "ties counted twice",
            "Every largest element of a window got all of its cotangent, where their shares add up to one.",
            _sent(_largest),
        ),
        (
            "overlap overwritten",
            "Where two windows pick the element that they share the last is kept, where both add up.",
            _overwritten,
        ),
        (
            "spread over the window",
            "Every element of the window got an equal share, as in adaptive averaging, where the largest gets all.",
            _sent(lambda _, over: over.inside() / over.inside().sum(-1, keepdims=True)),
        ),
        (
            "first instead of largest",
            "The first element of each window got the cotangent, where the largest gets it.",
            _sent(lambda _, over: _first(over.inside())),
        ),
        (
            "rows for columns",
            "The number of the largest in its square window was read column by column, where it counts row by row.",
            _sent(_by_columns),
        ),
        (
            "number in the window taken for the place",
            "The number of the largest in its window was taken for its place in x, where the window begins elsewhere.",
            _begun(lambda _, m: np.zeros(m, int)),
        ),
        (
            "windows of one size in backward",
            "The number of the largest was counted from i·⌊n/m⌋, where its window begins at ⌊i·n/m⌋.",
            _begun(lambda n, m: _side_by_side(n, m)[0]),
        ),
    )
)
