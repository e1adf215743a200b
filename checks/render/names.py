"""Two alphabets for one page: elements as code names them, weight[0,0,1,1], or as the documents do, K₂,₂.

Both are written, and one is shown: by two radio buttons and a rule of CSS, so that the switch works without a script.
"""

from __future__ import annotations

STYLE = """
.letters { display: none; }
body:has(#in-letters:checked) span.letters { display: inline; }
body:has(#in-letters:checked) div.letters { display: block; }
body:has(#in-letters:checked) .in-code { display: none; }
fieldset.names { border: 0; padding: 0; margin: 0 0 1em; }
fieldset.names legend { float: left; padding: 0; margin-right: 1em; }
fieldset.names label { margin-right: 1em; display: inline-block; }
"""

SWITCH = (
    '<fieldset class="names no-print"><legend>Elements are named</legend>'
    '<label><input type="radio" name="names" id="in-code" checked> as in code, counted from 0</label> '
    '<label><input type="radio" name="names" id="in-letters"> as in the documents, counted from 1</label></fieldset>'
)


def both(code: str, letters: str, tag: str = "span") -> str:
    """The same thing in both alphabets, each as HTML; `tag` is "div" for what is more than a part of a line."""
    if code == letters:
        return code
    return f'<{tag} class="in-code">{code}</{tag}><{tag} class="letters">{letters}</{tag}>'
