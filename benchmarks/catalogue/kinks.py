"""Indexing, sorting, and functions at their kinks and ties."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.catalogue.entry import Entry, Gradients, Mistake, Tensor, last, of, one, put, row, scaled

ZERO = np.array([0.0, 1.0, -2.0, 0.5, 0.0])
BOUNDS = np.array([-1.0, 1.0, -2.0, 0.5, 0.0])
TIED = np.array([[1.0, 3.0, 3.0, 2.0], [0.0, 0.0, -1.0, -2.0]])
NULL = np.array([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5]])
EQUAL = [np.array([1.0, 2.0, -0.5]), np.array([1.0, 0.0, -0.5])]


def _beside(gradients: Gradients, g: Tensor, inputs: object) -> Gradients:  # noqa: ARG001, a mistake's
    """One index of all leads to the row beside it."""
    x, index = inputs  # type: ignore[misc]
    rows = index.clone()
    rows[-1] = (rows[-1] + 1) % x.shape[0]
    return [torch.zeros_like(x).index_add(0, rows, g), None]


def _overwritten(gradients: Gradients, g: Tensor, inputs: object) -> Gradients:  # noqa: ARG001, a mistake's
    """Where an index comes twice, the last one counts."""
    x, index = inputs  # type: ignore[misc]
    return [torch.zeros_like(x).index_copy(0, index, g), None]


def _whole(which: int) -> Mistake:
    """The whole cotangent for each of those that are tied."""
    return lambda _, g, inputs: [g[:, None] * (inputs[which] == inputs[which].amax(-1, keepdim=True))]


def _rolled(gradients: Gradients, _: Tensor, __: object) -> Gradients:
    """Handed to the elements beside."""
    (right,) = gradients
    return [right if right is None else torch.cat([right[:-1], right[-1:].roll(1, -1)])]


def scatter_mean(x: Tensor, index: Tensor) -> Tensor:
    """The mean of each of four groups, 0 of none."""
    count = torch.zeros(4, dtype=x.dtype).index_add(0, index, torch.ones(len(index), dtype=x.dtype))
    return torch.zeros(4, x.shape[1], dtype=x.dtype).index_add(0, index, x) / count.clamp(min=1)[:, None]


ENTRIES = (
    Entry(
        "embedding",
        lambda x, i: x[i],
        [(5, 3), "8:integers(0,5)"],
        {"one index": _beside, "overwritten": _overwritten},
        [(200, 8), "210:integers(0,200)"],
    ),
    Entry(
        "scatter_mean",
        scatter_mean,
        [(6, 3), "6:integers(0,4)"],
        {"last": scaled(0, -1), "sum": of(lambda x, i: scatter_mean(x, i) * 1.01)},
        [(60, 8), "60:integers(0,4)"],
    ),
    Entry(
        "gather",
        lambda x, i: x.gather(1, i),
        [(4, 5), "4,3:integers(0,5)"],
        {"row": row(0), "one": scaled(0, -1)},
        [(16, 50), "16,20:integers(0,50)"],
    ),
    Entry("sort", lambda x: x.sort(-1).values, [(4, 6)], {"last": scaled(0, (..., -1), 0.0), "one": one(0)}, [(8, 40)]),
    Entry("topk", lambda x: x.topk(3, -1).values, [(4, 6)], {"beside": _rolled, "row": row(0)}, [(8, 40)]),
    Entry("median", lambda x: x.median(-1).values, [(4, 7)], {"beside": _rolled, "row": row(0, 0.99)}, [(16, 41)]),
    Entry(
        "variance",
        lambda x: x.var(-1),
        [(3, 6)],
        {"n": of(lambda x: x.var(-1, unbiased=False)), "one": one(0)},
        [(8, 100)],
        second=True,
    ),
    Entry(
        "deviation", lambda x: x.std(), [(6,)], {"n": scaled(0, ..., 299 / 300), "one": one(0)}, [(300,)], second=True
    ),
    Entry("abs at 0", torch.abs, [ZERO], {"slope 2": put(0, 0, lambda g: 2 * g[0]), "sign": put(0, 2, lambda g: g[2])}),
    Entry(
        "clip at bounds",
        lambda x: x.clamp(-1, 1),
        [BOUNDS],
        {"slope 2": put(0, 1, lambda g: 2 * g[1]), "beyond": put(0, 2, lambda g: g[2])},
    ),
    Entry(
        "maximum of ties",
        lambda x: x.amax(-1),
        [TIED],
        {"whole for each": _whole(0), "none": put(0, (0, slice(1, 3)), lambda g: 0 * g[0])},
    ),
    Entry(
        "norm at 0",
        lambda x: torch.linalg.vector_norm(x, dim=-1),
        [NULL],
        {"length 4": put(0, 0, lambda g: 2.3 * g[0]), "one": scaled(0, (1, 2))},
    ),
    Entry(
        "larger of two",
        torch.maximum,
        EQUAL,
        {"whole for both": lambda _, g, i: [g * (i[0] >= i[1]), g * (i[1] >= i[0])], "one": scaled(0, 1, 0.9)},
    ),
    Entry(
        "huber at its corner",
        lambda x: torch.nn.functional.huber_loss(x, 0 * x, reduction="sum"),
        [BOUNDS],
        {"slope 2": put(0, 1, lambda g: 2 * g), "half": put(0, 3, lambda g: 0.25 * g)},
    ),
    Entry(
        "maximum of windows",
        lambda x: torch.nn.functional.max_pool1d(x[None], 3, 2)[0],
        [(2, 9)],
        {"last": last(0, 0.0, share=3), "row": row(0, 1.01)},
        [(16, 65)],
    ),
)
