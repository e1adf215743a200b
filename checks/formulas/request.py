"""What is asked to be explained, as people write it: V[2,2], ∂J/∂V₂,₂, grad_x, or Z for all of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from checks.formulas.notation import OWN, Notation, letter_of
from checks.op import Op, Problem
from checks.ops import suggestion

Index = tuple[int, ...]

DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉₋", "0123456789-")
PATTERN = re.compile(r"(?:∂\w*/∂|grad_(?!output))?([^\[\]\s₀-₉₋]+)\s*(?:\[([^\[\]]*)\]|([₀-₉₋,]+))?")
WHOLE = re.compile(r"-?[0-9]+")


@dataclass(frozen=True)
class Request:
    """An array by one of its names, and the index of an element as it is written, or None for all elements."""

    name: str
    place: str | None = None

    @classmethod
    def of(cls, text: str, example: str) -> Request:
        """What a text asks for; raises ValueError, with an example of an array, if it is no request."""
        matched = PATTERN.fullmatch(text.strip())
        if matched is None:
            raise ValueError(
                f"wrt {text!r}; expected an array, such as {example}, or one element of it, {example}[1,1]"
            )
        name, bracketed, subscripts = matched.groups()
        return cls(name, subscripts.translate(DIGITS) if subscripts else bracketed)

    def is_optional(self, op: Op) -> bool:
        """Whether it is about an input that need not be there."""
        return any(self.name in {name, letter_of(op, name)} for name in op.takes.optional)

    def is_own(self, op: Op) -> bool:
        """Whether it calls an array by the protocol's name, where the documents have a letter for it."""
        return self.name in {*op.inputs, "y"} and self.name != letter_of(op, self.name)

    def array(self, known: Notation, problem: Problem) -> str:
        """The array that is meant, "y" or an input with a gradient; ValueError with what is close if there is none."""
        named = {letter: array for array, letter in known.letters.items()}
        array = named.get(self.name) or {OWN.get(a, a): a for a in known.letters}.get(self.name)
        asked = ["y", *problem.present]
        if array is None:
            names = dict.fromkeys([*map(known.letter, asked), *asked])
            raise ValueError(f"there is no array {self.name!r}; {suggestion(self.name, list(names))}")
        if array not in asked:
            raise ValueError(f"{self.name} has no gradient; {', '.join(map(known.letter, asked))} have formulas")
        return array

    def index(self, array: str, written: Notation, problem: Problem) -> Index | None:
        """The index in code of the element that is meant: as it is written, or with every axis; None for all elements."""
        if self.place is None:
            return None
        shape = problem.shape(array)
        axes = tuple(written.axes.get(array, range(len(shape))))
        first, last = self._range(axes, shape, written)
        numbers = [part.strip() for part in self.place.split(",")] if self.place.strip() else []
        if not all(map(WHOLE.fullmatch, numbers)):
            raise ValueError(f"{self.name}[{self.place}]; expected whole numbers, such as {first}")
        given = [int(number) - written.base for number in numbers]
        if len(given) == len(axes):
            along = dict(zip(axes, given, strict=True))
            index = tuple(along.get(axis, 0) for axis in range(len(shape)))
        elif len(given) == len(shape):
            index = tuple(given)
        else:
            raise ValueError(
                f"{self.name}[{self.place}]: {len(given)} given where {len(axes)} are expected, from {first} to {last}"
            )
        if not all(0 <= i < n for i, n in zip(index, shape, strict=True)):
            raise ValueError(f"{self.name}[{self.place}] does not exist; {self.name} goes from {first} to {last}")
        return index

    def _range(self, axes: tuple[int, ...], shape: tuple[int, ...], written: Notation) -> tuple[str, str]:
        """The first and the last element, as they are written, or with every axis where none is."""
        shown = axes or range(len(shape))
        ends = [written.base for _ in shown], [shape[axis] - 1 + written.base for axis in shown]
        first, last = (f"{self.name}[{','.join(map(str, end))}]" for end in ends)
        return first, last
