"""The report as JUnit XML, as CI systems read it: a suite for each op, a test for each law."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree as ET

from checks.render import terminal, words
from checks.signature.options import times
from checks.verdict.report import UNDECIDED, Report, Verdict, deciding

Outcome = tuple[str, str, str]  # failure, error or skipped; in a line; in full


def render(*reports: Report) -> str:
    """Reports as one document."""
    decide = list(map(id, deciding(reports)))
    suites = [_suite(report, decides=id(report) in decide) for report in reports]
    root = ET.Element("testsuites", _totals(suites) | {"time": _seconds(sum(report.seconds for report in reports))})
    root.extend(suites)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def properties(report: Report) -> list[tuple[str, object]]:
    """What is said of a run beside its outcome, in numbers and a name."""
    counts = report.counts
    miss = report.miss(0.1)
    mistakes = ", ".join(dict.fromkeys(f.mistake for f in report.failures if f.mistake))
    return [
        ("seed", report.seed),
        ("cases", report.cases),
        ("ran", report.checks),
        ("held", counts[Verdict.HOLDS]),
        ("broken", counts[Verdict.BROKEN]),
        ("undecided", counts[Verdict.UNDECIDED]),
        ("not supported", sum(report.unsupported.values())),
        ("known", counts[Verdict.KNOWN]),
        ("decided", ", ".join(f"{result} {n} of {cases}" for result, (n, cases) in report.decided.items())),
        *([("assumed", ". ".join(report.assumed))] if report.assumed else []),
        *([("judged", ". ".join(where))] if (where := list(words.elsewhere(report))) else []),
        *([] if miss is None else [("miss bound", words.chance(miss) or "nothing earned")]),
        *([("mistake", mistakes)] if mistakes else []),
    ]


def _suite(report: Report, *, decides: bool) -> ET.Element:
    suite = ET.Element("testsuite", {"name": words.visible(report.op.name)})
    about = [("implementation", report.implementation), ("dtype", report.dtype)]
    listed = ET.SubElement(suite, "properties")
    for name, value in (*about, *properties(report), *report.versions.items()):
        ET.SubElement(listed, "property", {"name": name, "value": words.visible(str(value))})
    outcomes = {law: _outcome(report, law) for law in report.laws}
    if decides and not report and not any(outcome and outcome[0] != "skipped" for outcome in outcomes.values()):
        # Green with nothing judged, or nothing decided, does not exist.
        kind = "failure" if report.exit_code == UNDECIDED else "error"
        text = "\n".join([*words.judged_as(report), *words.left(report), words.ran(report), *words.decided(report)])
        outcomes["verdict"] = kind, words.verdict(report), text
    for law, outcome in outcomes.items():
        test = ET.SubElement(suite, "testcase", {"classname": suite.attrib["name"], "name": law})
        if outcome:
            kind, line, text = outcome
            ET.SubElement(test, kind, {"message": words.visible(line)}).text = words.visible(text)
    ET.SubElement(suite, "system-out").text = words.visible(terminal.render(report))
    suite.attrib.update(_totals([suite]), skipped=_number_of("skipped", suite), time=_seconds(report.seconds))
    return suite


def _outcome(report: Report, law: str) -> Outcome | None:
    """What came of a law; None where it holds, or what is broken is known."""
    tally = report.tally.of(law)
    own = [failure for failure in report.failures if failure.law == law]
    for kind, crashed in (("failure", False), ("error", True)):
        broken = tally.broken(crashed=crashed)
        if broken:
            shown = [failure for failure in own if failure.crashed == crashed]
            counted = _counted(report, law, broken)
            line = "; ".join(map(words.broken, shown)) or counted
            return kind, line, "\n\n".join([*(terminal.failure(report, failure) for failure in shown), counted])
    counts = tally.counts
    if counts[Verdict.HOLDS] or counts[Verdict.KNOWN]:
        return None
    if not counts:
        return "skipped", words.not_asked(report), ""
    notes = tally.notes(Verdict.UNDECIDED) + tally.notes(Verdict.WARNING)
    line = "undecided" if counts[Verdict.UNDECIDED] else "warnings only"
    return "skipped", line, "\n".join(f"{note}, {times(count)}" for note, count in notes.most_common() if note)


def _counted(report: Report, law: str, broken: Mapping[str, int]) -> str:
    """How often which results are broken, and where their smallest case is shown if not here."""
    checks = report.tally.of(law).checks
    at = {failure.result: failure.law for failure in report.failures if failure.law != law}
    return "; ".join(
        f"{result or 'what it returns'} is broken in {count} of {checks} checks"
        + (f", smallest case: see {at[result]}" if result in at else "")
        for result, count in broken.items()
    )


def _totals(suites: list[ET.Element]) -> dict[str, str]:
    found = {"tests": "testcase", "failures": "failure", "errors": "error"}
    return {name: str(sum(int(_number_of(tag, suite)) for suite in suites)) for name, tag in found.items()}


def _number_of(tag: str, suite: ET.Element) -> str:
    return str(len(list(suite.iter(tag))))


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
