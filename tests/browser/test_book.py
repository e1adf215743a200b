"""The book of derivations in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.book import binding
from checks.book.page import render
from tests.book.test_book import AllProved

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    path = tmp_path_factory.mktemp("book") / "derivations.html"
    path.write_text(render(binding.bind(ROOT, AllProved(ROOT))), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [360, 1400])
def test_it_fits_and_asks_for_nothing_and_complains_of_nothing(page, book, width):
    page.open(book, width=width)
    assert page.overflow <= 0
    page.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.overflow <= 0
    assert page.requests == []
    assert page.complaints == []


def test_axe_finds_no_barrier(page, book, axe):
    assert page.open(book).barriers(axe) == []
    assert page.open(book, dark=True).barriers(axe, "color-contrast") == []


def test_formulas_are_drawn_and_figures_said(page, book):
    page.open(book)
    heights = page.run("return [...document.querySelectorAll('math')].map(m => m.getBoundingClientRect().height)")
    assert len(heights) > 58
    assert min(heights) > 5
    assert all(svg.get_attribute("textContent").strip() for svg in page.all("svg[role=img]"))
