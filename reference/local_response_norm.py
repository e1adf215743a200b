"""Local response normalisation: each number divided by a power of the squares around it, along the channels (004, C19).

    y_c = x_c · s_c^{−β},   s_c = k + α/size · Σ_{c' in the window of c} x_{c'}²

The window of c reaches from c − ⌊size/2⌋ to c + ⌊(size − 1)/2⌋, as far as there are channels. x_j stands in the numerator
of y_j, and in s_c for every c whose window holds j; with g = ∂J/∂y

    ∂J/∂x_j = g_j · s_j^{−β} − 2αβ/size · x_j · Σ_{c : j in the window of c} g_c · x_c · s_c^{−β−1}

Summing over a window gathers; summing over the windows that hold j is its adjoint, scatter.
(Krizhevsky, Sutskever and Hinton 2012, 3.3, whose α is not divided by the size.)
"""

from __future__ import annotations

from math import prod

import numpy as np

from reference._precision import at_least_single
from reference._range import scales
from reference._window import Array, Window, blocks, gather, scatter


def forward(x: Array, *, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Array:
    """y, of the shape of x (N, C, *size), normalised over `size` neighbouring channels of each position.

    The dtype is that of x; float16 is computed in float32 and rounded once. Complex numbers are squared, not their
    absolute values: y is analytic.

    Where s is 0, y is NaN.

    Raises ValueError, naming the numbers, if x has no channel axis or size is not a whole number of at least 1.
    """
    x, over = _arrays(x, size)
    y = np.empty(x.shape, np.result_type(x, np.float16))
    for block in blocks(len(x), prod(x.shape[1:])):
        wide = at_least_single(x[block])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # 0 / 0, where k is 0
            sums, scale = _sums(wide, over, alpha, k)
            y[block] = wide * sums**-beta if scale is None else wide * scale * sums**-beta * scale ** (2 * beta - 1)
    return y


def backward(
    grad_output: Array, x: Array, *, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> tuple[Array]:
    """∂J/∂x, as a tuple of one, given grad_output = ∂J/∂y of the shape of x.

    The dtype is what NumPy promotes grad_output and y to. Raises ValueError as forward does, and if grad_output does not
    have the shape of y.
    """
    x, over = _arrays(x, size)
    g = np.asarray(grad_output)
    if g.shape != x.shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {x.shape}")
    grad_x = np.empty(x.shape, np.result_type(g, x, np.float16))
    for block in blocks(len(x), prod(x.shape[1:])):
        wide, cotangent = at_least_single(x[block]), at_least_single(g[block])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # 0 / 0, where k is 0
            sums, scale = _sums(wide, over, alpha, k)
            direct = cotangent * sums**-beta
            if scale is not None:
                direct, wide = direct * scale ** (2 * beta), wide * scale
            shared = direct * wide / sums
        windows = np.broadcast_to(shared[:, None], (len(shared), size, *shared.shape[1:]))
        grad_x[block] = direct - 2 * alpha * beta / size * wide * scatter(windows, over, axis=1)
    return (grad_x,)


def _sums(x: Array, over: Window, alpha: float, k: float) -> tuple[Array, Array | None]:
    """s = k + α/size · (sum of the squares in each window), and None.

    Where a square leaves the range: s · t², and the power of two t, the same for all channels of a position.
    """
    squares = gather(np.square(x), over, axis=1).sum(axis=1)
    scale = scales(squares.sum(axis=1, keepdims=True), x, 1)
    if scale is not None:
        squares = gather(np.square(x * scale), over, axis=1).sum(axis=1)
    squares *= alpha / over.kernel[0]
    squares += k if scale is None else k * scale * scale
    return np.asarray(squares), scale


def _arrays(x: Array, size: int) -> tuple[Array, Window]:
    x = np.asarray(x)
    if x.ndim < 2:
        raise ValueError(f"x has shape {x.shape}; expected (N, C, *size)")
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"size is {size!r}; expected a whole number of at least 1")
    return x, Window((x.shape[1],), (int(size),), (1,), (1,), (size // 2,), ((size - 1) // 2,))
