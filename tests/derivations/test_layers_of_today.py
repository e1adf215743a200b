"""Layers that came after the five documents: each result of docs/derivations/layers-of-today.md."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from reference import layer_norm, leaky_relu, relu
from tests.derivations._notation import equal


def rng(seed):
    return np.random.default_rng(seed)


def rational(floats):
    """The numbers that these are, exactly."""
    return [sympy.Rational(float(number)) for number in np.ravel(floats)]


@pytest.mark.parametrize("slope", [0.25, 0, 1, 2, -0.5])
def test_T1_the_rectifier_that_leaks(slope):
    """y = max(x, 0) + α·min(x, 0); its slope is 1 right of 0 and α left of it, and at 0 the one on the left is taken.

    Lines, whole numbers and slopes of few digits: difference quotients are exact wherever they do not reach across 0.
    """
    x, g = np.arange(-12.0, 13), rng(1).integers(-9, 10, 25)

    def f(x):
        return leaky_relu.forward(x, negative_slope=slope)

    assert f(x).tolist() == [max(n, 0) + slope * min(n, 0) for n in x]
    left, right = f(x) - f(x - 1), f(x + 1) - f(x)
    assert np.array_equal(left != right, (x == 0) & (slope != 1)), "the only kink"
    (gradient,) = leaky_relu.backward(g, x, negative_slope=slope)
    assert np.array_equal(gradient, g * left)
    assert np.array_equal(gradient, g * ((x > 0) + slope * (x <= 0)))
    if slope == 0:
        assert np.array_equal(gradient, relu.backward(g, x)[0])
    if slope > 0:
        assert np.array_equal(leaky_relu.backward(g, f(x), negative_slope=slope)[0], gradient), "y tells as much as x"


def test_T2_layer_normalisation():
    """y_ri = γ_i·(x_ri − μ_r)/√(v_r + ε) + β_i, μ and v of a row; γ and β one for each column, the same in every row.

    Numbers whose deviation is a power of 2, √(3 + 1) and √(15 + 1), so that not a bit is rounded.
    """
    x = np.array([[3, 1, -3, -1, 1, -1, 1, -1], [7, 5, -5, -3, -1, 1, -3, -1]]) + np.array([[5], [2]])
    gamma, beta, g = rng(2).integers(-9, 10, 8), rng(3).integers(-9, 10, 8), rng(4).integers(-9, 10, (2, 8))

    def Y(x, gamma, beta):
        rows = []
        for row in x:
            mean = sum(row) / sympy.Integer(8)
            deviation = sympy.sqrt(sum((n - mean) ** 2 for n in row) / 8 + 1)
            rows.append([c * (n - mean) / deviation + b for n, c, b in zip(row, gamma, beta, strict=True)])
        return np.array(rows)

    inputs = [a.astype(object) for a in (x, gamma, beta)]
    floats = [a.astype(float) for a in (x, gamma, beta)]
    assert equal(rational(layer_norm.forward(*floats, eps=1)), Y(*inputs).ravel())
    t = sympy.Symbol("t")
    for which, found in enumerate(layer_norm.backward(g, *floats, eps=1)):
        expected = []
        for place in np.ndindex(found.shape):
            moved = [a.copy() for a in inputs]
            moved[which][place] = t
            expected.append(sympy.diff((g * Y(*moved)).sum(), t).subs(t, int(inputs[which][place])))
        assert equal(rational(found), expected)


def test_T2_over_several_axes():
    """The last axes together are one row, and all axes before them count rows; no γ is 1, no β is 0."""
    x, g = rng(5).integers(-9, 10, (2, 2, 3, 4, 2)).astype(float)
    gamma, beta = rng(6).integers(-9, 10, (2, 4, 2)).astype(float)
    together = layer_norm.backward(g.reshape(6, 8), x.reshape(6, 8), gamma.ravel(), beta.ravel())
    for apart, flat in zip(layer_norm.backward(g, x, gamma, beta), together, strict=True):
        assert np.array_equal(apart.ravel(), flat.ravel())
    bare, with_ones = (layer_norm.backward(g, x, c, beta)[0] for c in (None, np.ones((4, 2))))
    assert np.array_equal(bare, with_ones)
    of_x, *others = layer_norm.backward(g, x, None, None)
    assert others == [None, None]
    assert np.array_equal(of_x, layer_norm.backward(g, x, np.ones(2), np.zeros(2))[0]), "the last axis alone"
