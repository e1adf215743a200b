"""Anything differentiable in TensorFlow: a function of tensors, a keras Layer with the weights as inputs; tf.function.

What TensorFlow says that it does not implement, as grouped convolutions on some devices, is not supported.
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


@dataclass(frozen=True)
class TensorFlow:
    """TensorFlow, as pulled.py asks of it."""

    dtype: str
    device: str

    def array(self, a: Array) -> Any:
        """A copy."""
        import tensorflow as tf

        with tf.device(self.device):
            tensor = tf.constant(np.array(a, order="C"))
            return tf.cast(tensor, self.dtype) if a.dtype.kind == "f" else tensor

    def numpy(self, array: Any) -> Array:
        """A copy."""
        import tensorflow as tf

        return np.array((tf.cast(array, "float32") if array.dtype == tf.bfloat16 else array).numpy())

    def is_array(self, found: Any) -> bool:
        """Whether it is a tensor or a variable, one of keras too: in a layer a tensor stands in for it."""
        import tensorflow as tf

        return isinstance(found, tf.Tensor | tf.Variable) or type(found).__module__.startswith("keras.")

    def pulled(self, function: Several, arrays: Sequence[Any], cotangents: Sequence[Any]) -> Sequence[Any]:
        """By tf.GradientTape."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(list(arrays))
            y = function(*arrays)
        above = [tf.cast(c, one.dtype) for c, one in zip(cotangents, y, strict=True)]
        gradients: list[Any] = tape.gradient(list(y), list(arrays), output_gradients=above)
        return gradients

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """By tf.function."""
        import tensorflow as tf

        made: Callable[..., Any] = tf.function(function)
        return made


def framework(dtype: str, device: str) -> TensorFlow:
    """What computes so."""
    return TensorFlow(dtype, device)


def bridged(op: Op, found: Any, *, dtype: str, device: str, compiled: bool = False) -> Any:
    """`found` as forward and backward on NumPy arrays; gradients come through tf.GradientTape."""
    import tensorflow as tf

    made = through(op, found, framework(dtype, device), compiled=compiled)
    made.forward = _supported(made.forward, tf.errors.UnimplementedError)
    made.backward = _supported(made.backward, tf.errors.UnimplementedError)
    return made


def _supported(part: Callable[..., Any], refusal: type[Exception]) -> Callable[..., Any]:
    def call(*arrays: Any, **parameters: Any) -> Any:
        try:
            return part(*arrays, **parameters)
        except refusal as error:
            raise NotImplementedError(str(error).strip().splitlines()[0]) from error

    call.__name__ = part.__name__
    call.__signature__ = part.__signature__  # type: ignore[attr-defined]  # as passing.py sets it
    return call
