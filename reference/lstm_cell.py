"""One step of an LSTM: a cell that gates let in, keep and let out                                                    (W4).

With [·]_i, [·]_f, [·]_g, [·]_o the four quarters, a = weight_x · x + weight_h · h + bias, and σ the sigmoid,

    i = σ(a_i),   f = σ(a_f),   g = tanh(a_g),   o = σ(a_o)
    c' = f · c + i · g,   h' = o · tanh(c'),   y = (h', c')

y meets c' twice, in itself and through h'. With (η, κ) the cotangents of h' and c',

    ∂J/∂c' = κ + η · o · (1 − tanh²(c')) = δ,   ∂J/∂c = δ · f
    ∂J/∂a_i = δ · g · i(1 − i),   ∂J/∂a_f = δ · c · f(1 − f),   ∂J/∂a_g = δ · i · (1 − g²)
    ∂J/∂a_o = η · tanh(c') · o(1 − o)

and with all four, a fully connected layer of x and of h (reference/linear.py):

    ∂J/∂x = weight_xᵀ · ∂J/∂a,   ∂J/∂weight_x = Σ ∂J/∂a · xᵀ,   likewise for h,   ∂J/∂bias = Σ ∂J/∂a        over samples

(Hochreiter and Schmidhuber 1997; Gers et al. 2000 for f. The order of the gates is that of torch and of Keras.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference._precision import all_wide, at_least_single, promoted
from reference._window import Array

Gradients = tuple[Array, Array, Array, Array, Array, Array | None]


def forward(x: Array, h: Array, c: Array, weight_x: Array, weight_h: Array, bias: Array | None = None) -> Array:
    """y (N, 2H), h' beside c', of x (N, I), h and c (N, H), weight_x (4H, I), weight_h (4H, H) and bias (4H) or None.

    The dtype is what NumPy promotes the inputs to; float16 is computed in float32 and rounded once. Complex numbers are
    allowed, and y is analytic.

    Raises ValueError, naming the numbers, if the shapes do not fit together.
    """
    arrays = _arrays(x, h, c, weight_x, weight_h, bias)
    (_, _, _, o), new, bounded = _step(*all_wide(*arrays))
    return np.concatenate((o * bounded, new), 1).astype(promoted(*arrays), copy=False)


def backward(
    grad_output: Array, x: Array, h: Array, c: Array, weight_x: Array, weight_h: Array, bias: Array | None = None
) -> Gradients:
    """∂J/∂ each input (None without bias), given grad_output = ∂J/∂y (N, 2H).

    Each has the shape of its input; their dtype is what NumPy promotes grad_output and the inputs to.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    arrays = _arrays(x, h, c, weight_x, weight_h, bias)
    grad = np.asarray(grad_output)
    samples, hidden = arrays[1].shape
    if grad.shape != (samples, 2 * hidden):
        raise ValueError(f"grad_output has shape {grad.shape}; y has {(samples, 2 * hidden)}")
    x, h, c, weight_x, weight_h, bias = wide = all_wide(*arrays)
    (i, f, g, o), _, bounded = _step(*wide)
    of_h, of_new = at_least_single(grad[:, :hidden]), at_least_single(grad[:, hidden:])
    of_c = of_new + of_h * o * (1 - bounded * bounded)
    of_a = np.concatenate(
        (of_c * g * (i * (1 - i)), of_c * c * (f * (1 - f)), of_c * i * (1 - g * g), of_h * bounded * (o * (1 - o))), 1
    )
    found = of_a @ weight_x, of_a @ weight_h, of_c * f, of_a.T @ x, of_a.T @ h
    dtype = promoted(grad, *arrays)
    made: list[Any] = [np.asarray(a).astype(dtype, copy=False) for a in found]
    return (*made, None if bias is None else of_a.sum(0).astype(dtype, copy=False))


def _step(
    x: Array, h: Array, c: Array, weight_x: Array, weight_h: Array, bias: Array | None
) -> tuple[tuple[Array, Array, Array, Array], Array, Array]:
    """The gates i, f, g, o, the cell c', and tanh(c')."""
    a = x @ weight_x.T + h @ weight_h.T
    a = a if bias is None else a + bias
    hidden = h.shape[1]
    i, f, g, o = (a[:, k * hidden : (k + 1) * hidden] for k in range(4))
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    new = f * c + i * g
    return (i, f, g, o), new, np.tanh(new)


def sigmoid(a: Array) -> Array:
    """1 / (1 + e^{−a}); far below 0 that is 1/∞."""
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-a)))


def _arrays(
    x: Array, h: Array, c: Array, weight_x: Array, weight_h: Array, bias: Array | None
) -> tuple[Array, Array, Array, Array, Array, Array | None]:
    """The inputs as arrays, once their shapes are known to fit together."""
    x, h, c, weight_x, weight_h = map(np.asarray, (x, h, c, weight_x, weight_h))
    bias = None if bias is None else np.asarray(bias)
    if x.ndim != 2 or h.ndim != 2 or len(x) != len(h):
        raise ValueError(f"x has shape {x.shape} and h {h.shape}; expected (N, I) and (N, H)")
    gates = 4 * h.shape[1]
    expected = {"c": h.shape, "weight_x": (gates, x.shape[1]), "weight_h": (gates, h.shape[1]), "bias": (gates,)}
    for name, a in (("c", c), ("weight_x", weight_x), ("weight_h", weight_h), ("bias", bias)):
        if a is not None and a.shape != expected[name]:
            raise ValueError(f"{name} has shape {a.shape}; x {x.shape} and h {h.shape} need {expected[name]}")
    return x, h, c, weight_x, weight_h, bias
