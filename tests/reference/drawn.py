"""Convolutions for Hypothesis to draw: the kernel first, then an input that fits it, so that nothing is thrown away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

LARGEST = {1: 4, 2: 3, 3: 2}  # kernel and output sizes by number of axes, so that the naive loops stay short
COUNTS = ("count", "count for each axis")
NAMES = ("valid", "same", "full")


@dataclass(frozen=True)
class Drawn:
    """The shapes and parameters of a convolution, and the seed of its numbers."""

    x: tuple[int, ...]
    weight: tuple[int, ...]
    bias: bool = True
    parameters: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    def inputs(self, dtype: Any = np.int64) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """x, weight and bias (or None), small whole numbers."""
        rng = np.random.default_rng(self.seed)
        x, weight, bias = (whole_numbers(rng, shape, dtype) for shape in (self.x, self.weight, self.weight[:1]))
        return x, weight, bias if self.bias else None

    def cotangent(self, shape: tuple[int, ...], dtype: Any = np.int64) -> np.ndarray:
        return whole_numbers(np.random.default_rng(self.seed + 1), shape, dtype)


def whole_numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any = np.int64) -> np.ndarray:
    """Small whole numbers, with whole imaginary parts if complex: every sum of their products is exact."""
    numbers = rng.integers(-9, 10, shape)
    if np.issubdtype(dtype, np.complexfloating):
        return (numbers + 1j * rng.integers(-9, 10, shape)).astype(dtype)
    return numbers.astype(dtype)


def one_or_each(numbers: st.SearchStrategy[int], axes: int) -> st.SearchStrategy[int | tuple[int, ...]]:
    """One number for all axes, or one for each."""
    return numbers | st.tuples(*[numbers] * axes)


@st.composite
def convolutions(draw, batch=(0, 2), paddings=COUNTS + NAMES):
    """Kernel, stride, dilation and output size first; then the input that goes with them, rows left over or not.

    An input takes no less than 1, so more padding than that leaves room for gives more outputs than were drawn.
    """
    axes = draw(st.integers(1, 3))
    upto = st.integers(1, LARGEST[axes])
    kernel, output = draw(st.tuples(*[upto] * axes)), draw(st.tuples(*[upto] * axes))
    stride, dilation = draw(one_or_each(st.integers(1, 4), axes)), draw(one_or_each(st.integers(1, 5), axes))
    groups, inputs, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))

    padding = draw(st.sampled_from(paddings))
    if padding in COUNTS:
        counts = st.integers(0, 6)
        padding = draw(counts if padding == "count" else st.tuples(*[counts] * axes))
    size = []
    for axis, (m, z, s, d) in enumerate(zip(kernel, output, *_each(axes, stride, dilation), strict=True)):
        reach = (m - 1) * d
        added = {"valid": 0, "same": reach, "full": 2 * reach}.get(padding) if isinstance(padding, str) else None
        added = 2 * _each(axes, padding)[0][axis] if added is None else added
        size.append(max(1, (z - 1) * s + reach + 1 + draw(st.integers(0, s - 1)) - added))
    return Drawn(
        x=(draw(st.integers(*batch)), groups * inputs, *size),
        weight=(groups * outputs, inputs, *kernel),
        bias=draw(st.booleans()),
        parameters={
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "flip": draw(st.booleans()),
        },
        seed=draw(st.integers(0, 2**32)),
    )


def _each(axes: int, *parameters: int | tuple[int, ...]) -> list[tuple[int, ...]]:
    return [p if isinstance(p, tuple) else (p,) * axes for p in parameters]
