"""Known ways to get the gradient of Lp pooling wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case, Mistake
from checks.ops._mistakes import right
from checks.ops._pooled import (
    elements,
    given_back,
    inside,
    last_of_ceil_mode_forgotten,
    over_of,
    without_stride,
)
from reference._window import Window

Wrong = Callable[[Case], Mapping[str, Array]]


def _p(case: Case) -> float:
    return float(case.parameters["norm_type"])


def _laid(case: Case, over: Window) -> Array:
    """x (N, C, elements, *output), in float64."""
    return elements(case.input("x").astype(np.float64), over)


def _norm(laid: Array, p: float) -> Array:
    """The norms with an axis of one for the elements; 1 in place of 0."""
    y = (np.abs(laid) ** p).sum(2, keepdims=True) ** (1 / p)
    return np.where(y == 0, 1, y)


def _back(case: Case, over: Window, shares: Array) -> dict[str, Array]:
    parts = (shares * case.cotangent[:, :, None]).astype(case.cotangent.dtype)
    return {"x": given_back(parts, over)}


def _shared(share: Callable[[Array, float], Array]) -> Wrong:
    """What each element of a window gets of its cotangent, of the window and p."""

    def wrong_gradient(case: Case) -> Mapping[str, Array]:
        over = over_of(case)
        with np.errstate(all="ignore"):
            return _back(case, over, np.nan_to_num(share(_laid(case, over), _p(case))))

    return wrong_gradient


def _right(laid: Array, p: float) -> Array:
    return np.asarray(np.sign(laid) * (np.abs(laid) / _norm(laid, p)) ** (p - 1))


def _largest(laid: Array, p: float) -> Array:  # noqa: ARG001, shares are asked alike
    chosen = np.abs(laid) == np.abs(laid).max(2, keepdims=True)
    return np.asarray(np.sign(laid) * (chosen & (np.cumsum(chosen, 2) == 1)))


def _mean(case: Case) -> Mapping[str, Array]:
    """The mean of the powers in place of their sum."""
    over, p = over_of(case), _p(case)
    laid, count = _laid(case, over), inside(case, over).sum(2, keepdims=True)
    y = (np.abs(laid) ** p).sum(2) ** (1 / p) / count[:, :, 0] ** (1 / p)
    return {"y": y.astype(case.cotangent.dtype), **_back(case, over, _right(laid, p) / count ** (1 / p))}


def _signed_powers(case: Case) -> Mapping[str, Array]:
    """x^p for an odd p, and the root of whatever sign the sum has."""
    over, p = over_of(case), _p(case)
    if p % 2 != 1:
        return right(case)
    laid = _laid(case, over)
    total = (laid**p).sum(2, keepdims=True)
    y = np.sign(total) * np.abs(total) ** (1 / p)
    with np.errstate(all="ignore"):
        shares = np.nan_to_num((np.abs(laid) / np.abs(y)) ** (p - 1))
    return {"y": y[:, :, 0].astype(case.cotangent.dtype), **_back(case, over, shares)}


def _overwritten(case: Case) -> Mapping[str, Array]:
    over, g = over_of(case), case.cotangent
    parts = (_right(_laid(case, over), _p(case)) * g[:, :, None]).astype(g.dtype)
    windows = parts.reshape(*g.shape[:2], *over.kernel, *over.output)
    found = np.zeros(case.input("x").shape, g.dtype)
    for offset, reaching, reached in over.meetings:
        to: Any = (..., *reached)
        of: Any = (slice(None), slice(None), *offset, *reaching)
        found[to] = windows[of]
    return {"x": found}


def _stride_ignored(case: Case) -> Mapping[str, Array]:
    over = over_of(case)
    return _back(case, without_stride(over), _right(_laid(case, over), _p(case)))


LP_POOL = tuple(
    Mistake(name, explanation, "W13", wrong_gradient)
    for name, explanation, wrong_gradient in (
        (
            "sign left out",
            "The gradient is that by |x|, where the chain rule goes on to x, whose sign it multiplies by.",
            _shared(lambda laid, p: (np.abs(laid) / _norm(laid, p)) ** (p - 1)),
        ),
        (
            "power of p",
            "|x|/y was raised to p, where the derivative of a power has p − 1.",
            _shared(lambda laid, p: np.sign(laid) * (np.abs(laid) / _norm(laid, p)) ** p),
        ),
        (
            "root left out",
            "It is the gradient of the sum of powers, where that of its root follows.",
            _shared(lambda laid, p: p * np.sign(laid) * np.abs(laid) ** (p - 1)),
        ),
        (
            "multiplied by p",
            "The p of the inner derivative was kept, where the 1/p of the outer one cancels it.",
            _shared(lambda laid, p: p * _right(laid, p)),
        ),
        (
            "backward of p = 2",
            "Backward multiplies by x/y, which is right for p = 2 alone.",
            _shared(lambda laid, p: laid / _norm(laid, p)),
        ),
        (
            "as max pooling",
            "The largest |x| of each window got all of the cotangent, as if p were infinite.",
            _shared(_largest),
        ),
        (
            "shared equally",
            "Every element got the same share, as of a mean, where it depends on how large the element is.",
            _shared(lambda laid, _: np.sign(laid) / laid.shape[2]),
        ),
        (
            "mean of powers",
            "Forward and backward have the mean of the powers under the root, where it is their sum.",
            _mean,
        ),
        (
            "powers with their signs",
            "Forward and backward sum x^p, negative for an odd p where x is, where a norm has |x|^p.",
            _signed_powers,
        ),
        ("overlap overwritten", "Where windows overlap the last one is kept, where all of them add up.", _overwritten),
        (
            "stride ignored",
            "Shares were spread as if windows were one apart, where they are a stride apart.",
            _stride_ignored,
        ),
        (
            "last of ceil_mode forgotten",
            "Windows that end outside gave nothing back, where forward had their norms.",
            last_of_ceil_mode_forgotten,
        ),
    )
)
