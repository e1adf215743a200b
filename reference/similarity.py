"""Cosine similarity of a template with every window of an input, all channels together                    (004, C2 and C3).

With w the window at position i, w[c, k] = x[n, c, i + k], and t = template[o]

    y[n, o, i] = ⟨w, t⟩ / (‖w‖ · ‖t‖) = ⟨ŵ, t̂⟩,   ŵ = w / ‖w‖,  t̂ = t / ‖t‖,  ⟨w, t⟩ = Σ_{c, k} w[c, k] · t[c, k]

and 0 where a norm is 0. By the product rule, and ∂‖w‖/∂w = ŵ in the quotient rule,

    ∂y/∂w = t / (‖w‖·‖t‖) − y · w / ‖w‖² = (t̂ − y · ŵ) / ‖w‖,   and likewise   ∂y/∂t = (ŵ − y · t̂) / ‖t‖

so with g = ∂J/∂y, each position of x adding up what it gets as a part of every window over it (scatter),

    ∂J/∂w[n, i]      = (Σ_o g[n, o, i] · t̂[o] − ŵ · Σ_o g[n, o, i] · y[n, o, i]) / ‖w‖
    ∂J/∂template[o]  = (Σ_{n, i} g[n, o, i] · ŵ[n, i] − t̂ · Σ_{n, i} g[n, o, i] · y[n, o, i]) / ‖t‖

A window or a template of norm 0 has no direction, and gets 0. Nothing is conjugated and no absolute value is taken:
‖w‖ = √Σw² is analytic, which is what a complex step needs.
"""

from __future__ import annotations

import numpy as np

from reference._matrix import gathered, matrix, multiply, samples_first, samples_last, transposed
from reference._precision import real
from reference._window import Array, Window, scatter, wide, window


def forward(x: Array, template: Array) -> Array:
    """The similarity of each template with each window: x (N, C, *size), template (O, C, *kernel) → y (N, O, *output).

    The windows lie wholly inside x and are one position apart: output = size − kernel + 1. The dtype is what NumPy
    promotes the inputs to (float64 for whole numbers); float16 is computed in float32 and rounded once.

    Raises ValueError, naming the numbers, if the shapes do not fit together or the numbers have no square roots.
    """
    x, template, over = _arrays(x, template)
    dtype = np.result_type(x, template)
    y = np.empty((len(x), len(template), *over.output), wide(np.empty(0, dtype)).dtype)
    with np.errstate(invalid="ignore", over="ignore"):  # an infinite window has no direction: its similarity is NaN
        templates, _ = _directions(matrix(wide(template), 1, 1), axis=2)
        for block, columns in gathered(wide(x), over, 1):
            windows, _ = _directions(columns, axis=1)
            multiply(templates, windows, y[block])
    return y.astype(dtype, copy=False)


def backward(grad_output: Array, x: Array, template: Array) -> tuple[Array, Array]:
    """∂J/∂x and ∂J/∂template, given grad_output = ∂J/∂y (N, O, *output).

    Each has the shape of its input and the dtype that NumPy promotes grad_output and y to.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x, template, over = _arrays(x, template)
    g = np.asarray(grad_output)
    if g.shape != (len(x), len(template), *over.output):
        raise ValueError(f"grad_output has shape {g.shape}; y has {(len(x), len(template), *over.output)}")
    dtype = np.result_type(g, x, template)
    grad_x = np.empty(x.shape, wide(np.empty(0, dtype)).dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        templates, per_template = _directions(matrix(wide(template), 1, 1), axis=2)
        along_windows = np.zeros(templates.shape, grad_x.dtype)  # Σ g · ŵ and Σ g · y, of each template
        along_template = np.zeros(per_template.shape, grad_x.dtype)
        for block, columns in gathered(wide(x), over, 1):
            windows, per_window = _directions(columns, axis=1)
            cotangent = matrix(samples_last(wide(g[block])), 1, 1)
            weighted = cotangent * (templates @ windows)
            grad_windows = transposed(templates) @ cotangent - windows * weighted.sum(axis=1, keepdims=True)
            grad_windows = (grad_windows * per_window).reshape(x.shape[1], *over.kernel, *over.output, -1)
            grad_x[block] = samples_first(scatter(grad_windows, over, axis=1))
            along_windows += cotangent @ transposed(windows)
            along_template += weighted.sum(axis=2, keepdims=True)
        grad_template = (along_windows - templates * along_template) * per_template
    return grad_x.astype(dtype, copy=False), grad_template.reshape(template.shape).astype(dtype, copy=False)


def _directions(vectors: Array, axis: int) -> tuple[Array, Array]:
    """Each vector along `axis` divided by its norm, and one over that norm; both 0 where the norm is 0.

    A power of 2, which rounds nothing, first brings the largest element between 1/2 and 1, so that no square that counts
    overflows or underflows. It is taken from the real parts: the imaginary ones of a complex step are no size.
    """
    largest = np.abs(real(vectors)).max(axis=axis, keepdims=True)
    limit = np.finfo(largest.dtype).maxexp - 1
    scale = np.ldexp(np.ones_like(largest), np.clip(-np.frexp(largest)[1], -limit, limit))
    vectors = vectors * scale
    norm = np.sqrt(np.square(vectors).sum(axis=axis, keepdims=True))
    somewhere = norm != 0
    direction = np.divide(vectors, norm, out=np.zeros_like(vectors), where=somewhere)
    return direction, np.divide(scale, norm, out=np.zeros_like(norm), where=somewhere)


def _arrays(x: Array, template: Array) -> tuple[Array, Array, Window]:
    """The inputs as arrays of numbers that have square roots, and the window of the template over x."""
    x, template = np.asarray(x), np.asarray(template)
    if x.ndim < 3 or template.ndim != x.ndim:
        raise ValueError(
            f"x has shape {x.shape} and template {template.shape}; expected (N, C, *size) and (O, C, *kernel) with the "
            "same number of spatial axes, at least one"
        )
    if not x.shape[1] or not len(template) or template.shape[1] != x.shape[1]:
        raise ValueError(
            f"x has {x.shape[1]} channels and template {template.shape}; expected template "
            f"({len(template) or 'O'}, {x.shape[1] or 'C'}, *kernel)"
        )
    return _real(x), _real(template), window(x.shape[2:], template.shape[2:])


def _real(a: Array) -> Array:
    """Whole numbers as float64; objects as they are, if they know their square roots."""
    if a.dtype.kind in "biu":
        return a.astype(np.float64)
    if a.dtype.kind not in "fc" and not (a.dtype == object and all(hasattr(number, "sqrt") for number in a.flat)):
        raise ValueError(f"a norm takes a square root, which numbers of dtype {a.dtype} do not have")
    return a
