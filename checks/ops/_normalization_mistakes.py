"""Known ways to get the gradients of batch norm and layer norm wrong, most of them alike; for group norm too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import last_sample, reshaped, right

Wrong = Callable[[Case], Mapping[str, Array]]


Axes = tuple[int, ...]
Along = Callable[[Case], tuple[Axes, Axes]]
Scale = Callable[[Array, float], Array]


def of_channels(case: Case) -> tuple[Axes, Axes]:
    """Batch norm: all axes but the channels are normalised over, and the same that γ has not."""
    over = (0, *range(2, case.cotangent.ndim))
    return over, over


def _last_axes(case: Case) -> tuple[Axes, Axes]:
    """Layer norm: the axes that γ and β have are normalised over, the last of x; those before them they have not."""
    ndim = case.cotangent.ndim
    affine = [a.ndim for a in case.inputs[1:] if a is not None]
    first = ndim - (affine[0] if affine else 1)
    return tuple(range(first, ndim)), tuple(range(first))


@dataclass(frozen=True)
class Normalised:
    """A case of a normalisation: over which axes, which of x's axes γ and β have not, s = 1/σ, and x̂ with that very s."""

    case: Case
    over: Axes
    without: Axes
    s: Array

    @classmethod
    def of(cls, case: Case, along: Along, s: Scale) -> Normalised:
        """With s of variance and eps."""
        (over, without), x = along(case), case.input("x")
        variance = np.square(x - _mean(x, over)).sum(over, keepdims=True) / _count(x, over)
        with np.errstate(all="ignore"):
            scale = np.where(variance > 0, s(variance, case.parameters["eps"]), 1.0)
        return cls(case, over, without, scale)

    @property
    def normal(self) -> Array:
        x = self.case.input("x")
        return np.asarray((x - _mean(x, self.over)) * self.s)

    def laid(self, name: str) -> Array | int:
        """γ or β as it lies over x; 1 or 0 where there is none."""
        if self.case.inputs[self.case.op.inputs.index(name)] is None:
            return 1 if name == "gamma" else 0
        return np.expand_dims(self.case.input(name), self.without)

    @property
    def h(self) -> Array:
        """γ·g, the gradient of x̂."""
        return np.asarray(self.laid("gamma") * self.case.cotangent)

    def mean(self, a: Array) -> Array:
        return _mean(a, self.over)

    def inner(self, *, mean: float = 1, product: float = 1) -> Array:
        """h − mean h − x̂·mean(h·x̂), with so much of the two means."""
        h, normal = self.h, self.normal
        return np.asarray(h - mean * self.mean(h) - product * normal * self.mean(h * normal))

    def gradients(self, **wrong: Array) -> Mapping[str, Array]:
        """In the dtype of the cotangent, without those of what is not there."""
        absent = {n for n, a in zip(self.case.op.inputs, self.case.inputs, strict=True) if a is None}
        return {n: a.astype(self.case.cotangent.dtype) for n, a in wrong.items() if n not in absent}

    def everything(self, inner: Array) -> Mapping[str, Array]:
        """Of a forward that is wrong, too: y, and the gradients with s times what is inside the parentheses."""
        y = self.laid("gamma") * self.normal + self.laid("beta")
        gamma = (self.case.cotangent * self.normal).sum(self.without)
        return self.gradients(y=np.asarray(y), x=self.s * inner, gamma=gamma)


def _count(x: Array, over: Axes) -> int:
    return max(1, int(np.prod([x.shape[axis] for axis in over])))


def _mean(a: Array, over: Axes) -> Array:
    return np.asarray(a.sum(over, keepdims=True) / _count(a, over))


def inverse_root(variance: Array, eps: float) -> Array:
    return np.asarray(1 / np.sqrt(variance + eps))


def _outside(variance: Array, eps: float) -> Array:
    return np.asarray(1 / (np.sqrt(variance) + eps))


def _means(along: Along, means: Callable[[int], tuple[float, float]]) -> Wrong:
    """So much of the two means, of n numbers each."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        of = Normalised.of(case, along, inverse_root)
        mean, product = means(_count(case.cotangent, of.over))
        return of.gradients(x=of.s * of.inner(mean=mean, product=product))

    return wrong_gradient


def _with_scale(along: Along, s: Scale) -> Wrong:
    """Another scale than 1/√(v + ε), in backward alone."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        of = Normalised.of(case, along, s)
        with np.errstate(all="ignore"):  # 1/v may be far from 1
            return of.gradients(x=of.s * of.inner(), gamma=(case.cotangent * of.normal).sum(of.without))

    return wrong_gradient


def _variance_for_root(along: Along) -> Wrong:
    """Where the gradient of x is divided by σ alone: x̂ is right, and so are the means of it."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        of = Normalised.of(case, along, inverse_root)
        return of.gradients(x=of.s * of.s * of.inner())

    return wrong_gradient


def _unbiased(along: Along, *, both: bool) -> Wrong:
    """The variance over n − 1: what it is, and forward with it, or taken for the right one in backward."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        n = _count(case.cotangent, along(case)[0])
        ratio = n / max(1, n - 1)
        of = Normalised.of(case, along, lambda variance, eps: inverse_root(variance * ratio, eps))
        return of.everything(of.inner(product=ratio)) if both else of.gradients(x=of.s * of.inner())

    return wrong_gradient


def _gamma_forgotten(case: Case) -> Mapping[str, Array]:
    gamma = case.inputs[1]
    return {} if gamma is None else {"x": right(case.with_input("gamma", np.ones_like(gamma)))["x"]}


def _x_for_normal(along: Along) -> Wrong:
    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        of = Normalised.of(case, along, inverse_root)
        return of.gradients(gamma=(case.cotangent * case.input("x")).sum(of.without))

    return wrong_gradient


def _parameters_averaged(along: Along) -> Wrong:
    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        gradients, g = right(case), case.cotangent
        values = g.dtype.type(_count(g, along(case)[1]))
        return {name: gradients[name] / values for name in ("gamma", "beta") if name in gradients}

    return wrong_gradient


def _as_it_is(wrong: Wrong) -> Wrong:
    return wrong


def common(
    along: Along, source: str, seen: Callable[[Wrong], Wrong] = _as_it_is, places: Along | None = None
) -> tuple[Mistake, ...]:
    """The mistakes that batch, layer and group norm are got wrong with alike.

    seen    makes one of cases of another shape, which `along` speaks of, one of cases as they are
    places  which axes γ and β have not in cases as they are, where that is not what `along` says
    """
    return tuple(
        Mistake(name, explanation, source, wrong_gradient)
        for name, explanation, wrong_gradient in (
            (
                "statistics as constants",
                "γ·g/σ was computed, as when running statistics are used, where mean and variance depend on x.",
                seen(_means(along, lambda _: (0, 0))),
            ),
            (
                "mean as a constant",
                "The mean of γ·g was not subtracted, where the mean of x depends on every x.",
                seen(_means(along, lambda _: (0, 1))),
            ),
            (
                "variance as a constant",
                "The term x̂·mean(γ·g·x̂) was left out, where the variance depends on every x.",
                seen(_means(along, lambda _: (1, 0))),
            ),
            (
                "sums for means",
                "Sums over n numbers were subtracted, where the derivatives of mean and variance are divided by n.",
                seen(_means(along, lambda n: (n, n))),
            ),
            (
                "unbiased variance",
                "Backward divides the squares by one less than forward, which divides them by how many there are.",
                seen(_unbiased(along, both=False)),
            ),
            (
                "both unbiased",
                "Forward and backward agree with each other, on squares over n − 1, where they are over n.",
                seen(_unbiased(along, both=True)),
            ),
            (
                "eps forgotten",
                "1/√v in backward, where forward has 1/√(v + ε).",
                seen(_with_scale(along, lambda variance, _: inverse_root(variance, 0))),
            ),
            (
                "eps outside the root",
                "1/(√v + ε) in backward, where forward has 1/√(v + ε).",
                seen(_with_scale(along, _outside)),
            ),
            (
                "root forgotten",
                "1/(v + ε) in backward, where forward has its root.",
                seen(_with_scale(along, lambda variance, eps: 1 / (variance + eps))),
            ),
            (
                "variance for its root",
                "The gradient of x was divided by v + ε, where it is by the root of that; x̂ is right.",
                seen(_variance_for_root(along)),
            ),
            (
                "gamma forgotten",
                "The gradient of x̂ was taken to be g, where it is g multiplied by γ.",
                _gamma_forgotten,
            ),
            ("x for the normalised", "The gradient of γ is Σ g·x, where γ multiplies x̂.", seen(_x_for_normal(along))),
            (
                "parameters averaged",
                "γ and β got the mean over all places that they act at, where the chain rule sums.",
                _parameters_averaged(places or along),
            ),
        )
    )


def _each_position(case: Case) -> Mapping[str, Array]:
    of = Normalised.of(case, lambda case: ((0,), of_channels(case)[1]), inverse_root)
    return of.gradients(x=of.s * of.inner()) if len(case.input("x")) > 1 else right(case)


def _means_of_each_position(case: Case) -> Mapping[str, Array]:
    of = Normalised.of(case, of_channels, inverse_root)
    inner = of.h - _mean(of.h, (0,)) - of.normal * _mean(of.h * of.normal, (0,))
    return of.gradients(x=np.asarray(of.s * inner))


BATCH_NORM = (
    *common(of_channels, "004, C19"),
    Mistake(
        "statistics of each position",
        "Means were taken over samples alone, as in a dense layer, where they are over positions too.",
        "004, C19",
        _each_position,
    ),
    Mistake(
        "means over samples alone",
        "The means of γ·g and γ·g·x̂ were taken over samples alone, where μ and σ are over positions too.",
        "004, C19",
        _means_of_each_position,
    ),
    last_sample("gamma", "beta"),
    *reshaped("beta"),
)


# Layer norm: γ differs within what is normalised, and it is easy to normalise over other axes.


def _gamma_after_the_means(case: Case) -> Mapping[str, Array]:
    of, g = Normalised.of(case, _last_axes, inverse_root), case.cotangent
    inner = g - of.mean(g) - of.normal * of.mean(g * of.normal)
    return of.gradients(x=np.asarray(of.laid("gamma") * of.s * inner))


def _over(axes: Callable[[Axes, Axes], Axes]) -> Wrong:
    """Forward and backward normalise over other axes, made of those that are right and the others."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over, without = _last_axes(case)
        of = Normalised.of(case, lambda _: (axes(over, without), without), inverse_root)
        return of.everything(of.inner())

    return wrong_gradient


def _root_before_eps(case: Case) -> Mapping[str, Array]:
    """With σ = √v + ε, ∂σ/∂x̂ brings x̂·σ/√v in place of x̂."""
    of = Normalised.of(case, _last_axes, _outside)
    x = case.input("x")
    deviation = np.sqrt(np.square(x - of.mean(x)).sum(of.over, keepdims=True) / _count(x, of.over))
    ratio = 1 / np.where(deviation > 0, deviation * of.s, 1)
    return of.everything(of.h - of.mean(of.h) - ratio * of.normal * of.mean(of.h * of.normal))


LAYER_NORM = (
    *common(_last_axes, "T2"),
    Mistake(
        "gamma after the means",
        "γ multiplied what was left of g, as in batch norm, where it differs among what is averaged: γ·g is.",
        "T2",
        _gamma_after_the_means,
    ),
    Mistake(
        "both with eps outside the root",
        "Forward and backward agree with each other, on √v + ε, where it is √(v + ε).",
        "T2",
        _root_before_eps,
    ),
    Mistake(
        "over the batch",
        "Forward and backward normalise over samples, as batch norm does, where each sample has a mean of its own.",
        "T2",
        _over(lambda over, without: without or over),
    ),
    Mistake(
        "over the last axis alone",
        "Forward and backward normalise over the last axis, where γ and β have more.",
        "T2",
        _over(lambda over, _: over[-1:]),
    ),
    last_sample("gamma", "beta"),
)
