"""What a command line names as a function or as its backward: of arrays, or, behind a bridge, of a framework's tensors.

    mine.py:f    jax:mine.py:f    torch:mine.py:f    torch:mine.py:MyFunction    torch:mine.py:MyLayer

Of a function of tensors the backward is what the framework makes of it, or its own where it has one: of an
autograd.Function, of a custom_vjp. The parameters of a module are inputs that follow those of its call, in the order in
which it names them; a class is made with no arguments. Where bfloat16 is judged, arrays of float32, which hold its numbers,
become tensors of bfloat16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checks.numbers.precision import NATIVE
from checks.subjects.loading import BRIDGES, find, installed
from checks.subjects.pulled import Framework
from checks.subjects.refusals import NotAnImplementation

TORCH = "torch:"
DEVICE = "cpu"
STORAGE = "float32"  # what NumPy holds bfloat16 in
Function = Callable[..., Any]


def function_of(spec: str, dtype: str = "float64") -> tuple[Function, Function | None, list[tuple[int, ...]]]:
    """The function that a text names, its own backward if it has one, and the shapes of inputs that follow those given.

    Raises NotAnImplementation, in one sentence, for what cannot be found.
    """
    narrow = "" if dtype in NATIVE else dtype
    if made := _framework(spec, narrow):
        from checks.functions import framework

        forward, backward, parts = framework.of_arrays(find(spec.partition(":")[2]), made)
        forward.narrow = narrow  # type: ignore[attr-defined]
        return forward, backward, [shape for _, shape in parts]
    if not spec.startswith(TORCH):
        return find(spec), None, []
    from checks.functions.tensors import of_arrays

    forward, backward, weights = of_arrays(find(spec.removeprefix(TORCH)), narrow)
    return forward, backward, [shape for _, shape in weights]


def backward_of(spec: str, dtype: str = "float64") -> Function:
    """The backward that a text names, of arrays, or of tensors with a bridge in front."""
    narrow = "" if dtype in NATIVE else dtype
    if made := _framework(spec, narrow):
        from checks.functions import framework

        return framework.with_theirs(find(spec.partition(":")[2]), made)
    found: Function = find(spec.removeprefix(TORCH))
    if not spec.startswith(TORCH):
        return found
    from checks.functions.tensors import with_tensors

    return with_tensors(found, narrow)


def _framework(spec: str, narrow: str) -> Callable[[str], Framework] | None:
    """What makes the framework of a dtype, where such a bridge stands in front; NotAnImplementation if it is not there.

    narrow  the precision that NumPy has not, and holds in float32, if there is one
    """
    bridge, _, rest = spec.partition(":")
    if not rest or not hasattr(BRIDGES.get(bridge), "framework"):
        return None
    installed(bridge)
    return lambda dtype: BRIDGES[bridge].framework(narrow if narrow and dtype == STORAGE else dtype, DEVICE)


def judged(
    function: str, backward: str | None, dtype: str = "float64"
) -> tuple[Function, Function, list[tuple[int, ...]]]:
    """What these texts name; raises NotAnImplementation if there is no backward."""
    forward, own, weights = function_of(function, dtype)
    if backward:
        return forward, backward_of(backward, dtype), weights
    if own is None:
        raise NotAnImplementation(
            f"{function} has no backward; name one by --backward FILE.py:b, or write {TORCH}{function} if it takes tensors"
        )
    return forward, own, weights
