"""Squares that leave the range of a float: powers of two that bring numbers where theirs do not, and round nothing."""

from __future__ import annotations

import numpy as np

from reference._precision import real
from reference._window import Array


def scales(sums: Array, of: Array, axis: int | tuple[int, ...]) -> Array | None:
    """A power of two for each sum of squares along `axis` that is no number, 1 for the others; None if all are numbers.

    sums  what the squares of `of` add up to, with these axes left in or not; they are left in what is returned. Objects,
          such as numbers that carry a derivative, leave no range.

    The largest of the numbers, by their real parts, is between 1/2 and 1 once it is multiplied; of infinity and NaN the
    power is 1.
    """
    if sums.dtype == object or np.isfinite(sums).all():
        return None
    largest = np.abs(real(of)).max(axis=axis, keepdims=True, initial=0)
    exponents = np.where(np.isfinite(largest), np.frexp(np.where(np.isfinite(largest), largest, 0))[1], 0)
    beyond = ~np.isfinite(sums).reshape(largest.shape)
    limit = np.finfo(largest.dtype).maxexp - 2  # whose reciprocal is a normal number
    return np.asarray(np.ldexp(np.ones_like(largest), np.where(beyond, -np.clip(exponents, -limit, limit), 0)))
