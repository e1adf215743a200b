"""The report as Markdown, for the summary of a run, a comment or a chat: what is wrong, then what ran and was tried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from checks.render import words
from checks.verdict.report import Finding, Report, Verdict

MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&$@])")
CLOSED = "</details>"
MOST = 5  # remarks of one sort


def render(*reports: Report) -> str:
    """Reports as one document in GitHub's Markdown."""
    blocks = ["## Gradients", "\n".join(map(_verdict, reports)), _laws(reports)]
    for report in reports:
        for failure in report.failures:
            blocks += _failure(report, failure)
        blocks += _remarks(report)
        blocks += _tried(report)
        blocks += [escaped(f"{report.op.name}: {words.provenance(report)}")]
    return "\n\n".join(filter(None, blocks)) + "\n"


def shortened(text: str, most: int, why: str) -> str:
    """The document, or as many of its blocks as have room in this many bytes, and at the end a sentence that says why."""
    if len(text.encode()) <= most:
        return text
    end = f"The rest is left out: {why}.\n"
    room = most - len(f"{CLOSED}\n\n{end}".encode())
    if room < 0:
        return ""
    kept: list[str] = []
    for block in text.split("\n\n"):
        room -= len(f"{block}\n\n".encode())
        if room < 0:
            break
        kept.append(block)
    opened = sum(block.startswith("<details>") for block in kept) - kept.count(CLOSED)
    return "\n\n".join([*kept, *[CLOSED] * opened, end])


def escaped(text: str) -> str:
    """Text of one line as such: nothing in it is markup."""
    return MARKUP.sub(r"\\\1", " ".join(words.visible(text).split()))


def _code(text: str, *, cell: bool = False) -> str:
    """A span of code, which may lie in the cell of a table."""
    shown = " ".join(words.visible(text).split())
    ticks = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    span = f"{ticks}{space}{shown}{space}{ticks}"
    return span.replace("|", r"\|") if cell else span


def _block(text: str) -> str:
    """Lines of code."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{words.visible(text)}\n{fence}"


def _table(*rows: list[str]) -> str:
    """A table whose first row is its head; cells are Markdown."""
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def _verdict(report: Report) -> str:
    line = f"- **{escaped(words.verdict(report))}** {escaped(words.subject(report))}: {escaped(words.ran(report))}"
    return "\n".join([line, *(f"  - {escaped(line)}" for line in (*words.judged_as(report), *words.left(report)))])


def _laws(reports: tuple[Report, ...]) -> str:
    """How the laws came out, a row for each op."""
    laws = list(dict.fromkeys(law for report in reports for law in report.laws))
    rows = [[escaped(report.op.name), *(_cell(report, law) for law in laws)] for report in reports]
    return _table(["op", *map(escaped, laws)], *rows) if laws else ""


def _cell(report: Report, law: str) -> str:
    counts = report.tally.of(law).counts
    if law not in report.laws:
        return ""
    if not counts:
        return words.not_asked(report)
    shown = {
        Verdict.BROKEN: f"**{counts[Verdict.BROKEN]} broken**",
        Verdict.HOLDS: f"{counts[Verdict.HOLDS]} hold",
        Verdict.UNDECIDED: f"{counts[Verdict.UNDECIDED]} undecided",
        Verdict.WARNING: f"{counts[Verdict.WARNING]} warned of",
        Verdict.KNOWN: f"{counts[Verdict.KNOWN]} known",
    }
    return ", ".join(text for verdict, text in shown.items() if counts[verdict])


def _failure(report: Report, finding: Finding) -> Iterator[str]:
    named = f"{_code(finding.result)} is wrong: the law {_code(finding.law)} is broken."
    yield f"### {escaped(report.op.name)}: {named if finding.result else escaped(finding.note)}"
    if finding.explanation:
        named = f"**{escaped(finding.mistake)}**: " if finding.mistake else ""
        source = f" ({escaped(finding.source)})" if finding.source else ""
        yield f"{named}{escaped(finding.explanation)}{source}"
    if finding.where:
        yield escaped(finding.where)
    if finding.note and finding.result:
        yield escaped(finding.note)
    if finding.frames:
        yield _block("\n".join(finding.frames))
    if finding.actual is not None and finding.expected is not None:
        yield _values(finding, finding.actual, finding.expected)
        yield escaped(words.allowed(finding))
    yield f"Smallest case: {escaped(words.case(finding))}"
    yield "Again:"
    yield _block(words.again(report, finding))


def _values(finding: Finding, actual: float, expected: float) -> str:
    rows = [
        ["", _code(words.place(finding), cell=True)],
        ["yours", words.number(actual)],
        ["right", words.number(expected)],
    ]
    if finding.yours and finding.yours != finding.right:
        formulas = ["formula", _code(finding.yours, cell=True), _code(finding.right, cell=True)]
        rows = [[*row, formula] for row, formula in zip(rows, formulas, strict=True)]
    return _table(*rows)


def _remarks(report: Report) -> Iterator[str]:
    """What is no failure, but to be known."""
    lines = [*words.decided(report), *(f"not supported: {line}" for line in _most(words.unsupported(report)))]
    lines += [f"warning: {line}" for line in _most(words.warnings(report))]
    lines += [*words.conventions(report), *words.earned(report)]
    if lines:
        yield "\n".join(f"- {escaped(f'{report.op.name}: {line}')}" for line in lines)


def _most(lines: Iterator[str]) -> list[str]:
    """The first of them, and how many more there are."""
    every = list(lines)
    return every[:MOST] + [f"{len(every) - MOST} other kinds"] * (len(every) > MOST)


def _tried(report: Report) -> Iterator[str]:
    """What was tried, folded: beginning, table and end."""
    rows = [[escaped(label), escaped(shares)] for label, shares in words.tried(report)]
    if rows:
        name = escape(" ".join(words.visible(report.op.name).split()))  # a line of HTML, in which \ escapes nothing
        yield f"<details><summary>{name}: what was tried</summary>"
        yield _table(["", "share of the values"], *rows)
        yield CLOSED
