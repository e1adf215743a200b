"""Where a result is wrong from some number of rows, positions or elements on, and not from some size along each axis.

Two axes may each have a threshold because of the other: with 12 columns a map is wrong from 11 rows on where it is from 129
positions on. What tells the two apart is a problem that is shorter along one axis than what was right there, but has as
many positions; where that is wrong, it is the product that matters.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import permutations
from math import prod
from typing import Protocol

from checks.diagnosis.resizing import Axis, with_room
from checks.op import Problem
from checks.signature import places

COUNTED = (  # how many axes there are then at least, and which are counted
    ("positions", 4, slice(2, None)),
    ("rows", 3, slice(-1)),
    ("elements", 2, slice(None)),
)
LONGER = (2, 3, 4, 8)  # times as long along one axis, where it is shorter along the other

Of = Callable[[Problem], int | None]  # None in a problem that has no such array, or fewer axes


class Asked(Protocol):
    """What knows of other problems whether the result is wrong in them."""

    result: str
    tried: list[tuple[Problem, bool]]

    def is_wrong_in(self, other: Problem) -> bool | None:
        """None where nobody knows."""


def told(axes: Sequence[Axis], asked: Asked, others: Sequence[Axis] = ()) -> str:
    """From which product on the result is wrong, given the axes that seem to have a threshold; "" if from none.

    others  those that do not, since the product is too large without them: with them a single axis can be told
    """
    pairs = [*permutations(axes, 2), *((other, axis) for axis in axes for other in others)]
    for words, of in _products(asked.tried[0][0], axes, asked.result):
        if _bracket(of, asked) is None or not _confirmed(of, pairs, asked):
            continue
        if (bracket := _bracket(of, asked)) is not None:
            most, first = bracket
            return f"right up to {most} {words}, wrong from {first} on"
    return ""


def _products(problem: Problem, axes: Sequence[Axis], result: str) -> Iterator[tuple[str, Of]]:
    """What may be counted, in words."""
    for name in dict.fromkeys((result.removeprefix("grad_"), "y", *problem.present)):
        rank = len(problem.shape(name))
        for what, least, part in COUNTED:
            if rank >= least:
                yield f"{what} of {name}", partial(_many, name, part)
    if len(axes) == 2:
        yield " times ".join(axis.called for axis in axes), partial(_times, axes)


def _many(name: str, part: slice, problem: Problem) -> int | None:
    shape = problem.shapes[name]
    return None if shape is None else prod(shape[part])


def _times(axes: Sequence[Axis], problem: Problem) -> int | None:
    sizes = [size for axis in axes if (size := _size(problem, axis)) is not None]
    return prod(sizes) if len(sizes) == len(axes) else None


def _size(problem: Problem, axis: Axis) -> int | None:
    value = problem.pins.get(axis.option)
    if isinstance(value, tuple):
        return value[axis.at] if axis.at is not None and axis.at < len(value) else None
    return value if axis.at is None and isinstance(value, int) else None


def _bracket(of: Of, asked: Asked) -> tuple[int, int] | None:
    """The largest that is right and the smallest that is wrong, if all that was tried agrees with that."""
    tried = [(many, wrong) for problem, wrong in asked.tried if (many := of(problem)) is not None]
    right, wrong = ([many for many, off in tried if off is wanted] for wanted in (False, True))
    return (max(right), min(wrong)) if right and wrong and max(right) < min(wrong) else None


def _confirmed(of: Of, pairs: Sequence[tuple[Axis, Axis]], asked: Asked) -> bool:
    """Whether what is shorter along one axis than what was right there is wrong where the product says so."""
    problem = asked.tried[0][0]
    for one, other in pairs:
        found = False
        sizes = [(_size(p, one), _size(p, other)) for p, wrong in asked.tried if not wrong]
        right = [b for a, b in sizes if a is not None and b is not None and a >= one.size]
        for times in LONGER if right else ():
            longer = with_room(problem, one.option, one.value(problem.pins, times * one.size))
            bracket = _bracket(of, asked)
            if longer is None or bracket is None:
                break
            most, first = bracket
            for wanted in (first, (most + first) // 2):
                which = _with_as_many(longer, other, max(right), of, wanted)
                if which is not None and (of(which) or 0) > most:
                    found |= asked.is_wrong_in(which) is True
            if found:
                return _exactly(of, pairs, asked)
    return False


def _with_as_many(problem: Problem, axis: Axis, largest: int, of: Of, wanted: int) -> Problem | None:
    """The problem with the smallest size along an axis, up to the largest, for which the product is what is wanted."""

    def there(size: int) -> Problem | None:
        return with_room(problem, axis.option, axis.value(problem.pins, size))

    def many(size: int) -> int:
        shorter = there(size)
        return 0 if shorter is None else of(shorter) or 0

    at = bisect_left(range(1, largest + 1), wanted, key=many)
    return there(at + 1) if at < largest else None


def _exactly(of: Of, pairs: Sequence[tuple[Axis, Axis]], asked: Asked) -> bool:
    """Ask of a power of two, where one lies where it begins to be wrong; whether that agrees."""
    bracket = _bracket(of, asked)
    power = None if bracket is None else next((n for n in _powers(bracket[1]) if bracket[0] < n < bracket[1]), None)
    for one, other in pairs if power else ():
        for size in _powers(2 * one.size, 2):
            longer = with_room(asked.tried[0][0], one.option, one.value(asked.tried[0][0].pins, size))
            which = None if longer is None or power is None else _with_as_many(longer, other, power, of, power)
            if which is not None and of(which) == power:
                asked.is_wrong_in(which)
                return _bracket(of, asked) is not None
    return bracket is not None


def _powers(most: int, least: int = places.TILES[0]) -> Iterator[int]:
    return (1 << k for k in range(least.bit_length() - 1, most.bit_length() + 1))
