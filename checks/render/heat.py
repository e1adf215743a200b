"""Heat maps of one result: as it came, as it should be, and how far apart, on the same places side by side.

Each pair of the last two axes is a panel, so samples and channels become small multiples. One path a shade keeps a map of
hundreds of numbers small. Shades run from the page's paper to a colour, a legend says what each stands for, and a table of
the worst elements says the same in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import product
from math import inf, isfinite, isnan, prod

from checks.numbers.precision import PRECISIONS
from checks.render import words
from checks.render.page import scrolling
from checks.trials.exhibit import Compared, Exhibit, Numbers

CELL, SPACE = 10, 6  # pixels: the side of a number, and what is left between panels
ACROSS = 12  # panels in a row
DECADES = (-12, -9, -6, -3, 0)  # of the error as a share of the largest right number: the shades between these
WORST = 5  # elements that the table names

STYLE = """
svg.heat { max-width: none; height: auto; display: block; }
svg.heat .box { fill: var(--cell); stroke: var(--line-strong); stroke-width: 1; }
svg.heat .at { fill: none; stroke: var(--ink); stroke-width: 2; }
svg.heat .at2 { fill: none; stroke: var(--paper); stroke-width: 4; }
.heat .p1 { fill: color-mix(in oklab, var(--accent) 25%, var(--cell)); }
.heat .p2 { fill: color-mix(in oklab, var(--accent) 50%, var(--cell)); }
.heat .p3 { fill: color-mix(in oklab, var(--accent) 75%, var(--cell)); }
.heat .p4 { fill: var(--accent); }
.heat .n1 { fill: color-mix(in oklab, var(--warm) 25%, var(--cell)); }
.heat .n2 { fill: color-mix(in oklab, var(--warm) 50%, var(--cell)); }
.heat .n3 { fill: color-mix(in oklab, var(--warm) 75%, var(--cell)); }
.heat .n4 { fill: var(--warm); }
.heat .e1 { fill: color-mix(in oklab, var(--wrong) 15%, var(--cell)); }
.heat .e2 { fill: color-mix(in oklab, var(--wrong) 32%, var(--cell)); }
.heat .e3 { fill: color-mix(in oklab, var(--wrong) 49%, var(--cell)); }
.heat .e4 { fill: color-mix(in oklab, var(--wrong) 66%, var(--cell)); }
.heat .e5 { fill: color-mix(in oklab, var(--wrong) 83%, var(--cell)); }
.heat .e6, .heat .nan { fill: var(--wrong); }
.maps { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
.maps > div { max-width: 100%; }
.maps .name { margin: 0 0 0.4em; font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2em 1em; padding: 0; margin: 0.6em 0; list-style: none; }
.legend svg.heat { display: inline-block; width: 0.9em; height: 0.9em; vertical-align: -0.1em; margin-right: 0.35em; }
.legend rect { stroke: var(--line-strong); }
"""


@dataclass(frozen=True)
class _Map:
    """One of the three maps: its name, the shade of each number ("" is none), and what it is said to show."""

    name: str
    shades: Sequence[str]
    label: str


def heat(exhibit: Exhibit) -> str:
    """The three maps of the result that is wrong, their legend, and its worst elements in words."""
    compared = exhibit.results[exhibit.result]
    shape = compared.right.shape
    wrong = sum(1 for off in _off(compared) if off)
    counted = f"{prod(shape)} numbers of shape {words.shape(shape)}"
    label = f"{exhibit.result}, {counted}, of which {wrong} are wrong; the worst is [{_written(exhibit.index)}]"
    largest = max((abs(v) for n in (compared.yours, compared.right) for v in n.values if isfinite(v)), default=0.0)
    maps = (
        _Map("yours", [_signed(v, largest) for v in compared.yours.values], f"{label}: as it came"),
        _Map("right", [_signed(v, largest) for v in compared.right.values], f"{label}: as it should be"),
        _Map("difference", [_error(off, compared.right) for off in _off(compared)], f"{label}: how far off"),
    )
    drawn = "".join(
        f'<div><p class="name">{m.name}</p>'
        f"{scrolling(_panels(m, shape, exhibit.index), f'{exhibit.result}, {m.name}')}</div>"
        for m in maps
    )
    return f'<div class="maps">{drawn}</div>{_legend(maps, largest)}{_table(exhibit, compared)}'


def _off(compared: Compared) -> list[float]:
    """The error of each element where it is more than is allowed, and 0 elsewhere."""
    return [
        0.0 if y == r or abs(y - r) <= a or (isnan(y) and isnan(r)) else abs(y - r) if isfinite(y - r) else inf
        for y, r, a in zip(compared.yours.values, compared.right.values, compared.allowed.values, strict=True)
    ]


def _signed(value: float, largest: float) -> str:
    """One of four shades a sign, a decade each, from the largest number down."""
    if not isfinite(value):
        return "nan"
    if value == 0:
        return ""
    shade = 4 - sum(abs(value) <= largest / 10**decade for decade in (1, 2, 3))
    return f"{'p' if value > 0 else 'n'}{shade}"


def _error(off: float, right: Numbers) -> str:
    if off == 0:
        return ""
    scale = max((abs(v) for v in right.values if isfinite(v)), default=0.0) or 1.0
    return f"e{1 + sum(off / scale > 10.0**decade for decade in DECADES)}"


def _panels(drawn: _Map, shape: tuple[int, ...], worst: tuple[int, ...]) -> str:
    """All panels of a map as one picture."""
    rows, columns = ((1, 1, *shape)[-2:]) if len(shape) > 1 else (1, (1, *shape)[-1])
    lead = shape[:-2] if len(shape) > 1 else ()
    wide, high = columns * CELL + SPACE, rows * CELL + SPACE
    places = list(product(*map(range, lead)))
    across = min(ACROSS, max(1, lead[-1] if lead else 1))
    lines = -(-len(places) // across)
    parts, shades = [], dict[str, list[str]]()
    for number, _ in enumerate(places):
        x, y = number % across * wide + SPACE // 2, number // across * high + SPACE // 2
        parts.append(f'<rect class="box" x="{x}" y="{y}" width="{columns * CELL}" height="{rows * CELL}"/>')
        for row, column in product(range(rows), range(columns)):
            shade = drawn.shades[(number * rows + row) * columns + column]
            if shade:
                shades.setdefault(shade, []).append(f"M{x + column * CELL} {y + row * CELL}h{CELL}v{CELL}h-{CELL}z")
            if (*places[number], row, column)[-len(shape) :] == worst or not shape:
                box = f'x="{x + column * CELL}" y="{y + row * CELL}" width="{CELL}" height="{CELL}"'
                outline = f'<rect class="at2" {box}/><rect class="at" {box}/>'
    filled = [f'<path class="{shade}" d="{"".join(paths)}"/>' for shade, paths in sorted(shades.items())]
    size = f'width="{across * wide}" height="{lines * high}" viewBox="0 0 {across * wide} {lines * high}"'
    inside = "".join((*parts, *filled, outline))
    return f'<svg class="heat" role="img" {size}><title>{escape(drawn.label)}</title>{inside}</svg>'


def _legend(maps: Sequence[_Map], largest: float) -> str:
    """What the shades stand for, of those that occur."""
    positive = {f"p{shade}": f"up to {largest / 10 ** (4 - shade):.3g}" for shade in (4, 3, 2, 1)}
    negative = {f"n{shade}": f"down to −{largest / 10 ** (4 - shade):.3g}" for shade in (1, 2, 3, 4)}
    shares = dict(zip(("e1", "e2", "e3", "e4"), ("10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³"), strict=True))
    errors = {shade: f"off by up to {share} of the largest right number" for shade, share in shares.items()}
    errors |= {"e5": "off by up to the largest right number", "e6": "off by more than the largest right number"}
    used = {shade for drawn in maps for shade in drawn.shades}
    items = "".join(
        f'<li><svg class="heat" viewBox="0 0 10 10" aria-hidden="true"><rect class="{shade}" width="10" height="10"/></svg>'
        f"{text}</li>"
        for shade, text in {**positive, **negative, **errors, "nan": "no finite number"}.items()
        if shade in used
    )
    return f'<ul class="legend small muted">{items}</ul>'


def _table(exhibit: Exhibit, compared: Compared) -> str:
    """The elements that are furthest off, in words."""
    off = _off(compared)
    worst = sorted(range(len(off)), key=lambda i: (i != _flat(exhibit.index, compared.right.shape), -off[i]))
    rows = "".join(_row(exhibit, compared, i) for i in worst[:WORST] if off[i])
    head = "".join(
        f'<th scope="col"{c}>{h}</th>' for h, c in zip(("element", *_COLUMNS), ("", *[_NUMBER] * 4), strict=True)
    )
    caption = "the worst elements" if sum(map(bool, off)) > WORST else "the elements that are wrong"
    table = f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return scrolling(table, f"{exhibit.result}: {caption}")


_COLUMNS = ("yours", "right", "difference", "in ulp of the right one")
_NUMBER = ' class="number"'


def _row(exhibit: Exhibit, compared: Compared, flat: int) -> str:
    yours, right = compared.yours.values[flat], compared.right.values[flat]
    ulp = PRECISIONS[exhibit.problem.dtype].ulp(right)
    off = abs(yours - right)
    apart = f"{off / ulp:.3g}" if ulp and isfinite(off) else "–"
    cells = (words.number(yours), words.number(right), f"{off:.3g}", apart)
    shown = "".join(f"<td{_NUMBER}>{cell}</td>" for cell in cells)
    name = f"{exhibit.result}[{_written(_index(flat, compared.right.shape))}]"
    return f'<tr><th scope="row"><code>{name}</code></th>{shown}</tr>'


def _index(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    index: list[int] = []
    for size in reversed(shape):
        flat, i = divmod(flat, size)
        index.insert(0, i)
    return tuple(index)


def _flat(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    flat = 0
    for i, size in zip(index, shape, strict=True):
        flat = flat * size + i
    return flat


def _written(index: tuple[int, ...]) -> str:
    return ",".join(map(str, index))
