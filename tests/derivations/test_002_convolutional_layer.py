"""002, "The List of Algorithms: Convolutional Layer": every result of the document, in its letters, from index 1.

V is the input, K the kernel, Z the output, G = ∂J/∂Z, s the stride.
"""
# ruff: noqa: E741 (l is the document's letter)

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.derivations._notation import Tensor, input_gradient, kernel_gradient, output, symbols, whole_numbers

SEEDS = range(24)


def random_layer(seed: int) -> tuple[Tensor, Tensor, Tensor, int]:
    """V (channels, rows, columns), K (output channels, channels, rows, columns), a G that fits Z, and s."""
    rng = np.random.default_rng(seed)
    s = 1 + seed % 3
    channels, outputs, *kernel = (int(n) for n in rng.integers(1, 4, 4))
    size = [m + s * int(rng.integers(0, 3)) + int(rng.integers(0, s)) for m in kernel]
    V, K = whole_numbers(rng, channels, *size), whole_numbers(rng, outputs, channels, *kernel)
    rows, columns = ((n - m) // s + 1 for n, m in zip(size, kernel, strict=True))
    return V, K, whole_numbers(rng, outputs, rows, columns), s


def to(last: int) -> range:
    """1, 2, …, last"""
    return range(1, last + 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_L1_output(seed):
    """Z[i,j,k] = Σ_{l,m,n} V[l, (j−1)s+m, (k−1)s+n]·K[i,l,m,n]: the box at (j,k) starts s further for each step."""
    V, K, G, s = random_layer(seed)
    Z = output(V, K, s)
    assert Z.shape == G.shape
    I, L, M, N = K.shape
    for i in to(I):
        for j in to(Z.shape[1]):
            for k in to(Z.shape[2]):
                assert Z[i, j, k] == sum(
                    V[l, (j - 1) * s + m, (k - 1) * s + n] * K[i, l, m, n] for l in to(L) for m in to(M) for n in to(N)
                )


@pytest.mark.parametrize("seed", SEEDS)
def test_L2_gradient_of_the_kernel(seed):
    """∂J/∂K[i,j,k,l] = Σ_{m,n} G[i,m,n]·V[j, (m−1)s+k, (n−1)s+l]: in eq. 1, K's factor in Z[i,m,n] is that V."""
    V, K, G, s = random_layer(seed)
    dK = kernel_gradient(G, V, K, s)
    assert dK.shape == K.shape
    _, M, N = G.shape
    for i in to(K.shape[0]):
        for j in to(K.shape[1]):
            for k in to(K.shape[2]):
                for l in to(K.shape[3]):
                    assert dK[i, j, k, l] == sum(
                        G[i, m, n] * V[j, (m - 1) * s + k, (n - 1) * s + l] for m in to(M) for n in to(N)
                    )


@pytest.mark.parametrize("seed", SEEDS)
def test_L3_gradient_of_the_input(seed):
    """∂J/∂V[i,j,k] = Σ_{l,m: (l−1)s+m=j} Σ_{n,p: (n−1)s+p=k} Σ_q K[q,i,m,p]·G[q,l,n].

    These are the terms of eq. 1 that hold V[i,j,k], each with its factor K and the G of the Z that it is part of.
    """
    V, K, G, s = random_layer(seed)
    dV = input_gradient(G, V, K, s)
    assert dV.shape == V.shape
    Q, L, N = G.shape
    _, _, M, P = K.shape
    for i in to(V.shape[0]):
        for j in to(V.shape[1]):
            for k in to(V.shape[2]):
                total = 0
                for l, m in [(l, m) for l in to(L) for m in to(M) if (l - 1) * s + m == j]:
                    for n, p in [(n, p) for n in to(N) for p in to(P) if (n - 1) * s + p == k]:
                        total += sum(K[q, i, m, p] * G[q, l, n] for q in to(Q))
                assert dV[i, j, k] == total


def test_L4_outputs_of_a_3x3_input_and_a_2x2_kernel():
    """Z₁₁ = K₁₁V₁₁ + K₁₂V₁₂ + K₂₁V₂₁ + K₂₂V₂₂ and the other three: eq. 1 written out, the kernel not turned."""
    V, K = symbols("V", 3, 3), symbols("K", 2, 2)
    Z = output(V, K)
    assert Z.shape == (2, 2)
    assert Z[1, 1] == K[1, 1] * V[1, 1] + K[1, 2] * V[1, 2] + K[2, 1] * V[2, 1] + K[2, 2] * V[2, 2]
    assert Z[1, 2] == K[1, 1] * V[1, 2] + K[1, 2] * V[1, 3] + K[2, 1] * V[2, 2] + K[2, 2] * V[2, 3]
    assert Z[2, 1] == K[1, 1] * V[2, 1] + K[1, 2] * V[2, 2] + K[2, 1] * V[3, 1] + K[2, 2] * V[3, 2]
    assert Z[2, 2] == K[1, 1] * V[2, 2] + K[1, 2] * V[2, 3] + K[2, 1] * V[3, 2] + K[2, 2] * V[3, 3]


def test_L5_gradient_of_the_first_kernel_element():
    """∂J/∂K₁₁ = V₁₁·G₁₁ + V₁₂·G₁₂ + V₂₁·G₂₁ + V₂₂·G₂₂: ∂Z/∂K₁₁ is the V that K₁₁ lies over in each window."""
    V, K, G = symbols("V", 3, 3), symbols("K", 2, 2), symbols("G", 2, 2)
    dK = kernel_gradient(G, V, K)
    assert dK[1, 1] == V[1, 1] * G[1, 1] + V[1, 2] * G[1, 2] + V[2, 1] * G[2, 1] + V[2, 2] * G[2, 2]


def test_L6_gradient_of_the_corner_of_a_3x3_input():
    """∂J/∂V₁₁ = K₁₁·G₁₁: only the first window reaches the corner, and only with its first element."""
    V, K, G = symbols("V", 3, 3), symbols("K", 2, 2), symbols("G", 2, 2)
    dV = input_gradient(G, V, K)
    assert dV[1, 1] == K[1, 1] * G[1, 1]


def test_L7_gradient_of_the_centre_of_a_3x3_input():
    """∂J/∂V₂₂ = K₂₂·G₁₁ + K₂₁·G₁₂ + K₁₂·G₂₁ + K₁₁·G₂₂: each window reaches the centre with another element."""
    V, K, G = symbols("V", 3, 3), symbols("K", 2, 2), symbols("G", 2, 2)
    dV = input_gradient(G, V, K)
    assert dV[2, 2] == K[2, 2] * G[1, 1] + K[2, 1] * G[1, 2] + K[1, 2] * G[2, 1] + K[1, 1] * G[2, 2]


def test_L8_gradient_of_the_input_in_one_dimension():
    """∂J/∂V₁ = K₁·G₁ (p = 2 leaves no n) and ∂J/∂V₂ = K₁·G₂ + K₂·G₁: k = (n−1)s + p gives each p one n at most."""
    V, K, G = symbols("V", 3), symbols("K", 2), symbols("G", 2)
    dV = input_gradient(G, V, K)
    assert dV[1] == K[1] * G[1]
    assert dV[2] == K[1] * G[2] + K[2] * G[1]
    assert dV[3] == K[2] * G[2]


def test_L9_gradient_of_the_input_with_strides_2_and_3():
    """∂J/∂V_k = Σ_{n,p: (n−1)s+p=k} K_p·G_n: by stride and k, the (n,p) that remain; 0 where none does.

    A stride above the kernel's size leaves gaps, and windows that stop short of the end leave inputs over there.
    """
    remaining = {
        # s = 2, kernel of 2: the windows lie side by side, one p for each k; V₇ is left over
        (2, 2, 3): {1: [(1, 1)], 2: [(1, 2)], 3: [(2, 1)], 4: [(2, 2)], 5: [(3, 1)], 6: [(3, 2)], 7: []},
        # s = 2, kernel of 3: odd k, where windows overlap, have p = 1 and p = 3; even k only p = 2; V₈ is left over
        (2, 3, 3): {
            1: [(1, 1)],
            2: [(1, 2)],
            3: [(2, 1), (1, 3)],
            4: [(2, 2)],
            5: [(3, 1), (2, 3)],
            6: [(3, 2)],
            7: [(3, 3)],
            8: [],
        },
        # s = 3, kernel of 2: V₃ and V₆ lie between windows, V₉ and V₁₀ after the last
        (3, 2, 3): {
            1: [(1, 1)],
            2: [(1, 2)],
            3: [],
            4: [(2, 1)],
            5: [(2, 2)],
            6: [],
            7: [(3, 1)],
            8: [(3, 2)],
            9: [],
            10: [],
        },
        # s = 3, kernel of 4: V₄ is in both windows; V₈ and V₉ are left over
        (3, 4, 2): {
            1: [(1, 1)],
            2: [(1, 2)],
            3: [(1, 3)],
            4: [(2, 1), (1, 4)],
            5: [(2, 2)],
            6: [(2, 3)],
            7: [(2, 4)],
            8: [],
            9: [],
        },
    }
    for (s, kernel, outputs), pairs in remaining.items():
        V, K, G = symbols("V", len(pairs)), symbols("K", kernel), symbols("G", outputs)
        assert output(V, K, s).shape == G.shape
        dV = input_gradient(G, V, K, s)
        for k, n_and_p in pairs.items():
            assert dV[k] == sum(K[p] * G[n] for n, p in n_and_p), f"s = {s}, k = {k}"


def test_L10_one_step_of_training_the_kernel():
    """K ← K − α·∇_K J: for J = ⟨G, Z⟩, linear in K, J falls by exactly α·‖∇_K J‖²; other J do so to first order."""
    s, alpha = 2, Fraction(1, 97)
    rng = np.random.default_rng(10)
    shapes = (1, 4, 6), (1, 1, 2, 3), (1, 2, 2)
    V, K, G = (Tensor(whole_numbers(rng, *shape).array * Fraction(1, 3)) for shape in shapes)

    def J(K: Tensor) -> Fraction:
        return (G.array * output(V, K, s).array).sum()

    gradient = kernel_gradient(G, V, K, s).array
    assert (gradient != 0).all()
    assert J(K) - J(Tensor(K.array - alpha * gradient)) == alpha * (gradient**2).sum()


@pytest.mark.parametrize("channels", [1, 3, 16])
def test_L11_input_channels_are_the_same_mathematics(channels):
    """2D names the movement: Z is the sum of what each input channel gives alone, and so are the gradients."""
    rng = np.random.default_rng(channels)
    V, K, G = whole_numbers(rng, channels, 7, 8), whole_numbers(rng, 4, channels, 3, 2), whole_numbers(rng, 4, 3, 4)
    s = 2
    Z, dK, dV = output(V, K, s), kernel_gradient(G, V, K, s), input_gradient(G, V, K, s)
    total = 0
    for l in range(channels):
        alone, kernel = Tensor(V.array[[l]]), Tensor(K.array[:, [l]])
        total = total + output(alone, kernel, s).array
        assert np.array_equal(dK.array[:, [l]], kernel_gradient(G, alone, kernel, s).array)
        assert np.array_equal(dV.array[[l]], input_gradient(G, alone, kernel, s).array)
        planes = [
            input_gradient(Tensor(G.array[q]), Tensor(V.array[l]), Tensor(K.array[q, l]), s).array for q in range(4)
        ]
        assert np.array_equal(dV.array[l], sum(planes))
    assert np.array_equal(Z.array, total)
