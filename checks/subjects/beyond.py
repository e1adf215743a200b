"""What torch makes of a function beyond its backward: the double backward of autograd."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.tensors import Handed, apart, ends_here, passed_on

Hand = Callable[[tuple[Array | None, ...]], Handed]


def derivatives(op: Op, function: Callable[..., Any], handed: Hand) -> Mapping[str, Callable[..., Any]]:
    """By their names in the protocol: each of NumPy arrays, for a function of tensors of the op's inputs."""

    def double_backward(
        grad_grads: Any, grad_output: Array, *inputs: Array | None, **parameters: Any
    ) -> tuple[Any, ...]:
        import torch

        given, above, beyond = handed(inputs), handed((grad_output,)), handed(tuple(grad_grads))
        named = list(zip(op.inputs, given.tensors, strict=False))
        leaves = {n: t.detach().requires_grad_() for n, t in named if t is not None and n in op.takes.differentiable}
        passed = (passed_on(leaves[n], t) if n in leaves else t for n, t in named)
        wanted = [above.tensors[0].detach().requires_grad_(), *leaves.values()]
        y = function(*passed, **parameters)
        first = torch.autograd.grad(y, list(leaves.values()), wanted[0], allow_unused=True, create_graph=True)
        us = [u for (n, _), u in zip(named, beyond.tensors, strict=False) if n in leaves]
        pairs = [(a, u) for a, u in zip(first, us, strict=True) if a is not None and a.requires_grad]
        if not pairs or any(ends_here(a) for a, _ in pairs):
            raise NotImplementedError("has no double backward: its gradients cannot be differentiated")
        results, cotangents = zip(*pairs, strict=True)
        found = torch.autograd.grad(results, wanted, cotangents, allow_unused=True)
        every = [torch.zeros_like(t) if a is None else a for a, t in zip(found, wanted, strict=True)]
        of_g, *rest = apart(every, above.tensors[0])
        gradients = dict(zip(leaves, rest, strict=True))
        for one in (given, above, beyond):
            one.write_back()
        return given.numpy(of_g), *(given.numpy(gradients.get(n)) for n, _ in named)

    return {"double_backward": double_backward}
