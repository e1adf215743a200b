"""reference.lenet: LeCun's architecture number by number, its gradients against torch.autograd, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from math import sqrt

import numpy as np
import pytest
import torch

from examples.lenet import loss_in_torch
from examples.training import flat
from reference import conv, euclidean_loss, lenet, sgd, subsample
from reference.network import backpropagation
from tests.reference.apart import Bend, apart

NAMES = lenet.NAMES
SLOPE = 1.7159 * 2 / 3
SCALED_TANH = Bend(slope=SLOPE, second=SLOPE * 2 / 3 * 4 / (3 * sqrt(3)))  # |tanh''| = 2|t|(1 − t²) is largest at 1/√3
TERMS = 2 * 28 * 28 + 2  # the longest sum for two images is over all places of C1: ∂C/∂weight and ∂C/∂bias


def some_images(count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 1, 32, 32)), rng.integers(0, 10, count)


def connected_to(column):
    return tuple(np.flatnonzero(lenet.TABLE[column]))


def test_C20_the_parameters_are_60000():
    of = lenet.parameters(0)
    assert list(of) == ["C1", "S2", "C3", "S4", "C5", "F6"]
    assert lenet.counts(of) == {"C1": 156, "S2": 12, "C3": 1516, "S4": 32, "C5": 48120, "F6": 10164}
    assert sum(lenet.counts(of).values()) == 60_000
    movable = {name: sum(np.count_nonzero(a) for a in arrays) for name, arrays in of.items()}
    assert movable == lenet.counts(of), "every parameter is drawn, and what is not connected is 0"


def test_C20_the_maps_have_LeCuns_sizes():
    x, sizes = some_images(2)[0], []
    for layer in lenet.layers(lenet.parameters(0)):
        x = layer.activated(layer.weighted(x))
        sizes.append(x.shape[1:])
    assert sizes == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120, 1, 1), (84,)]


def test_C20_the_table_is_LeCuns():
    """Six maps take three neighbours of S2, six take four, three take four that are not neighbours, one takes all."""

    def neighbours(first, count):
        return tuple(sorted((first + step) % 6 for step in range(count)))

    assert [connected_to(column) for column in range(6)] == [neighbours(first, 3) for first in range(6)]
    assert [connected_to(column) for column in range(6, 12)] == [neighbours(first, 4) for first in range(6)]
    # Two pairs of neighbours, opposite one another: there are three ways.
    assert [connected_to(column) for column in range(12, 15)] == [(0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)]
    assert connected_to(15) == (0, 1, 2, 3, 4, 5)
    assert lenet.TABLE.sum() == 60
    assert lenet.TABLE.sum(axis=0).tolist() == [10] * 6, "every map of S2 is used as often as any other"
    assert len({connected_to(column) for column in range(16)}) == 16


def test_the_codes_are_ten_bitmaps_of_7x12_that_no_noise_confuses():
    assert lenet.CODES.shape == (10, 7 * 12)
    assert set(lenet.CODES.ravel()) == {-1, 1}
    assert min((a != b).sum() for a, b in combinations(lenet.CODES, 2)) >= 7
    seven = lenet.CODES[7].reshape(12, 7)
    assert (seven[0] == 1).all(), "a code is a picture row by row: 7 has its bar on top"
    assert (seven[-1] == [-1, -1, 1, 1, -1, -1, -1]).all(), "and its foot at the bottom"


def test_the_activation_is_LeCuns():
    """f(±1) = ±1, as far as the four decimals of 1.7159 can say, and f' is torch's."""
    assert np.all(np.abs(lenet.ScaledTanh.forward(np.array([-1.0, 1.0])) - [-1, 1]) < 0.00005)
    x = np.linspace(-3, 3, 61)
    of_torch = torch.tensor(x, requires_grad=True)
    y = 1.7159 * torch.tanh(2 / 3 * of_torch)
    (right,) = torch.autograd.grad(y.sum(), of_torch)
    (found,) = lenet.ScaledTanh.backward(np.ones(61), x)
    assert np.all(np.abs(found - right.numpy()) <= 64 * 2.0**-53 * SLOPE)  # 16 ulp each, as in apart.py


def test_the_first_parameters_are_drawn_as_LeCun_did():
    """Uniform between ±2.4 / fan-in: for C3 each map has its own."""
    of = lenet.parameters(3)
    fan_in = {"C1": 25, "S2": 4, "S4": 4, "C5": 400, "F6": 120}
    for name, inputs in fan_in.items():
        for a in of[name]:
            assert np.abs(a).max() <= 2.4 / inputs
    for name in ("C5", "F6"):  # uniform: variance r²/3, within five standard errors r²·√(4/45/n) of a sample of n
        a, r = of[name][0], 2.4 / fan_in[name]
        assert abs((a**2).mean() - r**2 / 3) < 5 * r**2 * sqrt(4 / 45 / a.size)
    for map_, (weight, bias) in enumerate(zip(*of["C3"], strict=True)):
        r = 2.4 / (25 * len(connected_to(map_)))
        assert 0.9 * r < np.abs(weight).max() <= r
        assert abs(bias) <= r


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    images, labels = some_images(3)
    (of, again), other = (lenet.parameters(5) for _ in range(2)), lenet.parameters(6)
    assert all(a.tobytes() == b.tobytes() for name in NAMES for a, b in zip(of[name], again[name], strict=True))
    assert not any((a == b).all() for name in NAMES for a, b in zip(of[name], other[name], strict=True))
    first, second = (lenet.loss_and_gradients(p, images, labels) for p in (of, again))
    assert first[0] == second[0]
    assert all(a.tobytes() == b.tobytes() for n in NAMES for a, b in zip(first[1][n], second[1][n], strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_C20_every_gradient_is_autograds_within_rounding(seed):
    """The bound is derived in apart.py, and below a millionth of the largest gradient in each array."""
    images, labels = some_images(2, seed)
    of = lenet.parameters(seed)
    _, gradients = lenet.loss_and_gradients(of, images, labels)
    tensors = {name: tuple(torch.tensor(a, requires_grad=True) for a in arrays) for name, arrays in of.items()}
    loss_in_torch(tensors, images, labels).backward()
    bounds = apart(lenet.layers(of), SCALED_TANH, images, lenet.CODES[labels], terms=TERMS)
    for name, bound in zip(NAMES, bounds, strict=True):
        for ours, tensor, largest in zip(gradients[name], tensors[name], bound, strict=True):
            right = tensor.grad.numpy()
            assert ours.shape == right.shape
            assert np.all(np.abs(ours - right) <= largest), name
            assert largest.max() < 1e-6 * np.abs(right).max(), "the bound says something"


def test_what_is_not_connected_never_moves_and_never_matters():
    images, labels = some_images(2)
    of, velocities = lenet.parameters(1), None
    outside = np.broadcast_to(~lenet.TABLE[:, :, None, None], (16, 6, 5, 5))
    for _ in range(3):
        _, gradients = lenet.loss_and_gradients(of, images, labels)
        assert np.all(gradients["C3"][0][outside] == 0)
        assert np.all(gradients["C3"][0][~outside] != 0)
        weights, velocities = sgd.step(
            flat(of), flat(gradients), velocities, learning_rate=0.01, momentum=0.9, weight_decay=0.01
        )
        of = dict(zip(NAMES, zip(weights[::2], weights[1::2], strict=True), strict=True))
        assert np.all(of["C3"][0][outside] == 0)
    filled = {**of, "C3": (np.where(outside, 7.0, of["C3"][0]), of["C3"][1])}
    (loss, gradients), (as_before, others) = (lenet.loss_and_gradients(p, images, labels) for p in (of, filled))
    assert loss == as_before
    assert all(np.array_equal(a, b) for n in NAMES for a, b in zip(gradients[n], others[n], strict=True))


class SlopeOfTheOutput(lenet.ScaledTanh):
    """σ'(a) in place of σ'(z)."""

    @classmethod
    def backward(cls, g, x):
        return lenet.ScaledTanh.backward(g, cls.forward(x))


class NoCoefficient:
    """Subsampling whose β is forgotten on the way back."""

    forward = staticmethod(subsample.forward)

    @staticmethod
    def backward(g, x, coefficient, bias):
        grad_x, *others = subsample.backward(g, x, np.ones_like(coefficient), bias)
        return grad_x, *others


class NoTable(lenet.ConnectedConv):
    """Weights that are not connected learn all the same."""

    @staticmethod
    def backward(g, x, weight, bias, *, table):
        return conv.backward(g, x, weight * table[:, :, None, None], bias)


@pytest.mark.parametrize(
    ("place", "mistake"),
    [
        (1, {"activation": SlopeOfTheOutput}),
        (5, {"activation": SlopeOfTheOutput}),
        (1, {"op": NoCoefficient}),
        (3, {"op": NoCoefficient}),
        (2, {"op": NoTable}),
    ],
)
def test_a_mistake_is_outside_the_bound(place, mistake):
    images, labels = some_images(2)
    layers, codes = lenet.layers(lenet.parameters(1)), lenet.CODES[labels]
    wrong = [replace(layer, **mistake) if at == place else layer for at, layer in enumerate(layers)]
    _, right = backpropagation(layers, euclidean_loss, images, codes)
    _, found = backpropagation(wrong, euclidean_loss, images, codes)
    bounds = apart(layers, SCALED_TANH, images, codes, terms=TERMS)
    outside = [
        np.any(np.abs(a - b) > bound)
        for of_right, of_found, of_bound in zip(right, found, bounds, strict=True)
        for a, b, bound in zip(of_right, of_found, of_bound, strict=True)
    ]
    assert any(outside)


def test_classify_names_the_nearest_code():
    """F6 with no weights gives f(bias); at a code f(±1) = ±1, so that is the nearest, and so it is with a pixel wrong."""
    images, _ = some_images(1)
    of = lenet.parameters(0)
    for digit, code in enumerate(lenet.CODES):
        for bias in (code, np.where(np.arange(84) == 40, -code, code)):
            assert lenet.classify({**of, "F6": (np.zeros((84, 120)), bias)}, images).tolist() == [digit]


def test_the_loss_falls():
    """Ten steps of plain SGD on eight images: each lowers the loss."""
    images, labels = some_images(8)
    of, losses = lenet.parameters(0), []
    for _ in range(10):
        loss, gradients = lenet.loss_and_gradients(of, images, labels)
        losses.append(loss)
        of = {n: tuple(a - 0.01 * g for a, g in zip(of[n], gradients[n], strict=True)) for n in NAMES}
    assert all(after < before for before, after in pairwise(losses))
