"""The sizes that an option pins, one by one, and problems that are alike but for one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from operator import add
from typing import Any

from checks.cases import drawing
from checks.cases.pins import pinned_values
from checks.op import Problem
from checks.signature.drawing import Simplest
from checks.signature.options import Option
from checks.trials.exhibit import Sized


@dataclass(frozen=True)
class Axis:
    """One size that an option pins, alone or as one of several.

    called  what is counted: "input channels"; or what has that size: "size along axis 0"
    """

    option: str
    at: int | None
    size: int
    called: str

    def many(self, sizes: object) -> str:
        """So many of them, in words."""
        name, _, along = self.called.partition(" along ")
        return f"{name} {sizes} along {along}" if along else f"{sizes} {name}"

    @property
    def are(self) -> str:
        """The name with its verb."""
        return f"{self.called} {'is' if ' along ' in self.called else 'are'}"

    def sized(self, known: Mapping[int, bool], problem: Problem) -> Sized:
        """Which sizes are right and which are wrong, under the name by which they are counted as tried."""
        several = any(len(sizes.names) > 1 for sizes in problem.op.takes.sizes if sizes.option == self.option)
        label = f"{self.option} {('in', 'out')[self.at]}" if several and self.at is not None else self.option
        right, wrong = (tuple(sorted(n for n, off in known.items() if off is wanted)) for wanted in (False, True))
        return Sized(label, right, wrong)

    def value(self, pins: Mapping[str, Any], size: int) -> Any:
        """The value of the option with another size for this axis."""
        given = pins[self.option]
        return size if self.at is None else (*given[: self.at], size, *given[self.at + 1 :])


def axes_of(problem: Problem) -> Iterator[Axis]:
    """The sizes that pin this problem: what is pinned and is no parameter of the op, but one that y is as large as."""
    options = {option.name: option for option in problem.op.takes.options}
    for name, value in problem.pins.items():
        if (
            name not in options
            or name == "dims"
            or (name in problem.parameters and not _comes_out(problem, name, value))
        ):
            continue
        if isinstance(value, int) and name in problem.parameters:
            yield Axis(name, None, value, f"{name} along each axis")
        elif isinstance(value, int):
            yield Axis(name, None, value, options[name].help.removeprefix("number of "))
        elif isinstance(value, tuple):
            yield from (Axis(name, i, n, _called(options[name], i, len(value))) for i, n in enumerate(value))


def _comes_out(problem: Problem, name: str, value: Any) -> bool:
    """Whether a parameter is the size of y along some axis, and with another value is that too."""
    whole = value if isinstance(value, tuple) else (value,)
    if not all(type(n) is int for n in whole):
        return False
    others = tuple(n - 1 if n > 1 else 2 for n in whole)
    other = resized(problem, name, others if isinstance(value, tuple) else others[0])
    return other is not None and any(
        (is_now, was) in zip(others, whole, strict=True)
        for is_now, was in zip(other.shape("y"), problem.shape("y"), strict=True)
    )


def _called(option: Option, at: int, several: int) -> str:
    """What is counted along this axis, from what the option says of itself."""
    if several == 2 and option.help.endswith(" in and out"):
        return f"{('input', 'output')[at]} {option.help.removesuffix(' in and out')}"
    parts = option.help.split(", and number of ")
    return parts[at] if several > 1 and len(parts) == several else f"{option.name} along axis {at}"


def resized(problem: Problem, option: str, value: Any) -> Problem | None:
    """The problem with another value for an option that pins sizes; None if there is none."""
    op = problem.op
    try:
        pinned = pinned_values(op, {**problem.pins, option: value})
        drawn = drawing.problem(Simplest(), op, pinned, problem.dtype)
    except ValueError:
        return None
    shapes = {name: None if problem.shapes[name] is None else shape for name, shape in drawn.shapes.items()}
    if replace(drawn, shapes=shapes).pins != {**problem.pins, option: value}:
        return None
    own = {option: drawn.parameters[option]} if option in problem.parameters else {}
    return replace(problem, shapes=shapes, parameters={**problem.parameters, **own})


def with_room(problem: Problem, option: str, value: Any) -> Problem | None:
    """The same where a window may need an input that is longer: this is made so then, by as much along each axis."""
    if (same := resized(problem, option, value)) is not None or not isinstance(value, tuple):
        return same
    given = problem.pins[option]
    more = tuple(max(0, new - old) for new, old in zip(value, given, strict=True))
    for sizes in problem.op.takes.sizes:
        room = problem.pins.get(sizes.option)
        if sizes.spatial and sizes.option != option and isinstance(room, tuple) and len(room) == len(more):
            longer = resized(problem, sizes.option, tuple(map(add, room, more)))
            return None if longer is None else resized(longer, option, value)
    return None
