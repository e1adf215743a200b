"""The site of the documents in a browser: `tox -e docs` builds it, and SITE names its folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

SITE = os.environ.get("SITE", "")
PAGES = sorted(Path(SITE).glob("*.html")) if SITE else []
# The book has tests of its own (test_book.py); these two are made of the same parts as the others.
OWN = [path for path in PAGES if path.name not in {"derivations.html", "genindex.html"}]
FEW = [path for path in OWN if path.stem in {"index", "api", "formulas", "search"}]  # code, tables, formulas, a form

pytestmark = pytest.mark.skipif(not SITE, reason="SITE names no site: tox -e docs builds it, and looks at it")


def test_it_has_its_pages():
    names = {path.stem for path in PAGES}
    assert {
        "index",
        "api",
        "first-steps",
        "judge-your-own",
        "formulas",
        "contributing",
        "derivations",
        "search",
    } <= names


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_link_of_its_own_leads_somewhere(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r'(?:href|src)="([^"]*)"', text):
        place, _, fragment = target.partition("#")
        if ":" in place:
            assert place.startswith(("https://", "data:")), target
            continue
        file = path.parent / place.partition("?")[0] if place else path
        assert file.exists(), target
        if fragment and file.suffix == ".html":
            assert f'id="{fragment}"' in file.read_text(encoding="utf-8"), target


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
@pytest.mark.parametrize("width", [360, 1400])
def test_it_fits_and_asks_nothing_of_a_network(page, path, width):
    page.open(path, width=width)
    assert page.overflow <= 0
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
    assert page.complaints == []


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_axe_finds_no_barrier(page, axe, path):
    assert page.open(path).barriers(axe) == []


@pytest.mark.parametrize("path", FEW, ids=lambda path: path.stem)
def test_axe_finds_no_barrier_in_the_dark(page, axe, path):
    assert page.open(path, dark=True).barriers(axe) == []


@pytest.mark.parametrize("path", FEW, ids=lambda path: path.stem)
def test_it_reads_without_a_script(page, path):
    page.open(path, script=False)
    assert page.overflow <= 0
    assert page.one("h1").is_displayed()
