"""Known ways to get the gradient of dropout wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake


def _times(factor: Callable[[Array, float], Any]) -> Callable[[Case], Mapping[str, Array]]:
    """The cotangent times a function of mask and p that is not mask/(1 − p)."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        product = case.cotangent * factor(case.input("mask"), case.parameters["p"])
        return {"x": np.asarray(product, case.cotangent.dtype)}

    return wrong_gradient


def _drawn_again(mask: Array, p: float) -> Array:
    return np.asarray(np.random.default_rng(0).random(mask.shape) >= p) / (1 - p)


def _both_not_scaled(case: Case) -> Mapping[str, Array]:
    mask = case.input("mask")
    return {"y": np.asarray(case.input("x") * mask), "x": np.asarray(case.cotangent * mask)}


DROPOUT = (
    Mistake(
        "scale forgotten",
        "g·mask was computed, where forward has divided by 1 − p.",
        "004, C19",
        _times(lambda mask, _: mask),
    ),
    Mistake(
        "mask forgotten",
        "g/(1 − p) was computed, where what was dropped gets 0.",
        "004, C19",
        _times(lambda mask, p: np.ones_like(mask) / (1 - p)),
    ),
    Mistake(
        "mask inverted",
        "What was dropped got the gradient, where what was kept gets it.",
        "004, C19",
        _times(lambda mask, p: (1 - mask) / (1 - p)),
    ),
    Mistake(
        "mask drawn again",
        "Backward drew a mask of its own, where it takes that of forward.",
        "004, C19",
        _times(_drawn_again),
    ),
    Mistake(
        "divided by p",
        "g·mask/p was computed, with p the probability to drop, where that to keep is 1 − p.",
        "004, C19",
        _times(lambda mask, p: mask / (p or 1)),
    ),
    Mistake(
        "multiplied by what is kept",
        "g·mask·(1 − p) was computed, as at test time in the first dropout, where forward divides.",
        "004, C19",
        _times(lambda mask, p: mask * (1 - p)),
    ),
    Mistake(
        "scaled twice",
        "g·mask/(1 − p)² was computed, where the mask had been divided once already.",
        "004, C19",
        _times(lambda mask, p: mask / (1 - p) ** 2),
    ),
    Mistake(
        "both not scaled",
        "Forward and backward agree with each other, without a scale, so that y does not keep its expectation.",
        "004, C19",
        _both_not_scaled,
    ),
)
