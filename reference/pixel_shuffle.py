"""Pixel shuffle: channels become pixels                                                                             (W8).

r² maps of the same size, laid between one another, are one map r times as large along both axes (indices from 0):

    y[n, c, r·i + a, r·j + b] = x[n, c·r² + r·a + b, i, j],   0 ≤ a, b < r

Nothing is computed, only moved, so the gradient moves the cotangent g = ∂J/∂y back:

    ∂J/∂x[n, c·r² + r·a + b, i, j] = g[n, c, r·i + a, r·j + b]

(Shi et al. 2016, eq. 4.)
"""

from __future__ import annotations

import numpy as np

from reference._window import Array


def forward(x: Array, *, upscale_factor: int = 2) -> Array:
    """x (N, C·r², H, W) → y (N, C, r·H, r·W), of the same dtype, with r = upscale_factor.

    Raises ValueError, naming the numbers, if x has other axes or r² does not divide its channels.
    """
    x = np.asarray(x)
    n, channels, h, w = _shape(x, upscale_factor)
    r = int(upscale_factor)
    laid = x.reshape(n, channels // (r * r), r, r, h, w)
    return np.array(laid.transpose(0, 1, 4, 2, 5, 3), order="C").reshape(n, channels // (r * r), h * r, w * r)


def backward(grad_output: Array, x: Array, *, upscale_factor: int = 2) -> tuple[Array]:
    """∂J/∂x, as a tuple of one, given grad_output = ∂J/∂y (N, C, r·H, r·W), of its dtype; of x only the shape matters.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    g = np.asarray(grad_output)
    n, channels, h, w = _shape(np.asarray(x), upscale_factor)
    r = int(upscale_factor)
    expected = (n, channels // (r * r), h * r, w * r)
    if g.shape != expected:
        raise ValueError(f"grad_output has shape {g.shape}; y has {expected}")
    laid = g.reshape(n, channels // (r * r), h, r, w, r)
    return (np.array(laid.transpose(0, 1, 3, 5, 2, 4), order="C").reshape(n, channels, h, w),)


def _shape(x: Array, r: int) -> tuple[int, int, int, int]:
    if isinstance(r, bool) or not isinstance(r, int | np.integer) or r < 1:
        raise ValueError(f"upscale_factor is {r!r}; expected a whole number of at least 1")
    if x.ndim != 4 or x.shape[1] % (r * r):
        raise ValueError(f"x has shape {x.shape}; expected (N, C·{r * r}, H, W), for upscale_factor {r}")
    n, channels, h, w = x.shape
    return n, channels, h, w
