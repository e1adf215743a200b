"""Anything differentiable in torch: a function, an autograd.Function, an nn.Module with the weights as inputs."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.implementation import NotAnImplementation


def bridged(op: Op, found: Any, *, dtype: str, device: str) -> Any:
    """`found` as forward and backward on NumPy arrays; gradients come through autograd, from its own backward."""
    import torch

    function, signature = _function(op, found, device)

    def tensor(array: Array | None) -> Any:
        if array is None:
            return None
        on_device = torch.from_numpy(array.copy()).to(device)
        return on_device.to(getattr(torch, dtype)) if on_device.is_floating_point() else on_device

    def numpy(result: Any) -> Any:
        if not isinstance(result, torch.Tensor):
            return result
        whole = result.detach().cpu()
        return (whole.float() if whole.dtype == torch.bfloat16 else whole).numpy()

    def forward(*inputs: Array | None, **parameters: Any) -> Any:
        return numpy(function(*map(tensor, inputs), **parameters))

    def backward(grad_output: Array, *inputs: Array | None, **parameters: Any) -> tuple[Any, ...]:
        tensors = [tensor(a) for a in inputs]
        wanted = [
            t.requires_grad_()
            for n, t in zip(op.inputs, tensors, strict=False)
            if t is not None and n in op.takes.differentiable
        ]
        y = function(*tensors, **parameters)
        gradients = iter(torch.autograd.grad(y, wanted, tensor(grad_output), allow_unused=True))
        return tuple(numpy(next(gradients)) if t is not None and t.requires_grad else None for t in tensors)

    taken = list(signature.parameters.values())
    first = inspect.Parameter("grad_output", inspect.Parameter.POSITIONAL_ONLY)
    forward.__signature__ = signature  # type: ignore[attr-defined]
    backward.__signature__ = inspect.Signature([first, *(_by_position(p) for p in taken)])  # type: ignore[attr-defined]
    name = getattr(found, "__name__", type(found).__name__)
    return SimpleNamespace(forward=forward, backward=backward, __name__=name)


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
