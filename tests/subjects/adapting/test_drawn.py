"""A dropout that draws its mask itself is judged by the mask that it keeps; where it keeps none, that is said."""

from __future__ import annotations

import numpy as np
import pytest

from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import NotAnImplementation
from checks.verdict.judging import judge

FEW = {"examples": 12, "seed": 1}


class Dropout:
    """Drops half, and divides by nothing."""

    p = 0.5

    def forward(self, x):
        self.mask = self.drawn(x)
        return x * self.mask

    def drawn(self, x):
        return np.random.rand(*x.shape) > self.p  # noqa: NPY002, as courses have it

    def backward(self, g):
        return g * self.mask


class Kept(Dropout):
    """Says how likely it is to keep; what is kept grows."""

    def __init__(self, keep_prob):
        self.keep_prob = keep_prob

    def drawn(self, x):
        return (np.random.rand(*x.shape) < self.keep_prob) / self.keep_prob  # noqa: NPY002, as courses have it


class Gone(Dropout):
    """Keeps what is dropped, and has p fixed."""

    p = 0.75

    def forward(self, x):
        self.gone = np.random.rand(*x.shape) < self.p  # noqa: NPY002, as courses have it
        return np.where(self.gone, 0, x) / (1 - self.p)

    def backward(self, g):
        return np.where(self.gone, 0, g) / (1 - self.p)


class DrawnAgain(Kept):
    """The mask of its backward is another."""

    def backward(self, g):
        return g * self.drawn(g)


class Straight(Kept):
    """What is kept does not grow on the way back."""

    def backward(self, g):
        return g * (self.mask > 0)


class Forgotten(Dropout):
    def backward(self, g):
        return g * self.drawn(g)

    def forward(self, x):
        return x * self.drawn(x)


@pytest.mark.parametrize(
    ("layer", "mask", "said"),
    [
        (Dropout, "its mask is mask, 0 of what is dropped", "it does not divide by 1 − p"),
        (Kept, "its mask is mask, 0 of what is dropped", "what it takes is the chance to be kept, 1 − p"),
        (Gone, "its mask is gone, true of what is dropped", "p is 0.75, which it does not take"),
    ],
)
def test_it_is_judged_by_the_mask_that_it_keeps(layer, mask, said):
    report = judge("dropout", layer, **FEW)
    assert report.exit_code == 0
    assert report.assumed[0] == mask
    assert report.assumed[1].startswith(said)


@pytest.mark.parametrize("layer", [DrawnAgain, Straight])
def test_a_backward_with_another_mask_is_wrong(layer):
    report = judge("dropout", layer, **FEW)
    assert report.exit_code == 1
    assert "grad_x" in {failure.result for failure in report.failures}


def test_where_no_mask_is_kept_that_is_said_and_nothing_judged():
    with pytest.raises(
        NotAnImplementation, match="it draws its mask itself, by which what is right is another each time"
    ):
        Implementation.of(find("dropout"), Forgotten)
