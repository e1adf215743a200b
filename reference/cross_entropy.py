"""Cross-entropy of the softmax of logits x with the one right class t of each position                  (004, C18).

    E = −log p_t,   p_j = e^{x_j} / Σ_i e^{x_i}        ∂E/∂x_j = p_j − [j = t]

averaged over all positions, or summed. With m the largest logit, that of class c,

    E = m − x_t + log(1 + Σ_{j ≠ c} e^{x_j − m})             both terms are at least 0
    p_t − 1 = −Σ_{j ≠ t} p_j                                 what the right class lacks is what the others have

so that nothing cancels: the loss and the gradient of a class that is almost certain keep all their digits.
"""

from __future__ import annotations

import numpy as np

from reference._window import Array


def forward(logits: Array, target: Array, *, reduction: str = "mean") -> Array:
    """E, a 0-d array, for logits (N, C, *size) and target (N, *size), whole numbers from 0 to C − 1.

    The dtype is that of the logits; float16 is computed in float32 and rounded once. The mean is over all N · ∏ size
    positions; over none it is NaN, and the sum 0. Complex logits are allowed, and E is analytic.

    Raises ValueError, naming the numbers, if the shapes do not fit, if target does not hold whole numbers or names a
    class that there is not, or if `reduction` is neither "mean" nor "sum".
    """
    x, right = _arrays(logits, target, reduction)
    largest = x.real.argmax(1, keepdims=True)
    m = np.take_along_axis(x, largest, 1)
    others = _powers(x, m)
    np.put_along_axis(others, largest, 0, 1)
    with np.errstate(over="ignore", invalid="ignore"):  # ∞ − ∞, nothing but −∞, and 0 / 0, no positions, are NaN
        losses = m - np.take_along_axis(x, right, 1)
        if x.shape[1] > 1:  # or there are no others
            losses += np.log1p(others.sum(1, keepdims=True))
        loss = np.asarray(losses.sum()) / (right.size if reduction == "mean" else 1)
    return np.asarray(loss, np.result_type(logits, np.float16))


def backward(grad_output: Array, logits: Array, target: Array, *, reduction: str = "mean") -> tuple[Array, None]:
    """∂J/∂logits, and None for the target, given grad_output = ∂J/∂E, a single number.

    The dtype is what NumPy promotes grad_output and E to.

    Raises ValueError as forward does, and if grad_output is not a single number.
    """
    x, right = _arrays(logits, target, reduction)
    if np.shape(grad_output):
        raise ValueError(f"grad_output has shape {np.shape(grad_output)}; y has ()")
    dtype = np.result_type(grad_output, logits, np.float16)
    grad = _powers(x, x.real.max(1, keepdims=True)).astype(np.promote_types(dtype, x.dtype), copy=False)
    own = np.take_along_axis(grad, right, 1)
    np.put_along_axis(grad, right, 0, 1)
    others = grad.sum(1, keepdims=True)
    np.put_along_axis(grad, right, -others, 1)
    grad *= np.asarray(grad_output, grad.dtype) / (own + others) / (max(right.size, 1) if reduction == "mean" else 1)
    return grad.astype(dtype, copy=False), None


def _powers(x: Array, m: Array) -> Array:
    """e^{x − m}."""
    with np.errstate(over="ignore", invalid="ignore"):  # x − m may reach −∞; −∞ − −∞ is NaN
        shifted = x - m
    return np.asarray(np.exp(shifted, out=shifted))


def _arrays(logits: Array, target: Array, reduction: str) -> tuple[Array, Array]:
    """The logits, in float32 at least, and the target with an axis for the classes, once they are known to fit."""
    x, t = np.asarray(logits), np.asarray(target)
    if x.ndim < 2 or t.shape != (*x.shape[:1], *x.shape[2:]) or not x.shape[1]:
        raise ValueError(
            f"logits have shape {x.shape} and target {t.shape}; expected (N, C, *size), C at least 1, and (N, *size)"
        )
    if not np.issubdtype(t.dtype, np.integer):
        raise ValueError(f"target has dtype {t.dtype}; expected whole numbers, the class of each position")
    if reduction not in {"mean", "sum"}:
        raise ValueError(f"reduction is {reduction!r}; expected 'mean' or 'sum'")
    outside = t[(t < 0) | (t >= x.shape[1])]
    if outside.size:
        raise ValueError(f"target names class {outside[0]}; logits {x.shape} have classes 0 to {x.shape[1] - 1}")
    return x.astype(np.promote_types(x.dtype, np.float32), copy=False), np.expand_dims(t.astype(np.intp), 1)
