"""Padding: numbers added at both ends of every spatial axis, as many at either end as are asked for               (W11).

With n elements along an axis and b numbers before them, y[i] is the element of x at r(i − b), where r is for j from 0 to
n − 1 the number j itself, and outside

    constant    nowhere: y[i] = 0
    reflect     −j before the first element, and 2(n − 1) − j after the last: a mirror in the middle of the outer element
    replicate   0 before, and n − 1 after: the outer element again and again
    circular    j modulo n: the axis is a circle

and so in every axis. y is a copy of x with some elements several times, so with g = ∂J/∂y each element of x gets the sum
over its copies:

    ∂J/∂x[j] = Σ_{i : r(i − b) = j} g[i]

Copies are made axis by axis, so that a corner is a copy of copies. Backward goes through the same copies from the last to
the first, and adds each back to what it was copied from. A convolution with such a padding, or with more of it at one
end, is this and then a convolution without.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from reference._window import Array, per_axis, wide

Numbers = int | tuple[int, ...]
Copy = tuple[int, Any, Any]

MODES = ("constant", "reflect", "replicate", "circular")


def forward(x: Array, *, before: Numbers = 1, after: Numbers = 1, mode: str = "constant") -> Array:
    """x (N, C, *size) → y (N, C, *output) of the same dtype, output = before + size + after along each axis.

    Raises ValueError, naming the numbers, if x has no spatial axis or a parameter makes no sense: to reflect takes more
    elements than are added at an end, a circle as many, and replicating one.
    """
    x = np.asarray(x)
    first, last = _ends(x, before, after, mode)
    output = (b + n + a for b, n, a in zip(first, x.shape[2:], last, strict=True))
    y = np.zeros((*x.shape[:2], *output), x.dtype)
    y[_inside(x, first)] = x
    for _, to, of in copies(x.shape[2:], first, last, mode):
        y[to] = y[of]
    return y


def backward(
    grad_output: Array, x: Array, *, before: Numbers = 1, after: Numbers = 1, mode: str = "constant"
) -> tuple[Array]:
    """∂J/∂x, as a tuple of one, given grad_output = ∂J/∂y (N, C, *output); of x only the shape matters.

    The dtype is that of grad_output; float16 is summed in float32 and rounded once. Raises ValueError as forward does, and
    if grad_output does not have the shape of y.
    """
    x, g = np.asarray(x), np.asarray(grad_output)
    first, last = _ends(x, before, after, mode)
    expected = (*x.shape[:2], *(b + n + a for b, n, a in zip(first, x.shape[2:], last, strict=True)))
    if g.shape != expected:
        raise ValueError(f"grad_output has shape {g.shape}; y has {expected}")
    summed = np.array(wide(g))
    for axis, to, of in reversed(list(copies(x.shape[2:], first, last, mode))):
        summed[of] += summed[to] if mode != "replicate" else summed[to].sum(axis, keepdims=True)
    return (summed[_inside(x, first)].astype(g.dtype, copy=True),)


def copies(size: tuple[int, ...], first: tuple[int, ...], last: tuple[int, ...], mode: str) -> Iterator[Copy]:
    """Along which axis what of y is a copy, and of what of y: axis by axis, at its beginning and at its end.

    Along axes that come later there is only x yet. A single element that is copied to many is one, to be repeated.
    """
    inside = [slice(b, b + n) for b, n in zip(first, size, strict=True)]
    for axis, (b, n, a) in enumerate(zip(first, size, last, strict=True)):
        of_first, of_last = _copied(b, n, a, mode)
        for count, to, of in ((b, slice(0, b), of_first), (a, slice(b + n, b + n + a), of_last)):
            if count and of is not None:
                lead, rest = (slice(None),) * (2 + axis), inside[axis + 1 :]
                yield 2 + axis, (*lead, to, *rest), (*lead, of, *rest)


def _copied(b: int, n: int, a: int, mode: str) -> tuple[slice | None, slice | None]:
    """What stands at the beginning and at the end of an axis, as a part of y."""
    if mode == "reflect":
        end = b + n - 2
        return slice(2 * b, b, -1), slice(end, end - a if end >= a else None, -1)
    if mode == "replicate":
        return slice(b, b + 1), slice(b + n - 1, b + n)
    return (slice(n, n + b), slice(b, b + a)) if mode == "circular" else (None, None)


def _inside(x: Array, first: tuple[int, ...]) -> Any:
    """Where x lies in y."""
    return (..., *(slice(b, b + n) for b, n in zip(first, x.shape[2:], strict=True)))


def _ends(x: Array, before: Any, after: Any, mode: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How many are added at the beginning and at the end of each axis."""
    if x.ndim < 3:
        raise ValueError(f"x has shape {x.shape}; expected (N, C, *size) with at least one spatial axis")
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}; expected one of {', '.join(MODES)}")
    ends = [per_axis(name, value, x.ndim - 2, least=0) for name, value in (("before", before), ("after", after))]
    for axis, (n, *added) in enumerate(zip(x.shape[2:], *ends, strict=True)):
        most = room(n, mode)
        if most is not None and max(added) > most:
            raise ValueError(
                f"{max(added)} numbers cannot be added by mode {mode} along axis {axis} of size {n}; {most} at most"
            )
    return ends[0], ends[1]


def room(size: int, mode: str) -> int | None:
    """The most that can be added at an end of an axis of this size; None: anything."""
    return {"reflect": max(0, size - 1), "circular": size}.get(mode, None if size or mode == "constant" else 0)
