"""Known ways to get rotary positions wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import right

Changed = Callable[[Case], Case]


def _backward(change: Changed) -> Callable[[Case], Mapping[str, Array]]:
    """Backward of a case that was changed so."""
    return lambda case: {"x": right(change(case))["x"]}


def _both(change: Changed) -> Callable[[Case], Mapping[str, Array]]:
    """Forward and backward of a case that was changed so."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        other = change(case)
        return {"y": np.asarray(other.op.reference.forward(*other.inputs, **other.parameters)), "x": right(other)["x"]}

    return wrong_gradient


def _turned_on(case: Case) -> Case:
    return case.with_input("sin", -case.input("sin"))


def _pairs_otherwise(case: Case) -> Case:
    return replace(case, parameters={"interleaved": not case.parameters["interleaved"]})


def _one_place(shift: int) -> Changed:
    """Angles of the place before or after."""

    def change(case: Case) -> Case:
        for name in ("cos", "sin"):
            case = case.with_input(name, np.roll(case.input(name), shift, 0))
        return case

    return change


def _angles_reversed(case: Case) -> Case:
    for name in ("cos", "sin"):
        case = case.with_input(name, case.input(name)[:, ::-1])
    return case


def _exchanged(case: Case) -> Case:
    return case.with_input("cos", case.input("sin")).with_input("sin", case.input("cos"))


def _without(name: str, value: int) -> Changed:
    return lambda case: case.with_input(name, np.full_like(case.input(name), value))


def _half(case: Case) -> Mapping[str, Array]:
    """The second of each pair gets no part of the first's cotangent."""
    g, sin = case.cotangent, case.input("sin")
    first = g[..., ::2] if case.parameters["interleaved"] else g[..., : g.shape[-1] // 2]
    gradient = right(case)["x"]
    into = gradient[..., 1::2] if case.parameters["interleaved"] else gradient[..., g.shape[-1] // 2 :]
    into += first * sin
    return {"x": gradient}


def _first_place(case: Case) -> Case:
    for name in ("cos", "sin"):
        case = case.with_input(name, np.broadcast_to(case.input(name)[:1], case.input(name).shape).copy())
    return case


ROTARY = tuple(
    Mistake(name, explanation, "W3", wrong_gradient)
    for name, explanation, wrong_gradient in (
        (
            "turned on, not back",
            "Backward turned the cotangent by the same angle as forward, where the adjoint turns it back.",
            _backward(_turned_on),
        ),
        (
            "both turned back",
            "Forward and backward agree with each other, on the opposite angle.",
            _both(_turned_on),
        ),
        (
            "pairs in the other layout",
            "Backward took halves for pairs that stand side by side, or the other way round.",
            _backward(_pairs_otherwise),
        ),
        (
            "both in the other layout",
            "Forward and backward agree with each other, on pairs of the other layout.",
            _both(_pairs_otherwise),
        ),
        (
            "angles of the next place",
            "Forward and backward turn each place by the angle of the one after it.",
            _both(_one_place(-1)),
        ),
        (
            "angles of the place before",
            "Forward and backward turn each place by the angle of the one before it.",
            _both(_one_place(1)),
        ),
        (
            "angles of the first place",
            "Backward turned every place by the angle of the first.",
            _backward(_first_place),
        ),
        (
            "angles in reverse",
            "The angles of a place were read from the last pair to the first.",
            _both(_angles_reversed),
        ),
        (
            "cosine and sine exchanged",
            "Backward took sines for cosines, and cosines for sines.",
            _backward(_exchanged),
        ),
        (
            "not turned",
            "The cotangent was passed on as it is, as if positions were added and not turned.",
            _backward(lambda case: _without("cos", 1)(_without("sin", 0)(case))),
        ),
        (
            "sine forgotten",
            "Only the cosine's part came back, where each of a pair also reaches the other by the sine.",
            _backward(_without("sin", 0)),
        ),
        (
            "one of a pair",
            "The second of each pair got nothing from the first by the sine, while the first got its part from the second.",
            _half,
        ),
    )
)
