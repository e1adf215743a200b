"""Known ways to get the gradients of gates wrong: two halves, or two inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case
from checks.ops._mistakes import right
from checks.ops._smooth_mistakes import Wrong, forward, made, sigma, sigma_slope
from reference import silu


def _halves(gradient: Callable[[Array, Array, Array], tuple[Any, Any]]) -> Wrong:
    """What both halves get, of cotangent, value and gate."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        a, b = np.split(case.input("x"), 2, -1)
        parts = (np.broadcast_to(part, a.shape) for part in gradient(case.cotangent, a, b))
        return {"x": np.asarray(np.concatenate(tuple(parts), -1), case.cotangent.dtype)}

    return wrong_gradient


def _exchanged_halves(case: Case) -> Mapping[str, Array]:
    """The first half is the gate."""
    a, b = np.split(case.input("x"), 2, -1)
    other = case.with_input("x", np.concatenate((b, a), -1))
    second, first = np.split(right(other)["x"], 2, -1)
    return {"y": forward(other), "x": np.concatenate((first, second), -1)}


def _alternating(case: Case) -> Mapping[str, Array]:
    """Values and gates in turns."""
    x = case.input("x")
    other = case.with_input("x", np.concatenate((x[..., ::2], x[..., 1::2]), -1))
    found = np.empty_like(x)
    found[..., ::2], found[..., 1::2] = np.split(right(other)["x"], 2, -1)
    return {"y": forward(other), "x": found}


GLU = made(
    "T9",
    (
        "halves exchanged in backward",
        "The second half got the gradient of the first, and the first that of the second.",
        _halves(lambda g, a, b: (g * a * sigma_slope(b), g * sigma(b))),
    ),
    (
        "both with halves exchanged",
        "Forward and backward agree with each other, on the first half as the gate.",
        _exchanged_halves,
    ),
    (
        "both with halves in turns",
        "Forward and backward agree with each other, on every second number as a gate.",
        _alternating,
    ),
    ("gate forgotten", "The gate got 0, where y depends on it too.", _halves(lambda g, _, b: (g * sigma(b), g * 0))),
    (
        "value forgotten",
        "The gate got g·σ'(b), where that is multiplied by the value.",
        _halves(lambda g, _, b: (g * sigma(b), g * sigma_slope(b))),
    ),
    (
        "slope forgotten",
        "The gate got g·a·σ(b), where the derivative of the sigmoid stands.",
        _halves(lambda g, a, b: (g * sigma(b), g * a * sigma(b))),
    ),
    (
        "inner derivative forgotten",
        "The gate got g·a, where σ'(b) is a factor too.",
        _halves(lambda g, a, b: (g * sigma(b), g * a)),
    ),
    (
        "one minus for slope",
        "The gate got g·a·(1 − σ), where it is σ(1 − σ).",
        _halves(lambda g, a, b: (g * sigma(b), g * a * sigma(-b))),
    ),
    (
        "value not gated",
        "The value got g, where that is multiplied by σ(b).",
        _halves(lambda g, a, b: (g, g * a * sigma_slope(b))),
    ),
    (
        "gate for its sigmoid",
        "The value got g·b, where it is g·σ(b).",
        _halves(lambda g, a, b: (g * b, g * a * sigma_slope(b))),
    ),
)


def _two(gradient: Callable[[Array, Array, Array], Mapping[str, Array]]) -> Wrong:
    """Of cotangent, gate and x."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        found = gradient(case.cotangent, case.input("gate"), case.input("x"))
        return {name: np.asarray(a, case.cotangent.dtype) for name, a in found.items()}

    return wrong_gradient


def _s(a: Array) -> Array:
    return silu.forward(a)


def _s_slope(a: Array) -> Array:
    return silu.backward(np.ones_like(a), a)[0]


def _gates_exchanged(case: Case) -> Mapping[str, Array]:
    other = replace(case, inputs=case.inputs[::-1])
    found = right(other)
    return {"y": forward(other), "gate": found["x"], "x": found["gate"]}


SWIGLU = made(
    "T10",
    (
        "gradients exchanged",
        "Each input got the gradient of the other.",
        _two(lambda g, a, x: {"gate": g * _s(a), "x": g * x * _s_slope(a)}),
    ),
    ("both exchanged", "Forward and backward agree with each other, on x as the gate.", _gates_exchanged),
    ("sigmoid alone", "The gate got g·x·σ, where a·σ' is added.", _two(lambda g, a, x: {"gate": g * x * sigma(a)})),
    (
        "slope alone",
        "The gate got g·x·a·σ', where σ is added.",
        _two(lambda g, a, x: {"gate": g * x * a * sigma_slope(a)}),
    ),
    (
        "derivative of sigmoid",
        "The gate got g·x·σ', that of a plain gate.",
        _two(lambda g, a, x: {"gate": g * x * sigma_slope(a)}),
    ),
    ("x forgotten", "The gate got g·s', where x is a factor of y.", _two(lambda g, a, _: {"gate": g * _s_slope(a)})),
    ("value for derivative", "The gate got g·x·s, where s' stands.", _two(lambda g, a, x: {"gate": g * x * _s(a)})),
    ("gate not activated", "x got g·a, where it is g·s(a).", _two(lambda g, a, _: {"x": g * a})),
    ("sigmoid for its product", "x got g·σ(a), where it is g·a·σ(a).", _two(lambda g, a, _: {"x": g * sigma(a)})),
    (
        "derivative for value",
        "x got g·s'(a), where y is a multiple of s(a).",
        _two(lambda g, a, _: {"x": g * _s_slope(a)}),
    ),
    ("gate forgotten", "The gate got 0, where y depends on it too.", _two(lambda g, _a, _x: {"gate": 0 * g})),
    ("y squared", "x got g·y, where it is g·y/x.", _two(lambda g, a, x: {"x": g * _s(a) * x})),
)
