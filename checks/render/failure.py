"""What is wrong, as a part of a page: told in words, numbers and formulas; pictured as who meets whom and as maps."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from checks.render import figure, heat, strip, words
from checks.render.names import both
from checks.render.page import code, scrolling
from checks.trials.exhibit import Exhibit, Meetings
from checks.verdict.report import Finding, Report


def told(report: Report, finding: Finding, anchor: str, level: str = "h2") -> str:
    """One result that is wrong: in words, the element that is wrong in numbers and formulas, and how to see it again."""
    named = f": {finding.mistake}" if finding.mistake else ""
    parts = [
        f'<{level} id="{anchor}-title">{escape(_title(finding) + named)}</{level}>',
        *_words(finding),
        *_numbers(finding),
    ]
    parts.append(f"<p>See it again:</p>{again(words.again(report, finding))}")
    return f'<div class="told" id="{anchor}">{"".join(parts)}</div>'


def pictured(report: Report, finding: Finding, anchor: str, *, is_told: bool) -> str:
    """One result that is wrong, in pictures; in words too where they do not stand in the box under the title."""
    parts = []
    if finding.meetings is not None and figure.is_drawable(finding.meetings):
        parts.append(f"<h4>The formula</h4>{figure.figure(finding.meetings)}{_reason(finding, finding.meetings)}")
    if finding.exhibit is not None:
        shown = finding.exhibit
        shapes = ", ".join(f"{n} {words.shape(s)}" for n, s in shown.problem.shapes.items() if s is not None)
        where = f"<p>{escape(shapes)}.</p>{_reason(finding, shown)}"
        parts.append(f"<h4>Where it is wrong</h4>{where}{heat.heat(shown)}")
    if is_told:
        head = f'<h3 id="{anchor}-title">{escape(_title(finding))}, in pictures</h3>' if parts else ""
        label = f"{anchor}-title" if parts else anchor.replace("failure", "told") + "-title"
    else:
        head, label = told(report, finding, f"{anchor}-told", "h3"), f"{anchor}-told-title"
    return f'<section class="failure" id="{anchor}" aria-labelledby="{label}">{head}{"".join(parts)}</section>'


def _title(finding: Finding) -> str:
    return f"{finding.result} is wrong" if finding.result else "It fails where it should return a result"


def _reason(finding: Finding, shown: Meetings | Exhibit) -> str:
    """Why a picture is not one of the smallest case."""
    if shown.problem.identity == finding.problem.identity:
        return ""
    return '<p class="small muted">Not the smallest case, which has too few elements to show where it is wrong.</p>'


def _words(finding: Finding) -> Iterator[str]:
    if finding.explanation:
        source = f" ({escape(finding.source)})" if finding.source else ""
        yield f"<p>{escape(finding.explanation)}{source}</p>"
    if finding.where:
        yield f"<p>{escape(finding.where[0].upper() + finding.where[1:])}.</p>"
    yield from map(strip.sized, finding.sizes)
    if finding.note:
        yield f"<p>{escape(finding.note)}</p>"
    if finding.frames:
        yield f"<pre>{escape(words.visible(chr(10).join(finding.frames)))}</pre>"


def _numbers(finding: Finding) -> Iterator[str]:
    """The element of the smallest case, as it came and as it should be."""
    if finding.actual is not None and finding.expected is not None:
        element, *lettered = finding.letters or (words.place(finding), finding.yours, finding.right)
        yours, right = (
            both(_as_code(code), _as_code(other))
            for code, other in zip((finding.yours, finding.right), lettered, strict=True)
        )
        rows = [("yours", words.number(finding.actual), yours), ("right", words.number(finding.expected), right)]
        shown = "".join(
            f'<tr><th scope="row">{name}</th><td class="number">{value}</td>{_formula(formula)}</tr>'
            for name, value, formula in rows
        )
        caption = f"{both(_as_code(words.place(finding)), _as_code(element))}: {escape(words.allowed(finding))}"
        table = f'<table class="compare"><caption>{caption}</caption><tbody>{shown}</tbody></table>'
        yield scrolling(table, "yours and right")
    yield f"<p>Smallest case: {escape(words.case(finding))}.</p>"


def _formula(formula: str) -> str:
    return f"<td>{formula}</td>" if formula else ""


def _as_code(text: str) -> str:
    return f"<code>{escape(text)}</code>" if text else ""


def again(command: str) -> str:
    """A command, which a script gives a button that copies it."""
    return f'<div class="command" data-copied>{code(command, "command")}</div>'
