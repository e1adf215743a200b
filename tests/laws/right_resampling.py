"""Adaptive means, upsampling, pixel shuffle and unfold by other algorithms than the reference's: what no law may reject."""

from __future__ import annotations

from itertools import product
from math import floor, prod

import numpy as np

from reference._window import window


class AdaptiveByLoops:
    """Every mean by itself, window by window; backward adds each share to its window."""

    def forward(self, x, *, output_size):
        y = np.empty((*x.shape[:2], *self._wanted(x, output_size)), x.dtype)
        for place, cut in self._windows(x, output_size):
            y[place] = x[cut].mean(tuple(range(2, x.ndim)))
        return y

    def backward(self, g, x, *, output_size):
        back = np.zeros_like(x)
        for place, cut in self._windows(x, output_size):
            part = back[cut]
            part += (g[place] / prod(part.shape[2:])).reshape(*g.shape[:2], *(1,) * (x.ndim - 2))
        return (back,)

    @staticmethod
    def _wanted(x, output_size):
        return output_size if isinstance(output_size, tuple) else (output_size,) * (x.ndim - 2)

    def _windows(self, x, output_size):
        wanted = self._wanted(x, output_size)
        for i in product(*map(range, wanted)):
            cut = [slice(k * n // m, -(-(k + 1) * n // m)) for k, n, m in zip(i, x.shape[2:], wanted, strict=True)]
            yield (..., *i), (..., *cut)


class AdaptiveByRunningSums:
    """Differences of running sums along each axis, which lose digits, in a precision that has them to spare."""

    def forward(self, x, *, output_size):
        y = x.astype(np.longdouble)
        for axis, m in enumerate(AdaptiveByLoops._wanted(x, output_size), 2):
            y = self._means(y, axis, m)
        return y.astype(x.dtype)

    def backward(self, g, x, *, output_size):  # noqa: ARG002, y's shape says it
        back = g.astype(np.longdouble)
        for axis, n in enumerate(x.shape[2:], 2):
            m = g.shape[axis]
            moved, into = np.moveaxis(back, axis, -1), None
            into = np.zeros((*moved.shape[:-1], n), np.longdouble)
            for i in range(m):
                first, last = i * n // m, -(-(i + 1) * n // m)
                into[..., first:last] += moved[..., i : i + 1] / (last - first)
            back = np.moveaxis(into, -1, axis)
        return (back.astype(g.dtype),)

    @staticmethod
    def _means(x, axis, m):
        n = x.shape[axis]
        moved = np.moveaxis(x, axis, -1)
        sums = np.concatenate((np.zeros((*moved.shape[:-1], 1), x.dtype), np.cumsum(moved, -1)), -1)
        first, last = np.arange(m) * n // m, -(-(np.arange(m) + 1) * n // m)
        return np.moveaxis((sums[..., last] - sums[..., first]) / (last - first), -1, axis)


class UpsampleAxisByAxis:
    """One axis after another, last first, each output from its neighbours, in the arithmetic of x; the transpose, too."""

    def forward(self, x, *, scale, mode, align_corners):
        for axis in reversed(range(2, x.ndim)):
            x = self._read(x, axis, self._scale(scale, axis), mode, align_corners)
        return x

    def backward(self, g, x, *, scale, mode, align_corners):
        for axis in range(2, x.ndim):
            g = self._added(g, axis, x.shape[axis], self._scale(scale, axis), mode, align_corners)
        return (g,)

    @staticmethod
    def _scale(scale, axis):
        return scale[axis - 2] if isinstance(scale, tuple) else scale

    def _looks(self, n, k, mode, aligned, dtype):
        """For each output the elements that it looks at and their weights, computed in this dtype."""
        one = dtype.type(1)
        for i in range(n * k):
            if mode == "nearest":
                yield i, [(i // k, one)]
                continue
            s = one * i * (n - 1) / max(1, n * k - 1) if aligned else (one * i + one / 2) / k - one / 2
            s = max(s, 0 * one) if mode == "linear" else s
            first = floor(s)
            t = s - first
            taken = [(first, one - t), (first + 1, t)]
            if mode == "cubic":
                taken = [(first + d, self._keys(abs(t - d), one)) for d in range(-1, 3)]
            yield i, [(min(max(j, 0), n - 1), w) for j, w in taken]

    @staticmethod
    def _keys(t, one):
        a = -3 * one / 4
        if t <= 1:
            return ((a + 2) * t - (a + 3)) * t * t + 1
        return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a

    def _read(self, x, axis, k, mode, aligned):
        n = x.shape[axis]
        moved = np.moveaxis(x, axis, 0)
        y = np.zeros((n * k, *moved.shape[1:]), x.dtype)
        for i, taken in self._looks(n, k, mode, aligned, x.dtype):
            for j, w in taken:
                y[i] += w * moved[j]
        return np.moveaxis(y, 0, axis)

    def _added(self, g, axis, n, k, mode, aligned):
        moved = np.moveaxis(g, axis, 0)
        back = np.zeros((n, *moved.shape[1:]), g.dtype)
        for i, taken in self._looks(n, k, mode, aligned, g.dtype):
            for j, w in taken:
                back[j] += w * moved[i]
        return np.moveaxis(back, 0, axis)


class UpsampleByMatrices(UpsampleAxisByAxis):
    """The same weights as one matrix an axis, multiplied in another order."""

    def forward(self, x, *, scale, mode, align_corners):
        for axis in range(2, x.ndim):
            matrix = self._matrix(x, axis, scale, mode, align_corners)
            x = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
        return x

    def backward(self, g, x, *, scale, mode, align_corners):
        for axis in reversed(range(2, x.ndim)):
            matrix = self._matrix(x, axis, scale, mode, align_corners)
            g = np.moveaxis(np.tensordot(matrix, g, (0, axis)), 0, axis)
        return (g,)

    def _matrix(self, x, axis, scale, mode, aligned):
        n, k = x.shape[axis], self._scale(scale, axis)
        matrix = np.zeros((n * k, n), x.dtype)
        for i, taken in self._looks(n, k, mode, aligned, x.dtype):
            for j, w in taken:
                matrix[i, j] += w
        return matrix


class ShuffleBySlices:
    """Each channel of a block written to its own places."""

    def forward(self, x, *, upscale_factor):
        r = upscale_factor
        y = np.empty((len(x), x.shape[1] // r**2, x.shape[2] * r, x.shape[3] * r), x.dtype)
        for a, b in product(range(r), range(r)):
            y[:, :, a::r, b::r] = x[:, a * r + b :: r * r]
        return y

    def backward(self, g, x, *, upscale_factor):
        r, back = upscale_factor, np.empty_like(x)
        for a, b in product(range(r), range(r)):
            back[:, a * r + b :: r * r] = g[:, :, a::r, b::r]
        return (back,)


class ShuffleByIndices:
    """Every pixel by where it comes from."""

    def forward(self, x, *, upscale_factor):
        return x[self._places(x, upscale_factor)]

    def backward(self, g, x, *, upscale_factor):
        back = np.zeros_like(x)
        np.add.at(back, self._places(x, upscale_factor), g)
        return (back,)

    @staticmethod
    def _places(x, r):
        n, channels, h, w = x.shape
        at, c, i, j = np.ix_(range(n), range(channels // r**2), range(h * r), range(w * r))
        return at, c * r * r + r * (i % r) + j % r, i // r, j // r


class UnfoldWindowByWindow:
    """Zeros around x; every window copied, and its cotangents added back where they came from."""

    def forward(self, x, **moves):
        around, over, windows = self._parts(x, moves)
        columns = [around[(..., *cut)].reshape(len(x), -1, 1) for cut in windows]
        return (
            np.concatenate(columns, 2)
            if x.size
            else np.zeros((len(x), x.shape[1] * prod(over.kernel), len(windows)), x.dtype)
        )

    def backward(self, g, x, **moves):
        around, over, windows = self._parts(np.zeros_like(x), moves)
        for column, cut in enumerate(windows):
            around[(..., *cut)] += g[:, :, column].reshape(*x.shape[:2], *over.kernel)
        return (around[(..., *(slice(b, b + n) for b, n in zip(over.before, over.size, strict=True)))],)

    @staticmethod
    def _parts(x, moves):
        kernel, axes = moves["kernel_size"], x.ndim - 2
        rest = {name: value for name, value in moves.items() if name != "kernel_size"}
        over = window(x.shape[2:], kernel if isinstance(kernel, tuple) else (kernel,) * axes, **rest)
        around = np.pad(x, [(0, 0), (0, 0), *zip(over.before, over.after, strict=True)])
        windows = [
            [slice(i * s, i * s + e, d) for i, s, e, d in zip(at, over.stride, over.span, over.dilation, strict=True)]
            for at in product(*map(range, over.output))
        ]
        return around, over, windows


class UnfoldOffsetByOffset(UnfoldWindowByWindow):
    """One offset of the kernel for all windows at once."""

    def forward(self, x, **moves):
        around, over, _ = self._parts(x, moves)
        rows = [around[(..., *cut)].reshape(*x.shape[:2], 1, prod(over.output)) for cut in self._cuts(over)]
        return np.concatenate(rows, 2).reshape(len(x), x.shape[1] * prod(over.kernel), prod(over.output))

    def backward(self, g, x, **moves):
        around, over, _ = self._parts(np.zeros_like(x), moves)
        laid = g.reshape(*x.shape[:2], prod(over.kernel), *over.output)
        for row, cut in reversed(list(enumerate(self._cuts(over)))):
            around[(..., *cut)] += laid[:, :, row]
        return (around[(..., *(slice(b, b + n) for b, n in zip(over.before, over.size, strict=True)))],)

    @staticmethod
    def _cuts(over):
        for k in product(*map(range, over.kernel)):
            moves = zip(k, over.dilation, over.stride, over.output, strict=True)
            yield [slice(i * d, i * d + (o - 1) * s + 1, s) for i, d, s, o in moves]


BY_OP = {
    "adaptive_avg_pool": {AdaptiveByLoops: "float32", AdaptiveByRunningSums: "float64"},
    "upsample": {UpsampleAxisByAxis: "float32", UpsampleByMatrices: "float64"},
    "pixel_shuffle": {ShuffleBySlices: "float32", ShuffleByIndices: "float64"},
    "unfold": {UnfoldWindowByWindow: "float64", UnfoldOffsetByOffset: "float32"},
}
