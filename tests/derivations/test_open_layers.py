"""What papers and libraries leave open of the layers of today, settled (docs/open-questions.md, from 7 on)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from reference import (
    attention,
    batch_norm,
    batch_norm_inference,
    embedding,
    gelu,
    kl_div,
    layer_norm,
    log_softmax,
    softplus,
    upsample,
    weighted_cross_entropy,
)


def rng(seed):
    return np.random.default_rng(seed)


def test_open_7_the_variance_of_a_layer_norm_is_biased():
    """Divided by n, as in the paper and in torch's layer_norm; torch's own std divides by n − 1."""
    x = np.array([[3.0, 1.0, -3.0, -1.0, 1.0, -1.0, 1.0, -1.0]])
    ours = layer_norm.forward(x, None, None, eps=1)
    torchs = torch.nn.functional.layer_norm(torch.tensor(x), (8,), eps=1).numpy()
    assert np.array_equal(ours, x / 2), "the sum of the squares is 24: √(24/8 + 1) = 2, √(24/7 + 1) is not"
    assert np.array_equal(torchs, ours)
    assert torch.tensor(x).std().item() ** 2 == pytest.approx(24 / 7)


def test_open_8_eps_is_inside_the_root():
    """√(3 + 1) = 2, and not √3 + 1; of a constant row, whose variance is 0, the gradient is h/√ε, and not h/ε."""
    x = np.array([[3.0, 1.0, -3.0, -1.0, 1.0, -1.0, 1.0, -1.0]])
    assert np.array_equal(layer_norm.forward(x, None, None, eps=1), x / 2)
    constant, h = np.full((1, 4), 7.0), np.array([[1.0, -1.0, 3.0, -3.0]])
    ours, _, _ = layer_norm.backward(h, constant, None, None, eps=1 / 16)
    assert np.array_equal(ours, 4 * h), "and not 16 · h"
    tensor = torch.tensor(constant, requires_grad=True)
    (torch.nn.functional.layer_norm(tensor, (4,), eps=1 / 16) * torch.tensor(h)).sum().backward()
    assert np.array_equal(tensor.grad.numpy(), ours)


def test_open_9_two_functions_are_called_gelu():
    """They differ by 0.0005 at most, which is more than any rounding; torch has both, and its default is x·Φ."""
    x = np.linspace(-6, 6, 1201)
    exact, by_tanh = gelu.forward(x), gelu.forward(x, approximate="tanh")
    assert 4e-4 < np.abs(exact - by_tanh).max() < 5e-4
    torchs = torch.nn.functional.gelu
    assert np.abs(torchs(torch.tensor(x)).numpy() - exact).max() < 1e-14
    assert np.abs(torchs(torch.tensor(x), approximate="tanh").numpy() - by_tanh).max() < 1e-14


def test_open_10_softplus_needs_no_threshold():
    """At 20.5 torch's is x, and e^−20.5 is missing; with the threshold at 40 it is ours."""
    x, missing = np.array([20.5, -20.5]), np.exp(-20.5)
    ours = softplus.forward(x)
    assert ours[0] - x[0] == pytest.approx(missing, rel=1e-5)
    assert torch.nn.functional.softplus(torch.tensor(x)).numpy()[0] == x[0]
    assert np.array_equal(torch.nn.functional.softplus(torch.tensor(x), threshold=40).numpy(), ours)
    assert 1 - softplus.backward(np.ones(2), x)[0][0] == pytest.approx(missing, rel=1e-5)
    assert softplus.forward(np.array([1e4, -1e4])).tolist() == [1e4, 0]


def test_open_11_the_running_variance_is_unbiased():
    """After one batch with a momentum of 1, torch's running_var is m/(m − 1) of what it divided by."""
    x, ones = rng(20).standard_normal((5, 2, 3)), np.ones(2)
    gathered = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    torch.nn.functional.batch_norm(torch.tensor(x), *gathered, training=True, momentum=1.0)
    mean, variance = (a.numpy() for a in gathered)
    assert np.allclose(variance, x.var((0, 2)) * 15 / 14, rtol=1e-14, atol=0)
    biased = batch_norm_inference.forward(x, mean, x.var((0, 2)), ones, 0 * ones)
    assert np.abs(biased - batch_norm.forward(x, ones, 0 * ones)).max() < 1e-14, "what the batch was divided by"
    assert np.abs(batch_norm_inference.forward(x, mean, variance, ones, 0 * ones) - biased).max() > 0.01


def test_open_12_what_the_mean_of_a_loss_divides_by():
    """Elements, samples, or the weights of the right classes."""
    x, t = log_softmax.forward(rng(21).standard_normal((4, 3))), np.full((4, 3), 1 / 3)
    total = kl_div.forward(x, t, reduction="sum")
    assert kl_div.forward(x, t) == total / 12
    assert kl_div.forward(x, t, reduction="batchmean") == total / 4
    right, w = np.array([0, 0, 1, 2]), np.array([1.0, 2, 4])
    mean = weighted_cross_entropy.forward(x, right, w)
    assert mean == pytest.approx(weighted_cross_entropy.forward(x, right, w, reduction="sum") / 8, rel=1e-15)
    assert mean == weighted_cross_entropy.forward(x, right, 2 * w)
    halves = [weighted_cross_entropy.forward(x[h], right[h], w) for h in (slice(0, 2), slice(2, 4))]
    assert abs(mean - sum(halves) / 2) > 0.01


def test_open_13_smoothing_counts_the_right_class():
    """s/C for all: what others call s is s·C/(C − 1) here; torch multiplies each share by its own class's weight."""
    x, t, w = rng(22).standard_normal((1, 3)), np.array([0]), np.array([1.0, 2, 4])
    logarithms = log_softmax.forward(x)[0]
    others = -(0.75 * logarithms[0] + 0.125 * (logarithms[1] + logarithms[2]))
    assert weighted_cross_entropy.forward(x, t, label_smoothing=0.375) == pytest.approx(others, rel=1e-15)
    shares = np.array([0.75, 0.125, 0.125]) * w
    torchs = torch.nn.functional.cross_entropy(
        torch.tensor(x), torch.tensor(t), torch.tensor(w), label_smoothing=0.375, reduction="sum"
    )
    ours = weighted_cross_entropy.forward(x, t, w, label_smoothing=0.375, reduction="sum")
    assert ours == pytest.approx(torchs.item(), rel=1e-15)
    assert ours == pytest.approx(-(shares * logarithms).sum(), rel=1e-15)


def attended(q, k, v, how):
    """Y, the gradients of Σ y and the scores' mask, by torch, of three queries of which the second sees no key."""
    seen = torch.tensor([[True] * 3, [False] * 3, [True] * 3])
    tensors = [torch.tensor(a, requires_grad=True) for a in (q, k, v)]
    y = how(*tensors, seen)
    return y.detach().numpy(), [g.numpy() for g in torch.autograd.grad(y.sum(), tensors)], seen.numpy()


def test_open_14_a_query_that_sees_no_key_gets_nothing():
    """0 and no gradient, as in torch's own; NaN where softmax is written out; a mean of all where −∞ is a finite number.

    Of that mean torch's default kernel has another gradient than the one that it has by the formula: three times as large.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    attend = torch.nn.functional.scaled_dot_product_attention
    least = torch.finfo(torch.float64).min
    q, k, v = rng(23).standard_normal((3, 1, 1, 3, 4))

    def written_out(q, k, v, seen):
        scores = (q @ k.transpose(-1, -2) / 2).masked_fill(~seen, -np.inf)
        return scores.softmax(-1) @ v

    def finite(q, k, v, seen):
        return attend(q, k, v, torch.zeros(3, 3, dtype=q.dtype).masked_fill(~seen, least))

    def finite_by_formula(*inputs):
        with sdpa_kernel(SDPBackend.MATH):
            return finite(*inputs)

    # A score sums 4 products and is off by 5·u of their sizes s, so a weight by (10·s + 8)·u of itself; what comes back to
    # a score is off by as much of g·v, of which there are two, and a gradient sums three of these against q or k.
    s, largest = (np.abs(q) @ np.abs(k).swapaxes(2, 3) / 2).max(), max(np.abs(a).max() for a in (q, k, v))
    rounded = 2.0**-53 * 3 * (10 * s + 16) * 2 * (4 * largest) * max(1, largest)

    y, gradients, seen = attended(q, k, v, attend)
    ours = attention.backward(np.ones_like(y), q, k, v, seen)
    assert not attention.forward(q, k, v, seen)[0, 0, 1].any()
    assert not y[0, 0, 1].any()
    for a, b in zip(ours, gradients, strict=False):
        assert np.abs(a - b).max() <= rounded
    assert not ours[0][0, 0, 1].any()

    y, gradients, _ = attended(q, k, v, written_out)
    assert np.isnan(y[0, 0, 1]).all()
    assert np.isnan(gradients[2]).all(), "each value, though two queries see it"

    y, by_default, _ = attended(q, k, v, finite)
    assert np.abs(y[0, 0, 1] - v[0, 0].mean(0)).max() <= rounded
    _, by_formula, _ = attended(q, k, v, finite_by_formula)
    assert np.abs(by_formula[2] - (ours[2] + 1 / 3)).max() <= rounded
    assert np.abs(by_default[2] - (ours[2] + 1)).max() <= rounded, "weights of 1"


def test_open_15_duplicates_add_and_padding_gets_nothing():
    """Row 1 is asked for twice, row 0 is padding; what assigns keeps one, and torch's frequency is no derivative."""
    index, weight, g = (
        np.array([1, 0, 1, 3, 0]),
        rng(24).integers(-9, 10, (4, 2)).astype(float),
        np.arange(1.0, 6)[:, None] * np.ones((1, 2)),
    )

    def torchs(**options):
        table = torch.tensor(weight, requires_grad=True)
        rows = torch.nn.functional.embedding(torch.tensor(index), table, **options)
        (rows * torch.tensor(g)).sum().backward()
        return rows.detach().numpy(), table.grad.numpy()[:, 0].tolist()

    rows, padded = torchs(padding_idx=0)
    assert np.array_equal(embedding.forward(index, weight, padding_index=0), rows), "row 0 as it is"
    assert embedding.backward(g, index, weight, padding_index=0)[1][:, 0].tolist() == padded == [0, 4, 0, 4]
    assert embedding.backward(g, index, weight)[1][:, 0].tolist() == torchs()[1] == [7, 4, 0, 4]
    assert torchs(padding_idx=-4)[1] == padded, "counted from the end, it is the same row"
    assigned = np.zeros_like(weight)
    assigned[index] += g
    assert assigned[:, 0].tolist() == [5, 3, 0, 4]
    assert torchs(padding_idx=0, scale_grad_by_freq=True)[1] == [0, 2, 0, 4]
    table = torch.tensor(weight, requires_grad=True)
    bag = torch.nn.functional.embedding_bag(torch.tensor(index)[None], table, mode="mean", padding_idx=0)
    assert torch.allclose(bag[0], table[[1, 1, 3]].mean(0), rtol=2.0**-52, atol=0), "of whole numbers, divided by 3"


def test_open_16_two_places_for_a_pixel():
    """Centres or edges stay where they are; torch has both, and its nearest pixel is the one without the half."""
    x, up = np.array([[[0.0, 8, 4]]]), torch.nn.functional.interpolate
    centres = upsample.forward(x, mode="linear", align_corners=True)
    edges = upsample.forward(x, mode="linear")
    assert np.array_equal(edges, [[[0, 2, 6, 7, 5, 4]]])
    assert np.allclose(centres, [[[0, 3.2, 6.4, 7.2, 5.6, 4]]], rtol=1e-15, atol=0)
    for aligned, ours in ((True, centres), (False, edges)):
        torchs = up(torch.tensor(x), scale_factor=2, mode="linear", align_corners=aligned).numpy()
        assert np.allclose(torchs, ours, rtol=1e-15, atol=0)
    assert np.array_equal(up(torch.tensor(x), scale_factor=2).numpy(), upsample.forward(x))
    assert np.array_equal(up(torch.tensor(x), 5).numpy(), [[[0, 0, 8, 8, 4]]])
    assert np.array_equal(up(torch.tensor(x), 5, mode="nearest-exact").numpy(), [[[0, 0, 8, 4, 4]]])
