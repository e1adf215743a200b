"""The report in a browser: what it shows, to whom, and that it keeps to itself."""

from __future__ import annotations

from itertools import pairwise

import pytest

from checks import judge
from checks.render import html
from tests.judged import judged

selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pages are not looked at")
ActionChains, Keys = selenium.ActionChains, selenium.Keys
wait = pytest.importorskip("selenium.webdriver.support.wait")

THEMES = ("light", "dark")
WIDTHS = (360, 1400)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A failing report, a passing one and one on several ops, as files."""
    folder = tmp_path_factory.mktemp("reports")
    several = [
        judged("right"),
        judged("turned"),
        *(judge(op, seed=1, examples=5) for op in ("relu", "linear", "max_pool")),
    ]
    reports = {"failing": [judged("turned")], "passing": [judged("right")], "several": several}
    for name, shown in reports.items():
        (folder / f"{name}.html").write_text(html.render(*shown), encoding="utf-8")
    return folder


NAMES = ("failing", "passing", "several")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", NAMES)
def test_it_fits_and_asks_for_nothing_and_complains_of_nothing(page, pages, name, width):
    page.open(pages / f"{name}.html", width=width)
    assert page.overflow <= 0
    assert page.requests == []
    assert page.complaints == []


@pytest.mark.parametrize("name", NAMES)
def test_it_fits_on_paper(page, pages, name):
    page.open(pages / f"{name}.html", width=718)  # A4 with margins of a centimetre, at 96 pixels an inch
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert page.overflow <= 0
    assert page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_barrier(page, pages, axe, name, theme):
    rules = () if theme == "light" else ("color-contrast",)
    assert page.open(pages / f"{name}.html", dark=theme == "dark").barriers(axe, *rules) == []


def test_axe_would_find_a_barrier(page, axe, tmp_path):
    path = tmp_path / "bad.html"
    path.write_text("<!DOCTYPE html><html><head><title>x</title></head><body><img src='data:,'></body></html>")
    assert {"image-alt", "html-has-lang"} <= {rule for rule, *_ in page.open(path).barriers(axe)}


def test_the_themes_differ(page, pages):
    colours = {
        theme: page.open(pages / "failing.html", dark=theme == "dark").run(
            "return getComputedStyle(document.body).backgroundColor"
        )
        for theme in THEMES
    }
    assert len(set(colours.values())) == 2


def lit(page):
    """The symbols that are lit, but for the chosen one, and the formula that is shown."""
    cells = page.all("figure.meet .lit")
    (shown,) = [f for f in page.all("figure.meet [data-formula]") if f.is_displayed()]
    return {cell.text for cell in cells}, shown


def in_letters(page):
    """Elements as the documents name them."""
    page.run("arguments[0].click()", page.one("#in-letters"))


@pytest.mark.parametrize("script", [True, False])
def test_one_alphabet_is_shown_at_a_time_and_the_switch_needs_no_script(page, pages, script):
    page.open(pages / "passing.html", script=script)
    cells = {cell.text for cell in page.all("figure.meet .lit")}
    assert cells == {f"0,0,{i},{j}" for i in "01" for j in "01"}
    page.one("#in-letters").click()
    assert {cell.text for cell in page.all("figure.meet .lit")} == {
        f"{a}{i},{j}" for a in "KG" for i in "₁₂" for j in "₁₂"
    }
    assert not [e for e in page.all(".in-code") if e.is_displayed()]


def test_pointing_lights_up_who_meets_the_element(page, pages):
    """002, L4 read for V₁,₁: it stands in Z₁,₁ alone, with the factor K₁,₁ (L6)."""
    page.open(pages / "passing.html")
    in_letters(page)
    before, _ = lit(page)
    assert before == {f"{letter}{i},{j}" for letter in "KG" for i in "₁₂" for j in "₁₂"}
    ActionChains(page.driver).move_to_element(page.one('[data-cell="x.0.0.0.0"]')).perform()
    cells, shown = lit(page)
    assert cells == {"K₁,₁", "G₁,₁"}
    assert "".join(shown.text.split()).replace("\u2062", "") == "∂J∂V1,1=K1,1·G1,1"
    pressed = page.all("figure.meet [aria-pressed=true]")
    assert [button.text for button in pressed] == ["V₁,₁"]


def test_the_keyboard_does_the_same(page, pages):
    page.open(pages / "passing.html")
    in_letters(page)
    page.run("document.querySelector('[data-cell=\"x.0.0.0.0\"]').focus()")
    assert lit(page)[0] == {"K₁,₁", "G₁,₁"}
    ActionChains(page.driver).send_keys(Keys.TAB).perform()
    assert page.run("return document.activeElement.dataset.cell") == "x.0.0.0.1"
    assert lit(page)[0] == {"K₁,₂", "K₁,₁", "G₁,₁", "G₁,₂"}


def test_without_a_script_the_element_that_is_wrong_is_drawn(page, pages):
    page.open(pages / "failing.html", script=False)
    assert len(page.all("figure.meet .chosen")) == 1
    assert page.all("figure.meet .lit")
    shown = [f for f in page.all("figure.meet [data-formula]") if f.is_displayed()]
    assert len(shown) == 1
    assert "yours" in shown[0].text
    assert page.all(".missing")
    assert page.all(".extra")
    assert not page.all("button.copy"), "a button that could do nothing"


def test_a_failing_cell_leads_to_its_case(page, pages):
    page.open(pages / "several.html")
    page.run("arguments[0].click()", page.all(".laws td.broken a")[0])
    assert page.run("return document.querySelector(location.hash).classList.contains('failure')")


def test_the_command_can_be_copied(page, pages):
    page.open(pages / "failing.html")
    grant = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.driver.execute_cdp_cmd("Browser.grantPermissions", grant)
    button = page.all("button.copy")[0]
    command = page.run("return arguments[0].parentElement.querySelector('code').textContent", button)
    assert command.startswith("judge('conv', ")
    ActionChains(page.driver).move_to_element(button).click().perform()
    wait.WebDriverWait(page.driver, 5).until(lambda _: button.text == "Copied")
    copied = page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0], arguments[0])")
    assert copied == command


def test_no_picture_is_without_words(page, pages):
    page.open(pages / "failing.html")
    pictures = page.all("svg[role=img]")
    assert len(pictures) == 3
    for picture in pictures:
        assert "the worst is [" in picture.get_attribute("textContent")


def test_every_heading_is_one_step_below_the_last(page, pages):
    page.open(pages / "several.html")
    levels = page.run("return [...document.querySelectorAll('h1,h2,h3,h4,h5')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))
