"""The documents as a site: `sphinx-build -W docs build/site`, by Sphinx, with MyST for Markdown and Furo for the look.

Why Sphinx: the reference of functions is read from their docstrings (autodoc), links between pages are checked, and a page
that asks for nothing from a network is the usual case. The documents stay Markdown as GitHub shows it; what differs on a
site is rewritten when they are read: links into the derivations lead into the book, whose proofs are run for it.
"""

from __future__ import annotations

import os
import re
import sys
from inspect import getdoc
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx  # noqa: TC002, Sphinx resolves annotations

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))

from checks.book.binding import write  # noqa: E402, the project as it lies here
from checks.laws import laws  # noqa: E402
from checks.ops import ops  # noqa: E402
from checks.render.markdown import formula  # noqa: E402

project = "gradoracle"
author = copyright = "the authors of gradoracle"  # noqa: A001, as Sphinx calls it
extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown", ".site": "markdown"}
exclude_patterns = ["derivations", "open-questions.md"]  # the book has them, with formulas that need no script
html_theme = "furo"
html_title = project
html_static_path = ["site"]
html_extra_path = [file.name for file in DOCS.glob("*.html")]  # pages that something else has made: the scoreboard
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sphinx = html_copy_source = False
# Their formulas and code as they stand in docstrings: no signature is worth a line of defaults that nobody can read.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
myst_heading_anchors = 4
myst_url_schemes = {"http": None, "https": None, "book": "derivations.html#{{path}}", "site": "{{path}}"}
nitpicky = True

LINK = re.compile(r"(!?)\[((?:[^\]\[]|\[[^\]]*\])*)\]\(([^)\s#]*)(?:#([^)\s]+))?\)")
PAGES = {"README.md": "index.site", "CONTRIBUTING.md": "contributing.site"}
# Landmarks that a screen reader could not tell apart, and the one page without a first heading.
NAMED = {
    '<aside class="sidebar-drawer"': '<aside aria-label="All pages" class="sidebar-drawer"',
    '<aside class="toc-drawer': '<aside aria-label="This page" class="toc-drawer',
    '<div id="search-results"></div>': '<h1>Search</h1><div id="search-results"></div>',
}
FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def rewritten(markdown: str, folder: Path) -> str:
    """A document of this folder as the site has it: every link leads to a page, into the book, or to a file."""

    def link(found: re.Match[str]) -> str:  # noqa: PLR0911, one place after another
        sign, says, path, fragment = found.groups()
        if path.startswith("http") or not path:
            return found[0]
        file = (folder / path).resolve()
        if not file.is_file():
            return says  # a folder: a site has none
        place = f"#{fragment}" if fragment else ""
        if file.name in html_extra_path:
            return f"[{says}](site:{file.name})"
        if file.parent.name == "derivations":
            return f"[{says}](book:{_anchor(file, fragment)})"
        if file.name == "open-questions.md":
            return f"[{says}](book:open-questions)"
        page = PAGES.get(file.name) if file.parent == ROOT else None
        if sign or page or file.parent == DOCS:
            return f"{sign}[{says}]({page or os.path.relpath(file, DOCS)}{place})"
        return f"[{says}](path:{os.path.relpath(file, DOCS)})"  # not a page: as the file that it is

    parts = FENCED.split(markdown)
    return "".join(_block(part) if odd % 2 else LINK.sub(link, part) for odd, part in enumerate(parts))


def _block(fenced: str) -> str:
    """A block of code as it is; a formula as MathML, which needs no script."""
    if not fenced.startswith("```math\n"):
        return fenced
    latex = fenced.removeprefix("```math\n").removesuffix("\n```")
    return f'<div class="formula">{formula(latex)}</div>'


def _anchor(file: Path, fragment: str | None) -> str:
    """Where the book has what a link into the derivations leads to."""
    if fragment:
        return fragment.partition("-")[0].upper()
    number = file.name.partition("-")[0]
    return f"chapter-{number}" if number.isdigit() else "derivations"


def read(app: Sphinx, name: str, source: list[str]) -> None:  # noqa: ARG001, as Sphinx calls it
    """A page as it is read: the README and CONTRIBUTING from where they lie, the reference from what there is."""
    for file in PAGES:
        source[0] = source[0].replace(f"@{file}@", rewritten((ROOT / file).read_text(encoding="utf-8"), ROOT))
    if name == "api":
        source[0] = source[0].replace("@reference@", _modules(f"reference.{op}" for op in ops()))
        source[0] = source[0].replace("@laws@", _modules(f"checks.laws.{law}" for law in laws()))
    elif name not in {"index", "contributing"}:
        source[0] = rewritten(source[0], DOCS)
    if name == "index":
        listed = source[0].partition("{toctree}")[2]
        others = [
            page.name for page in sorted(DOCS.glob("*.md")) if page.name not in {*listed.split(), *exclude_patterns}
        ]
        source[0] = source[0].replace("@others@\n", "".join(f"{page}\n" for page in others))
        scores = (
            "[The scoreboard](site:scoreboard.html), of other libraries."
            if "scoreboard.html" in html_extra_path
            else ""
        )
        source[0] = source[0].replace("@scoreboard@", scores)


def _modules(names: Any) -> str:
    """The documentation of these modules: what they say of themselves, and their public functions."""
    of = ".. automodule:: {0}\n   :members:\n   :exclude-members: RANK, DECIDES\n"
    return "\n".join(f"{name}\n{'~' * len(name)}\n\n{of.format(name)}" for name in names)


def told(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:  # noqa: ARG001
    """A docstring: its first paragraph as text, the rest as it stands, since it is laid out in columns and formulas."""
    text = "\n".join(lines) if what == "attribute" else (getdoc(thing) or "\n".join(lines))
    first, _, rest = text.strip().partition("\n\n")
    lines[:] = [re.sub(r"([\\*_|`\[\]<>])", r"\\\1", first.replace("\n", " "))]
    if rest:
        lines += ["", ".. code-block:: text", "", *(f"   {line}".rstrip() for line in rest.splitlines()), ""]


def bound(app: Sphinx, failed: Exception | None) -> None:
    """What the theme leaves unnamed has a name; and the book, beside the pages that link into it: all has to be proved."""
    if failed is not None or app.builder.format != "html":
        return
    for page in Path(app.outdir).glob("*.html"):
        text = page.read_text(encoding="utf-8")
        for plain, named in NAMED.items():
            text = text.replace(plain, named)
        page.write_text(text, encoding="utf-8")
    made = write(Path(app.outdir) / "derivations.html")
    if made.exit_code:
        raise ValueError(str(made))


def setup(app: Sphinx) -> None:
    """What Sphinx calls while it reads and writes."""
    app.connect("source-read", read)
    app.connect("autodoc-process-docstring", told)
    app.connect("build-finished", bound)
