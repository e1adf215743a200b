"""Spatial axes as options speak of them: how many there are, what is pinned along each, and how large an input may be."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from checks.signature.options import Pinned, as_text, in_words

PER_AXIS = (
    "stride",
    "padding",
    "output_padding",
    "before",
    "after",
    "dilation",
    "kernel",
    "kernel_size",
    "scale",
    "size",
    "output_size",
    "places",
    "spatial",
)
MOST = 1 << 28

BATCHES = (1, 2, 3, 2, 1, 3, 2, 0)  # no samples in one case of eight: it tests little


def pinned_axes(pinned: Pinned) -> int | None:
    """The number of spatial axes that the pinned values speak of, or None; ValueError if they disagree."""
    says = {name: len(value) for name in PER_AXIS if isinstance(value := pinned.get(name), tuple)}
    if pinned.get("dims") is not None:
        says = {"dims": pinned["dims"], **says}
    for name, axes in says.items():
        first = next(iter(says))
        if name != "dims" and not 1 <= axes <= 3:
            raise ValueError(
                f"{name} {as_text(pinned[name])} has {axes} entries; expected 1, 2 or 3, one for each axis"
            )
        if axes != says[first]:
            raise ValueError(
                f"{first} {as_text(pinned[first])} and {name} {as_text(pinned[name])} speak of different numbers of axes; "
                f"give {name} one number or {says[first]}"
            )
    return next(iter(says.values()), None)


def along(value: Any, axis: int) -> Any:
    """A pinned value along one axis, or None."""
    return value[axis] if isinstance(value, tuple) else value


def together(values: tuple[int, ...]) -> int | tuple[int, ...]:
    """One number where all axes have the same, as callers would write it."""
    return values[0] if len(set(values)) == 1 else values


def not_too_large(pinned: Pinned, shape: Sequence[int]) -> None:
    """Raise ValueError where an input of this shape would not fit into memory beside all that is made of it."""
    if prod(max(1, n) for n in shape) > MOST:  # an axis of none makes an array empty, and no easier to handle
        raise ValueError(
            f"{in_words(pinned)}: an input of shape {tuple(shape)} is too large; at most {MOST} numbers fit"
        )
