"""What a call did with memory: whether results share it, and whether what was passed is as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import combinations
from typing import Any

import numpy as np

from checks.numbers.precision import Array

LOOKED_FOR = 10**6  # steps in looking for an element that two arrays have in common: about a tenth of a second
LARGE = 1 << 16  # bytes, from which on comparing in place is faster than copying them first


def shared(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Pairs of arrays of which one would change with the other: those that have an element in common."""
    arrays = [(name, result) for name, result in results.items() if isinstance(result, np.ndarray)]
    for (one, a), (other, b) in combinations(arrays, 2):
        # Whether strided arrays meet is a Diophantine equation: where it is too hard nobody is accused.
        with suppress(np.exceptions.TooHardError):
            if np.shares_memory(a, b, max_work=LOOKED_FOR):  # type: ignore[arg-type]  # the stubs know two values only
                yield one, other


class Kept:
    """What each part returned the last time, to see whether a later call writes into it.

    Only what is small, which costs nothing; not what is a view of what was passed, which changes with that.
    """

    def __init__(self) -> None:
        self._latest: dict[str, list[tuple[Array, Array]]] = {}
        self._overwritten: set[str] = set()

    def overwritten(self, part: str, returned: Iterable[Any], passed: Iterable[Array | None]) -> bool:
        """Whether a call of this part, this one or one before, has changed what the call before it had returned."""
        if any(not same_bits(array, copy) for array, copy in self._latest.get(part, ())):
            self._overwritten.add(part)
        given = [a for a in passed if a is not None]
        arrays = [a for a in returned if isinstance(a, np.ndarray) and a.nbytes < LARGE]
        own = [a for a in arrays if not any(np.may_share_memory(a, b) for b in given)]
        self._latest[part] = [(a, a.copy()) for a in own]
        return part in self._overwritten


def same_bits(a: Array | None, b: Array | None) -> bool:
    """Whether both are the same to the last bit; NaN is itself."""
    if a is b or a is None or b is None:
        return a is b
    if a.nbytes < LARGE or not (a.flags.c_contiguous and b.flags.c_contiguous):
        return a.tobytes() == b.tobytes()
    return np.array_equal(a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8))


def overwrite(a: Array | None) -> None:
    """Write to what was passed, as its owner may."""
    if a is not None:
        a.flags.writeable = True
        a[...] = 77
