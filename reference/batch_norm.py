"""Batch normalisation: each channel brought to mean 0 and deviation 1 over the batch, then scaled and shifted (004, C19).

For the m numbers x of a channel, with mean μ and (biased) variance v = Σ (x − μ)² / m,

    y = γ · x̂ + β,   x̂ = (x − μ) / σ,   σ = √(v + eps)

∂μ/∂x_i = 1/m and ∂v/∂x_i = 2 (x_i − μ) / m, so ∂x̂_j/∂x_i = ([i = j] − 1/m − x̂_i · x̂_j / m) / σ, and with g = ∂J/∂y

    ∂J/∂β   = Σ g
    ∂J/∂γ   = Σ g · x̂ = Σ h · x̂,   h = g − mean(g)             (Σ x̂ = 0, so the mean adds nothing but rounding)
    ∂J/∂x_i = γ/σ · (h_i − x̂_i · mean(h · x̂))                  (Ioffe and Szegedy 2015, section 3, collected)

The mean is taken off twice. What rounding left of it the first time is small, so the second time it is known to all its
digits, and x̂ is right even where μ is millions of σ (Chan, Golub and LeVeque 1983).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from reference._blocks import each
from reference._range import scales
from reference._window import Array

BLOCK = 1 << 17  # numbers at a time, or one channel: few enough for the cache, and enough to keep a thread busy


def forward(x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5) -> Array:
    """y, of the shape of x (N, C, *size), for gamma and beta (C,); the statistics are those of this batch.

    The dtype is what NumPy promotes the inputs to; float16 is computed in float32 and rounded once. A channel of one
    number gives β; a constant one, where eps is 0, NaN. Complex numbers are squared, not their absolute values, so that
    y is analytic.

    Raises ValueError, naming the numbers, if the shapes do not fit together or eps is negative.
    """
    x, gamma, beta = _arrays(x, gamma, beta, eps)
    rows = _rows(x)
    y = np.empty(rows.shape, np.result_type(x, gamma, beta, np.float16))

    def fill(channels: slice) -> None:
        normal, _ = _normalised(rows[:, channels], eps, y.dtype)
        np.multiply(normal, gamma[channels, None], out=normal)
        np.add(normal, beta[channels, None], out=y[:, channels])

    each(x.shape[1], _channels(rows), fill)
    return y.reshape(x.shape)


def backward(
    grad_output: Array, x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    """∂J/∂x, ∂J/∂gamma and ∂J/∂beta, given grad_output = ∂J/∂y of the shape of x.

    Each has the shape of its input. Their dtype is what NumPy promotes grad_output, x and, for ∂J/∂x, gamma to.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x, gamma, beta = _arrays(x, gamma, beta, eps)
    g = np.asarray(grad_output)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    g, rows = _rows(g), _rows(x)
    grad_x = np.empty(g.shape, np.result_type(g, x, gamma, np.float16))
    grad_gamma, grad_beta = np.empty((2, *gamma.shape), np.result_type(g, x, np.float16))

    def fill(channels: slice) -> None:
        normal, deviation = _normalised(rows[:, channels], eps, grad_x.dtype)
        h = g[:, channels].astype(normal.dtype)
        grad_beta[channels] = h.sum((0, 2))
        h -= _mean(h)
        product = h * normal
        grad_gamma[channels] = product.sum((0, 2))
        h -= np.multiply(normal, _mean(product), out=normal)
        with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0: a constant channel where eps is 0
            np.multiply(h, gamma[channels, None] / deviation, out=grad_x[:, channels])

    each(x.shape[1], _channels(rows), fill)
    return grad_x.reshape(x.shape), grad_gamma, grad_beta


def _normalised(rows: Array, eps: float, dtype: Any) -> tuple[Array, Array]:
    """x̂ (N, channels, positions) and σ (channels, 1) of some channels, in float32 at least."""
    normal = rows.astype(np.promote_types(dtype, np.float32))
    normal -= _mean(normal)
    normal -= _mean(normal)
    with np.errstate(invalid="ignore", over="ignore"):  # 0 / 0: a constant channel where eps is 0
        variance = _mean(np.square(normal)) + eps
        scale = scales(variance, normal, (0, 2))
        if scale is not None:
            scale = scale[0]
            normal *= scale
            variance = _mean(np.square(normal)) + eps * scale * scale
        deviation = np.sqrt(variance)
        normal /= deviation
    return normal, deviation if scale is None else deviation / scale


def _channels(rows: Array) -> int:
    """How many channels make a block."""
    return max(1, BLOCK // max(1, int(rows[:, :1].size)))


def _mean(a: Array) -> Array:
    """Mean of each channel of (N, channels, positions), as (channels, 1); 0 where there is nothing."""
    return np.asarray(a.sum((0, 2))[:, None] / max(1, a.shape[0] * a.shape[2]))


def _rows(a: Array) -> Array:
    """(N, C, *size) as (N, C, positions): a view where there can be one."""
    return a.reshape(*a.shape[:2], prod(a.shape[2:]))


def _arrays(x: Array, gamma: Array, beta: Array, eps: float) -> tuple[Array, Array, Array]:
    """The inputs as arrays, once they are known to fit together."""
    x, gamma, beta = np.asarray(x), np.asarray(gamma), np.asarray(beta)
    if x.ndim < 2:
        raise ValueError(f"x has shape {x.shape}; expected (N, C, *size)")
    if not gamma.shape == beta.shape == x.shape[1:2]:
        raise ValueError(f"gamma has shape {gamma.shape} and beta {beta.shape}; x {x.shape} needs {x.shape[1:2]}")
    if not eps >= 0:
        raise ValueError(f"eps is {eps!r}; expected at least 0")
    return x, gamma, beta
