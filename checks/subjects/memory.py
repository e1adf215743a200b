"""What a call did with memory: whether results share it, and whether what was passed is as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import combinations
from typing import Any

import numpy as np

from checks.numbers.precision import Array

LOOKED_FOR = 10**6  # steps in looking for an element that two arrays have in common: about a tenth of a second


def shared(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Pairs of arrays of which one would change with the other: those that have an element in common."""
    arrays = [(name, result) for name, result in results.items() if isinstance(result, np.ndarray)]
    for (one, a), (other, b) in combinations(arrays, 2):
        # Whether strided arrays meet is a Diophantine equation: where it is too hard nobody is accused.
        with suppress(np.exceptions.TooHardError):
            if np.shares_memory(a, b, max_work=LOOKED_FOR):  # type: ignore[arg-type]  # the stubs know two values only
                yield one, other


def same_bits(a: Array | None, b: Array | None) -> bool:
    """Whether both are the same to the last bit; NaN is itself."""
    return a is b or (a is not None and b is not None and a.tobytes() == b.tobytes())


def overwrite(a: Array | None) -> None:
    """Write to what was passed, as its owner may."""
    if a is not None:
        a.flags.writeable = True
        a[...] = 77
