"""A picture that is a file of its own: grids of cells beside one another, lines of text above and below, as SVG.

It has the look of the pages (grid.py, page.css), with each colour written out, so that programs which know no custom
properties draw it as well; dark where the reader's screen is. Text is text: it can be searched, copied and read aloud.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from math import ceil
from textwrap import wrap

from checks.render import grid
from checks.render.grid import Cell
from checks.render.page import stylesheet

MARGIN, SPACE = 16, 24  # pixels around the picture, and between two panels
CELL, SMALL_CELL, LARGE_CELL = 36, 29, 48  # pixels
MANY = 18  # columns of all panels together from which on cells are small, so that they stand beside one another
WIDEST, LINES = 1000, 720  # pixels beyond which panels stand below one another, and lines are broken
FONT, LINE = 16, 24  # pixels: the size of a letter, and from one line to the next
HANGING = " " * 4
AVERAGE, BOLD = 0.53, 0.64  # how wide a letter is on average, of its size
SIZES = {"title": 22, "note": 14}  # of the letters of a line, where they are not as usual

STYLE = """
svg.grid rect.paper { fill: var(--paper); stroke: none; }
svg.grid > text { text-anchor: start; dominant-baseline: auto; }
svg.grid > text.title { font-weight: 700; }
svg.grid > text.note { fill: var(--muted); }
svg.grid > text.name { font-weight: 600; }
svg.grid > text.sign { text-anchor: middle; }
"""


@dataclass(frozen=True)
class Panel:
    """One grid of a figure, what it is, and the sign that stands before it, such as =."""

    caption: str
    cells: tuple[tuple[Cell | None, ...], ...]
    sign: str = ""


@dataclass(frozen=True)
class Line:
    """A line of text; `style` is title, name, note, or "" for plain. Spaces before it are kept; long ones are broken."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Picture:
    """Lines, panels, lines; `title` names it for who cannot see it, and before it is opened.

    roomy   cells are large, so that their marks stand clear of what is in the middle
    canvas  how wide and how high it is at least, in pixels: the slides of a series are alike
    """

    title: str
    panels: tuple[Panel, ...]
    above: tuple[Line, ...] = ()
    below: tuple[Line, ...] = ()
    roomy: bool = False
    canvas: tuple[int, int] = (0, 0)

    @property
    def size(self) -> int:
        """Pixels of a cell: small where there are many beside one another."""
        if self.roomy:
            return LARGE_CELL
        return CELL if sum(_columns(panel) for panel in self.panels) < MANY else SMALL_CELL


def size(picture: Picture) -> tuple[int, int]:
    """How wide and how high the picture is, in pixels."""
    return _drawn(picture)[1:]


def svg(picture: Picture) -> str:
    """The picture as a document, which begins with <svg and ends with a line."""
    content, wide, high = _drawn(picture)
    described = "; ".join(f"{panel.caption}: {grid.description(panel.cells)}" for panel in picture.panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="grid" role="img" width="{wide}" height="{high}" '
        f'viewBox="0 0 {wide} {high}">\n<title>{escape(picture.title)}</title>\n'
        f"<desc>{escape(described)}</desc>\n<style>{style()}</style>\n"
        f'<rect class="paper" width="100%" height="100%"/>\n{content}</svg>\n'
    )


def _drawn(picture: Picture) -> tuple[str, int, int]:
    """What stands in the picture, and how wide and how high it is."""
    placed, width, height = _placed(picture)
    above, top = _lines(picture.above, width, MARGIN)
    below, bottom = _lines(picture.below, width, top + height + (SPACE / 2 if picture.panels else 0))
    drawn = "".join(_panel(panel, picture.size, MARGIN + x, top + y) for panel, x, y in placed)
    least_wide, least_high = picture.canvas
    size = max(ceil(width + 2 * MARGIN), least_wide), max(ceil(bottom + MARGIN), least_high)
    return f"{above}{drawn}{below}", *size


@cache
def style() -> str:
    """The style of light and of dark screens, with every colour written out; paper is light."""
    # The one rule that is not for a file: a page lets a picture shrink.
    rules = re.sub(r"svg\.grid \{[^}]*\}\n", "", grid.STYLE) + STYLE.lstrip()
    light, dark = _themes()
    coloured = "\n".join(_colours(rule) for rule in _with(rules, dark).splitlines() if "#" in rule)
    return f"{_with(rules, light)}@media screen and (prefers-color-scheme: dark) {{\n{coloured}\n}}\n"


def _colours(rule: str) -> str:
    """What a rule says of colours, and of nothing else."""
    whose, _, said = rule.partition("{")
    return f"{whose}{{{';'.join(one for one in said.strip('} ').split(';') if '#' in one)} }}"


def _themes() -> tuple[dict[str, str], dict[str, str]]:
    """The custom properties of the pages, by name: those of light screens, and of dark ones."""
    blocks = re.findall(r":root \{(.*?)\}", stylesheet("page.css"), re.DOTALL)
    light, dark, *_ = (dict(re.findall(r"(--[\w-]+): ([^;]+);", block)) for block in blocks)
    return light, light | dark


def _with(rules: str, properties: dict[str, str]) -> str:
    return re.sub(r"var\((--[\w-]+)\)", lambda found: properties[found[1]], rules)


def _columns(panel: Panel) -> int:
    return max((len(row) for row in panel.cells), default=0)


def _placed(picture: Picture) -> tuple[list[tuple[Panel, float, float]], float, float]:
    """Where each panel stands, in rows from the left, how wide the whole is, and how high."""
    placed: list[tuple[Panel, float, float]] = []
    x = y = high = widest = 0.0
    for panel in picture.panels:
        wide = max(_columns(panel) * picture.size, _width(Line(panel.caption, "name"))) + (SPACE if panel.sign else 0)
        if x and x + wide > WIDEST:
            x, y, high = 0.0, y + high + SPACE, 0.0
        placed.append((panel, x, y))
        high = max(high, LINE + len(panel.cells) * picture.size)
        widest = max(widest, x + wide)
        x += wide + SPACE
    longest = max((_width(line) for line in (*picture.above, *picture.below)), default=0.0)
    return placed, max(widest, min(longest, LINES)), y + high


def _width(line: Line) -> float:
    return (BOLD if line.style in {"title", "name"} else AVERAGE) * _font(line) * len(line.text)


def _font(line: Line) -> int:
    return SIZES.get(line.style, FONT)


def _lines(lines: Sequence[Line], width: float, top: float) -> tuple[str, float]:
    """The lines, each broken where it is wider than that, and where the next would stand."""
    written = ""
    for line in lines:
        size = _font(line)
        for indent, text in _broken(line, round(width / (AVERAGE * size))):
            kind = f' class="{line.style}"' if line.style else ""
            top += LINE * size / FONT
            at = f'x="{MARGIN + indent * size * AVERAGE:g}" y="{top - 0.35 * size:g}" font-size="{size}"'
            written += f"<text{kind} {at}>{escape(text)}</text>\n"
    return written, top + (SPACE / 2 if lines else 0)


def _broken(line: Line, signs: int) -> Iterator[tuple[int, str]]:
    """The parts of a line, and how many signs each is indented; what goes on is indented, but in notes."""
    text = line.text.lstrip(" ")
    first = line.text[: len(line.text) - len(text)]
    after = first if line.style else first + HANGING
    for part in wrap(
        text,
        max(20, signs),
        initial_indent=first,
        subsequent_indent=after,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        yield len(part) - len(part.lstrip(" ")), part.lstrip(" ")


def _panel(panel: Panel, size: int, x: float, y: float) -> str:
    """A panel under its name, after its sign."""
    sign = ""
    if panel.sign:
        middle = y + LINE + len(panel.cells) * size / 2 + FONT / 3
        sign = (
            f'<text class="sign" x="{x + SPACE / 2:g}" y="{middle:g}" font-size="{FONT}">{escape(panel.sign)}</text>\n'
        )
        x += SPACE
    name = f'<text class="name" x="{x:g}" y="{y + FONT:g}" font-size="{FONT}">{escape(panel.caption)}</text>\n'
    cells = grid.drawn(panel.cells, size)
    return f'{sign}{name}<g class="cells" transform="translate({x:g} {y + LINE:g})">{cells}</g>\n'
