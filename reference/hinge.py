"""The hinge loss of scores x with the one right class t of each sample: every other should be m lower            (T20).

    E = 1/C · Σ_{j ≠ t} max(0, m − x_t + x_j)

averaged over samples, or summed. A class that is too close pulls, by the same amount each, and the right one against all:

    ∂E/∂x_j = 1/C · [m − x_t + x_j > 0],   j ≠ t,          ∂E/∂x_t = −Σ_{j ≠ t} ∂E/∂x_j

Where m − x_t + x_j is 0 every share between 0 and 1 is right, and it is taken to be 0 (Weston and Watkins 1999; divided by
C as torch's multi_margin_loss).
"""

from __future__ import annotations

import numpy as np

from reference._elements import BOTH
from reference._precision import at_least_single, promoted
from reference._window import Array


def forward(logits: Array, target: Array, *, margin: float = 1.0, reduction: str = "mean") -> Array:
    """E, a 0-d array, for logits (N, C) and target (N,), whole numbers from 0 to C − 1.

    The mean is over samples; over none it is NaN, and the sum 0. The dtype is that of the logits; float16 is computed in
    float32 and rounded once.

    Raises ValueError, naming the numbers, if the shapes do not fit, if target does not hold whole numbers or names a class
    that there is not, or if `reduction` is neither "mean" nor "sum".
    """
    gaps, _ = _gaps(logits, target, margin, reduction)
    with np.errstate(invalid="ignore"):  # 0 / 0, no samples
        loss = np.maximum(gaps, 0).sum() / gaps.shape[1] / np.float64(len(gaps) if reduction == "mean" else 1)
    return np.asarray(loss).astype(promoted(np.asarray(logits)), copy=False)


def backward(
    grad_output: Array, logits: Array, target: Array, *, margin: float = 1.0, reduction: str = "mean"
) -> tuple[Array, None]:
    """∂J/∂logits, and None for the target, given grad_output = ∂J/∂E, a single number.

    The dtype is what NumPy promotes grad_output and E to. Raises ValueError as forward does, and if grad_output is not a
    single number.
    """
    gaps, right = _gaps(logits, target, margin, reduction)
    if np.shape(grad_output):
        raise ValueError(f"grad_output has shape {np.shape(grad_output)}; y has ()")
    dtype = promoted(np.asarray(grad_output), np.asarray(logits))
    pulls = (gaps > 0).astype(np.promote_types(dtype, np.float32))
    np.put_along_axis(pulls, right, -pulls.sum(1, keepdims=True), 1)
    many = gaps.shape[1] * (max(1, len(gaps)) if reduction == "mean" else 1)
    return np.asarray(pulls * grad_output / many).astype(dtype, copy=False), None


def _gaps(logits: Array, target: Array, margin: float, reduction: str) -> tuple[Array, Array]:
    """How far each class is too close, in float32 at least, 0 for the right one; and that class with an axis of its own."""
    x, t = at_least_single(np.asarray(logits)), np.asarray(target)
    if x.ndim != 2 or t.shape != x.shape[:1] or not x.shape[1]:
        raise ValueError(f"logits have shape {x.shape} and target {t.shape}; expected (N, C), C at least 1, and (N,)")
    if not np.issubdtype(t.dtype, np.integer):
        raise ValueError(f"target has dtype {t.dtype}; expected whole numbers, the class of each sample")
    if reduction not in BOTH:
        raise ValueError(f"reduction is {reduction!r}; expected 'mean' or 'sum'")
    outside = t[(t < 0) | (t >= x.shape[1])]
    if outside.size:
        raise ValueError(f"target names class {outside[0]}; logits {x.shape} have classes 0 to {x.shape[1] - 1}")
    right = t.astype(np.intp)[:, None]
    gaps = x - np.take_along_axis(x, right, 1) + margin
    np.put_along_axis(gaps, right, 0, 1)
    return gaps, right
