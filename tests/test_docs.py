"""The documentation of the derivations is complete, and what it links to is there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from checks.book.documents import LINK, documents, introduction, open_questions
from checks.book.sources import defined

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
INDEX = DOCS / "derivations" / "README.md"
OPEN_QUESTIONS = DOCS / "open-questions.md"
PAGES = sorted(page for page in (DOCS / "derivations").glob("*.md") if page != INDEX)
TESTS = sorted((ROOT / "tests" / "derivations").glob("test_*.py"))

# By document: the letter of its results, and how many there are. T and W are of no document: layers that came later.
RESULTS = {
    "000": ("S", 6),
    "001": ("B", 13),
    "002": ("L", 11),
    "003": ("P", 8),
    "004": ("C", 20),
    "T": ("T", 20),
    "W": ("W", 14),
}
IDS = [f"{letter}{number}" for letter, count in RESULTS.values() for number in range(1, count + 1)]
QUESTIONS = [str(number) for number in range(1, 17)]
ENTRIES = {entry.id: entry for document in documents(DOCS) for entry in document.entries}


@cache
def text(path):
    return path.read_text(encoding="utf-8")


def defined_tests(path):
    return {name for name in defined(path) if name.startswith("test_")}


def anchors(path):
    """The fragments by which GitHub reaches the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text(path), flags=re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_every_result_has_one_entry_on_the_page_of_its_document():
    found = [(document.number, entry.id) for document in documents(DOCS) for entry in document.entries]
    expected = [(page, f"{letter}{n}") for page, (letter, count) in RESULTS.items() for n in range(1, count + 1)]
    assert found == expected
    assert [document.file for document in documents(DOCS)] == PAGES
    *numbered, today, windows = documents(DOCS)
    assert all(document.file.name.startswith(f"{document.number}-") for document in numbered)
    assert [page.file.name for page in (today, windows)] == ["layers-of-today.md", "windows-and-sequences.md"]


@pytest.mark.parametrize("id_", IDS)
def test_an_entry_has_its_formula_its_reference_and_its_tests(id_):
    entry = ENTRIES[id_]
    assert all((entry.title, entry.formula, entry.prose, entry.reference, entry.tests))
    assert "```" not in entry.prose
    for link in entry.reference:
        module, function = link.name.split(".", 1)
        assert link.file == ROOT / "reference" / f"{module}.py"
        assert function in defined(link.file)
    for link in entry.tests:
        assert link.file in TESTS
        assert link.name in defined(link.file)
        assert link.name.startswith(f"test_{id_}_")


def test_every_test_of_a_result_is_named_in_its_entry():
    named = {link.name for entry in ENTRIES.values() for link in entry.tests}
    tests = {name for path in TESTS for name in defined_tests(path) if re.match(r"test_[A-Z]\d+_", name)}
    assert tests == named
    assert {name.split("_")[1] for name in tests} == set(IDS)


def test_every_test_of_an_open_question_is_named_where_they_are_answered():
    files = {path for path in TESTS if path.stem in {"test_open_questions", "test_open_layers"}}
    _, points = open_questions(DOCS)
    assert {link.name for point in points for link in point.tests} == {
        name for file in files for name in defined_tests(file)
    }
    assert {link.file for point in points for link in point.tests} == files
    *numbered, _ = points
    assert [point.title.partition(". ")[0] for point in numbered] == QUESTIONS
    for number, point in zip(QUESTIONS, numbered, strict=True):
        assert [link for link in point.tests if link.name.startswith(f"test_open_{number}_")]


def test_the_index_lists_every_entry_by_its_heading():
    listed = re.findall(r"^- \[(\w+)\]\(([^#)]+)#[^)]+\): (.+)$", text(INDEX), flags=re.MULTILINE)
    headings = {
        (entry.id, document.file.name, entry.title) for document in documents(DOCS) for entry in document.entries
    }
    assert len(listed) == len(IDS)
    assert set(listed) == headings
    assert "## " not in introduction(DOCS)


@pytest.mark.parametrize(
    ("spoilt", "complaint"),
    [
        ("```math\n", "the entry 'L1: t' needs a title, a formula, a derivation, and what it rests on"),
        ("t\n", "the entry 'L1: ' needs a title"),
        ("Test: [t](t.py)", "the entry L1 needs `Test:` and links, once"),
        ("[c.f](c.py)", "the entry L1 needs `Reference:` and links, once"),
    ],
)
def test_an_entry_that_lacks_something_is_refused(tmp_path, spoilt, complaint):
    page = "# 002, d\n\ni\n\n### L1: t\n\n```math\nx\n```\n\nwhy\n\nReference: [c.f](c.py) · Test: [t](t.py)\n"
    (tmp_path / "derivations").mkdir()
    file = tmp_path / "derivations" / "002-d.md"
    file.write_text(page, encoding="utf-8")
    ((entry,),) = (document.entries for document in documents(tmp_path))
    assert (entry.id, entry.title, entry.formula, entry.prose) == ("L1", "t", "x", "why")
    file.write_text(page.replace(spoilt, "\n" if spoilt.endswith("\n") else "", 1), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(complaint)):
        documents(tmp_path)


@pytest.mark.parametrize("page", [INDEX, OPEN_QUESTIONS, *PAGES], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for _, link in LINK.findall(text(page)):
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve()
        assert target.is_file(), link
        assert not fragment or anchors(target).count(fragment) == 1, link
