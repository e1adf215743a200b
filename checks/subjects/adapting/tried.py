"""What was tried of a layer, told where nothing fits: the order of each array, what was held, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from checks.signature.options import times
from checks.subjects.adapting.run import Form, Plan
from checks.subjects.adapting.slots import said
from checks.subjects.adapting.ways import Way
from checks.subjects.frames import own_frames, place

SHOWN = 6  # of one kind; more are counted
ERRORS = 3
WIDTH = 90  # of what an exception says


class Tried:
    """Plans that were tried, counted."""

    def __init__(self) -> None:
        self.count = 0
        self._orders: dict[str, dict[str, None]] = {}
        self._places: dict[str, dict[str, None]] = {}
        self._held: dict[str, dict[str, None]] = {}
        self._raised: Counter[str] = Counter()
        self._unmade: Counter[str] = Counter()
        self._other_shape = 0
        self._wrong: list[tuple[float, str]] = []

    def unmade(self, way: Way, why: str) -> None:
        """A way in which no plan could be made, and why."""
        self._note(way)
        self._unmade[why] += 1

    def add(self, way: Way, plan: Plan, why: str, off: float | None) -> None:
        """A plan: what it raised, or how far y is off, which is None if it has another shape."""
        self.count += 1
        self._note(way)
        for n, order in plan.arranged.items():
            self._orders.setdefault(n, {})[str(order) or "one number"] = None
            for path in plan.held.get(n, ())[:1]:
                self._places.setdefault(n, {})[said(path)] = None
        if plan.spread is not None:
            self._held.setdefault("handed over as", {})[str(plan.spread)] = None
        if why:
            self._raised[why] += 1
        elif off is None:
            self._other_shape += 1
        else:
            self._wrong.append((off, ", ".join(f"{n} ({order})" for n, order in plan.arranged.items())))

    def _note(self, way: Way) -> None:
        for n, value in {**way.alike, **way.pins, **way.plan.constants, **way.plan.masks}.items():
            self._held.setdefault(f"held {n}", {})[str(value)] = None
        if way.without:
            self._held.setdefault("without axes", {})[" and ".join(way.without)] = None
        if way.plan.tuples:
            self._held.setdefault("numbers for each axis", {})["as tuples"] = None
        for n, value in way.plan.switches.items():
            if len(way.plan.switches) < SHOWN and not isinstance(value, bool):
                self._held.setdefault(f"handed over {n}", {})[repr(value)] = None
        for n, axis in way.plan.opened.items():
            self._held.setdefault(f"read {n} as", {})[axis] = None

    def words(self, form: Form) -> str:
        """All of it: a line for each array, one for each thing that was held, and what came of it."""
        first = f"of {self.count} ways to call it, forward is right in: none"
        if not self.count:
            first = f"in none of {sum(self._unmade.values())} ways could it be made and have its arrays"
        return "\n".join([first, *self._lines(form)])

    def _lines(self, form: Form) -> Iterator[str]:
        for n, orders in self._orders.items():
            if n in {*self._places, *form.passed, form.op.inputs[0], "y"} or len(orders) > 1:
                where = f", looked for at {_listed(self._places[n])}" if n in self._places else ""
                yield f"  {n} as {_listed(orders, ' | ')}{where}"
        for what, values in self._held.items():
            yield f"  {what} {_listed(values)}"
        every = self._raised + self._unmade
        # What stood in the way of the most usual ways is said, however seldom it is, then what is frequent.
        first = [why for of in (self._raised, self._unmade) for why in [*of][:1]]
        shown = list(dict.fromkeys([*first, *(why for why, _ in every.most_common(ERRORS))]))
        yield from (f"  {times(every[why])}: {why}" for why in shown)
        if rest := [why for why in every if why not in shown]:
            yield f"  {times(sum(every[why] for why in rest))}: {len(rest)} other error{'s'[: len(rest) > 1]}"
        if self._other_shape:
            yield f"  {times(self._other_shape)}: y of another shape, or none"
        if self._wrong:
            off, plan = min(self._wrong)
            many = len(self._wrong)
            yield f"  {times(many)}: y of the right shape with other numbers, nearest as {plan}: off by {off:.2g} of y"


def _listed(values: Iterable[Any], between: str = ", ") -> str:
    """All of them, or the first and how many more."""
    every = [str(value) for value in values]
    more = len(every) - SHOWN
    return between.join(every[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def raised(error: Exception) -> str:
    """What an exception says, in a line, and where in their code it was raised."""
    where = place(own_frames(error))
    return f"{type(error).__name__}: {_short(str(error))}" + (f" ({where})" if where else "")


def _short(why: str) -> str:
    """The first line of what an exception says, and no more than fits in one."""
    first = why.strip().splitlines()[0] if why.strip() else why
    return first if len(first) <= WIDTH else f"{first[:WIDTH]} …"
