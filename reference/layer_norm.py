"""Layer normalisation: each sample brought to mean 0 and deviation 1 over its last axes, then scaled and shifted   (T2).

For the n numbers x of the last axes at one place of the others, with mean μ and (biased) variance v = Σ (x − μ)² / n,

    y = γ · x̂ + β,   x̂ = (x − μ) / σ,   σ = √(v + eps)          γ and β one number for each of the n, the same at all places

γ differs within what is normalised, so it comes before the means: with g = ∂J/∂y and h = γ · g = ∂J/∂x̂, and with
∂x̂_j/∂x_i = ([i = j] − 1/n − x̂_i · x̂_j / n) / σ as in batch normalisation,

    ∂J/∂β   = Σ g,   ∂J/∂γ = Σ g · x̂                             over the places: γ and β act at each of them
    ∂J/∂x_i = (h_i − mean(h) − x̂_i · mean(h · x̂)) / σ            over the n numbers         (Ba, Kiros and Hinton 2016)

The mean of x is taken off twice: what rounding left of it the first time is small, so the second time it is known to all
its digits (Chan, Golub and LeVeque 1983). In the last line mean(h · x̂) is taken with h less its mean, which is the same,
for Σ x̂ = 0, and keeps a large mean(h) out of it.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from reference._blocks import each
from reference._range import scales
from reference._window import Array

BLOCK = 1 << 15  # numbers at a time, or one row: few enough for the cache, and enough to keep a thread busy


def forward(x: Array, gamma: Array | None, beta: Array | None, *, eps: float = 1e-5) -> Array:
    """y, of the shape of x (…, *last), for gamma and beta (*last), each of which may be None: no scale, no shift.

    What is normalised over are the axes that gamma and beta have, the last of x; its last alone where both are None. The
    dtype is what NumPy promotes the inputs to; float16 is computed in float32 and rounded once. Where only one number is
    normalised, y is β; where they are all the same and eps is 0, NaN. Complex numbers are squared, not their absolute
    values, so that y is analytic.

    Raises ValueError, naming the numbers, if the shapes do not fit together or eps is negative.
    """
    x, scale, shift, n = _arrays(x, gamma, beta, eps)
    rows = x.reshape(x.size // max(1, n), n)
    y = np.empty(rows.shape, np.result_type(x, *_present(scale, shift), np.float16))

    def fill(block: slice) -> None:
        normal, _ = _normalised(rows[block], eps, y.dtype)
        if scale is not None:
            normal *= scale
        np.add(normal, 0 if shift is None else shift, out=y[block], casting="same_kind")

    each(len(rows), max(1, BLOCK // max(1, n)), fill)
    return y.reshape(x.shape)


def backward(
    grad_output: Array, x: Array, gamma: Array | None, beta: Array | None, *, eps: float = 1e-5
) -> tuple[Array, Array | None, Array | None]:
    """∂J/∂x, ∂J/∂gamma and ∂J/∂beta, given grad_output = ∂J/∂y of the shape of x; None for what is None.

    Each has the shape of its input. Their dtype is what NumPy promotes grad_output, x and, for ∂J/∂x, gamma to.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x, scale, shift, n = _arrays(x, gamma, beta, eps)
    g = np.asarray(grad_output)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    count, step = x.size // max(1, n), max(1, BLOCK // max(1, n))
    rows, cotangents = x.reshape(count, n), g.reshape(count, n)
    grad_x = np.empty(rows.shape, np.result_type(g, x, *_present(scale), np.float16))
    dtype = np.result_type(g, x, np.float16)
    sums = np.zeros((2, -(-count // step), n), np.promote_types(dtype, np.float32))  # of g · x̂ and of g, block by block

    def fill(block: slice) -> None:
        normal, inverse = _normalised(rows[block], eps, grad_x.dtype)
        g, own = cotangents[block], block.start // step
        h = np.multiply(g, 1 if scale is None else scale, dtype=normal.dtype)
        h -= _mean(h)
        if scale is not None:
            np.einsum("ri,ri->i", g, normal, out=sums[0, own], casting="same_kind")
        if shift is not None:
            g.sum(0, out=sums[1, own])
        normal *= _mean_product(h, normal)
        h -= normal
        with np.errstate(invalid="ignore"):  # NaN · ∞: all the same where eps is 0
            np.multiply(h, inverse, out=grad_x[block], casting="same_kind")

    each(count, step, fill)
    grad_gamma, grad_beta = (
        None if a is None else total.sum(0).astype(dtype).reshape(np.shape(a))
        for a, total in zip((gamma, beta), sums, strict=True)
    )
    return grad_x.reshape(x.shape), grad_gamma, grad_beta


def _normalised(rows: Array, eps: float, dtype: Any) -> tuple[Array, Array]:
    """x̂ (rows, n) and 1/σ (rows, 1) of some rows, in float32 at least."""
    wide = np.promote_types(dtype, np.float32)
    normal = np.subtract(rows, _mean(rows, wide), dtype=wide)
    normal -= _mean(normal)
    # 0 / 0: all the same where eps is 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        variance = _mean_product(normal, normal) + eps
        scale = scales(variance, normal, 1)
        if scale is not None:
            normal *= scale
            variance = _mean_product(normal, normal) + eps * scale * scale
        inverse = 1 / np.sqrt(variance)
        normal *= inverse
    return normal, inverse if scale is None else inverse * scale


def _mean(a: Array, dtype: Any = None) -> Array:
    """Mean of each row of (rows, n), as (rows, 1); 0 where there is nothing."""
    return np.asarray(a.sum(1, dtype=dtype, keepdims=True) / max(1, a.shape[1]))


def _mean_product(a: Array, b: Array) -> Array:
    """Mean of a · b in each row, as (rows, 1)."""
    return np.asarray(np.einsum("ri,ri->r", a, b)[:, None] / max(1, a.shape[1]))


def _present(*arrays: Array | None) -> list[Array]:
    return [a for a in arrays if a is not None]


def _arrays(
    x: Array, gamma: Array | None, beta: Array | None, eps: float
) -> tuple[Array, Array | None, Array | None, int]:
    """x, gamma and beta as arrays, these flat, and how many numbers are normalised, once they are known to fit together."""
    x = np.asarray(x)
    scale, shift = (None if a is None else np.asarray(a) for a in (gamma, beta))
    last = _last(x, scale, shift)
    if not eps >= 0:
        raise ValueError(f"eps is {eps!r}; expected at least 0")
    flat = [None if a is None else a.reshape(-1) for a in (scale, shift)]
    return x, flat[0], flat[1], prod(last)


def _last(x: Array, scale: Array | None, shift: Array | None) -> tuple[int, ...]:
    """The shape that is normalised: that of gamma and beta, or the last axis of x."""
    if not x.ndim:
        raise ValueError("x has shape (); expected one axis at least")
    if scale is not None and shift is not None and scale.shape != shift.shape:
        raise ValueError(
            f"gamma has shape {scale.shape} and beta {shift.shape}; expected one shape, that of the last axes of x"
        )
    last: tuple[int, ...] = x.shape[-1:]
    for name, a in (("gamma", scale), ("beta", shift)):
        if a is None:
            continue
        said, last = f"{name} has shape {a.shape}", a.shape
        if not last:
            raise ValueError(f"{said}; expected one axis at least, the last of x")
        if len(last) > x.ndim:
            raise ValueError(f"{said}; x {x.shape} has no {len(last)} axes")
        if x.shape[-len(last) :] != last:
            raise ValueError(f"{said}; x {x.shape} ends in {x.shape[-len(last) :]}")
    return last
