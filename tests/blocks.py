"""The code blocks of a document, section by section, as its reader comes upon them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

BLOCK = re.compile(r"^```(?P<language>\w*)(?: (?P<name>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^##? (.*)$", re.MULTILINE)
PROMPT = "$ "


@dataclass(frozen=True)
class Block:
    """One block: its language, the file that it is if it is one, and what is shown as coming out of it, if anything is.

    What comes out is the block of `text` that follows at once; one that begins with a prompt is a command of its own.
    """

    language: str
    name: str
    text: str
    shown: str | None = None


@dataclass(frozen=True)
class Section:
    """The blocks between two headings, and the files that the sections before it have left."""

    document: Path
    title: str
    blocks: tuple[Block, ...]
    files: tuple[Block, ...]


def sections(document: Path) -> Iterator[Section]:
    """The sections that have blocks, in order."""
    by_title: dict[str, list[Block]] = {}
    text, title, end = document.read_text(encoding="utf-8"), "", 0
    for match in BLOCK.finditer(text):
        title, end = [title, *HEADING.findall(text[end : match.start()])][-1], match.end()
        _add(Block(**match.groupdict(default="")), by_title.setdefault(title, []))
    fences = sum(line.lstrip().startswith("```") for line in text.splitlines())
    assert fences == 2 * len(BLOCK.findall(text)), (
        f"{document.name} has a fence that is none of a block as they are here"
    )
    files: tuple[Block, ...] = ()
    for title, blocks in by_title.items():
        yield Section(document, title, tuple(blocks), files)
        files += tuple(block for block in blocks if block.name)


def _add(block: Block, blocks: list[Block]) -> None:
    if block.language != "text" or block.text.startswith(PROMPT):
        blocks.append(block)
        return
    assert blocks, f"nothing comes before this, and so nothing prints it: {block.text}"
    assert blocks[-1].shown is None, f"two outputs of one block: {block.text}"
    blocks[-1] = replace(blocks[-1], shown=block.text)
