"""Problems that take turns among what cases can be like, so that nothing rare is left to chance.

By chance, a value that one draw in six has comes first in the twenty-sixth in one run of a hundred, and a pair of two such
far later. So a part of the cases is chosen from many that are drawn by chance, one after the other, each time that which
has the most that was rare so far, and the most pairs of such: the greedy search for pairwise coverage (Cohen, Dalal,
Fredman and Patton, The AETG system, 1997). What counts is each value of each parameter, values that differ along the axes,
arrays that are left out or scaled, numbers of axes, sizes of 0, of 1 and above, and what else the report counts as tried.
Each time that a pair was had it counts half as much as before. So all there is comes within the first few of them, and
then pairs of it, evenly.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np

from checks.cases.drawing import attempt, problem
from checks.cases.kinds import EVERYTHING, Among
from checks.op import Op, Problem
from checks.signature.drawing import ByChance
from checks.signature.options import Pinned

FROM = 6  # problems to choose from, for each that is chosen
LEAST = 200  # at least so many: what one in a hundred has is among them
FIRST = 4  # times as much as all pairs with it that were not there counts what was not there at all


def problems_in_turn(
    op: Op, pinned: Pinned, dtype: str, many: int, seed: int, among: Among = EVERYTHING, block: int = 0
) -> Iterator[Problem]:
    """So many problems in which the pinned values hold, the same for a seed and a block; fewer where kinds are left out."""
    if not many:
        return
    chance = Random(f"{op.name} {dtype} {seed} turns{block or ''}")  # noqa: S311, no secret
    drawn = list(_drawn(chance, op, pinned, dtype, max(LEAST, FROM * many), among))
    forms = [_forms(one) for one in drawn]
    known = {form: at for at, form in enumerate(dict.fromkeys(form for several in forms for form in several))}
    has = np.zeros((len(drawn), len(known)))
    for row, several in zip(has, forms, strict=True):
        row[[known[form] for form in several]] = 1
    rare = np.ones((len(known), len(known)))
    np.fill_diagonal(rare, FIRST * len(known))
    worth = np.einsum("if,fg,ig->i", has, rare, has, optimize=True)
    for _ in range(min(many, len(drawn))):
        chosen = int(np.argmax(worth))
        yield drawn[chosen]
        held = np.flatnonzero(has[chosen])
        among_held = np.ix_(held, held)
        rare[among_held] /= 2
        worth -= ((has[:, held] @ rare[among_held]) * has[:, held]).sum(1)
        worth[chosen] = -np.inf


def _drawn(chance: Random, op: Op, pinned: Pinned, dtype: str, many: int, among: Among) -> Iterator[Problem]:
    for _ in range(many):
        if not among.out:
            yield problem(ByChance(chance), op, pinned, dtype)
        elif (one := attempt(ByChance(chance), op, pinned, dtype, among)) is not None:
            yield one


def _forms(one: Problem) -> set[Any]:
    """What a problem is like."""
    found: set[Any] = {("small", one.small), *(("scale", *scaled) for scaled in one.exponents.items())}
    sizes = {
        size.option for size in one.op.takes.sizes
    }  # which a parameter may be, too, such as that of what comes out
    for label, values in one.tried.items():
        is_size = label != "dims" and (label not in one.parameters or label in sizes)
        found |= {(label, min(value, 2) if is_size and isinstance(value, int) else value) for value in values}
    return found | {
        (name, "differs along the axes") for name, value in one.parameters.items() if isinstance(value, tuple)
    }
