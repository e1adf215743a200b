"""A picture as PNG, by resvg, which needs no program and no library of the system: `pip install -e '.[png]'`."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec

PACKAGE = "resvg_py"
# Asked for by name, since resvg knows no face for "sans-serif" of its own; the first have every sign of a formula.
FACES = "DejaVu Sans", "Noto Sans", "Segoe UI", "Helvetica Neue", "Arial", "Liberation Sans", "Verdana", "Roboto"
ZOOM = 2  # pixels for one of the drawing, so that letters are sharp on a slide


def require() -> None:
    """ValueError if what draws PNG is not installed."""
    if find_spec(PACKAGE) is None:
        raise ValueError("png needs resvg-py: pip install -c constraints.txt -e '.[png]'; svg needs nothing")


def png(drawing: str) -> bytes:
    """An SVG document as PNG, twice as large, in its light colours; ValueError if there are no letters to write with."""
    require()
    if not _has_letters():
        raise ValueError("png needs a font, and none is installed, such as DejaVu Sans; svg is drawn with the reader's")
    return _drawn(drawing)


@cache
def _has_letters() -> bool:
    """Whether text leaves a trace: without a font none is written, and nobody says so."""
    empty = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"></svg>'
    text = '<text x="4" y="16" font-size="16">K</text></svg>'
    return _drawn(empty) != _drawn(empty.replace("</svg>", text))


def _drawn(drawing: str) -> bytes:
    faces = ", ".join(f"'{face}'" for face in FACES)
    asked = re.sub(r"font-family: [^;]+;", f"font-family: {faces};", drawing)
    bare = asked.replace("<text ", f'<text font-family="{faces}" ') if "font-family:" not in asked else asked
    return bytes(import_module(PACKAGE).svg_to_bytes(svg_string=bare, zoom=ZOOM))
