"""Anything differentiable in Paddle: a function of tensors, a Layer with the weights as inputs; paddle.jit.to_static."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.nested import through
from checks.subjects.pulled import Several


@dataclass(frozen=True)
class Paddle:
    """Paddle, as pulled.py asks of it."""

    dtype: str

    def array(self, a: Array) -> Any:
        """A copy."""
        import paddle

        numbers = np.array(a, order="C")
        return paddle.to_tensor(numbers).astype(self.dtype) if a.dtype.kind == "f" else paddle.to_tensor(numbers)

    def numpy(self, array: Any) -> Array:
        """A copy."""
        import paddle

        return np.array((array.astype("float32") if array.dtype == paddle.bfloat16 else array).numpy())

    def is_array(self, found: Any) -> bool:
        """Whether it is a Tensor; a parameter of a layer is one."""
        import paddle

        return isinstance(found, paddle.Tensor)

    def pulled(self, function: Several, arrays: Sequence[Any], cotangents: Sequence[Any]) -> Sequence[Any]:
        """By paddle.grad."""
        import paddle

        leaves = [a.detach() for a in arrays]
        for leaf in leaves:
            leaf.stop_gradient = False
        y = function(*leaves)
        above = [c.astype(one.dtype) for c, one in zip(cotangents, y, strict=True)]
        gradients: list[Any] = paddle.grad(list(y), leaves, above, allow_unused=True)
        return gradients

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """By paddle.jit.to_static."""
        import paddle

        made: Callable[..., Any] = paddle.jit.to_static(function)
        return made


def framework(dtype: str, device: str) -> Paddle:
    """What computes so."""
    import paddle

    paddle.set_device(device)
    return Paddle(dtype)


def bridged(op: Op, found: Any, *, dtype: str, device: str, compiled: bool = False) -> Any:
    """`found` as forward and backward on NumPy arrays; gradients come through paddle.grad."""
    return through(op, found, framework(dtype, device), compiled=compiled)
