"""An implementation of an op that brings a derivative of its own along, as one of that derivative (orders/)."""

from __future__ import annotations

import inspect
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from checks.op import Op


class Lacking(TypeError):
    """It does not have what the derivative needs; the message is one sentence."""


def derived(op: Op, given: Any, name: str) -> Any:
    """`given` as an implementation of the derivative; raises Lacking."""
    assert op.derivative is not None  # noqa: S101, whoever asks has looked
    part, needed = op.derivative.part
    base = op.derivative.of
    both = ("backward", f"backward(grad_output, {', '.join(base.inputs)}, …)"), (part, needed)
    for wanted, how in both:
        if not callable(getattr(given, wanted, None)):
            raise Lacking(f"{name} has no {wanted}; {op.name} needs {how}")
    made: dict[str, Any] = {}
    for which, (call, signed) in op.derivative.adapted(given).items():
        call.__name__ = getattr(signed, "__name__", part if which == "forward" else "backward")
        with suppress(TypeError, ValueError):  # what is built in may have none
            own = inspect.signature(signed or getattr(given, part))
            call.__signature__ = own if signed else _of_all(op, own, which)
        made[which] = call
    return SimpleNamespace(**made, __name__=name, assumed=getattr(made["backward"], "assumed", ()))


def _of_all(op: Op, signature: inspect.Signature, which: str) -> inspect.Signature:
    """All arrays of the derivative, and the parameters that the part takes."""
    names = op.inputs if which == "forward" else (op.cotangent, *op.inputs)
    arrays = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names]
    kinds = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD
    named = [p for p in signature.parameters.values() if p.name in op.takes.defaults or p.kind is kinds[1]]
    return inspect.Signature([*arrays, *(p if p.kind is kinds[1] else p.replace(kind=kinds[0]) for p in named)])
