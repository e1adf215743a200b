"""Layers of sequences and of windows: each result of docs/derivations/windows-and-sequences.md.

What is no polynomial is differentiated by SymPy, exactly, and worked out to thirty digits; the reference may differ from
that by so many roundings of the largest number as the sums behind it have.
"""

from __future__ import annotations

from math import ceil, floor

import numpy as np
import pytest
import sympy
import torch

from reference import (
    adaptive_avg_pool,
    attention,
    conv,
    embedding,
    fold,
    gru_cell,
    linear,
    lstm_cell,
    pad,
    pixel_shuffle,
    rotary,
    unfold,
    upsample,
)
from tests.derivations._notation import equal, symbols, within


def rng(seed):
    return np.random.default_rng(seed)


def rational(floats):
    """The same numbers, exactly, as an array of objects."""
    made = np.empty(np.shape(floats), object)
    made.flat = [sympy.Rational(float(number)) for number in np.ravel(floats)]
    return made


def differentiated(Y, g, inputs, which):
    """∂/∂ each element of one input of Σ g·Y, by SymPy, to thirty digits."""
    t, found = sympy.Symbol("t"), np.empty(inputs[which].shape)
    for place in np.ndindex(found.shape):
        moved = [None if a is None else a.copy() for a in inputs]
        moved[which][place] = t
        total = sum((g * Y(*moved)).ravel().tolist())
        found[place] = float(sympy.diff(total, t).subs(t, inputs[which][place]).evalf(30))
    return found


def numbers(array):
    return np.vectorize(lambda n: float(sympy.sympify(n).evalf(30)), [float])(array)


def close(found, exact, roundings):
    """Within so many roundings of the largest."""
    return within(found, exact, roundings, np.abs(exact).max(initial=0.0))


def assert_proved(op, Y, inputs, g, roundings, **parameters):
    """The reference's y and all its gradients are those of the formula Y."""
    exact = [None if a is None else rational(a) for a in inputs]
    assert close(op.forward(*inputs, **parameters), numbers(Y(*exact)), roundings)
    for which, found in enumerate(op.backward(g, *inputs, **parameters)):
        if found is not None:
            assert close(found, differentiated(Y, g, exact, which), roundings), which


@pytest.mark.parametrize("masked", [False, True])
def test_W1_attention(masked):
    """y_te = Σ_s P_ts·v_se, P the softmax of α·q·k over the keys that are seen."""
    q, k, v = (
        rng(1).integers(-4, 5, (1, 1, 2, 2)) / 4,
        rng(2).integers(-4, 5, (1, 1, 3, 2)) / 4,
        rng(3).integers(-4, 5, (1, 1, 3, 2)) / 4,
    )
    seen = np.array([[1, 1, 1], [1, 0, 1]] if masked else [[1, 1, 1]] * 2, bool)
    g = rng(4).integers(-9, 10, (1, 1, 2, 2))

    def Y(q, k, v):
        q, k, v = q[0, 0], k[0, 0], v[0, 0]
        rows = []
        for t in range(2):
            e = [sympy.exp((q[t] * k[s]).sum() / sympy.sqrt(2)) * int(seen[t, s]) for s in range(3)]
            rows.append([sum(e[s] * v[s, j] for s in range(3)) / sum(e) for j in range(2)])
        return np.array([[rows]], object)

    exact = [rational(a) for a in (q, k, v)]
    assert close(attention.forward(q, k, v, seen), numbers(Y(*exact)), 64)
    for which, found in enumerate(attention.backward(g, q, k, v, seen)[:3]):
        assert close(found, differentiated(Y, g, exact, which), 128)
    if masked:
        unseen = attention.backward(g * np.array([0, 1])[:, None], q, k, v, seen)
        assert not unseen[1][0, 0, 1].any(), "the only query that has a cotangent does not see the second key"
        assert not unseen[2][0, 0, 1].any()


def test_W1_heads_that_share_keys_add_their_parts():
    """Heads of queries that share keys and values give them the sum of what each alone would."""
    q, g = rng(5).standard_normal((2, 1, 4, 3, 2))
    k, v = rng(6).standard_normal((2, 1, 2, 3, 2))
    _, of_k, of_v, _ = attention.backward(g, q, k, v, groups=2)
    for shared in range(2):
        alone = [
            attention.backward(*(a[:, [head]] for a in (g, q)), *(a[:, [shared]] for a in (k, v)))
            for head in (2 * shared, 2 * shared + 1)
        ]
        assert close(of_k[:, [shared]], alone[0][1] + alone[1][1], 64)
        assert close(of_v[:, [shared]], alone[0][2] + alone[1][2], 64)


def test_W2_embedding():
    """A linear layer on rows of zeros with a single 1; a row that is asked for twice collects both cotangents."""
    index, weight, g = np.array([2, 0, 2, 3]), symbols("w", 4, 2).array, symbols("g", 4, 2).array
    chosen = (index[:, None] == np.arange(4)).astype(int)
    assert equal(embedding.forward(index, weight), chosen @ weight)
    _, of_weight = embedding.backward(g, index, weight)
    assert equal(of_weight, linear.backward(g, chosen, weight.T)[1].T)
    assert equal(of_weight[2], g[0] + g[2])
    assert equal(embedding.backward(g, index, weight, padding_index=2)[1], of_weight * np.array([1, 1, 0, 1])[:, None])


@pytest.mark.parametrize("interleaved", [False, True])
def test_W3_rotary_positions(interleaved):
    """Each pair times a matrix, and its cotangent times the transpose."""
    x, g = symbols("x", 2, 4).array, symbols("g", 2, 4).array
    c, s = symbols("c", 2, 2).array, symbols("s", 2, 2).array
    y, (of_x, *others) = (
        rotary.forward(x, c, s, interleaved=interleaved),
        rotary.backward(g, x, c, s, interleaved=interleaved),
    )
    assert others == [None, None]
    for t in range(2):
        for i in range(2):
            pair = [2 * i, 2 * i + 1] if interleaved else [i, i + 2]
            turn = np.array([[c[t, i], -s[t, i]], [s[t, i], c[t, i]]])
            assert equal(y[t, pair], turn @ x[t, pair])
            assert equal(of_x[t, pair], turn.T @ g[t, pair])


def test_W3_only_the_distance_counts():
    """A query turned by tθ against a key turned by sθ: what counts is t − s."""
    q, k, theta = rng(7).standard_normal(6), rng(8).standard_normal(6), np.array([1.0, 0.3, 0.01])

    def turned(x, place):
        return rotary.forward(x[None], np.cos(place * theta)[None], np.sin(place * theta)[None])[0]

    products = [turned(q, t + 3) @ turned(k, t) for t in range(20)]
    # An angle of up to 23 is rounded once, and moves a product of 6 terms by so much of their sizes.
    assert np.ptp(products) <= 64 * 23 * 2.0**-53 * np.abs(q).sum() * np.abs(k).max()


def sigmoid(a):
    return np.vectorize(lambda n: 1 / (1 + sympy.exp(-n)), [object])(a)


def tanh(a):
    return np.vectorize(sympy.tanh, [object])(a)


def quarters(seed, *shape):
    return rng(seed).integers(-4, 5, shape) / 4


def test_W4_a_step_of_an_lstm():
    """h' and c' side by side; rows of the weights in the order i, f, g, o."""
    inputs = [quarters(k, *shape) for k, shape in enumerate([(2, 1), (2, 1), (2, 1), (4, 1), (4, 1), (4,)])]

    def Y(x, h, c, W, U, b):
        a = x @ W.T + h @ U.T + b
        i, f, o = (sigmoid(a[:, [k]]) for k in (0, 1, 3))
        new = f * c + i * tanh(a[:, [2]])
        return np.concatenate((o * tanh(new), new), 1)

    assert_proved(lstm_cell, Y, inputs, rng(7).integers(-9, 10, (2, 2)), 256)


def test_W5_a_step_of_a_gru():
    """The state mixed with what is written in its place; the two biases of n have gradients of their own."""
    inputs = [quarters(k, *shape) for k, shape in enumerate([(2, 1), (2, 1), (3, 1), (3, 1), (3,), (3,)])]

    def Y(x, h, W, U, b, e):
        a, d = x @ W.T + b, h @ U.T + e
        r, z = (sigmoid(a[:, [k]] + d[:, [k]]) for k in (0, 1))
        n = tanh(a[:, [2]] + r * d[:, [2]])
        return (1 - z) * n + z * h

    g = rng(8).integers(-9, 10, (2, 1))
    assert_proved(gru_cell, Y, inputs, g, 256)
    *_, of_b, of_e = gru_cell.backward(g, *inputs)
    assert np.array_equal(of_b[:2], of_e[:2])
    assert not np.array_equal(of_b[2:], of_e[2:])


def maps(name, *shape):
    """Symbols for a sample of one map, or several."""
    return symbols(name, *shape).array


def assert_transposed(op, matrix, x, g, **parameters):
    """Along one axis y is a matrix times x, and the gradient its transpose times g."""
    assert equal(op.forward(x, **parameters)[0, 0], matrix @ x[0, 0])
    assert equal(op.backward(g, x, **parameters)[0][0, 0], matrix.T @ g[0, 0])


@pytest.mark.parametrize(("n", "m"), [(6, 3), (7, 3), (5, 4), (3, 5), (4, 1), (1, 2)])
def test_W6_adaptive_means(n, m):
    """Window i from what begins before (i − 1)/m of the axis to what ends after i/m of it."""
    matrix = np.full((m, n), sympy.Integer(0), object)
    for i in range(1, m + 1):
        a, b = floor((i - 1) * n / m), ceil(i * n / m)
        for j in range(a + 1, b + 1):
            matrix[i - 1, j - 1] = sympy.Rational(1, b - a)
    assert_transposed(adaptive_avg_pool, matrix, maps("x", 1, 1, n), maps("g", 1, 1, m), output_size=m)
    assert (matrix != 0).any(0).all(), "nothing is left over"


def cubic(t):
    """1 at 0, and 0 at 1 and 2; its slope has no jump, and is a at 1."""
    a, t = sympy.Rational(-3, 4), abs(t)
    return (a + 2) * t**3 - (a + 3) * t**2 + 1 if t <= 1 else a * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize(("n", "k"), [(3, 2), (4, 3), (1, 2), (2, 4)])
@pytest.mark.parametrize("aligned", [False, True])
def test_W7_upsampling(mode, n, k, aligned):
    """The weights of what lies around s_i; what is outside is the number at the end."""
    if mode == "nearest" and aligned:
        with pytest.raises(ValueError, match="align_corners is True, which makes no sense for mode nearest"):
            upsample.forward(np.ones((1, 1, n)), scale=k, align_corners=True)
        return
    matrix = np.full((n * k, n), sympy.Integer(0), object)
    for i in range(1, n * k + 1):
        s = (
            1 + sympy.Rational((i - 1) * (n - 1), max(1, k * n - 1))
            if aligned
            else sympy.Rational(2 * i - 1, 2 * k) + sympy.Rational(1, 2)
        )
        if mode == "nearest":
            matrix[i - 1, (i - 1) // k] = sympy.Integer(1)
            continue
        s = max(s, 1) if mode == "linear" else s
        for j in range(-1, n + 3):
            weight = cubic(s - j) if mode == "cubic" else max(0, 1 - abs(s - j))
            matrix[i - 1, min(max(j, 1), n) - 1] += weight
    x, g = maps("x", 1, 1, n), maps("g", 1, 1, n * k)
    assert_transposed(upsample, matrix, x, g, scale=k, mode=mode, align_corners=aligned)
    assert all(sum(row) == 1 for row in matrix), "a constant stays what it is"


def test_W7_axes_have_their_own_matrices():
    x, g = maps("x", 1, 1, 2, 3), maps("g", 1, 1, 4, 9)
    rows, columns = ({"scale": k, "mode": "linear"} for k in (2, 3))
    y = upsample.forward(x, scale=(2, 3), mode="linear")
    down = upsample.forward(x.transpose(0, 3, 1, 2).reshape(3, 1, 2), **rows)
    across = upsample.forward(down.transpose(1, 2, 0).reshape(4, 1, 3), **columns)
    assert equal(y[0, 0], across[:, 0])
    total = sympy.expand(sum((g * y).ravel().tolist()))
    expected = np.array([sympy.diff(total, symbol) for symbol in x.ravel()], object).reshape(x.shape)
    assert equal(upsample.backward(g, x, scale=(2, 3), mode="linear")[0], expected)


def test_W8_pixel_shuffle():
    x, g, r = maps("x", 1, 8, 2, 3), maps("g", 1, 2, 4, 6), 2
    y, (of_x,) = pixel_shuffle.forward(x, upscale_factor=r), pixel_shuffle.backward(g, x, upscale_factor=r)
    for c, a, b, i, j in np.ndindex(2, r, r, 2, 3):
        there, here = (0, c, r * i + a, r * j + b), (0, c * r * r + r * a + b, i, j)
        assert y[there] == x[here]
        assert of_x[here] == g[there]


@pytest.mark.parametrize(("s", "d", "p"), [(1, 1, 0), (2, 1, 1), (1, 2, 2), (3, 1, 0)])
def test_W9_unfold(s, d, p):
    """Two maps of seven numbers, and windows of two."""
    x, moves = maps("x", 1, 2, 7), {"kernel_size": 2, "stride": s, "padding": p, "dilation": d}
    y = unfold.forward(x, **moves)
    g = maps("g", *y.shape)
    gradient = np.full(x.shape, sympy.Integer(0), object)
    for c, k, i in np.ndindex(2, 2, y.shape[2]):
        j = s * i + d * k - p
        inside = 0 <= j < 7
        assert y[0, 2 * c + k, i] == (x[0, c, j] if inside else 0)
        if inside:
            gradient[0, c, j] += g[0, 2 * c + k, i]
    assert equal(unfold.backward(g, x, **moves)[0], gradient)


def test_W9_convolution_is_a_product_with_columns():
    x, weight = maps("x", 1, 2, 4, 3), maps("w", 2, 2, 2, 2)
    columns = unfold.forward(x, kernel_size=2, padding=1)
    product = weight.reshape(2, 8) @ columns[0]
    assert equal(conv.forward(x, weight, padding=1)[0].reshape(product.shape), product)


@pytest.mark.parametrize(("s", "d", "p"), [(1, 1, 0), (2, 1, 1), (1, 2, 2), (3, 1, 0)])
def test_W10_fold(s, d, p):
    """Two maps of seven numbers, and windows of two: each element of a column is added to one number, or to none."""
    moves = {"output_size": 7, "kernel_size": 2, "stride": s, "padding": p, "dilation": d}
    count = (7 + 2 * p - d - 1) // s + 1
    x, g = maps("x", 1, 4, count), maps("g", 1, 2, 7)
    y, gradient = (np.full(shape, sympy.Integer(0), object) for shape in (g.shape, x.shape))
    for c, k, i in np.ndindex(2, 2, count):
        j = s * i + d * k - p
        if 0 <= j < 7:
            y[0, c, j] += x[0, 2 * c + k, i]
            gradient[0, 2 * c + k, i] = g[0, c, j]
    assert equal(fold.forward(x, **moves), y)
    assert equal(fold.backward(g, x, **moves)[0], gradient)


def test_W10_fold_is_the_adjoint_of_unfold():
    moves = {"kernel_size": (2, 1), "stride": (1, 2), "padding": (1, 0)}
    v = maps("v", 1, 2, 2, 3)
    columns = unfold.forward(v, **moves)
    x = maps("x", *columns.shape)
    y = fold.forward(x, output_size=(2, 3), **moves)
    assert equal(unfold.backward(x, v, **moves)[0], y)
    assert equal(fold.backward(v, x, output_size=(2, 3), **moves)[0], columns)
    assert sympy.expand((x * columns).sum() - (y * v).sum()) == 0


def mirrored(mode, j, n):
    """Which of n numbers stands at place j, 1 to n being the numbers themselves; 0 for none."""
    if mode == "constant":
        return j if 1 <= j <= n else 0
    if mode == "reflect":
        return 2 - j if j < 1 else 2 * n - j if j > n else j
    return min(max(j, 1), n) if mode == "replicate" else 1 + (j - 1) % n


@pytest.mark.parametrize("mode", pad.MODES)
@pytest.mark.parametrize(("n", "b", "a"), [(4, 1, 3), (3, 0, 2), (4, 3, 0), (2, 1, 1)])
def test_W11_padding(mode, n, b, a):
    matrix = np.full((b + n + a, n), sympy.Integer(0), object)
    for i in range(1, b + n + a + 1):
        if j := mirrored(mode, i - b, n):
            matrix[i - 1, j - 1] = sympy.Integer(1)
    x, g = maps("x", 1, 1, n), maps("g", 1, 1, b + n + a)
    assert_transposed(pad, matrix, x, g, before=b, after=a, mode=mode)


@pytest.mark.parametrize("mode", pad.MODES)
def test_W11_a_corner_is_copied_twice(mode):
    """One number at every end of three by two: row and column have an r of their own."""
    x, g = maps("x", 1, 1, 3, 2), maps("g", 1, 1, 5, 4)
    y, (of_x,) = pad.forward(x, mode=mode), pad.backward(g, x, mode=mode)
    gradient = np.full(x.shape, sympy.Integer(0), object)
    for i, k in np.ndindex(5, 4):
        row, column = mirrored(mode, i, 3), mirrored(mode, k, 2)
        assert y[0, 0, i, k] == (x[0, 0, row - 1, column - 1] if row and column else 0)
        if row and column:
            gradient[0, 0, row - 1, column - 1] += g[0, 0, i, k]
    assert equal(of_x, gradient)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_W11_convolution_with_other_paddings(mode):
    """Padding and then convolution is torch's Conv2d with that padding mode, gradients too: on whole numbers, exactly."""
    draw = np.random.default_rng(8)
    x, weight = (draw.integers(-9, 10, shape).astype(float) for shape in ((2, 2, 5, 4), (3, 2, 3, 3)))
    ends = {"before": (2, 1), "after": (2, 1), "mode": "constant" if mode == "zeros" else mode}
    padded = pad.forward(x, **ends)
    y = conv.forward(padded, weight, stride=2)
    g = draw.integers(-9, 10, y.shape).astype(float)
    of_padded, of_weight, _ = conv.backward(g, padded, weight, stride=2)
    theirs = torch.nn.Conv2d(2, 3, 3, 2, (2, 1), bias=False, padding_mode=mode, dtype=torch.float64)
    theirs.weight.data, t = torch.from_numpy(weight), torch.from_numpy(x).requires_grad_()
    by_torch = theirs(t)
    by_torch.backward(torch.from_numpy(g))
    assert np.array_equal(by_torch.detach(), y)
    assert np.array_equal(t.grad, pad.backward(of_padded, x, **ends)[0])
    assert np.array_equal(theirs.weight.grad, of_weight)
