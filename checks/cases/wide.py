"""Problems with an axis far larger than the others, or two: code that works in tiles goes wrong from some size on.

One case in `ONE_IN` is wide. The axes that can be take turns, and for each axis sizes beyond the largest tile, by one and
by a remainder, come first and most often; then what is near and beyond the smaller tiles, at them and one below. So of the
w wide cases of an op with a such axes, w/a have that axis wide, and code that is wrong from the largest tile on, or where
a tile is not full, is seen in the first of them: for 200 cases and five axes there are six. One remainder in three is a
multiple of `LANES`: what code does at once, in a faster way where nothing is left over.

In two rounds of three a second axis is large too, until each axis has been so with each other: code that is wrong only
where two are. Where that makes more numbers than there is `ROOM` for, smaller tiles are taken.

Where a parameter divides an axis (groups of channels), in one case of two it does, and what is in a part is large as well.

Of each turn a few problems are drawn, and that is taken which has most that this axis has not been wide with: values of
parameters, all of them as usual (usual.py), arrays that are left out. Code may have a way of its own for any of these.

In the others sizes that follow from the wide one (a window has fewer places than its input is long) are to be beyond the
tile as well: a few problems are drawn for it, the last of them longer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice, product
from random import Random
from typing import Any

from checks.cases.drawing import problem
from checks.cases.kinds import EVERYTHING, Among
from checks.cases.usual import as_usual, is_next, unusual
from checks.op import Op, Problem
from checks.signature.drawing import ByChance
from checks.signature.options import Pinned
from checks.signature.places import TILES
from checks.signature.takes import Sizes, Takes
from checks.signature.windows import pinned_axes

ONE_IN = 6
WIDE = "wide"
REACH = TILES[-1] + 1
SMALL = (2, 3, 2, 1)  # what other axes of the same option have; of 1 there is little to go wrong
OTHERS = (2, 2, 2, 1)  # and those of other options
ATTEMPTS = 40  # at one that is of no kind which is left out
LANES = 16  # what code does at once, in a way of its own where nothing is left over
WHOLE = (LANES, 2 * LANES, 3 * LANES)  # remainders of larger tiles, of which nothing is left over
ROUNDS = (
    (-1, (1,)),
    (-1, None),
    (-2, None),
    (-1, WHOLE),
    (-1, (0,)),
    (-3, (1,)),
    (-1, (1,)),
    (-2, (-1,)),
    (-4, None),
    (-1, WHOLE),
    (-2, (0,)),
)  # tiles, and how much more than that: one of these, or any remainder
ALONE = 3  # in one round of so many an axis is wide alone
TOGETHER = ((-1, -2), (-1, -3), (-2, -3), (-3, -3), (-1, -4), (-4, -4))  # tiles that two are beyond, as there is room
CHOICE = 6  # problems of which one is taken, three of them drawn with parameters as usual
SEVERAL = (1, 2)  # how many axes of a batch there are of which the first is wide: code may have its own way for one
PARTS = (1, 2, 2, 3)  # what an axis is divided into
LENGTHS = (1, 1, 1, 2, 3)  # times the sizes of two that are large: a stride leaves few places of what they make
ROOM, ROOM_FOR_OBJECTS = 1 << 15, 1 << 13  # numbers in a case; where a bound is found by objects, each takes far longer
LONGER = (
    (1, 0),
    (1, 0),
    (1, 2),
    (1, 4),
    (1.5, 0),
    (2, 0),
    (2, 0),
    (3, 0),
)  # times the size, and more, one after another

Over = tuple[int, ...] | None
Axis = tuple[Sizes, int]  # what pins it, and which of its axes; of several the first (0) or the last (−1)


def wide_problems(
    op: Op,
    pinned: Pinned,
    dtype: str,
    many: int,
    seed: int,
    reach: int = REACH,
    among: Among = EVERYTHING,
    block: int = 0,
) -> Iterator[Problem]:
    """So many wide problems in which the pinned values hold, the same for a seed and a block; none if all are pinned.

    Where kinds of cases are left out, fewer, if so few can be wide.
    """
    chance = Random(f"{op.name} {dtype} {seed}{f' {block}' if block else ''}")  # noqa: S311, no secret
    axes = _axes_to_widen(op.takes, pinned)
    chance.shuffle(axes)
    if not axes or reach <= TILES[0]:
        return
    tiles = [t for t in (*TILES, *(1 << k for k in range(8, reach.bit_length()))) if t < reach]
    turns = ((which, turn) for turn in count() for which in range(len(axes)))
    met: Counter[Any] = Counter()  # which axis was wide with what
    choice = CHOICE if op.takes.defaults or op.takes.optional else 1
    for which, turn in islice(turns, many):
        drawn: list[Problem] = []
        for attempt in range(ATTEMPTS if among.out else choice):
            values = as_usual(chance, op, pinned) if attempt % 2 else pinned
            if among.out:
                values = among.held(ByChance(chance), values)
            try:
                op.takes.check(values)  # what is left of each parameter may not go together
                one = _Turn(chance, op, values, dtype, tiles, turn).problem(axes, which)
            except ValueError:
                if not among.out and values is pinned:
                    raise
                continue
            drawn += [one] if among.takes(one) else []
            if len(drawn) == choice:
                break
        if drawn:
            yield _newest(drawn, axes, met)


def _newest(drawn: Sequence[Problem], axes: Sequence[Axis], met: Counter[Any]) -> Problem:
    """That whose wide axes have most, on average, that they have seldom been wide with; the first of equals."""
    found = [[(axis, form) for axis in _wide_along(one, axes) for form in _forms(one)] for one in drawn]
    new = [sum(0.5 ** met[pair] for pair in pairs) / max(1, len(pairs)) for pairs in found]
    at = max(range(len(drawn)), key=lambda i: (drawn[i].kind == WIDE, new[i]))
    met.update(found[at])
    return drawn[at]


def _wide_along(one: Problem, axes: Sequence[Axis]) -> Iterator[Axis]:
    for sizes, at in axes:
        if sizes.axes.startswith("*"):
            several = one.sizes[sizes.names[0]]
            if several and several[at] > TILES[0]:
                yield sizes, at
        elif one.sizes[sizes.names[at]] > TILES[0]:
            yield sizes, at


def _forms(one: Problem) -> Iterator[Any]:
    """What code may have a way of its own for: values of parameters, at their default or not; arrays left out; axes."""
    other = unusual(one)
    yield "usual", not other
    for name, value in one.parameters.items():
        yield name, value if isinstance(value, str | bool) else (name in other, is_next(one, name))
    yield from ((name, one.shapes[name] is None) for name in one.op.takes.optional)
    yield from ((sizes.axes, len(one.sizes[sizes.axes])) for sizes in one.op.takes.sizes if sizes.axes.startswith("*"))


@dataclass(frozen=True)
class _Turn:
    """One problem is to be drawn, in the turn-th round of the axes; `tiles` are those that sizes may lie beyond."""

    chance: Random
    op: Op
    pinned: Pinned
    dtype: str
    tiles: Sequence[int]
    turn: int

    def problem(self, axes: Sequence[Axis], which: int) -> Problem:
        """One in which this of the axes is wide, alone or with another."""
        at, over = ROUNDS[self.turn % len(ROUNDS)]
        tile = self._tile(at)
        apart = self.turn - self.turn // ALONE  # of the rounds so far, those in which two are large
        if self.turn % ALONE and len(axes) > 1 and apart <= len(axes) // 2:
            beside = axes[(which + apart) % len(axes)]
            more = LANES if apart % 2 else 1
            if (one := self._together(axes[which], beside, at, over, more)) is not None:
                return one
        return self._alone(axes[which], _size(self.chance, tile, over), tile if over is None or min(over) > 0 else 0)

    def _tile(self, at: int) -> int:
        """From the largest on."""
        return self.tiles[max(at, -len(self.tiles))]

    def _alone(self, axis: Axis, size: int, tile: int) -> Problem:
        """With one axis wide and, if it can be, what follows from it beyond the tile; with room for it, if it can be."""
        drawn: list[Problem] = []
        for times, more in LONGER:
            one = self._drawn({axis: int(size * times) + more if axis[0].spatial else size})
            if one.elements <= self._room and _follows(one, axis, tile):
                return one
            drawn.append(one)
        return next((one for one in drawn if one.elements <= self._room), drawn[0])

    def _together(self, axis: Axis, beside: Axis, at: int, over: Over, more: int) -> Problem | None:
        """With two axes wide, beyond the largest tiles for which there is room; None if there is none, or no such case."""
        found: list[Problem] = []
        for (first, second), (attempt, times) in product(TOGETHER, enumerate(LENGTHS)):
            if times > 1 and not found:  # there is no room for longer ones either
                continue
            tile = self._tile(second)
            least = attempt > 0  # there may be no room for more
            size = _size(self.chance, self._tile(min(at, first)), (1,) if least and first != -1 else over)
            sizes = {axis: size, beside: tile + (1 if least else more)}
            sizes = {of: n * times if of[0].spatial else n for of, n in sizes.items()}
            try:
                one = self._drawn(sizes)
            except ValueError:  # no window of that size fits into so little
                continue
            if one.kind == WIDE and one.elements <= self._room:
                if _follows(one, axis, tile) and _follows(one, beside, tile):
                    return one
                found.append(one)
        return found[0] if found else None

    def _drawn(self, sizes: Mapping[Axis, int]) -> Problem:
        held = _held(self.chance, self.op.takes, self.pinned, sizes)
        kind = WIDE if held is not self.pinned else ""
        return problem(ByChance(self.chance), self.op, held, self.dtype, kind=kind)

    @property
    def _room(self) -> int:
        objects = self.op.kind.degree is None and self.op.rounds.magnitudes is None  # as trials/trial.py tells it
        return ROOM_FOR_OBJECTS if objects else ROOM


def _size(chance: Random, tile: int, over: Over) -> int:
    """That much more than a tile, or any remainder."""
    return tile + (
        chance.randint(2, min(tile - 1, 64)) if over is None else chance.choice([n for n in over if n <= tile])
    )


def _follows(one: Problem, axis: Axis, tile: int) -> bool:
    """Whether spatial sizes that no option pins, which follow from this one, are beyond the tile."""
    sizes, at = axis
    if not sizes.spatial:
        return True
    takes = one.op.takes
    pinned = {name for other in takes.sizes for name in other.names}
    following = {name for axes in takes.axes.values() for name in axes.names if name.startswith("*")} - pinned
    return all(one.sizes[name][at] > tile for name in following)


def _axes_to_widen(takes: Takes, pinned: Pinned) -> list[Axis]:
    """What can be wide: sizes that are not pinned, and which of their axes; of several axes the first and the last."""
    spatial = pinned_axes(pinned) if takes.dims else None
    return [
        (sizes, at)
        for sizes in takes.sizes
        if sizes.wide and sizes.option not in pinned
        for at in ((0, -1) if sizes.axes.startswith("*") else range(len(sizes.names)))
        if not (sizes.spatial and (spatial == 0 or (spatial == 1 and at == -1)))
    ]


def widened(chance: Random, takes: Takes, pinned: Pinned, sizes: Sizes, at: int, size: int) -> Pinned:
    """What is held for an axis to be wide; what is pinned and no more, where that leaves no room for it."""
    return _held(chance, takes, pinned, {(sizes, at): size})


def _held(chance: Random, takes: Takes, pinned: Pinned, wide: Mapping[Axis, int]) -> Pinned:
    """What is held for these axes to have these sizes; what is pinned and no more, where that leaves no room for it."""
    last = any(sizes.spatial and at < 0 for sizes, at in wide)
    axes = pinned_axes(pinned) or chance.choice([dims for dims in takes.dims or (0,) if dims > last or not takes.dims])
    options = dict.fromkeys(sizes for sizes, _ in wide)
    held = {**pinned}
    for other in takes.sizes:
        if other in options:
            sizes = {at: size for (of, at), size in wide.items() if of == other}
            several = _several(chance, takes, other, pinned, sizes, axes)
            if any(several[at] != size for at, size in sizes.items()):  # the first is the last
                return pinned
            held[other.option] = several if other.axes.startswith("*") or len(several) > 1 else several[0]
        elif _is_held(other) and other.option not in pinned:
            held[other.option] = _small(chance, other)
    held |= _divided(chance, takes, held, options)
    try:
        takes.check(held)
    except ValueError:
        return pinned
    return held


def _divided(chance: Random, takes: Takes, held: Pinned, wide: Mapping[Sizes, Any]) -> Pinned:
    """A number of parts for each parameter that divides a wide axis, and sizes of what it divides that it does divide."""
    found: dict[str, Any] = {}
    for parameter, names in takes.divided.items():
        if parameter in held:
            continue
        for sizes in wide:
            if set(sizes.names) <= set(names.split()) and sizes.option not in takes.defaults:
                parts, size = chance.choice(PARTS), held[sizes.option]
                if parts > 1:
                    several = tuple(-(-n // parts) * parts for n in (size if isinstance(size, tuple) else (size,)))
                    found |= {parameter: parts, sizes.option: several if isinstance(size, tuple) else several[0]}
    return found


def _several(
    chance: Random, takes: Takes, sizes: Sizes, pinned: Pinned, wide: Mapping[int, int], spatial: int
) -> tuple[int, ...]:
    """The size of each axis of an option, some of which are wide.

    Where they are all that arrays have, there are two or more: an array of one axis is hardly read wrongly.
    """
    few = max(chance.choice(SMALL), sizes.tells)
    many = len(sizes.names)
    if sizes.spatial:
        many = spatial
        few += 2  # a window fits
    elif sizes.axes.startswith("*"):
        counts = sizes.counts(pinned)
        alone = all(len(axes.names) == 1 for axes in takes.axes.values() if sizes.axes in axes.names)
        many = 2 if alone or set(wide) != {0} else chance.choice(SEVERAL)
        many = min(max(counts), max(many, min(counts)))
    several = [few] * many
    for at, size in wide.items():
        several[at] = size
    return tuple(several)


def _is_held(sizes: Sizes) -> bool:
    """Whether it is kept small where another is wide: nothing else follows from it, or it has to be larger than 1."""
    return sizes.wide and not sizes.spatial and (len(sizes.names) == 1 or sizes.tells > 1)


def _small(chance: Random, sizes: Sizes) -> Any:
    """Small, mostly more than 1, and never so small that an op is trivial: mistakes in what is 0 anyway do not show."""
    many = min(sizes.counts({})) if sizes.axes.startswith("*") else len(sizes.names)
    several = tuple(max(chance.choice(OTHERS), sizes.tells) for _ in range(many))
    return several if sizes.axes.startswith("*") or many > 1 else several[0]
