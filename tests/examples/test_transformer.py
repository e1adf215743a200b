"""examples.transformer: its gradients are torch.autograd's, and it takes the same steps. (It is trained by hand.)"""

from __future__ import annotations

import numpy as np
import pytest

from examples.transformer import EXAMPLE, digits
from reference import rms_norm, transformer
from tests.examples.networks import Compared, assert_same_steps


@pytest.fixture(scope="module")
def data():
    return digits()


@pytest.fixture
def compared(data):
    return Compared(EXAMPLE, data, transformer.parameters(3))


def test_the_layers_have_so_many_parameters():
    of = transformer.parameters(0)
    assert tuple(of) == transformer.NAMES
    d, f = transformer.WIDTH, transformer.INNER
    blocks = [d + 4 * d * d, d + 3 * d * f] * 2
    assert list(transformer.counts(of).values()) == [(17 + 64) * d, *blocks, d + 10 * (d + 1)]


def test_the_digits_are_shades_of_which_every_fifth_is_held_out(data):
    assert data.images.shape == (1437, 64)
    assert data.held_out_images.shape == (360, 64)
    assert set(np.unique(data.images)) == set(range(17))


def test_every_gradient_is_torchs_within_what_rounding_explains(compared):
    compared.assert_right()


def test_the_bound_sees_a_norm_whose_eps_is_a_tenth_larger(compared, monkeypatch):
    """A tenth of ε too much in the norm's backward: a millionth of what is divided by."""
    right = rms_norm.backward
    monkeypatch.setattr(rms_norm, "backward", lambda *inputs: right(*inputs, eps=1.1e-5))
    assert compared.apart() > 1000


def test_a_sum_that_forgets_what_it_was_given_is_caught(compared, monkeypatch):
    right = transformer.Think.backward

    def without(g, *inputs):
        of_x, *others = right(g, *inputs)
        return of_x - g, *others

    monkeypatch.setattr(transformer.Think, "backward", staticmethod(without))
    assert compared.apart() > 1e6


def test_reference_and_torch_take_the_same_steps_and_learn(data):
    assert_same_steps(EXAMPLE, data, transformer.parameters(1), within=1e-12)
