"""Cross-entropy with weights for classes, smoothed labels, and positions that do not count                       (T16).

Of a position whose class t counts w_t, with p the softmax of its C logits x and s the smoothing,

    E = −Σ_c a_c·log p_c,   a_c = ((1 − s)·[c = t] + s/C)·w_c         ∂E/∂x_c = p_c·Σ_j a_j − a_c

since −log p_c has the derivative p_j − [j = c] by x_j. Summed, or divided by Σ w_t over the positions that count: a mean in
which each has the weight of its class (Szegedy et al. 2016, section 7, for s; weights as torch has them).

With m the largest logit, −log p_c = m − x_c + log Σ e^{x − m}, both at least 0, and p_c·Σ a − a_c = p_c·Σ_{j ≠ c} a_j −
a_c·Σ_{j ≠ c} p_j, so that nothing cancels where a class is almost certain.
"""

from __future__ import annotations

import numpy as np

from reference._elements import BOTH
from reference._precision import at_least_single, promoted
from reference._window import Array


def forward(
    logits: Array,
    target: Array,
    weight: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    """E, a 0-d array, for logits (N, C, *size), target (N, *size) and weight (C,), or None for 1.

    Positions whose target is `ignore_index`, which may be a class or not, count nothing. A mean in which nothing counts is
    NaN. The dtype is what NumPy promotes logits and weight to; float16 is computed in float32 and rounded once. Complex
    logits are allowed, and E is analytic.

    Raises ValueError, naming the numbers, if the shapes do not fit, if target does not hold whole numbers or names a class
    that there is not, if label_smoothing is not between 0 and 1, or if `reduction` is neither "mean" nor "sum".
    """
    x, weights, total = _arrays(logits, target, weight, label_smoothing, ignore_index, reduction)
    largest, powers, others = _powers(x)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # ∞ − ∞; 0 / 0: nothing counts
        losses = np.take_along_axis(x, largest, 1) - x
        if powers.shape[1] > 1:  # or there are no others
            losses = losses + np.log1p(others)
        loss = np.where(weights == 0, np.zeros((), x.dtype), weights * losses).sum() / total
    return np.asarray(loss).astype(_dtype(logits, weight), copy=False)


def backward(
    grad_output: Array,
    logits: Array,
    target: Array,
    weight: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> tuple[Array, None, None]:
    """∂J/∂logits, and None for target and weight, given grad_output = ∂J/∂E, a single number.

    It is 0 at positions that do not count. The dtype is what NumPy promotes grad_output and E to.

    Raises ValueError as forward does, and if grad_output is not a single number.
    """
    x, weights, total = _arrays(logits, target, weight, label_smoothing, ignore_index, reduction)
    if np.shape(grad_output):
        raise ValueError(f"grad_output has shape {np.shape(grad_output)}; y has ()")
    largest, powers, others = _powers(x)
    with np.errstate(invalid="ignore"):  # −∞ throughout
        all_of_them = 1 + others
        rest = (
            all_of_them - powers
        )  # the other classes' powers: for the largest, of which little is left, they are known
        np.put_along_axis(rest, largest, others, 1)
        own = weights.sum(1, keepdims=True) - weights
        gradient = (powers * own - weights * rest) / all_of_them
    counts = (weights != 0).any(1, keepdims=True)
    scale = np.asarray(at_least_single(np.asarray(grad_output)) / (total or 1))
    gradient = np.where(counts, gradient, np.zeros((), gradient.dtype)) * scale
    return gradient.astype(promoted(np.asarray(grad_output), *_given(logits, weight)), copy=False), None, None


def _powers(x: Array) -> tuple[Array, Array, Array]:
    """Which logit is the largest, e^{x − m}, and the sum of those of all others."""
    largest = x.real.argmax(1, keepdims=True)
    with np.errstate(invalid="ignore", over="ignore"):  # −∞ − −∞ is NaN
        powers = np.exp(x - np.take_along_axis(x, largest, 1))
    others = powers.copy()
    np.put_along_axis(others, largest, 0, 1)
    return largest, powers, others.sum(1, keepdims=True)


def _given(logits: Array, weight: Array | None) -> list[Array]:
    return [np.asarray(a) for a in (logits, weight) if a is not None]


def _dtype(logits: Array, weight: Array | None) -> np.dtype:
    return promoted(*_given(logits, weight))


def _arrays(
    logits: Array, target: Array, weight: Array | None, smoothing: float, ignored: int, reduction: str
) -> tuple[Array, Array, np.floating]:
    """The logits, in float32 at least, C·a of each, and what a sum of that is divided by, once all are known to fit."""
    x, t = at_least_single(np.asarray(logits)), np.asarray(target)
    if x.ndim < 2 or t.shape != (*x.shape[:1], *x.shape[2:]) or not x.shape[1]:
        raise ValueError(
            f"logits have shape {x.shape} and target {t.shape}; expected (N, C, *size), C at least 1, and (N, *size)"
        )
    if not np.issubdtype(t.dtype, np.integer):
        raise ValueError(f"target has dtype {t.dtype}; expected whole numbers, the class of each position")
    if reduction not in BOTH:
        raise ValueError(f"reduction is {reduction!r}; expected 'mean' or 'sum'")
    if not 0 <= smoothing <= 1:
        raise ValueError(f"label_smoothing is {smoothing!r}; expected a number between 0 and 1")
    classes = x.shape[1]
    w = np.ones(classes) if weight is None else np.asarray(weight, np.float64)
    if w.shape != (classes,):
        raise ValueError(f"weight has shape {w.shape}; logits {x.shape} need {(classes,)}, one for each class")
    counts = t != ignored
    outside = t[counts & ((t < 0) | (t >= classes))]
    if outside.size:
        raise ValueError(f"target names class {outside[0]}; logits {x.shape} have classes 0 to {classes - 1}")
    right = np.where(counts, t, 0).astype(np.intp)
    own = np.where(counts, w[right], 0.0)
    a = np.expand_dims(counts, 1) * (smoothing * w.reshape(-1, *(1,) * (x.ndim - 2)))
    at = np.take_along_axis(a, np.expand_dims(right, 1), 1) + np.expand_dims((1 - smoothing) * classes * own, 1)
    np.put_along_axis(a, np.expand_dims(right, 1), at, 1)
    kept = x.real.dtype if x.dtype != object else np.dtype(np.float64)
    return x, a.astype(kept, copy=False), np.float64(classes * (own.sum() if reduction == "mean" else 1))
