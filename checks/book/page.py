"""The book of derivations as one HTML file: a pure function of a Book."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from pathlib import PurePosixPath

from checks.book.contents import Book, Chapter, Figure, Lesson, Outcome, Proof, Question, Row, Source
from checks.book.search import SCRIPT
from checks.render import markdown
from checks.render.grid import grid
from checks.render.listing import STYLE, listing
from checks.render.page import code, page, scrolling, stylesheet
from checks.render.picture import CELL, LARGE_CELL, MANY, SMALL_CELL, Panel

TITLE = "The derivations"


def render(made: Book) -> str:
    """The whole page."""
    to = _Addresses(made)
    body = "\n".join(
        [
            '<header class="wide">',
            f'<h1 id="derivations">{TITLE}</h1>',
            f'<p class="lead">{_summary(made)}</p>',
            _failures(made),
            markdown.text(made.introduction, to),
            "</header>",
            _contents(made),
            '<a class="to-contents no-print" href="#contents">Contents</a>',
            '<main id="main" class="wide">',
            _lesson(made.lesson, to),
            *(_chapter(chapter, to) for chapter in made.chapters),
            _questions(made, to),
            _appendix(made),
            "</main>",
            '<footer class="wide"><p class="small muted">',
            f"The proofs ran with {', '.join(f'{name} {version}' for name, version in made.versions)}.",
            "</p></footer>",
        ]
    )
    return page(TITLE, body, kind="book", style=STYLE + stylesheet("book.css", "checks.book"), script=SCRIPT)


class _Addresses:
    """Where a link of the Markdown leads within the page."""

    def __init__(self, made: Book) -> None:
        self.rows = {row.entry.id for row in made.rows}
        self.tests = {proof.test.name for proof in made.proofs}

    def __call__(self, target: str, says: str) -> str | None:
        """The address of a target, or None for what the page does not hold."""
        path, _, fragment = target.partition("#")
        file = PurePosixPath(path)
        row = fragment.partition("-")[0].upper()
        known = {
            "open-questions.md": "#open-questions",
            "by-hand.md": "#by-hand",
            "README.md": "#derivations",
            "layers-of-today.md": "#chapter-T",
            "windows-and-sequences.md": "#chapter-W",
            "_notation.py": "#notation",
        }
        if row in self.rows:
            return f"#{row}"
        if says in self.tests:
            return f"#{says}"
        if chapter := re.match(r"(\d{3})-.*\.md$", file.name):
            return f"#chapter-{chapter[1]}"
        return known.get(file.name)


def _summary(made: Book) -> str:
    proofs = made.proofs
    cases = sum(proof.outcome.cases for proof in proofs)
    seconds = sum(proof.outcome.seconds for proof in proofs)
    ran = f"{len(proofs)} tests with {cases} cases took {seconds:.0f} s while this page was made."
    if made.unproved:
        return f'<span class="wrong">✗ {len(made.unproved)} of {len(proofs)} proofs failed.</span> {ran}'
    return f'<span class="right">✓ All {len(made.rows)} results are proved.</span> {ran}'


def _failures(made: Book) -> str:
    """A list of what is not proved, so that nobody has to look for it."""
    if not made.unproved:
        return ""
    listed = "".join(
        f'<li><a href="#{proof.test.name}"><code>{escape(proof.test.name)}</code></a> {_verdict(proof.outcome)}</li>'
        for proof in made.unproved
    )
    return f'<div class="failures"><p class="wrong">Not proved</p><ul>{listed}</ul></div>'


def _contents(made: Book) -> str:
    parts = [
        '<nav class="wide contents" id="contents" aria-label="Contents"><h2>Contents</h2>',
        '<div class="search no-print"></div>',
        f'<div class="chapters"><h3><a href="#by-hand">{_title(made.lesson.title)}</a></h3>',
    ]
    for chapter in made.chapters:
        rows = "".join(
            f'<li><span class="id">{row.entry.id}</span><a href="#{row.entry.id}">{_title(row.entry.title)}</a></li>'
            for row in chapter.rows
        )
        heading = f'<a href="#chapter-{chapter.number}">{chapter.number}, {_title(chapter.title)}</a>'
        parts.append(f"<h3>{heading}</h3><ol>{rows}</ol>")
    parts.append('<h3><a href="#open-questions">What the documents leave open or get wrong</a></h3>')
    parts.append('<h3><a href="#notation">Behind the code and the proofs</a></h3></div></nav>')
    return "\n".join(parts)


def _lesson(lesson: Lesson, to: _Addresses) -> str:
    """The first chapter; each of its sections has an address of its own."""
    written = f'<section class="chapter lesson" id="by-hand"><h2>{_title(lesson.title)}</h2>'
    level = 0
    for kind, part in lesson.parts:
        if isinstance(part, Figure):
            written += _figure(part, to)
        elif kind == "math":
            written += scrolling(markdown.formula(part), "Formula", kind="formula")
        elif kind == "code":
            written += code(part, "Code")
        else:
            before, *sections = re.split(r"^## (.*)$", part, flags=re.MULTILINE)
            written += markdown.text(before, to)
            for title, text in zip(sections[::2], sections[1::2], strict=True):
                level += 1
                written += "</section>" * (level > 1) + f'<section id="by-hand-{level}"><h3>{_title(title)}</h3>'
                written += markdown.text(text, to)
    return written + "</section>" * (level > 0) + "</section>"


def _chapter(chapter: Chapter, to: _Addresses) -> str:
    return "\n".join(
        [
            f'<section class="chapter" id="chapter-{chapter.number}">',
            f"<h2>{chapter.number}, {_title(chapter.title)}</h2>",
            markdown.text(chapter.introduction, to),
            *(_row(row, chapter, to) for row in chapter.rows),
            _code(chapter),
            "</section>",
        ]
    )


def _row(row: Row, chapter: Chapter, to: _Addresses) -> str:
    entry = row.entry
    code = ", ".join(
        f'<a href="#{_anchor(chapter, source)}"><code>{escape(_qualified(source))}</code></a>' for source in row.code
    )
    return "\n".join(
        [
            f'<section class="row" id="{entry.id}">',
            f'<h3><span class="id"><a href="#{entry.id}">{entry.id}</a></span>{_title(entry.title)}</h3>',
            scrolling(markdown.formula(entry.formula), f"Formula of {entry.id}", kind="formula bleed"),
            markdown.text(entry.prose, to),
            _figure(row.figure, to) if row.figure else "",
            f'<p class="rests">In code: {code}</p>',
            *(_proof(proof) for proof in row.proofs),
            "</section>",
        ]
    )


def _figure(figure: Figure, to: _Addresses) -> str:
    columns = sum(len(part.cells[0]) for part in figure.parts)
    marked = any(cell is not None and cell.mark for part in figure.parts for row in part.cells for cell in row)
    size = LARGE_CELL if marked else CELL if columns < MANY else SMALL_CELL
    parts = "".join(_part(part, size) for part in figure.parts)
    caption = markdown.line(figure.caption, to)
    return f'<figure><div class="parts bleed">{parts}</div><figcaption>{caption}</figcaption></figure>'


def _part(part: Panel, size: int) -> str:
    drawn = scrolling(grid(part.cells, label=part.caption, size=size), part.caption)
    sign = f'<span class="sign">{escape(part.sign)}</span>' if part.sign else ""
    name = f'<p class="name" aria-hidden="true">{escape(part.caption)}</p>'  # as the grid calls itself
    return f'<div class="part">{sign}<div class="panel">{name}{drawn}</div></div>'


def _proof(proof: Proof) -> str:
    test, outcome = proof.test, proof.outcome
    says = "" if outcome.proved else scrolling(f"<pre>{escape(outcome.says)}</pre>", "What failed", kind="code says")
    state = ' class="proof"' if outcome.proved else ' class="proof failed" open'
    return (
        f'<details{state} id="{test.name}"><summary>{_verdict(outcome)}: <code>{escape(test.name)}</code></summary>'
        f"{says}{_where(test)}{scrolling(listing(test.text), f'Source of {test.name}', kind='code bleed')}</details>"
    )


def _verdict(outcome: Outcome) -> str:
    cases = f"{outcome.cases} case{'s' if outcome.cases != 1 else ''}"
    if outcome.proved:
        return f'<span class="right">✓ proved</span>, {cases}, {_time(outcome.seconds)}'
    if not outcome.cases:
        return '<span class="wrong">✗ not run</span>'
    return f'<span class="wrong">✗ failed</span>, {outcome.failed} of {cases}, {_time(outcome.seconds)}'


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{max(1, round(1000 * seconds))} ms"


def _code(chapter: Chapter) -> str:
    """Each function once for a chapter, however many of its results rest on it."""
    uses: dict[Source, list[str]] = {}
    for row in chapter.rows:
        for source in row.code:
            uses.setdefault(source, []).append(row.entry.id)
    parts = [f'<section class="code"><h3>The code of {chapter.number}</h3>']
    for source, ids in sorted(uses.items(), key=lambda item: (item[0].path, item[0].line)):
        back = ", ".join(f'<a href="#{name}">{name}</a>' for name in ids)
        parts += [
            f'<h4 id="{_anchor(chapter, source)}"><code>{escape(_qualified(source))}</code></h4>',
            _where(source, f" · {back}"),
            scrolling(listing(source.text), f"Source of {_qualified(source)}", kind="code bleed"),
        ]
    if chapter.shared:
        parts.append(_folded("What its proofs share", chapter.shared))
    return "\n".join([*parts, "</section>"])


def _questions(made: Book, to: _Addresses) -> str:
    return "\n".join(
        [
            '<section class="chapter" id="open-questions">',
            "<h2>What the documents leave open or get wrong</h2>",
            markdown.text(made.questions_introduction, to),
            *(_question(question, to) for question in made.questions),
            "</section>",
        ]
    )


def _question(question: Question, to: _Addresses) -> str:
    parts = [markdown.text(question.text, to), *(_proof(proof) for proof in question.proofs)]
    return "\n".join([f'<section class="row"><h3>{_title(question.title)}</h3>', *parts, "</section>"])


def _appendix(made: Book) -> str:
    return (
        '<section class="chapter" id="notation"><h2>Behind the code and the proofs</h2>'
        f"{_folded('What the code calls in its own files', made.called)}"
        f"{_folded('What all proofs are written with', made.notation)}</section>"
    )


def _folded(summary: str, sources: Iterable[Source]) -> str:
    listed = (_where(s) + scrolling(listing(s.text), f"Source of {s.name}", kind="code bleed") for s in sources)
    return f"<details><summary>{escape(summary)}</summary>{''.join(listed)}</details>"


def _where(source: Source, more: str = "") -> str:
    return f'<p class="where">{escape(source.path)}, line {source.line}{more}</p>'


def _anchor(chapter: Chapter, source: Source) -> str:
    return f"code-{chapter.number}-{_qualified(source)}"


def _qualified(source: Source) -> str:
    return f"{PurePosixPath(source.path).stem}.{source.name}"


def _title(title: str) -> str:
    """A title, which begins with a capital; what is Chinese in it is said to be."""
    html = markdown.line(title[:1].upper() + title[1:], lambda *_: None)
    return re.sub("[\u4e00-\u9fff]+", r'<span lang="zh">\g<0></span>', html)
