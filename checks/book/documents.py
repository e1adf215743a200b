"""The Markdown of docs/ as entries: the only source of what the book says.

A page of docs/derivations begins with `# 002, its title`, or with a letter if it is of no document. Each of its results is

    ### L7: its title

    ```math
    its formula
    ```

    why it holds

    Reference: [conv.backward](…) · Test: [test_L7_…](…)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
LINKS = rf"(?:{LINK.pattern}(?:, )?)+"
ENTRY = re.compile(r"```math\n(.+?)\n```\n\n(.+?)\n\nReference: .+", re.DOTALL)


@dataclass(frozen=True)
class Link:
    """What is linked to: its name, and the file in which it stands."""

    name: str
    file: Path


@dataclass(frozen=True)
class Entry:
    """One result. `prose` is Markdown, `formula` LaTeX."""

    id: str
    title: str
    formula: str
    prose: str
    reference: tuple[Link, ...]
    tests: tuple[Link, ...]


@dataclass(frozen=True)
class Document:
    """One page of derivations; `introduction` is what stands before its first entry."""

    file: Path
    number: str
    title: str
    introduction: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Point:
    """One section of the open questions. Its tests are those that its text links to, and none before it."""

    title: str
    text: str
    tests: tuple[Link, ...]


def documents(docs: Path) -> tuple[Document, ...]:
    """The pages of docs/derivations in order; ValueError if one of them does not have the form above."""
    pages = sorted((docs / "derivations").glob("*.md"))
    return tuple(_document(file) for file in pages if file.name != "README.md")


def introduction(docs: Path) -> str:
    """What docs/derivations/README.md says before its list of results."""
    text = _text(docs / "derivations" / "README.md")
    return re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)[0].split("\n", 1)[1].strip()


def open_questions(docs: Path) -> tuple[str, tuple[Point, ...]]:
    """What docs/open-questions.md says first, and its sections: six points, and where torch differs."""
    file = docs / "open-questions.md"
    first, *sections = re.split(r"^##+ ", _text(file), flags=re.MULTILINE)
    points: list[Point] = []
    for section in sections:
        title, _, text = section.partition("\n")
        before = {link for point in points for link in point.tests}
        tests = tuple(link for link in _links(file, text) if link.name.startswith("test_") and link not in before)
        if tests:
            points.append(Point(title.strip(), _without_tests(text).strip(), tests))
    return first.split("\n", 1)[1].strip(), tuple(points)


def _document(file: Path) -> Document:
    first, *sections = re.split(r"^### ", _text(file), flags=re.MULTILINE)
    heading, _, text = first.partition("\n")
    number, _, title = heading.removeprefix("# ").partition(", ")
    return Document(file, number, title.strip(), text.strip(), tuple(_entry(file, section) for section in sections))


def _entry(file: Path, section: str) -> Entry:
    heading, _, body = section.partition("\n")
    name, _, title = heading.partition(": ")
    found = ENTRY.search(body)
    if not (title and found):
        raise ValueError(
            f"{file.name}: the entry {heading!r} needs a title, a formula, a derivation, and what it rests on"
        )
    formula, prose = found.groups()
    return Entry(name, title, formula, prose, *(_rests_on(file, name, kind, body) for kind in ("Reference", "Test")))


def _rests_on(file: Path, name: str, kind: str, body: str) -> tuple[Link, ...]:
    """The links of the line that says which functions and tests an entry rests on."""
    named = re.findall(rf"\b{kind}: {LINKS}", body)
    found = re.search(rf"\b{kind}: ({LINKS})", body)
    if found is None or len(named) != 1:
        raise ValueError(f"{file.name}: the entry {name} needs `{kind}:` and links, once")
    return _links(file, found.group(1))


def _links(file: Path, text: str) -> tuple[Link, ...]:
    return tuple(Link(name, (file.parent / target.partition("#")[0]).resolve()) for name, target in LINK.findall(text))


def _without_tests(text: str) -> str:
    """The text without the lines that name its tests."""
    return re.sub(rf"^Test: {LINKS}\n?", "", text, flags=re.MULTILINE)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
