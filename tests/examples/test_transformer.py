"""examples.transformer: its gradients are torch.autograd's, and it takes the same steps. (It is trained by hand.)"""

from __future__ import annotations

import re
from itertools import islice

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from examples import transformer as example
from examples.lenet import batches, flat
from reference import rms_norm, transformer

# Rounding is the same in every precision, but for its unit: what float32 is off by, float64 is off by times 2⁻²⁹. Which way
# each falls is chance, so that the largest of an array may be a few times as large, and two ways may fall apart: 16.
FINER, CHANCE = 2.0**-29, 16


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1, "blas"):
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data():
    return example.digits()


def gradients(of, data, count=6):
    return transformer.loss_and_gradients(of, data.images[:count], data.labels[:count])


def of_torch(of, data, count=6):
    at = example.like(of, [torch.tensor(a, requires_grad=True) for a in flat(of)])
    loss = example.loss_in_torch(at, data.images[:count], data.labels[:count])
    return loss.item(), example.like(of, [g.numpy() for g in torch.autograd.grad(loss, flat(at))])


def apart(found, expected, rough):
    """How far apart, as a share of what rounding explains, of the array where it is most."""
    triples = zip(flat(found), flat(expected), flat(rough), strict=True)
    return max(np.abs(a - b).max() / (CHANCE * FINER * np.abs(c - b).max()) for a, b, c in triples)


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


def test_every_gradient_is_torchs_within_what_rounding_explains(data):
    of = transformer.parameters(3)
    loss, found = gradients(of, data)
    expected_loss, expected = of_torch(of, data)
    _, rough = gradients(example.like(of, [a.astype(np.float32) for a in flat(of)]), data)
    assert abs(loss - expected_loss) < 1e-14
    assert [a.shape for a in flat(found)] == [a.shape for a in flat(of)]
    assert apart(found, expected, rough) <= 1
    assert all(np.abs(a).max() > 1e-6 for a in flat(found)), "each of them says something"


def test_the_bound_sees_a_norm_whose_eps_is_a_tenth_larger(data, monkeypatch):
    """A tenth of ε too much in the norm's backward: a millionth of what is divided by."""
    of = transformer.parameters(3)
    _, expected = of_torch(of, data)
    _, rough = gradients(example.like(of, [a.astype(np.float32) for a in flat(of)]), data)
    right = rms_norm.backward
    monkeypatch.setattr(rms_norm, "backward", lambda *inputs: right(*inputs, eps=1.1e-5))
    assert apart(gradients(of, data)[1], expected, rough) > 1000


def test_a_sum_that_forgets_what_it_was_given_is_caught(data, monkeypatch):
    of = transformer.parameters(3)
    _, expected = of_torch(of, data)
    _, rough = gradients(example.like(of, [a.astype(np.float32) for a in flat(of)]), data)
    right = transformer.Think.backward

    def without(g, *inputs):
        of_x, *others = right(g, *inputs)
        return of_x - g, *others

    monkeypatch.setattr(transformer.Think, "backward", staticmethod(without))
    assert apart(gradients(of, data)[1], expected, rough) > 1e6


def test_reference_and_torch_take_the_same_steps_and_learn(data):
    """Three steps on one batch: rounding is all that sets them apart, and the loss falls."""
    one = [next(batches(data, size=16, epochs=1, seed=1))] * 3
    start = transformer.parameters(1)
    before = [a.copy() for a in flat(start)]
    ways = [way(start, islice(one, 3), rate=0.05, momentum=0.9, decay=0.001) for way in example.WAYS.values()]
    losses = []
    for (loss, ours), (other, torchs) in zip(*ways, strict=True):
        losses.append(loss)
        assert abs(loss - other) < 1e-12
        assert all(np.abs(a - b).max() < 1e-12 for a, b in zip(flat(ours), flat(torchs), strict=True))
    assert losses == sorted(losses, reverse=True)
    assert all(map(np.array_equal, flat(start), before)), "what was given stays as it was"


def test_it_trains_and_says_how_it_went(data, monkeypatch, capsys):
    few = example.Digits(data.images[:20], data.labels[:20], data.held_out_images[:10], data.held_out_labels[:10])
    monkeypatch.setattr(example, "digits", lambda: few)
    assert example.main(["--epochs", "1", "--batch", "10"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("transformer, 23562 parameters: words 2592 + mix 1 4128 + ")
    assert shown[1] == "1 epoch of 20 digits by reference: batch 10, rate 0.05, momentum 0.9, decay 0.0005, seed 0"
    assert shown[3].endswith(" %")
    assert example.main(["--rate", "1e308", "--epochs", "1", "--batch", "5"]) == example.DIVERGED
    assert re.search(r"the loss of batch \d is (nan|inf); a --rate below 1e\+308 may help", capsys.readouterr().err)


def test_a_bad_option_gets_one_sentence(capsys):
    with pytest.raises(SystemExit) as stopped:
        example.main(["--by", "torhc"])
    assert stopped.value.code == 2
    expected = "transformer: --by: 'torhc' given; expected reference or torch; did you mean torch?\n"
    assert capsys.readouterr() == ("", expected)
