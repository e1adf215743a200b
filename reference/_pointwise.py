"""Functions of each element by itself, block by block; and the logistic function and its slope, of which many are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reference._blocks import each
from reference._precision import at_least_single, real
from reference._window import Array

BLOCK = 1 << 14  # numbers at a time: what is made of them on the way stays in the cache


def pointwise(function: Callable[..., Array], *arrays: Array) -> Array:
    """function of arrays of one shape, in the dtype that NumPy promotes them to; float16 is computed in float32."""
    dtype = np.result_type(*arrays, np.float16)
    flat = [at_least_single(a.reshape(-1)) for a in arrays]
    out = np.empty(arrays[0].size, dtype)

    def fill(block: slice) -> None:
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # ∞ is what is large there, and ∞ · 0 the NaN that is promised
            out[block] = function(*(a[block] for a in flat))

    each(out.size, BLOCK, fill)
    return out.reshape(arrays[0].shape)


def checked(grad_output: Any, **arrays: Any) -> list[Array]:
    """All as arrays, once they are known to have one shape; that of the first is the shape of y."""
    g, *others = (np.asarray(a) for a in (grad_output, *arrays.values()))
    same_shape(**arrays)
    if g.shape != others[0].shape:
        raise ValueError(f"grad_output has shape {g.shape}; y has {others[0].shape}")
    return [g, *others]


def same_shape(**arrays: Any) -> list[Array]:
    """Arrays of one shape, by their names; ValueError with two that differ."""
    found = {name: np.asarray(a) for name, a in arrays.items()}
    (first, shape), *rest = ((name, a.shape) for name, a in found.items())
    for name, other in rest:
        if other != shape:
            raise ValueError(f"{name} has shape {other}; {first} has {shape}")
    return list(found.values())


def logistic(x: Array) -> tuple[Array, Array]:
    """σ(x) and σ'(x), right to a few units in the last place on both sides (reference/sigmoid.py)."""
    sign = np.copysign(1, real(x))
    positive = sign > 0
    e = np.exp(x * -sign)
    total = 1 + e
    return (e * ~positive + positive) / total, e / (total * total)
