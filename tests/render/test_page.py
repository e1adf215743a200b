"""What pages are made of: the document itself, grids of cells, Markdown with formulas, listings."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from checks.render import markdown
from checks.render.grid import STYLE, Cell, grid
from checks.render.listing import listing
from checks.render.page import code, page, scrolling, stylesheet

ROOT = Path(__file__).parents[2]


def test_a_page_holds_everything_and_loads_nothing():
    made = page("1 < 2", '<main id="main">x</main>', kind="book", style="b{}", script="go()")
    assert made.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "<title>1 &lt; 2</title>" in made
    assert '<body class="book">' in made
    assert '<a class="skip" href="#main">' in made
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'unsafe-inline'" in made
    assert "b{}</style>" in made
    assert "go()</script>" in made
    assert STYLE in made


def test_what_scrolls_can_be_reached_and_has_a_name():
    box = ET.fromstring(scrolling("<b>x</b>", 'a "name"', kind="code"))
    assert box.attrib == {"class": "scroll code", "role": "group", "tabindex": "0", "aria-label": 'a "name"'}
    assert "1 &lt; 2" in code("1 < 2", "code")


def colours(block):
    return dict(re.findall(r"--([\w-]+): (#\w+)", block))


def luminance(colour):
    """Of WCAG 2: the share of light that a colour gives back."""
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    darker, lighter = sorted((luminance(a), luminance(b)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", range(3), ids=["light", "dark", "print"])
def test_text_stands_out_from_what_it_stands_on(theme):
    colour = colours(re.findall(r":root \{(.*?)\}", stylesheet("page.css"), flags=re.DOTALL)[theme])
    for text in ("ink", "muted", "accent", "right", "wrong", "open", "warm"):
        for ground in ("paper", "raised", "cell"):
            assert contrast(colour[text], colour[ground]) >= 4.5, (text, ground)
    for ground in ("tint", "accent-soft", "warm-soft", "wrong-soft", "right-soft"):
        assert contrast(colour["ink"], colour[ground]) >= 4.5, ground
    for outline in ("accent", "warm", "wrong", "open", "line-strong"):
        assert contrast(colour[outline], colour["paper"]) >= 3, outline


def test_every_colour_that_is_used_is_defined_in_both_themes():
    light, dark, _ = (colours(b) for b in re.findall(r":root \{(.*?)\}", stylesheet("page.css"), flags=re.DOTALL))
    assert light.keys() == dark.keys()
    used = set(re.findall(r"var\(--([\w-]+)\)", stylesheet("page.css") + stylesheet("book.css", "checks.book") + STYLE))
    assert used - {"serif", "sans", "mono"} <= light.keys()


def test_a_grid_has_a_place_for_each_cell():
    cells = [[Cell("1", "lit", "one"), Cell()], [None, Cell("<")]]
    svg = ET.fromstring(grid(cells, label="a & b", size=30))
    assert (svg.get("role"), svg.get("width"), svg.get("viewBox")) == ("img", "60", "0 0 60 60")
    assert svg.findtext("title") == "a & b"
    assert svg.findtext("desc") == "one, empty; <"
    assert [(r.get("x"), r.get("y"), r.get("class")) for r in svg.iter("rect")] == [
        ("2", "2", "lit"),
        ("32", "2", None),
        ("32", "32", None),
    ]
    assert [t.text for t in svg.iter("text")] == ["1", "<"]
    assert svg.find("g").findtext("title") == "one"


def test_long_texts_are_set_smaller():
    sizes = [
        float(t.get("font-size"))
        for t in ET.fromstring(grid([[Cell("1234"), Cell("12345678")]], label="")).iter("text")
    ]
    assert sizes == pytest.approx([12.5, 6.2])


def test_styles_of_cells_differ_in_more_than_colour():
    outlines = {}
    for name in ("lit", "warm", "wrong", "tint", "dim"):
        (rule,) = re.findall(rf"^svg\.grid \.{name} \{{(.*?)\}}", STYLE, flags=re.MULTILINE)
        outlines[name] = tuple(re.findall(r"stroke-(?:width|dasharray): [\d. ]+", rule))
    assert len(set(outlines.values())) == len(outlines)


def nowhere(target, says):
    return None


def test_a_formula_within_a_line_is_kept_together_with_its_comma():
    made = markdown.text("so $`x_i`$, and $`y`$ ends", nowhere)
    assert made.startswith('<p>so <span class="together"><math>')
    assert "</math>,</span> and <math>" in made
    assert "</math> ends</p>" in made
    assert markdown.line("$`x`$", nowhere).endswith("</math>")


def test_dollars_and_code_that_are_no_formula_stay():
    assert markdown.line("5 $ and `a$b`", nowhere) == "5 $ and <code>a$b</code>"


def test_links_lead_where_they_are_told_to():
    def address(target, says):
        return "#here" if (target, says) == ("../a.md#b", "a") else None

    assert markdown.line("[a](../a.md#b), [b](c.py)!", address) == '<a href="#here">a</a>, b!'


def test_what_is_no_part_of_a_paragraph_is_escaped():
    assert markdown.line("<b> & c", nowhere) == "&lt;b&gt; &amp; c"
    assert markdown.line("1. The first", nowhere) == "1. The first", "a title is no list"


def test_tables_scroll():
    made = markdown.text("| a | b |\n|---|---|\n| 1 | 2 |\n", nowhere)
    assert made.startswith('<div class="scroll bleed" role="group" tabindex="0" aria-label="Table"><table>')
    assert made.strip().endswith("</table></div>")


@pytest.mark.parametrize(
    ("latex", "element"),
    [
        (r"\frac{a}{b}", "mfrac"),
        (r"\sum_{\substack{l,m\\ l=m}} x", "mtable"),
        (r"\begin{cases} a & b\\ c & d \end{cases}", "mtable"),
        (r"\begin{aligned} a &= b\\ c &= d \end{aligned}", "mtable"),
        (r"\left(a\right)^{\!\top}", "msup"),
    ],
)
def test_formulas_become_mathml(latex, element):
    made = ET.fromstring(markdown.formula(latex))
    assert made.get("display") == "block"
    assert made.find(f".//{element}") is not None
    assert "\\" not in "".join(made.itertext())


def test_words_in_quotes_are_quoted_as_in_the_prose():
    assert "‘full’" in markdown.formula(r"a \ \text{('full')}")
    assert "′" in markdown.formula("f'(x)")


@pytest.mark.parametrize("path", ["reference/_window.py", "tests/derivations/_notation.py"])
def test_a_listing_is_the_source(path):
    source = (ROOT / path).read_text(encoding="utf-8")
    assert unescape(re.sub(r"<[^>]+>", "", listing(source))) == source


def test_a_listing_sets_comments_texts_and_keywords_apart():
    made = listing('def f():  # <why>\n    """What."""\n')
    assert '<span class="k">def</span> f():  <span class="c"># &lt;why&gt;</span>' in made
    assert '<span class="s">"""What."""</span>' in made
