"""The first chapter of the book, docs/by-hand.md, as parts: text, formulas, and pictures that its images are files of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from checks.book.contents import Figure, Lesson
from checks.formulas.explanation import explain
from checks.ops import find
from checks.render.slides import pictures
from reference import conv

FILE = "by-hand.md"
CASE = {"size": (3, 3), "kernel": (2, 2)}
PART = re.compile(
    r"^```(?P<language>\w+)\n(?P<block>.*?)^```$|^!\[(?P<says>[^\]]*)\]\((?P<picture>[^)]+)\)$",
    re.MULTILINE | re.DOTALL,
)


def lesson(docs: Path) -> Lesson:
    """The chapter; ValueError if it shows a picture that is none of this derivation."""
    text = (docs / FILE).read_text(encoding="utf-8")
    heading, _, body = text.partition("\n")
    return Lesson(heading.removeprefix("# ").strip(), tuple(_parts(body)))


def _parts(body: str) -> Iterator[tuple[str, str | Figure]]:
    """Each part with its kind: text, math, code or figure."""
    explained = explain(find(conv.__name__.rpartition(".")[2]), CASE, "V[2,2]")
    drawn = {name: picture for steps in (False, True) for name, picture in pictures(explained, steps=steps)}
    end = 0
    for found in PART.finditer(body):
        yield "text", body[end : found.start()]
        end = found.end()
        if found["picture"]:
            name = PurePosixPath(found["picture"]).stem
            if name not in drawn:
                raise ValueError(f"{FILE} shows {name}; expected one of {', '.join(drawn)}")
            yield "figure", Figure(found["says"], drawn[name].panels)
        else:
            yield "math" if found["language"] == "math" else "code", found["block"].strip("\n")
    yield "text", body[end:]
