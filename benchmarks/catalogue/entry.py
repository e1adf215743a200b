"""An entry of the catalogue: a function, what it takes at two sizes, and ways to get its gradient a little wrong.

A mistake is handed the right gradients, one for each input and None for whole numbers, the cotangent and the inputs, and
returns the gradients that code with this mistake returns. Mistakes can be differentiated, so that what is wrong at first
order is a right double backward of a wrong backward; `SECOND` are those of which the gradients are right and only their
derivatives are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

Array = np.ndarray[Any, Any]
Tensor = torch.Tensor
Function = Callable[..., Tensor]
Gradients = list[Tensor | None]
Mistake = Callable[[Gradients, Tensor, Sequence[Tensor]], Gradients]
Inputs = Sequence[tuple[int, ...] | str | Array]


@dataclass(frozen=True)
class Entry:
    """What is judged.

    inputs  at a small size, and real: at one that is used (the same where it is given numbers)
    second  whether its double backward is judged too
    """

    name: str
    function: Function
    inputs: Inputs
    mistakes: Mapping[str, Mistake]
    real: Inputs = field(default=())
    second: bool = False

    def at(self, size: str) -> Inputs:
        """What it takes: `small` or `real`."""
        return self.real or self.inputs if size == "real" else self.inputs


def gradients_of(function: Function, g: Tensor, inputs: Sequence[Tensor]) -> Gradients:
    """Those that autograd computes, which can be differentiated again; None for whole numbers."""
    with torch.enable_grad():
        passed = [t if t.requires_grad or not t.is_floating_point() else t.detach().requires_grad_() for t in inputs]
        wanted = [t for t in passed if t.is_floating_point()]
        y = function(*passed)
        found = torch.autograd.grad(y, wanted, g, create_graph=True, allow_unused=True)
    each = iter(torch.zeros_like(t) if a is None else a for a, t in zip(found, wanted, strict=True))
    return [next(each) if t.is_floating_point() else None for t in passed]


def of(function: Function) -> Mistake:
    """The gradients of another function: of one with another constant, or a part detached."""
    return lambda _, g, inputs: gradients_of(function, g, inputs)


def scaled(which: int, where: Any, by: float = 1.01) -> Mistake:
    """A part of one gradient times a factor: a tile that is off, a row that is detached."""

    def wrong(gradients: Gradients, _: Tensor, __: Sequence[Tensor]) -> Gradients:
        right = gradients[which]
        if right is None:
            return gradients
        factor = torch.ones_like(right)
        factor[where(right) if callable(where) else where] = by
        return [a if at != which else right * factor for at, a in enumerate(gradients)]

    return wrong


def one(which: int, by: float = 1.01) -> Mistake:
    """A single element, a little behind the middle."""
    return scaled(which, lambda a: tuple(int(k) for k in np.unravel_index(a.numel() * 5 // 8, a.shape)), by)


def last(which: int, by: float = 1.01, axis: int = -1, share: int = 8) -> Mistake:
    """The last eighth along an axis."""

    def where(a: Tensor) -> Any:
        index: list[Any] = [slice(None)] * a.dim()
        index[axis] = slice(-max(1, a.shape[axis] // share), None)
        return tuple(index)

    return scaled(which, where, by)


def row(which: int, by: float = 0.0) -> Mistake:
    """One of the first axis: detached, unless a factor is given."""
    return scaled(which, lambda a: (a.shape[0] * 3 // 4,), by)


def put(which: int, where: Any, value: Callable[[Tensor], Tensor]) -> Mistake:
    """A part of one gradient replaced by something of the cotangent."""

    def wrong(gradients: Gradients, g: Tensor, _: Sequence[Tensor]) -> Gradients:
        right = gradients[which]
        if right is None:
            return gradients
        other = right.clone()
        other[where] = value(g)
        return [a if at != which else other for at, a in enumerate(gradients)]

    return wrong


def _constant(gradients: Gradients, g: Tensor, inputs: Sequence[Tensor], function: Function) -> Gradients:  # noqa: ARG001, a mistake's
    """Saved tensors are taken for constants, so that the derivative by the inputs is missing."""
    return gradients_of(function, g, [t.detach() for t in inputs])


def _off(gradients: Gradients, *_: Any) -> Gradients:
    """The derivative of the last eighth of the first gradient is 1 % off."""
    right = next(a for a in gradients if a is not None)
    share = torch.zeros_like(right)
    share.reshape(-1)[-max(1, right.numel() // 8) :] = 0.01
    return [a if a is not right else right + share * (right - right.detach()) for a in gradients]


SECOND = ("constant", "derivative")


def second(entry: Entry, name: str) -> Mistake:
    """A mistake of the double backward alone."""
    if name == "derivative":
        return _off
    return lambda gradients, g, inputs: _constant(gradients, g, inputs, entry.function)


def subject(entry: Entry, mistake: Mistake | None) -> Function:
    """The function with a backward of its own, which computes the gradients anew: right, or with a mistake."""

    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Tensor) -> Tensor:
            ctx.save_for_backward(*inputs)
            return entry.function(*inputs).clone()

        @staticmethod
        def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
            (g,), inputs = grad_outputs, ctx.saved_tensors
            with torch.enable_grad():
                found = gradients_of(entry.function, g, inputs)
                found = mistake(found, g, inputs) if mistake else found
            return tuple(found)

    def called(*inputs: Tensor) -> Tensor:
        result: Tensor = Own.apply(*inputs)
        return result

    called.__name__ = entry.name
    return called
