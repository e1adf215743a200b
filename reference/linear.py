"""A fully connected layer: every output is a weighted sum of all inputs.

    y[n, o] = bias[o] + Σ_i x[n, i] · weight[o, i]                                                  (004, C13 and C18)

y is linear in x, in weight and in bias, so the chain rule leaves the other factor against g = ∂J/∂y:

    ∂J/∂x[n, i]      = Σ_o g[n, o] · weight[o, i]              (003, P1: the sum over k of w_jk · δ_k)
    ∂J/∂weight[o, i] = Σ_n g[n, o] · x[n, i]
    ∂J/∂bias[o]      = Σ_n g[n, o]

n stands for all axes of x but the last: the layer treats them alike, so they are one long batch.
"""

from __future__ import annotations

from math import prod

import numpy as np

from reference._window import Array, wide


def forward(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """y = x · weightᵀ + bias.

    x (..., in), weight (out, in), bias (out,) or None → y (..., out). The dtype is the inputs' own, or what NumPy
    promotes them to; float16 is summed in float32 and rounded once.

    Raises ValueError, naming the numbers, if the shapes do not fit together.
    """
    x, weight, bias = _arrays(x, weight, bias)
    y = _rows(wide(x)) @ wide(weight).T
    if bias is not None:
        y = y + bias
    dtype = np.result_type(x, weight, x if bias is None else bias)
    return y.reshape(*x.shape[:-1], len(weight)).astype(dtype, copy=False)


def backward(
    grad_output: Array, x: Array, weight: Array, bias: Array | None = None
) -> tuple[Array, Array, Array | None]:
    """∂J/∂x, ∂J/∂weight and ∂J/∂bias (None without bias), given grad_output = ∂J/∂y (..., out).

    Each has the shape of its input and the dtype that NumPy gives the two factors of its product.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x, weight, bias = _arrays(x, weight, bias)
    g = np.asarray(grad_output)
    if g.shape != (*x.shape[:-1], len(weight)):
        raise ValueError(f"grad_output has shape {g.shape}; y has {(*x.shape[:-1], len(weight))}")
    rows = _rows(wide(g))
    grad_x = (rows @ wide(weight)).reshape(x.shape).astype(np.result_type(g, weight), copy=False)
    grad_weight = (rows.T @ _rows(wide(x))).astype(np.result_type(g, x), copy=False)
    grad_bias = None if bias is None else rows.sum(axis=0).astype(g.dtype, copy=False)
    return grad_x, grad_weight, grad_bias


def _arrays(x: Array, weight: Array, bias: Array | None) -> tuple[Array, Array, Array | None]:
    """The inputs as arrays, once their shapes are known to fit together."""
    x, weight, bias = np.asarray(x), np.asarray(weight), None if bias is None else np.asarray(bias)
    if x.ndim < 1 or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
        raise ValueError(f"x has shape {x.shape} and weight {weight.shape}; expected (..., in) and (out, in)")
    if bias is not None and bias.shape != (len(weight),):
        raise ValueError(f"bias has shape {bias.shape}; weight {weight.shape} needs ({len(weight)},)")
    return x, weight, bias


def _rows(a: Array) -> Array:
    """All axes but the last as one; counted here, because −1 says nothing where there are no elements."""
    return a.reshape(prod(a.shape[:-1]), a.shape[-1])
