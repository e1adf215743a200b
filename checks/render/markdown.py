"""Markdown as GitHub writes it, with $`LaTeX`$ in it, as HTML with MathML."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # neither is there without the extra `book`
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from math_core import LatexToMathML

OPEN, CLOSE = "$`", "`$"
CLOSING = ",.;:!?)’”"
TABLE = '<div class="scroll bleed" role="group" tabindex="0" aria-label="Table"><table>'

# What LaTeX calls a substack is to the converter an array of one column.
MACROS = {"substack": r"\begin{subarray}{c}#1\end{subarray}"}

Address = Callable[[str, str], str | None]  # of where a link leads, and what it says


def formula(latex: str) -> str:
    """A formula on a line of its own, as <math>."""
    return str(_converter().convert_with_local_state(_quoted(latex), displaystyle=True))


def text(markdown: str, address: Address) -> str:
    """Paragraphs, lists and tables as HTML. `address` says where a link leads in this page; None makes it plain text."""
    return _rendered(_parser().parse(markdown), address)


def line(markdown: str, address: Address) -> str:
    """The same for what is part of a line, such as a title."""
    return _rendered(_parser().parseInline(markdown), address)


def _rendered(tokens: Sequence[Any], address: Address) -> str:
    for token in tokens:
        _lead(token.children or (), address)
        _join(token.children or ())
    return str(_parser().renderer.render(tokens, _parser().options, {}))


def _lead(tokens: Sequence[Any], address: Address) -> None:
    """Links lead to where `address` says; those that lead nowhere become what they say."""
    nowhere = False
    for index, token in enumerate(tokens):
        if token.type == "link_open":
            to = address(str(token.attrGet("href")), tokens[index + 1].content)
            nowhere = to is None
            token.attrSet("href", to or "")
        if nowhere and token.type in ("link_open", "link_close"):
            nowhere = token.type == "link_open"
            token.type = "nothing"


def _join(tokens: Sequence[Any]) -> None:
    """No line begins with the comma that follows a formula."""
    for formula, after in pairwise(tokens):
        if formula.type == "math" and after.type == "text":
            rest = after.content.lstrip(CLOSING)
            formula.meta["after"] = after.content[: len(after.content) - len(rest)]
            after.content = rest


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "typographer": True}).enable(["table", "smartquotes"])
    parser.inline.ruler.before("backticks", "math", _math)
    parser.add_render_rule("math", _inline)
    parser.add_render_rule("nothing", lambda *_: "")
    parser.add_render_rule("table_open", lambda *_: TABLE)
    parser.add_render_rule("table_close", lambda *_: "</table></div>")
    return parser


def _math(state: StateInline, silent: bool) -> bool:
    """The rule of the parser for $`LaTeX`$: says whether some begins here, and unless `silent` takes it."""
    end = state.src.find(CLOSE, state.pos + len(OPEN))
    if not state.src.startswith(OPEN, state.pos) or end < 0:
        return False
    if not silent:
        state.push("math", "math", 0).content = state.src[state.pos + len(OPEN) : end]
    state.pos = end + len(CLOSE)
    return True


def _inline(_: Any, tokens: Sequence[Any], index: int, *__: Any) -> str:
    formula = str(_converter().convert_with_local_state(_quoted(tokens[index].content), displaystyle=False))
    after = tokens[index].meta.get("after")
    return f'<span class="together">{formula}{escape(after)}</span>' if after else formula


@cache
def _converter() -> LatexToMathML:
    from math_core import LatexToMathML

    return LatexToMathML(macros=MACROS, fancy_error=False)


def _quoted(latex: str) -> str:
    """Words in quotes get the quotes that the prose has."""
    return re.sub(r"(\\text\{[^}]*?)'(\w+)'", r"\1‘\2’", latex)
