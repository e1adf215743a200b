"""Instance normalisation: each channel of each sample brought to mean 0 and deviation 1 over its positions       (T13).

    y = γ_c · x̂ + β_c,   x̂ = (x − μ) / σ,   σ = √(v + eps)      μ and (biased) v of one channel of one sample

It is group normalisation with one channel to a group, and so are its gradients (Ulyanov, Vedaldi and Lempitsky 2016,
equation 2). γ is the same for all that is averaged and may stand before the means, as in batch norm; but no sample knows of
another.
"""

from __future__ import annotations

import numpy as np

from reference import group_norm
from reference._window import Array


def forward(x: Array, gamma: Array | None, beta: Array | None, *, eps: float = 1e-5) -> Array:
    """y, of the shape of x (N, C, *size), for gamma and beta (C,), each of which may be None: no scale, no shift.

    Dtypes, and what becomes of a channel of one number, are those of group_norm.

    Raises ValueError, naming the numbers, if the shapes do not fit together or eps is negative.
    """
    return group_norm.forward(x, gamma, beta, groups=_channels(x), eps=eps)


def backward(
    grad_output: Array, x: Array, gamma: Array | None, beta: Array | None, *, eps: float = 1e-5
) -> tuple[Array, Array | None, Array | None]:
    """∂J/∂x, ∂J/∂gamma and ∂J/∂beta, given grad_output = ∂J/∂y of the shape of x; None for what is None.

    Each has the shape of its input. Their dtype is what NumPy promotes grad_output, x and, for ∂J/∂x, gamma to.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    return group_norm.backward(grad_output, x, gamma, beta, groups=_channels(x), eps=eps)


def _channels(x: Array) -> int:
    """How many channels x has; 1 where that makes no group, or where x has no such axis, which group_norm refuses."""
    return int(max((1, *np.shape(x)[1:2])))
