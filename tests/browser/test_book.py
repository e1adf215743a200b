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


def test_the_contents_stay_where_there_is_room(page, book):
    """Beside the text; else a link leads to them from wherever one is."""
    page.open(book, width=1400).run("document.getElementById('L7').scrollIntoView()")
    box = page.run(
        "const b = document.querySelector('nav.contents').getBoundingClientRect(); return [b.top, b.left, b.right]"
    )
    assert box[:2] == [0, 0]
    assert page.run("return document.querySelector('#L7 h3').getBoundingClientRect().left") > box[2]
    assert not page.one(".to-contents").is_displayed()
    page.open(book, width=360).run("document.getElementById('L7').scrollIntoView()")
    page.one(".to-contents").click()
    assert page.run("return location.hash") == "#contents"


def test_what_is_searched_for_is_found_in_this_page(page, book):
    page.open(book)
    page.one("#search").send_keys("gradient kernel K11")
    found = [link.get_attribute("hash") for link in page.all(".found a")]
    assert "#L5" in found
    assert "#S2" not in found
    assert page.one(".search [role=status]").text == f"{len(found)} places"
    assert not page.one(".chapters").is_displayed()
    for hash_ in found:
        text = page.run(
            "return document.querySelector(arguments[0]).textContent.normalize('NFKD').toLowerCase()", hash_
        )
        assert all(word in text for word in ("gradient", "kernel", "k11"))
    page.one("#search").send_keys("\n")
    assert page.run("return location.hash") == found[0]
    page.one("#search").send_keys("zzz")
    assert page.one(".search [role=status]").text == "no places"
    page.one("#search").send_keys("\ue00c")  # Escape
    assert page.one(".chapters").is_displayed()
    assert page.requests == []


def test_without_a_script_there_is_no_field_and_all_else(page, book):
    page.open(book, script=False)
    assert page.all("#search") == []
    assert page.one(".chapters").is_displayed()
    assert page.one("#by-hand h2").is_displayed()


def test_paper_cuts_no_figure(page, book):
    """A4 with margins of a centimetre is 718 pixels wide: what is wider would be cut, and what is broken is in two."""
    page.open(book, width=718)
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        cut = page.run(
            "return [...document.querySelectorAll('svg.grid, figcaption, math')].filter(e => "
            "e.getBoundingClientRect().right > innerWidth + 1).map(e => e.textContent.slice(0, 60))"
        )
        kept = page.run("return [...document.querySelectorAll('figure')].map(e => getComputedStyle(e).breakInside)")
        hidden = page.run("return getComputedStyle(document.querySelector('.to-contents')).display")
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert cut == []
    assert set(kept) == {"avoid"}
    assert hidden == "none"
