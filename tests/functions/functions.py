"""Functions with a right backward and with subtly wrong ones: what judge_function has to tell apart.

Each is written for arrays of any precision, as a user would; each mistake is one that was made somewhere: a block, a row
or a head left out or a hundredth off, n for n − 1, a constant in another place, the derivative of a neighbour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import erf, pi, sqrt
from typing import Any

import numpy as np

EPS, SMOOTHING = 1e-5, 1e-4


@dataclass(frozen=True)
class Entry:
    """A function, its backward, and wrong ones by what is wrong with them; inputs are shapes, or arrays."""

    f: Callable[..., Any]
    b: Callable[..., Any]
    inputs: Sequence[Any]
    wrong: dict[str, Callable[..., Any]] = field(default_factory=dict)


def changed(backward, change, which=0):
    """The backward with one of its gradients changed in place."""

    def wrong(g, *inputs):
        gradients = backward(g, *inputs)
        gradients = list(gradients) if isinstance(gradients, tuple) else [gradients]
        gradients[which] = np.array(gradients[which])
        change(gradients[which])
        return tuple(gradients)

    return wrong


def times(where, factor):
    """Multiply a part by a factor."""

    def change(a):
        a[where] *= factor

    return change


def layer_norm(x, gamma, beta):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + EPS) * gamma + beta


def layer_norm_b(g, x, gamma, beta, inside=EPS, outside=0.0, fewer=0):
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred * centred).sum(-1, keepdims=True) / (x.shape[-1] - fewer)
    scale = 1 / (np.sqrt(variance + inside) + outside)
    normal, inner = centred * scale, g * gamma
    grad_x = scale * (inner - inner.mean(-1, keepdims=True) - normal * (inner * normal).mean(-1, keepdims=True))
    return grad_x, (g * normal).sum(0), g.sum(0)


def rms_norm(x, gamma):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * gamma


def rms_norm_b(g, x, gamma, outside=False):
    square = (x * x).mean(-1, keepdims=True)
    scale = 1 / (np.sqrt(square) + EPS) if outside else 1 / np.sqrt(square + EPS)
    inner = g * gamma
    return scale * inner - x * scale**3 * (inner * x).mean(-1, keepdims=True), (g * x * scale).sum(0)


erf_ = np.vectorize(erf, otypes=[float])
C = sqrt(2 / pi)


def gelu(x):
    return (x * (1 + erf_(x / sqrt(2))) / 2).astype(x.dtype)


def gelu_b(g, x):
    return (g * ((1 + erf_(x / sqrt(2))) / 2 + x * np.exp(-x * x / 2) / sqrt(2 * pi))).astype(x.dtype)


def gelu_tanh(x):
    return x * (1 + np.tanh(C * (x + 0.044715 * x**3))) / 2


def gelu_tanh_b(g, x):
    t = np.tanh(C * (x + 0.044715 * x**3))
    return g * ((1 + t) / 2 + x * (1 - t * t) * C * (1 + 3 * 0.044715 * x * x) / 2)


LABELS = np.array([1, 0, 4, 2])


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def target(x, smoothing=SMOOTHING):
    return ((1 - smoothing) * np.eye(x.shape[-1])[LABELS] + smoothing / x.shape[-1]).astype(x.real.dtype)


def cross_entropy(x):
    shifted = x - x.max(-1, keepdims=True)
    log = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return -(target(x) * log).sum(-1).mean()


def cross_entropy_b(g, x, smoothing=SMOOTHING):
    return g * (softmax(x) - target(x, smoothing)) / x.shape[0]


HEADS, WIDTH = 8, 3
SCALE = 1 / sqrt(WIDTH)


def attention(q, k, v):
    weights = softmax(np.einsum("htd,hsd->hts", q, k) / sqrt(WIDTH))
    return np.einsum("hts,hsd->htd", weights, v)


def attention_b(g, q, k, v, scale=SCALE):
    weights = softmax(np.einsum("htd,hsd->hts", q, k) / sqrt(WIDTH))
    inner = np.einsum("htd,hsd->hts", g, v)
    scores = weights * (inner - (inner * weights).sum(-1, keepdims=True)) * scale
    grad_q, grad_k = np.einsum("hts,hsd->htd", scores, k), np.einsum("hts,htd->hsd", scores, q)
    return grad_q, grad_k, np.einsum("hts,htd->hsd", weights, g)


def log_sum_exp(x):
    largest = x.max(-1, keepdims=True)
    return (np.log(np.exp(x - largest).sum(-1, keepdims=True)) + largest)[..., 0]


def log_sum_exp_b(g, x):
    return g[..., None] * softmax(x)


INDEX = np.array([3, 0, 3, 150, 199, 42, 0])


def gather(x):
    return x[INDEX] ** 2


def gather_b(g, x, index=INDEX, add=True):
    grad = np.zeros_like(x)
    if add:
        np.add.at(grad, index, 2 * g * x[INDEX])
    else:
        grad[index] = 2 * g * x[INDEX]
    return grad


def largest(x):
    return x.max(-1)


def largest_b(g, x):
    ties = x == x.max(-1, keepdims=True)
    return g[..., None] * ties / ties.sum(-1, keepdims=True)


def middle(x):
    """The median of three, by comparisons alone."""
    a, b, c = x[..., 0], x[..., 1], x[..., 2]
    return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))


def middle_b(g, x):
    grad = np.zeros_like(x)
    np.put_along_axis(grad, np.argsort(x, axis=-1)[..., 1:2], g[..., None], -1)
    return grad


KINKS = np.array([0.0, 1.0, -1.0, 0.5, -0.25, 2.0])


def absolute(x):
    return np.abs(x)


def clip(x):
    return np.clip(x, -1, 1)


def clip_b(g, x):
    return g * ((x >= -1) & (x <= 1))


def norm(x):
    return np.sqrt((x * x).sum(-1))


def norm_b(g, x, at_zero=0.0):
    size = norm(x)[..., None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(size > 0, g[..., None] * x / size, g[..., None] * at_zero).astype(x.dtype)


NORMED = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, -2.0, 0.5, 0.0]])


def chain(x, w, u):
    return np.tanh(x @ w) @ u


def chain_b(g, x, w, u):
    h = np.tanh(x @ w)
    s = (g @ u.T) * (1 - h * h)
    return s @ w.T, x.T @ s, h.T @ g


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell(x, h, w, u):
    """A gated unit: z = σ(xW₀ + hU₀), c = tanh(xW₁ + hU₁), h' = z·h + (1 − z)·c."""
    z, c = sigmoid(x @ w[0] + h @ u[0]), np.tanh(x @ w[1] + h @ u[1])
    return z * h + (1 - z) * c


def cell_b(g, x, h, w, u, gate=True):
    z, c = sigmoid(x @ w[0] + h @ u[0]), np.tanh(x @ w[1] + h @ u[1])
    dz, dc = g * (h - c) * z * (1 - z), g * (1 - z) * (1 - c * c)
    grad_h = g * z + dz @ u[0].T * gate + dc @ u[1].T
    return dz @ w[0].T + dc @ w[1].T, grad_h, np.stack([x.T @ dz, x.T @ dc]), np.stack([h.T @ dz, h.T @ dc])


def variance(x):
    return x.var(-1, ddof=1)


def variance_b(g, x, fewer=1):
    return 2 * g[..., None] * (x - x.mean(-1, keepdims=True)) / (x.shape[-1] - fewer)


LAST = np.s_[..., 64:]
FUNCTIONS = {
    "layer norm": Entry(
        layer_norm,
        layer_norm_b,
        [(4, 96), (96,), (96,)],
        {
            "last tile 1 % off": changed(layer_norm_b, times(LAST, 1.01)),
            "eps outside of the root": lambda *a: layer_norm_b(*a, inside=0.0, outside=EPS),
            "n - 1 for n": lambda *a: layer_norm_b(*a, fewer=1),
            "one of 96 of grad_gamma": changed(layer_norm_b, times(np.s_[17], 1.01), 1),
        },
    ),
    "rms norm": Entry(
        rms_norm,
        rms_norm_b,
        [(5, 16), (16,)],
        {
            "eps outside of the root": lambda *a: rms_norm_b(*a, outside=True),
            "a block 1 % off": changed(rms_norm_b, times(np.s_[1:3, 4:8], 0.99)),
        },
    ),
    "gelu": Entry(
        gelu,
        gelu_b,
        [(4, 6)],
        {
            "tanh's derivative": gelu_tanh_b,
            "one row detached": changed(gelu_b, times(np.s_[3], 0)),
        },
    ),
    "gelu by tanh": Entry(
        gelu_tanh,
        gelu_tanh_b,
        [(4, 6)],
        {
            "the exact derivative": gelu_b,
            "one element 1 % off": changed(gelu_tanh_b, times(np.s_[2, 3], 1.01)),
        },
    ),
    "cross entropy": Entry(
        cross_entropy,
        cross_entropy_b,
        [(4, 6)],
        {
            "smoothing left out": lambda g, x: cross_entropy_b(g, x, 0.0),
            "last class not smoothed": changed(cross_entropy_b, times(np.s_[..., -1], 1 - SMOOTHING)),
        },
    ),
    "attention": Entry(
        attention,
        attention_b,
        [(HEADS, 4, WIDTH), (HEADS, 5, WIDTH), (HEADS, 5, WIDTH)],
        {
            "last head of 8 is 0": changed(attention_b, times(np.s_[-1], 0), 1),
            "scaled by the width": lambda *a: attention_b(*a, scale=1 / WIDTH),
        },
    ),
    "log-sum-exp": Entry(
        log_sum_exp,
        log_sum_exp_b,
        [(3, 7)],
        {
            "first row is 0": changed(log_sum_exp_b, times(np.s_[0], 0)),
            "last column 1 % off": changed(log_sum_exp_b, times(np.s_[:, -1], 1.01)),
        },
    ),
    "gather": Entry(
        gather,
        gather_b,
        [(200,)],
        {
            "one index of 200": lambda g, x: gather_b(g, x, np.where(INDEX == 150, 151, INDEX)),
            "repeated ones overwritten": lambda g, x: gather_b(g, x, add=False),
        },
    ),
    "largest": Entry(
        largest,
        largest_b,
        [np.array([[1.0, 3.0, 3.0, 2.0], [0.5, 0.25, 0.0, -1.0]])],
        {
            "a tie's whole cotangent to each": lambda g, x: g[..., None] * (x == x.max(-1, keepdims=True)),
            "the second largest": lambda g, x: largest_b(g, np.where(x == x.max(-1, keepdims=True), -9, x)),
        },
    ),
    "middle of three": Entry(
        middle,
        middle_b,
        [(5, 3)],
        {
            "the largest": lambda g, x: g[..., None] * (x == x.max(-1, keepdims=True)),
            "last row is 0": changed(middle_b, times(np.s_[-1], 0)),
        },
    ),
    "absolute": Entry(
        absolute,
        lambda g, x: g * np.sign(x),
        [KINKS],
        {
            "2 at 0": lambda g, x: g * np.where(x == 0, 2, np.sign(x)),
            "one sign": changed(lambda g, x: g * np.sign(x), times(np.s_[4], -1)),
        },
    ),
    "clip": Entry(
        clip,
        clip_b,
        [KINKS],
        {
            "2 at the bound": lambda g, x: clip_b(g, x) * np.where(x == 1, 2, 1),
            "passes beyond": lambda g, x: g * (x >= -1),
        },
    ),
    "norm": Entry(
        norm,
        norm_b,
        [NORMED],
        {
            "length 4 at 0": lambda g, x: norm_b(g, x, 2.0),
            "not divided": lambda g, x: g[..., None] * x,
        },
    ),
    "chain of products": Entry(
        chain,
        chain_b,
        [(3, 4), (4, 5), (5, 2)],
        {
            "a row of w detached": changed(chain_b, times(np.s_[1], 0), 1),
            "a column of u 1 % off": changed(chain_b, times(np.s_[:, 1], 1.01), 2),
        },
    ),
    "gated cell": Entry(
        cell,
        cell_b,
        [(2, 3), (2, 4), (2, 3, 4), (2, 4, 4)],
        {
            "no gradient through the gate": lambda *a: cell_b(*a, gate=False),
            "one element of u": changed(cell_b, times(np.s_[0, 1, 2], 1.01), 3),
        },
    ),
    "variance": Entry(
        variance,
        variance_b,
        [(4, 50)],
        {
            "n for n - 1": lambda g, x: variance_b(g, x, 0),
            "one element 1 % off": changed(variance_b, times(np.s_[1, 33], 1.01)),
        },
    ),
}
