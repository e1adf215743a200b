"""Windows that are boxes, each of a size of its own, laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import prod

import numpy as np

from checks.numbers.precision import Array

Ends = tuple[Array, Array]  # of the windows along an axis: where each begins, and the first element after it


@dataclass(frozen=True)
class Boxes:
    """Every combination of one window along each spatial axis, over arrays of this shape (N, C, *size)."""

    shape: tuple[int, ...]
    ends: Sequence[Ends]

    @cached_property
    def reach(self) -> tuple[int, ...]:
        """The most elements along each axis."""
        return tuple(int((last - first).max()) for first, last in self.ends)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """How many windows there are along each axis."""
        return tuple(len(first) for first, _ in self.ends)

    @cached_property
    def places(self) -> Array:
        """Where in a map's ravel() the elements of each window stand, (*output, elements): the last again to fill up."""
        along = [
            np.minimum(first[:, None] + np.arange(k), np.maximum(first, last - 1)[:, None])
            for (first, last), k in zip(self.ends, self.reach, strict=True)
        ]
        at = np.zeros((1,) * 2 * len(along), int)
        for axis, (places, n) in enumerate(zip(along, self.shape[2:], strict=True)):
            at = at * n + self._on_axis(np.minimum(places, n - 1), axis)
        return at.reshape(*self.counts, prod(self.reach))

    def _on_axis(self, a: Array, axis: int) -> Array:
        """(windows, elements) of one axis among (*output, *elements) of all."""
        shape = [1] * 2 * len(self.ends)
        shape[axis], shape[axis + len(self.ends)] = a.shape
        return a.reshape(shape)

    def laid(self, a: Array) -> Array:
        """(N, C, *output, elements)."""
        return a.reshape(*a.shape[:2], prod(self.shape[2:]))[..., self.places]

    def inside(self) -> Array:
        """Which of them are elements, and not there to fill up."""
        masks = [
            self._on_axis(first[:, None] + np.arange(k) < last[:, None], axis)
            for axis, ((first, last), k) in enumerate(zip(self.ends, self.reach, strict=True))
        ]
        mask: Array = reduce(np.logical_and, masks)
        return np.asarray(mask.reshape(1, 1, *self.counts, prod(self.reach)))

    def back(self, parts: Array) -> Array:
        """Added where they came from, what is no element left out."""
        lead = self.shape[:2]
        found = np.zeros((prod(lead), prod(self.shape[2:])), parts.dtype)
        kept = np.where(self.inside(), parts, 0).reshape(len(found), self.places.size)
        rows = np.arange(len(found))[:, None]
        np.add.at(found, (rows, self.places.reshape(1, -1)), kept)
        return found.reshape(self.shape)
