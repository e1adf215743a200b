"""Anything differentiable in torch: a function, an autograd.Function, an nn.Module with the weights as inputs.

What a caller relies on is asked of torch's own tensors (subjects/tensors.py): they lie as the arrays do, what is written to
them is written to the arrays, and a y that is a view of an input is one of the array. Gradients are taken apart from one
another and from the cotangent: of x + bias autograd itself returns one tensor for all, which nobody can help who uses it.

Torch knows few names of paddings, so what is passed is numbers, as many zeros as the name means at both ends of an axis.
Only where they differ there is no such number: then the name is passed, and an error is a refusal. In all else an error
is torch's refusal, and no crash, if torch's own function of the op refuses this very case in the same words.
"""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.implementation import NotAnImplementation
from checks.subjects.names import ours
from checks.subjects.tensors import Handed, apart, passed_on


def bridged(op: Op, found: Any, *, dtype: str, device: str) -> Any:
    """`found` as forward and backward on NumPy arrays; gradients come through autograd, from its own backward."""
    import torch

    called, signature = _function(op, found, device)

    def function(*tensors: Any, **parameters: Any) -> Any:
        numbers = _in_numbers(tensors, parameters)
        try:
            return called(*tensors, **numbers)
        except (RuntimeError, ValueError) as error:
            if isinstance(name := numbers.get("padding"), str):
                raise NotImplementedError(f"does not take padding {name!r}") from error
            if str(error) == _refusal(op, tensors, parameters):
                raise NotImplementedError(str(error).strip().splitlines()[0]) from error
            raise

    def handed(arrays: tuple[Array | None, ...]) -> Handed:
        return Handed(arrays, getattr(torch, dtype), device)

    def forward(*inputs: Array | None, **parameters: Any) -> Any:
        given = handed(inputs)
        y = function(*given.tensors, **parameters)
        given.write_back()
        return given.numpy(y)

    def backward(grad_output: Array, *inputs: Array | None, **parameters: Any) -> tuple[Any, ...]:
        given, above = handed(inputs), handed((grad_output,))
        named = list(zip(op.inputs, given.tensors, strict=False))
        leaves = {n: t.detach().requires_grad_() for n, t in named if t is not None and n in op.takes.differentiable}
        passed = (passed_on(leaves[n], t) if n in leaves else t for n, t in named)
        y = function(*passed, **parameters)
        found = torch.autograd.grad(y, list(leaves.values()), above.tensors[0], allow_unused=True)
        gradients = dict(zip(leaves, apart(found, above.tensors[0]), strict=True))
        given.write_back()
        above.write_back()
        return tuple(given.numpy(gradients.get(n)) for n, _ in named)

    taken = list(signature.parameters.values())
    first = inspect.Parameter("grad_output", inspect.Parameter.POSITIONAL_ONLY)
    forward.__signature__ = signature  # type: ignore[attr-defined]
    backward.__signature__ = inspect.Signature([first, *(_by_position(p) for p in taken)])  # type: ignore[attr-defined]
    name = getattr(found, "__name__", type(found).__name__)
    return SimpleNamespace(forward=forward, backward=backward, __name__=name)


def _in_numbers(tensors: tuple[Any, ...], parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters, with a padding in numbers where it has a name that means as much at both ends of each axis."""
    name = parameters.get("padding")
    if not isinstance(name, str):
        return parameters
    x, kernel, *_ = tensors
    moves = {n: parameters[n] for n in ("stride", "dilation") if n in parameters}
    with ours:
        from reference._window import window
    over = window(x.shape[2:], kernel.shape[2:], padding=name, **moves)
    if over.before != over.after:
        return parameters
    alike = len(set(over.before)) == 1  # one number: not everybody takes one for each axis
    return {**parameters, "padding": over.before[0] if alike else over.before}


def _refusal(op: Op, tensors: tuple[Any, ...], parameters: dict[str, Any]) -> str:
    """What torch's own function of the op says where it does not do this case, or nothing."""
    try:
        op.twin(*tensors, **{**op.takes.defaults, **parameters})
    except Exception as refusal:  # noqa: BLE001, whatever it is, it is compared with what the code said
        return str(refusal)
    return ""


def _by_position(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter without its default, which none may follow that has no default."""
    return (
        parameter
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        else parameter.replace(default=inspect.Parameter.empty)
    )


def _function(op: Op, found: Any, device: str) -> tuple[Any, inspect.Signature]:
    """What to call with tensors and parameters, and what it takes."""
    import torch

    if inspect.isclass(found) and issubclass(found, torch.autograd.Function):
        _, *taken = inspect.signature(found.forward).parameters.values()  # without ctx
        names = [p.name for p in taken if p.name in op.takes.defaults]
        # apply takes no keywords: parameters follow the inputs, in the order in which forward names them.
        apply: Any = found.apply
        return lambda *inputs, **p: apply(*inputs, *(p.get(n, op.takes.defaults[n]) for n in names)), inspect.Signature(
            taken
        )
    if inspect.isclass(found) and issubclass(found, torch.nn.Module):
        found = found()
    if isinstance(found, torch.nn.Module):
        module, signature = found.to(device), inspect.signature(found.forward)
        names = [name for name in op.inputs if name in dict(module.named_parameters())]

        def with_weights(*inputs: Any, **parameters: Any) -> Any:
            given = dict(zip(op.inputs, inputs, strict=False))
            weights = {name: given.pop(name) for name in names}
            for name in [name for name, tensor in weights.items() if tensor is None]:
                raise NotImplementedError(f"the module has a {name}")
            return torch.func.functional_call(module, weights, tuple(given.values()), parameters)

        arrays = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in op.inputs]
        named = [p for p in signature.parameters.values() if p.name in op.takes.defaults]
        return with_weights, inspect.Signature(
            [*arrays, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in named)]
        )
    if not callable(found):
        raise NotAnImplementation(f"{found!r} cannot be called; expected a function of torch tensors")
    try:
        return found, inspect.signature(found)
    except (TypeError, ValueError):  # built in: torch.nn.functional.conv2d says nothing of what it takes
        anything = [
            inspect.Parameter("inputs", inspect.Parameter.VAR_POSITIONAL),
            inspect.Parameter("parameters", inspect.Parameter.VAR_KEYWORD),
        ]
        return found, inspect.Signature(anything)
