"""Norms and activations."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812, what everybody calls it

from benchmarks.catalogue.entry import Entry, Tensor, last, of, one, row, scaled

EPS = 1e-2  # large enough for its place to matter


def layer_norm(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """Over the last axis."""
    return F.layer_norm(x, (x.shape[-1],), w, b)


def _layer_norm_without_mean(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True).detach()
    return centred * torch.rsqrt(centred.square().mean(-1, keepdim=True) + 1e-5) * w + b


def rms_norm(x: Tensor, w: Tensor) -> Tensor:
    """Over the last axis."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS) * w


def _rms_norm_outside(x: Tensor, w: Tensor) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True).sqrt() + EPS) * w


def group_norm(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """Of four groups."""
    return F.group_norm(x, 4, w, b)


def batch_norm(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """Of the batch's own statistics."""
    return F.batch_norm(x, None, None, w, b, training=True)


def _batch_norm_of_n_minus_1(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    mean, var = x.mean(0), x.var(0)
    return (x - mean) * torch.rsqrt(var + 1e-5) * w + b


def l2_normalize(x: Tensor) -> Tensor:
    """Rows of length 1."""
    return F.normalize(x, dim=-1)


def gelu(x: Tensor) -> Tensor:
    """The exact one."""
    return F.gelu(3 * x)


def gelu_tanh(x: Tensor) -> Tensor:
    """The approximation."""
    return F.gelu(3 * x, approximate="tanh")


def swish(x: Tensor) -> Tensor:
    """With a slope of 1.5."""
    return x * torch.sigmoid(1.5 * x)


def softplus(x: Tensor) -> Tensor:
    """Of 4 x."""
    return F.softplus(4 * x)


def log_softmax(x: Tensor) -> Tensor:
    """Over the last axis."""
    return x.log_softmax(-1)


def weight_norm(v: Tensor, g: Tensor) -> Tensor:
    """Rows of v, as long as g says."""
    return v / torch.linalg.vector_norm(v, dim=1, keepdim=True) * g[:, None]


ENTRIES = (
    Entry(
        "layer_norm",
        layer_norm,
        [(4, 12), (12,), (12,)],
        {"tile": last(0), "row": row(0), "one gamma": one(1), "mean": of(_layer_norm_without_mean)},
        [(32, 512), (512,), (512,)],
        second=True,
    ),
    Entry(
        "rms_norm",
        rms_norm,
        [(4, 12), (12,)],
        {"tile": last(0), "epsilon": of(_rms_norm_outside), "one gamma": one(1, 0.99)},
        [(16, 256), (256,)],
        second=True,
    ),
    Entry(
        "group_norm",
        group_norm,
        [(2, 8, 2, 2), (8,), (8,)],
        {"group": last(0, axis=1, share=4), "beta": one(2)},
        [(2, 16, 8, 8), (16,), (16,)],
    ),
    Entry(
        "batch_norm",
        batch_norm,
        [(6, 4), (4,), (4,)],
        {"n - 1": of(_batch_norm_of_n_minus_1), "row": row(0), "channel": last(0, share=4)},
        [(64, 32), (32,), (32,)],
    ),
    Entry(
        "l2_normalize",
        l2_normalize,
        [(4, 6)],
        {"tile": last(0), "length": of(lambda x: x / torch.linalg.vector_norm(x.detach(), dim=-1, keepdim=True))},
        [(64, 64)],
        second=True,
    ),
    Entry("gelu", gelu, [(4, 6)], {"tanh": of(gelu_tanh), "row": row(0), "one": one(0)}, [(32, 256)], second=True),
    Entry("gelu_tanh", gelu_tanh, [(4, 6)], {"exact": of(gelu), "tile": last(0)}, [(32, 256)]),
    Entry(
        "swish",
        swish,
        [(4, 6)],
        {"slope": of(lambda x: x * torch.sigmoid(1.49 * x)), "gate": of(lambda x: x * torch.sigmoid(1.5 * x).detach())},
        [(32, 256)],
        second=True,
    ),
    Entry("softplus", softplus, [(4, 6)], {"tile": last(0, 1.001), "one": one(0)}, [(32, 64)]),
    Entry(
        "log_softmax",
        log_softmax,
        [(4, 6)],
        {"tile": last(0), "row": row(0, 0.99), "one": one(0)},
        [(16, 500)],
        second=True,
    ),
    Entry(
        "weight_norm",
        weight_norm,
        [(4, 6), (4,)],
        {
            "length": of(lambda v, g: v / torch.linalg.vector_norm(v.detach(), dim=1, keepdim=True) * g[:, None]),
            "last g": scaled(1, -1),
        },
        [(64, 96), (64,)],
        second=True,
    ),
)
