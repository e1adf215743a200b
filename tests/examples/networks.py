"""Whether a network is torch's: its gradients within what rounding explains, its steps one after the other."""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch

from examples.training import WAYS, Digits, Example, Parameters, batches, flat, like

# Rounding is the same in every precision, but for its unit: what float32 is off by, float64 is off by times 2⁻²⁹. Which way
# each falls is chance, so that the largest of an array may be a few times as large, and two ways may fall apart: 16.
FINER, CHANCE = 2.0**-29, 16
DIGITS = 6


class Compared:
    """A network and torch on the first few digits. Ours is computed each time, so that mistakes can be planted."""

    def __init__(self, example: Example, data: Digits, of: Parameters) -> None:
        """Of these parameters."""
        self.example, self.of = example, of
        self.images, self.labels = data.images[:DIGITS], data.labels[:DIGITS]
        at = like(of, [torch.tensor(a, requires_grad=True) for a in flat(of)])
        loss = [example.loss_in_torch(at, self.images, labels) for labels in self.answers()]
        self.expected = [np.array([one.item() for one in loss])]
        self.expected += [g.numpy() for g in torch.autograd.grad(loss[0], flat(at))]
        self.rough = self.ours(np.float32)

    def answers(self) -> list[np.ndarray]:
        """The right ones, and ten times others, since a single loss may be off by little by chance."""
        return [(self.labels + k) % 10 for k in range(10)]

    def ours(self, dtype: type = np.float64) -> list[np.ndarray]:
        """The losses of all answers, and the gradients of the first."""
        images = self.images.astype(dtype) if self.images.dtype.kind == "f" else self.images
        of = like(self.of, [a.astype(dtype) for a in flat(self.of)])
        found = [self.example.network.loss_and_gradients(of, images, labels) for labels in self.answers()]
        return [np.array([loss for loss, _ in found]), *flat(found[0][1])]

    def apart(self) -> float:
        """How far apart, as a share of what rounding explains, of the array where it is most."""
        triples = zip(self.ours(), self.expected, self.rough, strict=True)
        return max(np.abs(a - b).max() / (CHANCE * FINER * np.abs(c - b).max()) for a, b, c in triples)

    def assert_right(self) -> None:
        """Losses and gradients are torch's, and no gradient is empty."""
        _, *gradients = self.ours()
        assert [a.shape for a in gradients] == [a.shape for a in flat(self.of)]
        assert self.apart() <= 1
        assert all(np.abs(a).max() > 1e-6 for a in gradients), "each of them says something"


def assert_same_steps(example: Example, data: Digits, start: Parameters, within: float, *, count: int = 3) -> None:
    """As torch takes them, with momentum and decay, on one batch again and again, on which they learn."""
    one = [next(batches(data, size=16, epochs=1, seed=1))] * count
    before = [a.copy() for a in flat(start)]
    usual = {name: example.usual[name] for name in ("rate", "momentum")}
    ways = [way(example, start, islice(one, count), **usual, decay=0.001) for way in WAYS.values()]
    losses = []
    for (loss, ours), (other, torchs) in zip(*ways, strict=True):
        losses.append(loss)
        assert abs(loss - other) < within
        assert all(np.abs(a - b).max() < within for a, b in zip(flat(ours), flat(torchs), strict=True))
    assert losses == sorted(losses, reverse=True)
    assert all(map(np.array_equal, flat(start), before)), "what was given stays as it was"
