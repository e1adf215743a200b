"""The figures of the book as files of their own, under the ids of their results: L7.svg."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from checks.book import documents
from checks.book.binding import ROOT, require_clone
from checks.book.figures import FIGURES
from checks.render.picture import Line, Picture

# What captions and titles have of LaTeX, as signs of a line of text.
SIGNS = {
    **dict(
        zip(
            [
                r"\alpha",
                r"\beta",
                r"\gamma",
                r"\delta",
                r"\varepsilon",
                r"\sigma",
                r"\partial",
                r"\le",
                r"\rho",
                r"\mu",
            ],
            "αβγδεσ∂≤ρμ",
            strict=True,
        )
    ),
    r"\tfrac12": "½",
    r"\tfrac14": "¼",
    r"\tilde B": "B̃",
}
LOWERED = str.maketrans("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")


def plates(root: Path = ROOT) -> Iterator[tuple[str, Picture]]:
    """Each figure under its id; its title and its caption are lines of text, without the signs of LaTeX.

    Raises ValueError if this is no clone of the repository, which alone has the texts.
    """
    require_clone(root)
    for document in documents.documents(root / "docs"):
        for entry in document.entries:
            if entry.id in FIGURES:
                figure = FIGURES[entry.id]()
                title = f"{entry.id}: {_plain(entry.title)}"
                caption = (Line(_plain(figure.caption), "note"),)
                yield entry.id, Picture(title, figure.parts, above=(Line(title, "title"),), below=caption)


def _plain(markdown: str) -> str:
    """A line of Markdown as text; ValueError for LaTeX that has no signs here."""
    return re.sub(r"\$`(.*?)`\$", lambda found: _signs(found[1]), markdown).replace("`", "")


def _signs(latex: str) -> str:
    for command, sign in SIGNS.items():
        latex = re.sub(re.escape(command) + r"(?![a-z])", sign, latex)
    latex = latex.replace("∂ ", "∂")
    written = re.sub(r"_(?:\{(\w+)\}|(\w))", lambda found: (found[1] or found[2]).translate(LOWERED), latex)
    if set(written) & set("\\{}^_"):
        raise ValueError(f"no line of text is known for {latex}; plates.SIGNS has what is")
    return written
