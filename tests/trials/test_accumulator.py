"""What is summed where the input that an op is linear in may be left out."""

from __future__ import annotations

import pytest

from checks.op import Problem
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.trials.accumulator import rounds_products, summed


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_y_is_no_sum_over_a_gamma_that_is_not_there(name):
    op = find(name)
    shapes = {"x": (2, 3), **dict.fromkeys(op.inputs[1:]), "y": (2, 3)}
    problem = Problem(op, shapes, {"eps": 1e-5}, "float16")
    assert summed(problem, "y") is None
    assert not rounds_products(Implementation.of(op, op.reference), problem, "y")
