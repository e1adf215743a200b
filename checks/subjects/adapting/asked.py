"""What is asked of a layer before it is judged: one case whose axes all differ, and kinds of cases that it may not take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import numpy as np

from checks.cases.drawing import problem
from checks.numbers.precision import Array
from checks.op import Op
from checks.signature.drawing import ByChance

# By option; sizes of y differ from these too, so that only one arrangement fits.
PINS: Mapping[str, Any] = {
    "dims": 2,
    "features": (3, 4),
    "channels": (3, 5),
    "kernel": (4, 4),
    "size": (9, 10),
}
# Those of the reference, which is not imported here: until ops are loaded, `reference` may be a name of the user's own.
NAMED_PADDINGS = ("valid", "same", "full")
LARGEST = 4  # of the whole numbers: sums of products of them are exact


@dataclass(frozen=True)
class Asked:
    """One case: the size of each axis, the parameters, and whole numbers for every array, y's cotangent among them."""

    sizes: Mapping[str, Any]
    parameters: Mapping[str, Any]
    arrays: Mapping[str, Array]


@dataclass(frozen=True)
class Sort:
    """A sort of case, told by its sizes and parameters, in words for one that is not taken, and a case of it."""

    words: str
    holds: Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
    pins: Mapping[str, Any]


def asked(op: Op, **pins: Any) -> Asked:
    """The case with these pins, of which the rest is the op's default and PINS."""
    known = {option.name for option in op.takes.options}
    batch = (2,) if op.takes.dims is None else 2
    held = {name: value for name, value in {**PINS, "batch": batch}.items() if name in known}
    one = problem(ByChance(Random(0)), op, {**held, **op.takes.defaults, **pins}, "float64")  # noqa: S311, no secret
    sizes = op.takes.sizes_in(one.shapes)
    rng = np.random.default_rng(0)
    arrays = {
        name: rng.integers(-LARGEST, LARGEST + 1, shape).astype(float)
        for name, shape in op.takes.shapes(sizes, one.parameters).items()
        if shape is not None
    }
    return Asked(sizes, one.parameters, arrays)


def sorts(op: Op) -> Iterator[Sort]:
    """Sorts of cases that a layer may not be made for, though its signature cannot say so."""
    for option in op.takes.sizes:
        if option.count:
            axis = option.axes
            yield Sort(f"several axes of {option.option}", partial(_many, axis), {"batch": (2, 5)})
        elif option.spatial and option.option in PINS:
            sizes = tuple(n - i for i, n in enumerate(PINS[option.option]))
            if option.option != "size":
                axis = option.axes
                words = f"unequal sizes of a {option.option}"
                yield Sort(words, partial(_uneven, axis), {option.option: sizes})
    for name, default in op.takes.defaults.items():
        if type(default) is int and name != "groups":
            unequal = (default + 1, default + 2)
            yield Sort(f"unequal {name}", partial(_unequal, name), {name: unequal})
        if name == "padding":
            for word in NAMED_PADDINGS:
                yield Sort(f"{name} {word!r}", partial(_named, word), {name: word})


def _many(axis: str, sizes: Mapping[str, Any], _: Mapping[str, Any]) -> bool:
    return len(sizes[axis]) > 1


def _uneven(axis: str, sizes: Mapping[str, Any], _: Mapping[str, Any]) -> bool:
    return len(set(sizes[axis])) > 1


def _unequal(name: str, _: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    value = parameters[name]
    return isinstance(value, tuple) and len(set(value)) > 1


def _named(word: str, _: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    return bool(parameters["padding"] == word)
