"""The verdict as a picture in a file of its own: what is wrong in words, both formulas, and yours beside the right one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import isfinite, prod

from checks.render import words
from checks.render.grid import Cell
from checks.render.picture import Line, Panel, Picture, svg
from checks.trials.exhibit import Compared, Exhibit, Numbers
from checks.verdict.report import RIGHT, UNDECIDED, Finding, Report

SIGNS = {RIGHT: "✓", UNDECIDED: "?"}  # of what is neither, ✗
MOST = 100  # numbers of a panel: what can be compared by eye
LONG = 6  # signs of a number that a cell shows


def render(*reports: Report) -> str:
    """The picture of these reports: the verdict on each, and what is wrong in the first that is."""
    wrong = next((report for report in reports if report.failures), None)
    shown, below = _failure(wrong, wrong.failures[0]) if wrong is not None else ((), ())
    title = "; ".join(words.verdict(report) for report in reports)
    above = tuple(Line(line, style) for report in reports for line, style in _verdict(report))
    told = tuple(_told(wrong.failures[0])) if wrong is not None else ()
    return words.visible(svg(Picture(title, shown, (*above, *told), below, roomy=True)))


def _verdict(report: Report) -> Iterator[tuple[str, str]]:
    yield f"{SIGNS.get(report.exit_code, '✗')} {words.verdict(report)}", "title"
    yield words.subject(report), "note"
    if not report.failures:
        yield words.ran(report), ""
        yield from (
            (f"{line}.", "") for line in (*words.judged_as(report), *words.left(report), *words.decided(report))
        )


def _told(finding: Finding) -> Iterator[Line]:
    """Which mistake it is, in words."""
    if finding.mistake:
        yield Line(finding.mistake, "name")
    source = f" ({finding.source})" if finding.source else ""
    for line in (f"{finding.explanation}{source}".strip(), finding.where, finding.note):
        if line:
            yield Line(line)


def _failure(report: Report, finding: Finding) -> tuple[tuple[Panel, ...], tuple[Line, ...]]:
    """The numbers beside one another; and the element that is wrong, in numbers and formulas, with what repeats it."""
    panels = tuple(_panels(finding.exhibit)) if finding.exhibit is not None else ()
    lines = []
    if panels and finding.exhibit is not None and finding.exhibit.problem.identity != finding.problem.identity:
        shapes = finding.exhibit.problem.shapes.items()
        sizes = ", ".join(f"{name} {words.shape(shape)}" for name, shape in shapes if shape is not None)
        lines.append(
            Line(f"above: {sizes}; below: the smallest case, which has too few elements to show where", "note")
        )
    lines.append(Line(f"smallest case: {words.case(finding)}"))
    if finding.actual is not None and finding.expected is not None:
        yours, right = words.number(finding.actual), words.number(finding.expected)
        lines.append(Line(f"{words.place(finding)}: yours {yours}, right {right}; {words.allowed(finding)}"))
        element, own, formula = finding.letters or (words.place(finding), finding.yours, finding.right)
        if own and formula:
            lines += [Line(f"{element} = {formula}"), Line(f"yours: {own}")]
    return panels, (*lines, Line(words.again(report, finding), "note"))


def _panels(exhibit: Exhibit) -> Iterator[Panel]:
    """The map that holds the worst element, as it came and as it should be; none where that is too large to be read."""
    result = exhibit.results[exhibit.result]
    if prod(result.yours.shape[-2:]) > MOST or result.yours.shape != result.right.shape:
        return
    lead = exhibit.index[:-2]
    called = f"{exhibit.result}[{','.join(map(str, lead))}]" if lead else exhibit.result
    yield Panel(f"{called}, yours", _cells(result, result.yours, lead))
    yield Panel("right", _cells(result, result.right, lead), sign="≠")


def _cells(result: Compared, shown: Numbers, lead: tuple[int, ...]) -> tuple[tuple[Cell, ...], ...]:
    """The numbers of one map; those that are wrong are outlined in both."""
    shape = shown.shape
    columns = shape[-1] if shape else 1
    row, rows = [], []
    for last in product(*map(range, shape[-2:])):
        at = _flat((*lead, *last), shape)
        row.append(Cell(_number(shown.values[at]), "wrong" if _is_wrong(result, at) else ""))
        if len(row) == columns:
            rows.append(tuple(row))
            row = []
    return tuple(rows)


def _flat(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """Where an element lies in values of which the last axis is fastest."""
    place = 0
    for i, size in zip(index, shape, strict=True):
        place = place * size + i
    return place


def _is_wrong(result: Compared, at: int) -> bool:
    yours, right = result.yours.values[at], result.right.values[at]
    allowed = result.allowed.values[at] if len(result.allowed.values) > 1 else result.allowed.values[0]
    return not abs(yours - right) <= allowed if isfinite(yours) and isfinite(right) else str(yours) != str(right)


def _number(value: float) -> str:
    written = words.number(value).replace("-", "−") if isfinite(value) else str(value)
    return written if len(written) <= LONG else f"{value:.2g}".replace("-", "−")
