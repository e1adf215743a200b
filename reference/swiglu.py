"""The gate of today's transformers: a product in which one factor goes through SiLU first                    (T10).

    y = s(a) · x,  s(a) = a · σ(a),      ∂J/∂x = g · s(a),     ∂J/∂a = g · x · s'(a),  s'(a) = σ(a) + a · σ'(a)

a and x are two linear functions of the same input, which are layers of their own here. (Shazeer 2020, equation 6.)
"""

from __future__ import annotations

import numpy as np

from reference._pointwise import checked, logistic, pointwise, same_shape
from reference._window import Array


def forward(gate: Array, x: Array) -> Array:
    """y = gate · σ(gate) · x, all of one shape.

    The dtype is what NumPy promotes gate and x to (of whole numbers: the float that NumPy gives them); float16 is computed
    in float32 and rounded once. Complex numbers are allowed, and the function analytic.

    Raises ValueError, naming them, if the shapes differ.
    """
    return pointwise(lambda a, x: a * logistic(a)[0] * x, *same_shape(gate=gate, x=x))


def backward(grad_output: Array, gate: Array, x: Array) -> tuple[Array, Array]:
    """∂J/∂gate and ∂J/∂x, given grad_output = ∂J/∂y of the shape of both.

    The dtype is what NumPy promotes all three to. Raises ValueError as forward does, and if grad_output does not have the
    shape of y.
    """
    g, gate, x = checked(grad_output, gate=gate, x=x)

    def of_gate(g: Array, a: Array, x: Array) -> Array:
        share, slope = logistic(a)
        return np.asarray(g * x * (share + a * slope))

    def of_x(g: Array, a: Array, _: Array) -> Array:
        return np.asarray(g * (a * logistic(a)[0]))

    return pointwise(of_gate, g, gate, x), pointwise(of_x, g, gate, x)
