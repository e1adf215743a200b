"""What a book holds: chapters of results, each with its formula, its derivation, its code, its figure and its proofs."""

from __future__ import annotations

from dataclasses import dataclass

from checks.book.documents import Entry
from checks.render.picture import Panel


@dataclass(frozen=True)
class Source:
    """A piece of Python: what it is called, the file below the root of the repository, its first line, and its text."""

    name: str
    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Outcome:
    """What came of one test: how many cases ran and failed, how long they took together, and what the first failure says.

    No case at all is no proof; `says` tells why there is none.
    """

    cases: int = 0
    failed: int = 0
    seconds: float = 0.0
    says: str = ""

    @property
    def proved(self) -> bool:
        """Whether there were cases, and all of them passed."""
        return self.cases > 0 and not self.failed


@dataclass(frozen=True)
class Proof:
    """A test, and what came of it."""

    test: Source
    outcome: Outcome


@dataclass(frozen=True)
class Figure:
    """Panels beside one another; the caption is Markdown."""

    caption: str
    parts: tuple[Panel, ...]


@dataclass(frozen=True)
class Row:
    """One result: what the document says of it, what computes it, and what proves it."""

    entry: Entry
    code: tuple[Source, ...]
    proofs: tuple[Proof, ...]
    figure: Figure | None


@dataclass(frozen=True)
class Chapter:
    """One document: its results, and what their tests have in common."""

    number: str
    title: str
    introduction: str
    rows: tuple[Row, ...]
    shared: tuple[Source, ...]


@dataclass(frozen=True)
class Question:
    """What the documents leave open or get wrong: how it is settled, in Markdown, and what proves it."""

    title: str
    text: str
    proofs: tuple[Proof, ...]


@dataclass(frozen=True)
class Lesson:
    """A chapter that is read from front to back: parts, each of a kind, which is text (Markdown), math, code or figure."""

    title: str
    parts: tuple[tuple[str, str | Figure], ...]


@dataclass(frozen=True)
class Book:
    """Everything that is printed; texts are Markdown, with links as they stand in docs/.

    lesson      the first chapter
    called      what the code of the results calls in its own files
    notation    what all tests are written with
    """

    introduction: str
    lesson: Lesson
    chapters: tuple[Chapter, ...]
    questions_introduction: str
    questions: tuple[Question, ...]
    called: tuple[Source, ...]
    notation: tuple[Source, ...]
    versions: tuple[tuple[str, str], ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """The results of all documents, in order."""
        return tuple(row for chapter in self.chapters for row in chapter.rows)

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """Every proof of a result or of an answer, in order."""
        parts: tuple[Row | Question, ...] = (*self.rows, *self.questions)
        return tuple(proof for part in parts for proof in part.proofs)

    @property
    def unproved(self) -> tuple[Proof, ...]:
        """The proofs that failed or did not run."""
        return tuple(proof for proof in self.proofs if not proof.outcome.proved)

    def __str__(self) -> str:
        """What was proved, in a line; what was not, in a line each."""
        cases = sum(proof.outcome.cases for proof in self.proofs)
        lines = [f"{len(self.rows)} results, {len(self.proofs)} proofs, {cases} cases: {self._verdict}"]
        return "\n".join([*lines, *(f"not proved: {proof.test.name}" for proof in self.unproved)])

    @property
    def _verdict(self) -> str:
        return f"{len(self.unproved)} proofs failed" if self.unproved else "all is proved"

    @property
    def exit_code(self) -> int:
        """0 where everything is proved, 1 where something is not."""
        return 1 if self.unproved else 0
