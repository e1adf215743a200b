"""Problems with one axis far larger than the others: code that cuts its work into tiles goes wrong from some size on.

One case in `ONE_IN` is wide. The axes that can be take turns, and for each axis sizes beyond the largest tile, by one and
by a remainder, come first and most often; then what is near and beyond the smaller tiles, at them and one below. So of the
w wide cases of an op with a such axes, w/a have that axis wide, and code that is wrong from the largest tile on, or where
a tile is not full, is seen in the first of them: for 200 cases and five axes there are six.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from random import Random
from typing import Any

from checks.cases.drawing import problem
from checks.cases.kinds import EVERYTHING, Among
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
ROUNDS = ((-1, 1), (-1, None), (-2, None), (-1, 0), (-3, 1), (-1, None), (-2, -1), (-4, None), (-1, 1), (-2, 0))


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
    turns = ((which, round_) for round_ in cycle(ROUNDS) for which in axes)
    for (sizes, at), (tile, over) in islice(turns, many):
        for _ in range(ATTEMPTS if among.out else 1):
            values = among.held(ByChance(chance), pinned) if among.out else pinned
            size = _size(chance, tiles[max(tile, -len(tiles))], over)
            held = widened(chance, op.takes, values, sizes, at, size)
            try:
                one = problem(ByChance(chance), op, held, dtype, kind=WIDE if held is not values else "")
            except ValueError:
                if not among.out:
                    raise
                continue
            if among.takes(one):
                yield one
                break


def _size(chance: Random, tile: int, over: int | None) -> int:
    """That much more than a tile, or any remainder."""
    return tile + (chance.randint(2, min(tile - 1, 64)) if over is None else over)


def _axes_to_widen(takes: Takes, pinned: Pinned) -> list[tuple[Sizes, int]]:
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
    """What is held for the axis to be wide; what is pinned and no more, where that leaves no room for it."""
    few = max(chance.choice(SMALL), sizes.tells)
    many = len(sizes.names)
    if sizes.spatial:
        many = pinned_axes(pinned) or chance.choice([dims for dims in takes.dims or () if dims > (at < 0)])
        few += 2  # a window fits
    elif sizes.axes.startswith("*"):
        counts = sizes.counts(pinned)
        many = min(max(counts), max(2, min(counts)))
    several = [few] * many
    several[at] = size
    value: Any = tuple(several) if sizes.axes.startswith("*") or many > 1 else size
    others = {
        other.option: _small(chance, other) for other in takes.sizes if _is_held(other) and other.option not in pinned
    }
    held = {**pinned, **others, sizes.option: value}
    try:
        takes.check(held)
    except ValueError:
        return pinned
    return held


def _is_held(sizes: Sizes) -> bool:
    """Whether it is kept small where another is wide: nothing else follows from it, or it has to be larger than 1."""
    return sizes.wide and not sizes.spatial and (len(sizes.names) == 1 or sizes.tells > 1)


def _small(chance: Random, sizes: Sizes) -> Any:
    """Small, mostly more than 1, and never so small that an op is trivial: mistakes in what is 0 anyway do not show."""
    many = min(sizes.counts({})) if sizes.axes.startswith("*") else len(sizes.names)
    several = tuple(max(chance.choice(OTHERS), sizes.tells) for _ in range(many))
    return several if sizes.axes.startswith("*") or many > 1 else several[0]
