"""One step of a GRU: what is kept of the state, and what is written in its place                                      (W5).

With [·]_r, [·]_z, [·]_n the three thirds, a = weight_x · x + bias_x, b = weight_h · h + bias_h, and σ the sigmoid,

    r = σ(a_r + b_r),   z = σ(a_z + b_z),   n = tanh(a_n + r · b_n)
    y = (1 − z) · n + z · h

r acts on what the state has been multiplied to, not on the state: with g = ∂J/∂y

    ∂J/∂n = g · (1 − z),   ∂J/∂z = g · (h − n),   ∂J/∂a_n = ∂J/∂n · (1 − n²) = ν
    ∂J/∂b_n = ν · r,       ∂J/∂a_r = ∂J/∂b_r = ν · b_n · r(1 − r),       ∂J/∂a_z = ∂J/∂b_z = ∂J/∂z · z(1 − z)

and with all three of a and of b, two fully connected layers (reference/linear.py); h is also kept by z:

    ∂J/∂x = weight_xᵀ · ∂J/∂a,   ∂J/∂weight_x = Σ ∂J/∂a · xᵀ,   ∂J/∂bias_x = Σ ∂J/∂a                       over samples
    ∂J/∂h = weight_hᵀ · ∂J/∂b + g · z,   ∂J/∂weight_h = Σ ∂J/∂b · hᵀ,   ∂J/∂bias_h = Σ ∂J/∂b

(Cho et al. 2014, who have r · h in place of r · b_n, and z where this has 1 − z; this is torch's.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference._precision import all_wide, at_least_single, promoted
from reference._window import Array
from reference.lstm_cell import sigmoid


def forward(
    x: Array,
    h: Array,
    weight_x: Array,
    weight_h: Array,
    bias_x: Array | None = None,
    bias_h: Array | None = None,
) -> Array:
    """y (N, H), the state after h, of x (N, I), h (N, H), weight_x (3H, I), weight_h (3H, H), biases (3H) or None.

    The dtype is what NumPy promotes the inputs to; float16 is computed in float32 and rounded once. Complex numbers are
    allowed, and y is analytic.

    Raises ValueError, naming the numbers, if the shapes do not fit together.
    """
    arrays = _arrays(x, h, weight_x, weight_h, bias_x, bias_h)
    wide = all_wide(*arrays)
    _, z, n, _ = _step(*wide)
    return np.asarray((1 - z) * n + z * wide[1]).astype(promoted(*arrays), copy=False)


def backward(
    grad_output: Array,
    x: Array,
    h: Array,
    weight_x: Array,
    weight_h: Array,
    bias_x: Array | None = None,
    bias_h: Array | None = None,
) -> tuple[Any, ...]:
    """∂J/∂ each input (None for a bias that is None), given grad_output = ∂J/∂y (N, H).

    Each has the shape of its input; their dtype is what NumPy promotes grad_output and the inputs to.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    arrays = _arrays(x, h, weight_x, weight_h, bias_x, bias_h)
    grad = np.asarray(grad_output)
    if grad.shape != arrays[1].shape:
        raise ValueError(f"grad_output has shape {grad.shape}; y has {arrays[1].shape}")
    dtype = promoted(grad, *arrays)
    x, h, weight_x, weight_h, bias_x, bias_h = wide = all_wide(*arrays)
    r, z, n, b_n = _step(*wide)
    g = at_least_single(grad)
    of_n = g * (1 - z) * (1 - n * n)
    of_r, of_z = of_n * b_n * (r * (1 - r)), g * (h - n) * (z * (1 - z))
    of_a, of_b = np.concatenate((of_r, of_z, of_n), 1), np.concatenate((of_r, of_z, of_n * r), 1)
    found = of_a @ weight_x, of_b @ weight_h + g * z, of_a.T @ x, of_b.T @ h
    biases = (None if bias is None else of.sum(0) for bias, of in ((bias_x, of_a), (bias_h, of_b)))
    made: list[Any] = [None if a is None else a.astype(dtype, copy=False) for a in (*found, *biases)]
    return tuple(made)


def _step(
    x: Array, h: Array, weight_x: Array, weight_h: Array, bias_x: Array | None, bias_h: Array | None
) -> tuple[Array, Array, Array, Array]:
    """r, z, n, and b_n."""
    a, b, hidden = x @ weight_x.T, h @ weight_h.T, h.shape[1]
    a, b = a if bias_x is None else a + bias_x, b if bias_h is None else b + bias_h
    r, z = (sigmoid(a[:, part] + b[:, part]) for part in (slice(hidden), slice(hidden, 2 * hidden)))
    b_n = b[:, 2 * hidden :]
    return r, z, np.tanh(a[:, 2 * hidden :] + r * b_n), b_n


def _arrays(
    x: Array, h: Array, weight_x: Array, weight_h: Array, bias_x: Array | None, bias_h: Array | None
) -> tuple[Array, Array, Array, Array, Array | None, Array | None]:
    """The inputs as arrays, once their shapes are known to fit together."""
    x, h, weight_x, weight_h = map(np.asarray, (x, h, weight_x, weight_h))
    bias_x, bias_h = (None if bias is None else np.asarray(bias) for bias in (bias_x, bias_h))
    if x.ndim != 2 or h.ndim != 2 or len(x) != len(h):
        raise ValueError(f"x has shape {x.shape} and h {h.shape}; expected (N, I) and (N, H)")
    gates = 3 * h.shape[1]
    expected = {
        "weight_x": (gates, x.shape[1]),
        "weight_h": (gates, h.shape[1]),
        "bias_x": (gates,),
        "bias_h": (gates,),
    }
    given = {"weight_x": weight_x, "weight_h": weight_h, "bias_x": bias_x, "bias_h": bias_h}
    for name, a in given.items():
        if a is not None and a.shape != expected[name]:
            raise ValueError(f"{name} has shape {a.shape}; x {x.shape} and h {h.shape} need {expected[name]}")
    return x, h, weight_x, weight_h, bias_x, bias_h
