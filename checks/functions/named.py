"""What a command line names as a function or as its backward: of arrays, or, behind a bridge, of tensors.

    mine.py:f      torch:mine.py:f      torch:mine.py:MyFunction      torch:mine.py:MyLayer

Of a function of tensors the backward is what autograd makes of it, or its own where it has one: of an autograd.Function.
The parameters of an nn.Module are inputs that follow those of its forward, in the order in which it names them; a class is
made with no arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checks.subjects.implementation import NotAnImplementation
from checks.subjects.loading import find

TORCH = "torch:"
Function = Callable[..., Any]


def function_of(spec: str) -> tuple[Function, Function | None, list[tuple[int, ...]]]:
    """The function that a text names, its own backward if it has one, and the shapes of inputs that follow those given.

    Raises NotAnImplementation, in one sentence, for what cannot be found.
    """
    if not spec.startswith(TORCH):
        return find(spec), None, []
    from checks.functions.tensors import of_arrays

    forward, backward, weights = of_arrays(find(spec.removeprefix(TORCH)))
    return forward, backward, [shape for _, shape in weights]


def backward_of(spec: str) -> Function:
    """The backward that a text names, of arrays, or of tensors with a bridge in front."""
    found: Function = find(spec.removeprefix(TORCH))
    if not spec.startswith(TORCH):
        return found
    from checks.functions.tensors import with_tensors

    return with_tensors(found)


def judged(function: str, backward: str | None) -> tuple[Function, Function, list[tuple[int, ...]]]:
    """What these texts name; raises NotAnImplementation if there is no backward."""
    forward, own, weights = function_of(function)
    if backward:
        return forward, backward_of(backward), weights
    if own is None:
        raise NotAnImplementation(
            f"{function} has no backward; name one by --backward FILE.py:b, or write {TORCH}{function} if it takes tensors"
        )
    return forward, own, weights
