"""Batch normalisation in inference: by statistics that were gathered before, which are constants here            (T14).

With a running mean μ_c and a running variance v_c for each channel c,

    y = γ_c · x̂ + β_c,   x̂ = (x − μ_c) · s_c,   s_c = 1 / √(v_c + eps)

Neither μ nor v depends on x, so every number goes its own way, and with g = ∂J/∂y

    ∂J/∂x = γ_c · s_c · g,   ∂J/∂γ_c = Σ g · x̂,   ∂J/∂β_c = Σ g         (Ioffe and Szegedy 2015, algorithm 2, line 11)

In training the statistics are those of the batch, which x is part of: another function, `batch_norm`.
"""

from __future__ import annotations

import numpy as np

from reference._blocks import each, samples
from reference._precision import at_least_single, promoted
from reference._window import Array


def forward(
    x: Array,
    running_mean: Array,
    running_var: Array,
    gamma: Array | None,
    beta: Array | None,
    *,
    eps: float = 1e-5,
) -> Array:
    """y, of the shape of x (N, C, *size), for four arrays (C,); gamma and beta may be None: no scale, no shift.

    The dtype is what NumPy promotes the inputs to; float16 is computed in float32 and rounded once. Where v + eps is 0, y
    is infinite or NaN. A running variance may have been gathered of unbiased ones, as torch does: it is taken as it is.

    Raises ValueError, naming the numbers, if the shapes do not fit together or eps is negative.
    """
    x = _checked(x, running_mean, running_var, gamma, beta, eps)
    mean, inverse = _statistics(x, running_mean, running_var, eps)
    y = np.empty(x.shape, promoted(x, *map(np.asarray, (running_mean, running_var)), *_present(gamma, beta)))
    scale, shift = (None if a is None else _laid(a, x) for a in (gamma, beta))

    def fill(block: slice) -> None:
        normal = (at_least_single(x[block]) - mean) * inverse
        scaled = normal if scale is None else normal * scale
        y[block] = scaled if shift is None else scaled + shift

    each(len(x), samples(x), fill)
    return y


def backward(
    grad_output: Array,
    x: Array,
    running_mean: Array,
    running_var: Array,
    gamma: Array | None,
    beta: Array | None,
    *,
    eps: float = 1e-5,
) -> tuple[Array, None, None, Array | None, Array | None]:
    """∂J/∂x, None for both statistics, which are constants, ∂J/∂gamma and ∂J/∂beta, None for what is None.

    grad_output = ∂J/∂y has the shape of x. Each gradient has the shape of its input, and the dtype that NumPy promotes
    grad_output, x and, for ∂J/∂x, gamma to.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x = _checked(x, running_mean, running_var, gamma, beta, eps)
    g = np.asarray(grad_output)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    mean, inverse = _statistics(x, running_mean, running_var, eps)
    over, wide = (0, *range(2, x.ndim)), at_least_single(g)
    grad_x = np.empty(x.shape, promoted(g, x, *_present(gamma)))
    scale = inverse if gamma is None else inverse * _laid(gamma, x)

    def fill(block: slice) -> None:
        np.multiply(wide[block], scale, out=grad_x[block], casting="same_kind")

    each(len(x), samples(x), fill)
    grad_gamma = grad_beta = None
    if gamma is not None:
        centred = at_least_single(x) - mean
        grad_gamma = ((wide * centred).sum(over) * inverse.reshape(-1)).astype(promoted(g, x), copy=False)
    if beta is not None:
        grad_beta = wide.sum(over).astype(promoted(g, x), copy=False)
    return grad_x, None, None, grad_gamma, grad_beta


def _statistics(x: Array, mean: Array, variance: Array, eps: float) -> tuple[Array, Array]:
    """μ and s as they lie over x, in float32 at least."""
    with np.errstate(divide="ignore", invalid="ignore"):  # v + eps is 0, or below it
        return _laid(mean, x), 1 / np.sqrt(_laid(variance, x) + eps)


def _laid(numbers: Array, x: Array) -> Array:
    """One number for each channel of x, in float32 at least."""
    return at_least_single(np.asarray(numbers)).reshape(-1, *(1,) * (x.ndim - 2))


def _present(*arrays: Array | None) -> list[Array]:
    return [np.asarray(a) for a in arrays if a is not None]


def _checked(x: Array, mean: Array, variance: Array, gamma: Array | None, beta: Array | None, eps: float) -> Array:
    """x as an array, once all are known to fit together."""
    x = np.asarray(x)
    if x.ndim < 2:
        raise ValueError(f"x has shape {x.shape}; expected (N, C, *size)")
    named = {"running_mean": mean, "running_var": variance, "gamma": gamma, "beta": beta}
    for name, a in named.items():
        shape = () if a is None else np.shape(a)
        if (a is not None or name.startswith("running")) and shape != x.shape[1:2]:
            raise ValueError(f"{name} has shape {shape}; x {x.shape} needs {x.shape[1:2]}")
    if not eps >= 0:
        raise ValueError(f"eps is {eps!r}; expected at least 0")
    return x
