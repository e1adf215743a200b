"""A layer that is made already, `layer = Conv(3, 8, 3)`: its sizes and numbers are its own, so it is judged at these.

They are read off its weights and its attributes, in every order in which a weight may lie; which is right, forward decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, permutations, product
from typing import Any

import numpy as np

from checks.op import Op
from checks.ops._called import CALLED, Called
from checks.signature.axes import parts
from checks.subjects.adapting.asked import NAMED_PADDINGS
from checks.subjects.adapting.roles import role_of
from checks.subjects.adapting.slots import arrays_in, is_called, is_gradient, named
from checks.subjects.adapting.words import called

MOST = 64  # readings of its sizes


def numbers_of(op: Op, layer: Any) -> dict[str, Any]:
    """The parameters that it has, by its attributes: stride, padding, eps … as they are called anywhere."""
    found: dict[str, Any] = {}
    for name, value in getattr(layer, "__dict__", {}).items():
        role = role_of(op, name)
        if role is None or role.kind != "parameter" or role.along is not None or role.of in found:
            continue
        number = tuple(value) if isinstance(value, list) else value
        if isinstance(number, tuple) and len(set(number)) == 1:  # as a case has what is alike along all axes
            number = number[0]
        if isinstance(number, float) and type(op.takes.defaults[role.of]) is int and number.is_integer():
            number = int(number)
        if isinstance(number, str):
            number = CALLED.get(op.name, Called()).words.get(number, number)
            number = number.lower() if number.lower() in NAMED_PADDINGS else number
        if isinstance(number, int | float | tuple | str) and _is_taken(op, role.of, number):
            found[role.of] = number
    return found | _ends_of(op, layer)


def _ends_of(op: Op, layer: Any) -> dict[str, Any]:
    """What it adds before and after each axis, in one tuple: torch has pairs, those of the last axis first."""
    pairs = getattr(layer, "padding", None)
    if not {"before", "after"} <= {*op.takes.defaults} or not isinstance(pairs, tuple) or len(pairs) % 2 or not pairs:
        return {}
    if not all(type(n) is int and n >= 0 for n in pairs):
        return {}
    ends = {"before": pairs[-2::-2], "after": pairs[::-2]}
    return {name: each[0] if len({*each}) == 1 else each for name, each in ends.items()}


def _is_taken(op: Op, name: str, value: Any) -> bool:
    try:
        op.takes.check({name: value})
    except (ValueError, TypeError):
        return False
    return isinstance(value, str) == isinstance(op.takes.defaults[name], str) or value in NAMED_PADDINGS


def sizes_of(op: Op, layer: Any, numbers: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What its weights pin: options and their values, in every order in which they may lie; else what its attributes say.

    {} where nothing is said.
    """
    named = _named(op, layer)
    readings = [list(_readings(op, layer, n, numbers)) or [{}] for n in op.inputs[1:]]
    seen: list[dict[str, Any]] = []
    for together in islice(product(*readings), MOST):
        sizes: dict[str, Any] = {}
        for one in together:
            if any(sizes.setdefault(axis, size) != size for axis, size in one.items()):
                break
        else:
            pins = _pins(op, {**named, **sizes})
            if pins not in seen:
                seen.append(pins)
                yield pins


def _named(op: Op, layer: Any) -> dict[str, Any]:
    """The sizes of axes that it has as attributes: normalized_shape, num_features."""
    found: dict[str, Any] = {}
    for name, value in getattr(layer, "__dict__", {}).items():
        role = role_of(op, name)
        if role is None or role.kind != "size" or role.along is not None:
            continue
        several = tuple(value) if isinstance(value, list | tuple) else (value,)
        if several and all(type(n) is int and n > 0 for n in several):
            found.setdefault(role.of, several if role.of.startswith("*") else several[0])
    return found


def _readings(op: Op, layer: Any, n: str, numbers: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The sizes of the axes of an input, by the shape of what has its name, for every order of these axes."""
    aliases, names = called(n), op.takes.axes[n].names
    held = [
        (aliases.index(named(path)[-1]), np.shape(array))
        for path, array in arrays_in(layer)
        if isinstance(array, np.ndarray) and is_called(path, aliases) and not is_gradient(path, aliases)
    ]
    for _, shape in sorted(held)[:1]:
        bare = shape if len(names) > 1 or names[0].startswith("*") else tuple(k for k in shape if k != 1) or (1,)
        for order in permutations(names):
            sizes = _read_off(bare, order, numbers)
            if sizes is not None:
                yield sizes


def _read_off(shape: tuple[int, ...], order: tuple[str, ...], numbers: Mapping[str, Any]) -> dict[str, Any] | None:
    """The sizes of the axes of an array that has this shape in this order; None if it cannot have."""
    several = [name for name in order if name.startswith("*")]
    spread = len(shape) - len(order) + 1  # axes that a name such as *size stands for
    if len(several) > 1 or (spread < 1 if several else spread != 1):
        return None
    sizes: dict[str, Any] = {}
    at = 0
    for name in order:
        if name in several:
            sizes[name] = shape[at : at + spread]
            at += spread
            continue
        factor, axis, _, divisor = parts(name)
        size, rest = divmod(shape[at] * (numbers.get(divisor, 1) if divisor else 1), factor)
        if rest or sizes.setdefault(axis, size) != size:
            return None
        at += 1
    return sizes


def _pins(op: Op, sizes: Mapping[str, Any]) -> dict[str, Any]:
    pins: dict[str, Any] = {}
    for one in op.takes.sizes:
        if not all(name in sizes for name in one.names):
            continue
        values = tuple(sizes[name] for name in one.names)
        pins[one.option] = values[0] if len(values) == 1 else values
        if one.spatial and op.takes.dims:
            pins["dims"] = len(values[0])
    return pins
