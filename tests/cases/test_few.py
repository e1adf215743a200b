"""Few distinct shapes and many values, for code that is compiled anew for every shape."""

import time

import pytest

from checks import judge
from checks.cases.few import shape_of, shapes_of
from checks.cases.wide import WIDE
from checks.ops import find
from checks.render.json import as_data, render
from checks.render.load import from_text
from checks.subjects.implementation import Implementation
from checks.subjects.isolation import Isolated
from checks.verdict import judging
from reference import conv, linear

QUICK = ["exact"]


class Compiled:
    """Takes its time for each shape that it has not met; and is wrong for three samples or more, if it is to be."""

    def __init__(self, pause=0.0, wrong=False):
        self.pause, self.wrong, self.met, self.calls = pause, wrong, set(), 0

    def forward(self, x, weight, bias, **parameters):
        shape = x.shape, weight.shape, bias is None, repr(parameters)
        self.calls += 1
        if shape not in self.met:
            self.met.add(shape)
            time.sleep(self.pause)
        return conv.forward(x, weight, bias, **parameters)

    def backward(self, g, x, weight, bias, **parameters):
        right = conv.backward(g, x, weight, bias, **parameters)
        return (right[0] * (2 if self.wrong and len(x) > 2 else 1), *right[1:])


def test_shapes_are_distinct_and_some_are_wide_and_all_have_what_is_pinned():
    found = shapes_of(find("conv"), {"stride": 2, "dims": 2}, "float64", 12, 1)
    assert len({shape_of(problem) for problem in found}) == len(found) == 12
    assert [problem.kind for problem in found] == [""] * 10 + [WIDE] * 2
    assert {str(problem.parameters["stride"]) for problem in found} <= {"2", "(2, 2)"}
    assert {len(problem.shape("x")) for problem in found} == {4}
    assert max(max(problem.shape("y")) for problem in found) > 15


def test_where_all_is_pinned_there_is_one_shape():
    held = {"features": (2, 3), "batch": (4,)}
    assert len({shape_of(p) for p in shapes_of(find("linear"), held, "float64", 5, 1)}) <= 2, "with bias or without"


def test_a_run_tries_as_many_cases_in_no_more_shapes():
    code = Compiled()
    report = judge("conv", code, shapes=6, examples=60, seed=4, laws=QUICK)
    assert report
    assert report.cases == 60
    assert len(code.met) <= 6
    assert len(set(report.misses)) > 1
    assert "drawn from 6 distinct shapes, with many values for each; what goes wrong at one shape in ten" in str(report)
    assert from_text(render(report), "it")[0].shapes == 6
    again = judge("conv", Compiled(), shapes=6, examples=60, seed=4, laws=QUICK)
    assert as_data(again)["coverage"] == as_data(report)["coverage"]


def test_where_first_calls_are_expensive_few_shapes_are_the_default():
    report = judge("conv", Compiled(pause=0.1), examples=30, seed=4, laws=QUICK)
    assert report.shapes == 12
    assert report.first_call > 20
    assert "since the first call of one takes" in str(report)
    assert report.pinned["shapes"] == 12
    assert judge("linear", linear, examples=5, seed=4, laws=QUICK).shapes is None
    assert judge("conv", Compiled(), examples=5, seed=4, laws=QUICK).shapes is None


class Pretended(Isolated):
    """What is named, without a process or a framework: the reference."""

    def begin(self):
        return False

    def load(self):
        self.name = self.spec

    def call(self, part, case, **how):
        return Implementation.of(self.op, self.op.reference).call(part, case, **how)


def test_what_a_compiler_is_asked_for_has_few_shapes_however_fast_it_is(monkeypatch):
    monkeypatch.setattr(judging, "Isolated", Pretended)
    shapes = [judge("linear", name, examples=5, seed=4, laws=QUICK).shapes for name in ("compiled:jax", "jax")]
    assert shapes == [12, None]
    report = judge("linear", "compiled:jax", examples=30, seed=4, laws=QUICK)
    assert len({shape_of(f.problem) for f in report.findings}) <= 12
    assert "drawn from 12 distinct shapes" in str(report)


def test_a_failure_in_few_shapes_is_shrunk_in_a_bounded_number_of_them():
    code = Compiled(wrong=True)
    report = judge("conv", code, shapes=12, examples=48, seed=4, laws=QUICK)
    (failure,) = (f for f in report.failures if f.result == "grad_x")
    assert failure.problem.shapes["x"][0] == 3
    assert failure.problem.elements < 40


def test_no_shapes_are_refused():
    with pytest.raises(ValueError, match="shapes is 0; expected at least 1"):
        judge("linear", linear, shapes=0)
