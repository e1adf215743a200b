"""The precisions that are judged: what numbers each has, and how NumPy holds them.

NumPy has no bfloat16. Its numbers are float32 numbers whose lower half is 0, so float32 holds them, and implementations in
other frameworks (checks/bridges) compute with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import frexp, isfinite, ldexp
from types import MappingProxyType
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Precision:
    """Numbers ±m·2^e with a significand of `bits` bits, the implicit one included.

    storage  the dtype that NumPy holds them in
    lowest   exponent of the smallest normal number: 2^lowest
    highest  exponent above the largest number: 2^highest − 2^(highest − bits)
    """

    name: str
    bits: int
    lowest: int
    highest: int
    storage: str

    @property
    def unit_roundoff(self) -> float:
        """u: the largest relative error of rounding to nearest, half the gap between 1 and the next number."""
        return 2.0**-self.bits

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return float(np.ldexp(2.0 - 2.0 ** (1 - self.bits), self.highest - 1))

    @property
    def underflow(self) -> float:
        """Half the smallest subnormal number: what a product that underflows can lose; 0 where float64 cannot hold it."""
        return float(np.ldexp(1.0, self.lowest - self.bits))

    def ulp(self, number: float) -> float:
        """A unit in the last place of this number: the gap between its neighbours, or 0 if it is not finite."""
        if not isfinite(number):
            return 0.0
        exponent = max(frexp(number)[1] - 1, self.lowest) if number else self.lowest
        return ldexp(1.0, exponent - self.bits + 1)

    def rounded(self, numbers: Array) -> Array:
        """The nearest numbers of this precision, as NumPy holds them."""
        stored = np.asarray(numbers).astype(self.storage, copy=False)
        if np.finfo(self.storage).nmant + 1 == self.bits:
            return stored
        # To nearest, ties to even, in the upper half of a float32: what is cut off decides about the last bit left.
        bits = stored.view(np.uint32)
        even = (bits >> 16) & 1
        nearest = ((bits + 0x7FFF + even) & np.uint32(0xFFFF0000)).astype(np.uint32)
        return np.where(np.isfinite(stored), nearest.view(np.float32), stored)


def held(numbers: Any, dtype: str) -> Array:
    """The nearest numbers of the precision of this name, as NumPy holds them."""
    return PRECISIONS[dtype].rounded(np.asarray(numbers))


def largest_root(room: int, degree: int) -> int:
    """The largest whole number of which a power is at most so much."""
    root = int(room ** (1 / degree))
    return root if root**degree <= room else root - 1


def accumulator(dtype: str) -> Precision:
    """The precision that sums of this dtype are kept in."""
    return PRECISIONS[ACCUMULATORS.get(dtype, dtype)]


PRECISIONS: Mapping[str, Precision] = MappingProxyType(
    {
        precision.name: precision
        for precision in (
            Precision("float64", 53, -1022, 1024, "float64"),
            Precision("float32", 24, -126, 128, "float32"),
            Precision("float16", 11, -14, 16, "float16"),
            Precision("bfloat16", 8, -126, 128, "float32"),
        )
    }
)
# What sums are kept in, where that is not the precision of what is summed: products of two such numbers are exact there.
ACCUMULATORS: Mapping[str, str] = MappingProxyType({"float16": "float32", "bfloat16": "float32"})
PROMISES = ("float32", "same")  # what an implementation may say that it keeps them in
# What NumPy computes in by itself; the others need a bridge.
NATIVE = tuple(name for name, precision in PRECISIONS.items() if precision.storage == name)
