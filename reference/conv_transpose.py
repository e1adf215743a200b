"""Transposed convolution: the adjoint of conv in its x, as a layer of its own.

With s the stride, d the dilation, p the padding and all indices from 0, conv takes V (C_out channels) to Z (C_in channels)
by Z[c, i] = Σ_{o, k} V[o, i·s + k·d − p] · weight[c, o, k]. For a fixed weight that is a matrix; this layer multiplies by
its transpose, which is what conv does to a cotangent of Z on its way to V (002, eq. 3):

    y[n, o, j] = bias[o] + Σ_{c, k, i : i·s + k·d − p = j} x[n, c, i] · weight[c, o, k]

so x stands where the cotangent of conv stood. Going back, the two swap places once more. With g = ∂J/∂y

    ∂J/∂x[n, c, i]      = Σ_{o, k} g[n, o, i·s + k·d − p] · weight[c, o, k]         conv of g: the transpose's transpose
    ∂J/∂weight[c, o, k] = Σ_{n, i} x[n, c, i] · g[n, o, i·s + k·d − p]         002, eq. 2, x for its cotangent
    ∂J/∂bias[o]         = Σ_{n, j} g[n, o, j]

Forward scatters products, backward multiplies what is gathered. As many sizes of V give the same size of Z, the size of y
has to be told: `output_padding` adds positions at its end, which windows may reach or not.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from reference._matrix import gathered, matrix, multiply, samples_first, samples_last, transposed
from reference._window import Array, Window, blocks, per_axis, scatter, wide


def forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
    output_padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Array:
    """y = convᵀ(x) + bias: the scattered products of x and weight.

    x (N, C_in, *size), weight (C_in, C_out / groups, *kernel), bias (C_out,) or None → y (N, C_out, *output), with
    output = (size − 1)·stride − 2·padding + (kernel − 1)·dilation + 1 + output_padding along each axis. The dtype is the
    inputs' own, or what NumPy promotes them to; float16 is summed in float32 and rounded once.

    Raises ValueError, naming the numbers, if the shapes do not fit together or a parameter makes no sense, among them an
    output_padding that is less than neither stride nor dilation.
    """
    x, weight, bias = _arrays(x, weight, bias)
    over = _window(x, weight, bias, stride, padding, output_padding, dilation, groups)
    channels = weight.shape[1] * groups
    dtype = np.result_type(x, weight, x if bias is None else bias)
    y = np.empty((len(x), channels, *over.size), wide(np.empty(0, dtype)).dtype)
    kernel = transposed(matrix(wide(weight), groups, 1))
    for block in blocks(len(x), channels * prod(over.kernel + over.output)):
        products = kernel @ matrix(samples_last(wide(x[block])), groups, 1)
        windows = products.reshape(channels, *over.kernel, *over.output, -1)
        y[block] = samples_first(scatter(windows, over, axis=1))
    if bias is not None:
        y += bias.reshape(-1, *(1,) * len(over.size))
    return y.astype(dtype, copy=False)


def backward(
    grad_output: Array,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
    output_padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> tuple[Array, Array, Array | None]:
    """∂J/∂x, ∂J/∂weight and ∂J/∂bias (None without bias), given grad_output = ∂J/∂y (N, C_out, *output).

    Each has the shape of its input and the dtype that NumPy gives the two factors of its product.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x, weight, bias = _arrays(x, weight, bias)
    g = np.asarray(grad_output)
    over = _window(x, weight, bias, stride, padding, output_padding, dilation, groups)
    if g.shape != (len(x), weight.shape[1] * groups, *over.size):
        raise ValueError(f"grad_output has shape {g.shape}; y has {(len(x), weight.shape[1] * groups, *over.size)}")
    kernel = matrix(wide(weight), groups, 1)
    grad_x = np.empty(x.shape, np.result_type(wide(g), wide(weight)))
    grad_kernel = np.zeros(kernel.shape, np.result_type(wide(g), wide(x)))
    for block, columns in gathered(wide(g), over, groups):
        multiply(kernel, columns, grad_x[block])
        grad_kernel += matrix(samples_last(wide(x[block])), groups, 1) @ transposed(columns)
    grad_bias = None if bias is None else wide(g).sum(axis=(0, *range(2, g.ndim))).astype(g.dtype, copy=False)
    return (
        grad_x.astype(np.result_type(g, weight), copy=False),
        grad_kernel.reshape(weight.shape).astype(np.result_type(g, x), copy=False),
        grad_bias,
    )


def _window(
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    groups: int,
) -> Window:
    """The window over y that has one place for each position of x, once the shapes are known to fit together."""
    if x.ndim < 3 or weight.ndim != x.ndim:
        raise ValueError(
            f"x has shape {x.shape} and weight {weight.shape}; expected (N, C_in, *size) and "
            "(C_in, C_out / groups, *kernel) with the same number of spatial axes, at least one"
        )
    if isinstance(groups, bool) or not isinstance(groups, int | np.integer) or groups < 1:
        raise ValueError(f"groups is {groups!r}; expected a whole number of at least 1")
    if not x.shape[1] or not weight.shape[1] or len(weight) != x.shape[1]:
        raise ValueError(
            f"x has {x.shape[1]} channels and weight {weight.shape} takes {len(weight)} to {weight.shape[1]} in each "
            f"group; expected weight ({x.shape[1] or 'C_in'}, C_out / groups, *kernel)"
        )
    if x.shape[1] % groups:
        raise ValueError(f"groups {groups} does not divide the channels of x, {x.shape[1]}")
    if bias is not None and bias.shape != (weight.shape[1] * groups,):
        raise ValueError(
            f"bias has shape {bias.shape}; weight {weight.shape} in {groups} groups needs ({weight.shape[1] * groups},)"
        )
    axes = x.ndim - 2
    kernel = per_axis("kernel", weight.shape[2:], axes, least=1)
    steps = per_axis("stride", stride, axes, least=1)
    zeros = per_axis("padding", padding, axes, least=0)
    spread = per_axis("dilation", dilation, axes, least=1)
    more = per_axis("output_padding", output_padding, axes, least=0)
    size = []
    for axis, (i, k, s, p, d, m) in enumerate(zip(x.shape[2:], kernel, steps, zeros, spread, more, strict=True)):
        if m >= max(s, d):
            raise ValueError(
                f"output_padding is {output_padding!r}; expected less than stride {s} or dilation {d} along axis {axis}"
            )
        size.append((i - 1) * s - 2 * p + (k - 1) * d + 1 + m)
        if i < 1 or size[-1] < 1:
            raise ValueError(
                f"nothing is left of y along axis {axis}: x has {i} positions there, which with kernel {k}, stride {s}, "
                f"padding {p}, dilation {d} and output_padding {m} make {size[-1]}"
            )
    # What output_padding adds to the end of y, it takes from the padding there: the places stay as many as x has.
    after = tuple(p - m for p, m in zip(zeros, more, strict=True))
    return Window(tuple(size), kernel, steps, spread, zeros, after)


def _arrays(x: Array, weight: Array, bias: Array | None) -> tuple[Array, Array, Array | None]:
    return np.asarray(x), np.asarray(weight), None if bias is None else np.asarray(bias)
