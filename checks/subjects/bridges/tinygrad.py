"""Anything differentiable in tinygrad: a function of tensors, an object that is called and holds the weights; TinyJit.

Everything there is compiled when its numbers are asked for, on the CPU by clang; a TinyJit captures the kernels in its
second call and runs them again in every later one, so it is called until it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.nested import through
from checks.subjects.pulled import Several

CAPTURED = 2  # calls of a TinyJit after which it only runs what it has captured


@dataclass(frozen=True)
class Tinygrad:
    """tinygrad, as pulled.py asks of it."""

    dtype: str
    device: str

    def array(self, a: Array) -> Any:
        """A copy, with numbers that are there already: a TinyJit takes no other."""
        from tinygrad import Tensor, dtypes

        tensor = Tensor(np.array(a, order="C"), device=self.device)
        return (tensor.cast(getattr(dtypes, self.dtype)) if a.dtype.kind == "f" else tensor).contiguous().realize()

    def numpy(self, array: Any) -> Array:
        """A copy."""
        from tinygrad import dtypes

        tensor = array.detach()
        return np.array((tensor.float() if tensor.dtype == dtypes.bfloat16 else tensor).numpy())

    def is_array(self, found: Any) -> bool:
        """Whether it is a Tensor."""
        from tinygrad import Tensor

        return isinstance(found, Tensor)

    def pulled(self, function: Several, arrays: Sequence[Any], cotangents: Sequence[Any]) -> Sequence[Any]:
        """By Tensor.gradient; of y that is an input as it is, by the gradient of a product with 1."""
        y = function(*arrays)
        above = [c.cast(one.dtype) for c, one in zip(cotangents, y, strict=True)]
        if len(y) == 1:
            gradients: list[Any] = y[0].gradient(*arrays, gradient=above[0])
            return gradients
        first, *rest = [(one * c).sum() for one, c in zip(y, above, strict=True)]
        found: list[Any] = sum(rest, first).gradient(*arrays)
        return found

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """By TinyJit."""
        from tinygrad import TinyJit

        def realized(*arrays: Any) -> Any:
            found = function(*arrays)
            return [g.realize() for g in found] if isinstance(found, list) else found.realize()

        captured = TinyJit(realized)

        def run(*arrays: Any) -> Any:
            for _ in range(CAPTURED if not captured.cnt else 0):
                captured(*arrays)
            return captured(*arrays)

        return run


def framework(dtype: str, device: str) -> Tinygrad:
    """What computes so."""
    return Tinygrad(dtype, device.upper())


def bridged(op: Op, found: Any, *, dtype: str, device: str, compiled: bool = False) -> Any:
    """`found` as forward and backward on NumPy arrays; gradients come through Tensor.gradient."""
    return through(op, found, framework(dtype, device), compiled=compiled)
