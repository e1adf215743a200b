"""Second order: the backward as a function of its own, (g, a) ↦ Jᵀg, whose gradient a double backward claims to be.

    double_backward(grad_grads, grad_output, *inputs) -> one gradient for grad_output and one for each input

grad_grads is one cotangent for each gradient that backward returns, in the form in which it does. With u for these, what is
claimed is the gradient of ⟨u, Jᵀg⟩: J u for g, and Σ g_k H_k u for the inputs, where H_k is the Hessian of y_k. Every law
for a function and its backward holds for these two as well, so that they are judged in the same way, element by element.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks.functions.blackbox import BlackBox, NotTaken, brief, name_of
from checks.functions.inputs import Input, Sizes
from checks.functions.trees import is_tree, leaves, of_leaves, parted
from checks.numbers.precision import held
from checks.subjects.refusals import NotAnImplementation

Function = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Cotangent(Input):
    """The input g: as large as y is where the others have such sizes."""

    box: BlackBox = None  # type: ignore[assignment]  # a field after those with a default

    @property
    def is_cotangent(self) -> bool:
        """It is one."""
        return True

    def shape(self, sizes: Sizes) -> tuple[int, ...]:
        """That of y; a single number where the function does not take these sizes, which the backward will not either."""
        try:
            return self.box.shapes(sizes)["y"]
        except NotTaken:
            return ()

    def sizes_in(self, shape: Sequence[int]) -> dict[str, int]:  # noqa: ARG002, the other inputs say it
        """None of its own."""
        return {}


def own_double_backward(backward: Function) -> Function:
    """What a backward brings along; raises NotAnImplementation, in one sentence, if it brings none."""
    found: Function | None = getattr(backward, "double_backward", None)
    if found is None:
        raise NotAnImplementation(
            f"{name_of(backward)} has no double backward; name one, double_backward(grad_grads, grad_output, *inputs)"
        )
    return found


def of_second_order(
    box: BlackBox, function: Function, backward: Function, double: Function, inputs: Sequence[Input]
) -> tuple[Function, Function, list[Input]]:
    """The backward as a function, its backward, and their inputs. Raises NotTaken where the double backward raises."""
    several = False

    def form(g: Any, arrays: Sequence[Any]) -> Any:
        if not several:
            return g
        y = function(*(np.array(a) for a in arrays))
        return of_leaves(y, parted(y, g))

    def first(g: Any, *arrays: Any) -> Any:
        found = backward(form(g, arrays), *arrays)
        present = [f for f in found if f is not None] if isinstance(found, tuple | list) else [found]
        return tuple(present) if len(present) > 1 else present[0]

    def second(grad_grads: Any, g: Any, *arrays: Any) -> Any:
        one = isinstance(backward(form(g, arrays), *(np.array(a) for a in arrays)), tuple | list)
        above = (grad_grads,) if one and not isinstance(grad_grads, tuple) else grad_grads
        found = list(double(above, form(g, arrays), *arrays))
        if several and is_tree(found[0]):
            found[0] = np.concatenate([np.ravel(leaf) for leaf in leaves(found[0])])
        return tuple(found)

    sizes = box.sizes[0]
    rng = np.random.default_rng(0)
    arrays = [i.drawn(rng, sizes) for i in inputs]
    arrays = [a if n in box.constant else held(a, box.dtype) for n, a in zip(box.inputs, arrays, strict=True)]
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            several = is_tree(function(*arrays))
            g = held(np.ones(box.shapes(sizes)["y"]), box.dtype)
            second(first(g, *arrays), g, *arrays)
    except (Exception, SystemExit) as error:
        raise NotTaken(f"{name_of(function)} has no double backward: {brief(error)}") from error
    kind = inspect.Parameter.POSITIONAL_ONLY
    signature = inspect.Signature([inspect.Parameter(n, kind) for n in ("grad_output", *box.names)])
    for one, name in (first, name_of(backward)), (second, name_of(double)):
        one.__name__ = name
    first.__signature__ = signature  # type: ignore[attr-defined]
    return first, second, [Cotangent((), box=box), *inputs]
