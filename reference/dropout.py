"""Dropout with a given mask: y = x · mask / (1 − p)                                                     (004, C19).

Where the mask is 0 a number is dropped. The others grow by 1 / (1 − p), so that the expectation stays x when each mask is 0
with probability p. y is linear in x, element by element, so ∂J/∂x is the same map of g = ∂J/∂y: g · mask / (1 − p).
"""

from __future__ import annotations

import numpy as np

from reference._window import Array


def forward(x: Array, mask: Array, *, p: float = 0.5) -> Array:
    """y = x · mask / (1 − p), for x and mask of one shape; the mask holds zeros and ones, and has no gradient.

    The dtype is what NumPy promotes x and mask to (a mask of booleans leaves that of x); float16 is computed in float32 and
    rounded once.

    Raises ValueError, naming the numbers, if the shapes differ or p is not in [0, 1).
    """
    x, mask = _arrays(x, mask, p)
    return _thinned(x, mask, p)


def backward(grad_output: Array, x: Array, mask: Array, *, p: float = 0.5) -> tuple[Array, None]:
    """∂J/∂x = grad_output · mask / (1 − p), and None for the mask, given grad_output = ∂J/∂y of the shape of x.

    The dtype is what NumPy promotes grad_output and mask to.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    g = np.asarray(grad_output)
    x, mask = _arrays(x, mask, p)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    return _thinned(g, mask, p), None


def _thinned(a: Array, mask: Array, p: float) -> Array:
    dtype = np.result_type(a, mask, np.float16)
    y = np.multiply(a, mask, dtype=np.promote_types(dtype, np.float32))
    y /= 1 - p
    return y.astype(dtype, copy=False)


def _arrays(x: Array, mask: Array, p: float) -> tuple[Array, Array]:
    """The inputs as arrays, once they are known to fit together."""
    x, mask = np.asarray(x), np.asarray(mask)
    if x.shape != mask.shape:
        raise ValueError(f"x has shape {x.shape} and mask {mask.shape}; expected one shape for both")
    if not 0 <= p < 1:
        raise ValueError(f"p is {p!r}; expected at least 0 and less than 1")
    return x, mask
