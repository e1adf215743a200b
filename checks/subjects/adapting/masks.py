"""A mask as others have it: true where something is hidden; or what is added to scores, 0 or far below them."""

from __future__ import annotations

import numpy as np

from checks.numbers.precision import Array

FAR = -1e9  # e to it is 0 in every precision, beside any score that is judged
WORDS = {"added": "is added to scores, 0 where a key is seen", "hidden": "is true where a key is hidden"}


def shown(mask: Array, form: str) -> Array:
    """A mask that is true where something is seen, in this form."""
    if form == "hidden":
        return ~mask.astype(bool)
    return np.where(mask.astype(bool), 0.0, FAR) if form == "added" else mask
