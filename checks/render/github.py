"""The report for GitHub Actions: workflow commands that mark what is wrong, and a summary of the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from checks.render import summary as markdown
from checks.render import terminal, words
from checks.subjects.loading import split
from checks.verdict import report as verdict
from checks.verdict.report import Report, deciding

MOST_MARKED = 10  # as many as GitHub shows of a step
MOST_BYTES = 1 << 20  # a longer summary is refused
WRONG, CRASHED, NOT_JUDGED, UNDECIDED, WARNED, TOLD = range(6)


@dataclass(frozen=True)
class _Mark:
    """One annotation; `rank` says how bad it is, least first."""

    rank: int
    title: str
    message: str
    file: str = ""

    def __str__(self) -> str:
        given = {"title": self.title, "file": self.file}
        properties = ",".join(f"{name}={_property(value)}" for name, value in given.items() if value)
        how = "error" if self.rank < UNDECIDED else "notice" if self.rank == TOLD else "warning"
        return f"::{how} {properties}::{_message(self.message)}"


def render(*reports: Report) -> str:
    """The workflow commands, worst first, one on each line."""
    marks = sorted((mark for report in deciding(reports) for mark in _marks(report)), key=lambda mark: mark.rank)
    if len(marks) > MOST_MARKED:
        rest = marks[MOST_MARKED - 1 :]
        more = f"{len(rest)} more are wrong or surprising; the log and the summary show all"
        marks = [*marks[: MOST_MARKED - 1], _Mark(rest[0].rank, "and more", more)]
    return "".join(f"{mark}\n" for mark in marks)


def summary(*reports: Report, already: int = 0) -> str:
    """The summary, in Markdown, for a file that holds this many bytes already; what has no room there is left out."""
    apart = "\n" if already else ""
    text = apart + markdown.render(*reports)
    return markdown.shortened(text, MOST_BYTES - already, "a summary may have no more than 1 MiB")


def _marks(report: Report) -> Iterator[_Mark]:
    name, file = report.op.name, _file(report)
    for failure in report.failures:
        title = f"{name}: {failure.result or 'what it returns'} is wrong"
        if failure.crashed:
            title = f"{name}: it fails where it should return a result"
        yield _Mark(CRASHED if failure.crashed else WRONG, title, terminal.failure(report, failure), file)
    if not report and not report.failures:
        text = "\n".join([*words.left(report), words.ran(report)])
        yield _Mark(UNDECIDED if _in_doubt(report) else NOT_JUDGED, words.verdict(report), text, file)
    if report.assumed:
        yield _Mark(TOLD, f"{name}: adapted", "\n".join(report.assumed), file)
    for line in words.elsewhere(report) if any(not one.refused for one in report.elsewhere) else ():
        yield _Mark(WARNED, f"{name}: judged where it works", line, file)
    for warning in words.warnings(report):
        yield _Mark(WARNED, name, warning, file)


def _in_doubt(report: Report) -> bool:
    return report.exit_code == verdict.UNDECIDED


def _file(report: Report) -> str:
    """The file that was judged, where one was named."""
    _, where, _ = split(report.spec)
    return where.replace("\\", "/") if where.endswith(".py") else ""


def _message(text: str) -> str:
    return words.visible(text).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
