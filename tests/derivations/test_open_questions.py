"""What the documents leave open or get wrong, settled; and where torch and the documents differ.

docs/open-questions.md tells both for readers of the documents.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import sympy
import torch

from reference import (
    avg_pool,
    batch_norm,
    conv,
    euclidean_loss,
    leaky_relu,
    local_response_norm,
    max_pool,
    relu,
    sgd,
    subsample,
)
from tests.derivations._notation import Tensor, equal, symbols, to


def rng(seed):
    return np.random.default_rng(seed)


def numbers(seed, *shape):
    """Whole numbers, none of them 0, as float64."""
    return rng(seed).choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], shape)


def rot180(k):
    return k[..., ::-1, ::-1]


def plane(op, a, k, padding="valid"):
    """a * k (op "*") or a ⋆ k (op "⋆") of two maps."""
    return conv.forward(a[None, None], k[None, None], padding=padding, flip=op == "*")[0, 0]


def test_open_1_the_bias_and_the_subscript_of_001():
    """∂E/∂b_j = Σ_{u,v} (δ_j)_{uv} is right, and so is the remark that B9 sums over all maps j above.

    Nothing of the derivation is used here: E = ½Σu² has degree 2 in each number, so that (E(+1) − E(−1)) / 2 is its
    derivative exactly; and ∂E/∂u = u.
    """
    x, k, b = numbers(1, 1, 2, 5, 5), numbers(2, 3, 2, 2, 2), numbers(3, 3)

    def E(x, b):
        return (conv.forward(x, k, b, flip=True) ** 2).sum() / 2

    def derivative(of, place):
        step = np.zeros_like((x, b)[of])
        step[place] = 1
        moved = [[x, b], [x, b]]
        moved[0][of], moved[1][of] = (x, b)[of] + step, (x, b)[of] - step
        return (E(*moved[0]) - E(*moved[1])) / 2

    delta = conv.forward(x, k, b, flip=True)
    of_x, _, of_b = conv.backward(delta, x, k, b, flip=True)
    for j in range(3):
        assert of_b[j] == delta[0, j].sum() == derivative(1, j)
    several = 0
    for i, r, c in product(range(2), range(5), range(5)):
        each = [plane("*", delta[0, j], rot180(k[j, i]), "full")[r, c] for j in range(3)]
        assert of_x[0, i, r, c] == sum(each) == derivative(0, (0, i, r, c))
        several += sum(each) not in each
    assert several, "one j alone is not enough"


def test_open_2_the_k_of_002_counts_columns():
    """V_{i,j,k}: i is the channel, j the row, k the column, where the document says "k is y axis (channel)"."""
    V, K = symbols("V", 2, 3, 5), symbols("K", 1, 2, 2, 4)
    Z = Tensor(conv.forward(V.array[None], K.array)[0])
    assert Z.shape == (1, 3 - 2 + 1, 5 - 4 + 1), "along k the columns, 5 of V and 4 of K, leave 2"
    for i, j, k in Z.indices():
        with_k_for_columns = sum(V[c, j - 1 + m, k - 1 + n] * K[i, c, m, n] for c, m, n in product(to(2), to(2), to(4)))
        assert equal(Z[i, j, k], with_k_for_columns)


def test_open_3_the_K_of_000_is_two_numbers():
    """Input (I, J, K), kernels (M, N, K) of which there are K', output (I−M+1, J−N+1, K'): its height is not K.

    W needs the input's depth and the number of kernels both, (K', K, M, N); the document's (M, N, K') leaves the first out.
    """
    rows, columns, M, N = 5, 6, 2, 3  # rows and columns are the document's I and J
    for depth, kernels in product(to(4), to(3)):
        W = np.ones((kernels, depth, M, N))
        Z = conv.forward(np.ones((1, depth, rows, columns)), W)
        assert Z.shape == (1, kernels, rows - M + 1, columns - N + 1), "the same height for every K"
        with pytest.raises(ValueError, match="channels"):
            conv.forward(np.ones((1, depth + 1, rows, columns)), W)


def test_open_4_both_conventions_side_by_side():
    """001 and 003 convolve, z = x * k; 002 correlates, z = x ⋆ k. With the same numbers rot180 stands elsewhere:

        forward     ∂x ('full')                        ∂k ('valid')
        z = x * k   δ * rot180(k)  =  δ ⋆ k            rot180(x * rot180(δ))  =  rot180(x ⋆ δ)
        z = x ⋆ k   δ * k          =  δ ⋆ rot180(k)    x * rot180(δ)          =  x ⋆ δ

    Each follows from the other with rot180(k) for k.
    """
    x, k, delta = (symbols(*of).array for of in (("x", 4, 4), ("k", 2, 2), ("δ", 3, 3)))
    rows = {
        "*": (
            [plane("*", delta, rot180(k), "full"), plane("⋆", delta, k, "full")],
            [rot180(plane("*", x, rot180(delta))), rot180(plane("⋆", x, delta))],
        ),
        "⋆": (
            [plane("*", delta, k, "full"), plane("⋆", delta, rot180(k), "full")],
            [plane("*", x, rot180(delta)), plane("⋆", x, delta)],
        ),
    }
    for op, (of_x, of_k) in rows.items():
        J = (delta * plane(op, x, k)).sum()
        for formula in of_x:
            assert equal(formula.ravel(), [sympy.diff(J, symbol) for symbol in x.flat])
        for formula in of_k:
            assert equal(formula.ravel(), [sympy.diff(J, symbol) for symbol in k.flat])
        found_x, found_k, _ = conv.backward(delta[None, None], x[None, None], k[None, None], flip=op == "*")
        assert equal(found_x[0, 0], of_x[0])
        assert equal(found_k[0, 0], of_k[0])
    assert equal(plane("*", x, k), plane("⋆", x, rot180(k)))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")  # it costs torch a copy
@pytest.mark.parametrize("N", to(6))
def test_open_5_same_for_even_kernels(N):
    """N−1 zeros cannot be halved if N is even: torch adds the odd one at the end, NumPy's `same` at the beginning."""
    x, k = numbers(5, 7), numbers(50, N)
    ours = conv.forward(x[None, None], k[None, None], padding="same")[0, 0]
    at_the_end, at_the_beginning = (
        np.correlate(np.pad(x, ends), k, "valid") for ends in (((N - 1) // 2, N // 2), (N // 2, (N - 1) // 2))
    )
    torchs = torch.nn.functional.conv1d(torch.tensor(x)[None, None], torch.tensor(k)[None, None], padding="same")
    assert np.array_equal(ours, at_the_end)
    assert np.array_equal(torchs.numpy()[0, 0], at_the_end)
    assert np.array_equal(np.correlate(x, k, "same"), at_the_beginning)
    assert np.array_equal(at_the_end, at_the_beginning) == (N % 2 == 1)


@pytest.mark.parametrize(("kernel", "stride"), [(2, 3), (3, 2), (1, 4), (2, 2)])
def test_open_6_what_the_stride_never_reaches_has_gradient_zero(kernel, stride):
    """No document says: rows that no window reaches, between windows or after the last, are in no sum: exactly 0."""
    size = 9 if kernel == stride else 10
    x, k = np.full((1, 1, size, size), 7.0), np.full((1, 1, kernel, kernel), 5.0)
    y = conv.forward(x, k, stride=stride)
    of_x = conv.backward(np.full_like(y, 3.0), x, k, stride=stride)[0][0, 0]
    reached = {(window * stride + offset) for window in range(y.shape[2]) for offset in range(kernel)}
    assert 0 < len(reached) < size
    for row, column in product(range(size), repeat=2):
        assert (of_x[row, column] != 0) == (row in reached and column in reached)
    pooled = max_pool.backward(y[:, :, :1, :1], x[:, :, :3, :3], kernel_size=2)[0][0, 0]
    assert not pooled[2].any()
    assert not pooled[:, 2].any(), "pooling and subsampling drop what does not fill a region"


def test_torch_convolves_without_turning_the_kernel():
    """torch.conv2d is the documents' ⋆; their * is torch.conv2d with the kernel turned."""
    x, k = numbers(10, 1, 2, 5, 6), numbers(11, 3, 2, 2, 3)
    torchs = torch.conv2d(torch.tensor(x), torch.tensor(k)).numpy()
    assert np.array_equal(conv.forward(x, k), torchs)
    assert np.array_equal(conv.forward(x, rot180(k), flip=True), torchs)
    assert not np.array_equal(conv.forward(x, k, flip=True), torchs)


def test_torch_can_pool_what_is_left_over():
    """The documents pool whole regions only; torch's ceil_mode adds a smaller one at the end (off by default)."""
    x = numbers(12, 1, 1, 5, 5)
    for ceil_mode, regions in ((False, 2), (True, 3)):
        for pool, torchs in ((max_pool, torch.nn.functional.max_pool2d), (avg_pool, torch.nn.functional.avg_pool2d)):
            y = pool.forward(x, kernel_size=2, ceil_mode=ceil_mode)
            assert y.shape == (1, 1, regions, regions)
            assert np.array_equal(y, torchs(torch.tensor(x), 2, ceil_mode=ceil_mode).numpy())


def test_torch_divides_alpha_by_the_size():
    """Local response normalisation: s = k + α/size · Σ x² in torch and here, s = k + α · Σ x² in Krizhevsky's paper."""
    x = np.sign(numbers(13, 1, 4, 2))
    ours = local_response_norm.forward(x, size=2, alpha=4.0, beta=1.0, k=0.0)
    torchs = torch.nn.functional.local_response_norm(torch.tensor(x), 2, alpha=4.0, beta=1.0, k=0.0).numpy()
    sums = np.array([1, 2, 2, 2])[:, None]  # of the squares of the channels c − 1 and c
    assert np.array_equal(ours, x / (4 / 2 * sums)), "and not x / (4 · sums)"
    assert np.array_equal(torchs, ours)


def test_torch_normalises_with_the_biased_variance():
    """Batch normalisation divides by m, not by m − 1, in training, as its paper does; 004 does not say."""
    x = np.array([[3.0], [1.0], [-3.0], [-1.0], [1.0], [-1.0], [1.0], [-1.0]])
    ours = batch_norm.forward(x, np.ones(1), np.zeros(1), eps=1)
    torchs = torch.nn.functional.batch_norm(torch.tensor(x), None, None, training=True, eps=1).numpy()
    assert np.array_equal(ours, x / 2), "the sum of the squares is 24: √(24/8 + 1) = 2, √(24/7 + 1) is not"
    assert np.array_equal(torchs, ours)


def test_torch_and_ties_and_kinks():
    """Where a maximum is reached twice the first gets all of δ, and ReLU's slope at 0 is 0: torch's choice, and ours.

    No document says. Any share between 0 and 1 would be a subgradient.
    """
    x = np.array([[[[1.0, 2.0], [2.0, 2.0]]]])
    tensor = torch.tensor(x, requires_grad=True)
    torch.nn.functional.max_pool2d(tensor, 2).sum().backward()
    (ours,) = max_pool.backward(np.ones((1, 1, 1, 1)), x)
    assert np.array_equal(ours, [[[[0.0, 1.0], [0.0, 0.0]]]])
    assert np.array_equal(tensor.grad.numpy(), ours)
    tensor = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    tensor.relu().sum().backward()
    assert relu.backward(np.ones(1), np.zeros(1))[0].item() == tensor.grad.item() == 0
    tensor = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.leaky_relu(tensor, 0.25).sum().backward()
    assert leaky_relu.backward(np.ones(1), np.zeros(1), negative_slope=0.25)[0].item() == tensor.grad.item() == 0.25


def test_torch_has_no_subsampling_layer():
    """001's layer sums, scales and shifts, β and b being trained; torch's average pooling is β = 1/4, b = 0, fixed."""
    x, beta, b = numbers(14, 1, 2, 4, 6), np.array([2.0, 0.5]), np.array([1.0, -3.0])
    torchs = torch.nn.functional.avg_pool2d(torch.tensor(x), 2).numpy()
    of_maps = (slice(None), None, None)
    assert np.array_equal(subsample.forward(x, beta, b), 4 * beta[of_maps] * torchs + b[of_maps])
    assert np.array_equal(subsample.forward(x, np.full(2, 0.25), np.zeros(2)), torchs)
    _, of_beta, of_b = subsample.backward(np.ones((1, 2, 2, 3)), x, beta, b)
    assert np.array_equal(of_beta, x.sum(axis=(0, 2, 3)))
    assert np.array_equal(of_b, [6.0, 6.0])


def test_torch_averages_the_loss_over_elements():
    """The Euclidean loss is Σ‖y−t‖²/2N, N samples; torch's mse_loss has no ½ and divides by all elements, N times n."""
    y, t = numbers(15, 4, 8), numbers(16, 4, 8)
    torchs = torch.nn.functional.mse_loss(torch.tensor(y), torch.tensor(t)).item()
    assert euclidean_loss.forward(y, t) == torchs * 8 / 2
    assert euclidean_loss.forward(y, t, reduction="sum") == torchs * 32 / 2


def test_torch_decays_weights_as_004_does():
    """torch.optim.SGD takes the same step, w ← w − α(∇ + λw); momentum, of which 004 says nothing, comes after decay."""
    w, nabla = numbers(17, 5), numbers(18, 5)
    tensor = torch.tensor(w, requires_grad=True)
    optimiser = torch.optim.SGD([tensor], lr=0.25, weight_decay=0.5, momentum=0.5)
    of, velocities = [w], None
    for _ in range(3):
        tensor.grad = torch.tensor(nabla)
        optimiser.step()
        of, velocities = sgd.step(of, [nabla], velocities, learning_rate=0.25, weight_decay=0.5, momentum=0.5)
        assert np.array_equal(of[0], tensor.detach().numpy())
    (first,), _ = sgd.step([w], [nabla], learning_rate=0.25, weight_decay=0.5, momentum=0.5)
    assert np.array_equal(first, w - 0.25 * (nabla + 0.5 * w))
