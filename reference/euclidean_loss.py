"""Half the squared Euclidean distance of prediction and target, averaged over the samples          (004, C16 and C18).

    E = 1/(2N) · Σ_n ‖p_n − t_n‖²        ∂E/∂p = (p − t) / N        ∂E/∂t = −(p − t) / N

The 2 is there to cancel against the exponent. With reduction "sum", N is left out.
"""

from __future__ import annotations

import numpy as np

from reference._precision import at_least_single
from reference._window import Array


def forward(prediction: Array, target: Array, *, reduction: str = "mean") -> Array:
    """E, a 0-d array, for prediction and target of one shape (N, ...); N is the number of samples alone.

    The dtype is what NumPy promotes the two to; float16 is computed in float32 and rounded once. Complex numbers are
    squared, not their absolute values, so that E is analytic. The mean over no samples is NaN, the sum 0.

    Raises ValueError if the shapes differ or have no axis, or if `reduction` is neither "mean" nor "sum".
    """
    p, t = _arrays(prediction, target, reduction)
    difference = (at_least_single(p) - at_least_single(t)).reshape(-1)
    with np.errstate(invalid="ignore"):  # 0 / 0, the mean over no samples
        loss = np.asarray(difference @ difference) / (2 * _divisor(p, reduction))
    return np.asarray(loss, np.result_type(p, t, np.float16))


def backward(grad_output: Array, prediction: Array, target: Array, *, reduction: str = "mean") -> tuple[Array, Array]:
    """∂J/∂prediction and ∂J/∂target, given grad_output = ∂J/∂E, a single number.

    The dtype is what NumPy promotes the three to. Raises ValueError as forward does, and if grad_output has any axis.
    """
    p, t = _arrays(prediction, target, reduction)
    if np.shape(grad_output):
        raise ValueError(f"grad_output has shape {np.shape(grad_output)}; y has ()")
    dtype = np.result_type(grad_output, p, t, np.float16)
    wide = np.promote_types(dtype, np.float32)
    grad = np.subtract(p, t, dtype=wide)
    grad *= np.asarray(grad_output, wide)
    if p.size:
        grad /= _divisor(p, reduction)
    return grad.astype(dtype, copy=False), (-grad).astype(dtype, copy=False)


def _arrays(prediction: Array, target: Array, reduction: str) -> tuple[Array, Array]:
    p, t = np.asarray(prediction), np.asarray(target)
    if p.shape != t.shape or not p.ndim:
        raise ValueError(f"prediction has shape {p.shape} and target {t.shape}; expected one shape (N, ...) for both")
    if reduction not in {"mean", "sum"}:
        raise ValueError(f"reduction is {reduction!r}; expected 'mean' or 'sum'")
    return p, t


def _divisor(p: Array, reduction: str) -> int:
    return len(p) if reduction == "mean" else 1
