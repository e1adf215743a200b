"""Known ways to get the gradients of a root mean square normalisation wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import last_sample, right
from reference import layer_norm

Wrong = Callable[[Case], Mapping[str, Array]]


@dataclass(frozen=True)
class Parts:
    """What a gradient is made of, in the dtype of the case."""

    g: Array
    x: Array
    gamma: Array
    normal: Array
    r: Array
    over: tuple[int, ...]

    @property
    def h(self) -> Array:
        """γ·g."""
        return self.gamma * self.g

    def mean(self, a: Array) -> Array:
        """Of each row."""
        return np.asarray(a.mean(self.over, keepdims=True))

    def sum(self, a: Array) -> Array:
        """Over all rows."""
        return np.asarray(a.sum(tuple(range(a.ndim - len(self.over)))))


def _parts(case: Case) -> Parts:
    x, own = case.input("x"), case.inputs[1]
    many = 1 if own is None else own.ndim
    over = tuple(range(x.ndim - many, x.ndim))
    r = np.sqrt(np.square(x).mean(over, keepdims=True) + x.dtype.type(case.parameters["eps"]))
    gamma = np.ones(x.shape[-1:], x.dtype) if own is None else own
    return Parts(case.cotangent, x, gamma, x / r, r, over)


def _of(**changed: Callable[[Parts], Array]) -> Wrong:
    """Something else in place of some gradients, those that there are."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        with np.errstate(all="ignore"):
            parts, gradients = _parts(case), right(case)
            return {n: np.asarray(f(parts), case.cotangent.dtype) for n, f in changed.items() if n in gradients}

    return wrong_gradient


def _layer_norm(case: Case) -> Mapping[str, Array]:
    x, gamma = case.input("x"), case.inputs[1]
    eps = case.parameters["eps"]
    of_x, of_gamma, _ = layer_norm.backward(case.cotangent, x, gamma, None, eps=eps)
    y = layer_norm.forward(x, gamma, None, eps=eps)
    return {"y": y, "x": of_x} if of_gamma is None else {"y": y, "x": of_x, "gamma": of_gamma}


def _other_eps(case: Case) -> Mapping[str, Array]:
    return right(replace(case, parameters={"eps": 0.0}))


def _outside(case: Case) -> Mapping[str, Array]:
    """ε added to the root: r is √mean(x²) + ε."""
    p, eps = _parts(case), case.cotangent.dtype.type(case.parameters["eps"])
    with np.errstate(all="ignore"):
        root = np.sqrt(p.mean(np.square(p.x)))
        r = root + eps
        normal = p.x / r
        of_x = p.h / r - p.x / root * p.mean(p.h * normal) / r
    found = {"y": p.gamma * normal, "x": of_x, "gamma": p.sum(p.g * normal)}
    return {
        name: np.asarray(a, case.cotangent.dtype) for name, a in found.items() if name == "y" or name in right(case)
    }


RMS_NORM = (
    *tuple(
        Mistake(name, explanation, "T11", wrong)
        for name, explanation, wrong in (
            (
                "root held constant",
                "h/r was computed, where r depends on every x of the row.",
                _of(x=lambda p: p.h / p.r),
            ),
            (
                "sum for mean",
                "The sum of h·x̂ over the row was taken, where its mean stands.",
                _of(x=lambda p: (p.h - p.normal * (p.h * p.normal).sum(p.over, keepdims=True)) / p.r),
            ),
            (
                "mean taken off",
                "The mean of h was subtracted too, as in a layer norm; here none is taken off x.",
                _of(x=lambda p: (p.h - p.mean(p.h) - p.normal * p.mean(p.h * p.normal)) / p.r),
            ),
            (
                "mean added",
                "x̂·mean(h·x̂) was added, where it is subtracted.",
                _of(x=lambda p: (p.h + p.normal * p.mean(p.h * p.normal)) / p.r),
            ),
            (
                "gamma forgotten",
                "g stands where h = γ·g belongs.",
                _of(x=lambda p: (p.g - p.normal * p.mean(p.g * p.normal)) / p.r),
            ),
            (
                "gamma after the mean",
                "γ was multiplied by after the mean was taken, which is over γ·g.",
                _of(x=lambda p: p.gamma * (p.g - p.normal * p.mean(p.g * p.normal)) / p.r),
            ),
            ("not divided", "It was not divided by r.", _of(x=lambda p: p.h - p.normal * p.mean(p.h * p.normal))),
            (
                "x for its normalised",
                "x·mean(h·x̂) was subtracted, where x̂ stands.",
                _of(x=lambda p: (p.h - p.x * p.mean(p.h * p.normal)) / p.r),
            ),
            ("gamma of x", "∂J/∂γ is Σ g·x̂; it was taken of x as it is.", _of(gamma=lambda p: p.sum(p.g * p.x))),
            ("gamma like a shift", "∂J/∂γ is Σ g·x̂; Σ g was taken, that of a shift.", _of(gamma=lambda p: p.sum(p.g))),
            (
                "gamma averaged",
                "∂J/∂γ is a sum over all rows; their mean was taken.",
                _of(gamma=lambda p: p.sum(p.g * p.normal) * p.g.dtype.type(p.gamma.size / max(1, p.g.size))),
            ),
            ("eps forgotten", "Backward has no ε, forward has.", _other_eps),
            ("both with eps outside", "Forward and backward agree with each other, on √mean(x²) + ε.", _outside),
            ("both a layer norm", "Forward and backward agree with each other, with the mean taken off.", _layer_norm),
        )
    ),
    last_sample("gamma"),
)
