"""What bridges have in common: how what they make says what it takes, and paddings in numbers.

Frameworks know few names of paddings, or give them another meaning, so what is passed is numbers, as many zeros as the name
means at both ends of an axis. Only where they differ there is no such number: then the name is passed.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from checks.op import Op
from reference._window import window

ANYTHING = inspect.Signature(
    [
        inspect.Parameter("inputs", inspect.Parameter.VAR_POSITIONAL),
        inspect.Parameter("parameters", inspect.Parameter.VAR_KEYWORD),
    ]
)


def signed(
    forward: Any, backward: Any, signature: inspect.Signature, name: str, lacks: Sequence[str] = (),
    convention: str = "", **beyond: Any,
) -> Any:  # fmt: skip
    """Both as one object, of which forward and backward say that they take what `signature` says; it goes by this name.

    beyond  what there is of derivatives beside: double_backward, jvp
    lacks   those of them of which it is known that they will be refused (offered.py)
    convention  by which gradients of complex numbers go there (numbers/pairs.py), "" where that is not known
    """
    rest = list(signature.parameters.values())
    parts = {"forward": (forward, signature), "backward": (backward, _with(("grad_output",), rest))}
    first = {"double_backward": ("grad_grads", "grad_output"), "jvp": ("tangents",)}
    first |= {"triple_backward": ("grad_grad_grads", "grad_grads", "grad_output")}
    first |= {"jvp_backward": ("grad_output", "tangents"), "backward_jvp": ("tangents", "grad_output")}
    first |= {"jvp_jvp": ("tangents", "tangents2"), "per_sample": ("grad_output",)}
    parts |= {part: (call, _with(first[part], rest)) for part, call in beyond.items()}
    made = {part: _named(part, *both) for part, both in parts.items()}
    return SimpleNamespace(**made, __name__=name, withheld=tuple(lacks), convention=convention)


def _with(names: Sequence[str], rest: Sequence[inspect.Parameter]) -> inspect.Signature:
    """What is taken with arrays of these names before the rest."""
    return inspect.Signature([*(inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in names), *rest])


def _named(part: str, call: Any, signature: inspect.Signature) -> Any:
    def called(*arrays: Any, **parameters: Any) -> Any:
        return call(*arrays, **parameters)

    called.__name__ = part
    called.__signature__ = signature  # type: ignore[attr-defined]  # as inspect looks for it
    return called


def taken(found: Any) -> inspect.Signature:
    """What something takes; anything, where it does not say, as what is built in does not."""
    try:
        return inspect.signature(found)
    except (TypeError, ValueError):
        return ANYTHING


def of_a_layer(op: Op, signature: inspect.Signature) -> inspect.Signature:
    """All inputs, since those that a layer holds are put into it, and the parameters that it takes when it is called."""
    arrays = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in op.inputs]
    named = [p for p in signature.parameters.values() if p.name in op.takes.defaults]
    return inspect.Signature([*arrays, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in named)])


def in_numbers(arrays: Sequence[Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters, with a padding in numbers where it has a name that means as much at both ends of each axis."""
    name = parameters.get("padding")
    if not isinstance(name, str):
        return dict(parameters)
    x, kernel, *_ = arrays
    moves = {n: parameters[n] for n in ("stride", "dilation") if n in parameters}
    over = window(tuple(x.shape[2:]), tuple(kernel.shape[2:]), padding=name, **moves)
    if over.before != over.after:
        return dict(parameters)
    alike = len(set(over.before)) == 1  # one number: not everybody takes one for each axis
    return {**parameters, "padding": over.before[0] if alike else over.before}
