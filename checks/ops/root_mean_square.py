"""Root mean square normalisation: how it rounds.

Nothing is subtracted in r² = mean x² + ε, so x̂ = x/r rounds relative to itself: m + 4 roundings for m numbers in a mean, of
which a root takes half. y rounds relative to |γx̂|, ∂J/∂γ to Σ|g·x̂|, and ∂J/∂x to (|h| + |x̂|·mean|h·x̂|)/r, h = γg.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from checks.algebra.expression import (
    Call,
    Element,
    Expression,
    Named,
    Power,
    Product,
    Quotient,
    Sum,
    add,
    negative,
    number,
)
from checks.numbers.precision import Array
from checks.op import Case, Documents, Kind, Op, Problem, Rounding
from checks.ops._root_mean_square_mistakes import RMS_NORM
from checks.ops.normalization import EPS
from checks.signature.takes import Sizes, Takes
from reference import rms_norm

if TYPE_CHECKING:
    import torch

Index = tuple[int, ...]


def last(shapes: Mapping[str, Any]) -> tuple[int, ...]:
    """The shape that is normalised over: that of γ, or the last axis."""
    own: tuple[int, ...] | None = shapes["gamma"]
    return shapes["x"][-1:] if own is None else own


def terms(problem: Problem) -> dict[str, int]:
    """A mean and a root for x̂; once more, with another mean, for the gradient of x."""
    x, m = problem.shape("x"), prod(last(problem.shapes))
    return {"y": m + 8, "x": 3 * m + 20, "gamma": m + 8 + prod(x) // max(1, m)}


def magnitudes(case: Case) -> dict[str, Array]:
    """As the module derives them."""
    x, g = np.abs(case.input("x")), np.abs(case.cotangent)
    own = case.inputs[1]
    many = 1 if own is None else own.ndim
    over, along = tuple(range(x.ndim - many, x.ndim)), tuple(range(x.ndim - many))
    gamma = np.ones(()) if own is None else np.abs(own)
    r = np.sqrt(np.square(x).mean(over, keepdims=True) + case.parameters["eps"])
    normal, h = x / r, gamma * g
    return {
        "y": gamma * normal,
        "x": (h + normal * (h * normal).mean(over, keepdims=True)) / r,
        "gamma": (g * normal).sum(along),
    }


def radius(case: Case) -> float:
    """Steps that move no x by more than a quarter of the smallest r, which is near its tangent then."""
    x, own = case.input("x").astype(np.float64), case.inputs[1]
    many = 1 if own is None else own.ndim
    r = np.sqrt(np.square(x).mean(tuple(range(x.ndim - many, x.ndim))) + case.parameters["eps"])
    return float(min(1.0, r.min(initial=np.inf) / (2 * np.abs(x).max(initial=1e-300))))


def formula(problem: Problem, result: str, index: Index) -> Expression:
    """γ·x̂; (h − x̂·mean(h·x̂)) / r, h = γ·G; Σ G·x̂ over the places. There may be no γ."""
    shape, own = problem.shape("x"), last(problem.shapes)
    lead = shape[: len(shape) - len(own)]
    count = number(prod(own))

    def row(i: Index) -> list[Index]:
        return [(*i[: len(lead)], *j) for j in np.ndindex(*own)]

    def at(i: Index) -> Index:
        return tuple(k for k, n in zip(i, lead, strict=False) if n > 1)

    def root(i: Index) -> Named:
        squares = Quotient(add(Power(Element("x", j), number(2)) for j in row(i)), count)
        eps = Named("ε", (), number(problem.parameters["eps"]))
        return Named("r", at(i), Call("sqrt", (Sum((squares, eps)),)))

    def normal(i: Index) -> Named:
        return Named("x\u0302", i, Quotient(Element("x", i), root(i)), like="x")

    def scaled(i: Index, *factors: Expression) -> Expression:
        gamma = [] if problem.shapes["gamma"] is None else [Element("gamma", i[len(lead) :])]
        return Product((*gamma, *factors))

    if result == "y":
        return scaled(index, normal(index))
    if result == "gamma":
        every = [(*i, *index) for i in np.ndindex(*lead)]
        return add(Product((Element("g", i), normal(i))) for i in every)
    along = add(scaled(i, Element("g", i), normal(i)) for i in row(index))
    share = Product((normal(index), Named("s", at(index), Quotient(along, count))))
    return Quotient(Sum((scaled(index, Element("g", index)), negative(share))), root(index))


def twin(x: torch.Tensor, gamma: torch.Tensor | None, *, eps: float) -> torch.Tensor:
    """The same function by torch."""
    import torch

    return torch.nn.functional.rms_norm(x, x.shape[-1:] if gamma is None else gamma.shape, gamma, eps)


OP = Op(
    name="rms_norm",
    reference=rms_norm,
    takes=Takes(
        arrays={"x": "*batch *last", "gamma": "*last ?", "y": "*batch *last"},
        parameters=(EPS,),
        sizes=(
            Sizes("batch", "*batch", "the axes before those", (2, 3, 1, 4), (1, 2), 0, "8 | 2,3"),
            Sizes("last", "*last", "the last axes, normalised over", (3, 2, 4, 5, 8), (1, 2), 1, "8 | 2,3", tells=2),
        ),
        scales={"x": (0, 0, 3, -3, 20), "gamma": (0, 5)},
    ),
    twin=twin,
    rounds=Rounding(terms, magnitudes),
    kind=Kind(linear_in=(("gamma",),), radius=radius, bounded=True),
    told=Documents(sources=dict.fromkeys(("y", "x", "gamma"), "T11"), formula=formula, usual={"batch": 2, "last": 2}),
    mistakes=RMS_NORM,
)

OPS = (OP,)
