"""reference.network: 003's five steps against its own formulas, and against torch.autograd."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
import torch
from torch.nn import functional

from reference import avg_pool, conv, euclidean_loss, linear, max_pool, relu, sigmoid, subsample
from reference.network import Layer, backpropagation, feedforward
from tests.reference.apart import Bend, apart
from tests.reference.drawn import whole_numbers

LOGISTIC = Bend(slope=1 / 4, second=1 / (6 * sqrt(3)))


def two_convolutions(seed, activation, *, channels=(2, 3, 2), numbers=whole_numbers):
    """Two layers of true convolution (003, P3), an input for them and a target."""
    rng = np.random.default_rng(seed)
    layers = [
        Layer(
            conv,
            (numbers(rng, (above, below, 3, 2), float), numbers(rng, (above,), float)),
            {"flip": True},
            activation,
        )
        for below, above in pairwise(channels)
    ]
    x = numbers(rng, (2, channels[0], 7, 6), float)
    return layers, x, numbers(rng, (2, channels[-1], 3, 4), float)


def real_numbers(rng, shape, _):
    return rng.uniform(-1, 1, shape)


def in_torch(layers, activation, x, target):
    """The cost and all gradients that torch.autograd finds for layers of true convolution."""
    parameters = [tuple(torch.tensor(p, requires_grad=True) for p in layer.parameters) for layer in layers]
    a = torch.from_numpy(x)
    for weight, bias in parameters:
        a = activation(functional.conv2d(a, weight.flip(2, 3), bias))
    C = ((a - torch.from_numpy(target)) ** 2).sum() / (2 * len(x))
    C.backward()
    return C.item(), [tuple(p.grad.numpy() for p in pair) for pair in parameters]


def full_correlation(delta, w):
    """δ * ROT180(w), full (003, P5): every element of δ spreads over a window of its own, as a loop."""
    spread = np.zeros(np.add(delta.shape, w.shape) - 1)
    turned = w[::-1, ::-1]
    for x, y in np.ndindex(delta.shape):
        spread[x : x + w.shape[0], y : y + w.shape[1]] += delta[x, y] * turned
    return spread


@pytest.mark.parametrize("seed", range(5))
def test_P8_two_convolution_layers_by_the_documents_formulas(seed):
    """The five steps with 003's own equations, one map a layer, σ the ReLU: whole numbers, so not a bit may be off."""
    layers, x, target = two_convolutions(seed, relu, channels=(1, 1, 1))
    (w2, b2), (w3, b3) = ([p[0, 0] if p.ndim > 1 else p[0] for p in layer.parameters] for layer in layers)
    loss, (of_first, of_second) = backpropagation(layers, euclidean_loss, x[:1], target[:1])

    def sigma(z):
        return np.maximum(z, 0)

    def valid(a, w):
        return np.array(
            [
                [(a[i : i + w.shape[0], j : j + w.shape[1]] * w[::-1, ::-1]).sum() for j in range(a.shape[1] - 1)]
                for i in range(a.shape[0] - 2)
            ]
        )

    a1 = x[0, 0]  # 1. Input
    z2 = valid(a1, w2) + b2  # 2. Feedforward
    z3 = valid(sigma(z2), w3) + b3
    error3 = (sigma(z3) - target[0, 0]) * (z3 > 0)  # 3. Output error
    error2 = full_correlation(error3, w3) * (z2 > 0)  # 4. Backpropagate the error
    assert loss == ((sigma(z3) - target[0, 0]) ** 2).sum() / 2
    for (grad_w, grad_b), error, below in ((of_first, error2, a1), (of_second, error3, sigma(z2))):  # 5. Gradient
        patches = np.lib.stride_tricks.sliding_window_view(below, error.shape)
        assert np.array_equal(grad_w[0, 0], (patches * error).sum(axis=(2, 3))[::-1, ::-1])
        assert grad_b == error.sum()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("activation", "of_torch"), [(None, lambda z: z), (relu, torch.relu)], ids=["linear", "relu"])
def test_two_convolution_layers_are_torchs_to_the_last_bit(activation, of_torch, seed):
    """Whole numbers throughout, halves in the cost: every sum is exact."""
    layers, x, target = two_convolutions(seed, activation)
    loss, gradients = backpropagation(layers, euclidean_loss, x, target)
    expected, right = in_torch(layers, of_torch, x, target)
    assert loss == expected
    assert [[g.shape for g in pair] for pair in gradients] == [[p.shape for p in layer.parameters] for layer in layers]
    for found, known in zip(gradients, right, strict=True):
        assert all(map(np.array_equal, found, known))


@pytest.mark.parametrize("seed", range(5))
def test_two_convolution_layers_with_sigmoids_are_torchs_within_rounding(seed):
    layers, x, target = two_convolutions(seed, sigmoid, numbers=real_numbers)
    _, gradients = backpropagation(layers, euclidean_loss, x, target)
    _, right = in_torch(layers, torch.sigmoid, x, target)
    bounds = apart(layers, LOGISTIC, x, target, terms=2 * 5 * 5 + 2)  # ∂C/∂b of the first layer: its 2 maps of 5x5
    for found, known, bound in zip(gradients, right, bounds, strict=True):
        for ours, torchs, largest in zip(found, known, bound, strict=True):
            assert np.all(np.abs(ours - torchs) <= largest)
            assert largest.max() < 1e-11 * np.abs(torchs).max(), "the bound says something"


def test_layers_of_any_kind_are_torchs_to_the_last_bit():
    """Pooling, subsampling and linear layers, with and without parameters and options."""

    class Rows:
        """A linear layer on the numbers of a sample in a row."""

        @staticmethod
        def forward(x, *parameters):
            return linear.forward(x.reshape(len(x), -1), *parameters)

        @staticmethod
        def backward(g, x, *parameters):
            grad_rows, *others = linear.backward(g, x.reshape(len(x), -1), *parameters)
            return grad_rows.reshape(x.shape), *others

    rng = np.random.default_rng(3)
    shapes = [((3, 2, 3, 3), (3,)), (), ((3,), (3,)), (), ((4, 18), (4,)), ((2, 4),)]
    parameters = [tuple(whole_numbers(rng, shape, float) for shape in pair) for pair in shapes]
    x, target = whole_numbers(rng, (4, 2, 18, 18), float), whole_numbers(rng, (4, 2), float)
    kinds = [
        (conv, {"padding": 1}, relu),
        (max_pool, {"kernel_size": 3}, None),
        (subsample, {"kernel_size": (1, 2)}, None),
        (avg_pool, {"kernel_size": (2, 1), "stride": (4, 1)}, None),
        (Rows, {}, relu),
        (linear, {}, None),
    ]
    # 18x18, by the pool of 3 to 6x6, by blocks of 1x2 to 6x3, by every other pair of rows to 2x3: 18 numbers of 3 maps
    layers = [Layer(op, of, options, f) for (op, options, f), of in zip(kinds, parameters, strict=True)]
    loss, gradients = backpropagation(layers, euclidean_loss, x, target)

    of_torch = [tuple(torch.tensor(p, requires_grad=True) for p in pair) for pair in parameters]
    a = functional.max_pool2d(torch.relu(functional.conv2d(torch.from_numpy(x), *of_torch[0], padding=1)), 3)
    a = 2 * functional.avg_pool2d(a, (1, 2)) * of_torch[2][0][:, None, None] + of_torch[2][1][:, None, None]
    a = functional.avg_pool2d(a, (2, 1), (4, 1)).flatten(1)
    a = functional.linear(torch.relu(functional.linear(a, *of_torch[4])), *of_torch[5])
    expected = ((a - torch.from_numpy(target)) ** 2).sum() / 8
    expected.backward()
    assert loss == expected.item()
    assert [len(pair) for pair in gradients] == [2, 0, 2, 0, 2, 1]
    for found, pair in zip(gradients, of_torch, strict=True):
        for ours, parameter in zip(found, pair, strict=True):
            assert np.array_equal(ours, parameter.grad.numpy())


def test_the_rounding_bound_rejects_a_kernel_that_is_not_turned():
    """Correlation in place of convolution on the way back: far outside what rounding can do."""

    class Unturned:
        forward = staticmethod(conv.forward)

        @staticmethod
        def backward(g, x, weight, bias, *, flip):
            return conv.backward(g, x, weight[..., ::-1, ::-1], bias, flip=flip)

    layers, x, target = two_convolutions(0, sigmoid, numbers=real_numbers)
    wrong = [layers[0], Layer(Unturned, layers[1].parameters, layers[1].options, sigmoid)]
    found = backpropagation(wrong, euclidean_loss, x, target)[1][0][0]
    right = backpropagation(layers, euclidean_loss, x, target)[1][0][0]
    bound = apart(layers, LOGISTIC, x, target, terms=52)[0][0]
    assert np.all(np.abs(found - right) > 1000 * bound)


def test_feedforward_is_the_activation_of_the_last_layer():
    layers, x, target = two_convolutions(1, relu)
    a = relu.forward(conv.forward(x, *layers[0].parameters, flip=True))
    a = relu.forward(conv.forward(a, *layers[1].parameters, flip=True))
    assert np.array_equal(feedforward(layers, x), a)
    loss, _ = backpropagation(layers, euclidean_loss, x, target)
    assert loss == euclidean_loss.forward(a, target)


def test_nothing_given_is_changed():
    layers, x, target = two_convolutions(2, relu)
    arrays = [x, target, *(p for layer in layers for p in layer.parameters)]
    before = [a.copy() for a in arrays]
    backpropagation(layers, euclidean_loss, x, target)
    assert all(map(np.array_equal, arrays, before))


def test_a_network_without_layers_has_nothing_to_propagate():
    with pytest.raises(ValueError, match="no layers"):
        backpropagation([], euclidean_loss, np.zeros((1, 1)), np.zeros((1, 1)))
