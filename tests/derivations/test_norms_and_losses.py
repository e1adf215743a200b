"""Norms and losses that came after the five documents: T12 and what follows in docs/derivations/layers-of-today.md."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from reference import batch_norm, batch_norm_inference, group_norm, instance_norm
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
