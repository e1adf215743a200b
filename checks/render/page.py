"""A page that is one file: HTML5 with everything inside, nothing asked of a network, readable without JavaScript.

The look that the project's pages share stands in page.css beside this module.
"""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files

from checks.render import grid

# What the page may load: nothing, from nowhere. Its own style and script stand in it; pictures too.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'unsafe-inline'"

# Printers open nothing: open every <details> before. A box that has nothing to scroll is no stop on the way of the Tab key.
SCRIPT = """
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(d => { d.open = true; }));
const stops = () => document.querySelectorAll(".scroll").forEach(box => {
  box.tabIndex = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight ? 0 : -1;
});
addEventListener("load", stops);
addEventListener("resize", stops);
document.addEventListener("toggle", stops, true);
"""


def page(title: str, body: str, *, kind: str = "report", style: str = "", script: str = "") -> str:
    """The whole document around `body`, which is HTML with a <main id="main"> and whatever other landmarks it has.

    `kind` is the class of the body: "report", or "book" for prose. `style` and `script` are added to what all pages share.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{stylesheet("page.css")}{grid.STYLE}{style}</style>
</head>
<body class="{escape(kind)}">
<a class="skip" href="#main">Skip to the content</a>
{body}
<script>{SCRIPT}{script}</script>
</body>
</html>
"""


def framed(title: str, document: str) -> str:
    """A whole document within another, such as a notebook: in a frame, so that neither has the other's style."""
    style = "width: 100%; height: 32rem; border: 0; resize: vertical; overflow: auto"
    return f'<iframe title="{escape(title)}" style="{style}" srcdoc="{escape(document)}"></iframe>'


def scrolling(content: str, label: str, *, kind: str = "") -> str:
    """`content` in a box that scrolls sideways where it is wider than the page; the keyboard reaches it under `label`.

    `kind` is a class: "code" draws the box.
    """
    return f'<div class="{f"scroll {kind}".strip()}" role="group" tabindex="0" aria-label="{escape(label)}">{content}</div>'


def code(source: str, label: str) -> str:
    """Source text in a box that scrolls."""
    return scrolling(f"<pre><code>{escape(source, quote=False)}</code></pre>", label, kind="code")


@cache
def stylesheet(name: str, room: str = "checks.render") -> str:
    """A stylesheet that lies in this room."""
    return files(room).joinpath(name).read_text(encoding="utf-8")
