"""Which part of one array is wrong, as NumPy would slice it, and what stands there: "grad_weight[:, 32:] is 0".

Along each axis the indices that have a wrong element are one range, one residue of a step, or nothing that has a name. The
part is their product where it covers what is wrong and most of it is; or all but the product of the indices that have a
right element, where all of that is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from checks.diagnosis.changes import Pair, factor, joined
from checks.diagnosis.seen import Seen
from checks.numbers.precision import Array

MOST = 0.5  # of a part that has to be wrong: the rest is right by accident, as a 0 is where nothing is added
SEVERAL = 4  # elements that are right in one block, which is no accident
FEW = 4  # elements, of which anything may be so by accident
NEAR = 2
Slices = tuple[slice, ...]


@dataclass(frozen=True)
class Region:
    """A part of an array: `inside` these slices, or all but that."""

    name: str
    shape: tuple[int, ...]
    slices: Slices
    outside: bool = False

    def __str__(self) -> str:
        if self.is_all:
            return f"all of {self.name}"
        part = f"{self.name}[{written(self.slices, self.shape)}]"
        return f"all but {part}" if self.outside else f"{part}{self._count}"

    @property
    def is_all(self) -> bool:
        """Whether it is no part."""
        return self.slices == everything(len(self.shape))

    @property
    def mask(self) -> Array:
        """Which elements are in it."""
        inside = np.full(self.shape, self.outside)
        inside[self.slices] = not self.outside
        return inside

    @property
    def size(self) -> int:
        """How many elements it has."""
        return int(self.mask.sum())

    @property
    def _count(self) -> str:
        """How many of how many, where it is the end along one axis."""
        ends = [(s, n) for s, n in zip(self.slices, self.shape, strict=True) if s != slice(None)]
        (cut, size), *others = ends
        if others or cut.stop is not None or cut.step is not None or not cut.start:
            return ""
        return f" (the last {size - cut.start} of {size})"


def region(name: str, wrong: Array, limits: Sequence[int] = (), nothing: Array | None = None) -> Region | None:
    """The part of an array of this name in which elements are wrong; None if there is no simple one.

    limits   where parts are known to begin: what is right there, as far as `NEAR`, is so by accident
    nothing  which elements are to be 0: these too, however far
    """
    inside, outside = _box(wrong), _box(~wrong)
    share = 0.0 if inside is None else filled(inside, wrong, nothing)
    if outside is not None and outside != everything(wrong.ndim) and share < 1:
        spared = wrong[outside]
        if spared.size >= SEVERAL and not spared.any():
            return Region(name, wrong.shape, outside, outside=True)
    if inside is None or share < MOST:
        return None
    where = tuple(_from_limit(cut, limits, nothing, inside, axis) for axis, cut in enumerate(inside))
    return Region(name, wrong.shape, where)


def filled(part: Slices | Array, wrong: Array, nothing: Array | None) -> float:
    """How much of a part is wrong, of what is not right anyway because it is to be 0."""
    told = wrong if nothing is None else wrong | ~nothing
    return float(wrong[part].mean() if nothing is None else wrong[part].sum() / max(1, told[part].sum()))


def _from_limit(cut: slice, limits: Sequence[int], nothing: Array | None, inside: Slices, axis: int) -> slice:
    """The slice along an axis from a limit to the end, if what is right there is so by accident."""
    if cut.start is None or cut.step is not None:
        return cut
    there = _told(nothing, inside, axis)
    told = np.flatnonzero(there)
    before, after = told[told < cut.start], told[told >= (cut.start if cut.stop is None else cut.stop)]
    if cut.stop is not None and (nothing is None or len(after)):
        return cut
    silent = cut.start if nothing is None else int(before[-1]) + 1 if len(before) else 0
    if cut.start in limits:
        return slice(cut.start, None)
    few = (n for n in limits if 0 < n <= cut.start <= n + NEAR and there[n : cut.start].sum() < FEW)
    near = [*few, *(n for n in limits if 0 < n <= cut.start and silent <= n)]
    return slice(min(near), None) if near else cut


def _told(nothing: Array | None, inside: Slices, axis: int) -> Array:
    """For each index along an axis, how many elements should be something else than 0 in the part there."""
    if nothing is None:
        return np.zeros(0, int)
    there = ~nothing[(*inside[:axis], slice(None), *inside[axis + 1 :])]
    return np.asarray(there.sum(tuple(a for a in range(nothing.ndim) if a != axis)))


def everything(axes: int) -> Slices:
    """The slices that take all of an array."""
    return (slice(None),) * axes


def _box(mask: Array) -> Slices | None:
    """The slices that hold whatever is true; None if nothing is, or if along some axis one slice holds much beside it."""
    slices = []
    for axis, size in enumerate(mask.shape):
        at = np.flatnonzero(mask.any(tuple(a for a in range(mask.ndim) if a != axis)))
        if not len(at):
            return None
        first, last = int(at[0]), int(at[-1])
        step = int(at[1]) - first if len(at) > 1 else 1
        if any(np.diff(at) != step):
            if len(at) < MOST * (last - first + 1):
                return None
            step = 1  # with some between that are right by accident
        slices.append(slice(first or None, None if last + step >= size else last + 1, None if step == 1 else step))
    return tuple(slices)


def written(slices: Slices, shape: Sequence[int]) -> str:
    """Slices as NumPy takes them, without those at the end that take all."""
    last = max((axis for axis, s in enumerate(slices) if s != slice(None)), default=0)
    return ", ".join(_one(s, n) for s, n in zip(slices[: last + 1], shape, strict=False))


def _one(cut: slice, size: int) -> str:
    first, last, step = cut.indices(size)
    if cut != slice(None) and step == 1 and last - first == 1:
        return str(first)
    start, stop = ("" if end is None else str(end) for end in (cut.start, cut.stop))
    return f"{start}:{stop}{'' if cut.step is None else f':{cut.step}'}"


def contents(where: Region, seen: Sequence[Seen]) -> str:
    """What stands in the part, said of it: "is 0", "is 1.01 times what it should be", "is wrong".

    seen  the case that fails; and the same with other numbers, where a factor of so few may be one by accident
    """
    mask = where.mask
    pairs = [one.pair(one.right) for one in seen]
    pair = pairs[0]
    actual = pair.actual[mask]
    if np.isnan(actual).all():
        return "is NaN"
    if not actual.any():
        return "is 0"
    if times := factor(joined([_within(p, mask) for p in pairs])):
        return f"is {times} times what it should be"
    return _copied(where, pair) or "is wrong"


def _within(pair: Pair, mask: Array) -> Pair:
    """The elements in a part."""
    return Pair(pair.problem, pair.actual[mask], pair.base[mask], spread(pair.bound, mask.shape)[mask])


def spread(bound: Array, shape: tuple[int, ...]) -> Array:
    """The bound of each element."""
    return np.broadcast_to(bound, shape)


def _copied(where: Region, pair: Pair) -> str:
    """Which other part of the right array it repeats, if it does: the first such before it."""
    cut = [axis for axis, s in enumerate(where.slices) if s != slice(None)]
    if where.outside or len(cut) != 1:
        return ""
    (axis,) = cut
    first, last, step = where.slices[axis].indices(where.shape[axis])
    if step != 1:
        return ""
    length = last - first
    for start in range(min(first, where.shape[axis] - length + 1)):
        other = (*where.slices[:axis], slice(start or None, start + length), *where.slices[axis + 1 :])
        allowed = spread(pair.bound, where.shape)[other]
        if np.all(np.abs(pair.actual[where.slices] - pair.base[other]) <= allowed) and pair.base[other].any():
            return f"repeats {where.name}[{written(other, where.shape)}]"
    return ""
