"""Root mean square normalisation: the last axes of every sample divided by their root mean square               (T11).

With n numbers in a row, and no mean taken off,

    y_i = γ_i · x̂_i,   x̂_i = x_i / r,   r = √(mean(x²) + eps)

∂r/∂x_i = x̂_i / n, so ∂x̂_j/∂x_i = ([i = j] − x̂_i · x̂_j / n) / r, and with g = ∂J/∂y, h = γ · g

    ∂J/∂γ_i = Σ over rows of g_i · x̂_i
    ∂J/∂x_i = (h_i − x̂_i · mean(h · x̂)) / r                        (Zhang and Sennrich 2019, equation 4)
"""

from __future__ import annotations

from math import prod

import numpy as np

from reference._blocks import each
from reference._range import scales
from reference._window import Array

BLOCK = 1 << 15  # numbers at a time, or one row: what is made of them on the way stays in the cache


def forward(x: Array, gamma: Array | None = None, *, eps: float = 1e-5) -> Array:
    """y, of the shape of x; gamma has that of the last axes, over which the mean is. Without it, over the last one.

    The dtype is what NumPy promotes the inputs to; float16 is computed in float32 and rounded once. A row of zeros gives 0,
    and where eps is 0, NaN. Complex numbers are squared, not their absolute values, so that y is analytic.

    Raises ValueError, naming the numbers, if the shapes do not fit together or eps is negative.
    """
    x, scale, count = _arrays(x, gamma, eps)
    dtype = np.result_type(x, np.float16, *([] if scale is None else [scale]))
    rows = x.reshape(-1, count) if x.size else x.reshape(0, max(1, count))
    y = np.empty(rows.shape, dtype)

    def fill(block: slice) -> None:
        normal, _ = _normalised(rows[block], eps, dtype)
        y[block] = normal if scale is None else normal * scale

    each(len(rows), max(1, BLOCK // max(1, count)), fill)
    return y.reshape(x.shape)


def backward(
    grad_output: Array, x: Array, gamma: Array | None = None, *, eps: float = 1e-5
) -> tuple[Array, Array | None]:
    """∂J/∂x and ∂J/∂gamma (None where there is none), given grad_output = ∂J/∂y of the shape of x.

    Each has the shape of its input. Their dtype is what NumPy promotes grad_output, x and, for ∂J/∂x, gamma to.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x, scale, count = _arrays(x, gamma, eps)
    g = np.asarray(grad_output)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    dtype = np.result_type(g, x, np.float16, *([] if scale is None else [scale]))
    shape = (-1, count) if x.size else (0, max(1, count))
    rows, g = x.reshape(shape), g.reshape(shape)
    grad_x = np.empty(rows.shape, dtype)
    step = max(1, BLOCK // max(1, count))
    parts = np.zeros((-(-len(rows) // step), rows.shape[1]), np.promote_types(dtype, np.float32))

    def fill(block: slice) -> None:
        normal, inverse = _normalised(rows[block], eps, dtype)
        h = g[block].astype(normal.dtype)
        if scale is not None:
            parts[block.start // step] = (h * normal).sum(0)
            h = h * scale
        mean = (h * normal).sum(1, keepdims=True) / max(1, count)
        with np.errstate(invalid="ignore"):  # 0 · ∞: a row of zeros where eps is 0
            grad_x[block] = (h - normal * mean) * inverse

    each(len(rows), step, fill)
    if scale is None or gamma is None:
        return grad_x.reshape(x.shape), None
    of_gamma = parts[:, : scale.size].sum(0).astype(np.result_type(g, x, np.float16))
    return grad_x.reshape(x.shape), of_gamma.reshape(np.shape(gamma))


def _normalised(rows: Array, eps: float, dtype: np.dtype) -> tuple[Array, Array]:
    """x̂ (rows, n) and 1/r (rows, 1) of some rows, in float32 at least."""
    wide = rows.astype(np.promote_types(dtype, np.float32))
    # 0 / 0: a row of zeros where eps is 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        count = max(1, rows.shape[1])
        mean = (wide * wide).sum(1, keepdims=True) / count + eps
        scale = scales(mean, wide, 1)
        if scale is not None:
            wide = wide * scale
            mean = (wide * wide).sum(1, keepdims=True) / count + eps * scale * scale
        inverse = 1 / np.sqrt(mean)
        return wide * inverse, inverse if scale is None else inverse * scale


def _arrays(x: Array, gamma: Array | None, eps: float) -> tuple[Array, Array | None, int]:
    """x and gamma as arrays, this flat, and how many numbers a row has, once they are known to fit together."""
    x = np.asarray(x)
    if not x.ndim:
        raise ValueError("x has shape (); expected one axis at least")
    if not eps >= 0:
        raise ValueError(f"eps is {eps!r}; expected at least 0")
    if gamma is None:
        return x, None, x.shape[-1]
    scale = np.asarray(gamma)
    if not 0 < scale.ndim <= x.ndim or x.shape[x.ndim - scale.ndim :] != scale.shape:
        raise ValueError(f"gamma has shape {scale.shape}; expected that of the last axes of x {x.shape}")
    return x, scale.reshape(-1), prod(scale.shape)
