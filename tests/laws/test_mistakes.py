"""Every planted mistake is caught, in the results that it spoils and in no other, and shrinks to something small."""

from itertools import islice

import pytest

from checks import Report, Verdict, judge
from checks.cases.drawing import problems_of
from checks.cases.search import Search
from checks.laws import laws
from checks.ops import find
from checks.ops._mistakes import general
from checks.subjects.implementation import Implementation
from checks.verdict.tried import Tried
from reference import conv
from tests.laws.planted import Planted, showing, spoiled

CONV = find("conv")
PINNED = {"padding exchanged": {"padding": "same"}}  # where a mistake shows in few cases else
SHOWING = 3  # cases in which a mistake shows, of which a witness has to catch one
BY_NAME = {mistake.name: Planted(CONV, mistake) for mistake in (*CONV.mistakes, *general())}


@pytest.fixture(scope="module")
def judged():
    """The report on each mistake, made once and read by several tests."""
    made: dict[str, Report] = {}

    def report(name: str) -> Report:
        if name not in made:
            made[name] = judge("conv", BY_NAME[name], seed=20, examples=30, **PINNED.get(name, {}))
        return made[name]

    return report


@pytest.mark.parametrize("name", BY_NAME)
def test_the_mistake_is_caught_in_a_case_of_few_numbers_and_nothing_else_is_accused(judged, name):
    report = judged(name)
    assert not report
    assert report.exit_code == 1
    assert {f.result for f in report.failures} == spoiled(CONV, BY_NAME[name].mistake)
    for failure in report.failures:
        assert failure.problem.elements <= 20, failure


def test_the_smallest_case_of_a_padding_mistake_is_one_sample_and_one_channel(judged):
    (failure,) = judged("padding not cropped").failures
    x, weight = failure.problem.shape("x"), failure.problem.shape("weight")
    assert x[:2] == (1, 1)
    assert weight[:2] == (1, 1)
    assert max(x[2:]) <= 4


def test_a_failure_shows_whole_numbers_with_the_right_one_beside_the_wrong(judged):
    (failure,) = judged("kernel not turned").failures
    assert failure.law == "exact"
    assert failure.actual != failure.expected
    assert failure.actual == round(failure.actual)
    assert abs(failure.expected) <= 9 * 9 * 4
    assert failure.bound == 0


@pytest.mark.parametrize(
    ("law", "name"),
    [
        ("forward", "both flipped"),
        ("exact", "one element off"),
        ("agreement", "narrower precision"),
        ("adjoint", "stride ignored"),
        ("complex_step", "dilation ignored"),
        ("finite_difference", "rows left over shifted"),
        ("autograd", "groups reversed"),
    ],
)
def test_each_law_catches_a_mistake_by_itself(law, name):
    report = judge("conv", BY_NAME[name], seed=21, examples=60, laws=[law])
    assert report.exit_code == 1
    assert {f.law for f in report.failures} == {law}


@pytest.mark.parametrize("law", ["adjoint", "complex_step", "finite_difference", "autograd"])
def test_each_witness_alone_catches_nearly_all_mistakes_in_backward(law):
    caught = set()
    for name, wrong in BY_NAME.items():
        tried = Tried(Implementation.of(CONV, wrong), {law: laws()[law]})
        for problem in islice(showing(CONV, wrong.mistake), SHOWING):
            tried.add(problem)
            if any(finding.verdict is Verdict.BROKEN for finding in tried.findings):
                caught.add(name)
                break
    # forward is as wrong as backward there, so nothing but another forward can tell; float32 hides where T is large.
    # Backward is right where forward alone subtracts the bias: only witnesses that ask that forward can tell.
    assert set(BY_NAME) - caught <= {"both flipped", "narrower precision", "one element off", "bias subtracted"}


class Changed:
    """The reference, with something done to what backward returns."""

    forward = staticmethod(conv.forward)

    def __init__(self, change):
        self.change = change

    def backward(self, g, *inputs, **parameters):
        return self.change(g, *inputs, **parameters)


def _squared(g, *inputs, **parameters):
    return conv.backward(g * abs(g), *inputs, **parameters)


def _offset(g, *inputs, **parameters):
    return [None if a is None else a + 1 for a in conv.backward(g, *inputs, **parameters)]


@pytest.mark.parametrize("change", [_squared, _offset])
def test_linearity_catches_a_backward_that_is_not_linear(change):
    report = judge("conv", Changed(change), seed=23, examples=30, laws=["linearity"])
    assert report.exit_code == 1


def test_a_mistake_in_float32_by_one_part_in_a_million_is_caught():
    """Agreement cannot see it, since rounding could do as much; whole numbers can."""
    tried = Tried(Implementation.of(CONV, BY_NAME["one element off"]), laws())
    Search(problems_of(CONV, {}, "float32"), 100, 25).run(tried.add)
    assert {f.law for f in tried.findings if f.verdict is Verdict.BROKEN} == {"exact"}


def test_every_law_is_asked_of_every_implementation():
    report = judge("conv", seed=26, examples=5)
    assert report.laws == tuple(laws())
    assert {f.law for f in report.findings} == set(laws()) - {"kinks", "digits", "accumulation"}, (
        "a convolution has none of these in float64"
    )
