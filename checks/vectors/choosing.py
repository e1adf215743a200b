"""Chosen, not drawn: few vectors that catch every planted mistake several times, and show every edge once.

A set cover, greedily (Chvátal 1979: at most 1 + log n times as many as the fewest): always the candidate that catches most
of what is still to be caught, for its size; the first of those that are alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from checks.op import Op
from checks.vectors.pool import Candidate, candidates
from checks.vectors.vector import Vector

TIMES, SHOWN = 5, 3  # that each mistake is caught, and each edge shown, if so many candidates do
MOST = 200
BASE = 80  # numbers that a vector takes the room of beside its own


def chosen(op: Op) -> list[Vector]:
    """The vectors of an op, smallest first."""
    among = candidates(op)
    picked = cover(among)
    picked.sort(key=lambda at: (among[at].problem.elements, at))
    return [_vector(number, among[at]) for number, at in enumerate(picked[:MOST], 1)]


def cover(among: Sequence[Candidate]) -> list[int]:
    """Which of them to take."""
    wanted = [{**dict.fromkeys(c.catches, TIMES), **{f"/{f}": SHOWN for f in c.features}} for c in among]
    left: Counter[str] = Counter()
    for each in wanted:
        left |= Counter(each)
    supply: Counter[str] = Counter(w for each in wanted for w in each)
    left &= supply
    picked: list[int] = []
    while +left and len(picked) < MOST:
        gains = [
            (sum(left[w] > 0 for w in each) / (BASE + among[n].problem.elements), -n) for n, each in enumerate(wanted)
        ]
        gain, best = max(g for n, g in enumerate(gains) if n not in picked)
        if not gain:
            break
        picked.append(-best)
        left -= Counter(dict.fromkeys(wanted[-best], 1))
    return picked


def _vector(number: int, one: Candidate) -> Vector:
    return Vector(
        number,
        one.problem,
        one.results,
        one.sums,
        one.dtypes,
        tuple(sorted(one.catches)),
        one.edges,
        one.problem.unit or 1,
        one.scale or {},
    )
