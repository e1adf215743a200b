"""The verdict as text for a terminal: what is wrong first, then what ran and how much it proves."""

from __future__ import annotations

from collections.abc import Iterator

from checks.render import words
from checks.signature.options import in_words
from checks.verdict.report import UNDECIDED, WRONG, Finding, Report, Verdict

GREEN, RED, YELLOW, DIM, BOLD = "32", "31", "33", "2", "1"
SHOWN_FAILURES = 3
SHOWN_REFUSALS = 6
LISTED = (Verdict.BROKEN, Verdict.UNDECIDED, Verdict.KNOWN)


def render(*reports: Report, colour: bool = False, verbose: bool = False, quiet: bool = False) -> str:
    """Reports as lines of text; `quiet` keeps the verdict only, `verbose` adds every broken or undecided finding."""
    return "\n".join(_text(report, _Paint(colour), verbose=verbose, quiet=quiet) for report in reports)


def _text(report: Report, paint: _Paint, *, verbose: bool, quiet: bool) -> str:
    lines = [_verdict(report, paint)]
    shown = report.failures if verbose else report.failures[:SHOWN_FAILURES]
    if quiet:
        return lines[0]
    lines += [f"  {line}" for line in (*words.judged_as(report), *words.left(report))]
    for finding in shown:
        lines += ["", *_failure(report, finding, paint)]
    if len(report.failures) > len(shown):
        lines += ["", f"and {len(report.failures) - len(shown)} more; -v shows all"]
    decided = list(words.decided(report))
    if report.failures and not verbose:
        decided = decided[:1]
    lines += ["", words.ran(report), *decided, *_unsupported(report)]
    if report.failures and not verbose:  # what is wrong should fill no more than a screen
        lines += [_broken(report)]
    else:
        lines += ["", *_laws(report, paint)]
        lines += ["", *_coverage(report)] if report.cases else []
    warnings = [paint(f"warning: {line}", YELLOW) for line in words.warnings(report)][:SHOWN_FAILURES]
    lines += [
        "",
        *warnings,
        *words.conventions(report),
        *words.offers(report),
        *words.earned(report),
        paint(words.provenance(report), DIM),
    ]
    if verbose:
        lines += ["", *_every(report)]
    return "\n".join(lines)


def failure(report: Report, finding: Finding) -> str:
    """The paragraph on one failure, without colour."""
    return "\n".join(_failure(report, finding, _Paint(colour=False)))


def first(finding: Finding) -> str:
    """What is wrong in the first case in which something is, while the rest is still to be tried."""
    lines = [f"{finding.problem.op.name}: {words.broken(finding)}"]
    if not finding.result or finding.note:
        lines += [f"  {finding.note}"] if finding.result else []
    elif finding.actual is not None and finding.expected is not None:
        lines += [f"  {words.compared(finding)}"]
    return "\n".join([*lines, f"  in {words.case(finding)}; looking for the smallest case"])


def _verdict(report: Report, paint: _Paint) -> str:
    line = f"{words.verdict(report)}  {words.subject(report)}"
    if report.exit_code == UNDECIDED or (report.interrupted and report.exit_code != WRONG):
        return paint(line, YELLOW)
    return paint(line, BOLD, GREEN if report else RED)


def _failure(report: Report, finding: Finding, paint: _Paint) -> Iterator[str]:
    """The smallest case on which one result is wrong."""
    if finding.result:
        yield paint(words.broken(finding), BOLD)
    if finding.explanation:
        named = f"{finding.mistake}: " if finding.mistake else ""
        yield f"  {paint(named, BOLD)}{finding.explanation}{f' ({finding.source})' if finding.source else ''}"
    if finding.where:
        yield f"  {finding.where}"
    if finding.note:
        yield f"  {finding.note}" if finding.result else paint(finding.note, BOLD)
    yield from (f"  {line}" for line in finding.frames)
    place = words.place(finding)
    if finding.actual is not None and finding.expected is not None:
        yield f"  {words.compared(finding)}"
    if finding.yours and finding.yours != finding.right:
        yield f"  {' ' * len(place)}   yours {finding.yours}"
        yield f"  {' ' * len(place)}   right {finding.right}"
    yield f"  smallest case: {words.case(finding)}"
    yield f"  again: {words.again(report, finding)}"


def _unsupported(report: Report) -> list[str]:
    """A line for each reason, and as many as of failures at least."""
    reasons = len(set(map(words.reason_of, report.unsupported)))
    shown = min(max(SHOWN_FAILURES, reasons), SHOWN_REFUSALS)
    return [f"  not supported: {line}" for line in words.unsupported(report)][:shown]


def _broken(report: Report) -> str:
    """The laws that do not hold, in one line."""
    tallies = {law: report.tally.of(law) for law in report.laws}
    laws = ", ".join(
        f"{law} {tally.counts[Verdict.BROKEN]} of {tally.checks}"
        for law, tally in tallies.items()
        if tally.counts[Verdict.BROKEN]
    )
    return f"broken: {laws}; -v shows every law, and what was tried"


def _laws(report: Report, paint: _Paint) -> Iterator[str]:
    """One line a law: how often it was asked, and its worst error as a share of the bound."""
    yield paint(f"{'law':<18} {'hold':>6} {'broken':>6} {'undecided':>9}   worst error / bound", DIM)
    for law in report.laws:
        tally = report.tally.of(law)
        counts = tally.counts
        share = "not a bit off" if law == "exact" and counts[Verdict.HOLDS] else f"{tally.worst:.2g}"
        remark = f"   {tally.normwise} hold normwise only" if tally.normwise else ""
        remark += "".join(f"   {note}" for note, _ in tally.notes(Verdict.UNDECIDED).most_common(1))
        line = f"{law:<18} {counts[Verdict.HOLDS]:>6} {counts[Verdict.BROKEN]:>6} {counts[Verdict.UNDECIDED]:>9}   "
        if not tally.checks:
            yield paint(line + words.not_asked(report), DIM)
            continue
        yield (
            (paint(line, RED) if counts[Verdict.BROKEN] else line) + (share if counts[Verdict.HOLDS] else "-") + remark
        )


def _coverage(report: Report) -> Iterator[str]:
    yield "tried"
    for label, shares in words.tried(report):
        yield f"  {label:<15} {shares}"


def _every(report: Report) -> Iterator[str]:
    """Each finding that does not hold, one line each."""
    listed = [f for f in report.findings if f.verdict in LISTED]
    for f in listed:
        shapes = ", ".join(f"{n} {words.shape(s)}" for n, s in f.problem.shapes.items() if s is not None)
        parameters = in_words(f.problem.parameters)
        yield f"{f.verdict:<9} {f.law} {f.result}: error {f.error:.2g}, bound {f.bound:.2g}; {shapes}; {parameters}"
    missing = sum(report.counts[verdict] for verdict in LISTED) - len(listed)
    if missing > 0:
        yield f"and {missing} more, which the file that this was read from does not hold"


class _Paint:
    """Wraps text in colour codes, or leaves it."""

    def __init__(self, colour: bool) -> None:
        self.colour = colour

    def __call__(self, text: str, *codes: str) -> str:
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self.colour else text
