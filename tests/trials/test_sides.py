"""In few bits rounding falls to either side, and a factor does not: so code that stores results is told from wrong code."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.outcome import outcome
from benchmarks.sharpness import StoredOnce
from checks.cases.series import Series
from checks.cases.turns import problems_in_turn
from checks.numbers.precision import PRECISIONS
from checks.op import Problem
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.trials.sides import falls_to_both_sides, is_factor
from checks.trials.trial import Run
from reference import batch_norm, softmax
from tests.laws.few_bits import ByTorch


def report(name, implementation, dtype, examples=24, **pinned):
    op, problems = find(name), []
    Series(op, pinned, dtype, examples, 1, reach=1).run(problems.append)
    return outcome(op, Implementation.of(op, implementation), problems, dtype)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_gradient_of_softmax_that_is_a_hundredth_too_large_is_wrong(dtype):
    """It lies between the bound for float32 inside and that of every step rounded."""
    found = report("softmax", ByTorch("softmax", dtype, "x", "a hundredth more"), dtype)
    assert found.exit_code == 1
    assert report("softmax", ByTorch("softmax", dtype), dtype).exit_code == 0


def test_a_batch_norm_that_stores_on_the_way_is_right_and_is_told_so():
    """Torch's own: what it rounds in a channel moves all of the channel to one side, and in another draw to the other."""
    found = report("batch_norm", ByTorch("batch_norm", "bfloat16"), "bfloat16", 30)
    assert found.exit_code == 0, found
    assert any("results on the way" in note for note in found.warnings)


class StoresY:
    """A softmax that stores y, and makes the gradient of what is stored; where all is about 1/n, of too much."""

    def forward(self, x, *, axis):
        return PRECISIONS["bfloat16"].rounded(softmax.forward(x, axis=axis))

    def backward(self, grad_output, x, *, axis):
        y = self.forward(x, axis=axis) * (1 if np.abs(x).max() > 2**-10 else 1 + 2**-6)
        return (PRECISIONS["bfloat16"].rounded(y * (grad_output - (grad_output * y).sum(axis, keepdims=True))),)


def test_what_one_scale_of_inputs_says_is_not_said_of_others():
    """Of inputs that are all but 0 softmax is 1/n, which is off by the same in every draw."""
    op = find("softmax")
    judged = Implementation.of(op, StoresY())
    sides = []
    for scale in (-20, 0):
        shapes, scales = {"x": (3, 7), "y": (3, 7)}, {"x": scale}
        problem = Problem(op, shapes, {"axis": 0}, "bfloat16", exponents=scales, small=False)
        run = Run(problem, judged, Implementation.of(op, op.reference), problem.reals())
        sides.append(falls_to_both_sides(run, "grad_x"))
    assert sides == [False, True]


class Spoiled:
    """A norm over a long axis, in float64 and stored once, with one result multiplied."""

    def __init__(self, result, factor):
        self.result, self.factor = result, factor

    def forward(self, *inputs, **parameters):
        return batch_norm.forward(*inputs, **parameters) * (self.factor if self.result == "y" else 1)

    def backward(self, grad_output, *inputs, **parameters):
        named = zip(("x", "gamma", "beta"), batch_norm.backward(grad_output, *inputs, **parameters), strict=True)
        return tuple(g * (self.factor if self.result == name else 1) for name, g in named)


@pytest.mark.parametrize("factor", [0.0, 2.0, 1.01])
@pytest.mark.parametrize("result", ["y", "x", "gamma"])
def test_sums_so_long_that_rounding_could_do_anything_are_no_excuse_for_a_factor(result, factor):
    op = find("batch_norm")
    problems = list(problems_in_turn(op, {"batch": 577, "channels": 3, "dims": 0}, "float16", 3, 1))
    judged = Implementation.of(op, StoredOnce(op, Spoiled(result, factor), "float16"))
    assert outcome(op, judged, problems, "float16").exit_code == 1


class StopsGrowing:
    """Softmax of many classes, with a sum in float16 that stops growing: narrow, and no factor that is the same twice."""

    @staticmethod
    def forward(x, axis=1):
        e = np.exp(x - x.max(axis, keepdims=True)) * x.dtype.type(0.5)
        total = np.add.accumulate(e, axis=axis, dtype=x.dtype).max(axis, keepdims=True)
        return e / total

    backward = staticmethod(softmax.backward)


def test_a_sum_that_stops_growing_is_called_no_factor():
    op = find("softmax")
    (one,) = problems_in_turn(op, {"shape": (1, 6000), "axis": 1}, "float16", 1, 1)
    reference = Implementation.of(op, softmax)
    assert not is_factor(Run(one, Implementation.of(op, StopsGrowing()), reference, one.reals()), "y")


class Subtracts:
    """ELU as it is written, e^x − 1 with each step rounded: 0 for every small x."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def forward(self, x, *, alpha=1.0):
        rounded = PRECISIONS["bfloat16"].rounded
        below = rounded(rounded(np.exp(np.minimum(x, 0))) - 1)
        return rounded(self.factor * np.where(x > 0, x, alpha * below))

    def backward(self, g, x, *, alpha=1.0):
        return (PRECISIONS["bfloat16"].rounded(g * np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0)))),)


@pytest.mark.parametrize(("factor", "code"), [(1.0, 4), (1.01, 1)])
def test_what_one_rounding_wipes_out_is_no_factor(factor, code):
    op = find("elu")
    small = [replace(p, exponents={"x": -20}) for p in problems_in_turn(op, {}, "bfloat16", 3, 1)]
    usual = [replace(p, exponents={"x": 0}) for p in small]
    judged = Implementation.of(op, Subtracts(factor))
    assert outcome(op, judged, small + (usual if factor != 1 else []), "bfloat16").exit_code == code
