"""Known ways to get the gradients of batch norm and of local response normalisation wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import last_sample, reshaped, right
from reference._window import Window, gather, scatter

Wrong = Callable[[Case], Mapping[str, Array]]


@dataclass(frozen=True)
class _Channels:
    """A batch norm's case, channel by channel: s = 1/σ, and x̂ with that very s."""

    case: Case
    over: tuple[int, ...]
    s: Array

    @classmethod
    def of(cls, case: Case, s: Callable[[Array, float], Array], over: tuple[int, ...] | None = None) -> _Channels:
        """With s of variance and eps, over these axes."""
        x = case.input("x")
        over = (0, *range(2, x.ndim)) if over is None else over
        variance = np.square(x - _mean(x, over)).sum(over, keepdims=True) / _count(x, over)
        with np.errstate(all="ignore"):
            scale = np.where(variance > 0, s(variance, case.parameters["eps"]), 1.0)
        return cls(case, over, scale)

    @property
    def normal(self) -> Array:
        x = self.case.input("x")
        return np.asarray((x - _mean(x, self.over)) * self.s)

    @property
    def gamma(self) -> Array:
        return self.case.input("gamma").reshape(1, -1, *(1,) * (self.case.cotangent.ndim - 2))

    def mean(self, a: Array) -> Array:
        return _mean(a, self.over)

    def x(self, inner: Array) -> Mapping[str, Array]:
        """γs times what is inside the parentheses of the derivation."""
        gradient = self.gamma * self.s * inner
        return {"x": gradient.astype(self.case.cotangent.dtype)}


def _count(x: Array, over: tuple[int, ...]) -> int:
    return max(1, int(np.prod([x.shape[axis] for axis in over])))


def _mean(a: Array, over: tuple[int, ...]) -> Array:
    return np.asarray(a.sum(over, keepdims=True) / _count(a, over))


def _root(variance: Array, eps: float) -> Array:
    return np.asarray(1 / np.sqrt(variance + eps))


def _inner(of: _Channels, *, mean: bool = True, variance: bool = True) -> Array:
    """g − mean g − x̂·mean(g·x̂), with both terms or without one."""
    g = of.case.cotangent
    return np.asarray(g - mean * of.mean(g) - variance * of.normal * of.mean(g * of.normal))


def _part(*, mean: bool, variance: bool) -> Wrong:
    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        of = _Channels.of(case, _root)
        return of.x(_inner(of, mean=mean, variance=variance))

    return wrong_gradient


def _with_scale(s: Callable[[Array, float], Array]) -> Wrong:
    """Another scale than 1/√(v + ε), in backward alone."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        of = _Channels.of(case, s)
        with np.errstate(all="ignore"):  # 1/v may be far from 1
            gamma = (case.cotangent * of.normal).sum(of.over).astype(case.cotangent.dtype)
            return {**of.x(_inner(of)), "gamma": gamma}

    return wrong_gradient


def _unbiased(case: Case) -> _Channels:
    x = case.input("x")
    m = x.size // max(1, x.shape[1])
    return _Channels.of(case, lambda variance, eps: _root(variance * m / max(1, m - 1), eps))


def _unbiased_backward(case: Case) -> Mapping[str, Array]:
    of = _unbiased(case)
    return of.x(_inner(of))


def _unbiased_both(case: Case) -> Mapping[str, Array]:
    of, x, g = _unbiased(case), case.input("x"), case.cotangent
    m = x.size // max(1, x.shape[1])
    beta = case.input("beta").reshape(of.gamma.shape)
    inner = g - of.mean(g) - of.normal * of.mean(g * of.normal) * (m / max(1, m - 1))
    gamma = (g * of.normal).sum(of.over).astype(g.dtype)
    return {"y": of.gamma * of.normal + beta, **of.x(inner), "gamma": gamma}


def _each_position(case: Case) -> Mapping[str, Array]:
    of = _Channels.of(case, _root, (0,))
    return of.x(_inner(of)) if len(case.input("x")) > 1 else right(case)


def _gamma_forgotten(case: Case) -> Mapping[str, Array]:
    return {"x": right(case.with_input("gamma", np.ones_like(case.input("gamma"))))["x"]}


def _x_for_normal(case: Case) -> Mapping[str, Array]:
    x, g = case.input("x"), case.cotangent
    return {"gamma": (g * x).sum((0, *range(2, x.ndim)))}


def _summed_for_mean(case: Case) -> Mapping[str, Array]:
    of, g = _Channels.of(case, _root), case.cotangent
    m = _count(g, of.over)
    return of.x(g - m * of.mean(g) - of.normal * m * of.mean(g * of.normal))


def _parameters_averaged(case: Case) -> Mapping[str, Array]:
    gradients, g = right(case), case.cotangent
    values = g.dtype.type(max(1, g.size // max(1, g.shape[1])))
    return {name: gradients[name] / values for name in ("gamma", "beta")}


BATCH_NORM = (
    Mistake(
        "statistics as constants",
        "γ/σ·g was computed, as when running statistics are used, where mean and variance depend on x.",
        "004, C19",
        _part(mean=False, variance=False),
    ),
    Mistake(
        "mean as a constant",
        "The mean of g was not subtracted, where the batch's mean depends on every x.",
        "004, C19",
        _part(mean=False, variance=True),
    ),
    Mistake(
        "variance as a constant",
        "The term x̂·mean(g·x̂) was left out, where the batch's variance depends on every x.",
        "004, C19",
        _part(mean=True, variance=False),
    ),
    Mistake(
        "sums for means",
        "The sums over the batch were subtracted, where the derivatives of mean and variance are divided by m.",
        "004, C19",
        _summed_for_mean,
    ),
    Mistake(
        "unbiased variance",
        "Backward divides the squares by m − 1, where forward divides them by m.",
        "004, C19",
        _unbiased_backward,
    ),
    Mistake(
        "both unbiased",
        "Forward and backward agree with each other, on the variance over m − 1, where it is over m.",
        "004, C19",
        _unbiased_both,
    ),
    Mistake(
        "eps forgotten",
        "1/√v in backward, where forward has 1/√(v + ε).",
        "004, C19",
        _with_scale(lambda variance, _: 1 / np.sqrt(variance)),
    ),
    Mistake(
        "eps outside the root",
        "1/(√v + ε) in backward, where forward has 1/√(v + ε).",
        "004, C19",
        _with_scale(lambda variance, eps: 1 / (np.sqrt(variance) + eps)),
    ),
    Mistake(
        "root forgotten",
        "1/(v + ε) in backward, where forward has its root.",
        "004, C19",
        _with_scale(lambda variance, eps: 1 / (variance + eps)),
    ),
    Mistake(
        "gamma forgotten",
        "The gradient of x̂ was taken for that of x after γ, where it is multiplied by γ.",
        "004, C19",
        _gamma_forgotten,
    ),
    Mistake(
        "statistics of each position",
        "Means were taken over samples alone, as in a dense layer, where they are over positions too.",
        "004, C19",
        _each_position,
    ),
    Mistake(
        "x for the normalised",
        "The gradient of γ is Σ g·x, where γ multiplies x̂.",
        "004, C19",
        _x_for_normal,
    ),
    Mistake(
        "parameters averaged",
        "γ and β got the mean over samples and positions, where they act at every one of them.",
        "004, C19",
        _parameters_averaged,
    ),
    last_sample("gamma", "beta"),
    *reshaped("beta"),
)


# Local response normalisation: g·d^{−β} − 2αβ/n · x · Σ g·x·d^{−β−1}.


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
