"""Python as a listing: comments and texts set apart, keywords bold, nothing else."""

from __future__ import annotations

import io
import keyword
import tokenize
from html import escape

STYLE = """
.listing .c, .listing .s { color: var(--muted); }
.listing .c { font-style: italic; }
.listing .k { color: var(--accent); font-weight: 600; }
"""


def listing(source: str) -> str:
    """Python source as <pre>; raises what `tokenize` raises if it is no Python."""
    lines = source.splitlines(keepends=True)
    parts, row, column = [], 1, 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        style = _style(token)
        if style:
            parts += [
                _between(lines, (row, column), token.start),
                f'<span class="{style}">{_escaped(token.string)}</span>',
            ]
            row, column = token.end
    parts.append(_between(lines, (row, column), (len(lines), len(lines[-1]) if lines else 0)))
    return f'<pre class="listing"><code>{"".join(parts)}</code></pre>'


def _style(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.COMMENT:
        return "c"
    if token.type == tokenize.STRING:
        return "s"
    return "k" if token.type == tokenize.NAME and keyword.iskeyword(token.string) else ""


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """What stands between two places, each a row from 1 and a column from 0."""
    (first, column), (last, until) = start, end
    if first == last:
        return _escaped(lines[first - 1][column:until] if lines else "")
    return _escaped(lines[first - 1][column:] + "".join(lines[first : last - 1]) + lines[last - 1][:until])


def _escaped(text: str) -> str:
    return escape(text, quote=False)
