"""Pages as their tests read them."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "rect", "path", "link", "img", "hr", "input"}


class Tree(HTMLParser):
    """A page as the elements that it opens, each with its attributes and all the text in it; refuses what is not nested."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", "within": tuple(e["tag"] for e in self.open), **dict(attrs)}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append({"tag": tag, "text": "", "within": tuple(e["tag"] for e in self.open), **dict(attrs)})

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag=None, **attributes):
        """Elements with this tag and these attributes; of a class, those that have it among theirs."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            e
            for e in self.elements
            if (tag is None or e["tag"] == tag)
            and all(
                value in (e.get(n) or "").split() if n == "class" else e.get(n) == value for n, value in wanted.items()
            )
        ]
