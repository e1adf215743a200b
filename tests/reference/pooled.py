"""Poolings for Hypothesis to draw, and the windows of one, place for place, as a textbook would count them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.reference.drawn import one_or_each, whole_numbers

LARGEST = {1: 4, 2: 3, 3: 2}  # kernel sizes and places by number of axes, so that the naive loops stay short


@dataclass(frozen=True)
class Pooled:
    """The shape of x, the parameters, and the seed of the numbers."""

    x: tuple[int, ...]
    parameters: dict[str, Any]
    seed: int = 0

    def input(self, dtype: Any = np.int64, most: int = 9) -> np.ndarray:
        """Small whole numbers; with few of them to choose from, most windows have their maximum more than once."""
        return np.clip(whole_numbers(np.random.default_rng(self.seed), self.x), -most, most).astype(dtype)

    def cotangent(self, shape: tuple[int, ...], dtype: Any = np.int64) -> np.ndarray:
        return whole_numbers(np.random.default_rng(self.seed + 1), shape, dtype)


@st.composite
def poolings(draw, *, dilations=(1, 2, 3), switches=("ceil_mode",), of_torch=False):
    """Kernel, dilation, padding and stride first; then a size that one to `LARGEST` windows fit into, with any rest.

    of_torch: no more padding than torch allows, half of the kernel; otherwise half of what it spans.
    """
    axes = draw(st.integers(1, 3))
    kernel = draw(one_or_each(st.integers(1, LARGEST[axes]), axes))
    dilation = draw(one_or_each(st.sampled_from(dilations), axes))
    stride = draw(st.none() | one_or_each(st.integers(1, 5), axes))
    kernels, spreads, steps = (each(v, axes) for v in (kernel, dilation, kernel if stride is None else stride))
    spans = [(k - 1) * d + 1 for k, d in zip(kernels, spreads, strict=True)]
    padding = tuple(draw(st.integers(0, (k if of_torch else e) // 2)) for k, e in zip(kernels, spans, strict=True))
    chosen = {name: draw(st.booleans()) for name in switches}
    size = []
    for k, e, s, p in zip(kernels, spans, steps, padding, strict=True):
        more = (draw(st.integers(1, LARGEST[axes])) - 1) * s + draw(st.integers(0, s - 1))
        # Rounding up, the first window may end outside.
        less = draw(st.integers(0, min(s, e, k) - 1)) if chosen.get("ceil_mode") else 0
        size.append(max(1, e - less + more - 2 * p))
    moves = {"kernel_size": kernel, "stride": stride, "padding": padding, **chosen}
    return Pooled(
        (draw(st.integers(0, 2)), draw(st.integers(1, 2)), *size),
        moves | ({"dilation": dilation} if dilations != (1,) else {}),
        draw(st.integers(0, 2**32)),
    )


def windows(size, *, kernel_size=2, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Every window: its index, and the positions under its offsets, row by row, some of them outside of the input."""
    axes = len(size)
    along = []
    for n, k, s, p, d in zip(
        size,
        each(kernel_size, axes),
        each(kernel_size if stride is None else stride, axes),
        each(padding, axes),
        each(dilation, axes),
        strict=True,
    ):
        starts = []
        start = -p
        while fits(start, start + (k - 1) * d, s, n, p, ceil_mode):
            starts.append([start + offset * d for offset in range(k)])
            start += s
        along.append(starts)
    for index in product(*(range(len(starts)) for starts in along)):
        yield index, list(product(*(starts[i] for starts, i in zip(along, index, strict=True))))


def fits(first, last, stride, n, padding, ceil_mode):
    """Whether there is a window from position `first` to position `last`.

    It ends inside the padded input; or, rounding up, it begins before the input ends, and the window before it leaves
    something of the padded input over.
    """
    if not ceil_mode:
        return last < n + padding
    return first < n and last - stride < n + padding - 1


def each(value, axes):
    return (value,) * axes if np.ndim(value) == 0 else tuple(value)


def inside(position, size):
    return all(0 <= j < n for j, n in zip(position, size, strict=True))
