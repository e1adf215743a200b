"""What a framework makes of a function beyond its backward, by its modes within one another: double backward, forward mode.

With f of the inputs a that have a gradient, g a cotangent of y, u of the gradients, v and w tangents, all are made of two:
pulled, which is (g, a) ↦ Jᵀg, and pushed, which is (v, a) ↦ J v.

    double_backward  pulled (g, a) ↦ Jᵀg, by u          jvp           pushed f, by v
    triple_backward  pulled (u, g, a) ↦ that, by w      jvp_backward  pulled (v, a) ↦ J v, by g
    backward_jvp     pushed a ↦ Jᵀg, by v               jvp_jvp       pushed a ↦ J v, by w
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.implementation import made
from checks.subjects.keeping import spoken
from checks.subjects.offered import PARTS, SAMPLES
from checks.subjects.passing import signed
from checks.subjects.pulled import Framework, Pulled, Several, of_leaves, present, with_arrays
from checks.subjects.refusals import NotAnImplementation

Made = Callable[[Several, list[Any], list[Any]], Sequence[Any]]


@dataclass(frozen=True)
class Nested(Pulled):
    """The same function, and its derivatives by their names in the protocol."""

    def double_backward(
        self, grad_grads: Any, grad_output: Array, *inputs: Array | None, **parameters: Any
    ) -> tuple[Any, ...]:
        """By grad_output and by each input."""

        def made(f: Several, above: list[Any], a: list[Any]) -> list[Any]:
            *u, g = above
            return self._pulled(self._first(f), [g, *a], u)

        u = self._moved(grad_grads, inputs)
        of_g, *rest = self._run("double_backward", made, [*u, grad_output], inputs, parameters, like=len(u))
        return of_g, *self._spread(rest, inputs)

    def triple_backward(
        self, above: Any, grad_grads: Any, grad_output: Array, *inputs: Array | None, **parameters: Any
    ) -> tuple[Any, ...]:
        """By each of grad_grads, by grad_output and by each input."""
        of_g, *of_inputs = above
        w, u = [of_g, *self._moved(of_inputs, inputs)], self._moved(grad_grads, inputs)
        n = len(u)

        def made(f: Several, above: list[Any], a: list[Any]) -> list[Any]:
            w, u, g = above[: n + 1], above[n + 1 : -1], above[-1]

            def second(*moved: Any) -> list[Any]:
                return self._pulled(self._first(f), moved[n:], moved[:n])

            return self._pulled(second, [*u, g, *a], w)

        found = self._run("triple_backward", made, [*w, *u, grad_output], inputs, parameters, like=2 * n + 1)
        return self._spread(found[:n], inputs), found[n], *self._spread(found[n + 1 :], inputs)

    def jvp(self, tangents: Any, *inputs: Array | None, **parameters: Any) -> Any:
        """J v."""

        def made(f: Several, v: list[Any], a: list[Any]) -> Sequence[Any]:
            return self._pushed(f, a, v)

        (y,) = self._run("jvp", made, self._moved(tangents, inputs), inputs, parameters)
        return y

    def jvp_backward(
        self, grad_output: Array, tangents: Any, *inputs: Array | None, **parameters: Any
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """By the tangents and by the inputs, of ⟨grad_output, J v⟩: reverse over forward mode."""
        v = self._moved(tangents, inputs)
        n = len(v)

        def made(f: Several, above: list[Any], a: list[Any]) -> list[Any]:
            g, *v = above
            return self._pulled(lambda *moved: self._pushed(f, moved[n:], moved[:n]), [*v, *a], [g])

        found = self._run("jvp_backward", made, [grad_output, *v], inputs, parameters)
        return self._spread(found[:n], inputs), self._spread(found[n:], inputs)

    def backward_jvp(
        self, tangents: Any, grad_output: Array, *inputs: Array | None, **parameters: Any
    ) -> tuple[Any, ...]:
        """The derivative of each gradient along the tangents: forward over reverse mode."""

        def made(f: Several, above: list[Any], a: list[Any]) -> Sequence[Any]:
            *v, g = above
            return self._pushed(lambda *a: self._pulled(f, a, [g]), a, v)

        v = self._moved(tangents, inputs)
        return self._spread(self._run("backward_jvp", made, [*v, grad_output], inputs, parameters, like=len(v)), inputs)

    def jvp_jvp(self, tangents: Any, tangents2: Any, *inputs: Array | None, **parameters: Any) -> Any:
        """D²f of two tangents: forward over forward mode."""
        v, w = self._moved(tangents, inputs), self._moved(tangents2, inputs)
        n = len(v)

        def made(f: Several, above: list[Any], a: list[Any]) -> Sequence[Any]:
            return self._pushed(lambda *a: self._pushed(f, a, above[:n]), a, above[n:])

        (y,) = self._run("jvp_jvp", made, [*v, *w], inputs, parameters)
        return y

    def per_sample(self, grad_output: Array, *inputs: Array | None, **parameters: Any) -> tuple[Any, ...]:
        """The gradients of each sample for itself: the framework's vmap of its reverse mode."""
        (g,), given = self._theirs([grad_output]), self._theirs(inputs)
        names = [name for name, a in zip(self.op.inputs, given, strict=False) if a is not None]
        places = [i for i, name in enumerate(names) if name in self.op.takes.differentiable]
        batched = [i for i, name in enumerate(names) if name in self.op.takes.leading()]
        function = self._of_arrays(given, parameters)
        if not len(grad_output):  # no sample is called for
            there = [a for a in inputs if a is not None]
            own = [np.zeros((0, *(there[i].shape[1:] if i in batched else there[i].shape))) for i in places]
            return self._spread([a.astype(grad_output.dtype) for a in own], inputs)

        def of_all(g: Any, *arrays: Any) -> Sequence[Any]:
            def of_one(g: Any, *own: Any) -> list[Any]:
                every = list(arrays)
                for i, a in zip(batched, own, strict=True):
                    every[i] = a[None]
                f = of_leaves(function, every, places, g[None])
                found = self._pulled(f, [every[i] for i in places], [g[None]])
                return [a[0] if i in batched else a for i, a in zip(places, found, strict=True)]

            vmapped: Sequence[Any] = self.framework.vmapped(of_one, [g, *(arrays[i] for i in batched)])  # type: ignore[attr-defined]  # has vmap
            return vmapped

        found = self._made("per_sample", [g, *given], parameters, lambda: of_all)(g, *present(given))
        results = [self.framework.numpy(one) for one in found]
        self._write_back((grad_output, *inputs), (g, *given))
        return self._spread(results, inputs)

    def _first(self, f: Several) -> Several:
        """(g, a) ↦ Jᵀg."""
        return lambda g, *a: self._pulled(f, a, [g])

    def _pulled(self, function: Several, arrays: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        """The gradients, zeros where nothing depends on an array."""
        found = self.framework.pulled(function, list(arrays), list(cotangents))
        return [a * 0 if one is None else one for one, a in zip(found, arrays, strict=True)]

    def _pushed(self, function: Several, arrays: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        return list(self.framework.pushed(function, list(arrays), list(tangents)))  # type: ignore[attr-defined]  # has_modes

    def _moved(self, arrays: Sequence[Array | None], inputs: Sequence[Array | None]) -> list[Array]:
        """Those of the arrays, one for each input, that belong to inputs that are there and have a gradient."""
        named = zip(self.op.inputs, arrays, inputs, strict=False)
        return [v for n, v, a in named if a is not None and v is not None and n in self.op.takes.differentiable]

    def _run(
        self, part: str, made: Made, above: Sequence[Array], inputs: Sequence[Array | None], parameters: Any,
        like: int | None = None,
    ) -> list[Any]:  # fmt: skip
        """The results as NumPy arrays; like  which of `above` has the shape of y."""
        first, given = self._theirs(above), self._theirs(inputs)
        names = [name for name, a in zip(self.op.inputs, given, strict=False) if a is not None]
        places = [i for i, name in enumerate(names) if name in self.op.takes.differentiable]
        function, n = self._of_arrays(given, parameters), len(first)

        def of_all(*arrays: Any) -> Sequence[Any]:
            above, a = list(arrays[:n]), arrays[n:]
            f = of_leaves(function, a, places, None if like is None else above[like])
            return made(f, above, [a[i] for i in places])

        found = self._made(part, [*first, *given], parameters, lambda: of_all)(*first, *present(given))
        results = [self.framework.numpy(one) for one in found]
        self._write_back((*above, *inputs), (*first, *given))
        return results

    def _spread(self, found: Sequence[Any], inputs: Sequence[Array | None]) -> tuple[Any, ...]:
        """One for each input, None where there is none."""
        named = zip(self.op.inputs, inputs, strict=False)
        moved = [n for n, a in named if a is not None and n in self.op.takes.differentiable]
        own = dict(zip(moved, found, strict=True))
        return tuple(own.get(name) for name, _ in zip(self.op.inputs, inputs, strict=False))


def as_implementation(pulled: Nested, signature: inspect.Signature, name: str) -> Any:
    """With all that the framework's modes make of it: beyond the backward, where it has forward mode too."""
    beyond = {part: getattr(pulled, part) for part in PARTS if hasattr(pulled.framework, "pushed")}
    beyond |= {SAMPLES: pulled.per_sample} if hasattr(pulled.framework, "vmapped") else {}
    lacks = getattr(pulled.framework, "lacks", lambda _: ())(pulled.function)
    convention = getattr(pulled.framework, "convention", "")
    return signed(pulled.forward, pulled.backward, signature, name, lacks, convention, **beyond)


def to_call(name: str, found: Any) -> Any:
    """A function or a layer, which is made with no arguments if it is a class; else raises NotAnImplementation."""
    found = made(name, found)
    if not callable(found):
        raise NotAnImplementation(f"{found!r} cannot be called; expected a function of arrays, or a layer")
    return found


def through(op: Op, found: Any, framework: Framework, *, compiled: bool) -> Any:
    """`found`, a function or a layer (made with no arguments if it is a class), as forward and backward on NumPy arrays.

    The arrays of a layer that are named like inputs of the op are inputs. Raises NotAnImplementation, in one sentence, for
    what cannot be called.
    """
    name = getattr(found, "__name__", type(found).__name__)
    found = to_call(name, found)

    def by_names(dtype: str, *, compiled: bool) -> Any:
        own = made_in(framework, dtype)
        function, signature = with_arrays(op, found, own)
        return as_implementation(Nested(op, own, function, compiled), signature, name)

    dtype = framework.dtype  # type: ignore[attr-defined]  # every one has it
    if not hasattr(framework, "parts") or is_function(found):
        return by_names(dtype, compiled=compiled)
    return spoken(
        op, found, by_names, partial(made_in, framework), lambda own, _: own.parts(found), dtype, compiled=compiled
    )


def made_in(framework: Any, dtype: str) -> Any:
    """The same framework in another precision."""
    return replace(framework, dtype=dtype)


def is_function(found: Any) -> bool:
    """Whether it is no layer: a function, what wraps one (jit, custom_vjp), or one with some arguments."""
    return inspect.isroutine(found) or hasattr(found, "__wrapped__") or isinstance(found, partial)
