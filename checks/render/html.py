"""The report as one page to send to a colleague: a file that asks nothing of a network and reads without JavaScript."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape

from checks.render import figure, heat, words
from checks.render.page import code, page, scrolling
from checks.verdict.report import RIGHT, UNDECIDED, Finding, Report, Verdict, worst

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
section.failure h3 {{ margin-top: 1em; }}
caption {{ text-align: left; padding: 0 0 0.4em; }}
.compare caption {{ white-space: nowrap; }}
.compare td:last-child {{ width: 100%; text-align: left; }}
.compare td, .compare th {{ padding-right: 1.5em; }}
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
{heat.STYLE}{figure.STYLE}"""

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
    sections = "".join(_report(report, number) for number, report in enumerate(reports, 1))
    body = f'<main id="main" class="wide">{_top(reports)}{_grid(reports)}{sections}</main>'
    return words.visible(page(_title(reports), body, style=STYLE, script=SCRIPT + figure.SCRIPT))


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
    left = "".join(f"<li>{_with_code(line)}.</li>" for line in _left(reports))
    return (
        f'<h1>{sign} {escape(_title(reports))}</h1><div class="verdict{kind}">{f"<ul>{left}</ul>" if left else ""}'
        f"<p>Judged: <strong>{escape(_judged(reports))}</strong></p><p>{escape(_ran(reports))}.</p>"
        f"<p>{'; '.join(_links(reports))}.</p></div>"
    )


def _left(reports: tuple[Report, ...]) -> Iterator[str]:
    """What was not decided, under the name of the op where there are several."""
    for report in reports:
        name = f"{report.op.name}: " if len(reports) > 1 else ""
        yield from (f"{name}{line}" for line in words.left(report))


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
        rows, across, down, corner = [list(row) for row in zip(*cells, strict=True)], ops, named, "law"
    else:
        rows, across, down, corner = cells, named, ops, "op"
    head = "".join(f'<th scope="col">{name}</th>' for name in (corner, *across))
    body = "".join(f'<tr><th scope="row">{n}</th>{"".join(row)}</tr>' for n, row in zip(down, rows, strict=True))
    table = f'<table class="laws"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<h2 id="laws">Which laws hold</h2>{scrolling(table, "Laws and ops")}'


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


def _report(report: Report, number: int) -> str:
    """All about one op."""
    failures = "".join(
        _failure(report, finding, f"op-{number}-failure-{i}") for i, finding in enumerate(report.failures, 1)
    )
    return (
        f'<section id="op-{number}" aria-labelledby="op-{number}-title">'
        f'<h2 id="op-{number}-title">{escape(report.op.name)}: {escape(words.subject(report))}</h2>'
        f"{failures}{_remarks(report)}{_meeting(report)}{_tried(report, number)}{_provenance(report, number)}</section>"
    )


def _failure(report: Report, finding: Finding, anchor: str) -> str:
    """One result that is wrong: in words, in numbers, in formulas, in pictures, and how to see it again."""
    title = f"{finding.result} is wrong" if finding.result else "It fails where it should return a result"
    parts = [f'<h3 id="{anchor}-title">{escape(title)}</h3>', *_words(finding), *_numbers(finding)]
    if finding.meetings is not None:
        parts.append(f"<h4>The formula</h4>{figure.figure(finding.meetings)}")
    if finding.exhibit is not None:
        shapes = ", ".join(f"{n} {words.shape(s)}" for n, s in finding.exhibit.problem.shapes.items() if s is not None)
        parts.append(f"<h4>Where it is wrong, in a larger case</h4><p>{escape(shapes)}</p>{heat.heat(finding.exhibit)}")
    parts.append(f"<h4>See it again</h4>{_command(words.again(report, finding))}")
    return f'<section class="failure" id="{anchor}" aria-labelledby="{anchor}-title">{"".join(parts)}</section>'


def _words(finding: Finding) -> Iterator[str]:
    if finding.explanation:
        named = f"<strong>{escape(finding.mistake)}.</strong> " if finding.mistake else ""
        source = f" ({escape(finding.source)})" if finding.source else ""
        yield f"<p>{named}{escape(finding.explanation)}{source}</p>"
    if finding.where:
        yield f"<p>{escape(finding.where[0].upper() + finding.where[1:])}.</p>"
    if finding.note:
        yield f"<p>{escape(finding.note)}</p>"


def _numbers(finding: Finding) -> Iterator[str]:
    """The element of the smallest case, as it came and as it should be."""
    if finding.actual is not None and finding.expected is not None:
        rows = [
            ("yours", words.number(finding.actual), finding.yours),
            ("right", words.number(finding.expected), finding.right),
        ]
        shown = "".join(
            f'<tr><th scope="row">{name}</th><td class="number">{value}</td>{_formula(formula)}</tr>'
            for name, value, formula in rows
        )
        caption = f"<code>{escape(words.place(finding))}</code>: {escape(words.allowed(finding))}"
        table = f'<table class="compare"><caption>{caption}</caption><tbody>{shown}</tbody></table>'
        yield scrolling(table, "yours and right")
    yield f"<p>Smallest case: {escape(words.case(finding))}.</p>"


def _formula(formula: str) -> str:
    return f"<td><code>{escape(formula)}</code></td>" if formula else ""


def _command(command: str) -> str:
    return f'<div class="command" data-copied>{code(command, "command")}</div>'


def _remarks(report: Report) -> str:
    """Warnings, conventions, what was refused, and what is earned."""
    lines = [f"{line[0].upper()}{line[1:]}." for line in words.decided(report)]
    lines += [f"Warning: {line}." for line in words.warnings(report)]
    lines += [f"Not supported: {line}." for line in words.unsupported(report)]
    lines += [f"{line[0].upper()}{line[1:]}." for line in (*words.conventions(report), *words.earned(report))]
    notes = report.tally.notes(Verdict.UNDECIDED)
    lines += [f"Undecided: {note}, {count} times." for note, count in notes.most_common()]
    items = "".join(f"<li>{_with_code(line)}</li>" for line in lines)
    return f"<h3>Remarks</h3><ul>{items}</ul>" if items else ""


def _with_code(line: str) -> str:
    """Text in which `words` between backticks are code."""
    parts = escape(line).split("`")
    return "".join(f"<code>{part}</code>" if odd % 2 else part for odd, part in enumerate(parts))


def _meeting(report: Report) -> str:
    """The figure of what was judged, where no failure shows one."""
    if report.meetings is None or any(finding.meetings is not None for finding in report.failures):
        return ""
    return f"<h3>Who meets whom</h3>{figure.figure(report.meetings)}"


def _tried(report: Report, number: int) -> str:
    """Coverage: how often each value of each parameter was tried."""
    blocks = "".join(
        f"<div><h4>{escape(label)}</h4>{_bars({str(value): count for value, count in values.items()})}</div>"
        for label, values in report.coverage.items()
    )
    title = f'<h3 id="op-{number}-tried">What was tried, in {report.cases} cases</h3>'
    return f'{title}<div class="tried">{blocks or "Nothing."}</div>'


def _bars(values: dict[str, int]) -> str:
    if sizes := words.span(values):
        return f"<p>{sizes}</p>"
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
    again, versions = _command(words.repeats(report)), escape(words.provenance(report))
    return f'<h3 id="op-{number}-again">To repeat it</h3>{again}<p class="small muted">{versions}</p>'
