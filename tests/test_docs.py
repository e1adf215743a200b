"""The documentation of the derivations is complete, and what it links to is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DERIVATIONS = ROOT / "docs" / "derivations"
INDEX = DERIVATIONS / "README.md"
OPEN_QUESTIONS = ROOT / "docs" / "open-questions.md"
PAGES = sorted(DERIVATIONS.glob("0*.md"))
TESTS = sorted((ROOT / "tests" / "derivations").glob("test_*.py"))

# By document: the letter of its results, and how many there are.
RESULTS = {"000": ("S", 6), "001": ("B", 13), "002": ("L", 11), "003": ("P", 8), "004": ("C", 20)}
IDS = [f"{letter}{number}" for letter, count in RESULTS.values() for number in range(1, count + 1)]
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


@cache
def text(path):
    return path.read_text(encoding="utf-8")


@cache
def defined(path):
    """The functions of a Python file, methods as Class.method."""
    names = set()
    for node in ast.parse(text(path)).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return names


def entries():
    """(page, id, what stands under the heading) for each entry of each page, in order."""
    for page in PAGES:
        _, *sections = re.split(r"^### ", text(page), flags=re.MULTILINE)
        for section in sections:
            heading, body = section.split("\n", 1)
            yield page, heading.split(":")[0], body


def links(body, kind):
    """The links of the line of an entry that says which functions and tests it rests on."""
    (line,) = re.findall(rf"\b{kind}: ((?:{LINK.pattern}(?:, )?)+)", body)
    return LINK.findall(line[0])


def anchors(path):
    """The fragments by which GitHub reaches the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text(path), flags=re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_every_result_has_one_entry_on_the_page_of_its_document():
    found = [(page.name[:3], id_) for page, id_, _ in entries()]
    expected = [(page, f"{letter}{n}") for page, (letter, count) in RESULTS.items() for n in range(1, count + 1)]
    assert found == expected


@pytest.mark.parametrize("id_", IDS)
def test_an_entry_has_its_formula_its_reference_and_its_tests(id_):
    page, body = next((page, body) for page, found, body in entries() if found == id_)
    formula, derivation = re.search(r"```math\n(.+?)\n```\n\n(.+?)\n\nReference: ", body, flags=re.DOTALL).groups()
    assert formula
    assert derivation
    for name, path in links(body, "Reference"):
        module, function = name.split(".", 1)
        file = (page.parent / path).resolve()
        assert file == ROOT / "reference" / f"{module}.py"
        assert function in defined(file)
    for name, path in links(body, "Test"):
        file = (page.parent / path).resolve()
        assert file in TESTS
        assert name in defined(file)
        assert name.startswith(f"test_{id_}_")


def test_every_test_of_a_result_is_named_in_its_entry():
    named = {name for _, _, body in entries() for name, _ in links(body, "Test")}
    tests = {name for path in TESTS for name in defined(path) if re.match(r"test_[SBLPC]\d+_", name)}
    assert tests == named
    assert {name.split("_")[1] for name in tests} == set(IDS)


def test_every_test_of_an_open_question_is_named_where_they_are_answered():
    (file,) = (path for path in TESTS if path.stem == "test_open_questions")
    tests = {name for name in defined(file) if name.startswith("test_")}
    assert {name for name, path in LINK.findall(text(OPEN_QUESTIONS)) if path.endswith(".py")} == tests
    points = re.split(r"^### (\d)\. ", text(OPEN_QUESTIONS), flags=re.MULTILINE)[1:]
    assert points[::2] == list("123456")
    for number, body in zip(points[::2], points[1::2], strict=True):
        assert [name for name, _ in links(body, "Test") if name.startswith(f"test_open_{number}_")]


def test_the_index_lists_every_entry_by_its_heading():
    listed = re.findall(r"^- \[(\w+)\]\(([^#)]+)#[^)]+\): (.+)$", text(INDEX), flags=re.MULTILINE)
    headings = {
        (id_, page.name, title)
        for page in PAGES
        for id_, title in re.findall(r"^### (\w+): (.+)$", text(page), flags=re.MULTILINE)
    }
    assert len(listed) == len(IDS)
    assert set(listed) == headings


@pytest.mark.parametrize("page", [INDEX, OPEN_QUESTIONS, *PAGES], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for _, link in LINK.findall(text(page)):
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve()
        assert target.is_file(), link
        assert not fragment or anchors(target).count(fragment) == 1, link
