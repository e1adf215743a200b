"""A class that is made with sizes, keeps its weights, remembers in forward(x) and answers backward(dout).

How its arrays are arranged is decided by forward alone, on whole numbers and axes that are all of different sizes, exactly;
the gradients, which are judged, decide nothing. A new layer is made for each call, so that nothing is carried over.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.adapting.arrangement import Arrangement
from checks.subjects.adapting.words import ARGUMENTS, WEIGHTS, gradients_of

# Axes all of different sizes, also those of y: only one arrangement fits.
SIZES: Mapping[str, Mapping[str, Any]] = {
    "linear": {"*batch": (5,), "I": 3, "O": 4},
}


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
    sizes = SIZES[op.name]
    x, y, weight, fit = _arranged(layer, sizes)
    _look_for_gradients(layer, sizes, x, y)
    said = f"x ({x}), weight ({weight}): {fit}"
    of_bias = next(Arrangement.all_of("O"))
    arrangements = {"x": x, "weight": weight, "bias": of_bias}
    weights = list(layer.weights)

    def made(inputs: tuple[Array | None, ...], parameters: Mapping[str, Any]) -> Any:
        taken = {**{n: op.takes.defaults[n] for n in layer.parameters}, **parameters}
        shapes = {n: None if a is None else a.shape for n, a in zip(op.inputs, (*inputs, None), strict=False)}
        try:
            fresh = layer.made(op.takes.sizes_in(shapes), taken)
        except Exception as error:
            raise NotImplementedError(f"is not made with such sizes: {error}") from error
        for n, array in zip(weights, inputs[1:], strict=True):
            attribute = layer.weights[n]
            held = _held(fresh, attribute)
            laid = np.zeros(held.shape, inputs[0].dtype) if array is None else arrangements[n].laid(array)  # type: ignore[union-attr]
            if n == "weight" and held.shape != laid.shape:
                raise NotImplementedError("makes no weight of as many axes")
            _hold(fresh, attribute, np.array(laid, order="C").reshape(held.shape))
        return fresh

    def forward(*inputs: Array | None, **parameters: Any) -> Any:
        return _back(y, made(inputs, parameters).forward(x.laid(inputs[0])))  # type: ignore[arg-type]

    def backward(grad_output: Array, *inputs: Array | None, **parameters: Any) -> tuple[Any, ...]:
        fresh = made(inputs, parameters)
        fresh.forward(x.laid(inputs[0]))  # type: ignore[arg-type]
        returned = fresh.backward(y.laid(grad_output))
        gradients = [_back(x, returned)]
        for n in weights:
            found = _gradient(fresh, layer.weights[n])
            gradients.append(found.reshape(-1) if n == "bias" and hasattr(found, "reshape") else _back(weight, found))
        return tuple(gradients)

    taken = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in ("x", *weights)]
    named = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=None) for n in layer.parameters]
    first = inspect.Parameter("grad_output", inspect.Parameter.POSITIONAL_ONLY)
    forward.__signature__ = inspect.Signature([*taken, *named])  # type: ignore[attr-defined]
    backward.__signature__ = inspect.Signature([first, *taken, *named])  # type: ignore[attr-defined]
    return SimpleNamespace(forward=forward, backward=backward, __name__=f"{name}, {said}")


def _read(op: Op, given: Any) -> _Layer:
    if op.name not in SIZES:
        raise Unfit(f"no layer of {op.name} is adapted")
    for part in ("forward", "backward"):
        function = getattr(given, part, None)
        taken = list(inspect.signature(function).parameters.values())[1:] if callable(function) else []
        if len([p for p in taken if p.default is p.empty]) != 1:
            raise Unfit(f"{part} does not take one array")
    arguments: dict[str, str] = {}
    meant = {*SIZES[op.name], *op.takes.defaults}
    for p in inspect.signature(given).parameters.values():
        what = next((w for w in meant & ARGUMENTS.keys() if p.name.lower() in ARGUMENTS[w]), None)
        if what is not None and p.kind is not p.POSITIONAL_ONLY:
            arguments[p.name] = what
        elif p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise Unfit(f"what its argument {p.name} means is not known")
    layer = _Layer(op, given, arguments, {})
    instance = layer.made(SIZES[op.name], op.takes.defaults)
    weights = {}
    for n, names in WEIGHTS.items():
        found = [a for a in names if isinstance(_held(instance, a), np.ndarray)]
        if len(found) > 1 or (n == "weight" and not found):
            raise Unfit(f"its {n} is looked for as {', '.join(names)}; found {', '.join(found) or 'none'}")
        weights.update({n: a for a in found})
    return _Layer(op, given, arguments, weights)


def _arranged(layer: _Layer, sizes: Mapping[str, Any]) -> tuple[Arrangement, Arrangement, Arrangement, str]:
    """How x, y and weight lie, by forward alone, and in words by what that was told."""
    op, rng = layer.op, np.random.default_rng(0)
    shapes = op.takes.shapes(sizes, op.takes.defaults)
    names = ("x", *layer.weights)
    arrays = {n: rng.integers(-4, 5, shapes[n]).astype(float) for n in names}
    right = op.reference.forward(*(arrays.get(n) for n in op.inputs))
    exact = []
    of_y = list(Arrangement.all_of(op.takes.arrays["y"]))
    declared = op.takes.arrays
    for (x, y), weight in product(
        zip(Arrangement.all_of(declared["x"]), of_y, strict=True), Arrangement.all_of(declared["weight"])
    ):
        fresh = layer.made(sizes, op.takes.defaults)
        laid = weight.laid(arrays["weight"])
        if _held(fresh, layer.weights["weight"]).shape != laid.shape:
            continue
        _hold(fresh, layer.weights["weight"], laid.copy())
        if "bias" in layer.weights:
            held = _held(fresh, layer.weights["bias"])
            if held.size != arrays["bias"].size:
                raise Unfit(f"its bias has shape {held.shape}")
            _hold(fresh, layer.weights["bias"], arrays["bias"].reshape(held.shape))
        try:
            found = fresh.forward(x.laid(arrays["x"]).copy())
        except Exception:  # noqa: BLE001, of another arrangement whatever it is
            continue
        if isinstance(found, np.ndarray) and found.shape == y.laid(right).shape:
            exact += [(x, y, weight)] if np.array_equal(y.back(found), right) else []
    if len(exact) == 1:
        return *exact[0], "the only arrangement in which forward is right"
    raise Unfit(f"{len(exact) or 'none'} of the arrangements of {declared['x']} and {declared['weight']} make forward right")


def _look_for_gradients(layer: _Layer, sizes: Mapping[str, Any], x: Arrangement, y: Arrangement) -> None:
    """Raise Unfit where backward leaves no gradient of a weight, or returns more than one array; numbers do not matter."""
    shapes = layer.op.takes.shapes(sizes, layer.op.takes.defaults)
    fresh = layer.made(sizes, layer.op.takes.defaults)
    fresh.forward(x.laid(np.ones(shapes["x"])))
    try:
        returned = fresh.backward(y.laid(np.ones(shapes["y"])))
    except Exception:  # noqa: BLE001, that it raises is for the judge to say
        return
    if not isinstance(returned, np.ndarray):
        raise Unfit(f"backward returns a {type(returned).__name__}, where the gradient of x alone is expected")
    for n, attribute in layer.weights.items():
        if _gradient(fresh, attribute) is None:
            raise Unfit(f"backward leaves no gradient of {n} as {', '.join(gradients_of(attribute))}, nor in grads")


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
