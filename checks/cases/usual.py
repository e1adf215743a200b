"""Parameters as they usually are: at their defaults, all of them or all but one.

Where each is drawn by itself, all five of a convolution are at their defaults in one case of two hundred; but that is how
most call most layers, and where code has a way of its own for it, a faster one. So some problems have them all so.
"""

from __future__ import annotations

from random import Random
from typing import Any

from checks.op import Op, Problem
from checks.signature.options import Pinned

SHARE = 0.75  # of the parameters are at their defaults, each by chance: of five all in a fourth, and all but one in 0.4


def as_usual(chance: Random, op: Op, pinned: Pinned) -> Pinned:
    """What is pinned, and the defaults of some other parameters; what is pinned alone, where no problem has these."""
    held = {name: default for name, default in _defaults(op).items() if name not in pinned and chance.random() < SHARE}
    try:
        op.takes.check({**held, **pinned})
    except ValueError:
        return pinned
    return {**held, **pinned}


def unusual(problem: Problem) -> list[str]:
    """The parameters that are not at their defaults."""
    return [name for name, default in _defaults(problem.op).items() if not _is(default, problem.parameters[name])]


def _defaults(op: Op) -> dict[str, Any]:
    """Those of the parameters that are no sizes."""
    sizes = {size.option for size in op.takes.sizes}
    return {name: default for name, default in op.takes.defaults.items() if name not in sizes}


def _is(default: Any, value: Any) -> bool:
    """Whether it is the default, or that along each axis."""
    values = value if isinstance(value, tuple) and not isinstance(default, tuple) else (value,)
    return all(type(one) is type(default) and one == default for one in values)
