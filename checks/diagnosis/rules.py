"""Rules about sizes: a threshold, a multiple, no multiple, of this or of that; and which sizes would tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from checks.diagnosis.resizing import Axis
from checks.signature import places

TILES = (4, 8, 16, 32, 64, 128)
LEAST = 4  # of a tile that is no usual one
LISTED = 4

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Rule:
    """For which sizes it is wrong: in words, from which index on parts are lost, and whether it is at a size.

    about  which size
    usual  whether it begins at one of the usual tiles
    """

    words: str
    limit: int
    holds: Callable[[int], bool]
    about: str
    usual: bool = False

    def agrees(self, known: Mapping[int, bool]) -> bool:
        """With all sizes that were tried."""
        return all(self.holds(size) == wrong for size, wrong in known.items())


def rule(
    axis: Axis, known: Mapping[int, bool], shapes: Mapping[int, Mapping[str, Shape]], begins: Sequence[int] = ()
) -> Rule | None:
    """The simplest rule that agrees with all sizes that were tried, if one does.

    It is one about this size, or about one that follows from it: a window has fewer places than its input is long. Of
    rules that agree about several, one that begins where what is wrong of the result does, or at a usual tile, is the
    likeliest.

    begins  where what is wrong begins, along some axis
    """
    agreeing = []
    for one, sizes in ((axis, {size: size for size in known}), *_following(axis, shapes)):
        pairs = {(sizes[size], wrong) for size, wrong in known.items()}
        found = dict(pairs)
        if len(found) == len(pairs):  # of no size both right and wrong
            agreeing += [first] if (first := next(agreeing_with(one, found), None)) else []
    usual = (rule for rule in agreeing if rule.usual)
    there = (rule for rule in agreeing if rule.limit in begins)
    return next(usual, next(there, agreeing[0] if agreeing else None))


def agreeing_with(axis: Axis, known: Mapping[int, bool]) -> Iterator[Rule]:
    """The rules that agree with all sizes that were tried, the simplest first."""
    return (rule for rule in _rules(axis, known) if rule.agrees(known))


def telling(axis: Axis, known: Mapping[int, bool], but: Collection[int]) -> int | None:
    """A size, none of these, of which rules that agree say different things, half of them each if it can be."""
    rules = list(agreeing_with(axis, known))
    tiles = {t for t in (*TILES, *_divisors(known)) if t <= 2 * max(known)}
    least = min((size for size, wrong in known.items() if wrong), default=0)
    near = {n for t in tiles for n in (t - 1, t, t + 1, 2 * t, 3 * t, 2 * t + 1, least + t) if n > 0}
    sizes = sorted(near - {*known, *but})
    said = {size: sum(rule.holds(size) for rule in rules) for size in sizes}
    best = max(sizes, key=lambda size: min(said[size], len(rules) - said[size]), default=None)
    return best if best is not None and 0 < said[best] < len(rules) else None


def listed(axis: Axis, known: Mapping[int, bool]) -> str:
    """The sizes that were tried, where they follow no rule."""
    right, wrong = (sorted(n for n, is_wrong in known.items() if is_wrong is wanted) for wanted in (False, True))
    few = (", ".join(map(str, sizes[:LISTED])) + " …" * (len(sizes) > LISTED) for sizes in (right, wrong))
    return "right for {}, wrong for {}".format(*map(axis.many, few))


def _following(axis: Axis, shapes: Mapping[int, Mapping[str, Shape]]) -> Iterator[tuple[Axis, Mapping[int, int]]]:
    """The axes of the result, and of y, whose size changes with this one, and the size that each has then."""
    for name, whole in shapes[axis.size].items():
        for i in range(len(whole)):
            sizes = {size: of[name][i] for size, of in shapes.items()}
            if len(set(sizes.values())) > 1:
                yield Axis(axis.option, i, whole[i], f"size of {name} along axis {i}"), sizes


def _rules(axis: Axis, known: Mapping[int, bool]) -> Iterator[Rule]:
    most = max((size for size, wrong in known.items() if not wrong), default=0)
    first = min((size for size, wrong in known.items() if wrong and size > most), default=most + 1)
    limit = next((tile for tile in TILES if most <= tile < first), most)  # of sizes between there is none
    beyond = f"right up to {axis.many(most)}, wrong from {first} on"
    yield Rule(beyond, limit, most.__lt__, axis.called, usual=most in places.TILES)
    least = min((size for size, wrong in known.items() if wrong), default=0)
    for tile in (*TILES, *_divisors(known)):
        whole = axis.size // tile * tile
        yield Rule(f"wrong where {axis.are} a multiple of {tile}", whole, partial(_is_multiple, tile, 0), axis.called)
        yield Rule(
            f"wrong where {axis.are} no multiple of {tile}", whole, partial(_is_no_multiple, tile, 0), axis.called
        )
        beyond = f"right up to {axis.many(tile)}, wrong beyond where {axis.are} no multiple of {tile}"
        yield Rule(beyond, whole, partial(_is_no_multiple, tile, tile), axis.called)
        if least > tile and least % tile == 0:
            from_on = f"wrong from {axis.many(least)} on where {axis.are} a multiple of {tile}"
            yield Rule(from_on, whole, partial(_is_multiple, tile, least), axis.called)


def _divisors(known: Mapping[int, bool]) -> Sequence[int]:
    """What a tile that is no usual one may be: it divides a size that is right, and the next but one at most is wrong."""
    sizes = sorted(known)
    edges = (one for one, other in pairwise(sizes) if not known[one] and known[other] and other <= one + 2)
    return sorted({n for edge in edges for n in range(LEAST, edge + 1) if edge % n == 0} - set(TILES), reverse=True)


def _is_multiple(tile: int, least: int, size: int) -> bool:
    return size >= least and size % tile == 0


def _is_no_multiple(tile: int, above: int, size: int) -> bool:
    return size > above and size % tile != 0
