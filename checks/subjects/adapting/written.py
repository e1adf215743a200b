"""Functions that write into arrays that they are handed, as C has them: layernorm_forward(out, mean, rstd, inp, …, C).

What is neither an input nor a number by its name is written into: y, and what forward keeps for backward, which is handed
the same arrays again; dinp and dweight are gradients, handed over as zeros, since such code adds to them. Whether arrays
are flat there, how large what is kept is, and what the numbers count is found by trying, as arrangements are.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.signature.axes import Shape
from checks.subjects.adapting.arrangement import Arrangement
from checks.subjects.adapting.roles import Arguments, Role, Unfit, role_of
from checks.subjects.adapting.words import (
    COUNTS,
    LEADING,
    OF_Y,
    SOURCES,
    WRITTEN,
    called,
    gradient_names,
    is_cotangent,
    plain,
)

Groups = Sequence[tuple[str, Shape]]  # the axes of an array as they lie here: each name with the sizes it stands for
MERGED = "*last"  # axes that code which writes into arrays has as one
KINDS = ("written", "kept", "gradient", "count")


@dataclass(frozen=True)
class Spread:
    """How arrays that are written into are handed over.

    flat   whether all arrays are one axis long
    kept   what an array that is kept for backward is as large as, as it is here: a part of x's or y's shape
    alone  what a single number counts: all elements, those of the last axis, or the rest
    single whether it takes float32 alone, as what calls C by pointers does
    """

    flat: bool = False
    kept: str = "rows"
    alone: str = "elements"
    single: bool = False

    def __str__(self) -> str:
        axes = "of one axis" if self.flat else "of as many axes as numbers count"
        return f"arrays {axes}{', in float32' if self.single else ''}"


ALONE = ("elements", "columns", "rows")
KEPT = ("rows", "columns", "x", "y", "column of rows", "without the first of y")


def spreads(arguments: Arguments) -> Iterator[Spread | None]:
    """Every way to hand over what is written into; None where nothing is."""
    kinds = [role.kind for role in arguments.roles.values()]
    if "written" not in kinds:
        yield None
        return
    kept = KEPT if "kept" in kinds else KEPT[:1]
    alone = ALONE if kinds.count("count") == 1 else ALONE[:1]
    for single, of, flat, count in product((False, True), kept, (False, True), alone):
        yield Spread(flat, of, count, single)


def written(op: Op, forward: Any, backward: Any) -> tuple[Arguments, Arguments] | None:
    """The arguments of both, where forward writes into what it is handed; None where it is no such function."""
    forwards = _forwards(op, list(inspect.signature(forward).parameters.values()))
    if forwards is None or backward is None:
        return None
    return forwards, _backwards(forwards, list(inspect.signature(backward).parameters.values()))


def _forwards(op: Op, parameters: Sequence[inspect.Parameter]) -> Arguments | None:
    roles: dict[str, Role] = {}
    named = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    # Where arrays have small letters, B is no bias.
    arrays = [p.name for p in named if not p.name.isupper()] or [p.name for p in named]
    for n in op.inputs:
        words = (*called(n), *SOURCES) if n == op.inputs[0] else called(n)
        free = [name for name in arrays if name not in roles and plain(name) in words]
        if free:
            roles[min(free, key=lambda name: words.index(plain(name)))] = Role("array", n)
    if op.inputs[0] not in [role.of for role in roles.values()]:
        return None
    for p in parameters:
        parameter = role_of(op, p.name)
        if p.name not in roles and parameter is not None and parameter.kind == "parameter" and _is_long(p.name):
            roles[p.name] = parameter
    rest = [p.name for p in named if p.name not in roles]
    into = [name for name in rest if plain(name) in WRITTEN]
    counts = [name for name in rest if name not in into and (plain(name) in COUNTS or name.isupper())]
    if not into:
        return None
    for name in rest:
        kind = "count" if name in counts else "written" if name == into[0] else "kept"
        roles[name] = Role(kind, name)
    order = [p.name for p in parameters if p.name in roles]
    return Arguments({name: roles[name] for name in order}, tuple(p.name for p in parameters if p.name not in roles))


def _is_long(name: str) -> bool:
    """Whether a name is long enough to speak of a parameter: B and T, beside arrays, are numbers of them."""
    return len(name) > 1


def _backwards(forwards: Arguments, parameters: Sequence[inspect.Parameter]) -> Arguments:
    roles: dict[str, Role] = {}
    into = next(name for name, role in forwards.roles.items() if role.kind == "written")
    for p in parameters:
        if p.name in forwards.roles:
            roles[p.name] = forwards.roles[p.name]
            continue
        of = [n for n, role in forwards.roles.items() if plain(p.name) in gradient_names(n) and role.kind != "count"]
        of = of or [n for n, role in forwards.roles.items() if role.kind == "array" and _is_of(p.name, called(role.of))]
        if of and of[0] != into:
            roles[p.name] = Role("gradient", of[0])
        elif of or (is_cotangent(p.name) and "cotangent" not in {role.kind for role in roles.values()}):
            roles[p.name] = Role("cotangent")
        elif plain(p.name) in COUNTS or p.name.isupper():
            roles[p.name] = Role("count", p.name)
        elif p.default is p.empty:
            raise Unfit(f"what backward's argument {p.name} means is not known")
    return Arguments(roles)


def _is_of(name: str, aliases: Sequence[str]) -> bool:
    """Whether this is the gradient of what has one of these names."""
    return any(plain(name) in gradient_names(alias) for alias in aliases)


@dataclass(frozen=True)
class Handed:
    """What is known of a run in which arrays are handed over to be written into.

    groups  the axes of the first input, of y and of other inputs
    counts  the names of the numbers, in their order
    """

    spread: Spread
    groups: Mapping[str, Groups]
    first: str
    counts: Sequence[str]

    def number(self, name: str) -> int:
        """What a number counts."""
        if len(self.counts) == 1:
            rows, columns = prod(self._rows), self._columns
            return {"elements": rows * columns, "columns": columns, "rows": rows}[self.spread.alone]
        if name in self._leading:
            return self._lead[self._leading.index(name)]
        return self._last_of("y") if self._is_table or plain(name) in OF_Y else self._columns

    def whole(self, n: str) -> Shape:
        """The shape of an input, or of y, as it lies."""
        return tuple(size for _, sizes in self.groups[n] for size in sizes)

    def shape(self, n: str) -> Shape:
        """The shape of an input, or of y, as it is handed over: its leading axes as many as are counted."""
        groups, whole = self.groups[n], self.whole(n)
        if self.spread.flat:
            return (prod(whole),)
        name = groups[0][0] if groups else ""
        if name != self.groups[self.first][0][0] or not name.startswith("*") or not self.counts:
            return tuple(n for name, sizes in groups for n in ([prod(sizes)] if name == MERGED else sizes))
        if len(self.groups["y"]) == 1:  # elements, or rows and columns
            return whole and (*self._lead, whole[-1]) if len(self.counts) > 1 else (prod(whole),)
        return (*self._lead, *(prod(sizes) for _, sizes in groups[1:]))

    def kept(self) -> Shape:
        """The shape of what is kept for backward."""
        x, y = self.shape(self.first), self.shape("y")
        last = self._last_of("y")
        found = {
            "rows": self._lead,
            "columns": (self._columns,),
            "x": x,
            "y": y,
            "column of rows": (*self._lead, 1),
            "without the first of y": (*self._lead[1:], last),
        }[self.spread.kept]
        return (prod(found),) if self.spread.flat else found

    @property
    def _is_table(self) -> bool:
        """Whether the first input has no axis of its own beside those of y, as numbers of rows have none."""
        return len(self.groups["y"]) > len(self.groups[self.first])

    @property
    def _rows(self) -> Shape:
        """The leading axes of the first input."""
        groups = self.groups[self.first]
        return groups[0][1] if len(groups) > 1 or self._is_table else groups[0][1][:-1]

    @property
    def _lead(self) -> Shape:
        """The leading axes as many as are counted: what is more is put together, what is less is 1."""
        many, rows = len(self._leading), self._rows
        if len(self.counts) < 2 or not many:
            return (prod(rows),)
        rows = (*[1] * (many - len(rows)), *rows)
        return (prod(rows[: len(rows) - many + 1]), *rows[len(rows) - many + 1 :])

    @property
    def _leading(self) -> list[str]:
        found = [name for name in self.counts if plain(name) in LEADING]
        return found if len(found) < len(self.counts) or self._is_table else found[:-1]

    @property
    def _columns(self) -> int:
        return prod(self.whole(self.first)[len(self._rows) :])

    def _last_of(self, n: str) -> int:
        return prod(self.whole(n)[len(self._rows) :])


def _counts(several: Sequence[Arguments | None]) -> list[str]:
    """The names of the numbers that say how long arrays are."""
    found = [n for one in several if one is not None for n, role in one.roles.items() if role.kind == "count"]
    return list(dict.fromkeys(found))


class Into:
    """What is written into, in one run: made when it is first handed over, and kept."""

    def __init__(
        self,
        op: Op,
        arranged: Mapping[str, Arrangement],
        spread: Spread | None,
        several: tuple[Arguments, Arguments | None],
        sizes: Mapping[str, Any],
        parameters: Mapping[str, Any],
    ) -> None:
        self._op, self._arranged, self._spread, self._several = op, arranged, spread, several
        self._sizes, self._parameters = sizes, parameters
        self._arrays: dict[str, Array] = {}

    def taken(self, n: str, array: Any) -> Any:
        """An input, or the cotangent as that of y, as it is handed over."""
        return array if self._spread is None else self._as_taken(array, self._known.shape(n), self._spread)

    def handed(self, name: str, kind: str, of: str) -> Any:
        """What is handed over to be written into: zeros, or what forward has written; or what a number counts."""
        if kind == "count":
            return self._known.number(name)
        if name not in self._arrays:
            n, known = self._input(name, of), self._known
            shape = known.kept() if n is None else known.shape(n)
            self._arrays[name] = self._as_taken(np.zeros(shape), shape, known.spread)
        return self._arrays[name]

    def at(self, name: str) -> Array | None:
        """What was written there, with its axes as they lie."""
        array = self._arrays.get(name)
        n = None if array is None else self._input(name, name)
        return array if array is None or n is None else array.reshape(self._known.whole(n))

    def _input(self, name: str, of: str) -> str | None:
        """The input, or y, whose shape that has; None of what is kept."""
        backwards = self._several[1]
        role = backwards.roles.get(name) if backwards is not None else None
        role = self._several[0].roles[role.of if role is not None and role.kind == "gradient" else of]
        return {"written": "y", "array": role.of}.get(role.kind)

    @property
    def _known(self) -> Handed:
        shapes = self._op.takes.shapes(self._sizes, self._parameters)
        groups = {n: self._arranged[n].groups(s, self._sizes) for n, s in shapes.items() if s is not None}
        return Handed(self._spread or Spread(), groups, self._op.inputs[0], _counts(self._several))

    @staticmethod
    def _as_taken(array: Array, shape: Shape, spread: Spread) -> Array:
        found = np.ascontiguousarray(array).reshape(shape)
        return found.astype(np.float32) if spread.single and found.dtype == np.float64 else found
