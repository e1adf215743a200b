"""Constants that are stored in few bits are told from what is wrong by no more than they are."""

import numpy as np
import pytest

from checks import judge
from checks.numbers.precision import PRECISIONS


def stored(a):
    return PRECISIONS["float16"].rounded(np.asarray(a, np.float64))


class Leaky:
    """Its slope is stored, and then off by so much of itself below 0."""

    def __init__(self, off=0.0):
        self.off = off

    def slope(self, negative_slope):
        return float(stored(negative_slope)) * (1 + self.off)

    def forward(self, x, negative_slope=0.01):
        return stored(np.where(x > 0, x, self.slope(negative_slope) * x.astype(float)))

    def backward(self, g, x, negative_slope=0.01):
        return (stored(np.where(x > 0, g, self.slope(negative_slope) * g.astype(float))),)


class Mean:
    """Half of the mean of squares over samples, by a stored 1/n, or by another."""

    def __init__(self, more=0):
        self.more = more

    def forward(self, prediction, target, reduction="mean"):
        e = prediction.astype(float) - target
        return stored(0.5 * np.sum(e * e) * self.share(len(e), reduction))

    def backward(self, g, prediction, target, reduction="mean"):
        e = prediction.astype(float) - target
        grad = stored(g * e * self.share(len(e), reduction))
        return grad, -grad

    def share(self, n, reduction):
        return float(stored(1 / (n + self.more))) if reduction == "mean" else 1.0


def judged(op, layer, **pins):
    return judge(op, layer, dtype="float16", examples=40, seed=1, laws=["agreement"], **pins)


def test_a_slope_that_is_stored_is_a_warning():
    report = judged("leaky_relu", Leaky(), negative_slope=0.3)
    assert report, str(report)
    notes = {f.note for f in report.findings if f.verdict.name == "WARNING"}
    assert notes == {"y: stored in float16: negative_slope", "grad_x: stored in float16: negative_slope"}


@pytest.mark.parametrize("off", [0.01, -0.01])
def test_a_slope_that_is_off_by_more_is_not(off):
    report = judged("leaky_relu", Leaky(off), negative_slope=0.3)
    assert not report, str(report)


def test_a_mean_by_a_stored_share_is_a_warning_and_by_another_number_of_samples_wrong():
    report = judged("euclidean_loss", Mean(), reduction="mean")
    assert report, str(report)
    assert any("stored in float16: 1/n" in f.note for f in report.findings)
    assert judged("euclidean_loss", Mean(1), reduction="mean").exit_code == 1
