"""LeNet-5, the network of 004 (C20), out of the layers of this package: 32x32 pixels in, the nearest of ten codes out.

    layer  what it computes from the layer below             size      parameters
    C1     6 maps, 5x5 convolution                           6x28x28    6 · (5·5 + 1)            =    156
    S2     subsampling 2x2: β · Σ block + b for each map     6x14x14    6 · 2                    =     12
    C3     16 maps, 5x5 convolution of 3, 4 or 6 maps        16x10x10   60 · 5·5 + 16            =  1 516
    S4     subsampling 2x2                                   16x5x5     16 · 2                   =     32
    C5     120 maps, 5x5 convolution                         120x1x1    120 · (16·5·5 + 1)       = 48 120
    F6     84 units, fully connected                         84         84 · (120 + 1)           = 10 164
                                                                                                   ------
    output 10 distances ‖F6 − code‖², nothing to learn       10                                    60 000

(LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition, Proc. IEEE 86, 1998, section
II.B.) 004 says that each layer passes its sum through a sigmoid function; LeCun's is f(x) = 1.7159 tanh(2x/3), chosen so
that f(±1) = ±1. The codes are bitmaps of the digits, 7x12 pixels of ±1, and the loss pulls F6 towards the right one:

    C = Σ_n ‖F6[n] − code[label[n]]‖² / 2N
"""

from __future__ import annotations

import numpy as np

from reference import conv, euclidean_loss, linear, subsample, tanh
from reference._window import Array
from reference.network import Layer, backpropagation, feedforward

NAMES = ("C1", "S2", "C3", "S4", "C5", "F6")
Parameters = dict[
    str, tuple[Array, Array]
]  # by these names: weight and bias of C1, C3, C5, F6; coefficient and bias of S2, S4

# LeCun's table I: which maps of S2 (rows) feed which maps of C3 (columns). Transposed, so that it is TABLE[C3, S2].
TABLE = (
    np.array(
        [
            list("x...xxx..xxxx.xx"),
            list("xx...xxx..xxxx.x"),
            list("xxx...xxx..x.xxx"),
            list(".xxx..xxxx..x.xx"),
            list("..xxx..xxxx.xx.x"),
            list("...xxx..xxxx.xxx"),
        ]
    ).T
    == "x"
)

# The ten codes, 0 to 9 from left to right, # for 1 and · for −1.
BITMAPS = """
··###·· ···#··· ·#####· ·#####· ····##· ####### ··####· ####### ·#####· ·#####·
·##·##· ··##··· ##···## ##···## ····##· ##····· ·##···· ####### ##···## ##···##
##···## ·###··· ##···## ·····## ···###· ##····· ##····· ·····## ##···## ##···##
##···## ···#··· ·····## ·····## ··#·##· ##····· ##····· ·····## ##···## ##···##
##···## ···#··· ·····## ····##· ·##·##· ##····· ##····· ····##· ·##·##· ##···##
##···## ···#··· ····##· ··###·· ##··##· ######· ######· ····##· ··###·· ·######
##···## ···#··· ···##·· ····##· ##··##· ·····## ##···## ···##·· ·##·##· ··#####
##···## ···#··· ··##··· ·····## ####### ·····## ##···## ···##·· ##···## ·····##
##···## ···#··· ·##···· ·····## ####### ·····## ##···## ··##··· ##···## ·····##
##···## ···#··· ##····· ·····## ····##· ·····## ##···## ··##··· ##···## ·····##
·##·##· ·#####· ##····· ##···## ····##· ##···## ##···## ··##··· ##···## ····##·
··###·· ·#####· ####### ·#####· ····##· ·#####· ·#####· ··##··· ·#####· ·####··
"""
CODES = np.array([[list(digit) for digit in row.split()] for row in BITMAPS.split("\n")[1:-1]])  # (12, 10, 7)
CODES = np.where(CODES.transpose(1, 0, 2).reshape(10, 84) == "#", 1.0, -1.0)


class ScaledTanh:
    """LeCun's f(x) = A · tanh(S·x), so f'(x) = A · S · tanh'(S·x)."""

    A, S = 1.7159, 2 / 3

    @classmethod
    def forward(cls, x: Array) -> Array:
        """A · tanh(S·x)."""
        return cls.A * tanh.forward(cls.S * x)

    @classmethod
    def backward(cls, grad_output: Array, x: Array) -> tuple[Array]:
        """∂J/∂x = A · S · grad_output · tanh'(S·x)."""
        (through_tanh,) = tanh.backward(grad_output, cls.S * x)
        return (cls.A * cls.S * through_tanh,)


class ConnectedConv:
    """Convolution in which input map c feeds output map o only where table[o, c] says so: y = x ⋆ (table ∘ weight) + b.

    ∂J/∂weight = table ∘ ∂J/∂(table ∘ weight), so a weight without a connection gets 0, whatever it is.
    """

    @staticmethod
    def forward(x: Array, weight: Array, bias: Array, *, table: Array) -> Array:
        """y (N, O, *output), given a table (O, C) of True where there is a connection."""
        return conv.forward(x, weight * table[:, :, None, None], bias)

    @staticmethod
    def backward(
        grad_output: Array, x: Array, weight: Array, bias: Array, *, table: Array
    ) -> tuple[Array, Array, Array | None]:
        """∂J/∂x, ∂J/∂weight and ∂J/∂bias."""
        mask = table[:, :, None, None]
        grad_x, grad_weight, grad_bias = conv.backward(grad_output, x, weight * mask, bias)
        return grad_x, grad_weight * mask, grad_bias


class FullyConnected:
    """A linear layer on all numbers of a sample in a row: (N, 120, 1, 1) is (N, 120) to F6."""

    @staticmethod
    def forward(x: Array, weight: Array, bias: Array) -> Array:
        """y (N, out)."""
        return linear.forward(x.reshape(len(x), weight.shape[1]), weight, bias)

    @staticmethod
    def backward(grad_output: Array, x: Array, weight: Array, bias: Array) -> tuple[Array, Array, Array | None]:
        """∂J/∂x in the shape of x, ∂J/∂weight and ∂J/∂bias."""
        rows = x.reshape(len(x), weight.shape[1])
        grad_rows, grad_weight, grad_bias = linear.backward(grad_output, rows, weight, bias)
        return grad_rows.reshape(x.shape), grad_weight, grad_bias


def parameters(seed: int) -> Parameters:
    """All 60 000, drawn as LeCun did: uniform between ±2.4 / fan-in, the number of inputs that a unit adds up."""
    rng = np.random.default_rng(seed)

    def drawn(shape: tuple[int, ...], fan_in: Array | int) -> tuple[Array, Array]:
        largest = np.broadcast_to(2.4 / fan_in, shape[:1])
        weight = rng.uniform(-1, 1, shape) * largest.reshape(-1, *(1,) * (len(shape) - 1))
        return weight, rng.uniform(-1, 1, shape[:1]) * largest

    C1, S2 = drawn((6, 1, 5, 5), 25), drawn((6,), 4)
    weight, bias = drawn((16, 6, 5, 5), 25 * TABLE.sum(axis=1))
    C3, S4 = (weight * TABLE[:, :, None, None], bias), drawn((16,), 4)
    return {"C1": C1, "S2": S2, "C3": C3, "S4": S4, "C5": drawn((120, 16, 5, 5), 400), "F6": drawn((84, 120), 120)}


def counts(of: Parameters) -> dict[str, int]:
    """How many numbers each layer can learn: a weight of C3 without a connection is none."""
    unconnected = {"C3": int((~TABLE).sum()) * 5 * 5}
    return {name: sum(a.size for a in arrays) - unconnected.get(name, 0) for name, arrays in of.items()}


def layers(of: Parameters) -> list[Layer]:
    """The six layers, each with its activation."""
    return [
        Layer(conv, of["C1"], activation=ScaledTanh),
        Layer(subsample, of["S2"], activation=ScaledTanh),
        Layer(ConnectedConv, of["C3"], {"table": TABLE}, activation=ScaledTanh),
        Layer(subsample, of["S4"], activation=ScaledTanh),
        Layer(conv, of["C5"], activation=ScaledTanh),
        Layer(FullyConnected, of["F6"], activation=ScaledTanh),
    ]


def loss_and_gradients(of: Parameters, images: Array, labels: Array) -> tuple[float, Parameters]:
    """C and ∂C/∂p for every parameter p, given images (N, 1, 32, 32) and labels (N,) from 0 to 9."""
    C, gradients = backpropagation(layers(of), euclidean_loss, images, CODES[labels])
    return float(C), dict(zip(NAMES, gradients, strict=True))


def classify(of: Parameters, images: Array) -> Array:
    """The digit with the nearest code, for each of the images (N, 1, 32, 32)."""
    outputs = feedforward(layers(of), images)
    return np.asarray(((outputs[:, None] - CODES) ** 2).sum(axis=-1).argmin(axis=1))
