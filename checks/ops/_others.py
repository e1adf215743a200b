"""What others mean by the name of an op, where that is another function of the same arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks.numbers.precision import Array


@dataclass(frozen=True)
class Other:
    """Another function.

    words    what it is, and how the op differs: a sentence without its end
    forward  y, of the op's arrays; None if it is the op's
    shown    what it takes in place of the first array, of that
    """

    words: str
    forward: Callable[..., Array] | None = None
    shown: Callable[[Array], Array] | None = None


def _reset_before(
    x: Array, h: Array, weight_x: Array, weight_h: Array, bias_x: Any = None, bias_h: Any = None
) -> Array:
    """The GRU of Cho et al. (2014): n = tanh(a_n + weight_n · (r ⊙ h))."""
    a = x @ weight_x.T + sum(bias for bias in (bias_x, bias_h) if bias is not None)
    of_r, of_z, of_n = np.split(weight_h, 3)
    a_r, a_z, a_n = np.split(a, 3, 1)
    r, z = (1 / (1 + np.exp(-a)) for a in (a_r + h @ of_r.T, a_z + h @ of_z.T))
    return np.asarray((1 - z) * np.tanh(a_n + (r * h) @ of_n.T) + z * h)


RESET_BEFORE = Other(
    "it is the GRU of Cho et al. (2014), whose reset gate acts on the state before the product with its weight; "
    "gru_cell is that of torch and Keras, where it acts after",
    _reset_before,
)


def _softmax(logits: Array) -> Array:
    """The probabilities of classes, along axis 1; not the reference's, since this is read before that name is ours."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


OF_PROBABILITIES = Other(
    "it is the cross-entropy of probabilities, which are handed over; cross_entropy is that of logits, softmax included",
    shown=_softmax,
)
OF_CHANCES = Other(
    "it is the binary cross-entropy of probabilities, which are handed over; bce_with_logits is that of logits, sigmoid "
    "included",
    shown=lambda logits: np.asarray(1 / (1 + np.exp(-logits))),
)


def classes_guarded(logits: Array, target: Array, *, guard: float, reduction: str = "mean") -> Array:
    """−log(p + guard) of what is wanted, p by softmax along axis 1."""
    wanted = np.take_along_axis(_softmax(logits), np.expand_dims(np.asarray(target, int), 1), 1)
    return _reduced(-np.log(wanted + guard), reduction)


def chances_guarded(
    logits: Array, target: Array, pos_weight: Any = None, *, guard: float, reduction: str = "mean"
) -> Array:
    """The same of two classes, by sigmoid: −t log(p + guard) − (1 − t) log(1 − p + guard)."""
    chance = 1 / (1 + np.exp(-logits))
    weight = 1 if pos_weight is None else pos_weight
    return _reduced(-weight * target * np.log(chance + guard) - (1 - target) * np.log(1 - chance + guard), reduction)


def _reduced(losses: Array, reduction: str) -> Array:
    return np.asarray(losses.sum() if reduction == "sum" else losses.mean())


def layer_norm_of_last(x: Array, gamma: Any = None, beta: Any = None, *, eps: float = 1e-5) -> Array:
    """A layer norm over the last axis alone, whatever axes gamma and beta have."""
    normal = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
    return np.asarray(normal * (1 if gamma is None else gamma) + (0 if beta is None else beta))


def rms_norm_of_last(x: Array, gamma: Any = None, *, eps: float = 1e-5) -> Array:
    """The same of the root mean square."""
    return np.asarray(x / np.sqrt(np.square(x).mean(-1, keepdims=True) + eps) * (1 if gamma is None else gamma))
