"""What windows pick and measure: results W12 to W14 of docs/derivations/windows-and-sequences.md."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, floor

import numpy as np
import pytest
import sympy

from reference import adaptive_max_pool, grid_sample, lp_pool, upsample
from tests.derivations._notation import within
from tests.derivations.test_windows_and_sequences import differentiated, numbers, rational, rng


@pytest.mark.parametrize(("n", "m"), [(7, 3), (5, 4), (3, 5), (6, 2), (4, 1)])
def test_W12_adaptive_maxima(n, m):
    """Rows of few numbers, so that windows tie and neighbours share what they pick; each window by itself."""
    x, g = rng(7).integers(-2, 3, (1, 1, n)).astype(float), rng(8).integers(1, 9, (1, 1, m)).astype(float)
    y, gradient = np.empty(m), np.zeros(n)
    for i in range(1, m + 1):
        a, b = floor((i - 1) * n / m), ceil(i * n / m)
        picked = max(range(a, b), key=lambda j: (x[0, 0, j], -j))
        y[i - 1] = x[0, 0, picked]
        gradient[picked] += g[0, 0, i - 1]
    assert np.array_equal(adaptive_max_pool.forward(x, output_size=m)[0, 0], y)
    assert np.array_equal(adaptive_max_pool.backward(g, x, output_size=m)[0][0, 0], gradient)


@pytest.mark.parametrize("p", [1, 2, 3, sympy.Rational(3, 2)])
def test_W13_pooling_by_a_norm(p):
    """Windows of two that share a number, of either sign, differentiated by SymPy."""
    x, g = rational([[[1.5, -0.5, 2, -3]]]), rational([[[2, -1, 3]]])

    def Y(x):
        powers = [(a * a) ** (sympy.sympify(p) / 2) for a in x[0, 0]]
        return np.array([[[(a + b) ** (1 / sympy.sympify(p)) for a, b in pairwise(powers)]]])

    floats, moves = x.astype(float), {"norm_type": float(p), "kernel_size": 2, "stride": 1}
    assert within(lp_pool.forward(floats, **moves), numbers(Y(x)), 16)
    gradient = lp_pool.backward(g.astype(float), floats, **moves)[0]
    terms = lp_pool.backward(np.abs(g).astype(float), np.abs(floats), **moves)[0]
    assert within(gradient, differentiated(Y, g, [x], 0), 16, terms)


def test_W13_a_window_of_zeros():
    """0 where there is no derivative, and of p = 1 at every 0; the other windows as if there were none."""
    x, g = np.array([[[0.0, 0, 3, 4, 0, 2]]]), np.array([[[7.0, 5, 3]]])
    assert np.array_equal(lp_pool.backward(g, x)[0], [[[0, 0, 3, 4, 0, 3]]])
    assert np.array_equal(lp_pool.backward(g, x, norm_type=1)[0], [[[0, 0, 5, 5, 0, 3]]])


def mirrored(s, n, aligned):
    """What mirrors at the outer centres, or edges, make of a place, one after the other."""
    low, high = (1, n) if aligned else (sympy.Rational(1, 2), n + sympy.Rational(1, 2))
    while not low <= s <= high:
        s = 2 * low - s if s < low else 2 * high - s
    return s


def by_hats(x, grid, padding, aligned):
    """Each number of a map under a hat around each place, in exact numbers."""

    def read_at(a, n):
        s = 1 + (a + 1) * (n - 1) / 2 if aligned else ((a + 1) * n + 1) / 2
        s = mirrored(s, n, aligned) if padding == "reflection" else s
        return s if padding == "zeros" else min(max(s, 1), n)

    (rows, columns), y = x.shape[2:], np.full((*x.shape[:2], *grid.shape[1:3]), sympy.Integer(0), object)
    for u, v in np.ndindex(*grid.shape[1:3]):
        t, s = read_at(grid[0, u, v, 0], columns), read_at(grid[0, u, v, 1], rows)
        for j, k in np.ndindex(rows, columns):
            y[0, :, u, v] += x[0, :, j, k] * max(0, 1 - abs(s - j - 1)) * max(0, 1 - abs(t - k - 1))
    return y


@pytest.mark.parametrize("padding", grid_sample.PADDINGS)
@pytest.mark.parametrize("aligned", [False, True])
def test_W14_grid_sampling(padding, aligned):
    """Places inside and outside of a map of 3×2; slopes are differences of exact numbers."""
    x, g = rational(rng(3).integers(-4, 5, (1, 2, 3, 2))), rational(rng(4).integers(-4, 5, (1, 2, 2, 2)))
    grid = rational([[[[-0.375, 0.625], [-1.25, 0.875]], [[1.375, -0.125], [0.4375, -1.4375]]]])

    def along(name, at):
        """A difference over a step that meets no line, of what is linear in each number: exact."""
        step, ends = sympy.Rational(1, 64), []
        for side in (step, -step):
            moved = {"x": x.copy(), "grid": grid.copy()}
            moved[name][at] += side
            ends.append((g * by_hats(moved["x"], moved["grid"], padding, aligned)).sum())
        return float((ends[0] - ends[1]) / (2 * step))

    asked = {"padding_mode": padding, "align_corners": aligned}
    floats = x.astype(float), grid.astype(float)
    assert np.array_equal(grid_sample.forward(*floats, **asked), by_hats(x, grid, padding, aligned).astype(float))
    for name, gradient in zip(("x", "grid"), grid_sample.backward(g.astype(float), *floats, **asked), strict=True):
        expected = np.reshape([along(name, at) for at in np.ndindex(gradient.shape)], gradient.shape)
        assert np.array_equal(gradient, expected)


def test_W14_a_place_on_a_line_has_two_slopes():
    """At the middle of three numbers: −6 before it and 8 behind it, times ds/da = 3/2; the reference has the one ahead."""
    x, grid, g = np.array([[[7.0, 1, 9]]]), np.array([[[0.0]]]), np.array([[[2.0]]])
    step = 2.0**-10
    here, ahead, behind = (grid_sample.forward(x, grid + move).item() for move in (0, step, -step))
    assert ((here - behind) / step, (ahead - here) / step) == (-9, 12)
    assert grid_sample.backward(g, x, grid)[1].item() == 2 * 12


@pytest.mark.parametrize("aligned", [False, True])
def test_W14_upsampling_is_sampling(aligned):
    """At places as far apart as its pixels are; what upsampling repeats at the ends, the border does."""
    x, n, k = rng(6).standard_normal((1, 1, 5)), 5, 3
    i = np.arange(n * k)
    grid = (2 * i / (n * k - 1) - 1 if aligned else (2 * i + 1) / (n * k) - 1).reshape(1, -1, 1)
    sampled = grid_sample.forward(x, grid, padding_mode="border", align_corners=aligned)
    assert np.abs(sampled - upsample.forward(x, scale=k, mode="linear", align_corners=aligned)).max() < 1e-14
