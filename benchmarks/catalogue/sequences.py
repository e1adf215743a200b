"""Attention, recurrent cells, scans, positions."""

from __future__ import annotations

import math

import torch

from benchmarks.catalogue.entry import Entry, Tensor, last, of, one, row, scaled


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """With a causal mask; heads first."""
    seen = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()
    scores = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(~seen, -math.inf)
    return scores.softmax(-1) @ v


def _attention_beyond(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    seen = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril(1)
    scores = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(~seen, -math.inf)
    return scores.softmax(-1) @ v


def gru(x: Tensor, h: Tensor, wi: Tensor, wh: Tensor) -> Tensor:
    """A cell, with the reset gate behind the product."""
    z, r, n = (x @ wi).chunk(3, -1)
    hz, hr, hn = (h @ wh).chunk(3, -1)
    z = torch.sigmoid(z + hz)
    n = torch.tanh(n + torch.sigmoid(r + hr) * hn)
    return (1 - z) * n + z * h


def lstm(x: Tensor, h: Tensor, c: Tensor, w: Tensor) -> Tensor:
    """A cell: h and c one beside the other."""
    i, f, g, o = (torch.cat([x, h], -1) @ w).chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.cat([torch.sigmoid(o) * torch.tanh(c), c], -1)


def _lstm_without_output(x: Tensor, h: Tensor, c: Tensor, w: Tensor) -> Tensor:
    i, f, g, o = (torch.cat([x, h], -1) @ w).chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.cat([torch.sigmoid(o) * torch.tanh(c.detach()), c], -1)


def scan(a: Tensor, x: Tensor) -> Tensor:
    """hₜ = σ(aₜ)·hₜ₋₁ + xₜ, along the second axis."""
    h, found = torch.zeros_like(x[:, 0]), []
    for t in range(x.shape[1]):
        h = torch.sigmoid(a[:, t]) * h + x[:, t]
        found.append(h)
    return torch.stack(found, 1)


def rotary(x: Tensor) -> Tensor:
    """Positions along the second axis, pairs that lie beside one another."""
    t = torch.arange(x.shape[1], dtype=x.dtype)[:, None, None]
    angle = t * 10000.0 ** (-torch.arange(0, x.shape[-1], 2, dtype=x.dtype) / x.shape[-1])
    a, b = x[..., ::2], x[..., 1::2]
    return torch.stack([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1).flatten(-2)


def cumprod(x: Tensor) -> Tensor:
    """Of numbers near 1."""
    return (1 + x / 4).cumprod(-1)


def logcumsumexp(x: Tensor) -> Tensor:
    """Along the last axis."""
    return x.logcumsumexp(-1)


def mixture(x: Tensor, gate: Tensor, w: Tensor) -> Tensor:
    """Of the two experts whose gates are largest."""
    best, which = (x @ gate).topk(2, -1)
    each = torch.einsum("bi,bkio->bko", x, w[which])
    return (best.softmax(-1)[..., None] * each).sum(1)


def _mixture_without_gate(x: Tensor, gate: Tensor, w: Tensor) -> Tensor:
    return mixture(x, gate.detach() + 0.99 * (gate - gate.detach()), w)


ENTRIES = (
    Entry(
        "attention",
        attention,
        [(2, 4, 3)] * 3,
        {
            "head": scaled(1, -1, 0.0),
            "tile": last(2, axis=1, share=4),
            "row": scaled(0, (0, 2)),
            "mask": of(_attention_beyond),
        },
        [(8, 32, 16)] * 3,
        second=True,
    ),
    Entry(
        "gru",
        gru,
        [(2, 3), (2, 4), (3, 12), (4, 12)],
        {"reset": last(3, share=3), "row": row(2), "tile": last(0)},
        [(4, 16), (4, 24), (16, 72), (24, 72)],
        second=True,
    ),
    Entry(
        "lstm",
        lstm,
        [(2, 3), (2, 4), (2, 4), (7, 16)],
        {"cell": of(_lstm_without_output), "gate": last(3, share=4), "one": one(3)},
        [(4, 16), (4, 16), (4, 16), (32, 64)],
    ),
    Entry(
        "scan",
        scan,
        [(2, 5, 3)] * 2,
        {"early": scaled(0, (slice(None), 1)), "last": scaled(1, (slice(None), -1), 0.0)},
        [(2, 30, 8)] * 2,
    ),
    Entry(
        "rotary", rotary, [(1, 5, 2, 4)], {"sign": scaled(0, (0, -1, 1), -1), "tile": last(0, axis=1)}, [(2, 16, 4, 8)]
    ),
    Entry("cumprod", cumprod, [(4, 6)], {"last": scaled(0, (..., -1)), "one": one(0)}, [(8, 20)], second=True),
    Entry("logcumsumexp", logcumsumexp, [(4, 6)], {"first": scaled(0, (..., 0)), "row": row(0, 0.99)}, [(8, 50)]),
    Entry(
        "mixture",
        mixture,
        [(4, 3), (3, 4), (4, 3, 2)],
        {"gate": of(_mixture_without_gate), "expert": scaled(2, -1)},
        [(12, 8), (8, 6), (6, 8, 8)],
    ),
)
