"""What losses of elements have in common: shapes that are the same, and one number at the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference._precision import at_least_single, promoted
from reference._window import Array

BOTH = ("mean", "sum")


def pair(names: tuple[str, str], first: Array, second: Array, reduction: str, known: tuple[str, ...] = BOTH) -> Any:
    """Both as arrays, in float32 at least, once they are known to fit together."""
    a, b = np.asarray(first), np.asarray(second)
    if a.shape != b.shape or not a.ndim:
        raise ValueError(
            f"{names[0]} has shape {a.shape} and {names[1]} {b.shape}; expected the same, one axis at least"
        )
    if reduction not in known:
        raise ValueError(f"reduction is {reduction!r}; expected {' or '.join(map(repr, known))}")
    return at_least_single(a), at_least_single(b)


def difference(prediction: Array, target: Array, reduction: str, **widths: float) -> Array:
    """prediction − target, in float32 at least, once they are known to fit together, and the widths to be above 0."""
    for name, width in widths.items():
        if not width > 0:
            raise ValueError(f"{name} is {width!r}; expected a number above 0")
    p, t = pair(("prediction", "target"), prediction, target, reduction)
    return np.asarray(p - t)


def opposite(grad_output: Array, slope: Array, reduction: str, *inputs: Array) -> tuple[Array, Array]:
    """∂J/∂p and ∂J/∂t of losses of p − t with this slope, in the dtype that NumPy promotes grad_output and inputs to."""
    dtype = promoted(*map(np.asarray, (grad_output, *inputs)))
    gradient = (share(grad_output, slope, reduction) * slope).astype(dtype, copy=False)
    return gradient, -gradient


def reduced(losses: Array, reduction: str, *inputs: Array) -> Array:
    """Their sum, divided by how many there are for a mean, and by how many samples for a batch's; NaN of none."""
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0
        total = np.asarray(losses.sum() / np.float64(_divisor(losses, reduction)))
    return total.astype(promoted(*map(np.asarray, inputs)), copy=False)


def share(grad_output: Array, of: Array, reduction: str) -> Array:
    """∂J/∂E of one of these elements' losses E."""
    if np.shape(grad_output):
        raise ValueError(f"grad_output has shape {np.shape(grad_output)}; y has ()")
    return np.asarray(at_least_single(np.asarray(grad_output)) / max(_divisor(of, reduction), 1))


def _divisor(losses: Array, reduction: str) -> int:
    return {"mean": losses.size, "batchmean": len(losses), "sum": 1}[reduction]
