"""Reading the values that pin a problem: from the text of a command line, and from Python, with the same sentences."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

Pinned = Mapping[str, Any]


@dataclass(frozen=True)
class Option:
    """One thing about an op that can be pinned: an option on the command line, a keyword of `judge`.

    `parse` turns the text of the command line into the value; it raises ValueError with what was expected.
    A `parse` of None makes a switch: --flip and --no-flip.
    """

    name: str
    help: str
    metavar: str = ""
    parse: Callable[[str], Any] | None = None


@dataclass(frozen=True)
class Range:
    """Any whole number from the least to the most, both included: 60..140."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.least}..{self.most}"


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A whole number of at least `least`, at most `most`."""

    def parse(text: str) -> int:
        return entry(text, least, most)

    return parse


def size(least: int) -> Callable[[str], int | Range]:
    """A whole number, or a range such as 60..140."""
    return lambda text: size_entry(text, least)


def per_axis(least: int, *, named: tuple[str, ...] = ()) -> Callable[[str], Any]:
    """A whole number, one for each axis such as 2,1, or one of some names."""

    def parse(text: str) -> Any:
        if text in named:
            return text
        parts = text.split(",")
        if not all(part.strip().removeprefix("-").isdecimal() for part in parts):
            close = difflib.get_close_matches(text, named, n=1)
            names = f", or one of {', '.join(named)}" if named else ""
            meant = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"expected a whole number, or one for each axis such as 2,1{names}{meant}")
        values = tuple(entry(part, least) for part in parts)
        return values[0] if len(values) == 1 else values

    return parse


def sizes_of(many: int, least: int) -> Callable[[str], tuple[int | Range, ...]]:
    """So many whole numbers or ranges, such as 4,6 or 60..140,6; a single one stands for all."""

    def parse(text: str) -> tuple[int | Range, ...]:
        parts = text.split(",")
        if len(parts) not in {1, many}:
            raise ValueError(f"expected {'two' if many == 2 else many} whole numbers such as 4,6")
        values = tuple(size_entry(part, least) for part in parts)
        return values if len(values) == many else values * many

    return parse


def shape(least: int) -> Callable[[str], tuple[Any, ...]]:
    """The size along each axis of an array, such as 2,3,4 or 2,60..140."""

    def parse(text: str) -> tuple[Any, ...]:
        return tuple(size_entry(part, least) for part in text.split(","))

    return parse


def size_per_axis(least: int) -> Callable[[str], Any]:
    """A size for every axis, or one for each such as 9,60..140."""

    def parse(text: str) -> Any:
        parts = text.split(",")
        values = tuple(size_entry(part, least) for part in parts)
        return values[0] if len(values) == 1 else values

    return parse


def shapes(text: str) -> list[tuple[int, ...]]:
    """The shapes of several arrays, such as "3,4 4,5"; () is a single number."""
    parse = shape(0)
    return [() if part == "()" else parse(part) for part in text.split()]


def real(least: float, below: float = inf, *, above: bool = False) -> Callable[[str], float]:
    """A number from `least` (which `above` excludes) up to but not including `below`."""
    lower = f"{'above' if above else 'at least'} {least:g}"
    expected = f"expected a number {lower}{f' and below {below:g}' if below < inf else ''}"

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(expected) from None
        if not least <= value < below or (above and value == least):
            raise ValueError(expected)
        return value

    return parse


def memory(text: str) -> int:
    """An amount of memory in bytes, such as 4G or 512M."""
    units = {"K": 10, "M": 20, "G": 30, "T": 40}
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in units else (text, "")
    try:
        amount = int(float(number) * (1 << units.get(unit, 0)))
    except ValueError:
        raise ValueError("expected an amount such as 4G or 512M") from None
    if amount < 1 << 20:
        raise ValueError("expected at least 1M, such as 4G or 512M")
    return amount


def duration(text: str) -> float:
    """A time in seconds, such as 60s, 10m or 2h."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    try:
        seconds = float(number) * unit
    except ValueError:
        raise ValueError("expected a time such as 60s, 10m or 2h") from None
    if not 0 < seconds < inf:
        raise ValueError("expected a time above 0, such as 60s, 10m or 2h")
    return seconds


def as_time(seconds: float) -> str:
    """A time as `duration` reads it."""
    return f"{seconds:.6g}s"


def shard(text: str) -> tuple[int, int]:
    """Which of how many parts, as in 2/8."""
    which, _, of = text.partition("/")
    if not (which.isdecimal() and of.isdecimal() and 1 <= int(which) <= int(of)):
        raise ValueError("expected which part of how many, such as 2/8")
    return int(which), int(of)


@dataclass(frozen=True)
class OneOf:
    """Reads one of some names."""

    names: tuple[str, ...]

    def __call__(self, text: str) -> str:
        """The text, if it is one of them."""
        if text not in self.names:
            close = difflib.get_close_matches(text, self.names, n=1)
            raise ValueError(f"expected {' or '.join(self.names)}{f'; did you mean {close[0]}?' if close else ''}")
        return text


def one_of(*names: str) -> OneOf:
    """One of some names."""
    return OneOf(names)


def entry(text: str, least: int, most: int | None = None) -> int:
    """One whole number within bounds; ValueError says what was expected."""
    text = text.strip()
    if not text.removeprefix("-").isdecimal():
        raise ValueError("expected a whole number")
    value = int(text)
    if value < least or (most is not None and value > most):
        raise ValueError(f"expected {f'{least} to {most}' if most is not None else f'at least {least}'}")
    return value


def size_entry(text: str, least: int) -> int | Range:
    """One whole number, or the range that two of them are the ends of; ValueError says what was expected."""
    first, dots, last = text.partition("..")
    if not dots:
        return entry(text, least)
    ends = entry(first, least), entry(last, least)
    if ends[0] > ends[1]:
        raise ValueError(f"expected a range from the smaller to the larger, such as {ends[1]}..{ends[0]}")
    return Range(*ends)


def ends_of(value: Any, end: Callable[[Range], int]) -> Any:
    """A pinned value with each range replaced by one number of it."""
    if isinstance(value, tuple):
        return tuple(ends_of(one, end) for one in value)
    return end(value) if isinstance(value, Range) else value


def as_text(value: Any) -> str:
    """A pinned value as the command line writes it: (2, 1) as 2,1."""
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def flag(name: str) -> str:
    """An option as the command line spells it: --ceil-mode."""
    return f"--{name.replace('_', '-')}"


def in_words(values: Mapping[str, Any]) -> str:
    """Names and values as a reader would write them: stride 2,1, padding same."""
    return ", ".join(f"{name} {as_text(value)}" for name, value in values.items())


def times(count: int) -> str:
    """How often, in words."""
    return "once" if count == 1 else f"{count} times"
