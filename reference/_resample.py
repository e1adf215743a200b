"""Maps that treat every spatial axis by a matrix of its own, and the adjoint: the transposes.

With A_a the matrix (m_a, n_a) of axis a, y[n, c, i₁, i₂, …] = Σ_j A₁[i₁, j₁]·A₂[i₂, j₂] … x[n, c, j₁, j₂, …]: a product of
matrices in each axis, whose adjoint multiplies each axis by A_aᵀ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reference._window import Array, wide


def along(x: Array, matrices: Sequence[Array]) -> Array:
    """x (N, C, *size) with each spatial axis multiplied by its matrix; float16 is summed in float32.

    Axes become smaller before they become larger, so that what is between is small.
    """
    y = wide(x)
    for axis, matrix in sorted(enumerate(matrices, 2), key=lambda pair: len(pair[1]) / max(1, pair[1].shape[1])):
        y = np.moveaxis(np.moveaxis(y, axis, -1) @ matrix.T.astype(y.dtype, copy=False), -1, axis)
    return np.asarray(y)


def back(g: Array, matrices: Sequence[Array]) -> Array:
    """The adjoint: g (N, C, *output) with each spatial axis multiplied by the transpose."""
    return along(g, [matrix.T for matrix in matrices])


def rounded(exact: Array, dtype: np.dtype) -> Array:
    """A matrix of fractions as numbers, each rounded once at most; for arrays of objects as it is."""
    if dtype.kind == "O":
        return exact
    over, under = (
        np.array([getattr(f, part) for f in exact.ravel()], np.longdouble) for part in ("numerator", "denominator")
    )
    return np.asarray(over / under).reshape(exact.shape)


def quotient(dtype: np.dtype) -> np.dtype:
    """The dtype of such numbers divided."""
    return np.dtype(np.float64) if dtype.kind in "biu" else dtype
