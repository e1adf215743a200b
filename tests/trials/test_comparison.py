"""How sharp a comparison is: what could not have failed decides nothing, and what is rightly 0 is decided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np
import pytest

from checks import Verdict
from checks.numbers.bounds import Bound, gamma, unit_roundoff
from checks.op import Problem
from checks.ops import find
from checks.trials.comparison import DECISIVE, compared

CONV = find("conv")
PROBLEM = Problem(CONV, {"x": (1, 1, 1), "weight": (1, 1, 1), "bias": None, "y": (1, 1, 1)}, CONV.takes.defaults)
RIGHT = np.random.default_rng(1).normal(size=200)
WRONG = {
    "zeros": np.zeros_like,
    "doubled": lambda a: 2 * a,
    "halved": lambda a: a / 2,
    "negated": np.negative,
    "a block of zeros": lambda a: np.where(np.arange(a.size) < a.size // 4, 0.0, a),
}


@dataclass
class Plain:
    """A run that does not transform, in this precision."""

    dtype: str = "float64"

    @property
    def problem(self):
        return replace(PROBLEM, dtype=self.dtype)

    def once(self, question):
        """No arithmetic is asked about; `question` is what would ask."""
        assert callable(question)
        return False


def found(actual, expected, bound, dtype="float64"):
    """The finding where rounding is allowed so much."""
    expected = np.asarray(expected)
    limits = np.broadcast_to(np.asarray(bound, float), expected.shape)
    return compared("agreement", "y", Plain(dtype), np.asarray(actual), expected, Bound(limits, np.asarray(inf)))


def test_it_says_which_share_of_an_element_it_would_have_seen():
    assert found([4.0, 8.0], [4.0, 8.0], [0.1, 0.1]).sees == 0.1 / 4
    assert found([4.0, 9.0], [4.0, 8.0], [0.1, 0.1]).sees == 0.1 / 4, "of what is broken too"
    assert found([4.0, 8.0], [4.0, 8.0], [0.0, 0.0]).sees == 0
    assert found(3.0, 3.0, 0.3).sees == pytest.approx(0.1)


def test_nine_tenths_of_the_elements_keep_it():
    """A sum that cancels says nothing of the others; a tenth of them and one more do."""
    expected = np.ones(100)
    for few, sees in ((10, 0.01), (11, 10.0)):
        expected[:few] = 1e-3
        assert found(expected, expected, 0.01).sees == pytest.approx(sees)


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("bound", 10.0 ** np.arange(-16, 4))
@pytest.mark.parametrize("relative", [False, True])
def test_what_is_wrong_by_half_or_more_is_never_said_to_hold(name, bound, relative):
    """Whatever is allowed, and though all of it is: then it is undecided."""
    limits = bound * np.abs(RIGHT) if relative else bound
    for scale in (1.0, 1e-12, 1e12):
        finding = found(WRONG[name](RIGHT) * scale, RIGHT * scale, limits * scale)
        assert finding.verdict is not Verdict.HOLDS
        assert (finding.verdict is Verdict.UNDECIDED) == bool(finding.note)


def test_what_is_off_by_half_is_seen_through_any_rounding_that_is_allowed():
    """The quarter: an element that rounds by all of its bound towards what is wrong."""
    limits = DECISIVE * np.abs(RIGHT) * (1 - 1e-12)
    rounded = RIGHT / 2 + limits * np.sign(RIGHT)
    assert found(RIGHT + 0.999 * limits, RIGHT, limits).verdict is Verdict.HOLDS
    assert found(rounded, RIGHT, limits).verdict is Verdict.BROKEN, "half of it, and rounding that makes up for some"
    assert found(RIGHT, RIGHT, DECISIVE * np.abs(RIGHT) * (1 + 1e-12)).verdict is Verdict.UNDECIDED


def test_results_that_are_rightly_zero_are_decided():
    nothing = np.zeros(5)
    assert found(nothing, nothing, 0.0).verdict is Verdict.HOLDS, "nothing reaches it"
    assert found(np.zeros((0, 3)), np.zeros((0, 3)), 0.0).sees == 0, "empty"
    cancelled = found(nothing, nothing, 1e-16)
    assert cancelled.verdict is Verdict.HOLDS, "relative to what cancels the bound is a gamma"
    assert cancelled.sees == gamma(PROBLEM.most_terms + 1, unit_roundoff("float64"))
    half = np.where(np.arange(200) % 2, RIGHT, 0.0)
    assert found(half, half, 1e-15).verdict is Verdict.HOLDS, "those that a ReLU lets nothing through"


def test_zeros_among_others_are_seen_beside_the_size_of_those():
    """A mistake that leaves something where nothing should be leaves something of their size."""
    half = np.where(np.arange(200) % 2, RIGHT, 0.0)
    size = np.sqrt(np.mean(RIGHT[1::2] ** 2))
    limits = np.where(half, 1e-15, size)
    assert found(half, half, limits).verdict is Verdict.UNDECIDED
    assert found(half, half, limits / 5).verdict is Verdict.HOLDS


def test_a_tail_is_not_nothing():
    """Where there is something, however little, and rounding could take all of it, nothing is decided."""
    for tail in (3e-17, 3e-21, 1e-300):
        assert found([0.0, 0.0], np.asarray([tail, -tail], np.longdouble), 1e-16).verdict is Verdict.UNDECIDED


def test_what_the_precision_cannot_hold_is_nothing():
    """Half the smallest float16 is 3e-8: no float16 tells less from 0."""
    assert found([0.0, 1.0], [1e-9, 1.0], 1e-3, "float16").verdict is Verdict.HOLDS
    assert found([0.0], [1e-9], 3e-8, "float16").verdict is Verdict.HOLDS
    assert found([0.0], [1e-6], 1e-6, "float16").verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        (0.3, "rounding alone may be a quarter of what is judged, or more"),
        (3.0, "rounding alone may be as large as what is judged, or more"),
        (18.0, "rounding alone may be 10 times as large as what is judged, or more"),
        (1e9, "rounding alone may be 1,000,000 times as large as what is judged, or more"),
        (inf, "rounding alone can make any error here: too many terms for this precision"),
    ],
)
def test_it_says_in_few_different_words_why_nothing_is_decided(bound, words):
    finding = found([1.0], [1.0], bound)
    assert (finding.verdict, finding.note, finding.sees) == (Verdict.UNDECIDED, words, bound)
