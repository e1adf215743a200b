"""The hyperbolic tangent, element by element: y = tanh x = (e^x − e^{−x}) / (e^x + e^{−x}).

    tanh'(x) = 1 − tanh² x = sech² x,   sech x = 2 / (e^x + e^{−x}) = 2e / (1 + e²)   with e = e^{−|x|} ≤ 1

The last form neither overflows nor subtracts, so it is right to a few units in the last place for every x. The familiar
1 − y² is not: at x = 20 it gives 0 in float64, where tanh' is 1.7e−17.
"""

from __future__ import annotations

import numpy as np

from reference._blocks import each
from reference._precision import at_least_single, real
from reference._window import Array

BLOCK = 1 << 16  # numbers at a time: few enough for the cache, and enough to keep a thread busy


def forward(x: Array) -> Array:
    """y = tanh x, x and y of any one shape, real or complex.

    The dtype is that of x (of whole numbers: the float that NumPy gives them); NumPy computes float16 in float32.
    """
    x = np.asarray(x)
    y = np.empty(x.size, np.promote_types(x.dtype, np.float16))
    flat = x.reshape(-1)

    def fill(block: slice) -> None:
        np.tanh(flat[block], out=y[block])

    each(x.size, BLOCK, fill)
    return y.reshape(x.shape)


def backward(grad_output: Array, x: Array) -> tuple[Array]:
    """∂J/∂x = grad_output · sech² x, as a tuple of one, given grad_output = ∂J/∂y of the shape of x.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError if grad_output does not have the shape of y.
    """
    g, x = np.asarray(grad_output), np.asarray(x)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    grad_x = np.empty(x.size, np.result_type(g, x, np.float16))
    flat, wide = at_least_single(g.reshape(-1)), at_least_single(x.reshape(-1))

    def fill(block: slice) -> None:
        e = wide[block] * np.copysign(1, -real(wide[block]))  # −|x|, analytic for complex x
        np.exp(e, out=e)
        total = np.square(e)
        total += 1
        e /= total
        e += e
        np.square(e, out=e)
        np.multiply(flat[block], e, out=grad_x[block], casting="same_kind")

    each(x.size, BLOCK, fill)
    return (grad_x.reshape(x.shape),)
