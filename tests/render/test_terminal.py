"""Reports as text: what is wrong, where, on which case, and how to see it again."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from checks import Verdict, gradcheck, judge
from checks.render import json as as_json
from checks.render import terminal
from checks.subjects.implementation import Implementation
from reference import conv
from tests.judged import BY_NAME, EXAMPLES, OP, Mine, judged
from tests.laws.planted import spoiled

COLOUR = re.compile(r"\x1b\[[\d;]*m")
SHOWN = ["right", "turned", "mine", "raises", "refuses", "nan"]


@pytest.fixture(scope="module")
def reports():
    """The report on each of these implementations."""
    return {name: judged(name) for name in SHOWN}


def failing(text):
    """The paragraphs about results that are wrong, by result."""
    paragraphs = [p for p in text.split("\n\n") if "is wrong: the law" in p]
    return {p.split(" ", 1)[0]: p.splitlines() for p in paragraphs}


def test_a_report_is_true_only_if_nothing_is_broken(reports):
    assert {name: bool(report) for name, report in reports.items()} == {name: name == "right" for name in SHOWN}


def test_exit_codes_tell_wrong_from_crashed_and_not_judged(reports):
    codes = {name: report.exit_code for name, report in reports.items()}
    assert codes == {"right": 0, "turned": 1, "mine": 1, "raises": 3, "refuses": 3, "nan": 1}


@pytest.mark.parametrize("name", SHOWN)
def test_print_shows_what_the_terminal_shows_without_colour(capsys, reports, name):
    print(reports[name])  # noqa: T201, printing is what is tested
    assert capsys.readouterr().out == terminal.render(reports[name]) + "\n"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("right", "conv: right.  reference.conv, float64"),
        ("turned", "conv: grad_x is wrong.  Planted, float64"),
        ("mine", "conv: y, grad_bias, grad_weight, grad_x are wrong.  Mine, float64"),
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
    report = judge("conv", Mine, seed=4, examples=20, laws=["agreement"])
    lines = failing(terminal.render(report, verbose=True))["grad_weight"]
    shown = re.search(r"yours (\S+)   right (\S+)   off by (\S+), rounding explains at most (\S+)", "\n".join(lines))
    (failure,) = (f for f in report.failures if f.result == "grad_weight")
    assert (float(shown[1]), float(shown[2])) == (failure.actual, failure.expected), "17 digits say which number it is"
    assert float(shown[3]) == pytest.approx(failure.error, rel=0.05)
    assert float(shown[4]) == pytest.approx(failure.bound, rel=0.05)


def test_at_most_three_failures_are_shown_and_the_rest_is_counted(reports):
    text = terminal.render(reports["mine"])
    assert list(failing(text)) == ["y", "grad_bias", "grad_weight"]
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
    assert list(failing(text)) == ["y", "grad_bias", "grad_weight", "grad_x"]
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
    assert re.search(r"not supported: only on Tuesdays \(stride \S+, padding .*, flip \w+\), (once|\d+ times)", text), (
        text
    )


@pytest.mark.parametrize("name", SHOWN)
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
    report = judge("conv", culprit, seed=4, examples=8, dtype=dtype, laws=["exact"])
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
