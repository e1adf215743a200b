"""A small residual network out of the layers of this package: 8x8 pixels in, ten scores out.

    layer  what it computes from the layer below                   size     parameters
    stem   relu(norm(conv 3x3))                                    16x8x8   16·9 + 2·16                           =    176
    keep   relu(x + norm(conv(relu(norm(conv x)))))                16x8x8   2 · (16·16·9 + 2·16)                  =  4 672
    halve  the same with strides of 2; beside it x goes through    32x4x4   32·16·9 + 32·32·9 + 32·16 + 3 · 2·32  = 14 528
           a 1x1 convolution with strides of 2, and a norm
    read   the mean of each map, and a linear function of them     10       10 · (32 + 1)                         =    330
                                                                                                                    ------
                                                                                                                    19 706

(He, Zhang, Ren, Sun, Deep residual learning for image recognition, 2016, figure 2 and eq. 1 and 2; projections as its
option B.) Convolutions have no bias, since the norm that follows would take it off again. With s = f(x) + p(x), where p is
x itself or its projection, a block is y = relu(s), and its gradient the sum of both ways that x takes:

    h = g ∘ relu'(s),     ∂J/∂x = (∂f/∂x)ᵀ h + (∂p/∂x)ᵀ h,     (∂p/∂x)ᵀ h = h where p(x) = x

A norm takes mean and variance of the batch while the network learns, and of all that it learned from when it classifies
(Ioffe and Szegedy 2015, algorithm 2). All else is the chain rule through layers that are derived in their own files; the
order of it is 003's (network.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reference import adaptive_avg_pool, batch_norm, batch_norm_inference, conv, cross_entropy, linear, relu
from reference._window import Array
from reference.network import Layer, backpropagation, feedforward

MAPS, CLASSES = (16, 32), 10
NAMES = ("stem", "keep", "halve", "read")
Parameters = dict[str, tuple[Array, ...]]
Norm = Callable[[Array, Array, Array], Array]
Moments = Sequence[tuple[Array, Array]]  # mean and variance of each norm, in the order in which they are met


class Normed:
    """norm(x ⋆ weight), with as many zeros around x as keep its size where the stride is 1."""

    @staticmethod
    def forward(
        x: Array, weight: Array, gamma: Array, beta: Array, *, stride: int = 1, norm: Norm = batch_norm.forward
    ) -> Array:
        """y (N, O, *output), for x (N, C, *size), weight (O, C, *kernel), gamma and beta (O,)."""
        return norm(conv.forward(x, weight, stride=stride, padding=weight.shape[-1] // 2), gamma, beta)

    @staticmethod
    def backward(
        grad_output: Array, x: Array, weight: Array, gamma: Array, beta: Array, *, stride: int = 1
    ) -> tuple[Array, Array, Array, Array]:
        """∂J/∂x, ∂J/∂weight, ∂J/∂gamma and ∂J/∂beta; the norm is that of the batch."""
        where: dict[str, Any] = {"stride": stride, "padding": weight.shape[-1] // 2}
        of_z, of_gamma, of_beta = batch_norm.backward(grad_output, conv.forward(x, weight, **where), gamma, beta)
        of_x, of_weight, _ = conv.backward(of_z, x, weight, **where)
        return of_x, of_weight, of_gamma, of_beta


class Block:
    """y = relu(f(x) + p(x)), f two convolutions with their norms and a rectifier between them.

    Parameters are weight, gamma and beta of the first and of the second convolution, and of that of p, if there is one.
    """

    @classmethod
    def forward(cls, x: Array, *arrays: Array, stride: int = 1, norm: Norm = batch_norm.forward) -> Array:
        """y (N, O, *output), for x (N, C, *size)."""
        return relu.forward(cls._inside(x, arrays, stride, norm)[2])

    @classmethod
    def backward(cls, grad_output: Array, x: Array, *arrays: Array, stride: int = 1) -> tuple[Array, ...]:
        """∂J/∂x, and one gradient for each parameter."""
        first, second, projection = arrays[:3], arrays[3:6], arrays[6:]
        inner, hidden, total = cls._inside(x, arrays, stride, batch_norm.forward)
        (h,) = relu.backward(grad_output, total)
        of_hidden, *of_second = Normed.backward(h, hidden, *second)
        (of_inner,) = relu.backward(of_hidden, inner)
        through, *of_first = Normed.backward(of_inner, x, *first, stride=stride)
        beside, *of_projection = Normed.backward(h, x, *projection, stride=stride) if projection else (h,)
        return through + beside, *of_first, *of_second, *of_projection

    @staticmethod
    def _inside(x: Array, arrays: Sequence[Array], stride: int, norm: Norm) -> tuple[Array, Array, Array]:
        """What the first rectifier is given, what it gives, and the sum."""
        first, second, projection = arrays[:3], arrays[3:6], arrays[6:]
        inner = Normed.forward(x, *first, stride=stride, norm=norm)
        hidden = relu.forward(inner)
        beside = Normed.forward(x, *projection, stride=stride, norm=norm) if projection else x
        return inner, hidden, Normed.forward(hidden, *second, norm=norm) + beside


class Read:
    """y = weight · (the mean of each map) + bias."""

    @staticmethod
    def forward(x: Array, weight: Array, bias: Array) -> Array:
        """y (N, classes), for x (N, C, *size)."""
        return linear.forward(_means(x), weight, bias)

    @staticmethod
    def backward(grad_output: Array, x: Array, weight: Array, bias: Array) -> tuple[Array, Array, Array | None]:
        """∂J/∂x, ∂J/∂weight and ∂J/∂bias."""
        of_means, of_weight, of_bias = linear.backward(grad_output, _means(x), weight, bias)
        one = of_means.reshape(*of_means.shape, *(1,) * (x.ndim - 2))
        return *adaptive_avg_pool.backward(one, x), of_weight, of_bias


def _means(x: Array) -> Array:
    return adaptive_avg_pool.forward(x).reshape(x.shape[:2])


def parameters(seed: int) -> Parameters:
    """All of them: weights of deviation √(2 / numbers added up) (He et al. 2015), norms that change nothing."""
    rng = np.random.default_rng(seed)

    def drawn(out: int, into: int, kernel: int) -> tuple[Array, Array, Array]:
        weight = rng.standard_normal((out, into, kernel, kernel)) * np.sqrt(2 / (into * kernel**2))
        return weight, np.ones(out), np.zeros(out)

    few, many = MAPS
    return {
        "stem": drawn(few, 1, 3),
        "keep": drawn(few, few, 3) + drawn(few, few, 3),
        "halve": drawn(many, few, 3) + drawn(many, many, 3) + drawn(many, few, 1),
        "read": (rng.standard_normal((CLASSES, many)) / np.sqrt(many), np.zeros(CLASSES)),
    }


def counts(of: Parameters) -> dict[str, int]:
    """How many numbers each layer can learn."""
    return {name: sum(a.size for a in arrays) for name, arrays in of.items()}


def layers(of: Parameters, **norm: Norm) -> list[Layer]:
    """The four layers, in order; `norm`, if it is given, in place of that of the batch."""
    return [
        Layer(Normed, of["stem"], norm, activation=relu),
        Layer(Block, of["keep"], norm),
        Layer(Block, of["halve"], {"stride": 2, **norm}),
        Layer(Read, of["read"]),
    ]


def loss_and_gradients(of: Parameters, images: Array, labels: Array) -> tuple[float, Parameters]:
    """The mean cross-entropy and its gradient for each parameter, given images (N, 1, *size) and labels (N,)."""
    C, gradients = backpropagation(layers(of), cross_entropy, images, labels)
    return float(C), dict(zip(NAMES, gradients, strict=True))


def moments(of: Parameters, images: Array) -> Moments:
    """Mean and variance of what each norm is given, channel by channel, when all of these images are one batch."""
    found = []

    def norm(z: Array, gamma: Array, beta: Array) -> Array:
        axes = (0, *range(2, z.ndim))
        found.append((z.mean(axes), z.var(axes)))
        return batch_norm.forward(z, gamma, beta)

    feedforward(layers(of, norm=norm), images)
    return found


def classify(of: Parameters, images: Array, known: Moments) -> Array:
    """The class with the highest score, for each of the images (N, 1, *size), whatever else is in the batch."""
    return np.asarray(scores(of, images, known).argmax(1))


def scores(of: Parameters, images: Array, known: Moments) -> Array:
    """One score for each class (N, 10), given the moments that the norms are to take."""
    left = iter(known)

    def norm(z: Array, gamma: Array, beta: Array) -> Array:
        return batch_norm_inference.forward(z, *next(left), gamma, beta)

    return feedforward(layers(of, norm=norm), images)
