"""Reports as text and as JSON: what is wrong, where, on which case, and how to see it again."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from functools import partial
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

from checks import Verdict, gradcheck, judge
from checks.implementation import Implementation
from checks.laws import laws
from checks.mistakes import general
from checks.ops import find
from checks.render import json as as_json
from checks.render import terminal
from reference import conv
from tests.checks.planted import Planted, spoiled

OP = find("conv")
BY_NAME = {mistake.name: Planted(OP, mistake) for mistake in (*OP.mistakes, *general())}
COLOUR = re.compile(r"\x1b\[[\d;]*m")
EXAMPLES = 20

REPORT = """op implementation dtype verdict exit_code interrupted seed examples pinned cases checks counts unsupported
            coverage miss unseen_in_one_call_of_ten conventions warnings laws failures undecided versions seconds"""
LAW = "law holds broken undecided warning known normwise worst_share"
FINDING = """law result verdict index actual expected error bound normwise crashed note mistake explanation source where
             formula case"""
CASE = "shapes parameters dtype seed options"


class Mine:
    """Wrong in y and in every gradient: four results, one more than are shown."""

    def forward(self, *inputs, **parameters):
        return -conv.forward(*inputs, **parameters)

    def backward(self, *arrays, **parameters):
        return BY_NAME["negated"].backward(*arrays, **parameters)


def raise_(error):
    """An implementation whose forward raises this error."""

    def forward(*inputs, **parameters):
        raise error

    return forward


class Raises:
    forward = staticmethod(raise_(RuntimeError("no kernel image\nis available")))
    backward = staticmethod(conv.backward)


class Refuses:
    forward = staticmethod(raise_(NotImplementedError("only on Tuesdays")))
    backward = staticmethod(conv.backward)


class NotNumbers:
    def forward(self, *inputs, **parameters):
        return conv.forward(*inputs, **parameters)

    def backward(self, *arrays, **parameters):
        return [None if a is None else a * nan for a in conv.backward(*arrays, **parameters)]


JUDGED = {
    "right": None,
    "turned": BY_NAME["kernel not turned"],
    "mine": Mine,
    "raises": Raises,
    "refuses": Refuses,
    "nan": NotNumbers,
}


@pytest.fixture(scope="module")
def reports():
    """The report on each of these implementations."""
    return {name: judge("conv", made, seed=4, examples=EXAMPLES) for name, made in JUDGED.items()}


def failing(text):
    """The paragraphs about results that are wrong, by result."""
    paragraphs = [p for p in text.split("\n\n") if "is wrong: the law" in p]
    return {p.split(" ", 1)[0]: p.splitlines() for p in paragraphs}


def test_a_report_is_true_only_if_nothing_is_broken(reports):
    assert {name: bool(report) for name, report in reports.items()} == {name: name == "right" for name in JUDGED}


def test_exit_codes_tell_wrong_from_crashed_and_not_judged(reports):
    codes = {name: report.exit_code for name, report in reports.items()}
    assert codes == {"right": 0, "turned": 1, "mine": 1, "raises": 3, "refuses": 3, "nan": 1}


@pytest.mark.parametrize("name", JUDGED)
def test_print_shows_what_the_terminal_shows_without_colour(capsys, reports, name):
    print(reports[name])  # noqa: T201, printing is what is tested
    assert capsys.readouterr().out == terminal.render(reports[name]) + "\n"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("right", "conv: right.  reference.conv, float64"),
        ("turned", "conv: grad_x is wrong.  Planted, float64"),
        ("mine", "conv: y, grad_weight, grad_x, grad_bias are wrong.  Mine, float64"),
        ("raises", "conv: it fails where it should return a result.  Raises, float64"),
        ("refuses", "conv: nothing could be judged, none of the cases is supported.  Refuses, float64"),
    ],
)
def test_the_first_line_says_it_all(reports, name, line):
    assert terminal.render(reports[name]).splitlines()[0] == line
    assert terminal.render(reports[name], quiet=True) == line


def test_a_failure_shows_result_law_place_both_values_and_the_smallest_case(reports):
    report = reports["turned"]
    (failure,) = report.failures
    headline, mistake, *where, values, yours, right, case, again = failing(terminal.render(report))["grad_x"]
    assert mistake.startswith("  kernel not turned: ")
    assert mistake.endswith("(003, P5 and P6)")
    assert where == ([f"  {failure.where}"] if failure.where else [])
    assert yours.strip() == f"yours {failure.yours}"
    assert right.strip() == f"right {failure.right}"
    assert headline == f"grad_x is wrong: the law `{failure.law}` is broken."
    index = ",".join(map(str, failure.index))
    assert values.startswith(f"  grad_x[{index}]   yours {failure.actual:.0f}   right {failure.expected:.0f}   ")
    assert values.endswith("nothing but whole numbers here, so no rounding is involved")
    for name in ("x", "weight"):
        assert f"{name} ({','.join(map(str, failure.problem.shapes[name]))})" in case
    assert case.startswith("  smallest case: ")
    assert case.endswith(", ".join(f"{name} {value}" for name, value in failure.problem.parameters.items()))
    assert again.startswith("  again: ")


def test_the_values_shown_are_those_of_the_case(reports):
    (failure,) = reports["turned"].failures
    case = failure.problem.whole_numbers()
    yours = Implementation.of(OP, BY_NAME["kernel not turned"]).backward(case)["x"][failure.index]
    right = conv.backward(case.cotangent, *case.inputs, **case.parameters)[0][failure.index]
    assert (failure.actual, failure.expected) == (yours, right)


def test_real_numbers_are_shown_with_every_digit_their_error_and_its_bound():
    report = judge("conv", Mine, seed=4, examples=10, laws=["agreement"])
    lines = failing(terminal.render(report))["grad_weight"]
    shown = re.search(r"yours (\S+)   right (\S+)   off by (\S+), rounding explains at most (\S+)", "\n".join(lines))
    (failure,) = (f for f in report.failures if f.result == "grad_weight")
    assert (float(shown[1]), float(shown[2])) == (failure.actual, failure.expected), "17 digits say which number it is"
    assert float(shown[3]) == pytest.approx(failure.error, rel=0.05)
    assert float(shown[4]) == pytest.approx(failure.bound, rel=0.05)


def test_at_most_three_failures_are_shown_and_the_rest_is_counted(reports):
    text = terminal.render(reports["mine"])
    assert list(failing(text)) == ["y", "grad_weight", "grad_x"]
    assert "and 1 more; -v shows all" in text
    assert "-v shows all" in text


def test_a_failure_fills_no_more_than_a_screen(reports):
    """Three of four wrong results in full; the laws in a line."""
    lines = terminal.render(reports["mine"]).splitlines()
    assert len(lines) <= 40
    assert any(
        re.match(r"broken: exact \d+ of \d+, forward \d+ of \d+, .*; -v shows every law", line) for line in lines
    )
    assert "tried" not in lines
    assert "tried" in terminal.render(reports["mine"], verbose=True).splitlines()


def test_verbose_shows_all_failures_and_every_finding_that_does_not_hold(reports):
    text = terminal.render(reports["mine"], verbose=True)
    assert list(failing(text)) == ["y", "grad_weight", "grad_x", "grad_bias"]
    assert "-v shows all" not in text
    for verdict in (Verdict.BROKEN, Verdict.UNDECIDED):
        assert len(re.findall(rf"^{verdict} +\w+ .*: error", text, re.MULTILINE)) == reports["mine"].counts[verdict]


def test_a_crash_names_the_exception_in_one_line_and_calls_nothing_wrong(reports):
    text = terminal.render(reports["raises"])
    assert "forward raised RuntimeError: no kernel image\n" in text
    assert "is available" not in text
    assert "is wrong" not in text, "nobody knows whether y is wrong: there is none"


def test_what_is_not_supported_is_counted_and_shown_with_its_parameters(reports):
    text = terminal.render(reports["refuses"])
    assert f"0 cases, 0 checks: 0 hold, 0 broken, 0 undecided; {EXAMPLES} cases not supported" in text
    assert re.search(r"not supported: only on Tuesdays \(stride \S+, padding .*, flip \w+\), \d+ times", text), text


@pytest.mark.parametrize("name", JUDGED)
def test_colour_adds_codes_and_changes_no_word(reports, name):
    plain, painted = terminal.render(reports[name]), terminal.render(reports[name], colour=True)
    assert "\x1b" not in plain
    assert COLOUR.sub("", painted) == plain != painted


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("kernel not turned", "float64"), ("last sample only", "float32"), ("bias averaged", "float64")],
)
def test_the_printed_call_fails_again_in_the_same_result(name, dtype):
    wrong = BY_NAME[name]
    culprit = type("Culprit", (), {"forward": staticmethod(wrong.forward), "backward": staticmethod(wrong.backward)})
    report = judge("conv", culprit, seed=4, examples=EXAMPLES, dtype=dtype, laws=["exact"])
    (call,) = re.findall(r"^  again: (judge\(.*\))$", terminal.render(report), re.MULTILINE)
    names = {"judge": partial(judge, laws=["exact"]), "Culprit": culprit}
    repeated = eval(call, names)  # noqa: S307, a line that is meant to be pasted
    assert repeated.exit_code == 1
    assert {f.result for f in repeated.failures} == spoiled(OP, wrong.mistake)
    (failure,) = report.failures
    assert {f.problem.shapes["x"] for f in repeated.findings} == {failure.problem.shapes["x"]}
    assert repeated.dtype == dtype


def test_the_printed_command_pins_the_same_case_on_the_command_line(capsys, reports):
    report = replace(reports["turned"], is_reference=True)
    (command,) = re.findall(r"^  again: python -m checks\.gradcheck (.*)$", terminal.render(report), re.MULTILINE)
    assert gradcheck.main([*shlex.split(command), "--examples", "5", "--json", "-"]) == 0, "the reference is right"
    (again,) = json.loads(capsys.readouterr().out)["reports"]
    assert again["seed"] == report.seed
    options = as_json.as_data(report)["failures"][0]["case"]["options"]
    assert {name: np.atleast_1d(value).tolist() for name, value in again["pinned"].items()} == {
        name: np.atleast_1d(value).tolist() for name, value in options.items()
    }, "one axis or all of them: 1 and [1] are the same"


def strict(text):
    """JSON as the standard has it: no NaN, no Infinity."""

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("name", JUDGED)
def test_json_has_every_field_and_only_finite_numbers(reports, name):
    document = strict(as_json.render(reports[name]))
    assert set(document) == {"schema", "reports"}
    assert document["schema"] == "gradoracle-report/1"
    (report,) = document["reports"]
    assert set(report) == set(REPORT.split())
    assert set(report["miss"]) == {"every_case", "one_case_of_ten"}
    assert set(report["counts"]) == {"holds", "broken", "undecided", "warning", "known"}
    assert set(report["versions"]) == {"python", "numpy", "torch", "hypothesis"}
    assert [law["law"] for law in report["laws"]] == list(laws())
    assert all(set(law) == set(LAW.split()) for law in report["laws"])
    for finding in (*report["failures"], *report["undecided"]):
        assert set(finding) == set(FINDING.split())
        assert set(finding["case"]) == set(CASE.split())


@pytest.mark.parametrize(
    ("name", "verdict"), [("right", "right"), ("turned", "wrong"), ("raises", "not judged"), ("refuses", "not judged")]
)
def test_json_says_what_the_report_says(reports, name, verdict):
    report = reports[name]
    data = json.loads(as_json.render(report))["reports"][0]
    assert data["verdict"] == verdict
    for field in ("exit_code", "seed", "examples", "cases", "implementation", "dtype", "seconds"):
        assert data[field] == getattr(report, field), field
    assert data["checks"] == len(report.findings) == sum(data["counts"].values())
    assert sum(law["holds"] for law in data["laws"]) == data["counts"]["holds"]
    assert len(data["failures"]) == len(report.failures)
    assert len(data["undecided"]) == data["counts"]["undecided"]
    assert sum(data["unsupported"].values()) + data["cases"] == EXAMPLES


def test_the_case_in_json_is_enough_to_judge_it_again(reports):
    data = json.loads(as_json.render(reports["turned"]))
    case = data["reports"][0]["failures"][0]["case"]
    again = judge("conv", BY_NAME["kernel not turned"], seed=1, examples=10, dtype=case["dtype"], **case["options"])
    assert again.exit_code == 1


def test_numbers_that_json_cannot_say_are_null(reports):
    failures = json.loads(as_json.render(reports["nan"]))["reports"][0]["failures"]
    assert failures
    assert all(failure["actual"] is None for failure in failures)
    assert all(failure["expected"] is not None for failure in failures)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_no_number_of_a_finding_can_spoil_the_json(reports, value):
    finding = replace(reports["turned"].failures[0], error=value, bound=value, actual=value, expected=value)
    report = replace(
        reports["turned"], failures=(finding,), findings=(finding, replace(finding, verdict=Verdict.HOLDS))
    )
    strict(as_json.render(report))
    assert terminal.render(report, verbose=True)


def test_several_reports_are_one_document_in_any_alphabet(reports):
    text = as_json.render(replace(reports["right"], implementation="Свёртка ⋆"), reports["mine"])
    assert "Свёртка ⋆" in text
    assert [report["verdict"] for report in strict(text)["reports"]] == ["right", "wrong"]


def test_every_field_is_described_in_the_documentation():
    described = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    fields = {"schema", "reports", *f"{REPORT} {LAW} {FINDING} {CASE}".split()}
    assert fields <= set(re.findall(r"\w+", described))
