"""The gated linear unit: the first half of the last axis, let through by the sigmoid of the second          (T9).

With a and b the halves of x,

    y = a · σ(b),     ∂J/∂a = g · σ(b),     ∂J/∂b = g · a · σ'(b)

(Dauphin et al. 2017, equation 1.)
"""

from __future__ import annotations

import numpy as np

from reference._pointwise import logistic, pointwise
from reference._window import Array


def forward(x: Array) -> Array:
    """y (…, H) of x (…, 2H): x[…, :H] · σ(x[…, H:]).

    The dtype is that of x (of whole numbers: the float that NumPy gives them); float16 is computed in float32 and rounded
    once. Complex x is allowed, and the function analytic.

    Raises ValueError if x has no last axis of an even number.
    """
    return pointwise(lambda a, b: a * logistic(b)[0], *_halves(x))


def backward(grad_output: Array, x: Array) -> tuple[Array]:
    """∂J/∂x of the shape of x, as a tuple of one: the gradients of both halves, in their order.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError as forward does, and if grad_output does not
    have the shape of y.
    """
    g, (a, b) = np.asarray(grad_output), _halves(x)
    if g.shape != a.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {a.shape}")
    of_a = pointwise(lambda g, _, b: g * logistic(b)[0], g, a, b)
    of_b = pointwise(lambda g, a, b: g * a * logistic(b)[1], g, a, b)
    return (np.concatenate((of_a, of_b), -1),)


def _halves(x: Array) -> tuple[Array, Array]:
    x = np.asarray(x)
    if not x.ndim or x.shape[-1] % 2:
        raise ValueError(f"x has shape {x.shape}; expected a last axis of an even number, for two halves")
    half = x.shape[-1] // 2
    return x[..., :half], x[..., half:]
