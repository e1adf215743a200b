"""Known ways to get the gradient of local response normalisation wrong: g·d^{−β} − 2αβ/n · x · Σ g·x·d^{−β−1}."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import right
from reference._window import Window, gather, scatter

Wrong = Callable[[Case], Mapping[str, Array]]


@dataclass(frozen=True)
class _Response:
    """What the two terms are made of."""

    x: Array
    g: Array
    d: Array
    over: Window
    parameters: Mapping[str, Any]

    @classmethod
    def of(cls, case: Case) -> _Response:
        x, p = case.input("x"), case.parameters
        n = p["size"]
        over = Window((x.shape[1],), (n,), (1,), (1,), (n // 2,), ((n - 1) // 2,))
        d = p["k"] + p["alpha"] / n * gather(np.square(x), over, axis=1).sum(1)
        return cls(x, case.cotangent, np.asarray(d), over, p)

    @property
    def direct(self) -> Array:
        return np.asarray(self.g * self.d ** -self.parameters["beta"])

    @property
    def scale(self) -> float:
        return float(2 * self.parameters["alpha"] * self.parameters["beta"] / self.parameters["size"])

    def held(self, a: Array, over: Window | None = None) -> Array:
        """The sum over the windows that hold each channel."""
        over = over or self.over
        return scatter(np.repeat(a[:, None], over.kernel[0], 1), over, axis=1)


def _response(second: Callable[[_Response], Any]) -> Wrong:
    """Another second term, subtracted from the first."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        of = _Response.of(case)
        return {"x": np.asarray(of.direct - second(of), case.cotangent.dtype)}

    return wrong_gradient


def _shared(of: _Response) -> Array:
    return of.x * of.held(of.direct * of.x / of.d)


def _not_mirrored(of: _Response) -> Array:
    own = replace(of.over, before=of.over.after, after=of.over.before)
    return of.scale * of.x * of.held(of.direct * of.x / of.d, own)


def _alpha_not_divided(case: Case) -> Mapping[str, Array]:
    p = case.parameters
    other = replace(case, parameters={**p, "alpha": p["alpha"] * p["size"]})
    return {"y": np.asarray(case.op.reference.forward(*case.inputs, **other.parameters)), **right(other)}


LOCAL_RESPONSE_NORM = (
    Mistake(
        "sums as constants",
        "g·d^−β alone, where d depends on every x of its window.",
        "004, C19",
        _response(lambda _: 0),
    ),
    Mistake(
        "second term added",
        "The term from the derivative of d has the wrong sign: a negative power makes it negative.",
        "004, C19",
        _response(lambda of: -of.scale * _shared(of)),
    ),
    Mistake(
        "two forgotten",
        "αβ/n before the second term, where the derivative of a square brings a 2.",
        "004, C19",
        _response(lambda of: of.scale / 2 * _shared(of)),
    ),
    Mistake(
        "beta forgotten",
        "2α/n before the second term, where the derivative of a power brings β.",
        "004, C19",
        _response(lambda of: of.scale / (of.parameters["beta"] or 1) * _shared(of)),
    ),
    Mistake(
        "size forgotten",
        "2αβ before the second term, where α is divided by the size of the window.",
        "004, C19",
        _response(lambda of: of.scale * of.parameters["size"] * _shared(of)),
    ),
    Mistake(
        "both without the size",
        "Forward and backward agree with each other, on an α that is not divided by the size of the window.",
        "004, C19",
        _alpha_not_divided,
    ),
    Mistake(
        "power not lowered",
        "d^−β in the second term, where the derivative of a power lowers it to −β − 1.",
        "004, C19",
        _response(lambda of: of.scale * of.x * of.held(of.direct * of.x)),
    ),
    Mistake(
        "own window only",
        "Each x met its own y alone in the second term, where it is in the windows of its neighbours too.",
        "004, C19",
        _response(lambda of: of.scale * np.square(of.x) * of.direct / of.d),
    ),
    Mistake(
        "window not mirrored",
        "The second term sums over the window of a channel, where it sums over those that hold it: mirrored if even.",
        "004, C19",
        _response(_not_mirrored),
    ),
    Mistake(
        "own x for the neighbour's",
        "x² before the sum of g·d^(−β−1), where one x is the neighbour's and stands in the sum.",
        "004, C19",
        _response(lambda of: of.scale * np.square(of.x) * of.held(of.direct / of.d)),
    ),
)
