"""The verdict as text for a terminal: what is wrong first, then what ran and how much it proves."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator

from checks.options import as_text, flag, in_words
from checks.report import Finding, Report, Verdict

GREEN, RED, YELLOW, DIM, BOLD = "32", "31", "33", "2", "1"
SHOWN_FAILURES = 3


def render(report: Report, *, colour: bool = False, verbose: bool = False, quiet: bool = False) -> str:
    """The report as lines of text; `quiet` keeps the verdict only, `verbose` adds every broken or undecided finding."""
    paint = _Paint(colour)
    lines = [_verdict(report, paint)]
    shown = report.failures if verbose else report.failures[:SHOWN_FAILURES]
    if quiet:
        return lines[0]
    for failure in shown:
        lines += ["", *_failure(report, failure, paint)]
    if len(report.failures) > len(shown):
        lines += ["", f"and {len(report.failures) - len(shown)} more; -v shows all"]
    lines += ["", *_ran(report)]
    if report.failures and not verbose:  # what is wrong should fill no more than a screen
        lines += [_broken(report)]
    else:
        lines += ["", *_laws(report, paint)]
        lines += ["", *_coverage(report)] if report.cases else []
    lines += ["", *_warnings(report, paint), *_conventions(report), *_earned(report), *_provenance(report, paint)]
    if verbose:
        lines += ["", *_every(report)]
    return "\n".join(lines)


def _verdict(report: Report, paint: _Paint) -> str:
    subject = f"{report.implementation}, {report.dtype}"
    name = report.op.name
    if report.exit_code == 1:
        wrong = list(dict.fromkeys(f.result or "what it returns" for f in report.failures)) or ["a result"]
        be = "are" if len(wrong) > 1 else "is"
        stopped = f" (stopped after {report.cases} cases)" if report.interrupted else ""
        return paint(f"{name}: {', '.join(wrong)} {be} wrong{stopped}.  {subject}", BOLD, RED)
    if report.interrupted:
        return paint(f"{name}: stopped after {report.cases} cases, so nothing is decided.  {subject}", YELLOW)
    if not any(report.counts[verdict] for verdict in (Verdict.HOLDS, Verdict.BROKEN, Verdict.KNOWN)):
        return paint(f"{name}: nothing could be judged, {_why_nothing(report)}.  {subject}", BOLD, RED)
    if report.exit_code == 3:
        return paint(f"{name}: it fails where it should return a result.  {subject}", BOLD, RED)
    return paint(f"{name}: right.  {subject}", BOLD, GREEN)


def _why_nothing(report: Report) -> str:
    """Why no check came to an end."""
    if not report.cases:
        return "none of the cases is supported"
    if not report.findings:
        return "no law that was asked applies"
    return "every check is undecided" if report.counts[Verdict.UNDECIDED] else "all there is are warnings"


def _failure(report: Report, finding: Finding, paint: _Paint) -> Iterator[str]:
    """The smallest case on which one result is wrong."""
    problem = finding.problem
    if finding.result:
        yield paint(f"{finding.result} is wrong: the law `{finding.law}` is broken.", BOLD)
    if finding.explanation:
        named = f"{finding.mistake}: " if finding.mistake else ""
        yield f"  {paint(named, BOLD)}{finding.explanation}{f' ({finding.source})' if finding.source else ''}"
    if finding.where:
        yield f"  {finding.where}"
    if finding.note:
        yield f"  {finding.note}" if finding.result else paint(finding.note, BOLD)
    place = f"{finding.result}[{','.join(map(str, finding.index))}]" if finding.index else finding.result
    if finding.actual is not None and finding.expected is not None:
        yield f"  {place}   yours {_number(finding.actual)}   right {_number(finding.expected)}   {_allowed(finding)}"
    if finding.yours and finding.yours != finding.right:
        yield f"  {' ' * len(place)}   yours {finding.yours}"
        yield f"  {' ' * len(place)}   right {finding.right}"
    shapes = [f"{n} {_shape(s)}" for n, s in problem.shapes.items() if s is not None and n != "y"]
    yield f"  smallest case: {', '.join([*shapes, *filter(None, [_parameters(finding)])])}"
    yield f"  again: {_again(report, finding)}"


def _allowed(finding: Finding) -> str:
    if finding.law == "exact":
        return "nothing but whole numbers here, so no rounding is involved"
    return f"off by {finding.error:.2g}, rounding explains at most {finding.bound:.2g}"


def _again(report: Report, finding: Finding) -> str:
    """What reproduces the finding: the command line for the reference, the Python door for anything else."""
    if report.again:
        return report.again
    pins = finding.problem.op.pins(finding.problem)
    if not report.is_reference and not report.spec:
        keywords = ", ".join(f"{name}={value!r}" for name, value in pins.items())
        dtype = "" if report.dtype == "float64" else f", dtype={report.dtype!r}"
        return f"judge({report.op.name!r}, {report.implementation}, seed={report.seed}{dtype}, {keywords})"
    switches = {True: "--", False: "--no-"}
    options = " ".join(
        flag(name).replace("--", switches[value]) if isinstance(value, bool) else f"{flag(name)} {as_text(value)}"
        for name, value in pins.items()
    )
    impl = f"--impl {shlex.quote(report.spec)} " if report.spec else ""
    return f"python -m checks.gradcheck {report.op.name} {impl}--dtype {report.dtype} --seed {report.seed} {options}"


def _ran(report: Report) -> Iterator[str]:
    counts = report.counts
    yield (
        f"{report.cases} cases, {len(report.findings)} checks: {counts[Verdict.HOLDS]} hold, "
        f"{counts[Verdict.BROKEN]} broken, {counts[Verdict.UNDECIDED]} undecided{_and_others(counts)}; "
        f"{sum(report.unsupported.values())} cases not supported"
    )
    for words, count in sorted(report.unsupported.items(), key=lambda item: -item[1])[:3]:
        yield f"  not supported: {words}, {count} times"


def _and_others(counts: Counter[Verdict]) -> str:
    warnings, known = counts[Verdict.WARNING], counts[Verdict.KNOWN]
    return (f", {warnings} warning{'s' if warnings > 1 else ''}" if warnings else "") + (
        f", {known} known" if known else ""
    )


def _warnings(report: Report, paint: _Paint) -> Iterator[str]:
    """What leaves the numbers right, most frequent first."""
    for note, count in report.warnings.most_common(SHOWN_FAILURES):
        yield paint(f"warning: {note}, {count} times; --strict counts it as broken", YELLOW)


def _broken(report: Report) -> str:
    """The laws that do not hold, in one line."""
    asked = Counter(f.law for f in report.findings)
    broken = Counter(f.law for f in report.findings if f.verdict is Verdict.BROKEN)
    laws = ", ".join(f"{law} {broken[law]} of {asked[law]}" for law in report.laws if broken[law])
    return f"broken: {laws}; -v shows every law, and what was tried"


def _laws(report: Report, paint: _Paint) -> Iterator[str]:
    """One line a law: how often it was asked, and its worst error as a share of the bound."""
    yield paint(f"{'law':<18} {'hold':>6} {'broken':>6} {'undecided':>9}   worst error / bound", DIM)
    for law in report.laws:
        found = [f for f in report.findings if f.law == law]
        counts = Counter(f.verdict for f in found)
        worst = max((f.share for f in found if f.verdict is Verdict.HOLDS), default=0.0)
        share = "not a bit off" if law == "exact" and counts[Verdict.HOLDS] else f"{worst:.2g}"
        normwise = sum(f.normwise for f in found)
        remark = f"   {normwise} hold normwise only" if normwise else ""
        notes = Counter(f.note for f in found if f.verdict is Verdict.UNDECIDED)
        remark += "".join(f"   {note}" for note, _ in notes.most_common(1))
        line = f"{law:<18} {counts[Verdict.HOLDS]:>6} {counts[Verdict.BROKEN]:>6} {counts[Verdict.UNDECIDED]:>9}   "
        if not found:
            crashed = any(f.crashed for f in report.findings)
            yield paint(line + ("not reached" if crashed else "does not apply"), DIM)
            continue
        yield (
            (paint(line, RED) if counts[Verdict.BROKEN] else line) + (share if counts[Verdict.HOLDS] else "-") + remark
        )


def _conventions(report: Report) -> Iterator[str]:
    """Which of several right gradients was seen at kinks."""
    for convention, count in report.conventions.most_common():
        yield f"at kinks: {convention} ({count} times), which is right"


def _coverage(report: Report) -> Iterator[str]:
    """What was tried, as shares; values of each axis are counted."""
    yield "tried"
    for label, values in report.coverage.items():
        total = sum(values.values())
        ordered = sorted(values.items(), key=lambda item: (not item[0].isdigit(), item[0].zfill(3)))
        shares = ", ".join(f"{value}: {round(100 * count / total)} %" for value, count in ordered)
        yield f"  {label:<15} {shares}"


def _earned(report: Report) -> Iterator[str]:
    """What passing `exact` proves, in probability."""
    tenth = report.miss(0.1)
    if tenth is not None and report.exit_code == 0:
        yield f"code that is wrong in one case of ten passes `exact` with probability at most {tenth:.0e}"
    if report.unseen is not None and report.exit_code == 0:
        yield f"a fault that shows in one call of ten stays unseen with probability at most {report.unseen:.0e}"


def _provenance(report: Report, paint: _Paint) -> Iterator[str]:
    versions = " · ".join(f"{name} {number}" for name, number in report.versions.items())
    yield paint(f"seed {report.seed} · {versions} · {report.seconds:.1f} s", DIM)


def _every(report: Report) -> Iterator[str]:
    """Each finding that does not hold, one line each."""
    for f in report.findings:
        if f.verdict is not Verdict.HOLDS and f.verdict is not Verdict.WARNING:
            shapes = ", ".join(f"{n} {_shape(s)}" for n, s in f.problem.shapes.items() if s is not None)
            yield f"{f.verdict:<9} {f.law} {f.result}: error {f.error:.2g}, bound {f.bound:.2g}; {shapes}; {_parameters(f)}"


def _parameters(finding: Finding) -> str:
    return in_words(finding.problem.parameters)


def _shape(shape: tuple[int, ...]) -> str:
    return f"({','.join(map(str, shape))})"


def _number(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.17g}"


class _Paint:
    """Wraps text in colour codes, or leaves it."""

    def __init__(self, colour: bool) -> None:
        self.colour = colour

    def __call__(self, text: str, *codes: str) -> str:
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self.colour else text
