"""Layers that came after the five documents: each result of docs/derivations/layers-of-today.md."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy

from reference import (
    elu,
    gelu,
    glu,
    hard_swish,
    layer_norm,
    leaky_relu,
    log_softmax,
    relu,
    rms_norm,
    sigmoid,
    silu,
    softmax,
    softplus,
    swiglu,
)
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


U = 2.0**-53  # what one rounding is off by, of its result
MP = mpmath.MPContext()
MP.dps = 40
X = np.linspace(-5, 5, 41)
G = rng(7).standard_normal(41)


def sigma(t):
    return 1 / (1 + MP.exp(-t))


def is_of(op, y, derivative, x=X, g=G, **parameters):
    """Element by element: y, and g times the derivative, which has to be that of y; to a few units of float64."""
    found, (of_x,) = op.forward(x, **parameters), op.backward(g, x, **parameters)
    for at, cotangent, value, gradient in zip(map(MP.mpf, x), g, found, of_x, strict=True):
        assert abs(derivative(at) - MP.diff(y, at)) < 1e-10, "the formula is the derivative of the formula"
        assert abs(value - y(at)) <= 8 * 2.0**-53 * (1 + abs(at))
        assert abs(gradient - MP.mpf(cotangent) * derivative(at)) <= 16 * 2.0**-53 * abs(cotangent) * (1 + abs(at))


def test_T3_gaussian_error_linear_unit():
    """y = x·Φ(x), Φ an integral of the density; ∂J/∂x = g·(Φ + x·φ)."""

    def density(t):
        return MP.exp(-t * t / 2) / MP.sqrt(2 * MP.pi)

    def below(t):
        return MP.mpf(1) / 2 + MP.quad(density, [0, t])

    is_of(gelu, lambda t: t * below(t), lambda t: below(t) + t * density(t), X[::5], G[::5])


def test_T3_the_tanh_is_another_function():
    """x·σ(2u), which is x/2·(1 + tanh u); it is off by up to 0.0005."""

    def u(t):
        return MP.sqrt(2 / MP.pi) * (t + MP.mpf("0.044715") * t**3)

    def derivative(t):
        s, inner = sigma(2 * u(t)), MP.sqrt(2 / MP.pi) * (1 + 3 * MP.mpf("0.044715") * t**2)
        return s + 2 * t * s * (1 - s) * inner

    is_of(gelu, lambda t: t / 2 * (1 + MP.tanh(u(t))), derivative, approximate="tanh")
    off = np.abs(gelu.forward(X, approximate="tanh") - gelu.forward(X)).max()
    assert 0.0004 < off < 0.0005


def test_T4_sigmoid_linear_unit():
    """y = xσ, ∂J/∂x = g·(σ + xσ(1 − σ))."""
    is_of(silu, lambda t: t * sigma(t), lambda t: sigma(t) + t * sigma(t) * (1 - sigma(t)))


@pytest.mark.parametrize("alpha", [1, 0.25, 2, -0.5])
def test_T5_exponential_linear_unit(alpha):
    """α(e^x − 1) below 0; at 0 the slopes α and 1 meet, and α is taken; below 0 the derivative is also y + α."""
    for side in (X[X < 0], X[X > 0]):
        above = bool(side[0] > 0)
        is_of(
            elu,
            lambda t, above=above: t if above else alpha * (MP.exp(t) - 1),
            lambda t, above=above: MP.mpf(1) if above else alpha * MP.exp(t),
            side,
            G[: len(side)],
            alpha=alpha,
        )
    below = X[X <= 0]
    (gradient,) = elu.backward(np.ones_like(below), below, alpha=alpha)
    assert gradient[-1] == alpha
    assert np.allclose(gradient, elu.forward(below, alpha=alpha) + alpha, rtol=0, atol=4 * 2.0**-53 * abs(alpha))


@pytest.mark.parametrize("beta", [1, 0.5, 3])
def test_T6_softplus(beta):
    """log(1 + e^{βx})/β, whose derivative is σ(βx); ln(2)/β at 0."""
    is_of(softplus, lambda t: MP.log(1 + MP.exp(beta * t)) / beta, lambda t: sigma(beta * t), beta=beta)
    assert softplus.forward(np.zeros(1), beta=beta)[0] == np.log(2) / beta


def test_T7_hard_swish():
    """0, a parabola and x; at the ends 0 and 3/2 are taken. On whole numbers, six times all of it is whole."""
    x = np.arange(-6.0, 7)
    six = [0 if n <= -3 else 6 * n if n > 3 else n * (n + 3) for n in x]
    slope = [0 if n <= -3 else 6 if n > 3 else 2 * n + 3 for n in x]
    assert np.round(6 * hard_swish.forward(x), 12).tolist() == six
    assert np.round(6 * hard_swish.backward(np.ones(13), x)[0], 12).tolist() == slope
    inner = X[(X > -3) & (X < 3)]
    is_of(hard_swish, lambda t: t * min(max(t + 3, 0), 6) / 6, lambda t: (2 * t + 3) / 6, inner, G[: len(inner)])


def test_T8_the_logarithm_of_softmax():
    """y = x − log Σ e^x, and g − p·Σ g, along any axis; it is softmax's gradient with g/p put for g.

    With numbers up to D apart in a row of C: x less the largest is off by D·u, a power of it by (D + 2)·u of itself,
    their sum by C·u more, its logarithm, at most log C, by that and 2·u of itself, and the difference, at most D + log C,
    by its u. p has both errors and that of its division, (2D + 4 + C)·u.
    """
    x, g = rng(8).standard_normal((2, 3, 4))
    D, C = np.ptp(x, 1, keepdims=True), x.shape[1]
    powers = [[MP.exp(MP.mpf(n)) for n in row] for row in x]
    p = np.array([[n / sum(row) for n in row] for row in powers])
    y = np.array([[MP.mpf(n) - MP.log(sum(powers[at])) for n in row] for at, row in enumerate(x)])
    assert np.all(abs(log_softmax.forward(x) - y) <= U * (3 * D + 2 + C + 3 * np.log(C)))
    size = abs(g).sum(1, keepdims=True)
    expected = g - p * g.sum(1, keepdims=True)
    (of_x,) = log_softmax.backward(g, x)
    # Σ g is off by (C − 1)·u of the sizes, its product and the difference round once each.
    assert np.all(abs(of_x - expected) <= U * ((2 * D + 2 * C + 5) * p * size + abs(expected)))
    # The same p is in g/p and in front, so that what it is off by shows in p·Σ g alone; of g/p the one of the largest p is
    # taken off first, and C products summed: C + 8 roundings of numbers up to 2 Σ|g|, and of g.
    others = softmax.backward(g / softmax.forward(x), x)[0]
    assert np.all(abs(others - expected) <= U * ((2 * D + 4 + C) * p * size + (C + 8) * (abs(g) + 2 * size)))
    assert np.array_equal(log_softmax.backward(g.T, x.T, axis=0)[0], of_x.T)


def test_T9_gated_linear_unit():
    """a·σ(b) of the halves; each half against g, in its place.

    A power, one added to it, a quotient: σ is off by 4·u at most (a power is by 2·u), and so two of them by 8·u, two
    products by 10·u. The slope σ' is the same computation in both, times two factors in another order: 4·u.
    """
    a, b, g = rng(9).standard_normal((3, 2, 5))
    x = np.concatenate((a, b), 1)
    assert np.allclose(glu.forward(x), a * sigmoid.forward(b), rtol=10 * U, atol=0)
    of_a, of_b = np.split(glu.backward(g, x)[0], 2, 1)
    assert np.allclose(of_a, g * sigmoid.forward(b), rtol=10 * U, atol=0)
    assert np.allclose(of_b, sigmoid.backward(g * a, b)[0], rtol=4 * U, atol=0)


def test_T10_the_gate_of_transformers():
    """x times T4 of the gate: the same slope, or the same σ, two factors in another order: two roundings on each side."""
    a, x, g = rng(10).standard_normal((3, 2, 5))
    assert np.allclose(swiglu.forward(a, x), x * silu.forward(a), rtol=4 * U, atol=0)
    of_a, of_x = swiglu.backward(g, a, x)
    assert np.allclose(of_a, silu.backward(g * x, a)[0], rtol=4 * U, atol=0)
    assert np.allclose(of_x, g * silu.forward(a), rtol=4 * U, atol=0)


def test_T11_normalisation_by_the_root_mean_square():
    """y_ri = γ_i·x_ri/√(mean x² + ε) of a row. Numbers whose root is 4 and 5, so that hardly a bit is rounded.

    The product with γ and the quotient round once, and so does what is exact where it becomes a float. In a gradient, terms
    are up to 72.
    """
    x, gamma = np.array([[1, 1, 1, 5], [4, -4, 4, -4]]), np.array([2, -1, 4, 8])
    g = rng(11).integers(-9, 10, (2, 4))

    def Y(x, gamma):
        return np.array(
            [[c * n / sympy.sqrt(sum(m**2 for m in row) / 4 + 9) for n, c in zip(row, gamma, strict=True)] for row in x]
        )

    inputs = [a.astype(object) for a in (x, gamma)]
    floats = [a.astype(float) for a in (x, gamma)]
    assert np.allclose(rms_norm.forward(*floats, eps=9), Y(*inputs).astype(float), rtol=4 * U, atol=0)
    t = sympy.Symbol("t")
    for which, found in enumerate(rms_norm.backward(g, *floats, eps=9)):
        for place in np.ndindex(found.shape):
            moved = [a.copy() for a in inputs]
            moved[which][place] = t
            exact = sympy.diff((g * Y(*moved)).sum(), t).subs(t, int(inputs[which][place]))
            assert abs(float(exact) - found[place]) <= 16 * 2.0**-53 * 72
