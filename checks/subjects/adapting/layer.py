"""A class that is made with sizes, keeps its weights, remembers in forward(x) and answers backward(dout).

How its arrays are arranged is decided by forward alone, on whole numbers and axes that are all of different sizes, exactly;
the gradients, which are judged, decide nothing. A new layer is made for each call, so that nothing is carried over.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.adapting.arrangement import Arrangement
from checks.subjects.adapting.asked import Asked, Sort, asked, sorts
from checks.subjects.adapting.words import ARGUMENTS, WEIGHTS, gradients_of


class Unfit(Exception):
    """The class cannot be adapted; the message says why, in words."""


@dataclass(frozen=True)
class _Layer:
    """What is known of the class before its arrangement is: which argument is what, and where its weights lie."""

    op: Op
    made_by: Callable[..., Any]
    arguments: Mapping[str, str]
    weights: Mapping[str, str]

    def made(self, sizes: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        """A new layer of these sizes and parameters."""
        known = {**sizes, **parameters}
        return self.made_by(**{name: _alike(known[what]) for name, what in self.arguments.items()})

    @property
    def parameters(self) -> list[str]:
        """The parameters of the op that it is made with."""
        return [name for name in self.op.takes.defaults if name in self.arguments.values()]


def adapted(op: Op, given: Any, name: str) -> Any:
    """The class as forward and backward of the protocol; raises Unfit where that cannot be told."""
    layer = _read(op, given)
    x, y, weight = _arranged(layer, asked(op))
    found = Adapted(layer, x, y, {"weight": weight, "bias": next(Arrangement.all_of("O"))})
    found.look_for_gradients(asked(op))
    found.refused.extend(sort for sort in sorts(op) if found.raises(sort))
    taken = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in ("x", *layer.weights)]
    named = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=None) for n in layer.parameters]
    first = inspect.Parameter("grad_output", inspect.Parameter.POSITIONAL_ONLY)

    def forward(*inputs: Array | None, **parameters: Any) -> Any:
        return found.forward(inputs, parameters)

    def backward(grad_output: Array, *inputs: Array | None, **parameters: Any) -> tuple[Any, ...]:
        return found.backward(grad_output, inputs, parameters)

    forward.__signature__ = inspect.Signature([*taken, *named])  # type: ignore[attr-defined]
    backward.__signature__ = inspect.Signature([first, *taken, *named])  # type: ignore[attr-defined]
    said = f"{name}, x ({x}), weight ({weight}): the only arrangement in which forward is right"
    return SimpleNamespace(forward=forward, backward=backward, __name__=said)


@dataclass(frozen=True)
class Adapted:
    """The class, its arrangement, and the sorts of cases that it raises in."""

    layer: _Layer
    x: Arrangement
    y: Arrangement
    weights: Mapping[str, Arrangement]
    refused: list[Sort] = field(default_factory=list)

    def forward(self, inputs: Sequence[Array | None], parameters: Mapping[str, Any]) -> Any:
        """y, as the protocol has it."""
        return _back(self.y, self._made(inputs, parameters).forward(self.x.laid(_present(inputs[0]))))

    def backward(self, g: Array, inputs: Sequence[Array | None], parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """The gradients of x and of each weight, as the protocol has them."""
        fresh = self._made(inputs, parameters)
        fresh.forward(self.x.laid(_present(inputs[0])))
        gradients = [_back(self.x, fresh.backward(self.y.laid(g)))]
        for n, attribute in self.layer.weights.items():
            gradient = _gradient(fresh, attribute)
            flat = n == "bias" and isinstance(gradient, np.ndarray)
            gradients.append(gradient.reshape(-1) if flat else _back(self.weights[n], gradient))
        return tuple(gradients)

    def raises(self, sort: Sort) -> bool:
        """Whether it raises in a case of this sort: what comes out decides nothing."""
        try:
            one = asked(self.layer.op, **sort.pins)
            inputs = [one.arrays[n] for n in ("x", *self.layer.weights)]
            self.forward(inputs, one.parameters)
            self.backward(one.arrays["y"], inputs, one.parameters)
        except Exception:  # noqa: BLE001, whatever it raises
            return True
        return False

    def look_for_gradients(self, one: Asked) -> None:
        """Raise Unfit where a gradient is not found where it is looked for; its numbers do not matter."""
        fresh = self.layer.made(one.sizes, one.parameters)
        fresh.forward(self.x.laid(one.arrays["x"]).copy())
        try:
            returned = fresh.backward(self.y.laid(one.arrays["y"]).copy())
        except Exception:  # noqa: BLE001, that it raises is for the judge to say
            return
        if not isinstance(returned, np.ndarray):
            raise Unfit(f"backward returns a {type(returned).__name__}, where the gradient of x alone is expected")
        for n, attribute in self.layer.weights.items():
            if _gradient(fresh, attribute) is None:
                raise Unfit(f"backward leaves no gradient of {n} as {', '.join(gradients_of(attribute))}, nor in grads")

    def _made(self, inputs: Sequence[Array | None], parameters: Mapping[str, Any]) -> Any:
        """A new layer with these weights; a bias that is absent is 0."""
        op, data = self.layer.op, _present(inputs[0])
        # Of what it is not made with, everything is at its default: the signature takes nothing else.
        taken = {**op.takes.defaults, **parameters}
        given = dict(zip(("x", *self.layer.weights), inputs, strict=True))
        sizes = op.takes.sizes_in({n: None if a is None else a.shape for n, a in given.items()})
        for sort in self.refused:
            if sort.holds(sizes, taken):
                raise NotImplementedError(f"does not take {sort.words}")
        fresh = self.layer.made(sizes, taken)
        for n, attribute in self.layer.weights.items():
            held, array = _held(fresh, attribute), given[n]
            laid = np.zeros(held.shape, data.dtype) if array is None else self.weights[n].laid(array)
            if n == "weight" and held.ndim != laid.ndim:
                raise NotImplementedError(f"does not take a weight of {laid.ndim} axes")
            _hold(fresh, attribute, np.array(laid, order="C").reshape(held.shape if n == "bias" else laid.shape))
        return fresh


def _read(op: Op, given: Any) -> _Layer:
    if set(op.inputs) != {"x", *WEIGHTS}:
        raise Unfit(f"adapted is what takes x, weight and bias; {op.name} takes {', '.join(op.inputs)}")
    for part in ("forward", "backward"):
        function = getattr(given, part, None)
        taken = list(inspect.signature(function).parameters.values())[1:] if callable(function) else []
        if len([p for p in taken if p.default is p.empty]) != 1:
            raise Unfit(f"{part} does not take one array")
    arguments: dict[str, str] = {}
    one = asked(op)
    meant = {*one.sizes, *op.takes.defaults}
    for p in inspect.signature(given).parameters.values():
        what = next((w for w in meant & ARGUMENTS.keys() if p.name.lower() in ARGUMENTS[w]), None)
        if what is not None and p.kind is not p.POSITIONAL_ONLY:
            arguments[p.name] = what
        elif p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise Unfit(f"what its argument {p.name} means is not known")
    layer = _Layer(op, given, arguments, {})
    instance = layer.made(one.sizes, one.parameters)
    weights = {}
    for n, names in WEIGHTS.items():
        found = [a for a in names if isinstance(_held(instance, a), np.ndarray)]
        if len(found) > 1 or (n == "weight" and not found):
            raise Unfit(f"its {n} is looked for as {', '.join(names)}; found {', '.join(found) or 'none'}")
        if found:
            weights[n] = found[0]
    return _Layer(op, given, arguments, weights)


def _arranged(layer: _Layer, one: Asked) -> tuple[Arrangement, Arrangement, Arrangement]:
    """How x, y and weight lie: the only arrangement in which forward is right, to the last bit."""
    op, declared = layer.op, layer.op.takes.arrays
    given = {n: one.arrays[n] for n in ("x", *layer.weights)}
    right = op.reference.forward(*(given.get(n) for n in op.inputs), **one.parameters)
    exact = []
    alike = zip(Arrangement.all_of(declared["x"]), Arrangement.all_of(declared["y"]), strict=True)
    for (x, y), weight in product(alike, Arrangement.all_of(declared["weight"])):
        fresh = layer.made(one.sizes, one.parameters)
        laid = weight.laid(given["weight"])
        if _held(fresh, layer.weights["weight"]).shape != laid.shape:
            continue
        _hold(fresh, layer.weights["weight"], laid.copy())
        if "bias" in layer.weights:
            held = _held(fresh, layer.weights["bias"])
            if held.size != given["bias"].size:
                raise Unfit(f"its bias has shape {held.shape}, where {given['bias'].shape} is expected")
            _hold(fresh, layer.weights["bias"], given["bias"].reshape(held.shape))
        try:
            found = fresh.forward(x.laid(given["x"]).copy())
        except Exception:  # noqa: BLE001, S112, of another arrangement, whatever it is
            continue
        if (
            isinstance(found, np.ndarray)
            and found.shape == y.laid(right).shape
            and np.array_equal(y.back(found), right)
        ):
            exact.append((x, y, weight))
    if len(exact) != 1:
        many = "; ".join(f"x ({x}), weight ({w})" for x, _, w in exact) or "none"
        raise Unfit(
            f"of all orders of x ({declared['x']}) and weight ({declared['weight']}), forward is right in: {many}"
        )
    return exact[0]


def _present(array: Array | None) -> Array:
    if array is None:
        raise NotImplementedError("does not take x as None")
    return array


def _back(arrangement: Arrangement, array: Any) -> Any:
    """As the protocol has it; what cannot be is left for the judge to refuse."""
    fits = isinstance(array, np.ndarray) and array.ndim >= len(arrangement.names) - 1
    return arrangement.back(array) if fits else array


def _held(layer: Any, attribute: str) -> Any:
    inside = getattr(layer, "params", None)
    return inside[attribute] if isinstance(inside, dict) and attribute in inside else getattr(layer, attribute, None)


def _hold(layer: Any, attribute: str, array: Array) -> None:
    inside = getattr(layer, "params", None)
    if isinstance(inside, dict) and attribute in inside:
        inside[attribute] = array
    else:
        setattr(layer, attribute, array)


def _gradient(layer: Any, attribute: str) -> Any:
    grads = getattr(layer, "grads", None)
    for name in (attribute, *gradients_of(attribute)):
        if isinstance(grads, dict) and name in grads:
            return grads[name]
        if name != attribute and getattr(layer, name, None) is not None:
            return getattr(layer, name)
    return None


def _alike(value: Any) -> Any:
    """One number, where all are the same: not everybody takes one for each axis."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
