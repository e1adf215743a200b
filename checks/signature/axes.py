"""Shapes by named axes: the same name is the same size, in whatever array it stands.

N C *size            samples, channels, and as many spatial axes as there are
O C/groups *kernel   C divided by the parameter of that name
4H I                 four times H
C*scale*scale H*scale   C times the parameter of that name, twice; H once
O ?                  the array may be left out
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Axes:
    """The axes of one array: names such as *size stand for several."""

    names: tuple[str, ...]
    optional: bool = False

    @classmethod
    def of(cls, text: str) -> Axes:
        """The axes that a text such as "N C *size" names."""
        words = text.split()
        return cls(tuple(word for word in words if word != "?"), "?" in words)

    def shape(self, sizes: Mapping[str, Any], parameters: Mapping[str, Any]) -> Shape:
        """The shape where the axes have these sizes: a number for each name, several for that of several axes."""
        shape: list[int] = []
        for name in self.names:
            factor, axis, times, divisor = parts(name)
            by = factor * prod(parameters[one] for one in times)
            shape += sizes[axis] if axis.startswith("*") else [by * sizes[axis] // parameters.get(divisor, 1)]
        return tuple(shape)

    def sizes(self, shape: Shape, known: Mapping[str, Any]) -> dict[str, Any]:
        """The size of each name that stands in it by itself.

        Where more than one stands for several axes, `known` says how many; but the first of the others has one.
        """
        several = [name for name in self.names if name.startswith("*")]
        counts = {name: len(known[name]) if name in known else 1 for name in several}
        free = next((name for name in several if name not in known), None)
        if free is not None:
            counts[free] += len(shape) - (len(self.names) - len(several) + sum(counts.values()))
        found, at = {}, 0
        for name in self.names:
            count = counts.get(name, 1)
            found[name] = shape[at : at + count] if name in counts else shape[at]
            at += count
        return {name: size for name, size in found.items() if parts(name)[1] == name}


@cache
def parts(name: str) -> tuple[int, str, tuple[str, ...], str]:
    """How many times, which axis, the parameters that multiply it, and the one that divides it, "" if none does."""
    multiple, _, divisor = name.partition("/")
    first, *times = multiple.split("*") if not multiple.startswith("*") else [multiple]
    axis = first.lstrip("0123456789")
    return int(first.removesuffix(axis) or 1), axis, tuple(times), divisor
