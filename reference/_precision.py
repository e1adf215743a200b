"""The precision that layers compute in, where their inputs have less."""

from __future__ import annotations

import numpy as np

from reference._window import Array


def at_least_single(a: Array) -> Array:
    """float16 and whole numbers as the float that has room for them, float32 at least; everything else as it is."""
    return a.astype(np.promote_types(a.dtype, np.float32), copy=False)
