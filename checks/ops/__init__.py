"""What is known of each op: one file a family, discovered by listing, each with a tuple `OPS`. Never what must hold.

A file whose name begins with _ is part of another: the mistakes of an op that has many.
"""

from __future__ import annotations

import copyreg
import difflib
import pkgutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cache
from importlib import import_module

from checks.numbers.pairs import CONVENTIONS
from checks.op import Op
from checks.orders.forward import WAYS, forward_mode
from checks.orders.pairs import named, of_complex
from checks.orders.samples import PER_SAMPLE, per_sample
from checks.orders.second import double_backward, triple_backward

OPERATORS: dict[str, Callable[[Op], Op]] = {
    "double_backward": double_backward,
    "triple_backward": triple_backward,
    **{name: forward_mode(way) for name, way in WAYS.items()},
    PER_SAMPLE: per_sample,
    **{named(convention): of_complex(convention) for convention in ("", *CONVENTIONS)},
}
_within: AbstractContextManager[None] = nullcontext()


def loaded_within(meaning: AbstractContextManager[None]) -> None:
    """Say what names mean while ops are loaded: the `reference` of an op is this project's, whatever a caller calls so."""
    global _within  # noqa: PLW0603, set once, when the judge is imported
    _within = meaning


@cache
def ops() -> dict[str, Op]:
    """Every op by name."""
    found: dict[str, Op] = {}
    for family in _families():
        found |= _of(family)
    return found


@cache
def _families() -> tuple[str, ...]:
    """The files; one whose name begins with _ is a part of one of the others."""
    return tuple(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


@cache
def _of(family: str) -> dict[str, Op]:
    """The ops of one file by name."""
    with _within:
        return {op.name: op for op in import_module(f"{__name__}.{family}").OPS}


def find(name: str) -> Op:
    """The op of this name, or its derivative, as conv.double_backward; ValueError with what is close if there is none."""
    if name in _families() and name in _of(name):
        return _of(name)[name]  # a process that judges one op need not load all
    if name in ops():
        return ops()[name]
    of, _, operator = name.rpartition(".")
    if operator in OPERATORS and of:
        return _derived(of, operator)
    raise ValueError(f"there is no op {name!r}; {suggestion(name, list(ops()))}")


@cache
def _derived(of: str, operator: str) -> Op:
    with _within:
        return OPERATORS[operator](find(of))


def suggestion(name: str, known: list[str]) -> str:
    """What is close to a name that is not known, or all that are."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def without(op: Op, lacks: Sequence[str]) -> Op:
    """The op, of which the gradients by these inputs are not asked for, nor what needs them."""
    if not lacks:
        return op
    linear, euler = (
        tuple(group for group in groups if not {*group} & {*lacks}) for groups in (op.kind.linear_in, op.kind.euler_in)
    )
    kind = replace(op.kind, linear_in=linear, euler_in=euler)
    return replace(op, takes=replace(op.takes, lacks=tuple(lacks)), kind=kind)


def _by_name(op: Op) -> tuple[Callable[..., Op], tuple[str, tuple[str, ...]]]:
    return _without, (op.name, op.takes.lacks)


def _without(name: str, lacks: tuple[str, ...]) -> Op:
    return without(find(name), lacks)


copyreg.pickle(Op, _by_name)  # between processes its name stands for it
