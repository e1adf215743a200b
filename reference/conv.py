"""Convolution as deep-learning libraries mean it: every channel cross-correlated with a kernel, then summed.

With s the stride, d the dilation, p the padding and all indices from 0, each output is a sum of products

    y[n, o, i] = bias[o] + Σ_{c, k} x[n, c, i·s + k·d − p] · weight[o, c, k]                        (002, eq. 1)

so y is linear in x, in weight and in bias, and the chain rule leaves the other factor against g = ∂J/∂y:

    ∂J/∂weight[o, c, k] = Σ_{n, i} g[n, o, i] · x[n, c, i·s + k·d − p]                              (002, eq. 2; 001, B6)
    ∂J/∂x[n, c, j]      = Σ_{o, k, i : i·s + k·d − p = j} g[n, o, i] · weight[o, c, k]              (002, eq. 3; 003, P5)
    ∂J/∂bias[o]         = Σ_{n, i} g[n, o, i]                              (001, B5: ∂y/∂bias is 1 at every position)

i, k and j stand for one index along each spatial axis, so 1, 2 and 3 axes are the same formulas (002, section 2).
The products are matrix products of blocks of samples, held as (C, *spatial, samples) so that long runs stay together.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from reference._matrix import gathered, matrix, multiply, samples_first, samples_last, transposed
from reference._window import Array, Padding, Window, residues, scatter, wide, window

EVERY = (slice(None), slice(None))  # all samples and channels, or all channels out and in


def forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: int | tuple[int, ...] = 1,
    padding: Padding = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    flip: bool = False,
) -> Array:
    """y = x ⋆ weight + bias (002, eq. 1); with `flip` true convolution, x * weight (003, P3; 001's `convn`).

    x (N, C, *size), weight (O, C / groups, *kernel), bias (O,) or None → y (N, O, *output), with
    output = ⌊(size + padding − (kernel − 1)·dilation − 1) / stride⌋ + 1 along each axis. The dtype is the inputs' own,
    or what NumPy promotes them to; float16 is summed in float32 and rounded once. `padding`: see `_window.window`.

    Raises ValueError, naming the numbers, if the shapes do not fit together or a parameter makes no sense.
    """
    x, weight, bias = _arrays(x, weight, bias)
    over = _window(x, weight, bias, stride, padding, dilation, groups)
    kernel = matrix(_turned(wide(weight), flip), groups, 1)
    dtype = np.result_type(x, weight, x if bias is None else bias)
    y = np.empty((len(x), len(weight), *over.output), wide(np.empty(0, dtype)).dtype)
    for block, columns in gathered(wide(x), over, groups):
        multiply(kernel, columns, y[block])
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
    padding: Padding = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    flip: bool = False,
) -> tuple[Array, Array, Array | None]:
    """∂J/∂x, ∂J/∂weight and ∂J/∂bias (None without bias), given grad_output = ∂J/∂y (N, O, *output).

    Each has the shape of its input and the dtype that NumPy gives the two factors of its product. An input that no window
    reaches (rows left over by the stride, gaps between windows) gets exactly 0: its sum in eq. 3 is empty.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x, weight, bias = _arrays(x, weight, bias)
    g = np.asarray(grad_output)
    over = _window(x, weight, bias, stride, padding, dilation, groups)
    if g.shape != (len(x), len(weight), *over.output):
        raise ValueError(f"grad_output has shape {g.shape}; y has {(len(x), len(weight), *over.output)}")
    factors = wide(g), wide(x), _turned(wide(weight), flip)
    # One gathered copy serves both gradients. Gathering g saves the scatter, unless g has the more channels to copy, or
    # reaches far more inputs than there are outputs; but it lays zeros under inputs that had no part in an output, and
    # 0 · ∞ is not 0.
    is_less = len(weight) <= x.shape[1] and prod(over.size) <= 4 * prod(over.stride) * prod(over.output)
    through = _under_inputs if is_less and all(map(_finite, factors)) else _under_outputs
    grad_x, grad_weight = through(*factors, over, groups)
    grad_bias = None if bias is None else wide(g).sum(axis=(0, *range(2, g.ndim)))
    return _like(grad_x, g, weight), _like(_turned(grad_weight, flip), g, x), _like(grad_bias, g)


def _under_outputs(g: Array, x: Array, weight: Array, over: Window, groups: int) -> tuple[Array, Array]:
    """Gather x under the outputs: ∂J/∂weight = g · gather(x)ᵀ (eq. 2) and ∂J/∂x = scatter(weightᵀ · g) (eq. 3)."""
    kernel = matrix(weight, groups, 1)
    grad_x = np.empty(x.shape, np.result_type(g, weight))
    grad_kernel = np.zeros(kernel.shape, np.result_type(g, x))
    for block, columns in gathered(x, over, groups):
        cotangent = matrix(samples_last(g[block]), groups, 1)
        grad_kernel += cotangent @ transposed(columns)
        windows = (transposed(kernel) @ cotangent).reshape(x.shape[1], *over.kernel, *over.output, -1)
        grad_x[block] = samples_first(scatter(windows, over, axis=1))
    return grad_x, grad_kernel.reshape(weight.shape)


def _under_inputs(g: Array, x: Array, weight: Array, over: Window, groups: int) -> tuple[Array, Array]:
    """Gather g under the inputs: ∂J/∂x = weight · gather(g) and ∂J/∂weight = x · gather(g)ᵀ.

    Eq. 3's condition i·s + k·d − p = j, solved for i, has one solution for each offset k that leaves the same remainder
    modulo s as j + p; so the inputs are taken one residue at a time, each with its own offsets (see `_window.residues`).
    """
    grad_x = np.zeros(x.shape, np.result_type(g, weight))
    grad_weight = np.zeros(weight.shape, np.result_type(g, x))
    for met in residues(over):
        offsets, inputs = (*EVERY, *met.offsets), (*EVERY, *met.inputs)
        swapped = _swapped(weight[offsets], groups)
        kernel = matrix(swapped, groups, 1)
        grad_kernel = np.zeros(kernel.shape, grad_weight.dtype)
        for block, columns in gathered(g, met.by, groups):
            multiply(kernel, columns, grad_x[block][inputs])
            grad_kernel += matrix(samples_last(x[block][inputs]), groups, 1) @ transposed(columns)
        grad_weight[offsets] = _swapped(grad_kernel.reshape(swapped.shape), groups)
    return grad_x, grad_weight


def _window(
    x: Array, weight: Array, bias: Array | None, stride: Any, padding: Padding, dilation: Any, groups: int
) -> Window:
    """The window of these parameters, once the shapes are known to fit together."""
    if x.ndim < 3 or weight.ndim != x.ndim:
        raise ValueError(
            f"x has shape {x.shape} and weight {weight.shape}; expected (N, C, *size) and (O, C / groups, *kernel) "
            "with the same number of spatial axes, at least one"
        )
    if isinstance(groups, bool) or not isinstance(groups, int | np.integer) or groups < 1:
        raise ValueError(f"groups is {groups!r}; expected a whole number of at least 1")
    channels, out_channels = x.shape[1], len(weight)
    if channels % groups or out_channels % groups:
        raise ValueError(
            f"groups {groups} does not divide both the channels of x, {channels}, and of y, {out_channels}"
        )
    if not channels or not out_channels or weight.shape[1] != channels // groups:
        raise ValueError(
            f"x has {channels} channels and weight {weight.shape} takes {weight.shape[1]} in each of {groups} groups; "
            f"expected weight ({out_channels or 'O'}, {channels // groups or 'C'}, *kernel)"
        )
    if bias is not None and bias.shape != (out_channels,):
        raise ValueError(f"bias has shape {bias.shape}; weight {weight.shape} needs ({out_channels},)")
    return window(x.shape[2:], weight.shape[2:], stride=stride, padding=padding, dilation=dilation)


def _arrays(x: Array, weight: Array, bias: Array | None) -> tuple[Array, Array, Array | None]:
    return np.asarray(x), np.asarray(weight), None if bias is None else np.asarray(bias)


def _finite(a: Array) -> bool:
    return a.dtype == object or bool(np.isfinite(a).all())


def _like(gradient: Any, *factors: Array) -> Any:
    return None if gradient is None else gradient.astype(np.result_type(*factors), copy=False)


def _turned(weight: Array, flip: bool) -> Array:
    """The kernel turned by 180° where `flip` asks for true convolution: x * k = x ⋆ rot180(k) (000, S1; 003, P6)."""
    return np.flip(weight, tuple(range(2, weight.ndim))) if flip else weight


def _swapped(weight: Array, groups: int) -> Array:
    """Input and output channels exchanged within each group: (G·O, C, *kernel) ↔ (G·C, O, *kernel)."""
    grouped = weight.reshape(groups, len(weight) // groups, *weight.shape[1:]).swapaxes(1, 2)
    return grouped.reshape(-1, *grouped.shape[2:])
