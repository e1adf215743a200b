"""A planted mistake is called by its name, or by that of one that computes the same; what is unknown is described."""

import re

import numpy as np
import pytest

from checks import Verdict, judge
from checks.cases.drawing import problems_of
from checks.diagnosis.illustration import in_line
from checks.diagnosis.naming import UNKNOWN, diagnose
from checks.formulas.notation import plain
from checks.formulas.probing import recovered
from checks.laws import laws
from checks.op import Case, Problem
from checks.ops import find, ops
from checks.ops._mistakes import by_accident_of_shape, general
from checks.subjects.implementation import Implementation
from checks.verdict.report import Finding
from checks.verdict.tried import Tried
from reference import conv, linear, sigmoid
from tests.laws.planted import Planted, problems, spoiled

PROBLEMS = 16
SHARPEST = {name: laws()[name] for name in ("exact", "forward", "agreement", "kinks")}
RIGHTLY = 0.95


def named(op, mistake):
    """For each result that the mistake spoils: whether the diagnosis names it, or one that computes just the same."""
    implementation = Implementation.of(op, Planted(op, mistake))
    reference = Implementation.of(op, op.reference)
    tried = Tried(implementation, SHARPEST, None)
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
    others = [m for m in (*op.mistakes, *general(), *by_accident_of_shape()) if m.name == name]
    return any(_compute_the_same(mistake, other, result.removeprefix("grad_"), broken) for other in others)


def _compute_the_same(mistake, other, key, broken):
    cases = [f.problem.reals() for f in broken]
    pairs = [(mistake.wrong_gradient(case).get(key), other.wrong_gradient(case).get(key)) for case in cases]
    few = 64 * np.finfo(float).eps  # of the roundings of either
    return all(b is not None and np.all((abs(a - b) <= few * abs(a)) | (np.isnan(a) & np.isnan(b))) for a, b in pairs)


@pytest.mark.parametrize("op", ops())
def test_mistakes_are_named_rightly(op):
    op = find(op)
    answers = [(mistake.name, *answer) for mistake in (*op.mistakes, *general()) for answer in named(op, mistake)]
    wrongly = [answer[:3] for answer in answers if not answer[3]]
    assert len(wrongly) <= (1 - RIGHTLY) * len(answers), f"{len(wrongly)} of {len(answers)}: {wrongly}"


def test_cases_that_tell_two_mistakes_apart_are_looked_at_however_small():
    """A hard tanh has the slope 1 wherever |x| < 1, as if the derivative were forgotten: most and the largest cases."""
    op = find("tanh")
    mistake = next(m for m in op.mistakes if m.name == "hard tanh")
    implementation, reference = Implementation.of(op, Planted(op, mistake)), Implementation.of(op, op.reference)
    tried = Tried(implementation, {"agreement": laws()["agreement"]})
    for size in (2, *range(20, 40)):
        tried.add(Problem(op, {"x": (size,), "y": (size,)}, {}, seed=size, exponents={"x": 2 if size == 2 else 0}))
    broken = [f for f in tried.findings if f.verdict is Verdict.BROKEN]
    assert len(broken) == 21
    assert diagnose(broken[-1], tried.findings, implementation, reference).mistake == "hard tanh"


def test_of_mistakes_that_compute_the_same_that_is_named_which_would_not_show_where_it_is_right():
    """Where forward turned the kernel, not to turn it back is to ignore that; elsewhere it would be wrong as well."""
    op = find("conv")
    for name, shows in (("flip ignored on the way back", {True}), ("kernel not turned", {True, False})):
        mistake = next(m for m in op.mistakes if m.name == name)
        report = judge("conv", Planted(op, mistake), seed=2, examples=40, laws=["exact"], kernel=(2, 3), groups=1)
        broken = {f.problem.parameters["flip"] for f in report.findings if f.verdict is Verdict.BROKEN}
        assert broken == shows
        (failure,) = report.failures
        assert failure.mistake == name


class Changed:
    """The reference, with something done to the gradients."""

    def __init__(self, change):
        self.change = change

    def forward(self, *inputs, **parameters):
        return conv.forward(*inputs, **parameters)

    def backward(self, g, x, weight, bias, **p):
        return self.change(list(conv.backward(g, x, weight, bias, **p)), x, p)


def failure(change, **pinned):
    report = judge("conv", Changed(change), seed=72, examples=60, laws=["exact", "agreement"], **pinned)
    (found,) = report.failures
    return found, str(report)


def test_a_mistake_that_spoils_y_is_not_named_where_y_is_right():
    """The other kind of convolution turns the kernel's gradient too, but its y is another one."""

    def turned(gradients, x, p):
        gradients[1] = np.flip(gradients[1], tuple(range(2, gradients[1].ndim)))
        return gradients

    found, _ = failure(turned, dims=2)
    assert (found.result, found.mistake) == ("grad_weight", "turned")


def test_a_constant_factor_is_worked_out():
    def three_quarters(gradients, x, p):
        gradients[1] = gradients[1] * 0.75
        return gradients

    found, text = failure(three_quarters)
    assert found.mistake == ""
    assert found.explanation == "It is the right one multiplied by 3/4, in every case."
    assert found.explanation in text


def test_a_factor_that_follows_the_shape_is_worked_out():
    def over_positions(gradients, x, p):
        gradients[1] = gradients[1] / max(1, x.shape[0] * (x.shape[2] - 2))
        return gradients

    found, _ = failure(over_positions, dims=1, kernel=3, stride=1, padding=0, dilation=1)
    assert found.explanation == "It is the right one divided by the number of samples and positions."


def test_the_parameter_values_that_are_wrong_are_told_from_those_that_are_right():
    def wrong_beyond_stride_1(gradients, x, p):
        if set(np.ravel(p["stride"])) != {1}:
            gradients[0] = gradients[0] + 1
        return gradients

    found, text = failure(wrong_beyond_stride_1, dims=1)
    assert found.where == "right for stride 1, wrong for every stride above"
    assert found.where in text


def after(mistake, name):
    """A change that computes this mistake of convolution in one gradient."""
    wrong = next(m for m in find("conv").mistakes if m.name == mistake).wrong_gradient

    def change(gradients, case):
        gradients[find("conv").inputs.index(name)] = wrong(case)[name]

    return change


class Composed(Changed):
    """The reference, with several things done to the gradients of each case."""

    def __init__(self, *changes):
        self.changes = changes

    def backward(self, g, *inputs, **p):
        gradients = list(conv.backward(g, *inputs, **p))
        for change in self.changes:
            change(gradients, Case(find("conv"), inputs, p, g))
        return gradients


def test_a_mistake_and_a_factor_are_told_from_the_mistake_alone():
    def halved(gradients, case):
        gradients[0] = gradients[0] * 0.5

    (found,) = judge(
        "conv", Composed(after("kernel not turned", "x"), halved), seed=5, examples=60, laws=["exact"]
    ).failures
    assert found.mistake == "kernel not turned, and multiplied by 1/2, in every case"
    assert "turns it by 180 degrees" in found.explanation


def test_each_gradient_has_a_mistake_of_its_own():
    changes = after("kernel not turned", "x"), after("stride ignored", "weight")
    report = judge("conv", Composed(*changes), seed=5, examples=60, laws=["exact"])
    assert {f.result: f.mistake for f in report.failures} == {
        "grad_x": "kernel not turned",
        "grad_weight": "stride ignored",
    }


def test_two_mistakes_at_once_are_both_named():
    """Where what each adds to the right result is added."""
    first, second = (
        next(m for m in general() if m.name == name).wrong_gradient for name in ("shifted", "cotangent ignored")
    )

    def both(gradients, case):
        gradients[1] = first(case)["weight"] + second(case)["weight"] - gradients[1]

    (found,) = judge("conv", Composed(both), seed=5, examples=60, laws=["exact"]).failures
    assert set(found.mistake.split(", and ")) == {"shifted", "cotangent ignored"}


@pytest.mark.parametrize(
    ("change", "pinned", "words"),
    [
        (lambda g: g / g[0, 0].size, {}, "divided by the size of the kernel"),
        (lambda g: -2 * g, {}, "multiplied by -2, in every case"),
        (lambda g: 1.37 * g, {}, "multiplied by 1.37, in every case"),
        (
            lambda g: np.roll(g, (1, -1), (2, 3)),
            {"kernel": (4, 5)},
            "shifted by (1,-1) along the last axes, what leaves coming in on the other side",
        ),
        (lambda g: np.pad(g, ((0, 0), (0, 0), (0, 2)))[:, :, 2:], {"dims": 1}, "shifted by -2 along the last axis"),
        (
            lambda g: g.swapaxes(2, 3) if g.shape[2] == g.shape[3] else g,
            {"kernel": (3, 3)},
            "transposed: axes 2 and 3 are in each other's place",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_was_done_to_the_right_one_is_worked_out(change, pinned, words):
    def changed(gradients, x, p):
        gradients[1] = change(gradients[1])
        return gradients

    found, text = failure(changed, **pinned)
    assert (found.mistake, found.explanation) == ("", f"It is the right one {words}.")
    assert found.explanation in text


def test_what_is_unknown_is_called_so():
    def squared(gradients, x, p):
        gradients[1] = gradients[1] ** 2
        return gradients

    found, text = failure(squared)
    assert (found.mistake, found.explanation) == ("", UNKNOWN)
    assert UNKNOWN in text


def one_more(*index, of=0):
    """A change that adds 1 to a part of a gradient."""

    def change(gradients, x, p):
        gradients[of][index] += 1
        return gradients

    return change


def where_it_is_0(gradients, x, p):
    gradients[0][gradients[0] == 0] = 1
    return gradients


def border(gradients, x, p):
    gradients[0] += 1
    gradients[0][:, :, 1:-1, 1:-1] -= 1
    return gradients


ALL = slice(None)


@pytest.mark.parametrize(
    ("change", "pinned", "words"),
    [
        (one_more(ALL, ALL, slice(-1, None)), {"dims": 2, "size": (5, 6)}, "only the last index along axis 2 is wrong"),
        (one_more(ALL, ALL, ALL, slice(0, 1)), {"size": (5, 6)}, "only the first index along axis 3 is wrong"),
        (one_more(slice(-1, None)), {"batch": 3}, "only the last sample is wrong"),
        (one_more(slice(1, None)), {"batch": 3}, "all but the first sample are wrong"),
        (
            one_more(ALL, slice(1, None, 2)),
            {"channels": (6, 2), "groups": 1},
            "only odd indices along axis 1 are wrong",
        ),
        (border, {"size": (6, 7)}, "only the border is wrong"),
        (where_it_is_0, {"dims": 1, "size": 9, "kernel": 1, "stride": 3}, "only what should be 0 is wrong"),
        (one_more(0, 0, 1, of=1), {"dims": 1, "kernel": 4, "channels": (2, 3)}, "only [0,0,1] is wrong, in every case"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_elements_that_are_wrong_are_told_from_those_that_are_right(change, pinned, words):
    found, text = failure(change, **pinned)
    assert words in found.where.split("; ")
    assert words in text


@pytest.mark.parametrize(
    ("wrong", "pinned", "words"),
    [
        (
            lambda _, p: max(np.ravel(p["dilation"])) > 1,
            {"dims": 1},
            "right for dilation 1, wrong for every dilation above",
        ),
        (
            lambda _, p: max(np.ravel(p["dilation"])) > 1 and not p["flip"],
            {"dims": 1},
            "only where dilation is above 1|only without flip",  # both are so, and either may leave out more
        ),
        (lambda _, p: p["flip"], {"dims": 1}, "right without flip, wrong with"),
        (lambda _, p: p["padding"] == "same", {"dims": 1}, "wrong for same"),
        (lambda x, _: x.ndim == 5, {}, "right for dims 1 and 2, wrong for 3"),
        (lambda x, _: len(x) > 1, {"dims": 1}, "right for batch 1, wrong for every batch above"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_cases_that_are_wrong_are_told_from_those_that_are_right(wrong, pinned, words):
    def sometimes(gradients, x, p):
        if wrong(x, p):
            gradients[0] = gradients[0] + 1
        return gradients

    (found,) = judge("conv", Changed(sometimes), seed=71, examples=120, laws=["exact"], **pinned).failures
    assert any(either in found.where for either in words.split("|"))


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
    found = recovered(Implementation.of(op, conv), problem, "x")
    assert in_line(problem, found[0, 0, 1, 1], plain(problem.op)) == (
        "weight[0,0,1,1]·grad_output[0,0,0,0] + weight[0,0,1,0]·grad_output[0,0,0,1] + "
        "weight[0,0,0,1]·grad_output[0,0,1,0] + weight[0,0,0,0]·grad_output[0,0,1,1]"
    )


def _drawn(op, pinned):
    from checks.cases.search import Search

    found = []
    Search(problems_of(op, pinned, "float64"), 5, 1).run(found.append)
    return found


def test_what_is_no_polynomial_has_no_formula():
    op = find("sigmoid")
    problem = _drawn(op, {"shape": (2,)})[0]
    assert recovered(Implementation.of(op, sigmoid), problem, "x") is None
    op = find("linear")
    problem = _drawn(op, {"features": (40, 40), "batch": (30,)})[0]
    assert recovered(Implementation.of(op, linear), problem, "x") is None, "too many calls"
