"""The page of a scoreboard: a table of ops and dtypes for each framework, plain and compiled, and what is wrong in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from checks.render.page import page, scrolling

NOT_OFFERED, STOPPED = "not offered", "stopped"
SIGNS = {
    "right": "✓",
    "wrong": "✗",
    "undecided": "?",
    "not judged": "!",
    STOPPED: "…",
    NOT_OFFERED: "–",
}
MEANINGS = {
    "right": "nothing is broken, and everything was decided",
    "wrong": "a gradient, or y, is wrong; what follows says which",
    "undecided": "nothing is broken, but rounding alone could hide it",
    "not judged": "it raised, or its process ended",
    STOPPED: "nothing was wrong until time was up",
    NOT_OFFERED: "the framework does not have it in this dtype",
}
STYLE = """
.board td { text-align: center; }
.board td.wrong, .board td.judged { font-weight: 700; background: var(--wrong-soft); }
.board td a { display: block; text-decoration: none; }
.cell { border-top: 1px solid var(--line); }
"""

Cell = Mapping[str, Any]


def render(cells: Sequence[Cell]) -> str:
    """The page of these cells, which are as JSON holds them."""
    groups: dict[tuple[str, str, bool], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell["framework"], cell["version"], cell["compiled"]), []).append(cell)
    dates = sorted({cell["date"] for cell in cells})
    when = " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else "never"
    body = "".join(
        [
            f'<main id="main"><h1>Scoreboard</h1><p>What frameworks get right of their own ops: {escape(when)}.</p>',
            f"<p>{' · '.join(f'{SIGNS[v]} {v}: {escape(words)}' for v, words in MEANINGS.items())}</p>",
            *(_table(*group, of) for group, of in groups.items()),
            *_details(cells),
            "</main>",
        ]
    )
    return page("Scoreboard", body, style=STYLE)


def _table(framework: str, version: str, compiled: bool, cells: Sequence[Cell]) -> str:
    name = f"{framework} {version}{', compiled' * compiled}"
    dtypes = list(dict.fromkeys(cell["dtype"] for cell in cells))
    found = {(cell["op"], cell["dtype"]): cell for cell in cells}
    head = "".join(f'<th scope="col">{escape(dtype)}</th>' for dtype in dtypes)
    rows = "".join(
        f'<tr><th scope="row">{escape(op)}</th>{"".join(_sign(found.get((op, dtype))) for dtype in dtypes)}</tr>'
        for op in dict.fromkeys(cell["op"] for cell in cells)
    )
    table = f'<table class="board"><thead><tr><th scope="col">op</th>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f"<h2>{escape(name)}</h2>{scrolling(table, name)}"


def _sign(cell: Cell | None) -> str:
    if cell is None:
        return '<td title="not run"></td>'
    verdict = cell["verdict"]
    sign = f'<a href="#{_anchor(cell)}">{SIGNS[verdict]}</a>' if _is_told(cell) else SIGNS[verdict]
    return f'<td class="{escape(verdict.split()[-1])}" title="{escape(verdict)}">{sign}</td>'


def _details(cells: Sequence[Cell]) -> Iterator[str]:
    """What is to be said of each cell, and how it is judged again."""
    for cell in cells:
        name = f"{cell['op']} of {cell['framework']}{', compiled' * cell['compiled']}, {cell['dtype']}"
        if _is_told(cell):
            lines = [*cell["said"], *cell.get("undecided", ()), *cell.get("warnings", ())]
            told = "".join(f"<p>{escape(line)}</p>" for line in lines)
            again = "".join(
                f"<pre><code>{escape(line)}</code></pre>" for line in [cell["command"], *cell.get("again", ())]
            )
            boxed = scrolling(again, f"how {name} is judged again", kind="code")
            yield (
                f'<section class="cell" id="{_anchor(cell)}"><h3>{escape(name)}: {escape(cell["verdict"])}</h3>'
                f"{told}{boxed}</section>"
            )
    yield "<h2>Commands</h2><details><summary>What judges each cell again</summary>"
    yield scrolling(f"<pre>{escape(chr(10).join(cell['command'] for cell in cells))}</pre>", "commands", kind="code")
    yield "</details>"


def _is_told(cell: Cell) -> bool:
    return bool(cell["verdict"] != "right")


def _anchor(cell: Cell) -> str:
    how = "compiled" if cell["compiled"] else "plain"
    return "-".join((cell["framework"], cell["op"], cell["dtype"], how))
