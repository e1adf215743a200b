"""Anything differentiable in JAX: a function of arrays, an equinox or a flax module with the weights as inputs; jax.jit.

float64 is switched on in this process, as JAX_ENABLE_X64 does. Of a flax.linen module, which holds no arrays, the inputs
that its __call__ does not take are the parameters of these names; of the others, the arrays that they hold (pulled.py).
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from checks.numbers.pairs import JAX
from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.keeping import spoken
from checks.subjects.nested import Nested, as_implementation, made_in, through
from checks.subjects.offered import FORWARD
from checks.subjects.passing import of_a_layer, taken
from checks.subjects.pulled import Several
from checks.subjects.refusals import NotAnImplementation

WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Jax:
    """JAX, as pulled.py asks of it."""

    dtype: str
    device: Any
    convention = JAX

    def array(self, a: Array) -> Any:
        """A copy, on the device: jax.numpy.asarray may share the memory, which a caller may then write to."""
        import jax

        dtype = self.dtype if a.dtype.kind == "f" else a.dtype
        return jax.device_put(jax.numpy.array(a, dtype), self.device)

    def numpy(self, array: Any) -> Array:
        """A copy."""
        return np.array(array.astype("float32") if str(array.dtype) == "bfloat16" else array)

    def is_array(self, found: Any) -> bool:
        """What jit and grad hand on is one as well."""
        import jax

        return isinstance(found, jax.Array)

    def pulled(self, function: Several, arrays: Sequence[Any], cotangents: Sequence[Any]) -> Sequence[Any]:
        """By jax.vjp, which wants each cotangent in the dtype of its y."""
        import jax

        y, pull = jax.vjp(function, *arrays)
        gradients: tuple[Any, ...] = pull([c.astype(one.dtype) for c, one in zip(cotangents, y, strict=True)])
        return gradients

    def pushed(self, function: Several, arrays: Sequence[Any], tangents: Sequence[Any]) -> Sequence[Any]:
        """By jax.jvp; NotImplementedError where it says that there is no such mode, as of every custom_vjp."""
        import jax

        try:
            found: Sequence[Any] = jax.jvp(function, tuple(arrays), tuple(tangents))[1]
        except (TypeError, NotImplementedError) as error:
            if "forward-mode" in str(error):
                raise NotImplementedError(f"has no forward mode: {' '.join(str(error).split())}") from error
            raise
        return found

    def vmapped(self, function: Several, arrays: Sequence[Any]) -> Sequence[Any]:
        """By jax.vmap, along the first axis of each."""
        import jax

        found: Sequence[Any] = jax.vmap(function)(*arrays)
        return found

    def lacks(self, function: Any) -> tuple[str, ...]:
        """Forward mode, of a custom_vjp."""
        import jax

        return FORWARD if isinstance(function, jax.custom_vjp) else ()

    def parts(self, layer: Any) -> tuple[dict[str, Any], Callable[[Sequence[Any]], Any]]:
        """The arrays that a layer holds which is a tree (equinox), by name, and what makes a layer of others."""
        import jax

        linen = sys.modules.get("flax.linen")
        if linen and isinstance(layer, linen.Module):
            name = type(layer).__name__
            words = f"{name} holds no arrays; expected a function of them, as f(x, w) = {name}().apply(…, x)"
            raise NotAnImplementation(words)
        leaves, tree = jax.tree_util.tree_flatten_with_path(layer)
        real = [
            i
            for i, (_, a) in enumerate(leaves)
            if self.is_array(a) and jax.numpy.issubdtype(a.dtype, jax.numpy.floating)
        ]
        names = [".".join(WORD.findall(jax.tree_util.keystr(leaves[i][0]))) for i in real]

        def made(arrays: Sequence[Any]) -> Any:
            every = [a for _, a in leaves]
            for i, a in zip(real, arrays, strict=True):
                every[i] = a
            return jax.tree_util.tree_unflatten(tree, every)

        return {name: leaves[i][1] for name, i in zip(names, real, strict=True)}, made

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """By XLA, all in one."""
        import jax

        made: Callable[..., Any] = jax.jit(function)
        return made


def framework(dtype: str, device: str) -> Jax:
    """What computes so; raises NotAnImplementation for a device that is not there."""
    import jax

    jax.config.update("jax_enable_x64", True)
    try:
        return Jax(dtype, jax.devices(device)[0])
    except RuntimeError as error:
        raise NotAnImplementation(f"JAX has no device {device!r}: {error}") from error


def bridged(op: Op, found: Any, *, dtype: str, device: str, compiled: bool = False) -> Any:
    """`found` as forward and backward on NumPy arrays; gradients come through jax.vjp."""
    made = framework(dtype, device)
    linen = sys.modules.get("flax.linen")
    module = found() if linen and inspect.isclass(found) and issubclass(found, linen.Module) else found
    if not (linen and isinstance(module, linen.Module)):
        return through(op, found, made, compiled=compiled)

    def by_names(dtype: str, *, compiled: bool) -> Any:
        return _of_linen(op, module, made_in(made, dtype), compiled=compiled)

    parts = partial(_parts_of_linen, module)
    return spoken(op, module, by_names, partial(made_in, made), parts, dtype, compiled=compiled)


def _of_linen(op: Op, module: Any, made: Jax, *, compiled: bool) -> Any:
    """A flax.linen module whose parameters are called as the inputs that its __call__ does not take."""
    takes = taken(module)
    passed = [n for n, _ in zip(op.inputs, (p for p in takes.parameters if p not in op.takes.defaults), strict=False)]

    def applied(*inputs: Any, **parameters: Any) -> Any:
        given = dict(zip(op.inputs, inputs, strict=False))
        arrays = [given.pop(name) for name in passed]
        return module.apply({"params": {n: a for n, a in given.items() if a is not None}}, *arrays, **parameters)

    return as_implementation(Nested(op, made, applied, compiled), of_a_layer(op, takes), type(module).__name__)


def _parts_of_linen(
    module: Any, _: Any, inputs: Sequence[Any]
) -> tuple[dict[str, Any], Callable[[Sequence[Any]], Any]]:
    """The parameters that a flax.linen module has for such inputs, by name, and what makes a function of others."""
    import jax
    from flax import traverse_util

    every = jax.eval_shape(module.init, jax.random.key(0), *inputs).get("params", {})
    shapes = traverse_util.flatten_dict(every, sep=".")
    dtype = inputs[0].dtype if jax.numpy.issubdtype(inputs[0].dtype, jax.numpy.floating) else None

    def made(arrays: Sequence[Any]) -> Any:
        given = dict(zip(shapes, arrays, strict=True))
        params = traverse_util.unflatten_dict(given, sep=".")
        return partial(module.apply, {"params": params})

    return {n: jax.numpy.zeros(a.shape, dtype or a.dtype) for n, a in shapes.items()}, made
