"""000, "CNN Stochastic Gradient Descent": every result of the document, in its letters.

X is the input, I×J with K channels; W one of K' kernels, M×N with K channels; Z the output; b the bias; L the loss. The
document puts channels last, (I, J, K); here they come first. Its `*` in a layer is cross-correlation, as it says.
"""

# ruff: noqa: E741 (I is the document's letter)

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import sympy
import torch

from reference import avg_pool, conv, euclidean_loss, lenet, relu, sgd, sigmoid
from reference.network import Layer, backpropagation, feedforward
from tests.derivations._notation import (
    IN_SIGMOID_SLOPE,
    AnyActivation,
    Tensor,
    equal,
    sigmoid_slope,
    symbols,
    to,
    within,
)


@pytest.fixture
def one_thread():
    """Torch on one thread: its arrays are tiny here, and threads that wait for one another are slow on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def layer(I=3, J=4, M=2, N=2, channels=2, kernels=2):
    """X, W, b of a layer, and G = ∂L/∂Z."""
    return (
        symbols("X", channels, I, J),
        symbols("W", kernels, channels, M, N),
        symbols("b", kernels),
        symbols("G", kernels, I - M + 1, J - N + 1),
    )


def rot180(kernel):
    """Turned by 180°, index by index from (1,1): new[i][j] = old[M+1−i][N+1−j]."""
    old = Tensor(kernel)
    M, N = old.shape
    return np.array([[old[M + 1 - i, N + 1 - j] for j in to(N)] for i in to(M)])


def full(f, g, *, flip):
    return conv.forward(f[None, None], g[None, None], padding="full", flip=flip)[0, 0]


def test_S1_convolution_commutes_and_cross_correlation_does_not():
    """f * g = g * f: i+j = n whichever of the two is called i. f ⋆ g = rot180(g ⋆ f): j−i = n is i−j = −n."""
    f, g = symbols("f", 3, 4).array, symbols("g", 2, 3).array
    assert equal(full(f, g, flip=True), full(g, f, flip=True))
    assert equal(full(f, g, flip=False), rot180(full(g, f, flip=False)))
    assert not equal(full(f, g, flip=False), full(g, f, flip=False))
    # And f * g is what its name says: (f * g)[n, m] = Σ_{i,j} f[i, j]·g[n+1−i, m+1−j].
    f, g, convolution = Tensor(f), Tensor(g), Tensor(full(f, g, flip=True))
    for n, m in convolution.indices():
        assert equal(convolution[n, m], sum(f[i, j] * g.get((n + 1 - i, m + 1 - j)) for i, j in f.indices()))


@pytest.mark.parametrize("S", to(4))
def test_S2_output_size(S):
    """⌊(I + 2P − M)/S⌋ + 1 for each axis: kernels start at 1, 1+S, 1+2S, … while their last element is within I + 2P."""
    for I, P, M in product(to(7), range(3), to(4)):
        J, N = I + 2, M + 1  # the other axis has its own numbers
        if M > I + 2 * P or N > J + 2 * P:
            continue
        Z = conv.forward(np.zeros((1, 1, I, J)), np.zeros((1, 1, M, N)), stride=S, padding=P)
        rows, columns = (
            len([start for start in to(size + 2 * P) if (start - 1) % S == 0 and start + kernel - 1 <= size + 2 * P])
            for size, kernel in ((I, M), (J, N))
        )
        assert Z.shape == (1, 1, rows, columns)
        assert Z.shape[2:] == ((I + 2 * P - M) // S + 1, (J + 2 * P - N) // S + 1)


def test_S3_derivatives_of_one_layer():
    """∂Z/∂W, ∂Z/∂X, ∂Z/∂b, and with them ∂L/∂W = X ⋆ G, ∂L/∂X = G ⋆ rot180(W) ('full'), ∂L/∂b = ΣG.

    Z[p,q] = Σ_{m,n} X[p+m−1, q+n−1]·W[m,n] + b: ∂Z[p,q]/∂W[m,n] = X[p+m−1, q+n−1], ∂Z[p,q]/∂X[i,j] = W[i−p+1, j−q+1]
    where there is such a W, ∂Z[p,q]/∂b = 1. In the second the index of W falls as that of G rises: hence the rotation.
    """
    X, W, b, G = layer()
    Z = Tensor(conv.forward(X.array[None], W.array, b.array)[0])
    dX, dW, db = conv.backward(G.array[None], X.array[None], W.array, b.array)
    for k, p, q in Z.indices():
        for o, c, m, n in W.indices():
            assert sympy.diff(Z[k, p, q], W[o, c, m, n]) == (X[c, p + m - 1, q + n - 1] if o == k else 0)
        for c, i, j in X.indices():
            weight = (k, c, i - p + 1, j - q + 1)
            assert sympy.diff(Z[k, p, q], X[c, i, j]) == W.get(weight)
    for gradient, of in ((dW, W), (dX[0], X), (db, b)):
        by_the_chain_rule = [
            sum(G[place] * sympy.diff(Z[place], symbol) for place in Z.indices()) for symbol in of.array.flat
        ]
        assert equal(gradient.ravel(), by_the_chain_rule)
    for k, c in product(range(2), repeat=2):
        matrix_form = conv.forward(X.array[None, [c]], G.array[None, [k]])[0, 0]
        assert equal(dW[k, c], matrix_form)
    for c in range(2):
        assert equal(dX[0, c], sum(full(G.array[k], rot180(W.array[k, c]), flip=False) for k in range(2)))
    assert equal(db, G.array.sum(axis=(1, 2)))


def test_S4_rotation_from_index_1():
    """new[i][j] = old[M+1−i][N+1−j]: from index 1 the sum of both is M+1; so the last element becomes the first, new[1]."""
    X, old = symbols("X", 4, 5), symbols("W", 2, 3)
    new = np.empty((2, 3), object)
    for i, j in old.indices():
        new[i - 1, j - 1] = old[2 + 1 - i, 3 + 1 - j]
    assert new[0, 0] == old[2, 3]
    assert new[1, 0] == old[1, 3]
    turned = conv.forward(X.array[None, None], old.array[None, None], flip=True)
    assert equal(turned, conv.forward(X.array[None, None], new[None, None])), "the rotation that conv makes for `flip`"


def test_S5_derivatives_of_a_layer_with_its_activation():
    """∂L/∂Z = ∂L/∂a ∘ σ'(Z); then ∂L/∂W = X ⋆ ∂L/∂Z, ∂L/∂b = Σ ∂L/∂Z, ∂L/∂X = ∂L/∂Z ⋆ rot180(W) ('full').

    The activation works element by element, so its derivative is a factor at each place; the rest is S3.
    """
    rng = np.random.default_rng(5)
    X, W, b, of_a = (rng.integers(1, 6, shape) for shape in ((2, 3, 4), (2, 2, 2, 2), (2,), (2, 2, 3)))
    W -= 3  # or else all Z would be large
    Z = conv.forward(X[None], W, b)
    (of_Z,) = sigmoid.backward(of_a[None], Z)
    of_X, of_W, of_b = conv.backward(of_Z, X[None], W, b)
    expected = of_a * sigmoid_slope(Z[0])
    assert within(of_Z[0], expected, IN_SIGMOID_SLOPE)
    assert within(of_b, expected.sum(axis=(1, 2)), IN_SIGMOID_SLOPE + 2 * 6)  # both sides are sums of six terms
    for k, c in product(range(2), repeat=2):
        correlation = sum(expected[k, p, q] * X[c, p : p + 2, q : q + 2] for p in range(2) for q in range(3))
        assert within(of_W[k, c], correlation, IN_SIGMOID_SLOPE + 2 * 6)
    for c in range(2):
        correlation, terms = (
            sum(full(expected[k], rot180(w[k, c]), flip=False) for k in range(2)) for w in (W, abs(W))
        )
        assert within(of_X[0, c], correlation, IN_SIGMOID_SLOPE + 2 * 8, terms)
    # For any L at all, Σ a·∂L/∂a with the second factor held has the derivatives of L; now with symbols and any σ.
    X, W, b, of_a = layer(channels=1)
    L = Layer(conv, (W.array, b.array), activation=AnyActivation)
    Z = L.weighted(X.array[None])
    of_X, of_W, of_b = L.gradients(L.error(of_a.array[None], Z), X.array[None])
    change = (of_a.array * L.activated(Z)[0]).sum()
    for gradient, of in ((of_W, W), (of_X[0], X), (of_b, b)):
        assert equal(gradient.ravel(), [sympy.diff(change, symbol) for symbol in of.array.flat])


def images_of_bars():
    """16 images of 8x8 with one bar, level or upright, and the two numbers to tell: 1, −1 or −1, 1."""
    x = np.zeros((16, 1, 8, 8))
    for line in range(8):
        x[line, 0, line, :] = x[8 + line, 0, :, line] = 1
    return x, np.repeat([[1.0, -1.0], [-1.0, 1.0]], 8, axis=0)


def network(of):
    """X → conv 3x3, ReLU → 2x2 means → conv 2x2, ReLU → fully connected."""
    return [
        Layer(conv, of[0:2], activation=relu),
        Layer(avg_pool),
        Layer(conv, of[2:4], activation=relu),
        Layer(lenet.FullyConnected, of[4:6]),
    ]


def by_autograd(of, x, target):
    """L and its gradients, of the same network written in torch."""
    w = [torch.tensor(array, requires_grad=True) for array in of]
    a = torch.nn.functional.avg_pool2d(torch.conv2d(torch.tensor(x), *w[0:2]).relu(), 2)
    y = torch.nn.functional.linear(torch.conv2d(a, *w[2:4]).relu().flatten(1), *w[4:6])
    L = (y - torch.tensor(target)).square().sum() / (2 * len(x))
    L.backward()
    return L.item(), [array.grad.numpy() for array in w]


@pytest.mark.usefixtures("one_thread")
def test_S6_stochastic_gradient_descent():
    """W ← W − α·∂L/∂W for small batches, over and over: L falls, and each gradient is autograd's to the last bit.

    The parameters are kept as multiples of 2⁻⁷, and then nothing is rounded in either: z, pooled by fours, has 7 + 2 bits
    after the point, the second layer's z 16, y 23, ∂L/∂y, a fourth of y − target, 25. On the way down each ∂L/∂W comes to
    41, for what a layer adds to z it adds to ∂L/∂z below: 25 + 16, 32 + 9, 41. And 53 bits hold sums of those up to 2¹².
    """
    rng = np.random.default_rng(6)
    shapes = (3, 1, 3, 3), (3,), (4, 3, 2, 2), (4,), (2, 16), (2,)
    of = tuple(np.round(rng.uniform(-0.5, 0.5, shape) * 2**7) / 2**7 for shape in shapes)
    x, target = images_of_bars()
    at_first = euclidean_loss.forward(feedforward(network(of), x), target)
    for _ in range(20):
        for batch in rng.permutation(16).reshape(4, 4):
            L, found = backpropagation(network(of), euclidean_loss, x[batch], target[batch])
            gradients = [gradient for layer in found for gradient in layer]
            expected_L, expected = by_autograd(of, x[batch], target[batch])
            assert expected_L == L
            assert all(np.array_equal(a, b) for a, b in zip(gradients, expected, strict=True))
            of, _ = sgd.step(of, gradients, learning_rate=2**-3)
            of = tuple(np.round(array * 2**7) / 2**7 for array in of)
    assert euclidean_loss.forward(feedforward(network(of), x), target) < at_first / 2
