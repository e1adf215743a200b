"""A grid of labelled cells as inline SVG: arrays small enough to be read element by element.

Colours come from the page's custom properties, so that a grid follows its theme. No style differs by hue alone: each has an
outline of its own, which print and eyes that tell few colours apart keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

GAP = 2  # pixels between a cell and the edge of its place, so that no outline covers its neighbour's
BOLD = 1.2  # how much wider bold characters are
FITS = 3.3  # characters of average width that a cell shows at full size

STYLE = """
svg.grid { max-width: 100%; height: auto; overflow: visible; }
svg.grid rect { fill: var(--cell); stroke: var(--line); stroke-width: 1; }
svg.grid text { fill: var(--ink); font-family: var(--sans); text-anchor: middle; dominant-baseline: central; }
svg.grid .lit { fill: var(--accent-soft); stroke: var(--accent); stroke-width: 3; }
svg.grid .warm { fill: var(--warm-soft); stroke: var(--warm); stroke-width: 3; stroke-dasharray: 6 3; }
svg.grid .wrong { fill: var(--wrong-soft); stroke: var(--wrong); stroke-width: 4; stroke-dasharray: 2 2; }
svg.grid .tint { fill: var(--tint); stroke: var(--line-strong); stroke-width: 1.5; }
svg.grid .dim { fill: none; stroke: var(--line-strong); stroke-dasharray: 1 3; }
svg.grid .head { fill: none; stroke: none; }
svg.grid text.dim, svg.grid text.head { fill: var(--muted); stroke: none; }
svg.grid text.lit, svg.grid text.warm, svg.grid text.wrong { fill: var(--ink); stroke: none; font-weight: 700; }
svg.grid text.mark { text-anchor: end; font-weight: 400; }
svg.grid text.tint { fill: var(--ink); stroke: none; }
"""


@dataclass(frozen=True)
class Cell:
    """One place of a grid.

    `style` is one of lit, warm, wrong, tint, dim, head, or a class that the page defines for rect and text; "" is plain.
    `label` is what the cell says to who points at it, and what the description says instead of `text`. `mark` stands small
    in its upper right corner.
    """

    text: str = ""
    style: str = ""
    label: str = ""
    mark: str = ""


def grid(cells: Sequence[Sequence[Cell | None]], *, label: str, size: int = 36) -> str:
    """Rows of cells, each `size` pixels wide and high, as one <svg>; None leaves a place empty.

    `label` is the name of the picture; its description reads the cells row by row.
    """
    columns = max((len(row) for row in cells), default=0)
    width, height = columns * size, len(cells) * size
    return (
        f'<svg class="grid" role="img" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"<title>{escape(label)}</title><desc>{escape(description(cells))}</desc>{drawn(cells, size)}</svg>"
    )


def drawn(cells: Sequence[Sequence[Cell | None]], size: int) -> str:
    """The cells alone, from the corner on: what stands within an <svg>."""
    return "".join(
        _cell(cell, column * size, row * size, size)
        for row, along in enumerate(cells)
        for column, cell in enumerate(along)
        if cell is not None
    )


def _cell(cell: Cell, x: int, y: int, size: int) -> str:
    style = f' class="{escape(cell.style)}"' if cell.style else ""
    side = size - 2 * GAP
    parts = [f'<rect{style} x="{x + GAP}" y="{y + GAP}" width="{side}" height="{side}" rx="3"/>']
    if cell.text:
        wide = len(cell.text) * (BOLD if cell.style in {"lit", "warm", "wrong"} else 1)
        font = round(0.42 * size * min(1.0, FITS / wide), 1)
        middle = f'x="{x + size / 2:g}" y="{y + size / 2:g}" font-size="{font:g}"'
        parts.append(f"<text{style} {middle}>{escape(cell.text)}</text>")
    if cell.mark:
        corner = f'x="{x + size - GAP - 3:g}" y="{y + GAP + 6:g}" font-size="{0.26 * size:g}"'
        parts.append(f'<text class="mark" {corner}>{escape(cell.mark)}</text>')
    if cell.label:
        return f"<g><title>{escape(cell.label)}</title>{''.join(parts)}</g>"
    return "".join(parts)


def description(cells: Sequence[Sequence[Cell | None]]) -> str:
    """What the cells say, row by row."""
    rows = [[cell.label or cell.text or "empty" for cell in row if cell is not None] for row in cells]
    return "; ".join(", ".join(row) for row in rows if row)
