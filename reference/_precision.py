"""The precision that layers compute in, where their inputs have less; and what they choose by."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference._window import Array


def at_least_single(a: Array) -> Array:
    """float16 and whole numbers as the float that has room for them, float32 at least; everything else as it is."""
    return a.astype(np.promote_types(a.dtype, np.float32), copy=False)


def real(a: Array) -> Array:
    """The real parts, by which a formula is chosen and a size is told; of objects, the floats that they are worth."""
    return a.astype(np.float64) if a.dtype == object else a.real


def all_wide(*arrays: Array | None) -> list[Any]:
    """All of them as the float that has room, as above; None as it is."""
    return [None if a is None else at_least_single(a) for a in arrays]


def promoted(*arrays: Array | None) -> np.dtype[Any]:
    """The dtype that NumPy promotes those to which are there, float16 at least."""
    return np.result_type(np.float16, *(a for a in arrays if a is not None))
