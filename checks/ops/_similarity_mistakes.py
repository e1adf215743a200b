"""Known ways to get the gradients of the cosine similarity wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import last_sample, right
from reference._window import Window, gather, scatter, window

Wrong = Callable[[Case], Mapping[str, Array]]


@dataclass(frozen=True)
class _Parts:
    """What the gradients are made of: windows as (N, *output, n), templates as (O, n), y and g as (N, *output, O)."""

    case: Case

    @cached_property
    def over(self) -> Window:
        return window(self.case.input("x").shape[2:], self.case.input("template").shape[2:])

    @cached_property
    def w(self) -> Array:
        x, axes = self.case.input("x"), len(self.over.size)
        laid = np.moveaxis(gather(x, self.over), range(2 + axes, 2 + 2 * axes), range(1, 1 + axes))
        return laid.reshape(len(x), *self.over.output, x.shape[1] * prod(self.over.kernel))

    @cached_property
    def t(self) -> Array:
        template = self.case.input("template")
        return template.reshape(len(template), prod(template.shape[1:]))

    @cached_property
    def g(self) -> Array:
        return np.moveaxis(self.case.cotangent, 1, -1)

    @cached_property
    def y(self) -> Array:
        return np.asarray((self.w / _norm(self.w)) @ (self.t / _norm(self.t)).T)

    def x_gradient(self, of_windows: Array, scattered: Callable[[Array, Window], Array] = scatter) -> Array:
        """What all windows give back to x."""
        x, axes = self.case.input("x"), len(self.over.size)
        laid = of_windows.reshape(len(x), *self.over.output, x.shape[1], *self.over.kernel)
        windows = np.ascontiguousarray(np.moveaxis(laid, range(1, 1 + axes), range(2 + axes, 2 + 2 * axes)))
        return scattered(windows.astype(self.case.cotangent.dtype), self.over)

    def template_gradient(self, of_templates: Array) -> Array:
        """In the shape of the templates."""
        return of_templates.reshape(self.case.input("template").shape).astype(self.case.cotangent.dtype)

    def over_places(self, a: Array) -> Array:
        """Samples and positions as one axis."""
        return a.reshape(prod(a.shape[:-1]), a.shape[-1])

    @cached_property
    def window_terms(self) -> tuple[Array, Array]:
        """Σ g·t̂/‖w‖ and Σ g·y·ŵ/‖w‖, of which the second is subtracted."""
        first = self.g @ (self.t / _norm(self.t)) / _norm(self.w)
        return first, (self.g * self.y).sum(-1, keepdims=True) * self.w / _norm(self.w) ** 2

    @cached_property
    def template_terms(self) -> tuple[Array, Array]:
        """Σ g·ŵ/‖t‖ and Σ g·y·t̂/‖t‖, of which the second is subtracted."""
        g, w = self.over_places(self.g), self.over_places(self.w / _norm(self.w))
        along = self.over_places(self.g * self.y).sum(0)[:, None]
        return g.T @ w / _norm(self.t), along * self.t / _norm(self.t) ** 2


def _norm(a: Array) -> Array:
    """‖a‖ along the last axis, 1 where it is 0."""
    found = np.sqrt(np.square(a).sum(-1, keepdims=True))
    return np.asarray(np.where(found == 0, 1, found))


def _terms(combined: Callable[[Array, Array, Array], Array], *names: str) -> Wrong:
    """The two terms of each gradient, and the norm of what it is the gradient of, combined otherwise."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        of = _Parts(case)
        made = {
            "x": lambda: of.x_gradient(combined(*of.window_terms, _norm(of.w))),
            "template": lambda: of.template_gradient(combined(*of.template_terms, _norm(of.t))),
        }
        return {name: made[name]() for name in names}

    return wrong_gradient


def _y_forgotten(case: Case) -> Mapping[str, Array]:
    of = _Parts(case)
    along = of.over_places(of.g).sum(0)[:, None] * of.t / _norm(of.t) ** 2
    across = of.g.sum(-1, keepdims=True) * of.w / _norm(of.w) ** 2
    return {
        "x": of.x_gradient(of.window_terms[0] - across),
        "template": of.template_gradient(of.template_terms[0] - along),
    }


def _correlation(case: Case) -> Mapping[str, Array]:
    of = _Parts(case)
    return {
        "x": of.x_gradient(of.g @ of.t),
        "template": of.template_gradient(of.over_places(of.g).T @ of.over_places(of.w)),
    }


def _both_correlation(case: Case) -> Mapping[str, Array]:
    of = _Parts(case)
    return {"y": np.moveaxis(of.w @ of.t.T, -1, 1), **_correlation(case)}


def _last_template(case: Case) -> Mapping[str, Array]:
    g = np.zeros_like(case.cotangent)
    g[:, -1:] = case.cotangent[:, -1:]
    return {"x": right(replace(case, cotangent=g))["x"]}


def _assigned(windows: Array, over: Window) -> Array:
    x = np.zeros((*windows.shape[:2], *over.size), windows.dtype)
    for offset, reaching, reached in over.meetings:
        at: tuple[Any, Any] = ((..., *reached), (slice(None), slice(None), *offset, *reaching))
        x[at[0]] = windows[at[1]]
    return x


def _overlap_overwritten(case: Case) -> Mapping[str, Array]:
    of = _Parts(case)
    first, second = of.window_terms
    return {"x": of.x_gradient(first - second, _assigned)}


SIMILARITY = (
    Mistake(
        "norms as constants",
        "The product rule alone, where both norms depend on what they are the norm of.",
        "004, C2",
        _terms(lambda first, _, __: first, "x", "template"),
    ),
    Mistake(
        "window's norm as a constant",
        "The gradient of x lacks the term from ‖w‖, which depends on every element of the window.",
        "004, C2",
        _terms(lambda first, _, __: first, "x"),
    ),
    Mistake(
        "template's norm as a constant",
        "The gradient of the template lacks the term from ‖t‖, which depends on every element of it.",
        "004, C2",
        _terms(lambda first, _, __: first, "template"),
    ),
    Mistake(
        "second term added",
        "The term from the norm has the wrong sign, where the quotient rule subtracts it.",
        "004, C2",
        _terms(lambda first, second, _: first + second, "x", "template"),
    ),
    Mistake(
        "norm not squared",
        "y·w/‖w‖ in the second term, where the quotient rule leaves y·w/‖w‖².",
        "004, C2",
        _terms(lambda first, second, of: first - second * of, "x", "template"),
    ),
    Mistake(
        "not divided by the norm",
        "t̂ − y·ŵ was computed, as if the window had length 1, where that is divided by its norm.",
        "004, C2",
        _terms(lambda first, second, of: (first - second) * of, "x", "template"),
    ),
    Mistake(
        "y forgotten",
        "t̂ − ŵ was computed, where ŵ is multiplied by the similarity.",
        "004, C2",
        _y_forgotten,
    ),
    Mistake(
        "gradient of the correlation",
        "The template for the window and the window for the template, where both are divided by norms.",
        "004, C7",
        _correlation,
    ),
    Mistake(
        "both without norms",
        "Forward and backward agree with each other, on the inner product, where it is divided by both norms.",
        "004, C2",
        _both_correlation,
    ),
    Mistake(
        "last template only",
        "The gradient of x was assigned in the loop over templates, where each of them adds to it.",
        "004, C3",
        _last_template,
    ),
    Mistake(
        "overlap overwritten",
        "Where windows overlap the last one is kept, where all of them add up.",
        "004, C3",
        _overlap_overwritten,
    ),
    last_sample("template"),
)
