"""What a report says, in words without a format: the sentences that all outputs share."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping

from checks.diagnosis import narrow
from checks.signature.options import as_text, flag, in_words
from checks.verdict.report import Finding, Report, Verdict


def verdict(report: Report) -> str:
    """The verdict in a sentence that begins with the op."""
    return f"{report.op.name}: {_verdict(report)}."


def subject(report: Report) -> str:
    """What was judged, and in which precision."""
    return f"{report.implementation}, {report.dtype}"


def _verdict(report: Report) -> str:
    stopped = f"stopped after {report.cases} cases"
    if report.exit_code == 1:
        wrong = list(dict.fromkeys(f.result or "what it returns" for f in report.failures)) or ["a result"]
        why = narrow.headline(report.failures).removesuffix(".")
        return (
            f"{', '.join(wrong)} {'are' if len(wrong) > 1 else 'is'} wrong{f' ({stopped})' * report.interrupted}"
            f"{f'. {why}' * bool(why)}"
        )
    if report.interrupted:
        return f"{stopped}, so nothing is decided"
    if not any(report.counts[verdict] for verdict in (Verdict.HOLDS, Verdict.BROKEN, Verdict.KNOWN)):
        return f"nothing could be judged, {_why_nothing(report)}"
    return "it fails where it should return a result" if report.exit_code == 3 else "right"


def _why_nothing(report: Report) -> str:
    """Why no check came to an end."""
    if not report.cases:
        return "none of the cases is supported"
    if not report.checks:
        return "no law that was asked applies"
    return "every check is undecided" if report.counts[Verdict.UNDECIDED] else "all there is are warnings"


def broken(finding: Finding) -> str:
    """Which law is broken, or what was raised in place of a result."""
    return f"{finding.result} is wrong: the law `{finding.law}` is broken." if finding.result else finding.note


def place(finding: Finding) -> str:
    """The element that is wrong, as code would name it."""
    return f"{finding.result}[{','.join(map(str, finding.index))}]" if finding.index else finding.result


def number(value: float) -> str:
    """A whole number as such, any other with every digit that says which it is."""
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.17g}"


def allowed(finding: Finding) -> str:
    """How far off the element is, and how far it may be."""
    if finding.law == "exact":
        return "nothing but whole numbers here, so no rounding is involved"
    return f"off by {finding.error:.2g}, rounding explains at most {finding.bound:.2g}"


def case(finding: Finding) -> str:
    """The shapes and parameters of the case."""
    shapes = [f"{n} {shape(s)}" for n, s in finding.problem.shapes.items() if s is not None and n != "y"]
    return ", ".join([*shapes, *filter(None, [in_words(finding.problem.parameters)])])


def shape(sizes: tuple[int, ...]) -> str:
    """A shape without spaces."""
    return f"({','.join(map(str, sizes))})"


def again(report: Report, finding: Finding) -> str:
    """What reproduces the finding: the command line for the reference, the Python door for anything else."""
    if report.again:
        return report.again
    pins = finding.problem.op.pins(finding.problem)
    if not report.is_reference and not report.spec:
        keywords = ", ".join(f"{name}={value!r}" for name, value in pins.items())
        dtype = "" if report.dtype == "float64" else f", dtype={report.dtype!r}"
        return f"judge({report.op.name!r}, {report.implementation}, seed={report.seed}{dtype}, {keywords})"
    return f"{_command(report)} {_options(pins)}"


def repeats(report: Report) -> str:
    """What repeats the whole run."""
    if report.again:
        return report.again
    if not report.is_reference and not report.spec:
        values = {"dtype": report.dtype, "examples": report.examples, "seed": report.seed, **report.pinned}
        keywords = ", ".join(f"{name}={value!r}" for name, value in values.items())
        return f"judge({report.op.name!r}, {report.implementation}, {keywords})"
    return f"{_command(report)} --examples {report.examples} {_options(report.pinned)}".rstrip()


def _command(report: Report) -> str:
    """The command line that judges what was judged, with the same seed."""
    impl = f"--impl {shlex.quote(report.spec)} " if report.spec else ""
    return f"python -m checks.gradcheck {report.op.name} {impl}--dtype {report.dtype} --seed {report.seed}"


def _options(values: Mapping[str, object]) -> str:
    """Values as options of the command line."""
    switches = {True: "--", False: "--no-"}
    return " ".join(
        flag(name).replace("--", switches[value]) if isinstance(value, bool) else f"{flag(name)} {as_text(value)}"
        for name, value in values.items()
    )


def ran(report: Report) -> str:
    """How many cases and checks there were, and how they ended."""
    counts = report.counts
    return (
        f"{report.cases} cases, {report.checks} checks: {counts[Verdict.HOLDS]} hold, "
        f"{counts[Verdict.BROKEN]} broken, {counts[Verdict.UNDECIDED]} undecided{_and_others(counts)}; "
        f"{sum(report.unsupported.values())} cases not supported"
    )


def _and_others(counts: Counter[Verdict]) -> str:
    warnings, known = counts[Verdict.WARNING], counts[Verdict.KNOWN]
    return (f", {warnings} warning{'s' if warnings > 1 else ''}" if warnings else "") + (
        f", {known} known" if known else ""
    )


def unsupported(report: Report) -> Iterator[str]:
    """What was refused, most frequent first."""
    for words, count in sorted(report.unsupported.items(), key=lambda item: -item[1]):
        yield f"{words}, {count} times"


def warnings(report: Report) -> Iterator[str]:
    """What leaves the numbers right, most frequent first."""
    for note, count in report.warnings.most_common():
        yield f"{note}, {count} times; --strict counts it as broken"


def conventions(report: Report) -> Iterator[str]:
    """Which of several right gradients was seen at kinks."""
    for convention, count in report.conventions.most_common():
        yield f"at kinks: {convention} ({count} times), which is right"


def tried(report: Report) -> Iterator[tuple[str, str]]:
    """What was tried, as shares; values of each axis are counted."""
    for label, values in report.coverage.items():
        total = sum(values.values())
        ordered = sorted(
            values.items(), key=lambda item: (not item[0].isdigit(), len(item[0]) * item[0].isdigit(), item[0])
        )
        yield label, ", ".join(f"{value}: {round(100 * count / total)} %" for value, count in ordered)


def earned(report: Report) -> Iterator[str]:
    """What passing proves, in probability."""
    tenth = report.miss(0.1)
    if tenth is not None and report.exit_code == 0:
        yield f"code that is wrong in one case of ten passes `exact` with probability at most {tenth:.0e}"
    if report.unseen is not None and report.exit_code == 0:
        yield f"a fault that shows in one call of ten stays unseen with probability at most {report.unseen:.0e}"


def provenance(report: Report) -> str:
    """What the verdict may depend on, and what repeats it."""
    versions = " · ".join(f"{name} {number}" for name, number in report.versions.items())
    return f"seed {report.seed} · {versions} · {report.seconds:.1f} s"


def not_asked(report: Report) -> str:
    """Why there is no finding of a law that was asked."""
    return "not reached" if report.tally.crashed else "does not apply"


def visible(text: str) -> str:
    r"""The text with an escape such as \x1b for every character that is no sign, but for the ends of lines."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
