"""The Gaussian error linear unit, element by element: y = x · Φ(x), Φ the normal distribution               (T3).

With φ = Φ', the density, the product rule gives

    ∂J/∂x = g · (Φ(x) + x · φ(x))

Its paper has a second function by the same name, in which a tanh stands for Φ: with u = √(2/π) · (x + 0.044715·x³),

    y = x/2 · (1 + tanh u) = x · σ(2u),   ∂J/∂x = g · (σ(2u) + x · σ'(2u) · 2u'),   u' = √(2/π) · (1 + 3·0.044715·x²)

The two differ by up to 0.0005, which is far more than rounding: `approximate` says which is meant, in torch's words.
(Hendrycks and Gimpel 2016, section 2.)
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

import numpy as np

from reference._normal import normal
from reference._pointwise import checked, logistic, pointwise
from reference._window import Array

CUBE = 0.044715
FAR = 1e3
TWICE = 2 * sqrt(2 / pi)  # 2u = TWICE · (x + CUBE · x³)


def forward(x: Array, *, approximate: str = "none") -> Array:
    """y = x · Φ(x), or with approximate="tanh" its stand-in, x and y of any one shape.

    The dtype is that of x (of whole numbers: the float that NumPy gives them); float16 is computed in float32 and rounded
    once. Complex x is allowed; of Φ to first order in its imaginary part. y of −∞ is NaN, as 0 · ∞ is.

    Raises ValueError if approximate is neither "none" nor "tanh".
    """
    share = _share(approximate)
    return pointwise(lambda x: x * share(x)[0], np.asarray(x))


def backward(grad_output: Array, x: Array, *, approximate: str = "none") -> tuple[Array]:
    """∂J/∂x = grad_output · (Φ(x) + x · φ(x)), or the same with the stand-in and its derivative, as a tuple of one.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError as forward does, and if grad_output does not
    have the shape of y.
    """
    share = _share(approximate)

    def gradient(g: Array, x: Array) -> Array:
        below, density = share(x)
        return np.asarray(g * (below + x * density))

    return (pointwise(gradient, *checked(grad_output, x=x)),)


def _share(approximate: str) -> Callable[[Array], tuple[Array, Array]]:
    """The function that gives what x is multiplied by, and its derivative."""
    if approximate not in {"none", "tanh"}:
        raise ValueError(f"approximate is {approximate!r}; expected 'none' or 'tanh'")
    return normal if approximate == "none" else _by_tanh


def _by_tanh(x: Array) -> tuple[Array, Array]:
    """σ(2u) and its derivative; of x beyond ±FAR those of ±FAR, where no power leaves the range: 1 or 0, and 0."""
    if x.dtype != object:
        x = np.where(np.abs(x.real) > FAR, np.copysign(x.real.dtype.type(FAR), x.real), x)
    square = x * x
    share, slope = logistic(TWICE * (x * (1 + CUBE * square)))
    return share, slope * (TWICE * (1 + 3 * CUBE * square))
