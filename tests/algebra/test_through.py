"""What a gradient has through each output adds to the whole, whatever the op."""

from __future__ import annotations

import numpy as np
import pytest

from checks.algebra.expression import value
from checks.algebra.polynomial import COTANGENT
from checks.algebra.through import through
from checks.cases.pins import small_problem
from checks.formulas import truth
from checks.ops import ops
from checks.subjects.implementation import Implementation
from checks.trials.trial import Run

WRITTEN = sorted(name for name, op in ops().items() if op.told.formula is not None)


@pytest.mark.parametrize("name", WRITTEN)
def test_parts_through_all_outputs_add_to_the_gradient(name):
    problem = small_problem(ops()[name], {}, bias=True)
    reference = Implementation.of(problem.op, problem.op.reference)
    run = Run(problem, reference, reference, problem.reals())
    inputs = {n: a for n, a in zip(problem.op.inputs, run.case.inputs, strict=True) if a is not None}
    numbers = {**inputs, "y": run.true_y, COTANGENT: run.case.cotangent}
    outputs = list(np.ndindex(run.true_y.shape))
    for array in problem.present:
        written = next(iter(truth.right(problem, array).values()))
        formula, bound = written.expression, run.bound(f"grad_{array}").elementwise[written.index]
        shares = [value(through(formula, [output]), numbers) for output in outputs]
        assert abs(sum(shares) - value(formula, numbers)) <= bound, (
            "each share rounds no more than its terms in the whole"
        )
        assert through(formula, outputs) == formula
