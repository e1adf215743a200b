"""Anything differentiable in MLX: a function of arrays, an mlx.nn.Module with the weights as inputs; mx.compile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.nested import through
from checks.subjects.pulled import Several
from checks.subjects.refusals import NotAnImplementation

DEVICES = ("cpu", "gpu")


@dataclass(frozen=True)
class Mlx:
    """MLX, as pulled.py asks of it; `narrow`, since a convolution that is transposed is none in float64."""

    dtype: str
    narrow = True

    def array(self, a: Array) -> Any:
        """A copy; mx.array takes no negative strides."""
        import mlx.core as mx

        numbers = np.array(a, order="C")
        return mx.array(numbers, dtype=getattr(mx, self.dtype)) if a.dtype.kind == "f" else mx.array(numbers)

    def numpy(self, array: Any) -> Array:
        """A copy."""
        import mlx.core as mx

        return np.array(array.astype(mx.float32) if array.dtype == mx.bfloat16 else array)

    def is_array(self, found: Any) -> bool:
        """Whether it is an mx.array."""
        import mlx.core as mx

        return isinstance(found, mx.array)

    def pulled(self, function: Several, arrays: Sequence[Any], cotangents: Sequence[Any]) -> Sequence[Any]:
        """By mx.vjp, which takes each cotangent in the dtype of its y."""
        import mlx.core as mx

        def in_their_dtypes(*leaves: Any) -> Any:
            return [y.astype(c.dtype) for y, c in zip(function(*leaves), cotangents, strict=True)]

        _, gradients = mx.vjp(in_their_dtypes, list(arrays), list(cotangents))
        return list(gradients)

    def pushed(self, function: Several, arrays: Sequence[Any], tangents: Sequence[Any]) -> Sequence[Any]:
        """By mx.jvp; NotImplementedError where a primitive has none."""
        import mlx.core as mx

        try:
            return list(mx.jvp(function, list(arrays), list(tangents))[1])
        except (ValueError, RuntimeError) as error:
            if "jvp" in str(error).lower() or "not implemented" in str(error).lower():
                raise NotImplementedError(f"has no forward mode: {' '.join(str(error).split())}") from error
            raise

    def parts(self, layer: Any) -> tuple[dict[str, Any], Callable[[Sequence[Any]], Any]]:
        """The parameters of an mlx.nn.Module by name, and what puts others in their place."""
        from mlx.utils import tree_flatten, tree_unflatten

        own = dict(tree_flatten(layer.trainable_parameters())) if hasattr(layer, "trainable_parameters") else {}

        def made(arrays: Sequence[Any]) -> Any:
            layer.update(tree_unflatten(list(zip(own, arrays, strict=True))))
            return layer

        return own, made

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """By mx.compile, which fuses kernels; the shapes are always those that it was traced with."""
        import mlx.core as mx

        made: Callable[..., Any] = mx.compile(function)
        return made


def framework(dtype: str, device: str) -> Mlx:
    """What computes so; raises NotAnImplementation for what it has not."""
    import mlx.core as mx

    if dtype == "float64" and device != "cpu":
        raise NotAnImplementation(f"MLX has no float64 on {device}; expected cpu, or --dtype float32")
    if device not in DEVICES:
        raise NotAnImplementation(f"MLX has no device {device!r}; expected {' or '.join(DEVICES)}")
    mx.set_default_device(getattr(mx, device))
    return Mlx(dtype)


def bridged(op: Op, found: Any, *, dtype: str, device: str, compiled: bool = False) -> Any:
    """`found` as forward and backward on NumPy arrays; gradients come through mx.vjp."""
    return through(op, found, framework(dtype, device), compiled=compiled)
