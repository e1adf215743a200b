"""003, "Backpropagation in convolutional networks" (卷积神经网络反向传播推导): every result, in the document's letters.

z^l is what goes into the activation σ, of which only σ' is known; a^l = σ(z^l); δ^l = ∂C/∂z^l; w a kernel. Convolution
is true convolution, conv with `flip`. Sums are over all indices that exist; a 3x3 kernel counts from its centre,
w[−1, −1] … w[1, 1], so that the map z^{l+1} of a 5x6 map z^l has the indices (2, 2) … (4, 5).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy

from reference import conv, euclidean_loss, linear
from reference.network import Layer, backpropagation, feedforward
from tests.derivations._notation import AnyActivation, Tensor, equal, sigma, sigma_prime, symbols, to

FLIP = {"flip": True}
LAYER = Layer(conv, options=FLIP, activation=AnyActivation)


def activations(z):
    """σ(z)."""
    return Tensor(LAYER.activated(z.array), z.first)


def through_activation(gradient, z):
    """∂C/∂z, given ∂C/∂σ(z)."""
    return Tensor(LAYER.error(gradient, z.array), z.first)


def next_layer(a, w, b):
    """z^{l+1} of the reference; its first index is the first x for which x − a exists in z^l for every a of w."""
    z = conv.forward(a.array[None, None], w.array[None, None], np.array([b]), **FLIP)[0, 0]
    return Tensor(z, tuple(f + g + n - 1 for f, g, n in zip(a.first, w.first, w.shape, strict=True)))


def gradients(delta, a, w):
    """∂C/∂a and ∂C/∂w of the reference, given δ^{l+1}."""
    of_a, of_w, _ = conv.backward(*(t.array[None, None] for t in (delta, a, w)), **FLIP)
    return of_a[0, 0], Tensor(of_w[0, 0], w.first)


@pytest.fixture
def z():
    return symbols("z", 5, 6)


@pytest.fixture
def w():
    return symbols("w", 3, 3, first=(-1, -1))


@pytest.fixture
def delta():
    """δ^{l+1}, with the indices of z^{l+1}."""
    return symbols("δ", 3, 4, first=(2, 2))


def test_P1_error_in_a_multilayer_perceptron():
    """δ_j^l = Σ_k w_jk δ_k^{l+1} · σ'(z_j^l): z_j^l reaches every neuron k above, with weight w_jk, through its own σ."""
    z, w, above = symbols("z", 3), symbols("w", 3, 2), symbols("δ", 2)
    a = activations(z)
    of_a, _, _ = linear.backward(above.array[None], a.array[None], w.array.T)
    delta = through_activation(of_a[0], z)
    z_above = Tensor(linear.forward(a.array[None], w.array.T)[0])
    for j in to(3):
        assert equal(delta[j], sum(w[j, k] * above[k] for k in to(2)) * sigma_prime(z[j]))
        assert equal(delta[j], sum(above[k] * sympy.diff(z_above[k], z[j]) for k in to(2))), "the chain rule itself"


def test_P2_a_dense_layer_with_cut_and_shared_weights_is_a_convolution(w):
    """Cut all connections but those of a banded matrix, share its diagonals, and a dense layer is a convolution.

    T[(x,y), (x',y')] = w[x−x', y−y'], or 0. The outputs and the input gradients are the same; the weight gradients of the
    connections that share w_ab add up to ∂C/∂w_ab.
    """
    a, b = symbols("a", 4, 5), sympy.Symbol("b")
    z = next_layer(a, w, b)
    delta = symbols("δ", *z.shape, first=z.first)
    inputs, outputs = list(a.indices()), list(z.indices())
    offset = {(o, i): (o[0] - i[0], o[1] - i[1]) for o in outputs for i in inputs}
    T = np.array([[w.get(offset[o, i]) for i in inputs] for o in outputs])
    bias = np.array([b] * len(outputs))
    dense = linear.forward(a.array.reshape(1, -1), T, bias)
    of_a, of_T, _ = linear.backward(delta.array.reshape(1, -1), a.array.reshape(1, -1), T, bias)
    conv_of_a, conv_of_w = gradients(delta, a, w)
    assert equal(dense.reshape(z.shape), z)
    assert equal(of_a.reshape(a.shape), conv_of_a)
    shared = dict.fromkeys(w.indices(), 0)
    for (row, o), (column, i) in ((r, c) for r in enumerate(outputs) for c in enumerate(inputs)):
        if offset[o, i] in w:
            shared[offset[o, i]] += of_T[row, column]
    assert all(equal(conv_of_w[ab], total) for ab, total in shared.items())


def test_P3_feedforward(z, w):
    """z^{l+1}_{x,y} = Σ_{a,b} w_{ab} σ(z^l_{x−a,y−b}) + b: true convolution, for the x, y at which all of w fits."""
    b = sympy.Symbol("b")
    z_next = next_layer(activations(z), w, b)
    assert list(z_next.indices()) == [(x, y) for x in range(2, 5) for y in range(2, 6)]
    for x, y in z_next.indices():
        assert equal(z_next[x, y], sum(w[i, j] * sigma(z[x - i, y - j]) for i, j in w.indices()) + b)


def test_P4_which_derivatives_are_not_zero(z, w):
    """∂z^{l+1}_{x',y'}/∂z^l_{x,y} = w_{ab} σ'(z^l_{x,y}) for x = x'−a, y = y'−b, and 0 if there are no such a, b.

    Of the sum in P3, only one term holds z^l_{x,y}, if any. The reference's derivative: an error of 1 at (x',y') alone.
    """
    a = activations(z)
    z_next = next_layer(a, w, 0)
    for x1, y1 in z_next.indices():
        one = np.array([[int((x, y) == (x1, y1)) for y in range(2, 6)] for x in range(2, 5)])
        derivative = through_activation(gradients(Tensor(one), a, w)[0], z)
        for x, y in z.indices():
            assert equal(derivative[x, y], w.get((x1 - x, y1 - y)) * sigma_prime(z[x, y]))
            assert equal(derivative[x, y], sympy.diff(z_next[x1, y1], z[x, y]))


def test_P5_error_of_a_convolution_layer(z, w, delta):
    """δ^l_{x,y} = (δ^{l+1} * ROT180(w^{l+1}))_{x,y} · σ'(z^l_{x,y}), a full convolution: δ counts as 0 outside its map."""
    below = through_activation(gradients(delta, activations(z), w)[0], z)
    rot180 = w.turned
    for x, y in z.indices():
        convolution = sum(delta.get((x - i, y - j)) * rot180[i, j] for i, j in rot180.indices())
        assert equal(below[x, y], convolution * sigma_prime(z[x, y]))
    full = conv.forward(delta.array[None, None], np.flip(w.array)[None, None], padding="full", **FLIP)[0, 0]
    assert equal(full, gradients(delta, activations(z), w)[0]), "the same as one call of the forward convolution"


@pytest.mark.parametrize("first", [(-1, -1), (0, 0), (1, -2)])
def test_P6_the_rotation_results_from_the_derivation(first):
    """ROT180(w)_{x,y} = w_{−x,−y}: P4 leaves Σ_{x',y'} δ_{x',y'} w_{x'−x, y'−y}, a convolution has δ_{x−a,y−b}.

    Put a = x−x': then w_{x'−x} = w_{−a}. Nothing was turned; w_{−a,−b} is just what the kernel turned by 180° has at (a,b),
    wherever its indices start. Without the rotation, the full convolution is not the gradient.
    """
    a, w = symbols("a", 4, 5), symbols("w", 2, 3, first=first)
    z = next_layer(a, w, 0)
    delta = symbols("δ", *z.shape, first=z.first)
    of_a = Tensor(gradients(delta, a, w)[0])
    for x, y in of_a.indices():
        chain_rule = sum(delta[x1, y1] * w.get((x1 - x, y1 - y)) for x1, y1 in delta.indices())
        assert equal(of_a[x, y], chain_rule)
    assert all(w.turned[x, y] == w[-x, -y] for x, y in w.turned.indices())
    full = {
        name: conv.forward(delta.array[None, None], kernel[None, None], padding="full", **FLIP)[0, 0]
        for name, kernel in {"turned": w.turned.array, "as it is": w.array}.items()
    }
    assert equal(full["turned"], of_a)
    assert not equal(full["as it is"], of_a)


def test_P7_gradient_of_the_weights(z, w, delta):
    """∂C/∂w^l_{ab} = Σ_{x,y} δ^l_{x,y} σ(z^{l−1}_{x−a,y−b}) = δ^l_{a,b} * σ(ROT180(z^{l−1})).

    w_ab is the factor of σ(z_{x−a,y−b}) in every z^l_{x,y}; and that activation, at index (a−x, b−y) of the turned map, is
    what a convolution pairs with δ_{x,y}.
    """
    _, gradient = gradients(delta, activations(z), w)
    for i, j in w.indices():
        assert equal(gradient[i, j], sum(delta[x, y] * sigma(z[x - i, y - j]) for x, y in delta.indices()))
    rot180 = activations(z.turned)
    for i, j in w.indices():
        assert equal(gradient[i, j], sum(delta[x, y] * rot180[i - x, j - y] for x, y in delta.indices()))
    convolution = conv.forward(rot180.array[None, None], delta.array[None, None], **FLIP)[0, 0]
    assert equal(convolution, gradient), "the same as one call of the forward convolution"


def test_P8_the_five_steps():
    """Input, feedforward, output error ∇_a C ∘ σ'(z^L), backpropagation, gradient: on two convolution layers.

    C = ½‖a^L − target‖²; the gradient of each weight and bias is SymPy's derivative of C as a function of all of them.
    """
    w2, w3 = symbols("w^2", 2, 2), symbols("w^3", 2, 2)
    b2, b3 = sympy.symbols("b^2 b^3")
    layers = [Layer(conv, (w.array[None, None], np.array([b])), FLIP, AnyActivation) for w, b in ((w2, b2), (w3, b3))]
    x = np.array([[[[2, 1, 3, 0], [0, 1, 1, 2], [1, 0, 2, 1]]]], object)
    target = np.array([[[[Fraction(1, 2), 1]]]])
    C, found = backpropagation(layers, euclidean_loss, x, target)
    a = feedforward(layers, x)
    assert equal(C, sum((a[0, 0, 0] - target[0, 0, 0]) ** 2) / 2)
    assert {w2[1, 1], w3[2, 2], b2, b3} < C[()].free_symbols
    for (of_w, of_b), w, b in zip(found, (w2, w3), (b2, b3), strict=True):
        for place, symbol in np.ndenumerate(w.array):
            assert equal(of_w[0, 0][place], sympy.diff(C[()], symbol))
        assert equal(of_b[0], sympy.diff(C[()], b))
