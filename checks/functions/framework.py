"""A function of another framework's arrays as one of NumPy's, with what the framework's modes make of it.

The backward is its reverse mode, so that of a `custom_vjp` where there is one; beyond it, where the framework has forward
mode too, the double backward and J v. Arrays are copied on the way in and out (subjects/pulled.py); whole numbers have no
gradient. The arrays that a layer holds are inputs which follow those of its call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from checks.functions.trees import leaves, of_leaves
from checks.numbers.pairs import COMPLEX_DTYPES
from checks.numbers.precision import Array
from checks.subjects.nested import to_call
from checks.subjects.pulled import Framework
from checks.subjects.refusals import NotAnImplementation

Function = Callable[..., Any]
Named = tuple[str, tuple[int, ...]]
REAL = ("float", "double", "half", "complex")  # what dtypes that have a gradient are called, in every framework


class Theirs:
    """A function of a framework's arrays, by what makes the framework of a dtype."""

    def __init__(self, called: Function, made: Callable[[str], Framework]) -> None:
        self.called, self.made = called, cache(made)
        self._real: dict[Any, list[bool]] = {}

    def framework(self, arrays: Sequence[Any]) -> Framework:
        """That of the precision of these arrays; TypeError for one that no framework has."""
        kind = next((a.dtype for a in map(np.asarray, arrays) if a.dtype.kind in "fc"), np.dtype("float64"))
        if kind in {np.dtype(np.longdouble), np.dtype(np.clongdouble)}:
            raise TypeError(f"no framework has {kind}")
        return self.made(COMPLEX_DTYPES.get(str(kind), str(kind)))

    def forward(self, *arrays: Array) -> Any:
        """y, in the form in which it is returned."""
        framework = self.framework(arrays)
        y = self.called(*_theirs(framework, arrays))
        self._real[_key(arrays)] = [_is_real(leaf) for leaf in leaves(y)]
        return of_leaves(y, [_numbers(framework, leaf) for leaf in leaves(y)])

    def backward(self, grad_output: Any, *arrays: Array) -> tuple[Any, ...]:
        """A gradient for each input, None for whole numbers."""
        framework = self.framework(arrays)
        given = _theirs(framework, arrays)
        places = _places(arrays)
        above = _theirs(framework, self._of_real(leaves(grad_output), arrays))
        found = framework.pulled(self._several(given, places), [given[i] for i in places], above)
        return self._spread(framework, arrays, places, found)

    def double_backward(self, grad_grads: Any, grad_output: Any, *arrays: Array) -> tuple[Any, ...]:
        """By grad_output and by each input."""
        framework = self.framework(arrays)
        given, u = _theirs(framework, arrays), _theirs(framework, leaves(grad_grads))
        places = _places(arrays)
        g = _theirs(framework, self._of_real(leaves(grad_output), arrays))
        n = len(g)

        def first(*moved: Any) -> list[Any]:
            found = framework.pulled(self._several(given, places), list(moved[n:]), list(moved[:n]))
            return [a * 0 if f is None else f for f, a in zip(found, moved[n:], strict=True)]

        found = list(framework.pulled(first, [*g, *(given[i] for i in places)], u))
        of_g = iter(found[:n])
        real, own = self._real[_key(arrays)], leaves(grad_output)
        by_g = [_numbers(framework, next(of_g)) if is_real else 0 * a for is_real, a in zip(real, own, strict=True)]
        return of_leaves(grad_output, by_g), *self._spread(framework, arrays, places, found[n:])

    def jvp(self, tangents: Sequence[Any], *arrays: Array) -> tuple[Any, ...]:
        """J v of each result that has a derivative."""
        framework = self.framework(arrays)
        given, places = _theirs(framework, arrays), _places(arrays)
        pairs = list(zip(tangents, arrays, strict=True))
        v = _theirs(framework, [np.zeros_like(a) if t is None else t for t, a in pairs])
        pushed = framework.pushed  # type: ignore[attr-defined]  # of those that have it
        found = pushed(self._several(given, places), [given[i] for i in places], [v[i] for i in places])
        return tuple(_numbers(framework, one) for one in found)

    def vmapped(self, which: Array, grad_output: Array, *arrays: Array) -> tuple[Any, ...]:
        """The gradients of each sample for itself: vmap of the reverse mode, along the first axis of these inputs."""
        framework = self.framework(arrays)
        given, places, rows = _theirs(framework, arrays), _places(arrays), [int(at) for at in which]

        def of_one(g: Any, *own: Any) -> list[Any]:
            every = list(given)
            for at, one in zip(rows, own, strict=True):
                every[at] = one[None]
            moved = [every[i] for i in places]
            found = framework.pulled(self._several(every, places), moved, [g[None]])
            full = [a * 0 if f is None else f for f, a in zip(found, moved, strict=True)]
            return [a[0] if i in rows else a for i, a in zip(places, full, strict=True)]

        passed = [*_theirs(framework, [grad_output]), *(given[i] for i in rows)]
        found = framework.vmapped(of_one, passed)  # type: ignore[attr-defined]  # of those that have it
        numbers = dict(zip(places, (_numbers(framework, one) for one in found), strict=True))
        return tuple(numbers.get(i) for i in range(len(arrays)))

    def _several(self, given: Sequence[Any], places: Sequence[int]) -> Function:
        """The results that have a derivative, as a function of the arrays that have one."""

        def several(*moved: Any) -> list[Any]:
            every = list(given)
            for at, one in zip(places, moved, strict=True):
                every[at] = one
            return [leaf for leaf in leaves(self.called(*every)) if _is_real(leaf)]

        return several

    def _of_real(self, above: Sequence[Any], arrays: Sequence[Array]) -> list[Any]:
        """The cotangents of results that have a derivative: which do is seen when it is called with such arrays."""
        if _key(arrays) not in self._real:
            self.forward(*arrays)
        return [g for g, is_real in zip(above, self._real[_key(arrays)], strict=True) if is_real]

    def _spread(
        self, framework: Framework, arrays: Sequence[Array], places: Sequence[int], found: Sequence[Any]
    ) -> tuple[Any, ...]:
        own = dict(zip(places, found, strict=True))
        zeros = {i: np.zeros_like(arrays[i]) for i in places if own[i] is None}
        return tuple(
            zeros.get(i, _numbers(framework, own[i])) if i in own else None for i, _ in enumerate(arrays)
        )  # fmt: skip


def of_arrays(found: Any, made: Callable[[str], Framework]) -> tuple[Function, Function, list[Named]]:
    """Forward, backward, and the arrays that a layer holds, as inputs that follow those of its call, with their shapes.

    made  the framework that computes in the dtype of this name

    Raises NotAnImplementation, in one sentence, for what cannot be called.
    """
    name = getattr(found, "__name__", type(found).__name__)
    called, found, weights = _called(found, name, made("float64"))
    theirs = Theirs(called, made)
    forward, backward = _free(theirs.forward), _free(theirs.backward)
    if hasattr(made("float64"), "pushed"):
        forward.jvp = theirs.jvp  # type: ignore[attr-defined]
        forward.lacks = getattr(made("float64"), "lacks", lambda _: ())(found)  # type: ignore[attr-defined]
        double = _free(theirs.double_backward)
        double.__name__ = name
        backward.double_backward = double  # type: ignore[attr-defined]
    if hasattr(made("float64"), "vmapped"):
        forward.vmapped = theirs.vmapped  # type: ignore[attr-defined]
    backward.convention = getattr(made("float64"), "convention", "")  # type: ignore[attr-defined]
    names = _names(found)
    kind = inspect.Parameter.POSITIONAL_ONLY
    for one, more in (forward, ()), (backward, ("grad_output",)):
        one.__name__ = name
        if names:
            every = (*more, *names, *(n for n, _ in weights))
            one.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in every])  # type: ignore[attr-defined]
    return forward, backward, weights


def with_theirs(found: Any, made: Callable[[str], Framework]) -> Function:
    """A backward, or whatever else is of arrays or trees of them, as one of NumPy's."""

    def called(first: Any, *arrays: Array) -> Any:
        framework = Theirs(found, made).framework(arrays)
        above = of_leaves(first, _theirs(framework, leaves(first)))
        returned = found(above, *_theirs(framework, arrays))
        return of_leaves(returned, [_numbers(framework, leaf) for leaf in leaves(returned)])

    called.__name__ = getattr(found, "__name__", type(found).__name__)
    return called


def _called(found: Any, name: str, framework: Framework) -> tuple[Function, Any, list[Named]]:
    """What to call with all arrays, what it is of (an object of a class), and the arrays that this holds."""
    found = to_call(name, found)
    if inspect.isroutine(found):
        return found, found, []
    if not hasattr(framework, "parts"):
        raise NotAnImplementation(f"{name} is no function; expected one of all arrays, those of a layer too")
    parts, of_parts = framework.parts(found)
    if not parts:
        return found, found, []

    def called(*arrays: Any) -> Any:
        inputs, own = arrays[: len(arrays) - len(parts)], arrays[len(arrays) - len(parts) :]
        return of_parts(own)(*inputs)

    return called, found, [(one.replace(".", "_"), tuple(a.shape)) for one, a in parts.items()]


def _names(found: Any) -> list[str]:
    """What the inputs of its call are called, if it says so."""
    try:
        kinds = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return []
    given = [p for p in kinds if p.default is p.empty and p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    return [] if any(p.kind is p.VAR_POSITIONAL for p in kinds) else [p.name for p in given]


def _free(method: Function) -> Function:
    """A method as a function, which can have attributes and a name of its own."""

    def called(*arrays: Any) -> Any:
        return method(*arrays)

    return called


def _theirs(framework: Framework, arrays: Sequence[Any]) -> list[Any]:
    return [framework.array(np.asarray(a)) for a in arrays]


def _numbers(framework: Framework, result: Any) -> Any:
    return framework.numpy(result) if framework.is_array(result) else result


def _places(arrays: Sequence[Any]) -> list[int]:
    """Which inputs have a gradient."""
    return [i for i, a in enumerate(arrays) if np.asarray(a).dtype.kind in "fc"]


def _key(arrays: Sequence[Any]) -> tuple[Any, ...]:
    return tuple((np.shape(a), np.asarray(a).dtype.str) for a in arrays)


def _is_real(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and any(word in str(leaf.dtype) for word in REAL)
