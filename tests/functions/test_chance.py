"""Functions that return another y each time are no wrong gradients: that is said."""

import numpy as np
import pytest

from checks import judge_function
from checks.functions.blackbox import NotTaken

CHANCE = np.random.default_rng(0)


def dropout(x, chance=CHANCE):
    return x * (chance.random(x.shape) > 0.5) * 2


def test_a_dropout_without_a_seed_has_no_derivative():
    with pytest.raises(
        NotTaken, match=r"dropout returns another y when it is called again with the same numbers \(.*, then"
    ):
        judge_function(dropout, lambda g, x: g * 2 + 0 * x, "4,5", seed=1)


def test_with_a_seed_it_is_judged():
    def seeded(x):
        return dropout(x, np.random.default_rng(1))

    def backward(g, x, seed=1):
        return dropout(g, np.random.default_rng(seed)) + 0 * x

    assert judge_function(seeded, backward, "4,5", seed=1, examples=5).exit_code == 0
    assert judge_function(seeded, lambda g, x: backward(g, x, 2), "4,5", seed=1, examples=5).exit_code == 1


def test_sums_in_any_order_are_no_chance():
    def total(x):
        return np.float32(1) * np.cumsum(CHANCE.permutation(x.astype(np.float32).ravel()))[-1]

    report = judge_function(total, lambda g, x: g * np.ones_like(x), "40,5", seed=1, examples=5)
    assert report.exit_code == 0, str(report)


def test_a_count_of_calls_is_no_chance():
    calls = []

    def counting(x):
        calls.append(1)
        return x * len(calls)

    with pytest.raises(NotTaken, match="as what keeps something from call to call does, a counter or an array"):
        judge_function(counting, lambda g, x: g + 0 * x, "4,5", seed=1)


def test_a_gradient_by_chance_of_what_is_none_is_wrong():
    """A mask that the backward draws anew: no gradient of what forward computed."""
    seeded = np.random.default_rng(1).random((4, 5)) > 0.5
    report = judge_function(lambda x: x * seeded, lambda g, x: dropout(g) + 0 * x, "4,5", seed=1, examples=5)
    assert report.exit_code == 1, str(report)
    (failure,) = report.failures
    assert failure.note.startswith("backward gives another gradient when it is called again")
