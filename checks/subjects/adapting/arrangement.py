"""In which order the axes of an array come: the protocol's own, or another that is told by names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.signature.axes import Shape

SPATIAL = ("*size", "*spatial")


@dataclass(frozen=True)
class Arrangement:
    """The axes of an array as the protocol has them, by name, and how they come here.

    order   the place of each of them among the names; None is an axis of one element that the protocol does not have.
            A name that does not come is an axis that the protocol has and this one does not: one element, too
    one_hot the axis, by name, along which a 1 stands where the number of the protocol points, as the last of `names`
    """

    names: tuple[str, ...]
    order: tuple[int | None, ...]
    one_hot: str = ""

    @classmethod
    def plain(cls, names: Sequence[str]) -> Arrangement:
        """The protocol's own."""
        return cls(tuple(names), tuple(range(len(names))))

    @classmethod
    def all_of(cls, names: Sequence[str], *without: str) -> Iterator[Arrangement]:
        """Every order of these axes, the protocol's own first; some may be left out."""
        kept = [at for at, name in enumerate(names) if name not in without]
        return (cls(tuple(names), order) for order in permutations(kept))

    @classmethod
    def hot(cls, names: Sequence[str], axis: str) -> Iterator[Arrangement]:
        """Every order in which there is one more axis, as long as this one, with a 1 where the number points."""
        longer = (*names, axis)
        return (cls(longer, order, axis) for order in permutations(range(len(longer))))

    @property
    def dropped(self) -> tuple[str, ...]:
        """The axes that it does not have."""
        return tuple(name for at, name in enumerate(self.names) if at not in self.order)

    @property
    def is_plain(self) -> bool:
        """Whether it is the protocol's own."""
        return not self.one_hot and self.order == tuple(range(len(self.names)))

    def with_ones(self, pattern: Sequence[int | None]) -> Arrangement:
        """The same with axes of one element at the places of None."""
        return Arrangement(self.names, tuple(pattern), self.one_hot)

    def __str__(self) -> str:
        said = " ".join("1" if i is None else self.names[i] for i in self.order) or "one number"
        return f"{said}, one-hot along {self.one_hot}" if self.one_hot else said

    def laid(self, array: Array, sizes: Mapping[str, Any]) -> Array:
        """The array of the protocol, in this order."""
        if self.one_hot:
            array = (np.arange(sizes[self.one_hot]) == array[..., None]).astype(float)
        groups = self._groups(sizes)
        for name in self.dropped:
            if any(array.shape[axis] != 1 for axis in groups[self.names.index(name)]):
                raise NotImplementedError(f"takes one of {name} only")
        axes = [axis for i in self.order if i is not None for axis in groups[i]]
        moved = np.transpose(array, [*axes, *(axis for axis in range(array.ndim) if axis not in axes)])
        return moved.reshape(self.shape(array.shape, sizes))

    def shape(self, shape: Shape, sizes: Mapping[str, Any]) -> Shape:
        """The shape that an array of this shape has here."""
        groups = self._groups(sizes)
        full = (*shape, sizes[self.one_hot]) if self.one_hot and len(shape) < len(self.names) else shape
        return tuple(n for i in self.order for n in ([1] if i is None else [full[axis] for axis in groups[i]]))

    def groups(self, shape: Shape, sizes: Mapping[str, Any]) -> list[tuple[str, Shape]]:
        """The axes of an array of this shape as they lie here: each name with the sizes that it stands for."""
        full, groups = (*shape, sizes[self.one_hot]) if self.one_hot else shape, self._groups(sizes)
        return [("", (1,)) if i is None else (self.names[i], tuple(full[a] for a in groups[i])) for i in self.order]

    def back(self, array: Any, shape: Shape | None, sizes: Mapping[str, Any]) -> Any:
        """The array of this order, as the protocol has it, of that shape if that is known; what cannot be is left alone."""
        found = np.asarray(array)
        if found.dtype.kind not in "fiub":
            return array
        groups = self._groups(sizes)
        kept = [i for i in self.order if i is not None]
        if shape is None:
            widths = [1 if i is None else len(groups[i]) for i in self.order]
            if found.ndim != sum(widths):
                return array
            starts = np.cumsum([0, *widths])
            ones = [int(starts[at]) for at, i in enumerate(self.order) if i is None]
            if any(found.shape[axis] != 1 for axis in ones):
                return array
            bare = found.reshape([n for axis, n in enumerate(found.shape) if axis not in ones])
        else:
            here = self.shape(shape, sizes)
            if found.shape != here and _full(found.shape) != _full(here):
                return array
            bare = found.reshape([shape[axis] for i in kept for axis in groups[i]])
        axes = [axis for i in kept for axis in groups[i]]
        gone = [axis for group in groups for axis in group if axis not in axes]
        full = bare.reshape((*bare.shape, *(1 for _ in gone)))
        return np.transpose(full, np.argsort([*axes, *gone]))

    def _groups(self, sizes: Mapping[str, Any]) -> list[list[int]]:
        groups, start = [], 0
        for name in self.names:
            width = _count(name, sizes)
            groups.append(list(range(start, start + width)))
            start += width
        return groups


def _count(name: str, sizes: Mapping[str, Any]) -> int:
    """How many axes a name stands for: those of y are as many as the spatial ones of x."""
    if not name.startswith("*"):
        return 1
    return len(sizes[name] if name in sizes else next(n for axis, n in sizes.items() if axis in SPATIAL))


def _full(shape: Shape) -> Shape:
    """The sizes that are not 1."""
    return tuple(n for n in shape if n != 1)


def held_as(names: Sequence[str], shape: Shape, held: Shape, sizes: Mapping[str, Any]) -> Iterator[Arrangement]:
    """Every order in which an array of this shape has the shape that is held, axes of one element put in or left out."""
    for one in Arrangement.all_of(names):
        here = one.shape(shape, sizes)
        if here == held:
            yield one
        elif _full(here) == _full(held) and all(n != 1 for n in here):
            ends = iter(one.order)
            pattern: list[int | None] = []
            at = 0
            while at < len(held):
                if held[at] == 1:
                    pattern.append(None)
                    at += 1
                    continue
                name = next(ends)
                pattern.append(name)
                at += 1 if name is None else _count(names[name], sizes)
            yield one.with_ones(pattern)
