"""Maps of one result: as it came, as it should be, and yours − right, on the same places and the same scale.

Each pair of the last two axes is a panel, so samples and channels become small multiples. Small whole numbers stand in
their cells. What is wrong is outlined in all three and said in words, as code would slice it; a legend says what each shade
stands for, and a table of the worst elements says the same in numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise, product
from math import inf, isfinite, isnan, prod

from checks.numbers.precision import PRECISIONS
from checks.render import words
from checks.render.page import scrolling
from checks.trials.exhibit import Compared, Exhibit

SMALL, WRITTEN, SPACE = (
    10,
    26,
    6,
)  # pixels: the side of a number, of one that is written, and what is left between panels
ACROSS = 120  # pixels' worth of small cells that stand in a row of panels
LONG, MANY = 999, 150  # the largest whole number that is written in its cell, and how many of them at most
WORST = 5  # elements that the table names

STYLE = """
svg.heat { max-width: none; height: auto; display: block; }
svg.heat .box { fill: var(--cell); stroke: var(--line-strong); stroke-width: 1; }
svg.heat .off { fill: none; stroke: var(--wrong); stroke-width: 3; stroke-linecap: square; }
svg.heat .under { fill: none; stroke: var(--paper); stroke-width: 5; stroke-linecap: square; }
svg.heat .at { fill: none; stroke: var(--ink); stroke-width: 2; stroke-dasharray: 3 2; }
svg.heat text {
  font: 11px/1 var(--sans); text-anchor: middle;
  fill: var(--ink); stroke: var(--cell); stroke-width: 3; paint-order: stroke;
}
.heat .p1 { fill: color-mix(in oklab, var(--accent) 25%, var(--cell)); }
.heat .p2 { fill: color-mix(in oklab, var(--accent) 50%, var(--cell)); }
.heat .p3 { fill: color-mix(in oklab, var(--accent) 75%, var(--cell)); }
.heat .p4 { fill: var(--accent); }
.heat .n1 { fill: color-mix(in oklab, var(--warm) 25%, var(--cell)); }
.heat .n2 { fill: color-mix(in oklab, var(--warm) 50%, var(--cell)); }
.heat .n3 { fill: color-mix(in oklab, var(--warm) 75%, var(--cell)); }
.heat .n4 { fill: var(--warm); }
.heat .nan { fill: var(--wrong); }
.maps { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
.maps > div { max-width: 100%; }
.maps .name { margin: 0 0 0.4em; font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2em 1em; padding: 0; margin: 0.6em 0; list-style: none; }
.legend svg.heat { display: inline-block; width: 0.9em; height: 0.9em; vertical-align: -0.1em; margin-right: 0.35em; }
.legend rect { stroke: var(--line-strong); }
"""


@dataclass(frozen=True)
class _Map:
    """One of the three maps: its name, its numbers, and what it is said to show."""

    name: str
    values: Sequence[float]
    label: str


@dataclass(frozen=True)
class _Look:
    """How all three maps are drawn.

    shape    of the result; the last two axes are the rows and columns of a panel
    wrong    whether each element is
    worst    the element that is marked
    largest  the number with the darkest shade
    written  whether numbers stand in their cells
    """

    shape: tuple[int, ...]
    wrong: Sequence[bool]
    worst: tuple[int, ...]
    largest: float
    written: bool

    @property
    def cell(self) -> int:
        """The side of a number, in pixels."""
        return WRITTEN if self.written else SMALL

    @property
    def panel(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = (1, 1, *self.shape)[-2:]
        return rows, columns


def heat(exhibit: Exhibit) -> str:
    """The three maps of the result that is wrong, what is wrong in words, their legend, and its worst elements."""
    compared = exhibit.results[exhibit.result]
    shape = compared.right.shape
    wrong = [bool(off) for off in _off(compared)]
    counted = f"{prod(shape)} numbers of shape {words.shape(shape)}"
    label = f"{exhibit.result}, {counted}, of which {sum(wrong)} are wrong; the worst is [{_written(exhibit.index)}]"
    yours, right = compared.yours.values, compared.right.values
    maps = (
        _Map("yours", yours, f"{label}: as it came"),
        _Map("right", right, f"{label}: as it should be"),
        _Map("yours − right", list(_differences(compared, wrong)), f"{label}: how far off"),
    )
    every = [abs(v) for m in maps for v in m.values]
    largest = max(filter(isfinite, every[: 2 * len(right)]), default=0.0)
    short = len(right) <= MANY and all(isfinite(v) and v <= LONG and v.is_integer() for v in every)
    look = _Look(shape, wrong, exhibit.index, largest, short)
    drawn = "".join(
        f'<div><p class="name">{m.name}</p>{scrolling(_panels(m, look), f"{exhibit.result}, {m.name}")}</div>'
        for m in maps
    )
    said = f"<p>Wrong, outlined: <code>{escape(region(exhibit.result, wrong, shape))}</code></p>"
    return f'{said}<div class="maps">{drawn}</div>{_legend(maps, largest)}{_table(exhibit, compared)}'


def region(result: str, wrong: Sequence[bool], shape: tuple[int, ...]) -> str:
    """Which elements are wrong, as code would slice them where that says it, else in how many of a slice."""
    at = [_index(flat, shape) for flat, is_off in enumerate(wrong) if is_off]
    hit = [sorted({index[axis] for index in at}) for axis in range(len(shape))]
    count, around = len(at), prod(map(len, hit))
    if count == len(wrong):
        return f"all of {result}"
    slices = f"{result}[{', '.join(_slice(one, size) for one, size in zip(hit, shape, strict=True))}]"
    return slices if count == around else f"{count} of the {around} elements of {slices}"


def _slice(indices: Sequence[int], size: int) -> str:
    """Indices along an axis as what stands between commas."""
    first, last = indices[0], indices[-1]
    if len(indices) == 1:
        return str(first)
    if len(indices) == size:
        return ":"
    steps = {after - before for before, after in pairwise(indices)}
    if len(steps) > 1:
        return f"[{', '.join(map(str, indices))}]"
    (step,) = steps
    end = "" if last + step >= size else str(last + 1)
    return f"{first or ''}:{end}{f':{step}' if step > 1 else ''}"


def _differences(compared: Compared, wrong: Sequence[bool]) -> Iterator[float]:
    """Yours − right of what is wrong, and 0 elsewhere."""
    for yours, right, is_off in zip(compared.yours.values, compared.right.values, wrong, strict=True):
        yield yours - right if is_off else 0.0


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


def _panels(drawn: _Map, look: _Look) -> str:
    """All panels of a map as one picture."""
    (rows, columns), cell, shape = look.panel, look.cell, look.shape
    lead = shape[:-2] if len(shape) > 1 else ()
    wide, high = columns * cell + SPACE, rows * cell + SPACE
    places = list(product(*map(range, lead)))
    across = max(1, min(ACROSS * SMALL // wide, lead[-1] if lead else 1))
    lines = -(-len(places) // across)
    boxes, shades, texts, edges = list[str](), dict[str, list[str]](), list[str](), list[str]()
    mark = ""
    for number, place in enumerate(places):
        left, top = number % across * wide + SPACE // 2, number // across * high + SPACE // 2
        boxes.append(f'<rect class="box" x="{left}" y="{top}" width="{columns * cell}" height="{rows * cell}"/>')
        start = number * rows * columns
        edges += _edges(look.wrong[start : start + rows * columns], rows, columns, (left, top, cell))
        for row, column in product(range(rows), range(columns)):
            value = drawn.values[start + row * columns + column]
            x, y = left + column * cell, top + row * cell
            shade = _signed(value, look.largest)
            if shade:
                shades.setdefault(shade, []).append(f"M{x} {y}h{cell}v{cell}h-{cell}z")
            if look.written:
                shown = f"{value:.0f}".replace("-", "−") if value else "0"
                texts.append(f'<text x="{x + cell // 2}" y="{y + cell // 2 + 4}">{shown}</text>')
            if (*place, row, column)[-len(shape) :] == look.worst or not shape:
                mark = f'<rect class="at" x="{x + 2}" y="{y + 2}" width="{cell - 4}" height="{cell - 4}"/>'
    filled = [f'<path class="{shade}" d="{"".join(paths)}"/>' for shade, paths in sorted(shades.items())]
    outline = "".join(edges)
    around = f'<path class="under" d="{outline}"/><path class="off" d="{outline}"/>'
    size = f'width="{across * wide}" height="{lines * high}" viewBox="0 0 {across * wide} {lines * high}"'
    inside = "".join((*boxes, *filled, around, mark, *texts))
    return f'<svg class="heat" role="img" {size}><title>{escape(drawn.label)}</title>{inside}</svg>'


def _edges(wrong: Sequence[bool], rows: int, columns: int, place: tuple[int, int, int]) -> Iterator[str]:
    """The sides that a wrong element does not share with another: together the outline of what is wrong in a panel."""
    left, top, cell = place

    def is_off(row: int, column: int) -> bool:
        return 0 <= row < rows and 0 <= column < columns and wrong[row * columns + column]

    for row, column in product(range(rows), range(columns)):
        if not is_off(row, column):
            continue
        x, y = left + column * cell, top + row * cell
        sides = ((-1, 0, x, y, "h"), (1, 0, x, y + cell, "h"), (0, -1, x, y, "v"), (0, 1, x + cell, y, "v"))
        for down, right, x0, y0, along in sides:
            if not is_off(row + down, column + right):
                yield f"M{x0} {y0}{along}{cell}"


def _legend(maps: Sequence[_Map], largest: float) -> str:
    """What the shades stand for, of those that occur."""
    positive = {f"p{shade}": f"up to {largest / 10 ** (4 - shade):.3g}" for shade in (4, 3, 2, 1)}
    negative = {f"n{shade}": f"down to −{largest / 10 ** (4 - shade):.3g}" for shade in (1, 2, 3, 4)}
    if any(isfinite(v) and abs(v) > largest for m in maps for v in m.values):  # a difference of unlike signs
        positive["p4"], negative["n4"] = f"{positive['p4']} and more", f"{negative['n4']} and less"
    used = {_signed(value, largest) for drawn in maps for value in drawn.values}
    items = "".join(
        f'<li><svg class="heat" viewBox="0 0 10 10" aria-hidden="true"><rect class="{shade}" width="10" height="10"/></svg>'
        f"{text}</li>"
        for shade, text in {**positive, **negative, "nan": "no finite number"}.items()
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
