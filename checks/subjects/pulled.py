"""A function of another framework's arrays as forward and backward on NumPy arrays, through the framework's reverse mode.

Arrays are copied on the way in and on the way out: unlike torch's tensors (tensors.py), those of the frameworks that come
through here do not lie in memory as NumPy's do, so layouts are not handed on. What a function writes to an array that it
was given is written to the caller's after the call, so that the contract hears of it.

Parameters are closed over and None is left out, so that what a framework compiles is a function of arrays alone: the
forward, and the whole of the reverse mode, each once for the same parameters and shapes.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.passing import in_numbers, of_a_layer, taken

Function = Callable[..., Any]
Several = Callable[..., Sequence[Any]]  # of arrays: a list of results
KEPT = 256  # compiled functions: more than a run of few shapes makes, so that none is made twice


class Framework(Protocol):
    """What a bridge tells of its framework."""

    def array(self, a: Array) -> Any:
        """An array of the framework with these numbers; whole numbers and truth values stay what they are."""

    def numpy(self, array: Any) -> Array:
        """The numbers of an array of the framework, those of bfloat16 in float32."""

    def is_array(self, found: Any) -> bool:
        """Whether something is an array of the framework."""

    def pulled(self, function: Several, arrays: Sequence[Any], cotangents: Sequence[Any]) -> Sequence[Any]:
        """The gradient of Σ ⟨cotangent, y⟩ over the results y by each of the arrays, None where nothing depends on it."""

    def compiled(self, function: Function) -> Function:
        """What the framework's compiler makes of a function of arrays."""


@dataclass(frozen=True)
class Pulled:
    """forward and backward of one function of a framework's arrays, compiled first or not."""

    op: Op
    framework: Framework
    function: Function
    is_compiled: bool = False
    made: dict[Hashable, Function] = field(default_factory=dict)

    def forward(self, *inputs: Array | None, **parameters: Any) -> Any:
        """y of these arrays."""
        given = self._theirs(inputs)
        y = self._made("forward", given, parameters, lambda: self._of_arrays(given, parameters))(*present(given))
        result = self.framework.numpy(y) if self.framework.is_array(y) else y
        self._write_back(inputs, given)
        return result

    def backward(self, grad_output: Array, *inputs: Array | None, **parameters: Any) -> tuple[Array | None, ...]:
        """One gradient for each input that has one."""
        above, *given = self._theirs((grad_output, *inputs))
        names = [name for name, a in zip(self.op.inputs, given, strict=False) if a is not None]
        places = [i for i, name in enumerate(names) if name in self.op.takes.differentiable]
        pull = self._made("backward", given, parameters, lambda: self._pull(given, parameters, places))
        found = zip(places, pull(above, *present(given)), strict=True)
        gradients = {names[i]: None if g is None else self.framework.numpy(g) for i, g in found}
        self._write_back((grad_output, *inputs), (above, *given))
        return tuple(gradients.get(name) for name, _ in zip(self.op.inputs, given, strict=False))

    def _theirs(self, arrays: Sequence[Array | None]) -> list[Any]:
        return [None if a is None else self.framework.array(a) for a in arrays]

    def _made(
        self, part: str, given: Sequence[Any], parameters: Mapping[str, Any], make: Callable[[], Function]
    ) -> Function:
        """The function to call with the arrays that are present, compiled if that was asked for."""
        if not self.is_compiled:
            return make()
        key = part, tuple(a if a is None else tuple(a.shape) for a in given), tuple(sorted(parameters.items()))
        if key not in self.made:
            if len(self.made) == KEPT:
                self.made.clear()
            self.made[key] = self.framework.compiled(make())
        return self.made[key]

    def _of_arrays(self, given: Sequence[Any], parameters: Mapping[str, Any]) -> Function:
        """The function of those of its arrays that are present."""
        absent = [i for i, a in enumerate(given) if a is None]

        def of_arrays(*arrays: Any) -> Any:
            filled = list(arrays)
            for i in absent:
                filled.insert(i, None)
            return _called(self.function, filled, parameters)

        return of_arrays

    def _pull(self, given: Sequence[Any], parameters: Mapping[str, Any], places: Sequence[int]) -> Function:
        """The gradients by the arrays at these places, as a function of the cotangent and of all arrays there are."""
        function = self._of_arrays(given, parameters)

        def pull(cotangent: Any, *arrays: Any) -> Sequence[Any]:
            leaves = [arrays[i] for i in places]
            return self.framework.pulled(of_leaves(function, arrays, places, cotangent), leaves, [cotangent])

        return pull

    def _write_back(self, arrays: Sequence[Array | None], given: Sequence[Any]) -> None:
        """Write to the arrays what has been written to those that the function was given."""
        for array, theirs in zip(arrays, given, strict=True):
            if array is None:
                continue
            now = self.framework.numpy(theirs)
            if not np.array_equal(now, array, equal_nan=array.dtype.kind == "f"):
                array.flags.writeable = True
                array[...] = now


def of_leaves(function: Function, arrays: Sequence[Any], places: Sequence[int], like: Any) -> Several:
    """The function of the arrays at these places, the others as they are; y has the shape of `like`, or ValueError.

    Where y is a tuple, `like` is one, too.
    """

    def called(*leaves: Any) -> list[Any]:
        filled = list(arrays)
        for i, leaf in zip(places, leaves, strict=True):
            filled[i] = leaf
        several = each(function(*filled))
        for y, above in zip(several, each(like), strict=True) if like is not None else ():
            if tuple(y.shape) != tuple(above.shape):  # some frameworks would read beyond the cotangent
                raise ValueError(f"y has shape {tuple(y.shape)}, and its cotangent {tuple(above.shape)}")
        return several

    return called


def each(y: Any) -> list[Any]:
    """The results of a function, one or several."""
    return list(y) if isinstance(y, tuple | list) else [y]


def present(given: Sequence[Any]) -> list[Any]:
    """Those that are there."""
    return [a for a in given if a is not None]


def _called(function: Function, arrays: Sequence[Any], parameters: Mapping[str, Any]) -> Any:
    """What it returns; that it does not know the name of a padding, which no number says, is no crash."""
    numbers = in_numbers(arrays, parameters)
    name = numbers.get("padding")
    try:
        return function(*arrays, **numbers)
    except (ValueError, TypeError, RuntimeError) as error:
        if isinstance(name, str) and not isinstance(error, NotImplementedError):
            raise NotImplementedError(f"does not take padding {name!r}") from error
        raise


def with_arrays(op: Op, found: Any, framework: Framework) -> tuple[Function, inspect.Signature]:
    """What to call with all inputs, and what it takes: those that a layer holds are put into a copy of it."""
    held = [] if inspect.isroutine(found) else [n for n in op.inputs if _holds(found, n, framework)]
    if not held:
        return found, taken(found)
    put = (
        setattr if isinstance(found, dict) else object.__setattr__
    )  # what is frozen, or guards its fields, is a copy here

    def call(*inputs: Any, **parameters: Any) -> Any:
        layer = _copied(found)
        given = dict(zip(op.inputs, inputs, strict=False))
        for name in held:
            if (array := given.pop(name, None)) is None:
                raise NotImplementedError(f"the layer has a {name}")
            before = getattr(found, name)
            put(layer, name, array if framework.is_array(before) else type(before)(array))
        return layer(*given.values(), **parameters)

    return call, of_a_layer(op, taken(found))


def _copied(layer: Any) -> Any:
    """The layer with fields of its own: copy.copy would ask some frameworks to write it down and to make it anew."""
    if isinstance(layer, dict):
        return copy.copy(layer)
    made = object.__new__(type(layer))
    vars(made).update(vars(layer))
    return made


def _holds(layer: Any, name: str, framework: Framework) -> bool:
    """Whether it has an array of this name, or a parameter with an array as its value."""
    there = getattr(layer, name, None)
    get = getattr(there, "get_value", None)  # of flax.nnx, which warns where its value is asked for
    value = get() if get is not None else getattr(there, "value", None)
    return framework.is_array(there) or framework.is_array(value)
