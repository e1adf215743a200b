"""Anything differentiable in torch: a function, an autograd.Function, an nn.Module with the weights as inputs.

What a caller relies on is asked of torch's own tensors (subjects/tensors.py): they lie as the arrays do, what is written to
them is written to the arrays, and a y that is a view of an input is one of the array. Gradients are taken apart from one
another and from the cotangent: of x + bias autograd itself returns one tensor for all, which nobody can help who uses it.

Paddings are passed in numbers (passing.py) where there is such a number; else an error is a refusal. In all else an error
is torch's refusal, and no crash, if torch's own function of the op refuses this very case in the same words.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np

from checks.numbers.pairs import TORCH
from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.adapting.words import called, plain
from checks.subjects.beyond import derivatives
from checks.subjects.keeping import spoken
from checks.subjects.offered import FORWARD, SECOND
from checks.subjects.passing import in_numbers, of_a_layer, signed, taken
from checks.subjects.refusals import NotAnImplementation
from checks.subjects.tensors import Between, Handed, apart, passed_on

UNLIMITED = 1 << 20  # versions of one function


@dataclass(frozen=True)
class Torch:
    """torch, as keeping.py asks of it for a module."""

    dtype: str
    device: str

    def array(self, a: Array) -> Any:
        """A copy, in the dtype if it is of real numbers."""
        import torch

        tensor = torch.tensor(np.array(a, order="C"), device=self.device)
        return tensor.to(getattr(torch, self.dtype)) if a.dtype.kind == "f" else tensor

    def numpy(self, array: Any) -> Array:
        """A copy, that of bfloat16 in float32."""
        import torch

        tensor = array.detach().cpu()
        return np.array((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())

    def is_array(self, found: Any) -> bool:
        """Whether it is a tensor."""
        import torch

        return isinstance(found, torch.Tensor)

    def pulled(self, function: Any, arrays: Sequence[Any], cotangents: Sequence[Any]) -> Sequence[Any]:
        """By torch.autograd.grad."""
        import torch

        leaves = [a.detach().requires_grad_() for a in arrays]
        return torch.autograd.grad(list(function(*leaves)), leaves, list(cotangents), allow_unused=True)

    def compiled(self, function: Any) -> Any:
        """By inductor."""
        return _compiled(function)

    def parts(self, op: Op, module: Any) -> tuple[dict[str, Any], Callable[[Sequence[Any]], Any]]:
        """Its parameters, by name, and what makes a function of others; its buffers are brought to the dtype.

        A buffer that is an input of the op, as a mean that was gathered in training, is one of them.
        """
        import torch

        module.to(self.device, getattr(torch, self.dtype))
        inputs = {name for n in op.takes.constant for name in called(n)}
        buffers = {n: a for n, a in module.named_buffers() if plain(n.rpartition(".")[2]) in inputs}
        own = {**dict(module.named_parameters()), **buffers}
        writes = _writes(module)

        def made(arrays: Sequence[Any]) -> Any:
            given = dict(zip(own, arrays, strict=True))
            if isinstance(module, torch.jit.ScriptModule):  # which knows no other arrays than its own
                for name, array in given.items():
                    *parts, last = name.split(".")
                    reduce(getattr, parts, module)._c.setattr(last, array)  # noqa: SLF001, its own __setattr__ takes parameters only
                return module
            return lambda *inputs, **named: torch.func.functional_call(
                module, given, tuple(_copied(inputs) if writes else inputs), named
            )

        return own, made


def bridged(op: Op, found: Any, *, dtype: str, device: str, compiled: bool = False) -> Any:
    """`found` as forward and backward on NumPy arrays; gradients come through autograd, from its own backward."""
    import torch

    if inspect.isclass(found) and issubclass(found, torch.nn.Module):
        found = found()

    def by_names(dtype: str, *, compiled: bool) -> Any:
        return _by_names(op, found, dtype=dtype, device=device, compiled=compiled)

    if not isinstance(found, torch.nn.Module):
        return by_names(dtype, compiled=compiled)
    made = partial(Torch, device=device)
    return spoken(op, found, by_names, made, lambda own, _: own.parts(op, found), dtype, compiled=compiled)


def _by_names(op: Op, found: Any, *, dtype: str, device: str, compiled: bool) -> Any:
    """It, where arrays and parameters are called as the op's."""
    import torch

    own, signature = _function(op, found, device)
    writes, axes = _writes(found), _axes_of(op, found)
    own = _compiled(own) if compiled else own

    def function(*tensors: Any, **parameters: Any) -> Any:
        numbers = in_numbers(tensors, parameters)
        if axes and tensors[0].dim() - 2 != axes:  # torch would take one axis less for one sample
            raise NotImplementedError(f"is made for {axes}d alone, as its name says")
        try:
            return own(*(_copied(tensors) if writes else tensors), **numbers)
        except (RuntimeError, ValueError) as error:
            if isinstance(name := numbers.get("padding"), str):
                raise NotImplementedError(f"does not take padding {name!r}") from error
            if str(error) == _refusal(op, tensors, parameters):
                raise NotImplementedError(str(error).strip().splitlines()[0]) from error
            raise

    def handed(arrays: tuple[Array | None, ...]) -> Handed:
        return Handed(arrays, getattr(torch, dtype), device)

    between = Between()

    def forward(*inputs: Array | None, **parameters: Any) -> Any:
        between.keep(inputs, lambda others: function(*handed(tuple(others)).tensors, **parameters))
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
        between.come(inputs)
        found = torch.autograd.grad(y, list(leaves.values()), above.tensors[0], allow_unused=True)
        gradients = dict(zip(leaves, apart(found, above.tensors[0]), strict=True))
        given.write_back()
        above.write_back()
        return tuple(given.numpy(gradients.get(n)) for n, _ in named)

    name = getattr(found, "__name__", type(found).__name__)
    beyond = derivatives(op, function, handed)
    made = signed(forward, backward, signature, name, lacks(found), TORCH, **beyond)
    made.assumed = ("inplace: it is told to write into what it is given, so it is given a copy",) if writes else ()
    return made


def _axes_of(op: Op, found: Any) -> int:
    """How many spatial axes the name of a function says that it takes, as avg_pool2d; 0 where it says nothing."""
    said = re.search(r"([123])d$", getattr(getattr(found, "func", found), "__name__", ""))
    return int(said[1]) if said and op.takes.dims and not inspect.isclass(found) else 0


def _copied(inputs: Sequence[Any]) -> list[Any]:
    """Copies of what are tensors."""
    import torch

    return [one.clone() if isinstance(one, torch.Tensor) else one for one in inputs]


def _writes(found: Any) -> bool:
    """Whether it is a module that is told to write into what it is given, as ReLU(inplace=True)."""
    import torch

    return isinstance(found, torch.nn.Module) and any(
        getattr(part, "inplace", False) is True for part in found.modules()
    )


def owns(found: Any) -> bool:
    """Whether something has a backward by torch alone: a module that is made, or an autograd.Function."""
    torch = sys.modules.get("torch")  # which whoever made it has imported
    if torch is None or not hasattr(torch, "nn"):
        return False
    return isinstance(found, torch.nn.Module) or (inspect.isclass(found) and issubclass(found, torch.autograd.Function))


def lacks(found: Any) -> tuple[str, ...]:
    """What an autograd.Function does not have: forward mode without a jvp, more orders of what is marked as of one."""
    import torch

    base = torch.autograd.Function
    if not inspect.isclass(found) or not issubclass(found, base):
        return ()
    once = getattr(getattr(found.backward, "__code__", None), "co_filename", "") == base.apply.__code__.co_filename
    return (*(SECOND if once else ()), *(FORWARD if found.jvp is base.jvp else ()))


def _refusal(op: Op, tensors: tuple[Any, ...], parameters: dict[str, Any]) -> str:
    """What torch's own function of the op says where it does not do this case, or nothing."""
    try:
        op.twin(*tensors, **{**op.takes.defaults, **parameters})
    except Exception as refusal:  # noqa: BLE001, whatever it is, it is compared with what the code said
        return str(refusal)
    return ""


def _function(op: Op, found: Any, device: str) -> tuple[Any, inspect.Signature]:
    """What to call with tensors and parameters, and what it takes."""
    import torch

    if inspect.isclass(found) and issubclass(found, torch.autograd.Function):
        _, *own = inspect.signature(found.forward).parameters.values()  # without ctx
        names = [p.name for p in own if p.name in op.takes.defaults]
        # apply takes no keywords: parameters follow the inputs, in the order in which forward names them.
        apply: Any = found.apply
        return lambda *inputs, **p: apply(*inputs, *(p.get(n, op.takes.defaults[n]) for n in names)), inspect.Signature(
            own
        )
    if isinstance(found, torch.nn.Module):
        module, signature = found.to(device), inspect.signature(found.forward)
        names = [name for name in op.inputs if name in dict(module.named_parameters())]

        def with_weights(*inputs: Any, **parameters: Any) -> Any:
            given = dict(zip(op.inputs, inputs, strict=False))
            weights = {name: given.pop(name) for name in names}
            for name in [name for name, tensor in weights.items() if tensor is None]:
                raise NotImplementedError(f"the module has a {name}")
            return torch.func.functional_call(module, weights, tuple(given.values()), parameters)

        return with_weights, of_a_layer(op, signature)
    if not callable(found):
        raise NotAnImplementation(f"{found!r} cannot be called; expected a function of torch tensors")
    return found, taken(found)


def _compiled(function: Any) -> Any:
    """What torch.compile makes of it by inductor, for as many shapes and parameters as come, else it would stop."""
    import torch

    torch._dynamo.config.recompile_limit = torch._dynamo.config.accumulated_recompile_limit = UNLIMITED  # noqa: SLF001, torch's own name for it
    return torch.compile(function)
