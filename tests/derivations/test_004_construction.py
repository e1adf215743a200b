"""004 again: its algorithm (3.3) and the construction of networks (4), with LeNet-5 as the example.

w is any weight, α the step size, λ the weight decay, J the loss, σ the sigmoid.
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
    cross_entropy,
    dropout,
    euclidean_loss,
    lenet,
    linear,
    local_response_norm,
    max_pool,
    relu,
    sgd,
    sigmoid,
)
from reference.network import Layer, backpropagation, feedforward
from tests.derivations._notation import (
    IN_SIGMOID,
    IN_SIGMOID_SLOPE,
    equal,
    sigmoid_of,
    sigmoid_slope,
    symbols,
    to,
    within,
)


def rng(row):
    """The random numbers of a row."""
    return np.random.default_rng(row)


def quadratic_network():
    """Convolution, max pooling, convolution, average pooling, fully connected; whole-numbered, with one sample of 11x11."""
    numbers = rng(59)  # which leave no 0 before a ReLU and no two equal maxima
    shapes = (2, 1, 2, 2), (2,), (2, 2, 2, 2), (2,), (3, 8), (3,)
    of = [numbers.integers(-3, 4, shape).astype(float) for shape in shapes]

    def layers(of):
        return [
            Layer(conv, of[0:2], activation=relu),
            Layer(max_pool),
            Layer(conv, of[2:4], activation=relu),
            Layer(avg_pool),
            Layer(lenet.FullyConnected, of[4:6]),
        ]

    return (
        layers,
        of,
        numbers.integers(-4, 5, (1, 1, 11, 11)).astype(float),
        numbers.integers(-9, 10, (1, 3)).astype(float),
    )


def test_C16_the_algorithm():
    """δ from the output layer down through dense, pooling and convolution layers; then w ← w − α ∂J/∂w, b likewise.

    J = ½‖y − target‖² is of degree 2 in each single weight as long as no ReLU and no maximum changes its mind. So
    (J(w+h) − J(w−h)) / 2h is its derivative exactly; and with h = 2⁻¹⁰ no number here needs more than 53 bits.
    """
    layers, of, x, target = quadratic_network()
    J, found = backpropagation(layers(of), euclidean_loss, x, target)
    found = [gradient for layer in found for gradient in layer]
    assert J > 0
    h = 2.0**-10
    for which, gradient in enumerate(found):
        assert gradient.any()
        for place in np.ndindex(gradient.shape):
            J_at = {}
            for step in (h, -h):
                moved = [array.copy() for array in of]
                moved[which][place] += step
                J_at[step] = euclidean_loss.forward(feedforward(layers(moved), x), target)
            assert gradient[place] == (J_at[h] - J_at[-h]) / (2 * h)
    alpha = 2.0**-10
    adjusted, _ = sgd.step(of, found, learning_rate=alpha)
    assert all(np.array_equal(a, w - alpha * g) for a, w, g in zip(adjusted, of, found, strict=True))


def test_C17_gradients_over_all_samples_and_weight_decay():
    """∇ = Σ_n ∇_n, or the mean of them, as J is the sum or the mean over the samples; w ← w − α(∇ + λw).

    λw is the gradient of ½λ‖w‖², added to J: it draws each weight towards 0.
    """
    layers, of, _, _ = quadratic_network()
    x, target = rng(17).integers(-4, 5, (4, 1, 11, 11)), rng(170).integers(-9, 10, (4, 3))
    _, mean = backpropagation(layers(of), euclidean_loss, x, target)
    alone = [backpropagation(layers(of), euclidean_loss, x[[n]], target[[n]])[1] for n in range(4)]
    for place, gradients in enumerate(mean):
        for which, gradient in enumerate(gradients):
            assert np.array_equal(gradient, sum(one[place][which] for one in alone) / 4)
    y, t = symbols("y", 4, 3).array, symbols("t", 4, 3).array
    of_sum, of_mean = (
        euclidean_loss.backward(np.array(1, object), y, t, reduction=reduction)[0] for reduction in ("sum", "mean")
    )
    assert equal(of_sum, 4 * of_mean)
    w, nabla, (alpha, decay) = symbols("w", 3).array, symbols("∇", 3).array, sympy.symbols("α λ")
    (adjusted,), _ = sgd.step([w], [nabla], learning_rate=alpha, weight_decay=decay)
    assert equal(adjusted, w - alpha * (nabla + decay * w))
    penalty = decay / 2 * (w**2).sum()
    assert equal(adjusted, [w_i - alpha * (n_i + sympy.diff(penalty, w_i)) for w_i, n_i in zip(w, nabla, strict=True)])


def test_C18_fully_connected_sigmoid_relu_and_the_losses():
    """Σ_i x_i·w_oi + b_o; 1/(1+e^{−x}); max(x, 0); Σ‖y−t‖²/2N; −log softmax(x)_t: each with its derivative."""
    x, w, b, g = symbols("x", 2, 3).array, symbols("w", 2, 3).array, symbols("b", 2).array, symbols("g", 2, 2).array
    y = linear.forward(x, w, b)
    assert equal(y, [[sum(x[n, i] * w[o, i] for i in range(3)) + b[o] for o in range(2)] for n in range(2)])
    for gradient, of in zip(linear.backward(g, x, w, b), (x, w, b), strict=True):
        assert equal(gradient.ravel(), [sympy.diff((g * y).sum(), symbol) for symbol in of.flat])
    x, g = np.arange(-12, 13) / 4, rng(18).integers(-9, 10, 25)
    assert within(sigmoid.forward(x), sigmoid_of(x), IN_SIGMOID)
    assert within(sigmoid.backward(g, x)[0], g * sigmoid_slope(x), IN_SIGMOID_SLOPE)
    assert np.array_equal(relu.forward(x), [max(n, 0) for n in x])
    assert np.array_equal(relu.backward(g, x)[0], [g_n if n > 0 else 0 for g_n, n in zip(g, x, strict=True)])
    p, t = symbols("p", 3, 2).array, symbols("t", 3, 2).array
    for reduction, samples in (("mean", 3), ("sum", 1)):
        loss = euclidean_loss.forward(p, t, reduction=reduction)
        assert equal(loss, ((p - t) ** 2).sum() / (2 * samples))
        for gradient, of in zip(
            euclidean_loss.backward(np.array(1, object), p, t, reduction=reduction), (p, t), strict=True
        ):
            assert equal(gradient.ravel(), [sympy.diff(loss[()], symbol) for symbol in of.flat])


@pytest.mark.parametrize(("reduction", "positions"), [("mean", 3), ("sum", 1)])
def test_C18_cross_entropy(reduction, positions):
    """E = −log p_t, ∂E/∂x_j = p_j − [j = t], p = softmax(x): log p_t = x_t − log Σ e^x, and ∂ log Σ e^x/∂x_j = p_j."""
    logits, target = rng(180).integers(-5, 6, (3, 4)), np.array([2, 0, 2])
    x = symbols("x", 3, 4).array
    E = sum(-sympy.log(sympy.exp(x[n, t]) / sum(map(sympy.exp, x[n]))) for n, t in enumerate(target)) / positions
    at = {symbol: int(number) for symbol, number in zip(x.flat, logits.flat, strict=True)}
    loss = cross_entropy.forward(logits.astype(float), target, reduction=reduction)
    gradient, nothing = cross_entropy.backward(np.array(1.0), logits.astype(float), target, reduction=reduction)
    # Each power is two roundings, their sum three more; log1p two and three samples four more, quotients two each.
    assert within(loss, float(E.subs(at).evalf(30)), (2 + 3) + 2 + 4)
    expected = [float(sympy.diff(E, symbol).subs(at).evalf(30)) for symbol in x.flat]
    assert within(gradient, np.reshape(expected, (3, 4)), 2 * (2 + 3) + 4)
    assert nothing is None


def rational(floats):
    """The numbers that these are, exactly."""
    return [sympy.Rational(float(number)) for number in floats]


def test_C19_batch_normalisation():
    """y = γ(x − μ)/√(v + ε) + β, μ and v = Σ(x−μ)²/m of a channel over the batch; they depend on every x, too.

    Numbers whose deviation is a power of 2, √(3 + 1) and √(15 + 1), so that not a bit is rounded.
    """
    x = np.array([[3, 1, -3, -1, 1, -1, 1, -1], [7, 5, -5, -3, -1, 1, -3, -1]]).T + np.array([5, 2])
    gamma, beta, g = np.array([3, -2]), np.array([1, 4]), rng(19).integers(-9, 10, (8, 2))
    y = batch_norm.forward(x.astype(float), gamma, beta, eps=1)
    found = batch_norm.backward(g, x.astype(float), gamma, beta, eps=1)
    for channel in range(2):
        numbers = [*map(int, x[:, channel]), int(gamma[channel]), int(beta[channel])]

        def Y(*X, gamma, beta):
            mean = sympy.Rational(1, 8) * sum(X)
            deviation = sympy.sqrt(sympy.expand(sum((n - mean) ** 2 for n in X) / 8 + 1))
            return [gamma * (n - mean) / deviation + beta for n in X]

        assert equal(rational(y[:, channel]), Y(*numbers[:8], gamma=numbers[8], beta=numbers[9]))
        t, expected = sympy.Symbol("t"), []
        for place, number in enumerate(numbers):
            *X, c, b = (t if i == place else n for i, n in enumerate(numbers))
            J = sum(int(g_n) * y_n for g_n, y_n in zip(g[:, channel], Y(*X, gamma=c, beta=b), strict=True))
            expected.append(sympy.diff(J, t).subs(t, number))
        assert equal(rational([*found[0][:, channel], found[1][channel], found[2][channel]]), expected)


def test_C19_local_response_normalisation():
    """y_c = x_c · s_c^{−β}, s_c = k + α/size · Σ x² over the channels around c: x_c is in its own s and its neighbours'."""
    size, alpha, beta, k = 3, 0.75, 0.75, 2
    x, g = rng(190).integers(-5, 6, (1, 5, 2)).astype(float), rng(191).integers(-9, 10, (1, 5, 2))
    y = local_response_norm.forward(x, size=size, alpha=alpha, beta=beta, k=k)
    (gradient,) = local_response_norm.backward(g, x, size=size, alpha=alpha, beta=beta, k=k)
    X = symbols("x", 5)
    s = {c: k + sympy.Rational(1, 4) * sum(X.get((i,)) ** 2 for i in (c - 1, c, c + 1)) for c in to(5)}
    Y = {c: X[c] * s[c] ** sympy.Rational(-3, 4) for c in to(5)}
    for place in range(2):
        at = dict(zip(X.array, map(int, x[0, :, place]), strict=True))
        # s is exact, a power is two roundings, a product one
        assert within(y[0, :, place], [float(Y[c].subs(at).evalf(30)) for c in to(5)], 3)
        for j in to(5):
            parts = [float((int(g[0, c - 1, place]) * sympy.diff(Y[c], X[j])).subs(at).evalf(30)) for c in to(5)]
            # and g_j·s_j^{−β}, which is what ∂y_j/∂x_j has before the quotient rule takes away its own part
            direct = float((int(g[0, j - 1, place]) * s[j] ** sympy.Rational(-3, 4)).subs(at).evalf(30))
            terms = sum(map(abs, parts)) + 2 * abs(direct)
            # power and product, times x, by s, three windows added, times 2αβ/size (three roundings) and x, subtracted
            assert within(gradient[0, j - 1, place], sum(parts), 3 + 2 + 2 + 3 + 2 + 1, terms)


def test_C19_dropout():
    """y = x · mask / (1 − p), and the gradient likewise: over all masks, with their probabilities, y is x on average."""
    x, g, p = symbols("x", 3).array, symbols("g", 3).array, sympy.Rational(1, 4)
    average = 0
    for mask in product([0, 1], repeat=3):
        y = dropout.forward(x, np.array(mask), p=p)
        gradient, _ = dropout.backward(g, x, np.array(mask), p=p)
        assert equal(y, [x_i * m / (1 - p) for x_i, m in zip(x, mask, strict=True)])
        assert equal(gradient, [g_i * m / (1 - p) for g_i, m in zip(g, mask, strict=True)])
        average = average + y * p ** mask.count(0) * (1 - p) ** mask.count(1)
    assert equal(average, x)


def test_C20_LeNet5(monkeypatch):
    """32x32 → C1 → S2 → C3 → S4 → C5 → F6 → ten distances: LeCun's table, 60 000 parameters, autograd's gradients.

    With ReLU for its activation and whole numbers for its parameters the network is exact, so the gradients must be
    torch's to the last bit. That it learns real digits, with its own activation: tests/examples/test_lenet.py.
    """
    three, four = ([{(first + i) % 6 for i in range(n)} for first in range(6)] for n in (3, 4))
    table = [*three, *four, {0, 1, 3, 4}, {1, 2, 4, 5}, {0, 2, 3, 5}, {0, 1, 2, 3, 4, 5}]
    assert [set(np.flatnonzero(row)) for row in lenet.TABLE] == table
    assert sum(map(len, table)) == 60
    counts = lenet.counts(lenet.parameters(seed=0))
    assert counts == {"C1": 156, "S2": 12, "C3": 1516, "S4": 32, "C5": 48120, "F6": 10164}
    assert sum(counts.values()) == 156 + 12 + 1516 + 32 + 48120 + 10164 == 60_000

    monkeypatch.setattr(lenet, "ScaledTanh", relu)
    numbers = rng(20)
    of = {
        name: tuple(numbers.integers(-1, 2, array.shape).astype(float) for array in arrays)
        for name, arrays in lenet.parameters(seed=0).items()
    }
    x, labels = numbers.integers(0, 3, (2, 1, 32, 32)).astype(float), np.array([3, 8])
    a, shapes = x, []
    for layer in lenet.layers(of):
        a = layer.activated(layer.weighted(a))
        shapes.append(a.shape[1:])
    assert shapes == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120, 1, 1), (84,)]
    C, gradients = lenet.loss_and_gradients(of, x, labels)

    def subsampled(a, coefficient, bias):
        return torch.nn.functional.avg_pool2d(a, 2) * 4 * coefficient[:, None, None] + bias[:, None, None]

    w = {name: [torch.tensor(array, requires_grad=True) for array in arrays] for name, arrays in of.items()}
    weight, bias = w["C3"]
    a = subsampled(torch.conv2d(torch.tensor(x), *w["C1"]).relu(), *w["S2"]).relu()
    a = torch.conv2d(a, weight * torch.tensor(lenet.TABLE)[:, :, None, None], bias).relu()
    a = torch.conv2d(subsampled(a, *w["S4"]).relu(), *w["C5"]).relu()
    y = torch.nn.functional.linear(a.flatten(1), *w["F6"]).relu()
    expected = (y - torch.tensor(lenet.CODES[labels])).square().sum() / 4
    expected.backward()
    assert expected.item() == C
    for name, arrays in w.items():
        for array, gradient in zip(arrays, gradients[name], strict=True):
            assert gradient.any()
            assert np.array_equal(array.grad.numpy(), gradient)
