"""examples.residual: its gradients are torch.autograd's, its norms take the moments of all digits, and it learns."""

from __future__ import annotations

import numpy as np
import pytest

from examples.residual import EXAMPLE, digits
from examples.training import batches, flat, like
from reference import batch_norm, batch_norm_inference, relu, residual
from reference.network import feedforward
from tests.examples.networks import CHANCE, FINER, Compared, assert_same_steps


@pytest.fixture(scope="module")
def data():
    return digits()


@pytest.fixture
def compared(data):
    return Compared(EXAMPLE, data, residual.parameters(3))


def test_the_layers_have_so_many_parameters():
    assert list(residual.counts(residual.parameters(0)).values()) == [176, 4672, 14528, 330]


def test_every_gradient_is_torchs_within_what_rounding_explains(compared):
    compared.assert_right()


def test_the_bound_sees_a_variance_of_one_less(compared, monkeypatch):
    """n − 1 for n in the backward of the norms, of which the last has 96 numbers to a channel."""
    right = batch_norm.backward

    def wrong(g, z, gamma, beta):
        m = z.size // z.shape[1]
        return right(g, z, gamma * np.sqrt((m - 1) / m), beta)

    monkeypatch.setattr(batch_norm, "backward", wrong)
    assert compared.apart() > 1e6


def test_a_block_that_forgets_what_goes_past_it_is_caught(compared, monkeypatch):
    right = residual.Block.backward

    def without(g, x, *arrays, stride=1):
        of_x, *others = right(g, x, *arrays, stride=stride)
        if len(arrays) == 6:
            of_x = of_x - relu.backward(g, residual.Block._inside(x, arrays, stride, batch_norm.forward)[2])[0]
        return of_x, *others

    monkeypatch.setattr(residual.Block, "backward", staticmethod(without))
    assert compared.apart() > 1e6


def test_reference_and_torch_take_the_same_steps_and_learn(data):
    assert_same_steps(EXAMPLE, data, residual.parameters(1), within=1e-12)


def test_by_the_moments_of_a_batch_each_digit_has_the_scores_that_it_has_in_the_batch(data):
    """And so has a digit alone, which by moments of its own would have others."""

    def scores(dtype):
        images = data.images[:40].astype(dtype)
        of = like(start, [a.astype(dtype) for a in flat(start)])
        known = residual.moments(of, images)
        together = feedforward(residual.layers(of), images)
        alone = np.concatenate([residual.scores(of, image[None], known) for image in images])
        return together, residual.scores(of, images, known), alone

    start = residual.parameters(5)
    single, double = scores(np.float32), scores(np.float64)
    for way in (1, 2):
        explained = CHANCE * FINER * np.abs(single[way] - double[0]).max()
        assert np.abs(double[way] - double[0]).max() <= explained
    own = feedforward(residual.layers(start), data.images[:1])
    assert np.abs(own - double[0][:1]).max() > 1000 * explained


def test_the_moments_come_in_the_order_of_the_norms(data, monkeypatch):
    """Each with as many channels as the norm that takes it, in the halving block those of the projection in their place."""
    taken = []
    right = batch_norm_inference.forward
    monkeypatch.setattr(
        batch_norm_inference, "forward", lambda z, m, v, *a: (taken.append((z.shape[1], len(m))), right(z, m, v, *a))[1]
    )
    of = residual.parameters(0)
    known = residual.moments(of, data.images[:5])
    residual.classify(of, data.images[:5], known)
    assert taken == [(16, 16)] * 3 + [(32, 32)] * 3
    assert len(known) == 6


def test_it_learns_the_digits(data):
    """One epoch, by hand: the README has eight."""
    before = EXAMPLE.right(residual.parameters(0), data)
    among = batches(data, size=32, epochs=1, seed=0)
    *_, (loss, at) = EXAMPLE.by_reference(residual.parameters(0), among, rate=0.05, momentum=0.9, decay=0.0005)
    assert loss < 1
    assert EXAMPLE.right(at, data) >= 0.8 * 360 > 2 * before
    assert all(np.isfinite(a).all() for a in flat(at))
