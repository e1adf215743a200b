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
    for wanted, how in (("backward", f"backward(grad_output, {', '.join(base.inputs)}, …)"), (part, needed)):
        if not callable(getattr(given, wanted, None)):
            raise Lacking(f"{name} has no {wanted}; {op.name} needs {how}")
    made = {}
    for which, (call, signed) in op.derivative.adapted(given).items():
        call.__name__ = getattr(signed, "__name__", which)
        with suppress(TypeError, ValueError):  # what is built in may have none
            call.__signature__ = inspect.signature(signed)
        made[which] = call
    return SimpleNamespace(**made, __name__=name)
