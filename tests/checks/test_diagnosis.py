"""A planted mistake is called by its name, or by that of one that computes the same; what is unknown is described."""

import re

import numpy as np
import pytest

from checks import Verdict, judge
from checks.diagnosis import diagnose
from checks.implementation import Implementation
from checks.laws import laws
from checks.mistakes import general
from checks.ops import find, ops
from checks.report import Finding
from checks.terms import formula
from checks.verdict import _Tried
from reference import conv, linear, sigmoid
from tests.checks.planted import Planted, problems, spoiled

PROBLEMS = 12
SHARPEST = {name: laws()[name] for name in ("exact", "forward", "agreement", "kinks")}
RIGHTLY = 0.95


def named(op, mistake):
    """For each result that the mistake spoils: whether the diagnosis names it, or one that computes just the same."""
    implementation = Implementation.of(op, Planted(op, mistake))
    reference = Implementation.of(op, op.reference)
    tried = _Tried(implementation, SHARPEST, None)
    for problem in problems(op, mistake)[:PROBLEMS]:
        tried.add(problem)
    for result in spoiled(op, mistake):
        broken = [f for f in tried.findings if f.verdict is Verdict.BROKEN and f.result == result]
        law = next((name for name in tried.laws if any(f.law == name for f in broken)), None)
        if law is None:
            continue
        failure = min((f for f in broken if f.law == law), key=lambda f: f.problem.elements)
        with np.errstate(all="ignore"):
            found = diagnose(failure, tried.findings, implementation, reference)
        yield result, found.mistake, found.mistake == mistake.name or _same(op, mistake, found.mistake, result, broken)


def _same(op, mistake, name, result, broken: list[Finding]):
    """Whether two mistakes computed the same wherever this one was seen."""
    other = next((m for m in (*op.mistakes, *general()) if m.name == name), None)
    key = result.removeprefix("grad_")
    if other is None:
        return False
    cases = [f.problem.reals() for f in broken]
    pairs = [(mistake.wrong_gradient(case)[key], other.wrong_gradient(case)[key]) for case in cases]
    few = 64 * np.finfo(float).eps  # of the roundings of either
    return all(np.all((abs(a - b) <= few * abs(a)) | (np.isnan(a) & np.isnan(b))) for a, b in pairs)


@pytest.mark.parametrize("op", ops())
def test_mistakes_are_named_rightly(op):
    op = find(op)
    answers = [(mistake.name, *answer) for mistake in (*op.mistakes, *general()) for answer in named(op, mistake)]
    wrongly = [answer[:3] for answer in answers if not answer[3]]
    assert len(wrongly) <= (1 - RIGHTLY) * len(answers), f"{len(wrongly)} of {len(answers)}: {wrongly}"


class Changed:
    """The reference, with something done to the gradients."""

    def __init__(self, change):
        self.change = change

    def forward(self, *inputs, **parameters):
        return conv.forward(*inputs, **parameters)

    def backward(self, g, x, weight, bias, **p):
        return self.change(list(conv.backward(g, x, weight, bias, **p)), x, p)


def failure(change, **pinned):
    report = judge("conv", Changed(change), seed=71, examples=60, **pinned)
    (found,) = report.failures
    return found, str(report)


def test_a_constant_factor_is_worked_out():
    def three_quarters(gradients, x, p):
        gradients[1] = gradients[1] * 0.75
        return gradients

    found, text = failure(three_quarters)
    assert found.mistake == ""
    assert found.explanation == "It is 3/4 times what it should be, in every case."
    assert found.explanation in text


def test_a_factor_that_follows_the_shape_is_worked_out():
    def over_positions(gradients, x, p):
        gradients[1] = gradients[1] / max(1, x.shape[0] * (x.shape[2] - 2))
        return gradients

    found, _ = failure(over_positions, dims=1, kernel=3, stride=1, padding=0, dilation=1)
    assert found.explanation == "It is divided by the number of samples and positions."


def test_the_parameter_values_that_are_wrong_are_told_from_those_that_are_right():
    def wrong_beyond_stride_1(gradients, x, p):
        if set(np.ravel(p["stride"])) != {1}:
            gradients[0] = gradients[0] + 1
        return gradients

    found, text = failure(wrong_beyond_stride_1, dims=1)
    assert found.where == "right for stride 1, wrong for 2 and 3"
    assert found.where in text


def test_the_elements_that_are_wrong_are_told_from_those_that_are_right():
    def last_row(gradients, x, p):
        gradients[0][:, :, -1:] += 1
        return gradients

    found, _ = failure(last_row, dims=2, kernel=2)
    assert found.where.startswith("only the last index along axis 2 is wrong")


def test_both_formulas_are_shown_term_by_term():
    def negated(gradients, x, p):
        gradients[1] = -gradients[1]
        return gradients

    found, text = failure(negated, dims=1)
    assert found.mistake == "negated"
    assert re.fullmatch(r"x\[0,0,0\]·grad_output\[0,\d,0\]", found.right)
    assert found.yours == f"−{found.right}"
    assert f"yours {found.yours}\n" in text
    assert f"right {found.right}\n" in text


def test_a_formula_is_that_of_the_derivation():
    """The centre of a 3x3 input under a 2x2 kernel: 002, L7, with indices from 0."""
    op = find("conv")
    report_case = {"dims": 2, "size": (3, 3), "kernel": (2, 2), "stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    problem = next(p for p in _drawn(op, {**report_case, "flip": False, "channels": (1, 1), "batch": 1}))
    found = formula(Implementation.of(op, conv), problem, "grad_x", (0, 0, 1, 1))
    assert set(found.split(" + ")) == {
        "weight[0,0,1,1]·grad_output[0,0,0,0]",
        "weight[0,0,1,0]·grad_output[0,0,0,1]",
        "weight[0,0,0,1]·grad_output[0,0,1,0]",
        "weight[0,0,0,0]·grad_output[0,0,1,1]",
    }


def _drawn(op, pinned):
    from checks.search import Search

    found = []
    Search(op.problems(op, pinned, "float64"), 5, 1).run(found.append)
    return found


def test_what_is_no_polynomial_has_no_formula():
    op = find("sigmoid")
    problem = _drawn(op, {"shape": (2,)})[0]
    assert formula(Implementation.of(op, sigmoid), problem, "grad_x", (0,)) == ""
    op = find("linear")
    problem = _drawn(op, {"features": (40, 40), "batch": (30,)})[0]
    assert formula(Implementation.of(op, linear), problem, "grad_x", (0, 0)) == "", "too many calls"
