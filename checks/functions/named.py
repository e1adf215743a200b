"""What a command line names as a function or as its backward: of arrays, or, behind a bridge, of a framework's tensors.

    mine.py:f    jax:mine.py:f    torch:mine.py:f    torch:mine.py:MyFunction    torch:mine.py:MyLayer

Of a function of tensors the backward is what the framework makes of it, or its own where it has one: of an
autograd.Function, of a custom_vjp. The parameters of a module are inputs that follow those of its call, in the order in
which it names them; a class is made with no arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checks.subjects.implementation import NotAnImplementation
from checks.subjects.loading import BRIDGES, find, installed
from checks.subjects.pulled import Framework

TORCH = "torch:"
DEVICE = "cpu"
Function = Callable[..., Any]


def function_of(spec: str) -> tuple[Function, Function | None, list[tuple[int, ...]]]:
    """The function that a text names, its own backward if it has one, and the shapes of inputs that follow those given.

    Raises NotAnImplementation, in one sentence, for what cannot be found.
    """
    if made := _framework(spec):
        from checks.functions import framework

        forward, backward, parts = framework.of_arrays(find(spec.partition(":")[2]), made)
        return forward, backward, [shape for _, shape in parts]
    if not spec.startswith(TORCH):
        return find(spec), None, []
    from checks.functions.tensors import of_arrays

    forward, backward, weights = of_arrays(find(spec.removeprefix(TORCH)))
    return forward, backward, [shape for _, shape in weights]


def backward_of(spec: str) -> Function:
    """The backward that a text names, of arrays, or of tensors with a bridge in front."""
    if made := _framework(spec):
        from checks.functions import framework

        return framework.with_theirs(find(spec.partition(":")[2]), made)
    found: Function = find(spec.removeprefix(TORCH))
    if not spec.startswith(TORCH):
        return found
    from checks.functions.tensors import with_tensors

    return with_tensors(found)


def _framework(spec: str) -> Callable[[str], Framework] | None:
    """What makes the framework of a dtype, where such a bridge stands in front; NotAnImplementation if it is not there."""
    bridge, _, rest = spec.partition(":")
    if not rest or not hasattr(BRIDGES.get(bridge), "framework"):
        return None
    installed(bridge)
    return lambda dtype: BRIDGES[bridge].framework(dtype, DEVICE)


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
