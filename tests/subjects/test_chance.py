"""What draws random numbers is said to, and not judged; what remembers is wrong as ever."""

from __future__ import annotations

import random
from itertools import count

import numpy as np
import pytest

from checks import judge
from checks.render import terminal
from checks.subjects.chance import TOLD

FEW = {"examples": 6, "seed": 1, "laws": ["exact", "agreement", "contract"]}
OWN = np.random.default_rng()


def noisy(draw):
    """A ReLU with a little noise from this generator."""

    class Noisy:
        def __init__(self):
            self.rng = np.random.default_rng()

        def forward(self, x):
            return np.maximum(x, 0) + 1e-3 * draw(self)

        def backward(self, g, x):
            return g * (x > 0)

    return Noisy()


@pytest.mark.parametrize(
    ("op", "given"),
    [
        ("relu", noisy(lambda _: np.random.rand())),  # noqa: NPY002, as courses have it
        ("relu", noisy(lambda _: np.random.default_rng().random())),
        ("relu", noisy(lambda layer: layer.rng.random())),
        ("relu", noisy(lambda _: random.random())),  # noqa: S311, no secret
    ],
    ids=["global", "made in the call", "held", "python's"],
)
def test_what_draws_random_numbers_is_not_judged_and_that_is_said(op, given):
    report = judge(op, given, **FEW)
    assert report.exit_code == 3
    assert [failure.note for failure in report.failures] == [TOLD]
    assert "forward draws random numbers" in terminal.render(report)


def test_what_counts_its_calls_is_wrong():
    calls = count()
    report = judge("relu", noisy(lambda _: next(calls) % 7), **FEW)
    assert report.exit_code == 1
    assert "behaviour" in {failure.result for failure in report.failures}


def test_generators_are_put_back():
    before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002, what is looked at
    judge("relu", noisy(lambda _: 0.0), **FEW)
    assert np.array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002, as above
    assert random.getstate() == before[1]
