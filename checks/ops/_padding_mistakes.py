"""Known ways to get padding and its gradient wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import right
from checks.signature.windows import along
from reference._window import wide

Wrong = Callable[[Case], Mapping[str, Array]]
Source = Callable[[int, int, str], int]  # of a place before, in or after an axis, its size and the mode: an element


def _reflected(j: int, n: int, *, edge: bool = False) -> int:
    """The mirror in the middle of the outer element, or in its outer edge."""
    if j < 0:
        return -j - edge
    return 2 * (n - 1) - j + edge if j >= n else j


def _right(j: int, n: int, mode: str) -> int:
    """The element that is copied to place j; −1 for none."""
    if mode == "constant":
        return j if 0 <= j < n else -1
    return {"reflect": _reflected(j, n), "replicate": min(max(j, 0), n - 1), "circular": j % n}[mode]


def _in(mode: str, other: Source) -> Source:
    """Otherwise in this mode only."""
    return lambda j, n, own: other(j, n, own) if own == mode else _right(j, n, own)


def _ends(case: Case) -> list[tuple[int, int, int]]:
    """Along each axis, what is added before, the size, and what is added after."""
    b, a = case.parameters["before"], case.parameters["after"]
    return [(along(b, axis), n, along(a, axis)) for axis, n in enumerate(case.input("x").shape[2:])]


def _matrices(case: Case, source: Source) -> list[Array]:
    """For each axis which element is copied to which place, as a matrix of zeros and ones."""
    made = []
    for b, n, a in _ends(case):
        matrix = np.zeros((b + n + a, n), case.cotangent.dtype)
        for i in range(b + n + a):
            j = source(i - b, n, case.parameters["mode"])
            if 0 <= j < n:
                matrix[i, j] = 1
        made.append(matrix)
    return made


def _multiplied(a: Array, matrices: list[Array]) -> Array:
    """Each spatial axis by its matrix."""
    product = wide(a)
    for axis, matrix in enumerate(matrices, 2):
        product = np.moveaxis(np.moveaxis(product, axis, -1) @ matrix.T.astype(product.dtype), -1, axis)
    return np.asarray(product).astype(a.dtype)


def _copied(source: Source, *, both: bool) -> Wrong:
    """Copies of other elements."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        matrices = _matrices(case, source)
        found = {"x": _multiplied(case.cotangent, [matrix.T for matrix in matrices])}
        return {**found, "y": _multiplied(case.input("x"), matrices)} if both else found

    return wrong_gradient


def _rewritten(mode: str, rewrite: Callable[[Array, Array, bool], Array], *, both: bool) -> Wrong:
    """In this mode, the rows of an axis at its beginning (`first`) and at its end made of those, and of the inner ones."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        matrices = _matrices(case, _right)
        for matrix, (b, n, _) in zip(matrices, _ends(case), strict=True):
            if case.parameters["mode"] == mode:
                inner = matrix[b : b + n]
                for part, first in ((matrix[:b], True), (matrix[b + n :], False)):
                    part[...] = rewrite(part.copy(), inner, first)
        found = {"x": _multiplied(case.cotangent, [matrix.T for matrix in matrices])}
        return {**found, "y": _multiplied(case.input("x"), matrices)} if both else found

    return wrong_gradient


def _of_the_same_end(part: Array, inner: Array, first: bool) -> Array:
    return inner[: len(part)] if first else inner[len(inner) - len(part) :]


def _cropped(first: Callable[[Case, int], int]) -> Wrong:
    """The gradient of what is padded, cut to size from another place on: without the copies."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        mode = case.parameters["mode"]
        matrices = _matrices(case, _right)
        for axis, (matrix, (b, n, a)) in enumerate(zip(matrices, _ends(case), strict=True)):
            shift = min(max(first(case, axis), 0), a + b) - b
            inside = np.zeros_like(matrix)
            inside[b + shift : b + shift + n] = np.eye(n)
            if mode != "constant":
                inside += matrix
                inside[b : b + n] -= np.eye(n, dtype=matrix.dtype)
            matrix[...] = inside
        return {"x": _multiplied(case.cotangent, [matrix.T for matrix in matrices])}

    return wrong_gradient


def _after(case: Case, axis: int) -> int:
    return _ends(case)[axis][2]


def _other_axis(case: Case, axis: int) -> int:
    return _ends(case)[-1 - axis][0]


def _from_the_beginning(case: Case, axis: int) -> int:  # noqa: ARG001, first elements are asked alike
    return 0


def _weighed(weigh: Callable[[Array], Array]) -> Wrong:
    """The matrices changed by what they are."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        matrices = [weigh(matrix) for matrix in _matrices(case, _right)]
        return {"x": _multiplied(case.cotangent, [matrix.T for matrix in matrices])}

    return wrong_gradient


def _averaged(matrix: Array) -> Array:
    return np.asarray(matrix / np.maximum(1, matrix.sum(0)), matrix.dtype)


def _assigned(matrix: Array) -> Array:
    """Of the copies of an element the last one's cotangent is left."""
    later = np.cumsum(matrix[::-1], 0)[::-1] == 1
    return np.asarray(matrix * later)


def _one_end(place: Callable[[int, int], bool]) -> Wrong:
    """Copies at one end give nothing back."""
    return _copied(lambda j, n, mode: -1 if place(j, n) else _right(j, n, mode), both=False)


def _without_corners(case: Case) -> Mapping[str, Array]:
    """What is padding along two axes or more gives nothing back."""
    g, outside = case.cotangent, np.zeros(case.cotangent.shape[2:], int)
    for axis, (b, n, _) in enumerate(_ends(case)):
        i = np.arange(outside.shape[axis])
        off = ((i < b) | (i >= b + n)).astype(int)
        outside += off.reshape(-1, *(1,) * (outside.ndim - 1 - axis))
    kept = Case(case.op, case.inputs, case.parameters, np.where(outside > 1, 0, g).astype(g.dtype), case.whole)
    return right(kept)


PAD = tuple(
    Mistake(name, explanation, "W11", wrong_gradient)
    for name, explanation, wrong_gradient in (
        (
            "copies left out",
            "The cotangent was cut to the size of x, as of zeros, where what was copied gets that of its copies too.",
            _copied(lambda j, n, _: j if 0 <= j < n else -1, both=False),
        ),
        (
            "outer element reflected",
            "Forward and backward mirror in the outer edge of the last element, where it is in the middle of that element.",
            _copied(_in("reflect", lambda j, n, _: _reflected(j, n, edge=True)), both=True),
        ),
        (
            "backward with the outer element reflected",
            "Backward mirrors in the outer edge of the last element, where forward did in the middle of that element.",
            _copied(_in("reflect", lambda j, n, _: _reflected(j, n, edge=True)), both=False),
        ),
        (
            "reflection not turned",
            "Backward goes through what was reflected in the order of x, where it stands in the opposite one.",
            _rewritten("reflect", lambda part, _whole, _first: part[::-1], both=False),
        ),
        (
            "circle from the same end",
            "Forward and backward continue with the elements of the same end, where a circle goes on at the other.",
            _rewritten("circular", _of_the_same_end, both=True),
        ),
        (
            "backward of replicate",
            "Backward gives all that was reflected, or went round, to the outer element, as if that had been repeated.",
            _copied(
                lambda j, n, mode: _right(j, n, "replicate" if mode in ("reflect", "circular") else mode), both=False
            ),
        ),
        (
            "ends exchanged",
            "Backward cuts off as many at the beginning as were added at the end.",
            _cropped(_after),
        ),
        (
            "cut at the end only",
            "All that was added was cut off at the end, where it comes off both.",
            _cropped(_from_the_beginning),
        ),
        (
            "axes in reverse order",
            "Backward cuts off along the first axis what was added along the last, and the other way round.",
            _cropped(_other_axis),
        ),
        (
            "copies averaged",
            "The sum over the copies of an element was divided by how many there are.",
            _weighed(_averaged),
        ),
        (
            "copies overwritten",
            "The last copy's cotangent overwrites that of the element and of other copies, where they add up.",
            _weighed(_assigned),
        ),
        (
            "copies at the end left out",
            "What was copied to the end of an axis gives nothing back, where both ends do.",
            _one_end(lambda j, n: j >= n),
        ),
        (
            "corners left out",
            "What is added along two axes at once gives nothing back, where it is a copy of copies.",
            _without_corners,
        ),
    )
)
