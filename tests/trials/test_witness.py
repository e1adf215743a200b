"""What torch says is the same here and in a process of its own, and a run that waits for neither reports the same."""

import numpy as np
import pytest

from checks import judge
from checks.cases.wide import wide_problems
from checks.ops import find
from checks.trials import beside
from checks.trials.witness import HERE, Refused
from checks.verdict import judging
from reference import conv


@pytest.fixture(scope="module")
def other():
    """A witness in a process of its own."""
    witness = beside.Beside()
    yield witness
    witness.close()


def problems(name, dtype="float64"):
    return list(wide_problems(find(name), {}, dtype, 4, 5))


def test_both_say_the_same(other):
    asked = problems("conv")
    for problem in asked:
        other.summon(problem)
    for problem in asked:
        here, there = HERE.of(problem), other.of(problem)
        assert other.is_ready(problem) is False, "it is said once"
        assert here.y.dtype == there.y.dtype == np.float64
        np.testing.assert_array_max_ulp(here.y, there.y, 1 << 20)
        assert list(here.gradients) == list(there.gradients)


def test_what_torch_does_not_do_is_refused_there_too(other):
    """As of channels that do not fit."""
    (problem, *_) = problems("conv")
    shapes = {"x": (1, 2, 3), "weight": (1, 3, 1), "bias": None, "y": (1, 1, 3)}
    unknown = type(problem)(problem.op, shapes, dict(problem.op.takes.defaults))
    for witness in (HERE, other):
        with pytest.raises(Refused):
            witness.of(unknown)


def test_a_witness_that_ends_before_its_time_is_done_without():
    witness = beside.Beside()
    witness.close()
    (problem, *_) = problems("linear")
    assert np.array_equal(witness.of(problem).y, HERE.of(problem).y)


class Wrong:
    """A convolution whose gradient of the weights is 1 % off."""

    forward = staticmethod(conv.forward)

    @staticmethod
    def backward(*arrays, **parameters):
        grad_x, grad_weight, grad_bias = conv.backward(*arrays, **parameters)
        return grad_x, 1.01 * grad_weight, grad_bias


@pytest.mark.parametrize("implementation", [None, Wrong])
def test_the_report_is_the_same_whoever_is_heard(monkeypatch, other, implementation):
    """Findings, in their order, and failures: what they depend on is the seed."""
    told = []
    reports = []
    for witness in (HERE, other):
        monkeypatch.setattr(judging, "witness", lambda witness=witness: witness)
        reports.append(judge("conv", implementation, examples=12, seed=7, first=told.append))
    here, there = reports
    assert [(f.law, f.result, f.verdict, f.problem.identity) for f in here.findings] == [
        (f.law, f.result, f.verdict, f.problem.identity) for f in there.findings
    ]
    assert {f.law for f in here.findings} >= {"forward", "autograd", "exact"}
    assert [f.problem.identity for f in here.failures] == [f.problem.identity for f in there.failures]
    assert here.decided == there.decided
    assert len(told) == (0 if implementation is None else 2)
    assert {(f.law, f.result) for f in told} <= {("exact", "grad_weight"), ("agreement", "grad_weight")}
