"""Embedding: each index picks a row of a table                                                                        (W2).

    y[n, d] = weight[index[n], d]

A row goes to every place that asks for it, so it collects the cotangents g = ∂J/∂y of all these places, however many:

    ∂J/∂weight[i, d] = Σ_{n : index[n] = i} g[n, d]

The row of `padding_index` stands for "no word here": a constant, usually 0, whose gradient is 0. The index has none.
(Bengio et al. 2003, whose table is C.)
"""

from __future__ import annotations

import numpy as np

from reference._window import Array, wide


def forward(index: Array, weight: Array, *, padding_index: int | None = None) -> Array:
    """y (*batch, D), of the dtype of weight (V, D), for whole numbers index (*batch) from 0 to V − 1.

    Raises ValueError, naming the numbers, if weight is no table, an index is no whole number or has no row, or
    padding_index has none.
    """
    index, weight = _arrays(index, weight, padding_index)
    return weight[index]


def backward(
    grad_output: Array, index: Array, weight: Array, *, padding_index: int | None = None
) -> tuple[None, Array]:
    """None for the index, and ∂J/∂weight (V, D), given grad_output = ∂J/∂y (*batch, D).

    The dtype is that of grad_output; float16 is summed in float32 and rounded once. A row that is never asked for gets 0.

    Raises ValueError as forward does, and if grad_output does not have the shape of y.
    """
    index, weight = _arrays(index, weight, padding_index)
    g = np.asarray(grad_output)
    if g.shape != (*index.shape, weight.shape[1]):
        raise ValueError(f"grad_output has shape {g.shape}; y has {(*index.shape, weight.shape[1])}")
    of_weight = np.zeros(weight.shape, wide(np.empty(0, g.dtype)).dtype)
    np.add.at(of_weight, index, g.astype(of_weight.dtype, copy=False))
    if padding_index is not None:
        of_weight[padding_index] = 0
    return None, of_weight.astype(g.dtype, copy=False)


def _arrays(index: Array, weight: Array, padding_index: int | None) -> tuple[Array, Array]:
    index, weight = np.asarray(index), np.asarray(weight)
    if weight.ndim != 2:
        raise ValueError(f"weight has shape {weight.shape}; expected a table (V, D)")
    if index.dtype.kind not in "iu":
        raise ValueError(f"index is {index.dtype}; expected whole numbers, each that of a row")
    rows = len(weight)
    for name, numbers in (
        ("index", index),
        ("padding_index", np.asarray(() if padding_index is None else padding_index)),
    ):
        if numbers.size and (numbers.min() < 0 or numbers.max() >= rows):
            worst = numbers.min() if numbers.min() < 0 else numbers.max()
            raise ValueError(f"{name} {worst} is no row of weight {weight.shape}; expected 0 to {rows - 1}")
    return index, weight
