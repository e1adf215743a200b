"""Counted roundings contain what right code is off by, with functions as far off as libraries may be, and little more."""

import inspect
from dataclasses import replace

import numpy as np
import pytest

from checks.cases.drawing import problems_of
from checks.cases.search import Search
from checks.numbers.counted import Counted, exact, sigmoid, slope_of_sigmoid, slope_of_tanh, tanh
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.trials.trial import Run
from tests.laws.right_variants import BY_HAND, ByTorch

U = 2.0**-24
FUNCTIONS = ("exp", "expm1", "log", "log1p", "tanh")
OF_FUNCTIONS = (
    "sigmoid",
    "softmax",
    "silu",
    "gelu",
    "glu",
    "swiglu",
    "log_softmax",
    "cross_entropy",
    "bce_with_logits",
    "kl_div",
    "attention",
    "lstm_cell",
    "gru_cell",
)
OWN = (*OF_FUNCTIONS, "batch_norm", "layer_norm")
GOAL = 20  # how far a bound may be above the largest error of right code
CASES = 60


def off_by_three_units(function):
    """The function, but for what libraries may do: 3 units in the last place up or down, one half of it by rounding."""

    def off(x, *more, **named):
        right = function(x, *more, **named)
        if not isinstance(right, np.ndarray | np.floating) or right.dtype != np.float32:
            return right
        bits = np.asarray(x, np.float32).view(np.uint32).astype(np.uint64)
        side = (bits * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)) % np.uint64(2)
        wrong = np.asarray(right * (1 + (side * 2.0 - 1) * 2.5 * 2 * U), np.float32)
        if "out" in named:
            named["out"][...] = wrong
        return wrong if isinstance(right, np.ndarray) else wrong[()]

    return off


def shares(name):
    """The largest error of each result as a share of its bound, over all cases and algorithms in float32."""
    op, found, largest = find(name), [], {}
    Search(problems_of(op, {}, "float32"), CASES, 43).run(found.append)
    reference = Implementation.of(op, op.reference)
    for problem in found:
        if any(0 in (shape or ()) for shape in problem.shapes.values()):
            continue
        run = Run(problem, reference, reference, problem.reals())
        for algorithm in (op.reference, ByTorch(name), *BY_HAND[name]):
            made = algorithm() if inspect.isclass(algorithm) else algorithm
            other = replace(run, implementation=Implementation.of(op, made))
            for result, actual, expected in other.results():
                error = np.abs(actual.astype(np.float64) - expected).astype(np.float64)
                bound = np.broadcast_to(run.bound(result).elementwise, error.shape)
                share = float((error[error > 0] / bound[error > 0]).max(initial=0.0))
                largest[result] = max(largest.get(result, 0.0), share)
    return largest


@pytest.mark.parametrize("name", OF_FUNCTIONS)
def test_right_code_holds_by_functions_that_are_three_units_off(name, monkeypatch):
    for function in FUNCTIONS:
        monkeypatch.setattr(np, function, off_by_three_units(getattr(np, function)))
    assert max(shares(name).values()) <= 1


@pytest.mark.parametrize("name", OWN)
def test_bounds_are_at_most_twenty_times_the_largest_honest_error(name):
    assert min(shares(name).values()) >= 1 / GOAL


def test_sums_and_products_count_each_rounding():
    a, b = Counted(np.array(3.0), np.array(2.0)), exact(np.array(-4.0))
    assert (a + b).error == 2 + 3 + 4
    assert (a - b).value == 7
    assert (a * b).error == 2 * 4 + 12
    weights = np.array([[2.0], [-1.0]])
    rows = Counted(np.array([[1.0, 5.0]]), np.array([[3.0, 0.0]]))
    assert rows.summed_with(weights) == 3 * 2 + 2 * (1 * 2 + 5 * 1)


@pytest.mark.parametrize(
    ("function", "slope", "steepest"), [(sigmoid, slope_of_sigmoid, 0.25), (tanh, slope_of_tanh, 1)]
)
def test_arguments_that_may_be_anywhere_may_be_where_functions_are_steepest(function, slope, steepest):
    near, lost = (Counted(np.array(5.0), np.array(error)) for error in (1.0, 1e4))
    assert function(near).error < 8  # their own, and next to nothing
    assert function(lost).error >= steepest * 1e4
    assert slope(Counted(np.array(0.5), np.array(1e4))).error >= 1e4
