"""Puts the book together and writes it: `write(Path("derivations.html"))`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from platform import python_version

from checks.book import documents
from checks.book.contents import Book, Chapter, Proof, Question, Row, Source
from checks.book.documents import Document, Entry, Link
from checks.book.figures import FIGURES
from checks.book.lesson import lesson
from checks.book.page import render
from checks.book.proofs import Outcomes, Progress, prove
from checks.book.sources import called, function, shared

ROOT = Path(__file__).parents[2]
TESTS = "tests/derivations"
NEEDED = {"math_core": "math-core", "markdown_it": "markdown-it-py", "sympy": "sympy"}


def write(path: Path, *, progress: Progress | None = None, root: Path = ROOT) -> Book:
    """Run every proof, write the book to `path` as one HTML file, and return what it says.

    `progress` is called with the number of test cases that are done, and of all.

    Raises ValueError if this is no clone of the repository, or a package is missing.
    """
    require_clone(root)
    require_packages()
    made = bind(root, prove(root, [TESTS], progress))
    path.write_text(render(made), encoding="utf-8")
    return made


def require_clone(root: Path) -> None:
    """ValueError if the pages and the tests are not there: what is installed has neither."""
    missing = next((name for name in ("docs/derivations", TESTS) if not (root / name).is_dir()), None)
    if missing:
        raise ValueError(f"the book is made in a clone of the repository: {missing} is not in {root}")


def require_packages() -> None:
    """ValueError if something that only the book needs is not installed."""
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise ValueError(
            f"the book needs {' and '.join(missing)}: pip install -c constraints.txt -e '.[book]' in {ROOT}"
        )


def bind(root: Path, outcomes: Outcomes) -> Book:
    """The book of the documents below `root`, with what came of its proofs.

    Raises ValueError if a document has not its form, or names a function or a test that is not there.
    """
    made = _Binding(root, outcomes)
    docs = root / "docs"
    read = documents.documents(docs)
    introduction, points = documents.open_questions(docs)
    return Book(
        introduction=documents.introduction(docs),
        lesson=lesson(docs),
        chapters=tuple(made.chapter(document) for document in read),
        questions_introduction=introduction,
        questions=tuple(Question(p.title, p.text, made.proofs(p.tests)) for p in points),
        called=made.called(link for document in read for entry in document.entries for link in entry.reference),
        notation=shared(root, root / TESTS / "_notation.py"),
        versions=(("python", python_version()), *((name, version(name)) for name in ("numpy", "torch", "sympy"))),
    )


def function_of(link: Link) -> str:
    """The function that a link to the reference names, after its module."""
    return link.name.partition(".")[2]


@dataclass(frozen=True)
class _Binding:
    root: Path
    outcomes: Outcomes

    def chapter(self, document: Document) -> Chapter:
        tests = dict.fromkeys(test.file for entry in document.entries for test in entry.tests)
        return Chapter(
            number=document.number,
            title=document.title,
            introduction=document.introduction,
            rows=tuple(self.row(entry) for entry in document.entries),
            shared=tuple(source for file in tests for source in shared(self.root, file)),
        )

    def row(self, entry: Entry) -> Row:
        code = tuple(function(self.root, link.file, function_of(link)) for link in entry.reference)
        figure = FIGURES.get(entry.id)
        return Row(entry, code, self.proofs(entry.tests), figure() if figure else None)

    def called(self, links: Iterable[Link]) -> tuple[Source, ...]:
        code: dict[Path, set[str]] = {}
        for link in links:
            code.setdefault(link.file, set()).add(function_of(link))
        return tuple(source for file in sorted(code) for source in called(self.root, file, code[file]))

    def proofs(self, tests: Iterable[Link]) -> tuple[Proof, ...]:
        return tuple(
            Proof(function(self.root, test.file, test.name), self.outcomes.of(test.file, test.name)) for test in tests
        )
