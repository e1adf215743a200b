"""In which order the axes of an array come: the protocol's own, or another that is told by names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from checks.numbers.precision import Array


@dataclass(frozen=True)
class Arrangement:
    """The axes of an array as the protocol has them, by name, and the order in which they come here."""

    names: tuple[str, ...]
    order: tuple[int, ...]

    @classmethod
    def all_of(cls, declared: str) -> Iterator[Arrangement]:
        """Every order of these axes, the protocol's own first."""
        names = tuple(name for name in declared.split() if name != "?")
        return (cls(names, order) for order in permutations(range(len(names))))

    def __str__(self) -> str:
        return " ".join(self.names[i] for i in self.order)

    def laid(self, array: Array) -> Array:
        """The array of the protocol, in this order."""
        return np.transpose(array, self._axes(array.ndim))

    def back(self, array: Array) -> Array:
        """The array of this order, as the protocol has it."""
        return np.transpose(array, np.argsort(self._axes(array.ndim)))

    def _axes(self, ndim: int) -> list[int]:
        several, groups, start = ndim - (len(self.names) - 1), [], 0
        for name in self.names:
            width = several if name.startswith("*") else 1
            groups.append(list(range(start, start + width)))
            start += width
        return [axis for i in self.order for axis in groups[i]]
