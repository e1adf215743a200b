"""The report as one page to send to a colleague: a file that asks nothing of a network and reads without JavaScript."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape

from checks.laws import laws as known_laws
from checks.laws import summary
from checks.render import failure, figure, heat, names, strip, words
from checks.render.page import framed as in_a_frame
from checks.render.page import page, scrolling
from checks.signature.options import times
from checks.trials.exhibit import Sized
from checks.verdict.report import RIGHT, UNDECIDED, Report, Verdict, worst

FEW = 3  # ops for which the laws stand below one another
SIGNS = {RIGHT: ("✓", ""), UNDECIDED: ("?", " open")}  # of what is neither, ✗

STYLE = f"""
.verdict {{ border-left: 0.5rem solid var(--right); padding: 0.2rem 0 0.2rem 1rem; }}
.verdict.no {{ border-left-color: var(--wrong); border-left-style: double; }}
.verdict.open {{ border-left-color: var(--open); border-left-style: dashed; }}
.laws td, .laws th {{ white-space: nowrap; }}
.laws td a {{ font-weight: 700; }}
.laws .broken {{ background: var(--wrong-soft); }}
.laws td, .laws thead th {{ padding: 0.35em 0.7em; }}
.laws thead th:first-child {{ padding-left: 0; }}
section.failure {{ border-top: 2px solid var(--line-strong); margin-top: 1.5rem; }}
section.failure:empty {{ display: none; }}
section.failure h3 {{ margin-top: 1em; }}
caption {{ text-align: left; padding: 0 0 0.4em; }}
.compare caption {{ white-space: nowrap; }}
.verdict h2 {{ margin: 0.6em 0 0.3em; font-size: 1.25em; }}
.verdict > .told + .told {{ border-top: 1px solid var(--line); margin-top: 1em; }}
.laws th .small {{ display: block; font-weight: 400; white-space: normal; max-width: 44rem; }}
.compare td:last-child {{ width: 100%; text-align: left; }}
.compare td, .compare th {{ padding-right: 1.5em; }}
@media (max-width: 40rem) {{ .compare {{ min-width: 100%; }} .compare caption, .laws td {{ white-space: normal; }} }}
.bars {{ list-style: none; padding: 0; margin: 0; display: grid; gap: 2px; }}
.bars li {{ display: grid; grid-template-columns: 9rem 1fr; gap: 0.6rem; align-items: center; }}
.bars i {{ display: block; height: 0.8em; background: var(--accent-soft); border: 1px solid var(--accent); }}
.bars span {{ overflow-wrap: anywhere; }}
.tried {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: 1.2rem 2rem; }}
.tried h4 {{ margin: 0 0 0.3em; }}
.command {{ display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: flex-start; }}
.command .scroll {{ flex: 1 1 20rem; min-width: 0; }}
button.copy {{
  font: inherit; padding: 0.4em 0.9em; color: var(--accent); background: var(--paper); border: 1px solid var(--accent);
  border-radius: 4px; cursor: pointer;
}}
@media print {{
  .laws {{ font-size: 7pt; table-layout: fixed; width: 100%; }}
  .laws td, .laws th, .laws thead th {{ white-space: normal; overflow-wrap: anywhere; padding: 0.3em; }}
  .compare code {{ overflow-wrap: anywhere; }}
}}
{names.STYLE}{strip.STYLE}{heat.STYLE}{figure.STYLE}"""

SCRIPT = """
document.querySelectorAll("[data-copied]").forEach(box => {
  const button = document.createElement("button");
  button.type = "button"; button.className = "copy no-print"; button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy the command");
  button.addEventListener("click", async () => {
    const text = box.querySelector("code").textContent;
    try { await navigator.clipboard.writeText(text); } catch {
      const area = document.createElement("textarea");
      area.value = text; document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  box.append(button);
});
"""


def render(*reports: Report) -> str:
    """The whole document; the reports of a run, one for each op. What is no sign stands there as an escape."""
    alone = len(reports) == 1
    sections = "".join(_report(report, number, alone=alone) for number, report in enumerate(reports, 1))
    grid = "" if alone else _grid(reports)  # the laws of one stand in its own section
    body = f'<main id="main" class="wide">{_top(reports)}{grid}{sections}</main>'
    return words.visible(page(_title(reports), body, style=STYLE, script=SCRIPT + figure.SCRIPT))


def framed(report: Report) -> str:
    """The page of one report, within another."""
    return in_a_frame(_title((report,)), render(report))


def _title(reports: tuple[Report, ...]) -> str:
    """The verdict in one sentence."""
    if len(reports) == 1:
        return words.verdict(reports[0])
    open_ = [report.op.name for report in reports if report.exit_code == UNDECIDED]
    bad = [report.op.name for report in reports if not report and report.exit_code != UNDECIDED]
    right = sum(map(bool, reports))
    if not open_:
        more = f"{right} of {len(reports)} ops are."
        return f"{', '.join(bad)}: not right; {more}" if bad else f"All {len(reports)} ops are right."
    parts = [f"{', '.join(bad)}: not right"] * bool(bad) + [f"{', '.join(open_)}: undecided"]
    return f"{'; '.join([*parts, f'{right} of {len(reports)} ops are right'])}."


def _top(reports: tuple[Report, ...]) -> str:
    """The verdict, what was judged, and how much."""
    sign, kind = SIGNS.get(worst(report.exit_code for report in reports), ("✗", " no"))
    left = "".join(f"<li>{line}</li>" for line in (*_wrong(reports), *_left(reports)))
    told = "".join(
        failure.told(reports[0], finding, f"op-1-told-{i}") for i, finding in enumerate(reports[0].failures, 1)
    )
    switch = names.SWITCH if any("letters" in part for part in _shown(reports)) else ""
    return (
        f'<h1>{sign} {escape(_title(reports))}</h1><div class="verdict{kind}">{f"<ul>{left}</ul>" if left else ""}'
        f"{switch}{told if len(reports) == 1 else ''}"
        f"<p>Judged: <strong>{escape(_judged(reports))}</strong></p><p>{escape(_ran(reports))}.</p>"
        f"<p>{'; '.join(_links(reports))}.</p></div>"
    )


def _shown(reports: tuple[Report, ...]) -> Iterator[str]:
    """What stands there in two alphabets."""
    for report in reports:
        seen = [finding.meetings for finding in report.failures] or [report.meetings]
        yield from ("letters" for finding in report.failures if finding.letters)
        yield from ("letters" for meetings in seen if meetings is not None and figure.is_drawable(meetings))


def _wrong(reports: tuple[Report, ...]) -> Iterator[str]:
    """Of several ops what is wrong with each, in a line that leads to it."""
    for number, report in enumerate(reports if len(reports) > 1 else (), 1):
        for i, finding in enumerate(report.failures, 1):
            said = f"{report.op.name}: {finding.result or 'what it returns'} is wrong"
            named = f": {finding.mistake}" if finding.mistake else ""
            yield f'<a href="#op-{number}-failure-{i}">{escape(said)}</a>{escape(named)}.'


def _left(reports: tuple[Report, ...]) -> Iterator[str]:
    """Where it was judged, and what was not decided; under the name of the op where there are several."""
    for report in reports:
        name = f"{report.op.name}: " if len(reports) > 1 else ""
        yield from (_with_code(f"{name}{line}.") for line in (*words.judged_as(report), *words.left(report)))


def _links(reports: tuple[Report, ...]) -> Iterator[str]:
    """What the verdict may depend on, and the ways to the rest of it."""
    yield escape(words.provenance(reports[0])) if len(reports) == 1 else f"seed {reports[0].seed}"
    if len(reports) == 1:
        yield '<a href="#op-1-tried">what was tried</a>; <a href="#op-1-again">the command that repeats it</a>'


def _judged(reports: tuple[Report, ...]) -> str:
    subjects = dict.fromkeys(words.subject(report) for report in reports)
    if len(subjects) <= FEW:
        return "; ".join(subjects)
    dtypes = " and ".join(dict.fromkeys(report.dtype for report in reports))
    whose = "of the reference" if all(report.is_reference for report in reports) else "implementations"
    return f"{len(reports)} {'ops ' if whose.startswith('of') else ''}{whose}, {dtypes}"


def _ran(reports: tuple[Report, ...]) -> str:
    if len(reports) == 1:
        return words.ran(reports[0])
    counts = sum((report.counts for report in reports), Counter[Verdict]())
    said = ", ".join(f"{counts[v]} {v.value}" for v in Verdict if counts[v])
    return f"{sum(report.cases for report in reports)} cases, {counts.total()} checks: {said}"


def _grid(reports: tuple[Report, ...]) -> str:
    """Law by op for a few ops, op by law for many; what is broken leads to its case."""
    laws = list(dict.fromkeys(law for report in reports for law in report.laws))
    ops = [f'<a href="#op-{number}">{escape(report.op.name)}</a>' for number, report in enumerate(reports, 1)]
    cells = [[_law(report, number, law) for law in laws] for number, report in enumerate(reports, 1)]
    named = [escape(law.replace("_", " ")) for law in laws]
    if len(reports) <= FEW:
        meant = [name + _meaning(law) for name, law in zip(named, laws, strict=True)]
        rows, across, down, corner = [list(row) for row in zip(*cells, strict=True)], ops, meant, "law"
    else:
        rows, across, down, corner = cells, named, ops, "op"
    head = "".join(f'<th scope="col">{name}</th>' for name in (corner, *across))
    body = "".join(f'<tr><th scope="row">{n}</th>{"".join(row)}</tr>' for n, row in zip(down, rows, strict=True))
    table = f'<table class="laws"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    box = scrolling(table, "Laws and ops")
    title, level = "Which laws hold", "h2" if len(reports) > 1 else "h3"
    if all(reports):
        return f'<details id="laws"><summary>{title}: all {len(laws)} that were asked</summary>{box}</details>'
    return f'<{level} id="laws">{title}</{level}>{box}'


def _meaning(law: str) -> str:
    """What a law says, under its name."""
    return f'<span class="small muted">{escape(summary(known_laws()[law]))}</span>' if law in known_laws() else ""


def _law(report: Report, number: int, law: str) -> str:
    """How one law ended for one op."""
    tally = report.tally.of(law)
    counts = tally.counts
    if law not in report.laws or not tally.checks:
        said = "not asked" if law not in report.laws else words.not_asked(report)
        return f'<td class="muted">{said}</td>'
    parts = []
    if counts[Verdict.BROKEN]:
        case = next((i for i, f in enumerate(report.failures, 1) if f.law == law), 1)
        link = f"✗ {counts[Verdict.BROKEN]} of {tally.checks} broken"
        parts.append(f'<a href="#op-{number}-failure-{case}">{link}</a>' if report.failures else link)
    if counts[Verdict.HOLDS]:
        parts.append(f"✓ {counts[Verdict.HOLDS]}" if not counts[Verdict.BROKEN] else "")
    others = {v: counts[v] for v in (Verdict.UNDECIDED, Verdict.WARNING, Verdict.KNOWN) if counts[v]}
    parts += [f"{n} {v.value}{'s' if v is Verdict.WARNING and n > 1 else ''}" for v, n in others.items()]
    style = ' class="broken"' if counts[Verdict.BROKEN] else ""
    return f"<td{style}>{'<br>'.join(filter(None, parts))}</td>"


def _report(report: Report, number: int, *, alone: bool = False) -> str:
    """All about one op; of one that is alone the box under the title has told what is wrong."""
    failures = "".join(
        failure.pictured(report, finding, f"op-{number}-failure-{i}", is_told=alone)
        for i, finding in enumerate(report.failures, 1)
    )
    return (
        f'<section id="op-{number}" aria-labelledby="op-{number}-title">'
        f'<h2 id="op-{number}-title">{escape(report.op.name)}: {escape(words.subject(report))}</h2>'
        f"{failures}{_grid((report,)) if alone else ''}{_remarks(report)}{_meeting(report)}{_tried(report, number)}"
        f"{_provenance(report, number)}</section>"
    )


def _remarks(report: Report) -> str:
    """Warnings, conventions, what was refused, and what is earned."""
    lines = [f"{line[0].upper()}{line[1:]}." for line in words.decided(report)]
    lines += [f"Warning: {line}." for line in words.warnings(report)]
    lines += [f"Not supported: {line}." for line in words.unsupported(report)]
    lines += [
        f"{line[0].upper()}{line[1:]}."
        for line in (*words.conventions(report), *words.offers(report), *words.earned(report))
    ]
    notes = report.tally.notes(Verdict.UNDECIDED)
    lines += [f"Undecided: {note}, {times(count)}." for note, count in notes.most_common()]
    items = "".join(f"<li>{_with_code(line)}</li>" for line in lines)
    return f"<h3>Remarks</h3><ul>{items}</ul>" if items else ""


def _with_code(line: str) -> str:
    """Text in which `words` between backticks are code."""
    parts = escape(line).split("`")
    return "".join(f"<code>{part}</code>" if odd % 2 else part for odd, part in enumerate(parts))


def _meeting(report: Report) -> str:
    """The figure of what was judged, where nothing is wrong: else the figure of that is the one to look at."""
    if report.meetings is None or report.failures or not figure.is_drawable(report.meetings):
        return ""
    return f"<h3>Who meets whom</h3>{figure.figure(report.meetings)}"


def _tried(report: Report, number: int) -> str:
    """Coverage: how often each value of each parameter was tried."""
    blocks = "".join(
        f"<div><h4>{escape(label)}</h4>{_explained(label)}"
        f"{_limited(report, number, label)}{_bars(dict(values), strip.limit_of(label, _sized(report)))}</div>"
        for label, values in report.coverage.items()
    )
    title = f'<h3 id="op-{number}-tried">What was tried, in {report.cases} cases</h3>'
    return f'{title}<div class="tried">{blocks or "Nothing."}</div>'


def _explained(label: str) -> str:
    meaning = words.MEANINGS.get(label, "")
    return f'<p class="small muted">{escape(meaning)}</p>' if meaning else ""


def _sized(report: Report) -> Iterator[Sized]:
    """What was found out of the sizes of an axis, of all failures."""
    return (one for finding in report.failures for one in finding.sizes)


def _limited(report: Report, number: int, label: str) -> str:
    """Up to which size everything is right, in a line that leads to what is wrong beyond."""
    limit = strip.limit_of(label, _sized(report))
    if limit is None:
        return ""
    at = next(i for i, f in enumerate(report.failures, 1) if limit == strip.limit_of(label, f.sizes))
    what = escape(f"{report.failures[at - 1].result} is right up to {limit}")
    return f'<p class="small"><a href="#op-{number}-failure-{at}">{what}</a></p>'


def _bars(values: dict[str, int], limit: int | None = None) -> str:
    sizes = words.span(values)
    if sizes or limit is not None:
        said = sizes or f"{min(map(int, values))} to {max(map(int, values))}"
        return f"<p>{said}</p>{strip.strip(map(int, values), limit=limit)}"
    total = sum(values.values())
    ordered = sorted(values.items(), key=lambda item: (not item[0].isdigit(), item[0].zfill(3)))
    items = "".join(
        f"<li><span>{escape(value)}: {round(100 * count / total)} %</span>"
        f'<i style="width: {100 * count / total:.1f}%" aria-hidden="true"></i></li>'
        for value, count in ordered
    )
    return f'<ul class="bars">{items}</ul>'


def _provenance(report: Report, number: int) -> str:
    """What repeats the run, and what the verdict may depend on."""
    again, versions = failure.again(words.repeats(report)), escape(words.provenance(report))
    return f'<h3 id="op-{number}-again">To repeat it</h3>{again}<p class="small muted">{versions}</p>'
