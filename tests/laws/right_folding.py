"""Fold and padding by other algorithms than the reference's: what no law may reject."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from reference._window import window
from tests.laws.right_resampling import UnfoldOffsetByOffset

NAMES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class FoldOffsetByOffset:
    """One offset of the kernel for all windows at once, the last first."""

    def forward(self, x, *, output_size, **moves):
        return UnfoldOffsetByOffset().backward(x, _zeros(x, output_size, moves), **moves)[0]

    def backward(self, g, x, *, output_size, **moves):  # noqa: ARG002, the protocol's
        return (UnfoldOffsetByOffset().forward(g, **moves),)


class FoldPlaceByPlace:
    """Each element of y sums what lies over it, found by trying every offset and window."""

    def forward(self, x, *, output_size, **moves):
        y = _zeros(x, output_size, moves)
        for row, column, place in self._met(y, moves):
            y[(..., *place)] += x.reshape(*y.shape[:2], -1, x.shape[2])[:, :, row, column]
        return y

    def backward(self, g, x, *, output_size, **moves):  # noqa: ARG002, y's shape says it
        back = np.zeros((*g.shape[:2], x.shape[1] // g.shape[1], x.shape[2]), g.dtype)
        for row, column, place in self._met(g, moves):
            back[:, :, row, column] = g[(..., *place)]
        return (back.reshape(x.shape),)

    @staticmethod
    def _met(y, moves):
        rest = {name: value for name, value in moves.items() if name != "kernel_size"}
        kernel = moves["kernel_size"]
        over = window(y.shape[2:], kernel if isinstance(kernel, tuple) else (kernel,) * (y.ndim - 2), **rest)
        for column, i in enumerate(product(*map(range, over.output))):
            for row, k in enumerate(product(*map(range, over.kernel))):
                axes = zip(i, over.stride, k, over.dilation, over.before, strict=True)
                place = tuple(a * s + b * d - p for a, s, b, d, p in axes)
                if all(0 <= j < n for j, n in zip(place, y.shape[2:], strict=True)):
                    yield row, column, place


def _zeros(x, size, moves):
    """What columns are added to."""
    kernel = moves["kernel_size"]
    kernel = kernel if isinstance(kernel, tuple) else (kernel,) * len(size)
    return np.zeros((len(x), x.shape[1] // prod(kernel), *size), x.dtype)


class PadByNumpy:
    """NumPy's own; backward adds every place to the one that a padded map of numbers says it is a copy of."""

    def forward(self, x, *, before, after, mode):
        return np.pad(x, self._ends(x, before, after), mode=NAMES[mode])

    def backward(self, g, x, *, before, after, mode):
        numbers = 1 + np.arange(prod(x.shape[2:])).reshape(1, 1, *x.shape[2:])
        of = self.forward(numbers, before=before, after=after, mode=mode).ravel()
        back = np.zeros((*x.shape[:2], 1 + prod(x.shape[2:])), g.dtype)
        np.add.at(back, (slice(None), slice(None), of), g.reshape(*g.shape[:2], of.size))
        return (back[..., 1:].reshape(x.shape),)

    @staticmethod
    def _ends(x, before, after):
        b, a = (v if isinstance(v, tuple) else (v,) * (x.ndim - 2) for v in (before, after))
        return [(0, 0), (0, 0), *zip(b, a, strict=True)]


class PadByMatrices(PadByNumpy):
    """Each axis multiplied by a matrix of zeros and ones, last axis first; backward by its transpose."""

    def forward(self, x, *, before, after, mode):
        for axis, matrix in reversed(list(enumerate(self._matrices(x, before, after, mode), 2))):
            x = np.moveaxis(np.tensordot(x, matrix, (axis, 1)), -1, axis)
        return x

    def backward(self, g, x, *, before, after, mode):
        for axis, matrix in enumerate(self._matrices(x, before, after, mode), 2):
            g = np.moveaxis(np.tensordot(g, matrix, (axis, 0)), -1, axis)
        return (g,)

    def _matrices(self, x, before, after, mode):
        ends = self._ends(x, before, after)[2:]
        for n, pair in zip(x.shape[2:], ends, strict=True):
            yield np.pad(np.eye(n, dtype=x.dtype), (pair, (0, 0)), mode=NAMES[mode])


BY_OP = {
    "fold": {FoldOffsetByOffset: "float32", FoldPlaceByPlace: "float64"},
    "pad": {PadByNumpy: "float32", PadByMatrices: "float64"},
}
