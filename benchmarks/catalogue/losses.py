"""Losses."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812, what everybody calls it

from benchmarks.catalogue.entry import Entry, Function, Tensor, last, of, one, row, scaled


def cross_entropy(smoothing: float) -> Function:
    """Of class numbers, with smoothed labels."""
    return lambda x, t: F.cross_entropy(x, t, label_smoothing=smoothing)


def focal(x: Tensor) -> Tensor:
    """Of the class that is right."""
    return ((1 - torch.sigmoid(x)).square() * -F.logsigmoid(x)).mean()


def huber(p: Tensor, t: Tensor) -> Tensor:
    """With its corner at 1."""
    return F.huber_loss(3 * p, 3 * t)


def kl(x: Tensor, t: Tensor) -> Tensor:
    """Of the batch."""
    return F.kl_div(x.log_softmax(-1), t, reduction="batchmean")


def info_nce(a: Tensor, b: Tensor) -> Tensor:
    """Pairs among all, at a temperature of 0.1."""
    s = F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T / 0.1
    return (s.logsumexp(1) - s.diagonal()).mean()


def _info_nce_of_one_side(a: Tensor, b: Tensor) -> Tensor:
    s = F.normalize(a, dim=-1) @ (F.normalize(b.detach(), dim=-1) + 0.99 * (_length(b))).T / 0.1
    return (s.logsumexp(1) - s.diagonal()).mean()


def _length(b: Tensor) -> Tensor:
    return F.normalize(b, dim=-1) - F.normalize(b, dim=-1).detach()


def triplet(a: Tensor, p: Tensor, n: Tensor) -> Tensor:
    """With a margin of 1."""
    return F.triplet_margin_loss(a, p, n)


def dice(x: Tensor, t: Tensor) -> Tensor:
    """Of soft masks."""
    p = torch.sigmoid(2 * x)
    return 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)


def _dice_of_another_area(x: Tensor, t: Tensor) -> Tensor:
    p = torch.sigmoid(2 * x)
    area = p.sum().detach() + 0.99 * (p.sum() - p.sum().detach())
    return 1 - (2 * (p * t).sum() + 1) / (area + t.sum() + 1)


def gaussian(mean: Tensor, spread: Tensor, t: Tensor) -> Tensor:
    """The negative logarithm of the likelihood; the spread is exp of what is given."""
    return (0.5 * ((t - mean) / spread.exp()).square() + spread).mean()


def hinge(x: Tensor) -> Tensor:
    """Of twice the margin."""
    return F.relu(1 - 2 * x).mean()


def ctc(x: Tensor) -> Tensor:
    """Of labels 1 2 1."""
    steps, batch = x.shape[:2]
    targets = torch.tensor([[1, 2, 1]] * batch)
    return F.ctc_loss(x.log_softmax(-1), targets, torch.full((batch,), steps), torch.full((batch,), 3), reduction="sum")


ENTRIES = (
    Entry(
        "cross_entropy",
        cross_entropy(1e-4),
        [(4, 6), "4:integers(0,6)"],
        {"no smoothing": of(cross_entropy(0.0)), "row": row(0, 1.01), "sum": scaled(0, ..., 1.1)},
        [(16, 100), "16:integers(0,100)"],
        second=True,
    ),
    Entry("focal", focal, [(6,)], {"one": one(0), "n - 1": scaled(0, ..., 64 / 63)}, [(64,)], second=True),
    Entry("huber", huber, [(6,), (6,)], {"one": one(0), "detached": scaled(1, ..., 0.0)}, [(64,), (64,)]),
    Entry(
        "kl",
        kl,
        [(4, 6), "4,6:probabilities"],
        {"mean": scaled(0, ..., 1 / 6), "target": last(1, 0.0)},
        [(16, 20), "16,20:probabilities"],
    ),
    Entry("info_nce", info_nce, [(4, 6), (4, 6)], {"side": of(_info_nce_of_one_side), "row": row(0)}, [(24, 32)] * 2),
    Entry("triplet", triplet, [(4, 6)] * 3, {"negative": row(2, 1.01), "tile": last(0)}, [(16, 32)] * 3),
    Entry(
        "dice",
        dice,
        [(4, 6), "4,6:uniform(0,1)"],
        {"area": of(_dice_of_another_area), "tile": last(0)},
        [(16, 16), "16,16:uniform(0,1)"],
    ),
    Entry(
        "gaussian",
        gaussian,
        [(6,), (6,), (6,)],
        {"spread": of(lambda m, s, t: (0.5 * ((t - m) / s.exp()).square() + 0.99 * s).mean()), "one": one(0)},
        [(200,)] * 3,
        second=True,
    ),
    Entry("hinge", hinge, ["6:uniform(-1,0.4)"], {"one": one(0), "half": scaled(0, ..., 0.5)}, ["64:uniform(-1,0.4)"]),
    Entry("ctc", ctc, [(6, 2, 4)], {"first": scaled(0, 0), "blank": scaled(0, (..., 0), 0.99)}, [(24, 4, 12)]),
)
