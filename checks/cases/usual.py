"""Parameters as they usually are: at their defaults, all of them or all but one.

Where each is drawn by itself, all five of a convolution are at their defaults in one case of two hundred; but that is how
most call most layers, and where code has a way of its own for it, a faster one. So some problems have them all so.
Where one is not, it often is the next number along each axis: a stride of 2, a padding of 1.
"""

from __future__ import annotations

from random import Random
from typing import Any

from checks.op import Op, Problem
from checks.signature.options import Pinned

SHARE = 0.75  # of the parameters are at their defaults, each by chance: of five all in a fourth, and all but one in 0.4
NEXT = 0.75  # of those that are not: the number after the default


def as_usual(chance: Random, op: Op, pinned: Pinned) -> Pinned:
    """What is pinned, and usual values of some other parameters; what is pinned alone, where no problem has these."""
    held: dict[str, Any] = {}
    for name, default in _defaults(op).items():
        if chance.random() < SHARE:
            held[name] = default
        elif op.takes.dims and type(default) is int and name not in op.takes.divided and chance.random() < NEXT:
            held[name] = default + 1
    held |= pinned
    try:
        op.takes.check(held)
    except ValueError:
        return pinned
    return held


def unusual(problem: Problem) -> list[str]:
    """The parameters that are not at their defaults."""
    return [name for name, default in _defaults(problem.op).items() if not _is(default, problem.parameters[name])]


def is_next(problem: Problem, name: str) -> bool:
    """Whether a parameter is the number after its default, along each axis."""
    default = _defaults(problem.op).get(name)
    return type(default) is int and _is(default + 1, problem.parameters[name])


def _defaults(op: Op) -> dict[str, Any]:
    """Those of the parameters that are no sizes."""
    sizes = {size.option for size in op.takes.sizes}
    return {name: default for name, default in op.takes.defaults.items() if name not in sizes}


def _is(default: Any, value: Any) -> bool:
    """Whether it is the default, or that along each axis."""
    values = value if isinstance(value, tuple) and not isinstance(default, tuple) else (value,)
    return all(type(one) is type(default) and one == default for one in values)
