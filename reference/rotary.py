"""Rotary positions: each pair of numbers turned by an angle that grows with its place                                (W3).

With (a, b) a pair of x at place t, and c, s the cosine and sine of the pair's angle there,

    (a', b') = (a·c − b·s, b·c + a·s)

A rotation's adjoint is the rotation back: with (α, β) the cotangents of a' and b',

    (∂J/∂a, ∂J/∂b) = (α·c + β·s, β·c − α·s)

Pairs are element i of the first half and element i of the second; `interleaved`, elements 2i and 2i + 1. Cosines and sines
are given, since they are computed once for all layers, and are constants. Nothing here asks that c² + s² = 1.
(Su et al. 2021, 3.2.2, interleaved; halves came with GPT-NeoX.)
"""

from __future__ import annotations

import numpy as np

from reference._window import Array, wide


def forward(x: Array, cos: Array, sin: Array, *, interleaved: bool = False) -> Array:
    """y, of the shape of x (*batch, T, D), for cos and sin (T, D/2).

    The dtype is what NumPy promotes the three to; float16 is computed in float32 and rounded once.

    Raises ValueError, naming the numbers, if the shapes do not fit together.
    """
    x, cos, sin = _arrays(x, cos, sin)
    return _turned(x, cos, sin, interleaved).astype(np.result_type(x, cos, sin), copy=False)


def backward(
    grad_output: Array, x: Array, cos: Array, sin: Array, *, interleaved: bool = False
) -> tuple[Array, None, None]:
    """∂J/∂x, and None for cos and sin, given grad_output = ∂J/∂y of the shape of x, of which only the shape matters.

    The dtype is what NumPy promotes grad_output, cos and sin to.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x, cos, sin = _arrays(x, cos, sin)
    g = np.asarray(grad_output)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    return _turned(g, cos, -sin, interleaved).astype(np.result_type(g, cos, sin), copy=False), None, None


def _turned(x: Array, cos: Array, sin: Array, interleaved: bool) -> Array:
    """Each pair of x turned, in float32 at least."""
    x, cos, sin = wide(x), wide(cos), wide(sin)
    first, second = _pairs(x, interleaved)
    y = np.empty(x.shape, np.result_type(x, cos, sin))
    into, beside = _pairs(y, interleaved)
    into[...] = first * cos - second * sin
    beside[...] = second * cos + first * sin
    return y


def _pairs(x: Array, interleaved: bool) -> tuple[Array, Array]:
    """The first and the second of each pair: views of (*batch, T, D/2)."""
    half = x.shape[-1] // 2
    return (x[..., ::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])


def _arrays(x: Array, cos: Array, sin: Array) -> tuple[Array, Array, Array]:
    x, cos, sin = np.asarray(x), np.asarray(cos), np.asarray(sin)
    if x.ndim < 2 or x.shape[-1] % 2:
        raise ValueError(
            f"x has shape {x.shape}; expected (*batch, T, D) with D even, since numbers are turned in pairs"
        )
    angles = (x.shape[-2], x.shape[-1] // 2)
    for name, a in (("cos", cos), ("sin", sin)):
        if a.shape != angles:
            raise ValueError(f"{name} has shape {a.shape}; x {x.shape} needs {angles}")
    return x, cos, sin
