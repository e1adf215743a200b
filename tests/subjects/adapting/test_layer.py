"""Layers as courses write them are judged as they are: right ones right, and a mistake by its name."""

from __future__ import annotations

import numpy as np
import pytest

from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import NotAnImplementation
from checks.verdict.judging import judge


class Dense:
    """As in Neural Networks from Scratch: weights (in, out), and a bias with an axis of samples."""

    def __init__(self, n_inputs, n_neurons):
        self.weights = np.ones((n_inputs, n_neurons))
        self.biases = np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        return inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(axis=0, keepdims=True)
        return dvalues @ self.weights.T


class Averaged(Dense):
    def backward(self, dvalues):
        dx = super().backward(dvalues)
        self.dweights = self.dweights / max(1, len(dvalues))
        return dx


class SamplesLast:
    """x (features, samples), parameters in a dictionary."""

    def __init__(self, input_size, output_size):
        self.params = {"W": np.ones((output_size, input_size)), "b": np.zeros((output_size, 1))}

    def forward(self, A_prev):
        self.cache = A_prev
        return self.params["W"] @ A_prev + self.params["b"]

    def backward(self, dZ):
        self.grads = {"W": dZ @ self.cache.T, "b": dZ.sum(axis=1, keepdims=True)}
        return self.params["W"].T @ dZ


class ConvNHWC:
    """Two dimensions, channels last, weight HWIO."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1):
        self.k, self.s = kernel_size, stride
        self.W = np.ones((self.k, self.k, in_channels, out_channels))
        self.b = np.zeros(out_channels)

    def places(self, y):
        for i, j in np.ndindex(y.shape[1:3]):
            yield (
                i,
                j,
                np.s_[:, i * self.s : i * self.s + self.W.shape[0], j * self.s : j * self.s + self.W.shape[1]],
            )

    def forward(self, x):
        self.x = x
        n, h, w, _ = x.shape
        out = [(size - k) // self.s + 1 for size, k in zip((h, w), self.W.shape, strict=False)]
        y = np.zeros((n, *out, len(self.b)), x.dtype)
        for i, j, window in self.places(y):
            y[:, i, j] = np.tensordot(x[window], self.W, 3) + self.b
        return y

    def backward(self, dout):
        dx, self.dW, self.db = np.zeros_like(self.x), np.zeros_like(self.W), dout.sum(axis=(0, 1, 2))
        for i, j, window in self.places(dout):
            dx[window] += np.tensordot(dout[:, i, j], self.W, ([1], [3]))
            self.dW += np.tensordot(self.x[window], dout[:, i, j], ([0], [0]))
        return dx


class Turned(ConvNHWC):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = self.dW[::-1, ::-1]
        return dx


def judged(op, layer, examples=12):
    return judge(op, layer, examples=examples, seed=3)


@pytest.mark.parametrize(
    ("op", "layer", "said"),
    [
        ("linear", Dense, "x (*batch I), weight (I O)"),
        ("linear", SamplesLast, "x (I *batch), weight (O I)"),
        ("conv", ConvNHWC, "x (N *size C), weight (*kernel C/groups O)"),
    ],
)
def test_the_only_arrangement_in_which_forward_is_right_is_found_and_said(op, layer, said):
    assert said in Implementation.of(find(op), layer).assumed[0]


@pytest.mark.parametrize(("op", "right", "wrong"), [("linear", Dense, Averaged), ("conv", ConvNHWC, Turned)])
def test_a_right_layer_is_right_and_a_mistake_is_found_in_its_weight(op, right, wrong):
    assert judged(op, right).exit_code == 0
    report = judged(op, wrong)
    assert report.exit_code == 1
    assert {failure.result for failure in report.failures} == {"grad_weight"}


def test_samples_last_is_judged_as_it_is():
    assert judged("linear", SamplesLast).exit_code == 0


def test_a_wrong_forward_is_judged_in_the_nearest_arrangement_and_wrong():
    class Shifted(Dense):
        def forward(self, inputs):
            return super().forward(inputs) + 1

    report = judged("linear", Shifted, 8)
    assert report.exit_code == 1
    assert {failure.result for failure in report.failures} == {"y"}
    assert (
        report.assumed[0] == "x (*batch I), weight (I O), bias (1 O): the nearest arrangement; forward is right in none"
    )


def test_what_fits_no_arrangement_is_said():
    class Flat(Dense):
        def forward(self, inputs):
            return super().forward(inputs).sum()

    with pytest.raises(NotAnImplementation, match="forward is right in: none"):
        Implementation.of(find("linear"), Flat)


def test_what_fits_no_arrangement_is_answered_with_those_that_were_tried():
    class Lost(Dense):
        def forward(self, inputs):
            if inputs.ndim == 1:
                raise ValueError("expected rows")
            return np.sin(super().forward(inputs)[::-1]) + np.arange(len(inputs))[:, None]

    with pytest.raises(NotAnImplementation) as refused:
        Implementation.of(find("linear"), Lost)
    said = str(refused.value).splitlines()
    assert said[0].endswith("of 3 ways to call it, forward is right in: none")
    assert "  x as *batch I | I *batch | I" in said
    assert "  weight as I O, looked for at weights" in said
    assert "  without axes *batch" in said
    assert any(line.startswith("  once: ValueError: expected rows (test_layer.py:") for line in said)
    assert any("y of the right shape with other numbers, nearest as x (*batch I)" in line for line in said)


def test_what_takes_an_argument_that_is_not_known_is_not_called_wrong():
    class Activated(Dense):
        def __init__(self, n_inputs, n_neurons, activation="relu"):
            super().__init__(n_inputs, n_neurons)
            self.activation = activation

        def forward(self, inputs):
            return np.maximum(super().forward(inputs), 0)

    with pytest.raises(NotAnImplementation, match="what activation means is not known"):
        Implementation.of(find("linear"), Activated)


def test_where_no_gradient_is_left_that_is_said_and_nothing_judged():
    class Silent(Dense):
        def backward(self, dvalues):
            return dvalues @ self.weights.T

    with pytest.raises(NotAnImplementation, match="no gradient of weight, and leaves none as dweights"):
        Implementation.of(find("linear"), Silent)


class Tiled:
    """A max pooling of tiles, which have to divide the picture."""

    def __init__(self, size, stride):
        assert size == stride
        self.size = size

    def forward(self, x):
        n, c, h, w = self.shape = x.shape
        assert h % self.size == w % self.size == 0
        tiles = x.reshape(n, c, h // self.size, self.size, w // self.size, self.size)
        y = tiles.max((3, 5))
        self.mask = tiles == y[:, :, :, None, :, None]
        self.mask = self.mask / self.mask.sum((3, 5), keepdims=True)
        return y

    def backward(self, g):
        return (self.mask * g[:, :, :, None, :, None]).reshape(self.shape)


class Halved(Tiled):
    def backward(self, g):
        return super().backward(g) / 2


def test_a_pooling_whose_tiles_have_to_divide_the_picture_is_judged_there():
    assert judge("max_pool", Tiled, examples=20, seed=1).exit_code == 0
    assert judge("max_pool", Halved, examples=20, seed=1).exit_code == 1


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_derivative(a):
    return a * (1 - a)


def squashed(x):
    return np.tanh(x)


def squashed_prime(y):
    return 1 - y**2


def test_a_derivative_of_what_came_out_is_not_called_wrong():
    with pytest.raises(NotAnImplementation, match=r"handed y, what forward returned, it is right; .* call it y, or x"):
        Implementation.of(find("sigmoid"), sigmoid)
    assert judged("tanh", squashed, 8).exit_code == 0


class Views:
    """What it returns are views: of x, and of the cotangent."""

    def __init__(self, upscale_factor):
        self.r = upscale_factor

    def forward(self, x):
        n, c, h, w = x.shape
        self.shape, r = x.shape, self.r
        return x.reshape(n, c // r**2, r, r, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // r**2, h * r, w * r)

    def backward(self, g):
        n, c, h, w = self.shape
        return g.reshape(n, c // self.r**2, h, self.r, w, self.r).transpose(0, 1, 3, 5, 2, 4).reshape(self.shape)


def test_a_layer_may_return_views():
    assert judged("pixel_shuffle", Views, 8).exit_code == 0


class OfAll:
    """The mean of each channel, without axes of one element."""

    def forward(self, x):
        self.shape = x.shape
        return x.mean((2, 3))

    def backward(self, g):
        return np.ones(self.shape) * g[:, :, None, None] / (self.shape[2] * self.shape[3])


def test_a_pooling_of_everything_may_have_no_axes_left():
    report = judged("adaptive_avg_pool", OfAll, 8)
    assert (report.exit_code, report.assumed[0].split(":")[0]) == (0, "x (N C *size), y (N C)")


class OfRows:
    """A norm by running statistics of rows: forwards it is right with more axes, backwards it sums over the first alone."""

    def __init__(self, num_features):
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)

    def forward(self, x):
        self.s = 1 / np.sqrt(self.running_var + 1e-5)
        self.n = (x - self.running_mean) * self.s
        return self.gamma * self.n + self.beta

    def backward(self, g):
        self.dgamma, self.dbeta = (g * self.n).sum(0), g.sum(0)
        return g * self.gamma * self.s


def test_code_of_rows_is_judged_on_rows():
    report = judged("batch_norm_inference", OfRows, 8)
    assert report.exit_code == 0
