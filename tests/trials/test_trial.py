"""Which bound a run goes by, and which case laws that only sample get."""

from dataclasses import replace

import numpy as np
import pytest

from checks.cases.wide import WIDE
from checks.op import Problem
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.trials.trial import MANY, Trial


def trial(name, shape, **parameters):
    op = find(name)
    reference = Implementation.of(op, op.reference)
    return Trial(Problem(op, {"x": shape, "y": shape}, parameters), reference, reference)


def test_an_op_that_says_nothing_of_its_roundings_goes_by_its_reference():
    run = trial("local_response_norm", (2, 3), **find("local_response_norm").takes.defaults).real
    for result in ("y", "grad_x"):
        assert np.array_equal(run.bound(result).elementwise, run.reference_bound(result).elementwise)


def test_an_op_that_does_goes_by_what_it_says():
    run = trial("sigmoid", (5,)).real
    for result in ("y", "grad_x"):
        assert not np.any(run.bound(result).elementwise == run.reference_bound(result).elementwise)


def test_y_and_its_bound_are_kept_under_another_cotangent_and_gradients_are_not():
    run = trial("softmax", (2, 3), axis=1).real
    other = run.with_cotangent(np.ones((2, 3)))
    assert other.y_bound is not run.y_bound
    before = run.with_cotangent(2 * run.case.cotangent)
    assert before.y_bound is run.y_bound
    assert np.allclose(before.gradient_bounds["x"].elementwise, 2 * run.gradient_bounds["x"].elementwise, rtol=1e-6)


@pytest.mark.parametrize(("shape", "samples"), [((2, 3), 2), ((64, 100), 5), ((2, 5000), 1)])
def test_laws_that_sample_take_as_many_samples_as_their_bounds_have_time_for(shape, samples):
    light = trial("local_response_norm", shape, **find("local_response_norm").takes.defaults).light
    assert light.problem.shape("x") == light.problem.shape("y") == (samples, *shape[1:])
    assert light.problem.elements <= MANY or samples == 1


def test_a_wide_case_is_taken_whole_since_its_bounds_are_there():
    wide = trial("local_response_norm", (64, 100), **find("local_response_norm").takes.defaults)
    wide = replace(wide, problem=replace(wide.problem, kind=WIDE))
    assert wide.light is wide.real


def test_a_sum_along_the_samples_leaves_none_out():
    assert trial("softmax", (64, 100), axis=0).light.problem.shape("x") == (64, 100)


def test_indices_are_whole_numbers_of_which_some_are_0_and_have_bounds_none_the_less():
    op = find("embedding")
    reference = Implementation.of(op, op.reference)
    shapes = {"index": (40,), "weight": (3, 2), "y": (40, 2)}
    run = Trial(Problem(op, shapes, op.takes.defaults, seed=1), reference, reference).real
    assert not run.case.input("index").all(), "an index is 0"
    assert np.all(run.bound("grad_weight").elementwise > 0)
