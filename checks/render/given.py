"""A value of a JSON document, whoever wrote it: taken out as what it has to be, or refused by its place."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any, NoReturn, TypeVar

Kind = TypeVar("Kind", str, int, float, bool, list[Any], dict[str, Any])
LARGEST = 1 << 63
KINDS: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True)
class Given:
    """A value of a document, and where it stands there: what is not as expected is refused by that name."""

    value: Any
    document: str
    path: str = ""

    def a(self, kind: type[Kind]) -> Kind:
        """The value, if it is of this kind."""
        value: Any = self.value
        if kind is float and type(value) is int and abs(value) < LARGEST:
            value = float(value)
        if type(value) is not kind or value in (inf, -inf):  # as which 1e999 is read
            raise self.refused(KINDS[kind])
        return value

    def count(self, least: int = 0) -> int:
        """The value, if it can be a number of things."""
        if not least <= self.a(int) < LARGEST:
            raise self.refused(f"a whole number of at least {least}")
        return self.a(int)

    def refused(self, expected: str) -> ValueError:
        """The sentence that says what was given and what was expected."""
        return ValueError(f"{self}: {reprlib.repr(self.value)} given; expected {expected}")

    def __str__(self) -> str:
        return f"{self.document}, {self.path}" if self.path else self.document

    def __getitem__(self, name: str) -> Given:
        fields = self.a(dict)
        if name not in fields:
            raise ValueError(f"{self} has no {name!r}; if an earlier version wrote it, judge again")
        return self._inner(name)

    def get(self, name: str, otherwise: object) -> Given:
        """The field of this name, or what it is in documents of versions that did not have it yet."""
        given = self.a(dict).get(name, otherwise)
        return Given(given, self.document, f"{self.path}.{name}" if self.path else name)

    def __iter__(self) -> Iterator[Given]:
        return (Given(entry, self.document, f"{self.path}[{n}]") for n, entry in enumerate(self.a(list)))

    def items(self) -> Iterator[tuple[str, Given]]:
        """The fields of an object whose names are not known before."""
        return ((name, self._inner(name)) for name in self.a(dict))

    def _inner(self, name: str) -> Given:
        return Given(self.value[name], self.document, f"{self.path}.{name}" if self.path else name)


def parsed(text: str, document: str) -> Given:
    """The JSON of a document of this name; raises ValueError, in one sentence, if it is none."""
    try:
        return Given(json.loads(text, parse_constant=_no_number), document)
    except RecursionError as error:
        raise ValueError(f"{document} is no JSON: it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{document} is no JSON: {error}") from error


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"it has {word} for a number")
