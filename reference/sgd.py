"""Stochastic gradient descent with momentum μ and weight decay λ, for weights w, their gradient ∇ and step size α.

    v ← μ · v + (∇ + λ · w)              v is 0 before the first step                                   (004, C17)
    w ← w − α · v                        without momentum and decay: K ← K − α · ∇_K J           (002, L10; 000, S6)

as torch.optim.SGD takes it (no dampening, no Nesterov): decay is part of what the momentum collects, the step size is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from reference._precision import at_least_single
from reference._window import Array

Arrays = tuple[Array, ...]


def step(
    weights: Sequence[Array],
    gradients: Sequence[Array],
    velocities: Sequence[Array] | None = None,
    *,
    learning_rate: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> tuple[Arrays, Arrays]:
    """(w, v) after one step from (w, v) = (weights, velocities); what was given stays as it was.

    The three sequences hold one array for each parameter, of equal shapes; velocities None, before the first step, are
    zeros. Results have the dtype of their weight; float16 is computed in float32 and rounded once.

    Raises ValueError, naming the numbers, if the sequences do not fit together or a number is negative.
    """
    rates: dict[str, Any] = {"learning_rate": learning_rate, "momentum": momentum, "weight_decay": weight_decay}
    for name, rate in rates.items():
        if isinstance(rate, Real) and rate < 0:
            raise ValueError(f"{name} is {rate!r}; expected at least 0")
    if velocities is None:
        velocities = [np.zeros_like(w) for w in weights]
    if not len(weights) == len(gradients) == len(velocities):
        raise ValueError(
            f"there are {len(weights)} weights, {len(gradients)} gradients and {len(velocities)} velocities; "
            "expected one of each for each parameter"
        )
    stepped = []
    for index, triple in enumerate(zip(weights, gradients, velocities, strict=True)):
        w, gradient, v = (np.asarray(a) for a in triple)
        if not w.shape == gradient.shape == v.shape:
            raise ValueError(
                f"weight {index} has shape {w.shape}, its gradient {gradient.shape} and its velocity {v.shape}; "
                "expected one shape for the three"
            )
        moved = momentum * at_least_single(v) + (at_least_single(gradient) + weight_decay * at_least_single(w))
        stepped.append((_like(at_least_single(w) - learning_rate * moved, w), _like(moved, w)))
    new_weights, new_velocities = zip(*stepped, strict=True) if stepped else ((), ())
    return new_weights, new_velocities


def _like(a: Array, w: Array) -> Array:
    return np.asarray(a).astype(np.promote_types(w.dtype, np.float16), copy=False)
