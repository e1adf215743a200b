"""Values that pin a problem: whether they are values that the op's options take, and a small problem in which they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from checks import ops
from checks.cases.drawing import problem
from checks.op import Op, Problem
from checks.signature.drawing import Simplest
from checks.signature.options import as_text
from checks.signature.windows import along, pinned_axes

# What a small problem is where nothing is said: with two of what makes a difference when there is more than one.
USUAL: Mapping[str, Any] = {
    "batch": 1,
    "channels": 1,
    "kernel": 2,
    "kernel_size": 2,
    "classes": 3,
    "features": (2, 2),
    "shape": 2,
    "spatial": 2,
}


def pinned_values(op: Op, given: Mapping[str, Any]) -> dict[str, Any]:
    """The pinned values, once each has been found to be one that its option takes; raises ValueError in a sentence."""
    known = {option.name: option for option in op.takes.options}
    pinned = {}
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"{op.name} has no option {name!r}; {ops.suggestion(name, list(known))}")
        parse = known[name].parse
        if parse is None:
            if not isinstance(value, bool):
                raise ValueError(f"{name} is {value!r}; expected True or False")
            pinned[name] = value
            continue
        try:
            pinned[name] = parse(as_text(value))
        except ValueError as wrong:
            raise ValueError(f"{name} is {as_text(value)}; {wrong}") from None
    op.takes.check(pinned)
    return pinned


def small_problem(op: Op, pinned: Mapping[str, Any], *, bias: bool) -> Problem:
    """A small problem in which the pinned values hold; raises ValueError if there is none."""
    given = pinned_values(op, pinned)
    known = {option.name for option in op.takes.options}
    wanted = {name: value for name, value in (*USUAL.items(), *op.takes.defaults.items()) if value is not None}
    wanted |= {**op.told.usual, **given}
    if "stride" in known and op.takes.defaults.get("stride", 0) is None and "stride" not in given:
        wanted["stride"] = wanted["kernel_size"]
    if "groups" in given and "channels" not in given:
        wanted["channels"] = given["groups"]
    moving = next((name for name in ("kernel", "kernel_size") if name in known), "")
    if moving and "size" not in wanted:
        step = wanted.get("stride", 1 if moving == "kernel" else wanted[moving])
        wanted["size"] = _two_places(wanted[moving], step, wanted.get("dilation", 1), pinned_axes(given) or 2)
    elif "dims" in known and pinned_axes({**wanted, "dims": None}) is None:
        wanted.setdefault("dims", 2)
    small = pinned_values(op, {name: value for name, value in wanted.items() if name in known})
    drawn = problem(Simplest(), op, small, "float64")
    shapes = {name: None if name in op.takes.optional and not bias else shape for name, shape in drawn.shapes.items()}
    return replace(drawn, shapes=shapes, exponents={}, small=True)


def _two_places(kernels: Any, steps: Any, dilations: Any, axes: int) -> tuple[int, ...]:
    """The size in which a window has two places along each axis, padding left out of account."""
    each = ((along(kernels, axis), along(steps, axis), along(dilations, axis)) for axis in range(axes))
    return tuple((kernel - 1) * dilation + 1 + step for kernel, step, dilation in each)
