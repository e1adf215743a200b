"""Which sizes the names in a function's shapes are given: a few, each of which is decided by itself, then smaller ones.

Small ones that differ from one another, so that axes are told apart; all of them 1, where means and variances are at their
edge; and for each name a wide one, beyond the 128 and 256 that tiles and blocks are cut to, beside small ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

import numpy as np

from checks.functions.inputs import Input, Sizes, is_open
from checks.signature.options import Range

EXAMPLES = 60  # cases, if nobody says how many, of small inputs
SMALL = (2, 3, 4, 5, 6)
WIDE = (257, 300)  # beyond two tiles of 128, and a multiple of few
MOST = 4096  # elements of all inputs together, of wide ones
MOST_WIDE = 3  # names that are made wide


def sizes_of(inputs: Sequence[Input], ranges: Mapping[str, Range], seed: int) -> list[dict[str, int]]:
    """The sizes that are tried, small ones first; one empty entry where nothing has a name."""
    if not ranges:
        return [{}]
    rng, names = np.random.default_rng((seed, 7)), list(ranges)
    order = rng.permutation(len(names))
    small = {name: _within(SMALL[int(k) % len(SMALL)], ranges[name]) for name, k in zip(names, order, strict=True)}
    found = [small, {name: _within(1, ranges[name]) for name in names}]
    for name in [str(n) for n in rng.permutation(names)[:MOST_WIDE]]:
        beside = {other: _within(int(rng.integers(1, 4)), ranges[other]) for other in names}
        found.append({**beside, name: _widest(name, beside, inputs, ranges[name], rng)})
    return list({tuple(sizes.items()): sizes for sizes in found}.values())


def _widest(name: str, beside: Sizes, inputs: Sequence[Input], among: Range, rng: np.random.Generator) -> int:
    wide = (
        _within(int(rng.integers(*WIDE)), among) if is_open(among) else int(rng.integers(among.least, among.most + 1))
    )
    least = 1 if is_open(among) else among.least
    while wide > least and elements(inputs, {**beside, name: wide}) > MOST:
        wide = max(least, wide * 3 // 4)
    return wide


def _within(size: int, among: Range) -> int:
    return size if is_open(among) else min(max(size, among.least), among.most)


def elements(inputs: Sequence[Input], sizes: Sizes) -> int:
    """How many there are in all inputs together."""
    return sum(prod(i.shape(sizes)) for i in inputs)


def below(sizes: Sizes, ranges: Mapping[str, Range]) -> Iterator[dict[str, int]]:
    """Sizes to look for a smaller failure in: one name at a time as small as it may be, next to that, half, one less."""
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        least = 1 if is_open(ranges[name]) else ranges[name].least
        for other in dict.fromkeys((least, least + 1, size // 2, size * 7 // 8, size - 1)):
            if least <= other < size:
                yield {**sizes, name: other}
