"""A transformer that reads pictures pixel by pixel, out of the layers of this package: 64 shades in, ten scores out.

    layer  what it computes from the layer below, D numbers for each of T pixels                 parameters
    words  a row of one table for the shade, plus a row of another for the place                  (17 + 64)·D
    mix    x + heads(norm(x)): every pixel takes a mean of others, several times                  D + 4·D²
    think  x + swiglu(norm(x)): each pixel by itself                                              D + 3·D·F
    read   norm, the mean over all pixels, and a linear function of it                            D + 10·(D + 1)

with two blocks of mix and think (Vaswani et al. 2017, with the norm before each part, of root mean squares, and the gate of
today). Each part is what it computes plus what it was given, so that its gradient is the cotangent plus what comes back:

    y = x + f(x),     ∂J/∂x = g + (∂f/∂x)ᵀ g

All else is the chain rule through layers that are derived in their own files; the order of it is 003's (network.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference import adaptive_avg_pool, attention, cross_entropy, embedding, linear, rms_norm, swiglu
from reference._window import Array
from reference.network import Layer, backpropagation, feedforward

SHADES, PLACES, CLASSES = 17, 64, 10
WIDTH, HEADS, INNER = 32, 2, 64
NAMES = ("words", "mix 1", "think 1", "mix 2", "think 2", "read")
Parameters = dict[str, tuple[Array, ...]]


class Words:
    """x[n, t] = shades[index[n, t]] + places[t]."""

    @staticmethod
    def forward(index: Array, shades: Array, places: Array) -> Array:
        """x (N, T, D) of whole numbers index (N, T)."""
        return embedding.forward(index, shades) + embedding.forward(np.arange(index.shape[1]), places)

    @staticmethod
    def backward(grad_output: Array, index: Array, shades: Array, places: Array) -> tuple[None, Array, Array]:
        """None for the index, ∂J/∂shades and ∂J/∂places: a place has the same row in every sample."""
        _, of_shades = embedding.backward(grad_output, index, shades)
        _, of_places = embedding.backward(grad_output.sum(0), np.arange(index.shape[1]), places)
        return None, of_shades, of_places


class Mix:
    """y = x + out · attention of H heads, whose queries, keys and values are one linear function of the norm of x."""

    @classmethod
    def forward(cls, x: Array, gamma: Array, into: Array, out: Array, *, heads: int) -> Array:
        """y (N, T, D), for gamma (D,), into (3D, D) and out (D, D)."""
        together = linear.forward(rms_norm.forward(x, gamma), into)
        seen = attention.forward(*cls._apart(together, heads))
        return x + linear.forward(cls._joined(seen), out)

    @classmethod
    def backward(
        cls, grad_output: Array, x: Array, gamma: Array, into: Array, out: Array, *, heads: int
    ) -> tuple[Array, Array, Array, Array]:
        """∂J/∂x, ∂J/∂gamma, ∂J/∂into and ∂J/∂out."""
        normal = rms_norm.forward(x, gamma)
        q, k, v = cls._apart(linear.forward(normal, into), heads)
        seen = attention.forward(q, k, v)
        of_joined, of_out, _ = linear.backward(grad_output, cls._joined(seen), out)
        (of_seen,) = cls._split(of_joined, 1, heads)
        of_q, of_k, of_v, _ = attention.backward(of_seen, q, k, v)
        of_together = np.concatenate([cls._joined(a) for a in (of_q, of_k, of_v)], axis=2)
        of_normal, of_into, _ = linear.backward(of_together, normal, into)
        of_x, of_gamma = rms_norm.backward(of_normal, x, gamma)
        return grad_output + of_x, np.asarray(of_gamma), of_into, of_out

    @classmethod
    def _apart(cls, together: Array, heads: int) -> list[Array]:
        """Queries, keys and values, each (N, H, T, D/H)."""
        return cls._split(together, 3, heads)

    @staticmethod
    def _split(a: Array, parts: int, heads: int) -> list[Array]:
        """(N, T, parts · D) as so many (N, H, T, D/H)."""
        n, t, d = a.shape
        return list(a.reshape(n, t, parts, heads, d // (parts * heads)).transpose(2, 0, 3, 1, 4))

    @staticmethod
    def _joined(a: Array) -> Array:
        """(N, H, T, E) as (N, T, H · E)."""
        n, h, t, e = a.shape
        return a.transpose(0, 2, 1, 3).reshape(n, t, h * e)


class Think:
    """y = x + down · swiglu(gate · n, up · n), n the norm of x."""

    @staticmethod
    def forward(x: Array, gamma: Array, gate: Array, up: Array, down: Array) -> Array:
        """y (N, T, D), for gamma (D,), gate and up (F, D), and down (D, F)."""
        normal = rms_norm.forward(x, gamma)
        hidden = swiglu.forward(linear.forward(normal, gate), linear.forward(normal, up))
        return x + linear.forward(hidden, down)

    @staticmethod
    def backward(
        grad_output: Array, x: Array, gamma: Array, gate: Array, up: Array, down: Array
    ) -> tuple[Array, Array, Array, Array, Array]:
        """∂J/∂x, and one gradient for each parameter."""
        normal = rms_norm.forward(x, gamma)
        a, b = linear.forward(normal, gate), linear.forward(normal, up)
        of_hidden, of_down, _ = linear.backward(grad_output, swiglu.forward(a, b), down)
        of_a, of_b = swiglu.backward(of_hidden, a, b)
        through_gate, of_gate, _ = linear.backward(of_a, normal, gate)
        through_up, of_up, _ = linear.backward(of_b, normal, up)
        of_x, of_gamma = rms_norm.backward(through_gate + through_up, x, gamma)
        return grad_output + of_x, np.asarray(of_gamma), of_gate, of_up, of_down


class Read:
    """y = weight · (the mean of the norm of x over all places) + bias."""

    @staticmethod
    def forward(x: Array, gamma: Array, weight: Array, bias: Array) -> Array:
        """y (N, classes), for x (N, T, D)."""
        columns = rms_norm.forward(x, gamma).swapaxes(1, 2)
        return linear.forward(adaptive_avg_pool.forward(columns)[..., 0], weight, bias)

    @staticmethod
    def backward(
        grad_output: Array, x: Array, gamma: Array, weight: Array, bias: Array
    ) -> tuple[Array, Array, Array, Array | None]:
        """∂J/∂x, ∂J/∂gamma, ∂J/∂weight and ∂J/∂bias."""
        columns = rms_norm.forward(x, gamma).swapaxes(1, 2)
        of_mean, of_weight, of_bias = linear.backward(
            grad_output, adaptive_avg_pool.forward(columns)[..., 0], weight, bias
        )
        (of_columns,) = adaptive_avg_pool.backward(of_mean[..., None], columns)
        of_x, of_gamma = rms_norm.backward(of_columns.swapaxes(1, 2), x, gamma)
        return of_x, np.asarray(of_gamma), of_weight, of_bias


def parameters(seed: int) -> Parameters:
    """All of them: tables of deviation ½, weights of 1/√(numbers added up), halved where what they make is added to x."""
    rng = np.random.default_rng(seed)

    def drawn(*shape: int, scale: float = 1.0) -> Array:
        return np.asarray(rng.standard_normal(shape) * (scale / np.sqrt(shape[-1])))

    found: Parameters = {"words": (rng.standard_normal((SHADES, WIDTH)) / 2, rng.standard_normal((PLACES, WIDTH)) / 2)}
    for block in (1, 2):
        found[f"mix {block}"] = np.ones(WIDTH), drawn(3 * WIDTH, WIDTH), drawn(WIDTH, WIDTH, scale=0.5)
        gates = drawn(INNER, WIDTH), drawn(INNER, WIDTH)
        found[f"think {block}"] = np.ones(WIDTH), *gates, drawn(WIDTH, INNER, scale=0.5)
    found["read"] = np.ones(WIDTH), drawn(CLASSES, WIDTH), np.zeros(CLASSES)
    return found


def counts(of: Parameters) -> dict[str, int]:
    """How many numbers each layer can learn."""
    return {name: sum(a.size for a in arrays) for name, arrays in of.items()}


def layers(of: Parameters) -> list[Layer]:
    """The six layers, in order."""
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "words": (Words, {}),
        "mix": (Mix, {"heads": HEADS}),
        "think": (Think, {}),
        "read": (Read, {}),
    }
    named = [(name.partition(" ")[0], arrays) for name, arrays in of.items()]
    return [Layer(kinds[kind][0], arrays, kinds[kind][1]) for kind, arrays in named]


def loss_and_gradients(of: Parameters, shades: Array, labels: Array) -> tuple[float, Parameters]:
    """The mean cross-entropy and its gradient for each parameter, given shades (N, 64) from 0 to 16 and labels (N,)."""
    C, gradients = backpropagation(layers(of), cross_entropy, shades, labels)
    return float(C), dict(zip(of, gradients, strict=True))


def classify(of: Parameters, shades: Array) -> Array:
    """The class with the highest score, for each of shades (N, 64)."""
    return np.asarray(feedforward(layers(of), shades).argmax(1))
