"""Right at a kink is everything between the two slopes that meet there, and it is told which of it was found."""

from __future__ import annotations

import numpy as np
import pytest

from checks.op import Case
from checks.ops import find

KINKS = find("relu").kinks
X, G = np.array([-2.0, 0, 0, 0, 3]), np.array([3.0, 5, -7, 0.1, -4])


def of(slope, share, dtype="float64"):
    """A case, and the gradient that has this share of the cotangent where x is 0."""
    parameters = {} if slope is None else {"negative_slope": slope}
    left = slope or 0
    gradient = np.where(X == 0, share * G, np.where(X > 0, G, left * G))
    return Case(find("relu"), (X.astype(dtype),), parameters, G.astype(dtype)), gradient.astype(dtype)


@pytest.mark.parametrize("slope", [None, 0, 0.01, 0.25, 1, 2, -0.5])
@pytest.mark.parametrize("part", [0, 0.3, 0.5, 1])
def test_what_lies_between_the_slopes_is_right_as_it_is(slope, part):
    left = slope or 0
    case, gradient = of(slope, left + part * (1 - left))
    nearest = KINKS.nearest(case, gradient)
    assert np.abs(nearest - gradient).max() <= 2 * np.spacing(7.0)  # the ends are rounded, too


@pytest.mark.parametrize(
    ("slope", "share", "end"),
    [
        (None, -0.5, 0),
        (None, 1.5, 1),
        (0.25, 0, 0.25),
        (0.25, 1.1, 1),
        (2, 0.5, 1),
        (2, 2.5, 2),
        (-0.5, -1, -0.5),
        (1, 0, 1),
    ],
)
def test_what_lies_beyond_is_measured_from_the_nearer_slope(slope, share, end):
    case, gradient = of(slope, share)
    assert KINKS.nearest(case, gradient).tolist() == of(slope, end)[1].tolist()


def test_off_the_kink_there_is_one_right_gradient():
    case, gradient = of(0.25, 0.5)
    assert KINKS.nearest(case, -gradient)[[0, -1]].tolist() == [0.75, -4]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize(
    ("slope", "share", "said"),
    [
        (None, 0, "the derivative at 0 is 0"),
        (None, 0.5, "the derivative at 0 is 0.5"),
        (None, 1, "the derivative at 0 is 1"),
        (0.01, 0.01, "the derivative at 0 is negative_slope"),
        (0.01, 0.505, "the derivative at 0 is halfway between negative_slope and 1"),
        (0.01, 1, "the derivative at 0 is 1"),
        (-0.3, -0.3, "the derivative at 0 is negative_slope"),
        (-0.3, 0.25, "the derivative at 0 is 0.25"),
        (0, 0, "the derivative at 0 is negative_slope"),
        (1, 1, ""),
    ],
)
def test_the_convention_is_named_whatever_its_rounding(slope, share, said, dtype):
    case, gradient = of(slope, share, dtype)
    assert KINKS.convention(case, gradient) == said


def test_different_shares_are_said_to_differ():
    case, gradient = of(None, 0.5)
    gradient[1] = 0
    assert KINKS.convention(case, gradient) == "the derivative at 0 is between 0 and 1"
    case, gradient = of(0.25, 0.5)
    gradient[1] = 5
    assert KINKS.convention(case, gradient) == "the derivative at 0 is between negative_slope and 1"
