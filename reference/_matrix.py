"""Gathered windows and kernels as matrices, one a group, whose products are the sums of convolution.

Samples come last, (C, *spatial, samples): then what is copied and multiplied are long runs, and a block of samples is one
matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from reference._window import Array, Window, blocks, gather


def gathered(x: Array, over: Window, groups: int) -> Iterator[tuple[slice, Array]]:
    """x gathered, block of samples by block, as one matrix (channels · kernel, output · samples) for each group.

    All blocks share one buffer, so a matrix holds only until the next: touching fresh memory costs more than the copy.
    """
    buffer = np.empty(0, x.dtype)
    for block in blocks(len(x), x.shape[1] * prod(over.kernel + over.output)):
        windows = gather(samples_last(x[block]), over, axis=1)
        buffer = buffer if buffer.size else np.empty(windows.size, x.dtype)
        columns = buffer[: windows.size].reshape(windows.shape)
        np.copyto(columns, windows)
        yield block, matrix(columns, groups, 1 + len(over.kernel))


def multiply(kernel: Array, columns: Array, into: Array) -> None:
    """The product of matrices with samples last, put where samples come first; in place where that is the same."""
    if len(into) == 1 and into.flags.c_contiguous:
        np.matmul(kernel, columns, out=into.reshape(*kernel.shape[:2], columns.shape[2]))
    else:
        into[...] = samples_first((kernel @ columns).reshape(*into.shape[1:], len(into)))


def matrix(a: Array, groups: int, rows: int) -> Array:
    """`a` as one matrix for each group: its first `rows` axes, the first of them channels, against all others."""
    return a.reshape(groups, prod(a.shape[:rows]) // groups, prod(a.shape[rows:]))


def transposed(a: Array) -> Array:
    """Each of the matrices transposed."""
    return a.swapaxes(-1, -2)


def samples_last(a: Array) -> Array:
    """(N, C, *spatial) → (C, *spatial, N), contiguous."""
    return np.ascontiguousarray(a.transpose(*range(1, a.ndim), 0))


def samples_first(a: Array) -> Array:
    """(C, *spatial, N) → (N, C, *spatial), a view."""
    return a.transpose(a.ndim - 1, *range(a.ndim - 1))
