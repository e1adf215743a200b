"""Grid sampling by other algorithms than the reference's: what no law may reject."""

from __future__ import annotations

from itertools import product
from math import floor, isfinite

import numpy as np


class GridSampleByHats:
    """Every element of the map weighed by a hat around the place; the slopes are those behind, in the order of the map."""

    def forward(self, x, grid, **p):
        return self._summed(x, [hat for hat, _ in self._hats(x, grid, p)]).reshape(*x.shape[:2], *grid.shape[1:-1])

    def backward(self, g, x, grid, **p):
        flat, hats = g.reshape(*g.shape[:2], np.prod(g.shape[2:], dtype=int)), self._hats(x, grid, p)
        letters = "ijk"[: len(hats)]
        given = ",".join(f"np{letter}" for letter in letters)
        of_x = np.einsum(f"ncp,{given}->nc{letters}", flat, *(hat for hat, _ in hats))
        of_grid = np.zeros((*flat.shape[::2], len(hats)), g.dtype)
        for a in range(len(hats)):
            parts = [slope if b == a else hat for b, (hat, slope) in enumerate(hats)]
            of_grid[..., len(hats) - 1 - a] = (flat * self._summed(x, parts)).sum(1)
        return of_x.astype(x.dtype), of_grid.reshape(grid.shape)

    @staticmethod
    def _summed(x, parts):
        letters = "ijk"[: len(parts)]
        given = ",".join(f"np{letter}" for letter in letters)
        return np.einsum(f"nc{letters},{given}->ncp", x, *parts)

    def _hats(self, x, grid, p):
        flat = grid.reshape(len(grid), np.prod(grid.shape[1:-1], dtype=int), grid.shape[-1])[..., ::-1]
        return [self._hat(flat[..., a], n, x.dtype, **p) for a, n in enumerate(x.shape[2:])]

    def _hat(self, a, n, dtype, *, mode, padding_mode, align_corners):
        """Weights (N, places, n), and how they change with the coordinate."""
        scale = dtype.type((n - 1 if align_corners else n) / 2)
        s = a * scale + dtype.type((n - 1) / 2)
        slope = np.full(s.shape, scale)
        if padding_mode == "reflection":
            low, span = (0, n - 1) if align_corners else (dtype.type(-0.5), n)
            far = np.abs(s - low)
            slope = slope * np.where(s < low, -1, 1)
            times = far // span if span else 0 * far
            s = np.where(times % 2 == 1, span - (far - times * span), far - times * span) + low if span else 0 * s
            slope = slope * np.where(times % 2 == 1, -1, 1)
            slope = slope * ((s > 0) & (s < n - 1))
        if padding_mode == "border":
            slope = slope * ((s > 0) & (s <= n - 1))
        if padding_mode != "zeros":
            s = np.clip(s, 0, n - 1)
        t = s[..., None] - np.arange(n).astype(dtype)
        if mode == "nearest":
            here = np.rint(s)[..., None] == np.arange(n)
            return here.astype(dtype), np.zeros(t.shape, dtype)
        up, down = (t > -1) & (t <= 0), (t > 0) & (t <= 1)
        return np.maximum(0, 1 - np.abs(t)), (up.astype(dtype) - down.astype(dtype)) * slope[..., None]


class GridSamplePlaceByPlace:
    """One place after another and one corner after another; at a border the slope is that inside."""

    def forward(self, x, grid, **p):
        y = np.zeros((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
        for n, at, looks in self._places(x, grid, p):
            for corner, weights, _ in self._corners(looks):
                y[(n, slice(None), *at)] += x[(n, slice(None), *corner)] * np.prod(weights, dtype=x.dtype)
        return y

    def backward(self, g, x, grid, **p):
        of_x, of_grid = np.zeros_like(x), np.zeros_like(grid)
        for n, at, looks in self._places(x, grid, p):
            here = g[(n, slice(None), *at)]
            for corner, weights, slopes in self._corners(looks):
                where = (n, slice(None), *corner)
                of_x[where] += np.prod(weights, dtype=x.dtype) * here
                for a, slope in enumerate(slopes):
                    others = np.prod([*weights[:a], *weights[a + 1 :], slope], dtype=x.dtype)
                    of_grid[(n, *at, len(slopes) - 1 - a)] += others * np.sum(here * x[where])
        return of_x, of_grid

    def _places(self, x, grid, p):
        for n, *at in np.ndindex(*grid.shape[:-1]):
            a = grid[(n, *at)][::-1]
            yield n, at, [self._looks(c, size, **p) for c, size in zip(a, x.shape[2:], strict=True)]

    @staticmethod
    def _corners(looks):
        for corner in product(*looks):
            at, weights, slopes = (list(part) for part in zip(*corner, strict=True))
            yield at, weights, slopes

    @staticmethod
    def _looks(a, n, *, mode, padding_mode, align_corners):
        """The elements that a coordinate looks at along an axis, their weights, and what these change by."""
        one = type(a)(1)
        slope = one * ((n - 1 if align_corners else n) / 2)
        s = (a + one) / 2 * (n - 1) if align_corners else (a + one) / 2 * n - one / 2
        low, high = (0 * one, one * (n - 1)) if align_corners else (-one / 2, n - one / 2)
        while padding_mode == "reflection" and high > low and isfinite(s) and not low <= s <= high:
            s, slope = (2 * low if s < low else 2 * high) - s, -slope
        if padding_mode == "reflection" and high == low:
            s = 0 * one
        if padding_mode != "zeros" and not 0 <= s <= n - 1:
            s, slope = min(max(s, 0 * one), one * (n - 1)), 0 * one
        if not isfinite(s):
            return [(0, s, s)]
        if mode == "nearest":
            found = [(round(float(s)), one, 0 * one)]
        else:
            first = min(floor(s), n - 2) if padding_mode != "zeros" and n > 1 else floor(s)
            part = s - first
            found = [(first, one - part, -slope), (first + 1, part, slope)]
        if n == 1 and padding_mode != "zeros":
            found = [(0, one, 0 * one)]
        return [look for look in found if 0 <= look[0] < n]


BY_OP = {"grid_sample": {GridSampleByHats: "float64", GridSamplePlaceByPlace: "float32"}}
