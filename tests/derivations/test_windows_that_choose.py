"""What windows pick and measure: results W12 and on of docs/derivations/windows-and-sequences.md."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, floor

import numpy as np
import pytest
import sympy

from reference import adaptive_max_pool, lp_pool
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
