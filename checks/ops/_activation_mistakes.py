"""Known ways to get the gradients of sigmoid, tanh, ReLU, leaky ReLU and softmax wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import right
from reference import sigmoid

Wrong = Callable[[Case], Mapping[str, Array]]


def _forward(case: Case) -> Array:
    return np.asarray(case.op.reference.forward(*case.inputs, **case.parameters))


def _times(factor: Callable[[Array, Array], Any]) -> Wrong:
    """The cotangent times a function of x and y that is not the derivative."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        with np.errstate(all="ignore"):
            product = case.cotangent * factor(case.input("x"), _forward(case))
        return {"x": np.asarray(product, case.cotangent.dtype)}

    return wrong_gradient


def _at_y(case: Case) -> Mapping[str, Array]:
    return right(case.with_input("x", _forward(case)))


# ReLU: the cotangent decides, or the mask is another.


def _by_the_cotangent(case: Case) -> Mapping[str, Array]:
    return {"x": np.maximum(case.cotangent, 0)}


def _guided(case: Case) -> Mapping[str, Array]:
    return {"x": np.maximum(right(case)["x"], 0)}


# Leaky ReLU: other numbers than 1 above 0 and the slope below, or another slope.


def _sides(derivative: Callable[[float], tuple[float, float]]) -> Wrong:
    """The cotangent times one number where x > 0 and another where it is not, both made from the slope."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        above, below = derivative(case.parameters["negative_slope"])
        return _times(lambda x, _: np.where(x > 0, above, below))(case)

    return wrong_gradient


def _nothing_at_zero(case: Case) -> Mapping[str, Array]:
    return {"x": right(case)["x"] * (case.input("x") != 0)}


def _default_slope(case: Case) -> Mapping[str, Array]:
    return {"x": np.asarray(case.op.reference.backward(case.cotangent, *case.inputs)[0])}


def _default_slope_both(case: Case) -> Mapping[str, Array]:
    return {"y": np.asarray(case.op.reference.forward(*case.inputs)), **_default_slope(case)}


# Softmax: y · (g − Σ g·y) with something else in place of a part of it.


def _softmax(gradient: Callable[[Array, Array, int], Array]) -> Wrong:
    """A function of cotangent, y and axis."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        g, y, axis = case.cotangent, _forward(case), case.parameters["axis"]
        return {"x": np.asarray(gradient(g, y, axis), g.dtype)}

    return wrong_gradient


def _other(ndim: int, axis: int) -> int:
    return ndim - 1 if axis % ndim != ndim - 1 else 0


def _last_axis(case: Case) -> Mapping[str, Array]:
    other = replace(case, parameters={"axis": case.input("x").ndim - 1})
    if not other.input("x").shape[-1]:
        return right(case)
    return {"y": _forward(other), **right(other)}


SIGMOID = (
    Mistake(
        "derivative forgotten",
        "The cotangent came through unchanged, where it is multiplied by σ(x)(1 − σ(x)).",
        "003, P5",
        _times(lambda x, _: np.ones_like(x)),
    ),
    Mistake(
        "of x for y",
        "x(1 − x) was computed, from what went in, where y(1 − y) takes what came out.",
        "004, C18",
        _times(lambda x, _: x * (1 - x)),
    ),
    Mistake(
        "activation applied twice",
        "The derivative was taken at y = σ(x), where it is taken at x.",
        "003, P5",
        _at_y,
    ),
    Mistake(
        "derivative of tanh",
        "1 − y² was computed, where the derivative is y(1 − y).",
        "004, C18",
        _times(lambda _, y: 1 - y * y),
    ),
    Mistake(
        "value for derivative",
        "The cotangent was multiplied by y, where the derivative is y(1 − y).",
        "004, C18",
        _times(lambda _, y: y),
    ),
    Mistake(
        "derivative of the logarithm",
        "1 − y was computed, the derivative of log σ, where that of σ is y(1 − y).",
        "004, C18",
        _times(lambda _, y: 1 - y),
    ),
    Mistake(
        "square forgotten",
        "e/(1 + e) was computed, e = e^−|x|, where the derivative is e/(1 + e)².",
        "chain rule",
        _times(lambda _, y: np.minimum(y, 1 - y)),
    ),
    Mistake(
        "hard sigmoid",
        "0.2 between −2.5 and 2.5, the derivative of the piecewise linear stand-in, where it is y(1 − y).",
        "004, C18",
        _times(lambda x, _: (np.abs(x) < 2.5) * x.dtype.type(0.2)),
    ),
)

TANH = (
    Mistake(
        "derivative forgotten",
        "The cotangent came through unchanged, where it is multiplied by 1 − tanh²(x).",
        "003, P5",
        _times(lambda x, _: np.ones_like(x)),
    ),
    Mistake(
        "of x for y",
        "1 − x² was computed, from what went in, where 1 − y² takes what came out.",
        "chain rule",
        _times(lambda x, _: 1 - x * x),
    ),
    Mistake(
        "activation applied twice",
        "The derivative was taken at y = tanh(x), where it is taken at x.",
        "003, P5",
        _at_y,
    ),
    Mistake(
        "square forgotten",
        "1 − y was computed, where the derivative is 1 − y².",
        "chain rule",
        _times(lambda _, y: 1 - y),
    ),
    Mistake(
        "derivative of sigmoid",
        "y(1 − y) was computed, where the derivative is 1 − y².",
        "chain rule",
        _times(lambda _, y: y * (1 - y)),
    ),
    Mistake(
        "derivative of tan",
        "1 + y² was computed, where the derivative is 1 − y².",
        "chain rule",
        _times(lambda _, y: 1 + y * y),
    ),
    Mistake(
        "inner derivative forgotten",
        "As 2σ(2x) − 1 it has the derivative 4σ'(2x), one 2 from inside; 2σ'(2x) was computed.",
        "chain rule",
        _times(lambda _, y: (1 - y * y) / 2),
    ),
    Mistake(
        "hard tanh",
        "1 between −1 and 1, the derivative of the piecewise linear stand-in, where it is 1 − y².",
        "chain rule",
        _times(lambda x, _: np.abs(x) < 1),
    ),
)

RELU = (
    Mistake(
        "passes everywhere",
        "The cotangent came through unchanged, as when y ≥ 0 is asked; the derivative is 0 where x < 0.",
        "004, C18",
        _times(lambda x, _: np.ones_like(x)),
    ),
    Mistake(
        "leaky",
        "A hundredth of the cotangent came through where x < 0, where the derivative is 0.",
        "004, C18",
        _times(lambda x, _: np.where(x < 0, x.dtype.type(0.01), x > 0)),
    ),
    Mistake(
        "mask inverted",
        "The cotangent came through where x < 0, where it comes through where x > 0.",
        "004, C18",
        _times(lambda x, _: x < 0),
    ),
    Mistake(
        "by the cotangent",
        "The cotangent was rectified by its own sign, as in a deconvnet, where the sign of x decides.",
        "004, C18",
        _by_the_cotangent,
    ),
    Mistake(
        "guided",
        "Negative cotangents were set to 0 too, as in guided backpropagation, where x alone decides.",
        "004, C18",
        _guided,
    ),
    Mistake(
        "value for derivative",
        "The cotangent was multiplied by y, where the derivative is 1 if x > 0.",
        "004, C18",
        _times(lambda _, y: y),
    ),
    Mistake(
        "derivative of softplus",
        "σ(x), the derivative of the smooth stand-in log(1 + e^x), where it is 0 or 1.",
        "004, C18",
        _times(lambda x, _: sigmoid.forward(x)),
    ),
    Mistake(
        "value over input",
        "y/x is the derivative where x is not 0; where it is, 0/0 is no element of the subdifferential.",
        "004, C18",
        _times(lambda x, y: y / x),
    ),
)

LEAKY_RELU = (
    *(
        Mistake(name, explanation, "T1", _sides(derivative))
        for name, explanation, derivative in (
            ("slope forgotten", "0 where x < 0, as for ReLU; the derivative there is the slope.", lambda _: (1, 0)),
            ("passes everywhere", "1 where x < 0 too; the derivative there is the slope.", lambda _: (1, 1)),
            ("slope squared", "The slope was taken twice where x < 0: before and after.", lambda a: (1, a * a)),
            ("slope on both sides", "The slope where x > 0 too; the derivative there is 1.", lambda a: (a, a)),
            ("sides exchanged", "The slope where x > 0, and 1 where x < 0: the other way round.", lambda a: (a, 1)),
            (
                "slope added",
                "1 + slope where x > 0: y is max(x, 0) + slope·min(x, 0), not + slope·x.",
                lambda a: (1 + a, a),
            ),
            ("slope negated", "−slope where x < 0, as if y were max(x, 0) + slope·|min(x, 0)|.", lambda a: (1, -a)),
        )
    ),
    Mistake(
        "value for derivative",
        "The cotangent was multiplied by y, where it is by 1 or the slope.",
        "T1",
        _times(lambda _, y: y),
    ),
    Mistake(
        "by the sign of y", "The sign of y decided, which is not that of x where the slope is negative.", "T1", _at_y
    ),
    Mistake("nothing at 0", "0 where x is 0, which does not lie between the slope and 1.", "T1", _nothing_at_zero),
    Mistake("value over input", "y/x was taken, which is 0/0 where x is 0.", "T1", _times(lambda x, y: y / x)),
    Mistake("default slope", "Backward has the slope 0.01, whatever forward was given.", "T1", _default_slope),
    Mistake(
        "both with the default slope",
        "Forward and backward have the slope 0.01, whatever they were given.",
        "T1",
        _default_slope_both,
    ),
)

SOFTMAX = (
    Mistake(
        "diagonal only",
        "y(1 − y) was taken for the whole derivative, where every x moves every y.",
        "chain rule",
        _softmax(lambda g, y, _: g * y * (1 - y)),
    ),
    Mistake(
        "sum forgotten",
        "g·y was computed, where y(g − Σ g·y) is left since all y add to 1.",
        "chain rule",
        _softmax(lambda g, y, _: g * y),
    ),
    Mistake(
        "sum added",
        "y(g + Σ g·y) was computed, where the sum is subtracted.",
        "chain rule",
        _softmax(lambda g, y, axis: y * (g + (g * y).sum(axis, keepdims=True))),
    ),
    Mistake(
        "sum not weighted",
        "y(g − Σ g) was computed, where every g in the sum is multiplied by its y.",
        "chain rule",
        _softmax(lambda g, y, axis: y * (g - g.sum(axis, keepdims=True))),
    ),
    Mistake(
        "sum over another axis",
        "Σ g·y was taken along an axis that softmax was not.",
        "chain rule",
        _softmax(lambda g, y, axis: y * (g - (g * y).sum(_other(g.ndim, axis), keepdims=True))),
    ),
    Mistake(
        "sum over everything",
        "Σ g·y was taken over samples and positions too, where each has a softmax of its own.",
        "chain rule",
        _softmax(lambda g, y, _: y * (g - (g * y).sum())),
    ),
    Mistake(
        "mean for sum",
        "y(g − mean g·y) was computed, where Σ g·y is subtracted.",
        "chain rule",
        _softmax(lambda g, y, axis: y * (g - (g * y).mean(axis, keepdims=True))),
    ),
    Mistake(
        "outer factor forgotten",
        "g − Σ g·y was computed, where that is multiplied by y.",
        "chain rule",
        _softmax(lambda g, y, axis: g - (g * y).sum(axis, keepdims=True)),
    ),
    Mistake(
        "derivative of the logarithm",
        "g − y·Σ g was computed, the gradient of log softmax.",
        "chain rule",
        _softmax(lambda g, y, axis: g - y * g.sum(axis, keepdims=True)),
    ),
    Mistake(
        "taken for cross-entropy",
        "y − g was computed, as if g were the right class and the loss in here too.",
        "004, C18",
        _softmax(lambda g, y, _: y - g),
    ),
    Mistake(
        "applied twice",
        "The derivative was taken at y, the softmax of x, where it is taken at x.",
        "chain rule",
        _at_y,
    ),
    Mistake(
        "last axis",
        "Forward and backward agree with each other, on the last axis, whatever the axis was to be.",
        "chain rule",
        _last_axis,
    ),
)
