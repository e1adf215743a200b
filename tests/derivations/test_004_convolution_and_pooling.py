"""004, convolutional and pooling layers (LeNet-5): every result of its sections 1 to 3.2, the lost formulas restored.

M and N are the lengths of the longer and of the shorter sequence, P the padding, p the pooling size, δ = ∂J/∂z the gradient
that comes from upstream, σ the sigmoid. `*` is true convolution, conv with `flip`; correlation is conv without.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import sympy

from reference import avg_pool, conv, lenet, linear, max_pool, sigmoid, similarity
from tests.derivations._notation import IN_SIGMOID, Tensor, equal, sigmoid_of, symbols, to, within


def rng(row):
    """The random numbers of a row."""
    return np.random.default_rng(row)


def signs(row, *shape):
    """Numbers 1 and −1: the norm of 4 of them is 2, of 16 of them 4, and so nothing is rounded."""
    return rng(row).choice([-1.0, 1.0], shape)


def convolved(x, k, padding="valid", *, flip=True):
    return conv.forward(x[None, None], k[None, None], padding=padding, flip=flip)[0, 0]


def pooled(pool, x, p):
    return pool.forward(x[None, None], kernel_size=p)[0, 0]


def regions(x, p):
    """The disjoint p×p regions of a map, by their place."""
    rows, columns = (n // p for n in x.shape)
    return {(i, j): x[i * p : i * p + p, j * p : j * p + p] for i in range(rows) for j in range(columns)}


def test_C1_the_two_kinds_of_layer_of_LeNet5():
    """C layer: y = σ(Σ patch ∘ w + b) for each patch; S layer: the mean of each p×p region, p·p its pooling size."""
    x, w, b = rng(1).integers(-3, 4, (6, 6)), rng(1).integers(-2, 3, (3, 3)), np.array([2])
    y = sigmoid.forward(conv.forward(x[None, None], w[None, None], b))[0, 0]
    z = np.array([[(x[i : i + 3, j : j + 3] * w).sum() + 2 for j in range(4)] for i in range(4)])
    assert within(y, sigmoid_of(z), IN_SIGMOID)
    for p in (2, 3):
        means = pooled(avg_pool, p * p * x, p)
        assert all(means[place] == region.sum() for place, region in regions(x, p).items())


def test_C2_cosine_similarity():
    """cos(a, b) = ⟨a, b⟩ / ‖a‖‖b‖, for matrices with the Frobenius norm; with unit norms it is ⟨a, b⟩."""
    for shape in ((4,), (4, 4)):
        a, b = signs(20, *shape), signs(21, *shape)
        unit_a, unit_b = a / np.sqrt(a.size), b / np.sqrt(b.size)
        inner = (unit_a * unit_b).sum()
        assert inner not in {0, 1, -1}
        for x, template in ((unit_a, unit_b), (8 * a, b / 2)):  # lengths do not matter
            assert similarity.forward(x[None, None], template[None, None]).item() == inner
    # cos((3, 4), (4, 3)) = (12 + 12) / (5 · 5): a sum of two products, two norms of two squares each, product, quotient
    assert within(similarity.forward(np.array([[[3.0, 4.0]]]), np.array([[[4.0, 3.0]]])).item(), 24 / 25, 2 + 2 * 3 + 2)


@pytest.mark.parametrize(("size", "shape"), [((9,), (4,)), ((5, 7), (2, 2)), ((6, 5), (4, 4))])
def test_C3_similarity_at_every_place(size, shape):
    """The shorter slides over the longer, and each place compares it with the part that it lies over: M−N+1 places."""
    A, B = signs(3, *size), signs(30, *shape)
    found = similarity.forward(A[None, None], B[None, None])[0, 0]
    assert found.shape == tuple(m - n + 1 for m, n in zip(size, shape, strict=True))
    for place in np.ndindex(*found.shape):
        part = A[tuple(slice(i, i + n) for i, n in zip(place, shape, strict=True))]
        assert found[place] == (part * B).sum() / (np.linalg.norm(part) * np.linalg.norm(B))


@pytest.mark.parametrize(("M", "N"), [(5, 3), (6, 2), (4, 4), (3, 1)])
def test_C4_discrete_convolution(M, N):
    """(A * B)_n = Σ_i A_i·B_{n−i+1}: the orders run against one another. Valid M−N+1, full M+N−1, same M numbers.

    Full are all n that have a term, 1 … M+N−1; valid those that have all N, N … M; same M of them from the middle.
    """
    A, B = symbols("A", M), symbols("B", N)
    full, valid, same = (Tensor(convolved(A.array, B.array, mode)) for mode in ("full", "valid", "same"))
    assert (full.shape, valid.shape, same.shape) == ((M + N - 1,), (M - N + 1,), (M,))
    for n in to(M + N - 1):
        assert equal(full[n], sum(A[i] * B.get((n - i + 1,)) for i in to(M)))
    assert equal(valid, full.array[N - 1 : M])
    assert equal(same, full.array[N // 2 : N // 2 + M])
    numbers = rng(4).integers(-9, 10, M), rng(40).integers(-9, 10, N)
    assert np.array_equal(convolved(*numbers, "full"), np.convolve(*numbers, "full"))
    assert np.array_equal(convolved(*numbers, "valid"), np.convolve(*numbers, "valid"))


@pytest.mark.parametrize("N", to(5))
def test_C5_same_is_valid_on_a_padded_sequence(N):
    """'Same' is 'valid' with N−1 zeros added: (N−1)/2 at each end for odd N; for even N the end has one more."""
    before, after = (N - 1) // 2, N // 2
    assert before + after == N - 1
    assert after - before == (N + 1) % 2
    for axes in (1, 2):
        A, B = rng(5).integers(1, 10, (7, 6)[:axes]), rng(50).integers(1, 10, (N, N)[:axes])
        for flip in (True, False):
            same = convolved(A, B, "same", flip=flip)
            assert same.shape == A.shape
            assert np.array_equal(same, convolved(np.pad(A, (before, after)), B, flip=flip))


def test_C6_output_size_with_stride_1():
    """M + 2P − N + 1: the last of N places in M + 2P numbers leaves that many for the first."""
    for M, N, P in product(to(6), to(4), range(3)):
        if N <= M + 2 * P:
            assert conv.forward(np.zeros((1, 1, M)), np.zeros((1, 1, N)), padding=P).shape == (1, 1, M + 2 * P - N + 1)


def test_C7_similarity_is_convolution_with_the_flipped_sequence():
    """Σ_i A_{n+i−1}·B_i = (A * B̃)_{n+N−1} with B̃_i = B_{N−i+1}; in 2D both axes flip, which is rot90 twice."""
    A, B = symbols("A", 6), symbols("B", 3)
    inner_products = [sum(A[n + i - 1] * B[i] for i in to(3)) for n in to(4)]
    assert equal(convolved(A.array, np.flip(B.array)), inner_products)
    A, B = symbols("A", 4, 5), symbols("B", 2, 3)
    flipped = np.rot90(np.rot90(B.array))
    places = [[(A.array[i : i + 2, j : j + 3] * B.array).sum() for j in range(3)] for i in range(3)]
    assert equal(convolved(A.array, flipped), places)
    A, B = (
        signs(7, 6, 5),
        np.array([[1, 1], [1, -1]]),
    )  # norms of 2, so that the cosine is the inner product divided by 4
    cosines = similarity.forward(A[None, None], B[None, None])[0, 0]
    assert np.array_equal(convolved(A, np.rot90(np.rot90(B))) / 4, cosines)
    assert not np.array_equal(convolved(A, B) / 4, cosines)


def test_C8_convolution_in_two_dimensions():
    """(A * B)_{s,t} = Σ_{i,j} A_{i,j}·B_{s−i+1,t−j+1}; shapes are C4's along each axis by itself."""
    A, B = symbols("A", 4, 5), symbols("B", 3, 2)
    full, valid, same = (Tensor(convolved(A.array, B.array, mode)) for mode in ("full", "valid", "same"))
    assert (full.shape, valid.shape, same.shape) == ((6, 6), (2, 4), (4, 5))
    for s, t in full.indices():
        assert equal(full[s, t], sum(A[i, j] * B.get((s - i + 1, t - j + 1)) for i, j in A.indices()))
    assert equal(valid, full.array[2:4, 1:5])
    assert equal(same, full.array[1:5, 1:6])


def test_C9_convolution_saves_parameters():
    """One 5x5 feature map learns 25 weights, whatever the image; one neuron over 32x32 pixels learns 1024."""
    image = np.ones((1, 1, 32, 32))
    one_map, one_neuron = np.ones((1, 1, 5, 5)), np.ones((1, 1024))
    y = conv.forward(image, one_map)
    assert y.shape == (1, 1, 28, 28)
    _, gradient, _ = conv.backward(y, image, one_map)
    assert np.count_nonzero(gradient) == gradient.size == 25
    y = linear.forward(image.reshape(1, -1), one_neuron)
    assert y.shape == (1, 1)
    _, gradient, _ = linear.backward(y, image.reshape(1, -1), one_neuron)
    assert np.count_nonzero(gradient) == gradient.size == 1024
    assert lenet.counts(lenet.parameters(0))["C1"] == 6 * (25 + 1), "6 maps, each with a bias"


def test_C10_convolution_of_several_channels():
    """Σ_c X_c ⋆ W_c: the kernel has the input's channels, so it can move in two directions only, and one map comes out.

    It is the 3D convolution with the kernel flipped along all three axes, 'valid'. Parameters: out · (in·M·N + 1).
    """
    X, W, b = symbols("X", 3, 3, 4).array, symbols("W", 2, 3, 2, 2).array, symbols("b", 2).array
    y = conv.forward(X[None], W, b)[0]
    assert y.shape == (2, 2, 3)
    for o in range(2):
        assert equal(y[o], sum(convolved(X[c], W[o, c], flip=False) for c in range(3)) + b[o])
        in_3d = convolved(X, np.flip(W[o]))
        assert in_3d.shape == (1, 2, 3)
        assert equal(in_3d[0] + b[o], y[o])
    of_W, of_b = conv.backward(np.ones((1, 2, 2, 3), int), X[None], W, b)[1:]
    assert of_W.size + of_b.size == 2 * (3 * 2 * 2 + 1)


@pytest.mark.parametrize("p", [2, 4])
def test_C11_pooling_over_disjoint_regions(p):
    """Divide the map into disjoint p×p regions and take the mean, or the largest, of each."""
    x = rng(11).permutation(8 * 12).reshape(8, 12) - 48.0
    mean, largest = pooled(avg_pool, x, p), pooled(max_pool, x, p)
    assert mean.shape == largest.shape == (8 // p, 12 // p)
    for place, region in regions(x, p).items():
        assert mean[place] == region.sum() / p**2
        assert largest[place] == max(region.ravel())


def test_C12_pooled_features_are_invariant_in_local_regions():
    """A feature that moves within its region leaves the pooled map as it is; one step further, into the next, does not.

    So it is no invariance of the whole map: a translation by p moves the pooled map by 1, every other changes it.
    """
    for pool in (max_pool, avg_pool):
        at = {}
        for i, j in product(range(8), repeat=2):
            x = np.zeros((8, 8))
            x[i, j] = 4
            at[i, j] = pooled(pool, x, 4)
        for (i, j), (k, n) in product(at, repeat=2):
            assert np.array_equal(at[i, j], at[k, n]) == (i // 4 == k // 4 and j // 4 == n // 4)
        x = rng(12).permutation(96).reshape(8, 12)
        moved = pooled(pool, np.roll(x, 4, axis=1), 4)
        assert np.array_equal(moved, np.roll(pooled(pool, x, 4), 1, axis=1))
        assert not np.array_equal(pooled(pool, np.roll(x, 1, axis=1), 4), pooled(pool, x, 4))


@pytest.mark.parametrize("stride", [1, 2])
def test_C13_gradients_of_a_convolution_layer_in_vector_form(stride):
    """With z = A x = B w + b·1, x, w and z as columns: ∂J/∂x = Aᵀδ, ∂J/∂w = Bᵀδ, ∂J/∂b = 1ᵀδ.

    A holds w, B holds x: each row of A is the kernel where it lies for one output, each row of B the patch there.
    """
    x, w, b = symbols("x", 5, 5), symbols("w", 2, 3), sympy.Symbol("b")
    inputs = x.array[None, None], w.array[None, None], np.array([b])
    z = conv.forward(*inputs, stride=stride)
    delta = symbols("δ", z.size).array
    A, B = (
        np.array([[sympy.diff(z_uv, s) for s in of.array.flat] for z_uv in np.vectorize(sympy.expand)(z).flat])
        for of in (x, w)
    )
    assert equal(A @ x.array.ravel() + b, z.ravel())
    assert equal(B @ w.array.ravel() + b, z.ravel())
    assert set(A.flat) == {0, *w.array.flat}
    assert set(B.flat) <= set(x.array.flat)
    of_x, of_w, of_b = conv.backward(delta.reshape(z.shape), *inputs, stride=stride)
    assert equal(of_x.ravel(), A.T @ delta)
    assert equal(of_w.ravel(), B.T @ delta)
    assert equal(of_b, [delta.sum()])


@pytest.mark.parametrize("p", [2, 4])
def test_C14_average_pooling_spreads_the_gradient(p):
    """∂J/∂x = δ / (p·p) everywhere in the region: each of its elements has that part in the mean."""
    delta = rng(14).integers(-99, 100, (2, 3))
    (gradient,) = avg_pool.backward(delta[None, None], np.zeros((1, 1, 2 * p, 3 * p)), kernel_size=p)
    for place, region in regions(gradient[0, 0], p).items():
        assert (region == delta[place] / p**2).all()


@pytest.mark.parametrize("p", [2, 3])
def test_C15_max_pooling_sends_the_gradient_to_the_maximum(p):
    """∂J/∂x = δ at the place of the maximum, which alone the output depends on, and 0 elsewhere; the first, if many."""
    x, delta = rng(15).permutation(6 * p * p).reshape(2 * p, 3 * p), rng(15).integers(1, 100, (2, 3))
    (gradient,) = max_pool.backward(delta[None, None], x[None, None], kernel_size=p)
    maxima = regions(x, p)
    for place, region in regions(gradient[0, 0], p).items():
        assert np.array_equal(region, delta[place] * (maxima[place] == maxima[place].max()))
    (gradient,) = max_pool.backward(delta[None, None], np.zeros_like(x)[None, None], kernel_size=p)
    for place, region in regions(gradient[0, 0], p).items():
        assert region[0, 0] == delta[place]
        assert np.count_nonzero(region) == 1
