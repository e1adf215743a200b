"""The same numbers laid out in memory in other ways: what an implementation may meet, and must read alike."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from checks.numbers.precision import Array

ALIGNMENT = 64
OUTSIDE = 0xFF  # every byte around an array, which nobody should read: NaN as a float, -1 as a whole number


def reversed_axes(a: Array) -> Array:
    """The last axis slowest, as a transposed array is (Fortran order)."""
    return np.asarray(np.array(a.transpose(), order="C", copy=True).transpose())


def channels_last(a: Array) -> Array:
    """The channels, axis 1, fastest: how many a kernel lies best, and torch's memory format of that name."""
    if a.ndim < 3:  # without positions that is how it lies anyway
        return a.copy("C")
    return np.moveaxis(np.array(np.moveaxis(a, 1, -1), order="C", copy=True), -1, 1)


def every_second(a: Array) -> Array:
    """Every second element of a larger array along each axis, with NaN between them."""
    between = np.full([2 * n for n in a.shape], np.nan if a.dtype.kind == "f" else 1, a.dtype)
    every: Any = (..., *(slice(None, None, 2),) * a.ndim)
    view: Array = between[every]
    view[...] = a
    return view


def backwards(a: Array) -> Array:
    """Each axis from its end to its beginning: negative strides."""
    turned = np.array(np.flip(a))
    return np.asarray(np.flip(turned)) if a.ndim else turned


def misaligned(a: Array) -> Array:
    """One byte off the alignment that its dtype asks for."""
    memory = np.zeros(a.nbytes + 2 * ALIGNMENT, np.uint8)
    start = -address(memory) % ALIGNMENT + 1
    view: Array = np.ndarray(a.shape, a.dtype, memory, start)
    view[...] = a
    return view


def read_only(a: Array) -> Array:
    """Not to be written to."""
    copy = a.copy()
    copy.flags.writeable = False
    return copy


FORTRAN, CHANNELS_LAST, SKIPPING = "in Fortran order", "with channels last", "that skip every second element"
LAYOUTS: dict[str, Callable[[Array], Array]] = {
    FORTRAN: reversed_axes,
    CHANNELS_LAST: channels_last,
    SKIPPING: every_second,
    "with negative strides": backwards,
    "misaligned by a byte": misaligned,
    "read-only": read_only,
}


def likely(dims: int) -> tuple[str, ...]:
    """Layouts that arrays of so many axes have; twice those in which code that ignores strides reads other numbers."""
    strided = (FORTRAN, CHANNELS_LAST, SKIPPING) if dims > 2 else (FORTRAN, SKIPPING)
    return (*strided, *(layout for layout in LAYOUTS if layout != CHANNELS_LAST or dims > 2))


def broadcast(a: Array) -> Array:
    """The first element everywhere, with strides of 0: other numbers, which a caller that sums y passes as cotangent."""
    return np.broadcast_to(a.reshape(-1)[:1].reshape((1,) * a.ndim), a.shape) if a.size else a


def memory_of(a: Array) -> tuple[Array, int]:
    """The bytes that an array lies in, from its lowest to its highest, and where in them it begins.

    They are the array's own, and good for as long as it lives.
    """
    if not a.size:
        return np.zeros(0, np.uint8), 0
    if a.flags.c_contiguous:
        return a.reshape(-1).view(np.uint8), 0
    low, high = np.lib.array_utils.byte_bounds(a)
    return np.ctypeslib.as_array((ctypes.c_uint8 * (high - low)).from_address(low)), address(a) - low


def overrun(a: Array) -> int:
    """Bytes behind its memory that code reads which takes an array to lie in one piece, and never looks at strides."""
    if a.flags.c_contiguous:
        return 0
    memory, first = memory_of(a)
    return max(0, first + a.nbytes - memory.size)


def laid_alike(a: Array) -> Array:
    """A copy in memory of its own with the same strides, alignment and permission to write.

    All copies of one array have one alignment: what is computed from them may depend on it to the last bit. The same
    lies around them, so that code which reads beyond their memory is wrong in the same way each time.
    """
    a = np.asarray(a)
    plain = a.flags.c_contiguous and a.flags.aligned
    memory, first = memory_of(a)
    room = np.empty(memory.size + (0 if plain else overrun(a)) + 2 * ALIGNMENT, np.uint8)
    far = 0 if plain else address(a) - first
    start = (far - address(room)) % ALIGNMENT
    end = start + memory.size
    room[:start], room[start:end], room[end:] = OUTSIDE, memory, OUTSIDE
    alike: Array = np.ndarray(a.shape, a.dtype, room, start + first, a.strides)
    alike.flags.writeable = a.flags.writeable
    return alike


def address(a: Array) -> int:
    """Where its first element lies."""
    return int(a.__array_interface__["data"][0])
