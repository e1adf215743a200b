"""The rectifier, element by element: y = max(x, 0)                                                       (004, C18).

    ∂J/∂x = g  where x > 0,   0  where x ≤ 0

At the kink, x = 0, every share of g from 0 to 1 is a subgradient; this one takes none of it, as torch does.
"""

from __future__ import annotations

import numpy as np

from reference._window import Array


def forward(x: Array) -> Array:
    """y = max(x, 0), x and y of any one shape and the same dtype; NaN stays NaN."""
    return np.asarray(np.maximum(x, 0))


def backward(grad_output: Array, x: Array) -> tuple[Array]:
    """∂J/∂x = grad_output where x > 0 and 0 where x ≤ 0, as a tuple of one; where x is NaN, grad_output passes.

    The dtype is what NumPy promotes grad_output and x to. Raises ValueError if grad_output does not have the shape of y.
    """
    g, x = np.asarray(grad_output), np.asarray(x)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    dead = x <= 0
    finite = g.dtype != object and np.isfinite(g).all()
    grad_x = g * ~dead if finite else np.where(dead, 0, g)  # ∞ · 0 is not 0; where it does not matter, it is faster
    return (grad_x.astype(np.result_type(g, x), copy=False),)
