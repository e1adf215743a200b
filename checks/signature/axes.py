"""Shapes by named axes: the same name is the same size, in whatever array it stands.

N C *size            samples, channels, and as many spatial axes as there are
O C/groups *kernel   C divided by the parameter of that name
O ?                  the array may be left out
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Axes:
    """The axes of one array: at most one of the names stands for several (*size)."""

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
            axis, _, divisor = name.partition("/")
            shape += sizes[axis] if axis.startswith("*") else [sizes[axis] // parameters.get(divisor, 1)]
        return tuple(shape)

    def sizes(self, shape: Shape) -> dict[str, Any]:
        """The size of each name that stands in it by itself."""
        several = next((at for at, name in enumerate(self.names) if name.startswith("*")), len(self.names))
        behind = max(0, len(self.names) - several - 1)
        end = len(shape) - behind
        found: dict[str, Any] = dict(zip(self.names[:several], shape[:several], strict=True))
        if several < len(self.names):
            found[self.names[several]] = shape[several:end]
            found |= dict(zip(self.names[several + 1 :], shape[end:], strict=True))
        return {name: size for name, size in found.items() if "/" not in name}
