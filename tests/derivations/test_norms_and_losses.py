"""Norms and losses that came after the five documents: T12 and what follows in docs/derivations/layers-of-today.md."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy

from reference import (
    batch_norm,
    batch_norm_inference,
    bce_with_logits,
    cross_entropy,
    group_norm,
    hinge,
    huber,
    instance_norm,
    kl_div,
    log_softmax,
    smooth_l1,
    weighted_cross_entropy,
)
from tests.derivations._notation import equal


def rng(seed):
    return np.random.default_rng(seed)


def rational(floats):
    """The numbers that these are, exactly."""
    return [sympy.Rational(float(number)) for number in np.ravel(floats)]


def derivative(f, g, inputs, which, place):
    """∂(Σ g·f)/∂ of one number of one input, by sympy."""
    t = sympy.Symbol("t")
    moved = [np.array(a, object) for a in inputs]
    moved[which][place] = t
    return sympy.diff((g * f(*moved)).sum(), t).subs(t, inputs[which][place])


def test_T12_group_normalisation():
    """Two groups of two channels of two positions: numbers whose deviation is 4 and 8, so that nothing is rounded."""
    x = np.array([[[3, 1], [-3, -1], [7, 5], [-7, -5]]]) + np.array([4, 4, -2, -2])[None, :, None]
    gamma, beta, g = rng(20).integers(-9, 10, 4), rng(21).integers(-9, 10, 4), rng(22).integers(-9, 10, x.shape)
    eps = {0: 11, 1: 27}  # for each group by itself, of which the variances are 5 and 37

    def Y(x, gamma, beta, k):
        part = x[0, 2 * k : 2 * k + 2]
        mean = part.sum() / sympy.Integer(4)
        deviation = sympy.sqrt(((part - mean) ** 2).sum() / 4 + eps[k])
        return (part - mean) / deviation * gamma[2 * k : 2 * k + 2, None] + beta[2 * k : 2 * k + 2, None]

    for k in (0, 1):
        own = np.s_[2 * k : 2 * k + 2]
        inputs = [a.astype(object) for a in (x, gamma, beta)]
        floats = [a.astype(float) for a in (x, gamma, beta)]
        y = group_norm.forward(*floats, groups=2, eps=eps[k])
        assert equal(rational(y[0, own]), Y(*inputs, k).ravel())
        found = group_norm.backward(g, *floats, groups=2, eps=eps[k])
        for which, gradient in enumerate(found):
            for place in np.ndindex(gradient.shape):
                if place[which == 0] // 2 == k:
                    exact = derivative(lambda *a, k=k: Y(*a, k), g[0, own], inputs, which, place)
                    assert equal(rational(gradient[place]), [exact])


def test_T13_instance_normalisation():
    """One channel to a group; and a batch normalisation of each sample by itself, whose parameters' gradients add up."""
    x, g = rng(23).standard_normal((2, 2, 3, 4, 2))
    gamma, beta = rng(24).standard_normal((2, 3))
    found = instance_norm.backward(g, x, gamma, beta)
    for a, b in zip(found, group_norm.backward(g, x, gamma, beta, groups=3), strict=True):
        assert np.array_equal(a, b)
    each = [batch_norm.backward(g[n : n + 1], x[n : n + 1], gamma, beta) for n in range(2)]
    apart = [np.concatenate([one[0] for one in each]), *(sum(one[i] for one in each) for i in (1, 2))]
    normal = instance_norm.forward(x, None, None)
    s = 1 / np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)
    h = g - g.mean((2, 3), keepdims=True) - normal * (g * normal).mean((2, 3), keepdims=True)
    for a, b in (
        (found[0], apart[0]),
        (found[1], apart[1]),
        (found[2], apart[2]),
        (found[0], gamma[:, None, None] * s * h),
    ):
        # fewer than 32 roundings in either, each of less than 8 in size: a factor, and the sum of three terms that it has
        assert np.abs(a - b).max() <= 2 * 32 * 2.0**-53 * 8 * max(1, np.abs(gamma).max() * s.max())


@pytest.mark.parametrize("axes", [(), (3,), (2, 2)])
def test_T14_batch_normalisation_in_inference(axes):
    """Constants, so that x is a line: deviations of 2 and ½ leave nothing rounded."""
    x, g = (rng(seed).integers(-9, 10, (3, 2, *axes)).astype(float) for seed in (25, 26))
    mean, variance = np.array([3.0, -2]), np.array([3.75, 0])
    gamma, beta = np.array([4.0, -3]), np.array([1.0, 5])
    laid = [a.reshape(2, *(1,) * len(axes)) for a in (mean, np.array([0.5, 2]), gamma, beta)]
    normal = (x - laid[0]) * laid[1]
    inputs = (x, mean, variance, gamma, beta)
    assert np.array_equal(batch_norm_inference.forward(*inputs, eps=0.25), laid[2] * normal + laid[3])
    of_x, *none, of_gamma, of_beta = batch_norm_inference.backward(g, *inputs, eps=0.25)
    over = (0, *range(2, x.ndim))
    assert none == [None, None], "what was gathered is no input to learn"
    assert np.array_equal(of_x, laid[2] * laid[1] * g)
    assert np.array_equal(of_gamma, (g * normal).sum(over))
    assert np.array_equal(of_beta, g.sum(over))
    step = batch_norm_inference.forward(x + 2, *inputs[1:], eps=0.25) - batch_norm_inference.forward(*inputs, eps=0.25)
    assert np.array_equal(step, np.broadcast_to(2 * laid[2] * laid[1], x.shape)), (
        "a shift of x shifts y, unlike in training"
    )


MP = mpmath.MPContext()
MP.dps = 40
UNIT = 2.0**-53


def is_derivative(loss, found, *inputs, g=1.5, roundings=64):
    """Each of these gradients is that of the loss, a function of lists of numbers of forty digits, by differences there.

    A central difference with a step of 10^−12 is off by 10^−24 of a third derivative, and its own rounding by 10^−28.
    """
    step = MP.mpf(10) ** -12
    precise = [[MP.mpf(float(n)) for n in a.ravel()] for a in inputs]
    for which, gradient in enumerate(found):
        largest = max(1.0, np.abs(gradient).max())
        for i, slope in enumerate(gradient.ravel()):
            moved = [[list(a) for a in precise] for _ in range(2)]
            moved[0][which][i] += step
            moved[1][which][i] -= step
            exact = g * (loss(*moved[0]) - loss(*moved[1])) / (2 * step)
            assert abs(exact - slope) <= roundings * UNIT * largest


def test_T15_binary_cross_entropy_of_logits():
    """−q·t·log σ − (1 − t)·log(1 − σ), the textbook's, with q for each class; σ − t where there is none."""
    x, t, q = rng(27).standard_normal((2, 3)), np.array([[0, 1, 0.25], [1, 0.5, 0]]), np.array([2.0, 0.5, 3])

    def loss(x):
        sigma = [1 / (1 + MP.exp(-n)) for n in x]
        named = zip(sigma, t.ravel(), np.tile(q, 2), strict=True)
        return -sum(w * n * MP.log(s) + (1 - n) * MP.log(1 - s) for s, n, w in named) / 6

    assert abs(bce_with_logits.forward(x, t, q) - loss([MP.mpf(float(n)) for n in x.ravel()])) <= 16 * UNIT
    is_derivative(loss, bce_with_logits.backward(1.5, x, t, q)[:1], x)
    (plain, *_) = bce_with_logits.backward(1.5, x, t, reduction="sum")
    assert np.abs(plain - 1.5 * (1 / (1 + np.exp(-x)) - t)).max() <= 16 * UNIT


@pytest.mark.parametrize("smoothing", [0, 0.25])
def test_T16_cross_entropy_with_weights(smoothing):
    """As the first line says, a position ignored; the mean divides by the weights of the right classes."""
    x, w, t = rng(28).standard_normal((4, 3)), np.array([2.0, 0.5, 1]), np.array([0, 2, -1, 1])
    given = {"label_smoothing": smoothing, "ignore_index": -1}

    def loss(x):
        total = 0
        for n, right in enumerate(t):
            if right >= 0:
                row = x[3 * n : 3 * n + 3]
                for c, number in enumerate(row):
                    a = ((1 - smoothing) * (c == right) + MP.mpf(smoothing) / 3) * w[c]
                    total -= a * (number - MP.log(sum(map(MP.exp, row))))
        return total / (2 + 1 + 0.5)

    assert (
        abs(weighted_cross_entropy.forward(x, t, w, **given) - loss([MP.mpf(float(n)) for n in x.ravel()])) <= 16 * UNIT
    )
    is_derivative(loss, weighted_cross_entropy.backward(1.5, x, t, w, **given)[:1], x)
    plain, _, _ = weighted_cross_entropy.backward(1.5, x[:2], t[:2])
    assert np.abs(plain - cross_entropy.backward(1.5, x[:2], t[:2])[0]).max() <= 8 * UNIT


@pytest.mark.parametrize("delta", [0.5, 2])
def test_T17_the_huber_loss(delta):
    """A parabola and its tangents, on numbers of few bits; where they meet, value and slope are the same."""
    d = np.arange(-12, 13) / 4
    expected = [n * n / 2 if abs(n) <= delta else delta * (abs(n) - delta / 2) for n in d]
    each = [huber.forward(np.array([n]), np.zeros(1), delta=delta) for n in d]
    assert each == expected
    assert huber.forward(d, 0 * d, delta=delta, reduction="sum") == sum(expected)
    of_p, of_t = huber.backward(4.0, d, 0 * d, delta=delta, reduction="sum")
    slope = [n if abs(n) <= delta else delta * np.sign(n) for n in d]
    assert of_p.tolist() == [4 * n for n in slope]
    assert of_t.tolist() == [-4 * n for n in slope]


def test_T18_smooth_l1():
    """It is T17 over β, and far off its slope is 1."""
    p, t = rng(29).integers(-20, 21, (2, 30)) / 8
    for beta in (0.25, 1, 4):
        assert smooth_l1.forward(p, t, beta=beta) == huber.forward(p, t, delta=beta) / beta
        found, other = smooth_l1.backward(1.0, p, t, beta=beta, reduction="sum"), huber.backward(1.0, p, t, delta=beta)
        assert np.array_equal(found[0], -found[1])
        assert np.abs(found[0] - 30 * other[0] / beta).max() <= 4 * UNIT
        assert set(np.abs(found[0][np.abs(p - t) > beta]).tolist()) <= {1.0}


@pytest.mark.parametrize(("reduction", "many"), [("mean", 6), ("batchmean", 2), ("sum", 1)])
def test_T19_the_divergence(reduction, many):
    """Σ t·(log t − x) over what is divided by, and of logarithms; what reaches logits is p·Σt − t."""
    z, u = rng(30).standard_normal((2, 2, 3))
    x, t = log_softmax.forward(z), np.exp(u)

    def loss(x, t):
        return sum(b * (MP.log(b) - a) for a, b in zip(x, t, strict=True)) / many

    def of_logarithms(x, u):
        return loss(x, map(MP.exp, u))

    is_derivative(loss, kl_div.backward(1.5, x, t, reduction=reduction), x, t)
    of_x, of_u = kl_div.backward(1.5, x, u, log_target=True, reduction=reduction)
    is_derivative(of_logarithms, (of_x, of_u), x, u)
    (of_z,) = log_softmax.backward(of_x, z)
    expected = 1.5 / many * (np.exp(x) * t.sum(1, keepdims=True) - t)
    assert np.abs(of_z - expected).max() <= 64 * UNIT * np.abs(t).sum()


def test_T20_the_hinge_loss():
    """Whole numbers and four classes, so that nothing is rounded; a class that is lower by just m does not pull."""
    x, t, m = rng(31).integers(-4, 5, (8, 4)).astype(float), rng(32).integers(0, 4, 8), 2.0
    total, slope = 0.0, np.zeros((8, 4))
    for n, right in enumerate(t):
        for j in range(4):
            gap = m - x[n, right] + x[n, j]
            if j != right and gap > 0:
                total += gap
                slope[n, j] += 1
                slope[n, right] -= 1
    assert hinge.forward(x, t, margin=m) == total / 32
    assert np.array_equal(hinge.backward(64.0, x, t, margin=m)[0], 2 * slope)
    assert not slope.sum(1).any(), "a number added to all logits of a sample changes nothing"
