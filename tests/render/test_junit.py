"""Reports as JUnit XML: a suite for each op, a test for each law, valid whatever an implementation says."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from checks.render import junit, terminal, words
from checks.verdict.tally import Tally
from tests.judged import HOSTILE, JUDGED, hostile, judged

# The schema that CI systems share (Jenkins' junit-10.xsd), as far as it is used here: attributes and children in order.
SCHEMA = {
    "testsuites": ({"tests", "failures", "errors", "time"}, ["testsuite"]),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time"},
        ["properties", "testcase", "system-out"],
    ),
    "properties": (set(), ["property"]),
    "property": ({"name", "value"}, []),
    "testcase": ({"classname", "name"}, ["skipped", "error", "failure"]),
    "skipped": ({"message"}, []),
    "error": ({"message"}, []),
    "failure": ({"message"}, []),
    "system-out": (set(), []),
}


def parsed(*reports):
    """The document, once it has been found to be what the schema allows."""
    text = junit.render(*reports)
    assert text.startswith('<?xml version="1.0" encoding="utf-8"?>\n')
    root = ET.fromstring(text.encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = SCHEMA[element.tag]
        assert set(element.attrib) == attributes
        order = [children.index(child.tag) for child in element]
        assert order == sorted(order)
        for name in attributes & {"tests", "failures", "errors", "skipped"}:
            tag = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}[name]
            assert int(element.get(name)) == len(list(element.iter(tag)))
    return root


def outcomes(root):
    """What came of each test: nothing, or (kind, message, text)."""
    found = {}
    for case in root.iter("testcase"):
        assert len(case) <= 1
        found[case.get("name")] = (case[0].tag, case[0].get("message"), case[0].text or "") if len(case) else None
    return found


@pytest.mark.parametrize("name", JUDGED)
def test_every_report_is_a_suite_that_passes_only_if_the_report_is_true(name):
    report = judged(name)
    root = parsed(report)
    assert [suite.get("name") for suite in root] == [report.op.name]
    assert list(outcomes(root))[: len(report.laws)] == list(report.laws)
    assert {case.get("classname") for case in root.iter("testcase")} == {report.op.name}
    assert (root.get("failures") == root.get("errors") == "0") == bool(report), "nothing judged is not green"
    assert (int(root.get("failures")) > 0) == (report.exit_code in {1, 4})


def test_a_failure_is_told_as_the_terminal_tells_it():
    report = judged("turned")
    (failure,) = report.failures
    found = outcomes(parsed(report))
    kind, line, text = found["exact"]
    assert (kind, line) == ("failure", "grad_x is wrong: the law `exact` is broken.")
    assert text.startswith(terminal.failure(report, failure) + "\n\n")
    assert terminal.failure(report, failure) in terminal.render(report)
    checks = report.tally.of("exact").checks
    assert f"grad_x is broken in {report.tally.of('exact').broken(crashed=False)['grad_x']} of {checks} checks" in text
    kind, line, _ = found["autograd"]
    broken = report.tally.of("autograd").broken(crashed=False)["grad_x"]
    assert (
        line == f"grad_x is broken in {broken} of {report.tally.of('autograd').checks} checks, smallest case: see exact"
    )
    assert found["forward"] is None


def test_what_a_law_has_nothing_to_say_of_is_skipped():
    right, undecided = outcomes(parsed(judged("right"))), outcomes(parsed(judged("undecided")))
    assert right["kinks"] == ("skipped", "does not apply", "")
    assert [law for law, found in right.items() if found] == ["kinks", "digits", "accumulation"]
    assert undecided["finite_difference"] is None, "some of it held"
    report = judged("undecided")
    only = [f for f in report.findings if f.verdict == "undecided"]
    found = outcomes(parsed(replace(report, tally=Tally.counted(only))))
    note = f"rounding hides an error of a hundredth here, {len(only)} times"
    assert found["finite_difference"] == ("skipped", "undecided", note)
    assert found["verdict"][:2] == ("failure", "conv: undecided.")


def test_what_is_undecided_is_a_failure_that_says_what_was_not_decided():
    kind, line, text = outcomes(parsed(judged("blind")))["verdict"]
    assert (kind, line) == ("failure", "softmax: undecided.")
    left = list(words.left(judged("blind")))
    assert text.splitlines()[: len(left)] == left
    said = {entry.get("name"): entry.get("value") for entry in parsed(judged("blind")).iter("property")}
    count, cases = judged("blind").decided["grad_x"]
    assert said["decided"] == f"y {cases} of {cases}, grad_x {count} of {cases}"
    nothing = parsed(replace(judged("right"), misses=(1.0,)))
    assert {e.get("name"): e.get("value") for e in nothing.iter("property")}["miss bound"] == "nothing earned"


def test_a_crash_is_an_error_and_what_it_kept_from_running_is_skipped():
    found = outcomes(parsed(judged("raises")))
    crashed = [entry for entry in found.values() if entry and entry[0] == "error"]
    assert crashed
    assert any(line == "forward raised RuntimeError: no kernel image" for _, line, _ in crashed)
    assert found["kinks"] == ("skipped", "not reached", "")
    assert not any(entry and entry[0] == "failure" for entry in found.values())


def test_where_nothing_was_judged_a_test_of_its_own_says_so():
    assert outcomes(parsed(judged("refuses")))["verdict"] == (
        "error",
        "conv: nothing could be judged, none of the cases is supported.",
        words.ran(judged("refuses")),
    )
    assert "verdict" not in outcomes(parsed(judged("raises")))
    stopped = replace(judged("right"), interrupted=True)
    kind, line, _ = outcomes(parsed(stopped))["verdict"]
    assert (kind, line) == ("error", "conv: stopped after 20 cases, so nothing is decided.")


def test_an_op_of_many_to_which_no_law_applies_is_skipped_and_no_error():
    """As the exit code has it."""
    (*_, none), alone = parsed(judged("ties"), judged("none")), parsed(judged("none"))
    assert outcomes(none) == {"kinks": ("skipped", "does not apply", "")}
    assert (none.get("errors"), alone.get("errors")) == ("0", "1")


def test_properties_say_what_the_verdict_rests_on():
    report = judged("turned")
    said = {entry.get("name"): entry.get("value") for entry in parsed(report).iter("property")}
    assert said["mistake"] == "kernel not turned"
    assert said["miss bound"] == f"{report.miss(0.1):.0e}"
    assert (said["seed"], said["cases"], said["implementation"]) == ("4", "20", "Planted")
    assert (said["ran"], said["broken"]) == (str(report.checks), str(report.counts["broken"]))
    assert {name: said[name] for name in report.versions} == report.versions
    assert "mistake" not in {entry.get("name") for entry in parsed(judged("right")).iter("property")}


def test_no_text_from_elsewhere_breaks_the_document():
    root = parsed(hostile())
    assert "\x1b" not in junit.render(hostile())
    shown = words.visible(HOSTILE)
    found = outcomes(root)
    assert found["exact"][0] == "failure", "what is wrong says more than what crashed"
    assert shown in found["exact"][2]
    assert shown in next(root.iter("system-out")).text
    values = [entry.get("value") for entry in root.iter("property")]
    assert values.count(shown) == 3, "implementation, mistake and a version"
    assert "\\x1b[31m\\x00\\x0b é☃\\ud800\\ufffe # h\\r" in shown


def test_several_reports_are_several_suites():
    root = parsed(judged("right"), judged("ties"), judged("wrong function"))
    assert [suite.get("name") for suite in root] == ["conv", "max_pool", "cube"]
    assert float(root.get("time")) == pytest.approx(sum(float(suite.get("time")) for suite in root), abs=0.002)
