"""Adaptive max pooling and Lp pooling by other algorithms than the reference's: what no law may reject."""

from __future__ import annotations

from itertools import product

import numpy as np

from reference._window import pooling_window
from tests.laws.right_resampling import AdaptiveByLoops
from tests.laws.right_windows import MaxPoolByWindows, _around, _inside, _met


class AdaptiveMaxByLoops:
    """Every window by itself; of the largest, which may be several, the last takes all."""

    def forward(self, x, *, output_size):
        y = np.empty((*x.shape[:2], *AdaptiveByLoops._wanted(x, output_size)), x.dtype)
        for place, cut in AdaptiveByLoops()._windows(x, output_size):
            y[place] = x[cut].max(tuple(range(2, x.ndim)))
        return y

    def backward(self, g, x, *, output_size):
        back = np.zeros_like(x)
        for place, cut in AdaptiveByLoops()._windows(x, output_size):
            flat = x[cut].reshape(*x.shape[:2], -1 if x.size else 0)
            shares = self.shares(flat == flat.max(-1, keepdims=True)) if x.size else np.zeros_like(flat)
            back[cut] += (shares * g[place][..., None]).reshape(x[cut].shape).astype(x.dtype)
        return (back,)

    shares = staticmethod(MaxPoolByWindows.shares)


class AdaptiveMaxWithEqualShares(AdaptiveMaxByLoops):
    """The largest share equally."""

    @staticmethod
    def shares(tied):
        return tied / tied.sum(-1, keepdims=True)


class LpPoolOffsetByOffset:
    """Powers added one offset after another, last first; the gradient as (s^(1/p))' times the slope of the powers."""

    def forward(self, x, *, norm_type, **p):
        return self._sums(x, norm_type, p)[0] ** x.dtype.type(1 / norm_type)

    def backward(self, g, x, *, norm_type, **p):
        sums, around, over = self._sums(x, norm_type, p)
        outer = g * np.where(sums > 0, np.where(sums > 0, sums, 1) ** x.dtype.type(1 / norm_type - 1), 0)
        back = np.zeros_like(around)
        for offset in product(*map(range, over.kernel)):
            at = (..., *_met(offset, over))
            back[at] += outer * np.abs(around[at]) ** x.dtype.type(norm_type - 1) * np.sign(around[at])
        return (back[(..., *_inside(over))],)

    @staticmethod
    def _sums(x, norm_type, p):
        over = pooling_window(x.shape[2:], p["kernel_size"], stride=p["stride"], ceil_mode=p["ceil_mode"])
        around = _around(x, over)
        sums = np.zeros((*x.shape[:2], *over.output), x.dtype)
        for offset in reversed(list(product(*map(range, over.kernel)))):
            sums += np.abs(around[(..., *_met(offset, over))]) ** x.dtype.type(norm_type)
        return sums, around, over


class LpPoolByVectors:
    """Each window a vector, whose norm NumPy computes; where it is 0 the first element gets all, and every 0 of p = 1."""

    def forward(self, x, *, norm_type, **p):
        y, _ = self._windows(x, p)
        for place, window in self._windows(x, p)[1]:
            y[place] = np.linalg.norm(window.reshape(*window.shape[:2], -1 if x.size else 0), norm_type, axis=2)
        return y

    def backward(self, g, x, *, norm_type, **p):
        back = np.zeros_like(x)
        y = self.forward(x, norm_type=norm_type, **p)
        axes = (slice(None), slice(None), *(None,) * (x.ndim - 2))
        pairs = zip(self._windows(x, p)[1], self._windows(back, p)[1], strict=True)
        for (place, window), (_, into) in pairs:
            norm = y[place][axes]
            shares = np.sign(window) * (np.abs(window) / np.where(norm == 0, 1, norm)) ** x.dtype.type(norm_type - 1)
            free = (window == 0) & (norm_type == 1)
            free[(slice(None), slice(None), *(slice(0, 1),) * (x.ndim - 2))] |= norm == 0
            shares[free] = 1
            into[...] = into + g[place][axes] * shares
        return (back,)

    @staticmethod
    def _windows(x, p):
        """Room for y, and each place with the window there, a view."""
        over = pooling_window(x.shape[2:], p["kernel_size"], stride=p["stride"], ceil_mode=p["ceil_mode"])
        cuts = [
            (
                (..., *i),
                x[(..., *(slice(a * s, a * s + k) for a, s, k in zip(i, over.stride, over.kernel, strict=True)))],
            )
            for i in product(*map(range, over.output))
        ]
        return np.empty((*x.shape[:2], *over.output), x.dtype), cuts


BY_OP = {
    "adaptive_max_pool": {AdaptiveMaxByLoops: "float64", AdaptiveMaxWithEqualShares: "float32"},
    "lp_pool": {LpPoolOffsetByOffset: "float32", LpPoolByVectors: "float64"},
}
