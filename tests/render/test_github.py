"""Reports for GitHub Actions: annotations that its runner reads as they were meant, and a summary that it takes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from checks.render import github, terminal, words
from checks.verdict.report import UNDECIDED
from checks.verdict.tally import Tally
from tests.judged import HOSTILE, JUDGED, hostile, judged

COMMAND = re.compile(r"::(?P<command>error|warning) (?P<properties>[^:]*)::(?P<message>.*)")


def read(*reports):
    """The annotations as the runner reads them: command, properties, message."""
    found = []
    for line in github.render(*reports).splitlines():
        command = COMMAND.fullmatch(line)
        assert command, line
        properties = dict(entry.split("=", 1) for entry in command["properties"].split(","))
        for escape, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            properties = {name: value.replace(escape, sign) for name, value in properties.items()}
        message = command["message"].replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
        found.append((command["command"], properties, message))
    return found


def test_a_failure_is_an_error_with_what_the_terminal_says_of_it():
    report = judged("turned")
    title = {"title": "conv: grad_x is wrong"}
    assert read(report) == [("error", title, terminal.failure(report, report.failures[0]))]


@pytest.mark.parametrize(
    ("spec", "file"),
    [
        ("mine.py", "mine.py"),
        ("layers/mine.py:Conv", "layers/mine.py"),
        ("torch:layers\\mine.py:Conv", "layers/mine.py"),
        ("package.module:Conv", None),
        ("", None),
    ],
)
def test_it_marks_the_file_that_was_judged(spec, file):
    ((_, properties, _),) = read(replace(judged("turned"), spec=spec))
    assert properties.get("file") == file


@pytest.mark.parametrize("name", JUDGED)
def test_there_is_an_error_if_and_only_if_the_report_is_not_true_nor_undecided(name):
    report = judged(name)
    commands = [command for command, *_ in read(report)]
    undecided = report.exit_code == UNDECIDED
    assert ("error" in commands) == (not report and not undecided)
    assert commands.count("warning") == len(report.warnings) + undecided


def test_what_is_undecided_is_a_warning_that_says_what_would_decide_it():
    commands = read(judged("blind"))
    ((command, properties, message),) = (one for one in commands if one[1]["title"] == "softmax: undecided.")
    assert len(commands) == 1 + len(judged("blind").warnings)
    assert (command, properties) == ("warning", {"title": "softmax: undecided."})
    assert message.splitlines() == [*words.left(judged("blind")), words.ran(judged("blind"))]
    assert "grad_x was decided in" in message


def test_what_could_not_be_judged_is_an_error():
    assert read(judged("refuses")) == [
        ("error", {"title": words.verdict(judged("refuses"))}, words.ran(judged("refuses")))
    ]


def test_an_op_of_many_to_which_no_law_applies_is_no_error():
    """As the exit code has it."""
    assert [command for command, *_ in read(judged("none"))] == ["error"]
    assert read(judged("none"), judged("ties")) == []


def test_the_worst_come_first_and_ten_are_the_most():
    wrong, crash, warned = judged("mine"), judged("raises"), judged("warned")
    titles = [properties["title"] for _, properties, _ in read(warned, crash, wrong)]
    assert titles[:5] == [
        *(f"conv: {failure.result} is wrong" for failure in wrong.failures),
        "conv: it fails where it should return a result",
    ]
    assert set(titles[5:]) == {"conv"}
    many = read(warned, wrong, wrong, crash, wrong)
    assert len(many) == 10
    assert [command for command, *_ in many] == ["error"] * 10
    rest = 12 + len(crash.failures) + len(crash.warnings) + len(warned.warnings) - 9
    shown = f"{rest} more are wrong or surprising; the log and the summary show all"
    assert many[-1][1:] == ({"title": "and more"}, shown)
    ten = replace(wrong, failures=(wrong.failures * 3)[:10])
    assert "and more" not in [properties["title"] for _, properties, _ in read(ten)]


def test_no_text_from_elsewhere_is_a_command():
    report = replace(hostile(), spec="a:b,c%3A.py")
    lines = github.render(report).splitlines()
    assert len(lines) == 3
    assert not re.search(r"[\x00-\x1f\ud800]", "".join(lines))
    (error, properties, message), (_, _, crash), (_, _, warning) = read(report)
    assert error == "error"
    assert properties["title"] == f"{words.visible(HOSTILE)}: {report.failures[0].result} is wrong"
    assert "file" not in properties, "what stands after a colon is no file"
    assert message == words.visible(terminal.failure(report, report.failures[0]))
    assert crash.startswith(words.visible(HOSTILE))
    assert warning.startswith(words.visible(HOSTILE))


def test_the_name_of_a_file_is_escaped():
    line = github.render(replace(judged("turned"), spec="a,b%0A.py"))
    assert "file=a%2Cb%250A.py::" in line


def test_a_right_report_marks_nothing():
    assert github.render(judged("right")) == ""


def test_the_summary_is_the_markdown_and_takes_no_more_than_github_does():
    report = judged("turned")
    text = github.summary(report)
    assert text.startswith("## Gradients\n\n- **conv: grad\\_x is wrong.**")
    assert github.summary(report, already=10) == f"\n{text}", "apart from what stands there"
    room = (1 << 20) - 1500
    cut = github.summary(report, already=room)
    assert 0 < len(cut.encode()) <= 1500 < len(text.encode())
    assert cut.endswith("The rest is left out: a summary may have no more than 1 MiB.\n")
    assert github.summary(report, already=1 << 20) == ""


def test_a_summary_of_too_much_is_cut():
    row = judged("warned").tally.rows[0]
    huge = replace(judged("warned"), tally=Tally((row,)), coverage={f"{n:01000}": {"value": 1} for n in range(1100)})
    cut = github.summary(huge, judged("warned"))
    assert len(cut.encode()) <= 1 << 20
    assert "1 MiB" in cut
