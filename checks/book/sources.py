"""Functions as they stand in their files."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from textwrap import dedent

from checks.book.contents import Source

Function = ast.FunctionDef | ast.ClassDef


@cache
def defined(file: Path) -> dict[str, Function]:
    """The functions and classes of a file by name, methods as Class.method."""
    found: dict[str, Function] = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, Function):
            found[node.name] = node
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{inner.name}": inner for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return found


def function(root: Path, file: Path, name: str) -> Source:
    """The source of a function, a class or a method; ValueError if the file has none of that name."""
    if name not in defined(file):
        raise ValueError(f"{file.relative_to(root).as_posix()} defines no {name!r}")
    return _source(root, file, name, defined(file)[name])


def called(root: Path, file: Path, names: Iterable[str]) -> tuple[Source, ...]:
    """The functions of a file that these of its functions call, directly or through one another, without themselves."""
    given = set(names)
    found, waiting = set[str](), list(given)
    while waiting:
        used = {node.id for node in ast.walk(defined(file)[waiting.pop()]) if isinstance(node, ast.Name)}
        new = (used & defined(file).keys()) - found - given
        found |= new
        waiting += new
    return tuple(_source(root, file, name, node) for name, node in defined(file).items() if name in found)


def shared(root: Path, file: Path) -> tuple[Source, ...]:
    """The functions and classes of a file of tests that are no tests."""
    return tuple(
        _source(root, file, name, node)
        for name, node in defined(file).items()
        if "." not in name and not name.startswith("test_")
    )


def _source(root: Path, file: Path, name: str, node: Function) -> Source:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    lines = file.read_text(encoding="utf-8").splitlines()[first - 1 : node.end_lineno]
    return Source(name, file.relative_to(root).as_posix(), first, dedent("\n".join(lines)))
