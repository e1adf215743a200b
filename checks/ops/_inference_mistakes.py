"""Known ways to get batch norm in inference wrong: most of them take it for what it is in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import last_sample, reshaped, right

Wrong = Callable[[Case], Mapping[str, Array]]
Scale = Callable[[Array, float], Array]


@dataclass(frozen=True)
class Parts:
    """What results are made of, laid over x: g, x, μ, v, s, and γ and β, which are 1 and 0 where there are none."""

    g: Array
    x: Array
    mean: Array
    variance: Array
    s: Array
    gamma: Array | int
    beta: Array | int

    @property
    def over(self) -> tuple[int, ...]:
        """All axes but that of the channels."""
        return (0, *range(2, self.x.ndim))

    @property
    def normal(self) -> Array:
        """(x − μ)·s."""
        return np.asarray((self.x - self.mean) * self.s)

    def sum(self, a: Array) -> Array:
        """Over each channel."""
        return np.asarray(a.sum(self.over))

    def average(self, a: Array) -> Array:
        """Of each channel, laid over x."""
        return np.asarray(a.sum(self.over, keepdims=True) / max(1, a.size // max(1, a.shape[1])))


def _inverse_root(variance: Array, eps: float) -> Array:
    return np.asarray(1 / np.sqrt(variance + eps))


def _parts(case: Case, s: Scale = _inverse_root) -> Parts:
    x = case.input("x")
    laid = x.shape[1:2] + (1,) * (x.ndim - 2)
    mean, variance = (case.input(name).reshape(laid) for name in ("running_mean", "running_var"))
    gamma, beta = (None if a is None else a.reshape(laid) for a in case.inputs[3:])
    with np.errstate(all="ignore"):
        scale = np.asarray(s(variance, case.parameters["eps"]), x.dtype)
    return Parts(case.cotangent, x, mean, variance, scale, 1 if gamma is None else gamma, 0 if beta is None else beta)


def _kept(case: Case, wrong: Mapping[str, Array]) -> Mapping[str, Array]:
    """In the dtype of the cotangent, without those of what is not there."""
    there = {"y", "x", *(n for n in ("gamma", "beta") if case.inputs[case.op.inputs.index(n)] is not None)}
    return {n: np.asarray(a, case.cotangent.dtype) for n, a in wrong.items() if n in there}


def _of(s: Scale = _inverse_root, **changed: Callable[[Parts], Array]) -> Wrong:
    """Something else in place of some gradients, with this s of variance and ε."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        with np.errstate(all="ignore"):
            parts = _parts(case, s)
            return _kept(case, {name: made(parts) for name, made in changed.items()})

    return wrong_gradient


def _x(p: Parts) -> Array:
    return np.asarray(p.gamma * p.s * p.g)


def _gamma(p: Parts) -> Array:
    return p.sum(p.g * p.normal)


def _y(p: Parts) -> Array:
    return np.asarray(p.gamma * p.normal + p.beta)


def _trained(p: Parts) -> Array:
    """The gradient of x in training, of this x̂."""
    h = p.gamma * p.g
    return np.asarray(p.s * (h - p.average(h) - p.normal * p.average(h * p.normal)))


def _of_the_batch(case: Case) -> Mapping[str, Array]:
    """Forward and backward of training."""
    p = _parts(case)
    mean = p.average(p.x)
    variance = p.average(np.square(p.x - mean))
    batch = replace(p, mean=mean, variance=variance, s=_inverse_root(variance, case.parameters["eps"]))
    return _kept(case, {"y": _y(batch), "x": _trained(batch), "gamma": _gamma(batch)})


def _gamma_forgotten(case: Case) -> Mapping[str, Array]:
    return {} if case.inputs[3] is None else _kept(case, {"x": _parts(case).s * case.cotangent})


def _averaged(case: Case) -> Mapping[str, Array]:
    gradients, g = right(case), case.cotangent
    many = g.dtype.type(max(1, g.size // max(1, g.shape[1])))
    return {name: gradients[name] / many for name in ("gamma", "beta") if name in gradients}


def _next_channel(case: Case) -> Mapping[str, Array]:
    """Forward and backward, with the statistics of the channel before."""
    moved = case
    for name in ("running_mean", "running_var"):
        moved = moved.with_input(name, np.roll(case.input(name), 1))
    return {"y": np.asarray(case.op.reference.forward(*moved.inputs, **case.parameters)), **right(moved)}


BATCH_NORM_INFERENCE = (
    *tuple(
        Mistake(name, explanation, "T14", wrong)
        for name, explanation, wrong in (
            (
                "batch statistics used in inference",
                "Forward and backward take mean and variance of the batch, as in training, where the running ones count.",
                _of_the_batch,
            ),
            (
                "statistics differentiated",
                "Two means were subtracted, as in training, where running statistics do not depend on x.",
                _of(x=_trained),
            ),
            (
                "eps forgotten",
                "1/√v in backward, where forward has 1/√(v + ε).",
                _of(lambda v, _: 1 / np.sqrt(v), x=_x, gamma=_gamma),
            ),
            (
                "eps outside the root",
                "1/(√v + ε) in backward, where forward has 1/√(v + ε).",
                _of(lambda v, eps: 1 / (np.sqrt(v) + eps), x=_x, gamma=_gamma),
            ),
            (
                "both with eps outside the root",
                "Forward and backward agree with each other, on √v + ε, where it is √(v + ε).",
                _of(lambda v, eps: 1 / (np.sqrt(v) + eps), y=_y, x=_x, gamma=_gamma),
            ),
            (
                "root forgotten",
                "1/(v + ε) in backward, where forward has its root.",
                _of(lambda v, eps: 1 / (v + eps), x=_x, gamma=_gamma),
            ),
            (
                "both without the root",
                "Forward and backward agree with each other, on 1/(v + ε): a variance was taken for a deviation.",
                _of(lambda v, eps: 1 / (v + eps), y=_y, x=_x, gamma=_gamma),
            ),
            (
                "multiplied by the deviation",
                "γ·g·√(v + ε) was computed, where x was divided by it.",
                _of(x=lambda p: p.gamma * p.g / p.s),
            ),
            ("gamma forgotten", "g/σ was computed, where g is multiplied by γ too.", _gamma_forgotten),
            ("scale forgotten", "γ·g was computed, where it is divided by σ.", _of(x=lambda p: p.gamma * p.g)),
            (
                "x for the normalised",
                "The gradient of γ is Σ g·x, where γ multiplies x̂.",
                _of(gamma=lambda p: p.sum(p.g * p.x)),
            ),
            (
                "mean forgotten",
                "The gradient of γ is Σ g·x/σ, where the running mean is taken off x.",
                _of(gamma=lambda p: p.sum(p.g * p.x * p.s)),
            ),
            (
                "parameters averaged",
                "γ and β got the mean over all places that they act at, where the chain rule sums.",
                _averaged,
            ),
            (
                "statistics of the channel before",
                "Forward and backward agree with each other, on running statistics shifted by a channel.",
                _next_channel,
            ),
        )
    ),
    last_sample("gamma", "beta"),
    *reshaped("beta"),
)
