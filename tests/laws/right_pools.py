"""Adaptive max pooling by other algorithms than the reference's: what no law may reject."""

from __future__ import annotations

import numpy as np

from tests.laws.right_resampling import AdaptiveByLoops
from tests.laws.right_windows import MaxPoolByWindows


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


BY_OP = {
    "adaptive_max_pool": {AdaptiveMaxByLoops: "float64", AdaptiveMaxWithEqualShares: "float32"},
}
