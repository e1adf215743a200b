"""Right means decided: what nothing looked at closely enough is never right, at whatever door it is asked."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

from benchmarks.sums import Long
from checks import Verdict, gradcheck, judge
from checks.laws import decides, laws
from checks.numbers.bounds import rounding, running
from checks.ops import find
from checks.render import json as as_json
from checks.render import terminal, words
from checks.render.load import from_text
from checks.signature.places import CONCENTRATED
from checks.trials import trial
from checks.trials.finding import Finding
from checks.verdict.decisions import NOT_TAKEN, Decision, Decisions, by_kind, decided_in, kinds_of, too_few
from checks.verdict.known import Known
from checks.verdict.report import MET, worst
from reference import linear, relu, softmax
from tests.judged import Raises, judged

DECIDING = [name for name, law in laws().items() if decides(law)]


class Spoiled:
    """Softmax with y and its gradient multiplied by these."""

    def __init__(self, y=1.0, gradient=1.0):
        self.y, self.gradient = y, gradient

    def forward(self, x, **parameters):
        return (softmax.forward(x, **parameters) * self.y).astype(x.dtype)

    def backward(self, g, x, **parameters):
        (gradient,) = softmax.backward(g, x, **parameters)
        return ((gradient * self.gradient).astype(x.dtype),)


PLANTED = {
    "right": {},
    "y 0": {"y": 0},
    "y doubled": {"y": 2},
    "gradient 0": {"gradient": 0},
    "doubled": {"gradient": 2},
}


@pytest.fixture
def vague(monkeypatch):
    """Bounds as wide as a universe."""

    def wide(*given):
        bound = rounding(*given)
        return bound * 1e20

    monkeypatch.setattr(trial, "rounding", wide)
    monkeypatch.setattr(trial, "running", lambda *given: running(*given) * 1e20)


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.usefixtures("vague")
def test_where_bounds_are_vague_neither_what_is_wrong_nor_what_is_right_is_right(name):
    report = judge("softmax", Spoiled(**PLANTED[name]), seed=3, examples=15)
    assert report.exit_code == 4, report
    assert not report
    assert {d.result for d in report.undecided} == {"y", "grad_x"}
    assert report.decided["y"] == (0, report.cases)
    assert not report.counts[Verdict.BROKEN]


@pytest.mark.parametrize("name", PLANTED)
def test_with_the_bounds_as_they_are_each_is_told(name):
    assert judge("softmax", Spoiled(**PLANTED[name]), seed=3, examples=15).exit_code == (name != "right")


class Nothing:
    """y = 0, and gradients of 0."""

    def forward(self, x, weight, bias=None):
        return np.zeros_like(linear.forward(x, weight, bias))

    def backward(self, g, x, weight, bias=None):
        return tuple(a if a is None else np.zeros_like(a) for a in linear.backward(g, x, weight, bias))


def test_a_sum_that_is_too_long_for_its_precision_is_no_excuse():
    report = judge("linear", Nothing(), seed=1, examples=6, dtype="float16", features=(2100, 4), batch=3)
    assert report.exit_code in {1, 4}, report


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_rightly_zero_is_decided(dtype):
    """A softmax over one class, what a ReLU lets through of nothing, gradients of parameters that no sample reaches."""
    for op, pins in (("softmax", {"shape": (3, 1), "axis": 1}), ("relu", {"shape": (0, 3)}), ("linear", {"batch": 0})):
        report = judge(op, seed=2, examples=12, dtype=dtype, **pins)
        assert report.exit_code == 0, report
        assert all(count == cases for count, cases in report.decided.values())


def finding(problem, law, result, verdict=Verdict.HOLDS, **rest):
    return Finding(law, result, verdict, problem, **rest)


@pytest.fixture(scope="module")
def problem():
    """Any case of a convolution with a bias."""
    return next(f.problem for f in judged("right").findings if f.problem.shapes["bias"] and f.law == "exact")


def test_a_result_is_decided_by_a_law_that_decides_it_and_by_no_other(problem):
    lighter = replace(problem, seed=problem.seed + 1)
    found = [
        finding(problem, "exact", "y", Verdict.UNDECIDED),
        finding(problem, "agreement", "y"),
        finding(problem, "agreement", "grad_x", Verdict.BROKEN),
        finding(problem, "adjoint", "grad_weight"),
        finding(lighter, "autograd", "grad_weight"),
        finding(problem, "agreement", "grad_bias", Verdict.UNDECIDED),
    ]
    assert decided_in(problem, found, DECIDING) == {"y": True, "grad_x": True, "grad_weight": False, "grad_bias": False}


@pytest.mark.parametrize(
    "end",
    [
        {"result": "", "verdict": Verdict.BROKEN, "crashed": True},
        {"result": "", "verdict": Verdict.KNOWN, "crashed": True},
        {"result": "behaviour", "verdict": Verdict.WARNING, "note": f"{NOT_TAKEN}: forward raised"},
    ],
)
def test_what_never_came_is_no_result_that_was_left_undecided(problem, end):
    assert decided_in(problem, [finding(problem, "exact", **end)], DECIDING) == {}
    refused = finding(problem, "autograd", "", Verdict.UNDECIDED)
    assert set(decided_in(problem, [refused], DECIDING).values()) == {False}, "torch does not do it: somebody has to"


def test_kinds_are_counted_apart(problem):
    decisions = Decisions(DECIDING)
    for kind, verdict in (("", Verdict.HOLDS), ("wide", Verdict.UNDECIDED), ("wide", Verdict.HOLDS)):
        case = replace(problem, kind=kind)
        decisions.add(case, [finding(case, "exact", "y", verdict)])
    of_y = [d for d in decisions.counted if d.result == "y"]
    assert of_y == [Decision("y", "", 1, 1), Decision("y", "wide", 1, 2)]
    assert [d.enough for d in of_y] == [True, False], "half is not most"


def with_decisions(report, *decisions):
    return replace(report, decisions=decisions)


def test_one_kind_that_is_not_decided_is_enough_to_be_undecided():
    report = with_decisions(judged("right"), Decision("y", "", 20, 20), Decision("grad_x", "wide", 3, 9))
    assert report.exit_code == 4
    assert "  grad_x was decided in 3 of 9 wide cases" in terminal.render(report)
    assert with_decisions(report, Decision("y", "", 20, 20), Decision("grad_x", "wide", 5, 9)).exit_code == 0
    assert replace(report, decisive=False).exit_code == 0, "then only what was asked is judged"
    assert replace(report, interrupted=True).exit_code == 3
    assert with_decisions(judged("turned"), Decision("y", "", 0, 20)).exit_code == 1, "wrong is wrong"


def test_of_several_the_worst_counts():
    assert worst([]) == 0
    assert worst([0, 4]) == 4
    assert worst([4, 3, 0]) == 3
    assert worst([4, 3, 1, 0]) == 1


def test_a_law_that_does_not_decide_is_judged_by_what_it_says():
    report = judged("restricted")
    assert (report.exit_code, report.decisive) == (0, False)
    text = terminal.render(report)
    assert "only these laws were asked: adjoint; what they leave undecided is not judged" in text
    every = judge("conv", seed=4, examples=5, laws=DECIDING)
    assert (every.exit_code, every.decisive) == (0, True)
    assert f"only these laws were asked: {', '.join(DECIDING)}\n" in terminal.render(every)
    assert "only these laws" not in terminal.render(judged("right"))


def test_a_few_concentrated_cases_that_rounding_leaves_open_are_no_doubt_and_many_are():
    for kind in CONCENTRATED:
        assert Decision("grad_x", kind, 0, 4).enough
        assert not Decision("grad_x", kind, 0, 5).enough
        assert Decision("grad_x", kind, 4, 7).enough
    assert not Decision("grad_x", "wide", 0, 2).enough


def test_a_mistake_cannot_hide_in_a_few_concentrated_cases_of_each_kind():
    """Three of each kind are too few to speak for it, and nine of all are not."""
    whole = Decision("y", "", 20, 20)
    kinds = CONCENTRATED[:3]
    open_ = [Decision("grad_x", kind, 0, 3) for kind in kinds]
    assert with_decisions(judged("right"), whole, open_[0]).exit_code == 0
    report = with_decisions(judged("right"), whole, *open_)
    assert report.exit_code == 4
    assert "  grad_x was decided in 0 of 9 concentrated cases" in terminal.render(report)
    some = [Decision("grad_x", CONCENTRATED[1], 3, 3), *open_[::2]]
    assert with_decisions(report, whole, *some).exit_code == 4, "three of nine are less than two fifths"
    more = [Decision("grad_x", CONCENTRATED[1], 5, 5), *open_[::2]]
    assert with_decisions(report, whole, *more).exit_code == 0
    others = [Decision(f"grad_{name}", kind, 0, 3) for name, kind in zip("abc", kinds, strict=True)]
    assert with_decisions(report, whole, *others).exit_code == 0, "each result by itself"


@dataclass(frozen=True)
class Picky:
    """ReLU, which supports one case in so many, for no reason that one can see."""

    one_in: int

    def forward(self, x):
        if x.size < 2 or int(np.abs(np.sin(x)).sum() * 1e6) % self.one_in:
            raise NotImplementedError("not today")
        return relu.forward(x)

    def backward(self, g, x):
        return relu.backward(g, x)


def test_what_supports_few_cases_is_right_only_where_enough_were_judged():
    found = judge("relu", Picky(3), seed=1, examples=60, laws=DECIDING)
    assert (found.exit_code, found.cases >= MET) == (0, True)
    few = judge("relu", Picky(8), seed=1, examples=40, laws=DECIDING)
    assert (few.exit_code, 0 < few.cases < MET) == (4, True)
    said = terminal.render(few)
    assert f"only {few.cases} of 400 cases are supported: code that is wrong in one case of ten" in said
    assert "what would decide it: examples=" in said
    (loaded,) = from_text(as_json.render(few), "r.json")
    assert loaded.exit_code == 4


def test_few_cases_that_were_asked_for_are_judged_as_they_are_and_the_report_says_what_they_tell():
    report = judge("relu", seed=1, examples=5, laws=DECIDING)
    assert report.exit_code == 0
    said = "5 cases: code that is wrong in one case of ten meets none of them with probability 0.59"
    assert said in terminal.render(report)


def test_known_failures_are_decided_and_known_crashes_are_left_out():
    known = judge("softmax", Spoiled(gradient=2), seed=3, examples=8, known=_known(), laws=[*DECIDING])
    assert (known.exit_code, known.counts[Verdict.BROKEN]) == (0, 0)
    assert known.decided["grad_x"] == (8, 8)
    crashes = [Known("conv", law, "crash", "no kernel") for law in laws()]
    assert judge("conv", Raises, seed=4, examples=5, known=crashes).exit_code == 0


def _known():
    return [Known("softmax", law, "grad_x", "doubled") for law in laws()]


def test_an_undecided_run_says_what_was_not_decided_why_and_what_would_decide_it():
    report = judged("blind")
    assert report.exit_code == 4
    count, cases = report.decided["grad_x"]
    head, what, *rest = terminal.render(report).splitlines()
    how = next(line for line in rest if "would decide" in line)
    assert head == "softmax: undecided.  Shaded, float16"
    assert re.match(
        r"  grad_x was decided in \d+ of \d+ cases: grad_x: results on the way are rounded to float16, or something is",
        what,
    )
    assert re.match(r"  grad_x was decided in \d+ of \d+ wide cases: ", rest[0])
    assert how == "  what would decide it: dtype='float32', or fewer numbers to a sum (smaller sizes)"
    assert f"decided: y {cases} of {cases}, grad_x {count} of {cases} cases" in terminal.render(report)
    assert str(report) == terminal.render(report)
    nothing = list(words.left(replace(judged("undecided"), tally=judged("undecided").tally.of("kinks"))))
    assert not nothing, "no check at all is not judged, rather than undecided"


def test_the_summary_says_how_sharp_each_law_that_decides_was():
    line = next(t for t in words.decided(judged("right")) if t.startswith("smallest error"))
    assert "any on whole numbers (exact)" in line
    sees = max(f.sees for f in judged("right").findings if f.law == "agreement")
    assert f"{sees:.0e} of it (agreement)" in line
    assert "adjoint" not in line


def test_nothing_earned_is_not_called_a_probability_of_one():
    nothing = replace(judged("right"), misses=(1.0, 0.99))
    assert "code that is wrong in one case of ten may well pass `exact`: it has earned nothing" in words.earned(nothing)
    for report in (nothing, replace(nothing, misses=(0.96,))):
        assert "1e+00" not in terminal.render(report)
    assert any("at most 9e-01" in line for line in words.earned(replace(nothing, misses=(0.9,))))


@pytest.mark.parametrize("name", ["blind", "right", "restricted"])
def test_json_carries_what_was_decided_and_reports_without_it_are_read(name):
    report = judged(name)
    document = json.loads(as_json.render(report))
    assert document["reports"][0]["verdict"] == {"blind": "undecided"}.get(name, "right")
    (loaded,) = from_text(json.dumps(document), "r.json")
    assert (loaded.decisions, loaded.exit_code, loaded.tally) == (report.decisions, report.exit_code, report.tally)
    (old,) = from_text(json.dumps(without_the_new(document)), "r.json")
    assert (old.exit_code, old.decisions) == (0, ())
    assert terminal.render(old).startswith(f"{report.op.name}: right.")


def without_the_new(value):
    """The document as it was before there was anything about what was decided."""
    if isinstance(value, list):
        return [without_the_new(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {k: without_the_new(v) for k, v in value.items() if k not in {"decided", "decisive", "sees", "kind"}}


def test_more_decided_than_cases_is_refused():
    document = json.loads(as_json.render(judged("right")))
    document["reports"][0]["decided"][0]["decided"] = 99
    with pytest.raises(ValueError, match=r"decided\[0\]\.decided: 99 given; expected a whole number of at most"):
        from_text(json.dumps(document), "r.json")


def test_the_command_line_ends_with_4(capsys):
    assert (
        gradcheck.main(
            ["softmax", "--impl", "tests.judged:Shaded", "--dtype", "float16", "--examples", "20", "--seed", "4", "-q"]
        )
        == 4
    )
    assert capsys.readouterr().out == "softmax: undecided.  Shaded, float16\n"
    assert gradcheck.main(["softmax", "--examples", "20", "--seed", "4", "-q"]) == 0


@pytest.mark.parametrize(("decided", "undecided"), [(0, True), (1, True), (2, False), (5, False)])
def test_what_is_never_decided_with_one_choice_is_not_right_though_the_other_is_decided(decided, undecided):
    """One of two formulas that lacks a term; half of the cases take the other one, and are decided."""
    kind = CONCENTRATED[1]
    counted = [
        Decision("y", f"{kind}; log_target=True; reduction=sum", decided, 10),
        Decision("y", f"{kind}; log_target=False; reduction=sum", 10, 10),
        Decision("y", f"{kind}; log_target=False; reduction=mean", 6, 6),
    ]
    assert [(d.kind, d.decided, d.cases) for d in too_few(counted)] == (
        [("concentrated; log_target=True", decided, 10)] if undecided else []
    )
    assert not list(too_few([replace(counted[0], cases=9, decided=0), *counted[1:]])), "nine say little"


def test_cases_in_which_few_terms_count_are_counted_by_what_is_chosen_and_shown_together():
    (problem,) = [p for p in Long(find("kl_div"), "shape", -1, 577, "bfloat16").problems(12) if p.places][:1]
    decisions = Decisions(["agreement"])
    decisions.add(problem, [Finding("agreement", "y", Verdict.HOLDS, problem)])
    kinds = {d.result: d.kind for d in decisions.counted}
    assert kinds["grad_x"].split("; ")[1:] == [f"{n}={problem.parameters[n]}" for n in ("log_target", "reduction")]
    assert {d.kind for d in by_kind(decisions.counted)} <= {"", *CONCENTRATED}


def test_one_group_is_one_choice_several_are_another_and_all_that_there_can_be_one_more():
    """All heads that look at one of keys have the longest sum; those of a few are decided, and must not speak for it."""
    problems = [p for p in Long(find("attention"), "heads", 0, 4608, "float16").problems(24) if p.places]
    seen = set()
    for problem in problems:
        decisions = Decisions(["agreement"])
        decisions.add(problem, [])
        (kind,) = [d.kind for d in decisions.counted if d.result == "grad_k"]
        many = problem.parameters["groups"]
        chosen = "1" if many == 1 else "not 1; groups=all" if many == problem.sizes["H"] else "not 1"
        assert kind == "" or kind.split("; ", 1)[1] == f"causal={problem.parameters['causal']}; groups={chosen}"
        assert kinds_of(problem, "grad_k") == {
            kind.split("; ")[0],
            *(f"concentrated; {c}" for c in kind.split("; ")[1:]),
        }
        seen.add(chosen)
    assert {"not 1", "not 1; groups=all"} <= seen


@pytest.mark.parametrize(
    ("decided", "cases", "doubtful"), [(0, 1, True), (1, 6, True), (1, 5, False), (1, 9, True), (0, 10, False)]
)
def test_a_choice_of_which_hardly_any_case_was_decided_is_doubtful_until_there_are_enough(decided, cases, doubtful):
    assert Decision("grad_k", "concentrated; groups=all", decided, cases).doubtful == doubtful


@pytest.mark.parametrize(
    ("decided", "cases", "doubtful"), [(2, 4, True), (1, 2, True), (3, 4, False), (0, 4, False), (5, 10, False)]
)
def test_ordinary_cases_of_which_half_are_open_are_doubtful_where_there_are_few(decided, cases, doubtful):
    assert Decision("grad_x", "", decided, cases).doubtful == doubtful
