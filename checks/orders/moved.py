"""A reference along a line a + h·v: what it returns there to first order in h, by complex numbers or by dual ones.

Of an analytic op Im f(a + ihv) / h = J v, to rounding (laws/complex_step.py). h is a power of two: where f is a polynomial
and its numbers are whole, the products that h² would spoil underflow to nothing, and what stands in the imaginary parts are
whole numbers times h. So the derivative is exact wherever f is. Where complex numbers do not go through (a choice, a
kink), or where numbers carry what rounding made of them, dual ones do the same (numbers/dual.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from checks.numbers.dual import Dual, moving, tangents_of
from checks.numbers.precision import Array

H = 2.0**-600  # its square is less than the smallest double
Arrays = Sequence[Array | None]


def along(
    function: Callable[..., Any], arrays: Arrays, tangents: Arrays, *, analytic: bool
) -> tuple[Array | None, ...]:
    """J v of each result of function(*arrays); a tangent that is None moves nothing, as do arrays without one.

    Object arrays give object arrays; all else is float64 at least.
    """
    objects = any(a is not None and np.asarray(a).dtype == object for a in (*arrays, *tangents))
    pairs = list(zip(arrays, tangents, strict=True))
    if analytic and not objects:
        found = _results(function(*(a if v is None or a is None else _complex(a, v) for a, v in pairs)))
        return tuple(None if r is None else _imaginary(r) / H for r in found)
    if not any(v is not None for v in tangents):
        found = _results(function(*arrays))
        return tuple(None if r is None else r * 0 for r in found)
    lifted = any(_is_dual(a) for pair in pairs for a in pair)
    pairs = [(_lifted(a), _lifted(v)) for a, v in pairs] if lifted else pairs
    dual = (a if a is None or not _is_number(a) else moving(a, v) for a, v in pairs)
    found = _results(function(*dual))
    moved = (None if r is None else tangents_of(r) for r in found)
    return tuple(r if r is None or objects else r.astype(np.float64) for r in moved)


def _complex(a: Array, v: Array) -> Array:
    wide = np.result_type(a, v, np.float64)
    # The parts one by one: 1j·h·v is NaN where v is infinite.
    moved = np.empty(np.shape(a), np.result_type(wide, np.complex128))
    moved.real, moved.imag = a, np.asarray(v, wide) * H
    return moved


def _imaginary(a: Array) -> Array:
    """In float64 at least: h is 0 in float32, and a result that nothing moves is real."""
    return np.asarray(np.imag(a), np.result_type(np.real(a), np.float64))


def _is_dual(a: Array | None) -> bool:
    return a is not None and a.dtype == object and any(isinstance(one, Dual) for one in a.ravel()[:1])


def _lifted(a: Array | None) -> Array | None:
    """As dual numbers where others are, within which this line is followed: of one kind, each knows the other."""
    return a if a is None or not _is_number(a) or _is_dual(a) else moving(a, None)


def _is_number(a: Any) -> bool:
    return np.asarray(a).dtype.kind in "fO"


def _results(returned: Any) -> tuple[Any, ...]:
    return tuple(returned) if isinstance(returned, tuple | list) else (returned,)
