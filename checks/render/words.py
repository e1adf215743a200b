"""What a report says, in words without a format: the sentences that all outputs share."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping

from checks.diagnosis import narrow
from checks.laws import decides, laws, laws_of
from checks.signature.options import as_text, as_time, flag, in_words, times
from checks.verdict.decisions import Decision
from checks.verdict.report import MET, UNDECIDED, Finding, Report, Verdict

CERTAIN = 0.95  # what one digit shows as 1
WIDER = {"bfloat16": "float32", "float16": "float32", "float32": "float64"}

# What the names under which cases are counted mean, where they do not say so themselves.
MEANINGS: Mapping[str, str] = {
    "rows left over": "whether the last window ends before the last row, so that no output meets what is behind it",
    "kinks": "places where several gradients are right, such as a tie in a window or 0 under relu",
    "windows": "whether windows overlap, so that an input may be met by several",
    "channels": "whether there are as many channels out as in, which hides that the two were exchanged",
    "features": "whether there are as many features out as in, which hides that the two were exchanged",
    "flip": "whether the kernel is turned, as in mathematics, or not, as in most frameworks",
    "scale of x": "what the numbers of x are multiplied by",
    "leading axes": "how many axes stand before that of features",
}

# What an implementation may have beyond order 1: names in the protocol, what that is, and how it is asked for.
BEYOND = (
    (("double_backward",), "double backward", "--order 2"),
    (("triple_backward",), "third order", "--order 3"),
    (("jvp",), "forward mode", "--modes reverse,forward"),
    (("jvp_backward", "backward_jvp", "jvp_jvp"), "one mode over the other", "--order 2 --modes reverse,forward"),
)

MOST_SHARES = 9  # different sizes whose shares are written one by one


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
    if report.exit_code == UNDECIDED:
        return "undecided"
    if not any(report.counts[verdict] for verdict in (Verdict.HOLDS, Verdict.BROKEN, Verdict.KNOWN)):
        return f"nothing could be judged, {_why_nothing(report)}"
    if report.exit_code == 3:
        return "it fails where it should return a result"
    return "right where it works" if any(not one.refused for one in report.elsewhere) else "right"


def judged_as(report: Report) -> Iterator[str]:
    """What was assumed of code that was adapted; where it was judged, and what it does elsewhere."""
    yield from (f"assumed: {line}" for line in report.assumed)
    yield from elsewhere(report)


def offers(report: Report) -> Iterator[str]:
    """What there is beyond order 1, and how it is judged."""
    named = [how for parts, *how in BEYOND if set(parts) & set(report.offers)]
    if named:
        yield f"offers beyond order 1: {', '.join(n for n, _ in named)} ({', '.join(f'`{how}`' for _, how in named)})"
    if "per_sample" in report.offers:
        yield "offers gradients of each sample (`--modes per-sample`)"


def elsewhere(report: Report) -> Iterator[str]:
    """Where it was judged, and what it does elsewhere: a line for each way in which it fails there."""
    for one in report.elsewhere:
        if one.refused:
            why = f": {one.raised}" if one.raised else ""
            yield f"judged {one.judged}; elsewhere it is not supported{why}"
            continue
        name, _, message = one.raised.partition(": ")
        said = ": ".join(filter(None, [one.at, message]))
        yield f"judged {one.judged}; elsewhere it raises {name}{f' ({said})' if said else ''}"


def _why_nothing(report: Report) -> str:
    """Why no check came to an end."""
    if not report.laws:
        return "since it could not be loaded" if report.op.inputs else "since it could not be loaded, or called"
    if not report.cases:
        return "none of the cases is supported"
    if not report.checks:
        return "no law that was asked applies"
    return "all there is are warnings"


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
    if finding.law == "exact" and finding.sees:
        return "whole numbers whose sum is exact in what sums are kept in, and is rounded once"
    if finding.law == "exact":
        return "nothing but whole numbers here, so no rounding is involved"
    return f"off by {finding.error:.2g}, rounding explains at most {finding.bound:.2g}"


def compared(finding: Finding) -> str:
    """The element, yours and the right one, and how far apart they may be; of a finding that compared two numbers."""
    yours, right = (number(value) for value in (finding.actual, finding.expected) if value is not None)
    return f"{place(finding)}   yours {yours}   right {right}   {allowed(finding)}"


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
    promised = {name: value for name, value in report.pinned.items() if name == "accumulate"}
    pins = {**finding.problem.pins, **promised}
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
        fits = {"examples": report.examples} if report.budget is None else {"budget": report.budget}
        values = {"dtype": report.dtype, **fits, "seed": report.seed, **report.pinned}
        keywords = ", ".join(f"{name}={value!r}" for name, value in values.items())
        return f"judge({report.op.name!r}, {report.implementation}, {keywords})"
    many = f"--examples {report.examples}" if report.budget is None else f"--budget {as_time(report.budget)}"
    return f"{_command(report)} {many} {_options(report.pinned)}".rstrip()


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


def reason_of(refusal: str) -> str:
    """Why a case was refused, without the parameters of that case."""
    return refusal.partition(" (")[0]


def unsupported(report: Report) -> Iterator[str]:
    """What was refused, most frequent first; every reason once, before any is told of other parameters."""
    told: Counter[str] = Counter()
    turns = []
    for words, count in sorted(report.unsupported.items(), key=lambda item: -item[1]):
        reason = reason_of(words)
        turns.append((told[reason], f"{words}, {times(count)}"))
        told[reason] += 1
    yield from (line for _, line in sorted(turns, key=lambda turn: turn[0]))


def warnings(report: Report) -> Iterator[str]:
    """What leaves the numbers right, most frequent first."""
    for note, count in report.warnings.most_common():
        yield f"{note}, {times(count)}; --strict counts it as broken"


def conventions(report: Report) -> Iterator[str]:
    """Which of several right gradients was seen at kinks, and how sums are kept."""
    sums = report.tally.of("accumulation").conventions
    for convention, count in report.conventions.most_common():
        if convention in sums:
            yield f"{convention}, at {sums[convention]} {'place' if sums[convention] == 1 else 'places'} where it was read"
        else:
            yield f"at kinks: {convention} ({times(count)}), which is right"


def span(values: Mapping[str, int]) -> str:
    """From the smallest to the largest, where so many different sizes were tried that shares would say little; or ""."""
    if len(values) <= MOST_SHARES or not all(value.isdecimal() for value in values):
        return ""
    sizes = sorted(map(int, values))
    return f"{sizes[0]} to {sizes[-1]}"


def tried(report: Report) -> Iterator[tuple[str, str]]:
    """What was tried, as shares; values of each axis are counted."""
    for label, values in report.coverage.items():
        total = sum(values.values())
        if sizes := span(values):
            yield label, sizes
            continue
        ordered = sorted(values.items(), key=lambda item: (not item[0].isdigit(), item[0].zfill(3)))
        yield label, ", ".join(f"{value}: {round(100 * count / total)} %" for value, count in ordered)


def earned(report: Report) -> Iterator[str]:
    """What passing proves, in probability; and how many cases fitted into the time that there was."""
    if report.shapes is not None:
        slow = f", since the first call of one takes {report.first_call or 0:.0f} times as long as the second"
        unseen = f"; what goes wrong at one shape in ten is at none of them with probability {0.9**report.shapes:.2g}"
        why, missed = slow * bool(report.first_call), unseen * (report.exit_code == 0)
        yield f"drawn from {report.shapes} distinct shapes, with many values for each{why}{missed}"
    if report.budget is not None:
        meets = f"; code that is wrong in one case of ten meets none of them with probability {report.unmet:.2g}"
        told = meets if report.exit_code == 0 else ""
        yield f"{report.cases} cases fitted into {as_time(report.budget)}{told}"
    elif report.decisive and report.cases < MET and report.exit_code == 0:
        unmet = f"meets none of them with probability {report.unmet:.2g}"
        yield f"{report.cases} cases: code that is wrong in one case of ten {unmet}"
    tenth = report.miss(0.1)
    if tenth is not None and report.exit_code == 0:
        often = chance(tenth)
        odds = (
            f"passes `exact` with probability at most {often}"
            if often
            else "may well pass `exact`: it has earned nothing"
        )
        yield f"code that is wrong in one case of ten {odds}"
    if report.unseen is not None and report.exit_code == 0:
        yield f"a fault that shows in one call of ten stays unseen with probability at most {report.unseen:.0e}"


def chance(probability: float) -> str:
    """A probability that something was earned by, or "" where it is 1, or would be written so."""
    return f"{probability:.0e}" if probability < CERTAIN else ""


def decided(report: Report) -> Iterator[str]:
    """In how many cases each result was decided, how small an error would have been seen, and what was not asked."""
    names = [name for name in report.laws if name in laws() and decides(laws()[name])]
    if names:
        counts = [f"{result} {count} of {cases}" for result, (count, cases) in report.decided.items()]
        if counts:
            yield f"decided: {', '.join(counts)} cases"
        sharp = {name: sees for name in names if (sees := _sees(report, name)) is not None}
        if sharp:
            seen = ", ".join(f"{_of_it(sees)} ({name})" for name, sees in sharp.items())
            yield f"smallest error of one element that would have been seen: {seen}"
    if report.laws and not report.again and len(report.laws) < len(laws_of(report.op)):
        rest = "" if report.decisive else "; what they leave undecided is not judged"
        yield f"only these laws were asked: {', '.join(report.laws)}{rest}"


def _sees(report: Report, law: str) -> float | None:
    """The largest error of one element that a law could have missed in a case, relative to it."""
    rows = [row for row in report.tally.of(law).rows if row.verdict is not Verdict.UNDECIDED]
    return max((row.sees for row in rows if row.sees is not None), default=None)


def _of_it(sees: float) -> str:
    return f"{sees:.0e} of it" if sees else "any on whole numbers"


def left(report: Report) -> Iterator[str]:
    """Of a verdict that is undecided: what was not decided, why, and what would decide it."""
    if report.exit_code != UNDECIDED:
        return
    for decision in report.undecided:
        kind = f"{decision.kind} " if decision.kind else ""
        why = "; ".join(_why_undecided(report, decision))
        counted = f"{decision.result} was decided in {decision.decided} of {decision.cases} {kind}cases"
        yield f"{counted}{f': {why}' if why else ''}"
    if report.declined:
        yield (
            f"only {report.cases} of {report.cases + report.unsupported_cases} cases are supported: code that is wrong in "
            f"one case of ten meets none of them with probability {report.unmet:.2g}"
        )
        more = -(-MET * (report.cases + report.unsupported_cases) // max(1, report.cases))
        yield f"what would decide it: {_examples(report, more)}, or options that hold what it supports"
        return
    if not report.undecided:
        notes = report.tally.notes(Verdict.UNDECIDED).most_common(1)
        yield f"every check is undecided{''.join(f': {note}' for note, _ in notes if note)}"
    yield f"what would decide it: {_what_would(report)}"


def _why_undecided(report: Report, decision: Decision) -> Iterator[str]:
    """What the laws that decide remarked most often of a result that they left undecided; of remarks alike the first."""
    said: dict[str, str] = {}
    for law in report.laws:
        rows = [row for row in report.tally.of(law).rows if row.verdict is Verdict.UNDECIDED]
        own = [row for row in rows if row.result == decision.result]
        if law in laws() and decides(laws()[law]):
            notes = sum((Counter(row.notes) for row in own or rows), Counter[str]())
            for note, _ in notes.most_common(1):
                said.setdefault(note.split(" ")[0], note)
    yield from filter(None, said.values())


def _examples(report: Report, many: int) -> str:
    python = not report.is_reference and not report.spec
    return f"examples={many}" if python else f"--examples {many}"


def _what_would(report: Report) -> str:
    """The next wider precision; where there is none, other sizes."""
    wider = WIDER.get(report.dtype)
    python = not report.is_reference and not report.spec
    named = f"dtype={wider!r}" if python else f"--dtype {wider}"
    return f"{named}, or fewer numbers to a sum (smaller sizes)" if wider else "fewer numbers to a sum (smaller sizes)"


def provenance(report: Report) -> str:
    """What the verdict may depend on, and what repeats it."""
    versions = " · ".join(f"{name} {number}" for name, number in report.versions.items())
    shards = f"shard {', '.join(map(str, report.shards))} of {report.of_shards} · " if report.shards else ""
    return f"{shards}seed {report.seed} · {versions} · {report.seconds:.1f} s"


def not_asked(report: Report) -> str:
    """Why there is no finding of a law that was asked."""
    return "not reached" if report.tally.crashed else "does not apply"


def visible(text: str) -> str:
    r"""The text with an escape such as \x1b for every character that is no sign, but for the ends of lines."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
