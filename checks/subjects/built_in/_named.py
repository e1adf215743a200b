"""What the files of frameworks share: a function by its name, looked up when it is called; numbers for each axis."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, Signature
from operator import attrgetter
from typing import Any


def named(path: str, **parameters: Any) -> Callable[..., Any]:
    """What stands there, such as torch.nn.functional:elu, as a function of x and of parameters that have these defaults."""
    where, _, name = path.partition(":")

    def call(x: Any, **given: Any) -> Any:
        return attrgetter(name)(import_module(where))(x, *{**parameters, **given}.values())

    own = [Parameter(p, Parameter.KEYWORD_ONLY, default=usual) for p, usual in parameters.items()]
    call.__signature__ = Signature([Parameter("x", Parameter.POSITIONAL_OR_KEYWORD), *own])  # type: ignore[attr-defined]
    call.__doc__ = f"{where}.{name}."
    return call


def both_ends(axes: int, before: Any, after: Any) -> list[tuple[int, int]]:
    """What is added at both ends of each axis, where either is one number for all axes or one for each."""
    first, last = (end if isinstance(end, tuple) else (end,) * axes for end in (before, after))
    return list(zip(first, last, strict=True))
