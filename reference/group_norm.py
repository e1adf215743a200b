"""Group normalisation: the channels of a sample in groups, each group brought to mean 0 and deviation 1          (T12).

With G groups of C/G channels, and the m numbers x of a group at all positions, with mean μ and (biased) variance v,

    y = γ_c · x̂ + β_c,   x̂ = (x − μ) / σ,   σ = √(v + eps)      γ and β one number for each channel c, as in batch norm

With h = γ_c · g = ∂J/∂x̂, each group is a row of a layer normalisation without scale and shift:

    ∂J/∂x   = (h − mean(h) − x̂ · mean(h · x̂)) / σ               over the m numbers of the group    (Wu and He 2018)
    ∂J/∂γ_c = Σ g · x̂,   ∂J/∂β_c = Σ g                           over samples and positions

γ differs within a group of several channels, so it comes before the means.
"""

from __future__ import annotations

import numpy as np

from reference import layer_norm
from reference._precision import at_least_single, promoted
from reference._window import Array


def forward(x: Array, gamma: Array | None, beta: Array | None, *, groups: int = 1, eps: float = 1e-5) -> Array:
    """y, of the shape of x (N, C, *size), for gamma and beta (C,), each of which may be None: no scale, no shift.

    The dtype is what NumPy promotes the inputs to; float16 is computed in float32 and rounded once. A group of one number
    gives β; a constant one, where eps is 0, NaN. Complex numbers are squared, not their absolute values, so that y is
    analytic.

    Raises ValueError, naming the numbers, if the shapes do not fit together, groups does not divide C, or eps is negative.
    """
    x, scale, shift = _arrays(x, gamma, beta, groups)
    y = layer_norm.forward(_rows(x, groups, promoted(x, scale, shift)), None, None, eps=eps).reshape(x.shape)
    if scale is not None:
        y = y * _laid(scale, x)
    if shift is not None:
        y = y + _laid(shift, x)
    return y.astype(promoted(x, scale, shift), copy=False)


def backward(
    grad_output: Array, x: Array, gamma: Array | None, beta: Array | None, *, groups: int = 1, eps: float = 1e-5
) -> tuple[Array, Array | None, Array | None]:
    """∂J/∂x, ∂J/∂gamma and ∂J/∂beta, given grad_output = ∂J/∂y of the shape of x; None for what is None.

    Each has the shape of its input. Their dtype is what NumPy promotes grad_output, x and, for ∂J/∂x, gamma to.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    x, scale, shift = _arrays(x, gamma, beta, groups)
    g = np.asarray(grad_output)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    wide, over = at_least_single(g), (0, *range(2, x.ndim))
    rows = _rows(x, groups, promoted(g, x, scale))
    h = wide if scale is None else wide * _laid(scale, x)
    grad_x, _, _ = layer_norm.backward(h.reshape(rows.shape), rows, None, None, eps=eps)
    grad_gamma = grad_beta = None
    if scale is not None:
        normal = layer_norm.forward(rows, None, None, eps=eps).reshape(x.shape)
        grad_gamma = (wide * normal).sum(over).astype(promoted(g, x), copy=False)
    if shift is not None:
        grad_beta = wide.sum(over).astype(promoted(g, x), copy=False)
    return grad_x.reshape(x.shape).astype(promoted(g, x, scale), copy=False), grad_gamma, grad_beta


def _rows(x: Array, groups: int, dtype: np.dtype) -> Array:
    """A row for each group of each sample, in float32 at least."""
    wide = at_least_single(x.astype(dtype, copy=False))
    many = x.shape[0] * groups
    return wide.reshape(many, x.size // many if many else 0)


def _laid(numbers: Array, x: Array) -> Array:
    """One number for each channel of x, in float32 at least."""
    return at_least_single(numbers).reshape(-1, *(1,) * (x.ndim - 2))


def _arrays(x: Array, gamma: Array | None, beta: Array | None, groups: int) -> tuple[Array, Array | None, Array | None]:
    """The inputs as arrays, once they are known to fit together."""
    x = np.asarray(x)
    if x.ndim < 2:
        raise ValueError(f"x has shape {x.shape}; expected (N, C, *size)")
    if not isinstance(groups, int | np.integer) or groups < 1 or x.shape[1] % groups:
        raise ValueError(f"groups is {groups!r}; expected a whole number that divides the {x.shape[1]} channels of x")
    scale, shift = (None if a is None else np.asarray(a) for a in (gamma, beta))
    for name, a in (("gamma", scale), ("beta", shift)):
        if a is not None and a.shape != x.shape[1:2]:
            raise ValueError(f"{name} has shape {a.shape}; x {x.shape} needs {x.shape[1:2]}")
    return x, scale, shift
