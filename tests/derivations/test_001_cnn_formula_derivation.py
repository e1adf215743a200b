"""001, "CNN Formula derivation": every result of the document, which follows Bouvrie's notes, in its letters.

x_j^l is map j of layer l, u_j what goes into its activation f, δ_j = ∂E/∂u_j its residual, k_ij the kernel from map i to
map j, β_j and b_j the coefficient and the bias of a map. Arrays hold k_ij at K[j, i]. f is the sigmoid.

The document's `*` and MATLAB's conv2 and convn turn the kernel first: that is conv with `flip`. The pictures of B2, B6 and
B10 show the kernel "already rotated": that is conv without.
"""

# ruff: noqa: E741 (I is the number of rows)

from __future__ import annotations

import numpy as np
import sympy

from reference import avg_pool, conv, lenet, sigmoid, subsample
from tests.derivations._notation import (
    IN_SIGMOID,
    IN_SIGMOID_SLOPE,
    Tensor,
    equal,
    sigmoid_of,
    sigmoid_slope,
    symbols,
    to,
    whole_numbers,
    within,
)


def conv2(x, k, shape):
    """MATLAB's conv2 of two maps, by its definition: x[i, j]·k[m, n] goes to (i+m−1, j+n−1); 'valid' is where k fits."""
    (I, J), (M, N) = x.shape, k.shape
    full = np.zeros((I + M - 1, J + N - 1), object)
    for m, n in np.ndindex(M, N):
        full[m : m + I, n : n + J] += x * k[m, n]
    return full if shape == "full" else full[M - 1 : I, N - 1 : J]


def rot180(a):
    return a[..., ::-1, ::-1]


def up(x):
    """Each element 2x2 times, index by index: up(x)[u, v] = x[⌈u/2⌉, ⌈v/2⌉]."""
    (rows, columns), x = x.shape, Tensor(x)
    return np.array([[x[(u + 1) // 2, (v + 1) // 2] for v in to(2 * columns)] for u in to(2 * rows)])


def blocks(x):
    """The four elements of each 2x2 block of a map, by the block's place."""
    (rows, columns), x = x.shape, Tensor(x)
    return {
        (u, v): [x[2 * u - 1, 2 * v - 1], x[2 * u - 1, 2 * v], x[2 * u, 2 * v - 1], x[2 * u, 2 * v]]
        for u in to(rows // 2)
        for v in to(columns // 2)
    }


def test_B1_convolution_layer():
    """x_j = f(u_j), u_j = Σ_{i∈M_j} x_i * k_ij + b_j: a map adds up the convolutions of the maps it is connected to.

    (x * k)[u,v] = Σ_{a,b} x[u+M−a, v+N−b]·k[a,b] for a kernel of MxN, where the two fit ('valid').
    """
    M = {1: [1, 2], 2: [3], 3: [1, 3]}
    x, K, b = symbols("x", 3, 3, 4), symbols("k", 3, 3, 2, 3), symbols("b", 3)
    table = np.array([[int(i in M[j]) for i in to(3)] for j in to(3)])
    u = Tensor(lenet.ConnectedConv.forward(x.array[None], rot180(K.array), b.array, table=table)[0])
    assert u.shape == (3, 2, 2)
    for j, r, c in u.indices():
        patches = {i: {(m, n): x[i, r + 2 - m, c + 3 - n] for m in to(2) for n in to(3)} for i in M[j]}
        terms = [p * K[j, i, m, n] for i, patch in patches.items() for (m, n), p in patch.items()]
        assert equal(u[j, r, c], sum(terms) + b[j])
    for j, connected in M.items():
        maps = [i - 1 for i in connected]
        alone = conv.forward(x.array[None, maps], K.array[[j - 1]][:, maps], b.array[[j - 1]], flip=True)
        assert equal(alone[0, 0], u.array[j - 1]), "the same with true convolution of the connected maps alone"
    # f is the last thing that is done to them.
    rng = np.random.default_rng(1)
    x, k, b = whole_numbers(rng, 2, 4, 4).array, whole_numbers(rng, 1, 2, 2, 2).array, np.array([3])
    u = sum(conv2(x[i], k[0, i], "valid") for i in range(2)) + 3
    assert within(sigmoid.forward(conv.forward(x[None], k, b, flip=True))[0, 0], sigmoid_of(u), IN_SIGMOID)


def test_B2_two_maps_and_two_kernels_make_one_map():
    """Two 4x4 maps, k11 and k12 of 2x2: one 3x3 map. convn turns k; the document's k is turned already: x ⋆ k."""
    x, k = symbols("x", 2, 4, 4), symbols("k", 2, 2, 2)
    by_convn = conv.forward(x.array[None], rot180(k.array)[None], flip=True)[0]
    picture = conv.forward(x.array[None], k.array[None])[0]
    assert picture.shape == (1, 3, 3)
    assert equal(by_convn, picture)
    picture = Tensor(picture[0])
    for u, v in picture.indices():
        assert equal(
            picture[u, v],
            x[1, u, v] * k[1, 1, 1]
            + x[1, u, v + 1] * k[1, 1, 2]
            + x[1, u + 1, v] * k[1, 2, 1]
            + x[1, u + 1, v + 1] * k[1, 2, 2]
            + x[2, u, v] * k[2, 1, 1]
            + x[2, u, v + 1] * k[2, 1, 2]
            + x[2, u + 1, v] * k[2, 2, 1]
            + x[2, u + 1, v + 1] * k[2, 2, 2],
        )


def test_B3_up_repeats_each_element():
    """up(x) = x ⊗ 1_{2x2}, on 2x2 → 4x4: what subsampling sends back with β = 1, and averaging four times too little."""
    x = symbols("δ", 2, 2)
    expanded = [
        [x[1, 1], x[1, 1], x[1, 2], x[1, 2]],
        [x[1, 1], x[1, 1], x[1, 2], x[1, 2]],
        [x[2, 1], x[2, 1], x[2, 2], x[2, 2]],
        [x[2, 1], x[2, 1], x[2, 2], x[2, 2]],
    ]
    below = np.zeros((1, 1, 4, 4), int)
    sent_back, _, _ = subsample.backward(x.array[None, None], below, np.array([1]), np.array([0]))
    (averaged,) = avg_pool.backward(x.array[None, None], below, kernel_size=2)
    assert equal(sent_back[0, 0], expanded)
    assert equal(4 * averaged[0, 0], expanded)
    assert equal(up(x.array), expanded), "the up() of these tests"


def test_B4_residual_of_a_convolution_layer():
    """δ_j^l = β_j^{l+1} · (f'(u_j^l) ∘ up(δ_j^{l+1})): each node feeds one node above, with weight β_j."""
    beta, above = symbols("β", 2), symbols("δ", 2, 2, 2)
    sent_back, _, _ = subsample.backward(above.array[None], np.ones((1, 2, 4, 4), int), beta.array, np.array([0, 0]))
    assert equal(sent_back[0], [beta[j] * up(above.array[j - 1]) for j in to(2)])
    # Through f, with numbers.
    rng = np.random.default_rng(4)
    u, above, beta = (whole_numbers(rng, *shape).array for shape in ((2, 4, 4), (2, 2, 2), (2,)))
    sent_back, _, _ = subsample.backward(above[None], sigmoid.forward(u)[None], beta, np.array([1, 2]))
    (delta,) = sigmoid.backward(sent_back, u[None])
    expected = [beta[j] * (sigmoid_slope(u[j]) * up(above[j])) for j in range(2)]
    assert within(delta[0], expected, IN_SIGMOID_SLOPE)


def test_B5_gradient_of_the_bias():
    """∂E/∂b_j = Σ_{u,v} (δ_j)_{uv}: b_j is one number, added at every position, so ∂(u_j)_{uv}/∂b_j = 1 at each.

    That settles what the document calls a hypothesis: no matrix is derived by a matrix; E depends on the number b_j through
    the numbers (u_j)_{uv}, and the chain rule sums over all of them: ∂E/∂b_j = Σ_{i,u,v} ∂E/∂(u_i)_{uv} · ∂(u_i)_{uv}/∂b_j.
    """
    x, k, b, delta = symbols("x", 2, 4, 4), symbols("k", 3, 2, 2, 2), symbols("b", 3), symbols("δ", 3, 3, 3)
    u = Tensor(conv.forward(x.array[None], k.array, b.array)[0])
    _, _, gradient = conv.backward(delta.array[None], x.array[None], k.array, b.array)
    for j in to(3):
        for i, r, c in u.indices():
            assert sympy.diff(u[i, r, c], b[j]) == (1 if i == j else 0)
        by_the_chain_rule = sum(delta[index] * sympy.diff(u[index], b[j]) for index in u.indices())
        assert equal(gradient[j - 1], by_the_chain_rule)
        assert equal(gradient[j - 1], sum(delta[j, r, c] for r in to(3) for c in to(3)))


def test_B6_gradient_of_the_kernel():
    """∂E/∂k_ij = Σ_{u,v} (δ_j)_{uv} (p_i)_{uv}, (p_i)_{uv} the patch that k_ij was multiplied by for output (u,v)."""
    x, k, delta = symbols("x", 2, 4, 4), symbols("k", 3, 2, 2, 2), symbols("δ", 3, 3, 3)
    _, gradient, _ = conv.backward(delta.array[None], x.array[None], k.array)
    for j in to(3):
        for i in to(2):
            patch = {(r, c): x.array[i - 1, r - 1 : r + 1, c - 1 : c + 1] for r in to(3) for c in to(3)}
            assert equal(gradient[j - 1, i - 1], sum(delta[j, r, c] * p for (r, c), p in patch.items()))


def test_B7_gradient_of_the_kernel_in_matlab():
    """∂E/∂k_ij = rot180(conv2(x_i, rot180(δ_j), 'valid')), on a 4x4 map, a 3x3 residual and a 2x2 kernel.

    conv2 turns its second argument, so the inner rot180 undoes that: conv2(x, rot180(δ)) = x ⋆ δ, the sum of B6, which is
    the gradient of the kernel in the picture. k is that kernel turned, and so is its gradient: the outer rot180.
    """
    x, k, delta = symbols("x", 4, 4), symbols("k", 2, 2), symbols("δ", 3, 3)
    _, gradient, _ = conv.backward(delta.array[None, None], x.array[None, None], k.array[None, None], flip=True)
    _, of_turned, _ = conv.backward(delta.array[None, None], x.array[None, None], rot180(k.array)[None, None])
    code = rot180(conv2(x.array, rot180(delta.array), "valid"))
    assert code.shape == (2, 2)
    assert equal(gradient[0, 0], code)
    assert equal(of_turned[0, 0], rot180(code))
    z = conv2(x.array, k.array, "valid")
    for place, symbol in np.ndenumerate(k.array):
        by_the_chain_rule = sum(d * sympy.diff(z_uv, symbol) for d, z_uv in zip(delta.array.flat, z.flat, strict=True))
        assert equal(gradient[0, 0][place], by_the_chain_rule)


def test_B8_subsampling_layer():
    """x_j = f(β_j · down(x_j^{l−1}) + b_j): down sums each 2x2 block; β_j weighs the sum, b_j is added once a block."""
    x, beta, b = symbols("x", 2, 4, 6), symbols("β", 2), symbols("b", 2)
    u = Tensor(subsample.forward(x.array[None], beta.array, b.array)[0])
    assert u.shape == (2, 2, 3)
    for j in to(2):
        for (r, c), block in blocks(x.array[j - 1]).items():
            assert equal(u[j, r, c], beta[j] * sum(block) + b[j])
    # f is the last thing that is done to them.
    x, beta, b = whole_numbers(np.random.default_rng(8), 1, 4, 4).array, np.array([2]), np.array([-3])
    u = np.array([[2 * sum(blocks(x[0])[r, c]) - 3 for c in to(2)] for r in to(2)])
    assert within(sigmoid.forward(subsample.forward(x[None], beta, b))[0, 0], sigmoid_of(u), IN_SIGMOID)


def test_B9_residual_of_a_subsampling_layer():
    """δ_i^l = f'(u_i^l) ∘ Σ_j conv2(δ_j^{l+1}, rot180(k_ij^{l+1}), 'full'), over all maps j above that i feeds.

    The document remarks that the subscript should not be j alone, and that the connected maps must be summed: so it is.
    """
    x, K, above = symbols("x", 2, 4, 4), symbols("k", 3, 2, 2, 2), symbols("δ", 3, 3, 3)
    z = conv.forward(x.array[None], K.array, flip=True)[0]
    sent_back, _, _ = conv.backward(above.array[None], x.array[None], K.array, flip=True)
    sent_back = Tensor(sent_back[0])
    for i in to(2):
        total = sum(conv2(above.array[j - 1], rot180(K.array[j - 1, i - 1]), "full") for j in to(3))
        assert equal(sent_back.array[i - 1], total)
    for place in [(1, 1, 1), (1, 2, 3), (2, 4, 2)]:  # a corner, the middle, an edge
        by_the_chain_rule = sum(
            d * sympy.diff(z_uv, x[place]) for d, z_uv in zip(above.array.flat, z.flat, strict=True)
        )
        assert equal(sent_back[place], by_the_chain_rule)
    # Through f, with numbers.
    rng = np.random.default_rng(9)
    u, K, above = (whole_numbers(rng, *shape).array for shape in ((2, 4, 4), (3, 2, 2, 2), (3, 3, 3)))
    sent_back, _, _ = conv.backward(above[None], sigmoid.forward(u)[None], K, flip=True)
    (delta,) = sigmoid.backward(sent_back, u[None])
    total = [sum(conv2(above[j], rot180(K[j, i]), "full") for j in range(3)) for i in range(2)]
    assert within(delta[0], sigmoid_slope(u) * total, IN_SIGMOID_SLOPE)


def test_B10_the_7th_node():
    """Node 7 of a 4x4 map, kernel 2x2, is connected to {k22, 2; k21, 3; k12, 5; k11, 6}, both numbered row by row."""
    x, k, delta = symbols("x", 4, 4), symbols("k", 2, 2), symbols("δ", 9)
    residual = delta.array.reshape(1, 1, 3, 3)
    gradient, _, _ = conv.backward(residual, x.array[None, None], k.array[None, None])
    node = Tensor(gradient.reshape(16))
    assert equal(node[7], k[2, 2] * delta[2] + k[2, 1] * delta[3] + k[1, 2] * delta[5] + k[1, 1] * delta[6])


def test_B11_gradient_of_the_coefficient():
    """∂E/∂β_j = Σ_{u,v} (δ_j ∘ d_j)_{uv}, d_j = down(x_j^{l−1}): β_j is a factor of d_j at every position."""
    x, beta, b, delta = symbols("x", 2, 4, 6), symbols("β", 2), symbols("b", 2), symbols("δ", 2, 2, 3)
    _, gradient, _ = subsample.backward(delta.array[None], x.array[None], beta.array, b.array)
    assert gradient.shape == (2,)
    for j in to(2):
        down = {place: sum(block) for place, block in blocks(x.array[j - 1]).items()}
        assert equal(gradient[j - 1], sum(delta[j, u, v] * d for (u, v), d in down.items()))


def test_B12_the_worked_coefficient():
    """d11·(1+2+3+4) + d12·(5+6+7+8) + d21·(9+10+11+12) + d22·(13+14+15+16): 4x4, labelled 1 … 16 block by block."""
    labels = np.array([[1, 2, 5, 6], [3, 4, 7, 8], [9, 10, 13, 14], [11, 12, 15, 16]])
    d = symbols("d", 2, 2)
    _, gradient, _ = subsample.backward(d.array[None, None], labels[None, None], np.array([1]), np.array([0]))
    assert equal(gradient[0], 10 * d[1, 1] + 26 * d[1, 2] + 42 * d[2, 1] + 58 * d[2, 2])


def test_B13_gradient_of_the_bias_of_a_subsampling_layer():
    """∂E/∂b_j = Σ_{u,v} (δ_j)_{uv}, as B5: b_j is added once at every position, whatever x and β_j are."""
    x, beta, b, delta = symbols("x", 2, 4, 6), symbols("β", 2), symbols("b", 2), symbols("δ", 2, 2, 3)
    u = Tensor(subsample.forward(x.array[None], beta.array, b.array)[0])
    _, _, gradient = subsample.backward(delta.array[None], x.array[None], beta.array, b.array)
    for j in to(2):
        assert equal(gradient[j - 1], sum(delta[index] * sympy.diff(u[index], b[j]) for index in u.indices()))
        assert equal(gradient[j - 1], sum(delta[j, r, c] for r in to(2) for c in to(3)))
