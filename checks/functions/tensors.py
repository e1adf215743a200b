"""A function of tensors as one of arrays, with the backward that autograd makes of it.

What is handed over lies in the very memory of the arrays where torch can have it there (subjects/tensors.py), so that what
is written to in place is seen. Whole numbers are tensors of whole numbers, without a gradient; complex ones are complex.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from checks.functions.trees import leaves, of_leaves
from checks.numbers.pairs import TORCH
from checks.numbers.precision import Array
from checks.subjects.beyond import of_each_sample
from checks.subjects.bridges.torch import lacks
from checks.subjects.implementation import made
from checks.subjects.refusals import NotAnImplementation
from checks.subjects.tensors import Between, Handed, apart, ends_here, passed_on

Function = Callable[..., Any]


def of_arrays(found: Any, narrow: str = "") -> tuple[Function, Function, list[tuple[str, tuple[int, ...]]]]:  # noqa: C901, PLR0915, closures over one function
    """Forward, backward, and the inputs that follow those of forward: the parameters of a module, with their shapes.

    narrow  "bfloat16" if that is what arrays of float32 hold, or nothing

    Raises NotAnImplementation, in one sentence, for what cannot be called.
    """
    called, names, weights = _called(found)
    handed, between = partial(_handed, narrow=narrow), Between()

    def forward(*arrays: Array) -> Any:
        between.keep(arrays, lambda others: called(*handed(others).tensors))
        given = handed(arrays)
        y = called(*given.tensors)
        given.write_back()
        return of_leaves(y, [_numbers(given, leaf) for leaf in leaves(y)])

    def backward(grad_output: Any, *arrays: Array) -> tuple[Any, ...]:
        import torch

        given, above = handed(arrays), handed(leaves(grad_output))
        own = [t.detach().requires_grad_() if _moves(t) else None for t in given.tensors]
        passed = [t if leaf is None else passed_on(leaf, t) for leaf, t in zip(own, given.tensors, strict=True)]
        y, wanted = leaves(called(*passed)), [leaf for leaf in own if leaf is not None]
        between.come(arrays)
        pairs = [(a, g) for a, g in zip(y, above.tensors, strict=True) if getattr(a, "requires_grad", False)]
        if pairs:
            outputs, cotangents = zip(*((a, g.to(a.dtype)) for a, g in pairs), strict=True)
            gradients: tuple[Any, ...] = torch.autograd.grad(outputs, wanted, cotangents, allow_unused=True)
        else:
            gradients = tuple(None for _ in wanted)
        every = [torch.zeros_like(t) if g is None else g for g, t in zip(gradients, wanted, strict=True)]
        separate = iter(apart(every, above.tensors[0]))
        given.write_back()
        above.write_back()
        return tuple(None if leaf is None else given.numpy(next(separate)) for leaf in own)

    def double_backward(grad_grads: Any, grad_output: Any, *arrays: Array) -> tuple[Any, ...]:
        import torch

        given, above, beyond = handed(arrays), handed(leaves(grad_output)), handed(leaves(grad_grads))
        own = [t.detach().requires_grad_() if t.is_floating_point() else None for t in given.tensors]
        passed = [t if leaf is None else leaf for leaf, t in zip(own, given.tensors, strict=True)]
        g = [t.detach().requires_grad_() for t in above.tensors]
        y, wanted = leaves(called(*(t.clone() for t in passed))), [leaf for leaf in own if leaf is not None]
        pairs = [(a, one.to(a.dtype)) for a, one in zip(y, g, strict=True) if getattr(a, "requires_grad", False)]
        outputs, cotangents = zip(*pairs, strict=True)
        first = torch.autograd.grad(outputs, wanted, cotangents, allow_unused=True, create_graph=True)
        kept = [(a, u) for a, u in zip(first, beyond.tensors, strict=True) if a is not None and a.requires_grad]
        if not kept:
            raise TypeError("its gradients are not computed by what autograd can differentiate")
        outputs, cotangents = zip(*kept, strict=True)
        if any(map(ends_here, outputs)):
            raise TypeError("trying to differentiate twice a function that was marked with @once_differentiable")
        found = torch.autograd.grad(outputs, [*g, *wanted], cotangents, allow_unused=True)
        every = [torch.zeros_like(t) if one is None else one for one, t in zip(found, [*g, *wanted], strict=True)]
        above_it, rest = every[: len(g)], iter(every[len(g) :])
        numbers = [given.numpy(t) for t in above_it]
        return (
            of_leaves(grad_output, numbers),
            *(None if leaf is None else given.numpy(next(rest)) for leaf in own),
        )

    def jvp(tangents: Sequence[Any], *arrays: Array) -> Any:
        import torch

        given = handed(arrays)
        along = handed([np.zeros_like(a) if t is None else t for t, a in zip(tangents, arrays, strict=True)])
        real = [at for at, t in enumerate(given.tensors) if t.is_floating_point()]

        def of_real(*tensors: Any) -> Any:
            every = list(given.tensors)
            for at, t in zip(real, tensors, strict=True):
                every[at] = t
            return called(*every)

        primal, moved = tuple(given.tensors[at] for at in real), tuple(along.tensors[at] for at in real)
        found = torch.func.jvp(of_real, primal, moved)[1]
        return of_leaves(found, [_numbers(given, leaf) for leaf in leaves(found)])

    def vmapped(which: Array, grad_output: Array, *arrays: Array) -> tuple[Any, ...]:
        given, above = handed(arrays), handed([grad_output]).tensors[0]
        places = [at for at, t in enumerate(given.tensors) if _moves(t)]
        found = of_each_sample(called, given.tensors, [int(at) for at in which], places, above)
        numbers = dict(zip(places, (_numbers(given, one) for one in found), strict=True))
        return tuple(numbers.get(at) for at in range(len(arrays)))

    forward.vmapped = vmapped  # type: ignore[attr-defined]
    forward.narrow = narrow  # type: ignore[attr-defined]
    forward.jvp = jvp  # type: ignore[attr-defined]
    forward.lacks = lacks(found)  # type: ignore[attr-defined]
    backward.double_backward = double_backward  # type: ignore[attr-defined]
    backward.convention = TORCH  # type: ignore[attr-defined]
    one: Any
    for one, more in (forward, ()), (backward, ("grad_output",)), (double_backward, ("grad_grads", "grad_output")):
        one.__name__ = getattr(found, "__name__", type(found).__name__)
        kind = inspect.Parameter.POSITIONAL_ONLY
        if names:
            signature = inspect.Signature([inspect.Parameter(n, kind) for n in (*more, *names)])
            one.__signature__ = signature
    return forward, backward, weights


def with_tensors(found: Any, narrow: str = "") -> Function:
    """A backward of tensors as one of arrays."""

    def backward(grad_output: Any, *arrays: Array) -> Any:
        above, given = (_handed(a, narrow) for a in (leaves(grad_output), arrays))
        gradients = found(of_leaves(grad_output, above.tensors), *given.tensors)
        given.write_back()
        above.write_back()
        if not isinstance(gradients, tuple | list):
            return _numbers(given, gradients)
        return tuple(None if g is None else _numbers(given, g) for g in gradients)

    backward.__name__ = getattr(found, "__name__", type(found).__name__)
    return backward


def _handed(arrays: Sequence[Any], narrow: str = "") -> Handed:
    import torch

    arrays = [np.asarray(a) for a in arrays]
    kind = next((a.dtype for a in arrays if a.dtype.kind in "fc"), np.dtype("float64"))
    if kind in {np.dtype(np.longdouble), np.dtype(np.clongdouble)}:
        raise TypeError(f"torch has no {kind}")
    name = narrow if narrow and kind == np.float32 else str(kind)
    return Handed(arrays, getattr(torch, name), "cpu")


def _moves(t: Any) -> bool:
    """Whether it has a gradient: whole numbers have none."""
    return bool(t.is_floating_point() or t.is_complex())


def _numbers(given: Handed, result: Any) -> Any:
    import torch

    if isinstance(result, torch.Tensor):
        return given.numpy(result.detach().resolve_conj().resolve_neg())
    return result


def _called(found: Any) -> tuple[Function, list[str], list[tuple[str, tuple[int, ...]]]]:
    """What to call with tensors, what its inputs are called if it says so, and those that are weights."""
    import torch

    if inspect.isclass(found) and issubclass(found, torch.autograd.Function):
        taken = inspect.signature(found.forward).parameters
        several = any(
            p.kind is p.VAR_POSITIONAL for p in taken.values()
        )  # of which only the code itself knows how many
        names = [] if several else list(taken)
        apply: Function = found.apply
        return apply, names[1:] if names[:1] == ["ctx"] else names, []
    if inspect.isclass(found) and issubclass(found, torch.nn.Module):
        found = made(found.__name__, found)
    if isinstance(found, torch.nn.Module):
        return _of_module(found)
    if not callable(found):
        raise NotAnImplementation(f"{found!r} cannot be called; expected a function of torch tensors")
    try:
        kinds = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return found, [], []
    given = [p for p in kinds if p.default is p.empty and p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    return found, [] if any(p.kind is p.VAR_POSITIONAL for p in kinds) else [p.name for p in given], []


def _of_module(module: Any) -> tuple[Function, list[str], list[tuple[str, tuple[int, ...]]]]:
    import torch

    weights = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
    copies: dict[Any, Any] = {}  # buffers have a precision too

    def called(*tensors: Any) -> Any:
        inputs, own = tensors[: len(tensors) - len(weights)], tensors[len(tensors) - len(weights) :]
        dtype = next((t.dtype for t in tensors if t.is_floating_point()), None)
        if dtype not in copies:
            copies[dtype] = copy.deepcopy(module) if dtype is None else copy.deepcopy(module).to(dtype)
        return torch.func.functional_call(copies[dtype], dict(zip(weights, own, strict=True)), inputs)

    names = [n for n, p in inspect.signature(module.forward).parameters.items() if p.default is p.empty]
    return called, [*names, *(name.replace(".", "_") for name in weights)], list(weights.items())
