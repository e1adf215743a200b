"""Reports that were written as JSON come back as they were, or are refused in a sentence that names the place."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from math import inf, nan

import pytest

from checks import Verdict, judge
from checks.algebra.polynomial import Polynomial
from checks.render import json as as_json
from checks.render import terminal
from checks.render.load import from_data, from_text, load
from checks.trials.exhibit import Compared, Exhibit, Meetings, Numbers, Sized
from tests.judged import JUDGED, Mine, judged

NO_EQUALS = {"nan", "function", "wrong function"}  # NaN, and ops that are made on the fly, are equal to nothing


def again(report):
    """The report, written and read."""
    (loaded,) = from_text(as_json.render(report), "r.json")
    return loaded


@pytest.mark.parametrize("name", sorted(JUDGED.keys() - NO_EQUALS))
def test_a_report_comes_back_with_the_findings_that_a_file_holds(name):
    report = judged(name)
    kept = tuple(f for f in report.findings if f.verdict is Verdict.UNDECIDED)
    assert again(report) == replace(report, findings=kept)


@pytest.mark.parametrize("name", JUDGED)
def test_json_of_a_report_that_was_read_is_the_json_that_was_read(name):
    text = as_json.render(judged(name))
    assert as_json.render(*from_text(text, "r.json")) == text


@pytest.mark.parametrize("name", JUDGED)
def test_the_terminal_shows_the_same_of_a_report_that_was_read(name):
    report, loaded = judged(name), again(judged(name))
    for how in ({}, {"quiet": True}, {"colour": True}):
        assert terminal.render(loaded, **how) == terminal.render(report, **how)
    assert (loaded.exit_code, bool(loaded), loaded.counts) == (report.exit_code, bool(report), report.counts)
    assert (loaded.miss(0.1), loaded.unseen, loaded.warnings) == (report.miss(0.1), report.unseen, report.warnings)


def test_verbose_says_how_many_findings_the_file_does_not_hold():
    loaded = again(judged("mine"))
    assert loaded.counts[Verdict.BROKEN] > 100
    last = terminal.render(loaded, verbose=True).splitlines()[-1]
    assert last == f"and {loaded.counts[Verdict.BROKEN]} more, which the file that this was read from does not hold"
    report = judged("undecided")
    assert report.counts[Verdict.UNDECIDED]
    assert terminal.render(again(report), verbose=True) == terminal.render(report, verbose=True), "all of it is there"


def test_a_parameter_of_each_kind_comes_back_as_what_it_was():
    """One for each axis, a word, a switch: what pins the case is worked out from them."""
    pins = {"stride": (2, 1), "padding": "same", "flip": True, "kernel": (3, 2), "dims": 2}
    report = judge("conv", Mine, seed=3, examples=5, laws=["agreement"], **pins)
    loaded = again(report)
    assert loaded.pinned == report.pinned == pins
    assert [type(value) for value in loaded.pinned.values()] == [type(value) for value in report.pinned.values()]
    for one, other in zip(loaded.failures, report.failures, strict=True):
        assert one.problem.identity == other.problem.identity
        assert (one.problem.reals().cotangent == other.problem.reals().cotangent).all()


def pictured(report):
    """The report with what pictures are drawn from, in all its numbers: no finite ones, fractions, a constant."""
    failure = report.failures[0]
    problem = failure.problem
    shown = Numbers((2, 2), (0.1, -0.0, inf, 1e-310))
    compared = Compared(shown, replace(shown, values=(1.0, -inf, 1e300, 5.0)), Numbers((), (0.0,)))
    product = (("g", (0, 0)), ("x", (1, 2)), ("x", (1, 2)))
    formula = Polynomial({product: Fraction(-1, 4), (): Fraction(7), (("weight", ()),): Fraction(1 << 80, 3)})
    exhibit = Exhibit(problem, "grad_x", (1, 0), {"y": compared, "grad_x": compared})
    meetings = Meetings(problem, "grad_x", (0, 1), {(0, 0): Polynomial(), (0, 1): formula}, formula)
    failures = (
        replace(failure, exhibit=exhibit, meetings=meetings, sizes=(Sized("channels in", (1, 2, 32), (33, 40)),)),
        replace(failure, meetings=replace(meetings, yours=None)),
    )
    return replace(report, failures=failures, findings=())


def test_what_pictures_are_drawn_from_comes_back_exactly():
    report = pictured(judged("turned"))
    loaded = again(report)
    assert loaded == report
    assert repr(loaded.failures[0].exhibit) == repr(report.failures[0].exhibit), "-0.0 is equal to 0.0"
    assert list(loaded.failures[0].meetings.yours.terms) == list(report.failures[0].meetings.yours.terms)
    text = as_json.render(report)
    assert '{"shape": [2, 2], "values": [0.1, -0.0, "inf", 1e-310]}' in text
    assert '["-1/4", [["g", [0, 0]], ["x", [1, 2]], ["x", [1, 2]]]]' in text


def test_a_thousand_numbers_stand_on_one_line():
    """So that the report of a failing run stays small, and a reader can still find what else is in it."""
    report = pictured(judged("turned"))
    many = Numbers((1000,), tuple(n / 7 for n in range(1000)))
    exhibit = replace(report.failures[0].exhibit, results={"y": Compared(many, many, many)})
    text = as_json.render(replace(report, failures=(replace(report.failures[0], exhibit=exhibit),)))
    assert len([line for line in text.splitlines() if len(line) > 10_000]) == 3
    assert len(text) < 150_000


@pytest.mark.parametrize("value", [nan, inf, -inf, None, 0.0, 2.5])
def test_every_number_of_a_finding_comes_back(value):
    failure = replace(judged("turned").failures[0], actual=value, expected=value, error=value or 0.0, bound=value or 1)
    report = replace(judged("turned"), failures=(failure,))
    (loaded,) = again(report).failures
    for name in ("actual", "expected", "error", "bound"):
        assert repr(getattr(loaded, name)) == repr(float(v) if (v := getattr(failure, name)) is not None else None)


def test_from_data_is_the_inverse_of_as_data():
    report = pictured(judged("mine"))
    assert from_data(json.loads(json.dumps(as_json.as_data(report)))) == report


def test_of_a_function_its_name_and_its_inputs_are_left():
    loaded = again(judged("wrong function"))
    assert (loaded.op.name, loaded.op.inputs) == ("cube", ("a",))
    assert "again: judge_function(cube, third, inputs=[(2, 3)], seed=5)" in str(loaded)
    with pytest.raises(RuntimeError, match="of cube nothing but a report is left"):
        loaded.op.reference.forward(1.0)


def test_several_reports_come_back_in_order():
    text = as_json.render(judged("ties"), judged("function"), judged("refuses"))
    assert [report.op.name for report in from_text(text, "r.json")] == ["max_pool", "cube", "conv"]
    assert from_text(as_json.render(), "r.json") == ()


def spoiled(change):
    """The text of a report with a failure in it, after this change of the document."""
    document = json.loads(as_json.render(pictured(judged("turned"))))
    change(document, document["reports"][0])
    return json.dumps(document)


def without(*path):
    def change(_, report):
        for key in path[:-1]:
            report = report[key]
        del report[path[-1]]

    return change


def with_(value, *path):
    def change(_, report):
        for key in path[:-1]:
            report = report[key]
        report[path[-1]] = value

    return change


def schema(text):
    return lambda document, _: document.update(schema=text)


REFUSED = [
    (schema("gradoracle-report/2"), "r.json has schema gradoracle-report/2, of another version; expected gradoracle-r"),
    (schema("other/1"), "r.json is no report; expected a file that --json wrote, of schema gradoracle-report/1"),
    (schema(["gradoracle-report/1"]), "r.json is no report; expected a file that --json wrote"),
    (lambda document, _: document.clear(), "r.json is no report; expected a file that --json wrote"),
    (lambda document, _: document.pop("reports"), "r.json has no 'reports'"),
    (lambda document, _: document.update(reports={}), "r.json, reports: {} given; expected a list"),
    (lambda document, _: document["reports"].append(3), "r.json, reports[1]: 3 given; expected an object"),
    (without("tally"), "r.json, reports[0] has no 'tally'; if an earlier version wrote it, judge again"),
    (without("failures", 0, "case", "seed"), "r.json, reports[0].failures[0].case has no 'seed'"),
    (with_("cnov", "op"), "r.json, reports[0]: there is no op 'cnov'; did you mean conv?"),
    (with_("1", "seed"), "r.json, reports[0].seed: '1' given; expected a whole number"),
    (with_(True, "examples"), "r.json, reports[0].examples: True given; expected a whole number"),
    (with_(-1, "cases"), "r.json, reports[0].cases: -1 given; expected a whole number of at least 0"),
    (with_(0, "coverage", "flip", "no"), "reports[0].coverage.flip.no: 0 given; expected a whole number of at least 1"),
    (with_(10**400, "seconds"), "r.json, reports[0].seconds: 1000"),
    (with_(None, "implementation"), "r.json, reports[0].implementation: None given; expected a text"),
    (
        with_("wrong", "tally", 0, "verdict"),
        "reports[0].tally[0].verdict: 'wrong' given; expected one of holds, broken",
    ),
    (with_("infinity", "tally", 0, "worst"), "reports[0].tally[0].worst: 'infinity' given; expected a number"),
    (with_({}, "failures", 0, "case", "shapes"), "r.json, reports[0].failures[0].case is no case of conv"),
    (with_([[1]], "failures", 0, "index"), "reports[0].failures[0].index[0]: [1] given; expected a whole number"),
    (with_({"x": {}}, "pinned"), "r.json, reports[0].pinned.x: {} given; expected a value, or one for each axis"),
    (
        with_([1, 2], "failures", 0, "exhibit", "results", "y", "yours", "values"),
        "results.y.yours.values: [1, 2] given; expected as many numbers as shape (2, 2) has",
    ),
    (with_([["1/0", []]], "failures", 0, "meetings", "yours"), "'1/0' given; expected a fraction such as \"1/4\""),
    (with_([["1"]], "failures", 0, "meetings", "yours"), "meetings.yours[0]: ['1'] given; expected a list of two"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_report_is_refused_by_its_place(change, words):
    with pytest.raises(ValueError, match=r"r\.json") as refused:
        from_text(spoiled(change), "r.json")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "r.json is no JSON: Expecting value: line 1"),
        ("{", "r.json is no JSON: "),
        ('{"schema": NaN}', "r.json is no JSON: it has NaN for a number"),
        ("[" * 100_000, "r.json is no JSON: it is nested too deeply"),
        ("[]", "r.json is no report; expected a file that --json wrote, of schema gradoracle-report/1"),
    ],
)
def test_what_is_no_json_is_refused(text, words):
    with pytest.raises(ValueError, match=r"r\.json") as refused:
        from_text(text, "r.json")
    assert str(refused.value).startswith(words)


def test_a_file_is_read_whatever_editor_it_went_through(tmp_path):
    path = tmp_path / "r.json"
    path.write_bytes(b"\xef\xbb\xbf" + as_json.render(judged("ties")).encode().replace(b"\n", b"\r\n"))
    assert load(path)[0] == again(judged("ties"))


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "report.json").write_bytes(b"\xff\xfe{}")
    for name, words in (
        ("reprot.json", f"reprot.json cannot be read: No such file or directory; did you mean {tmp_path}/report.json?"),
        ("none", "none cannot be read: No such file or directory"),
        (".", "cannot be read: Is a directory"),
        ("report.json", "report.json is no JSON: it is no text in UTF-8"),
    ):
        with pytest.raises(ValueError, match=r"cannot be read|is no JSON") as refused:
            load(tmp_path / name)
        assert str(refused.value).endswith(words)
