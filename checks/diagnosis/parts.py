"""Which part of a result is wrong, and what stands there, seen as the array that it is, or as rows, or in its halves.

What code does is often cut along several axes at once: rows of a batch, positions, all elements. And an axis of 2H holds
two arrays side by side. So the part is looked for in the array as NumPy reshapes it, too, and taken where it fits best.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from math import prod

from checks.diagnosis import regions
from checks.diagnosis.left_out import input_left_out, part_left_out
from checks.diagnosis.regions import Region
from checks.diagnosis.seen import Seen, runs
from checks.signature.axes import parts
from checks.subjects.refusals import Crashed, Malformed, Unsupported

MORE = 2  # draws of the same problem, in which it is the same then if it is one
CLOSER = 1.1  # times as much of a part has to be wrong for it to be told of the array reshaped

Shape = tuple[int, ...]


class Parts:
    """The parts of a result that are wrong in one case."""

    def __init__(self, failure: Seen, result: str, law: str, note: str = "") -> None:
        self.failure, self.result, self.law, self.note = failure, result, law, note

    @property
    def begins(self) -> Sequence[int]:
        """Where what is wrong begins along each axis, of the result as it is."""
        where = regions.region(self.result, self.failure.wrong, (), self.failure.right == 0)
        return [] if where is None or where.outside else [cut.start for cut in where.slices if cut.start]

    def told(self, limits: Sequence[int] = ()) -> str:
        """Which part is wrong, and what stands there or has been left out; "" if nothing simple.

        limits  where parts are known to begin, along some axis of the problem
        """
        where, seen = self._closest(limits)
        if where is None:
            done = part_left_out(self.result, self._with_more(self.failure), limits)
            return f"{self.result} is {done}" if done else ""
        several = self._with_more(seen) if where.size < regions.FEW else [seen]
        said = regions.contents(where, several)
        if said != "is wrong":
            return f"{where} {said}"
        if done := part_left_out(self.result, self._with_more(self.failure), limits):
            return f"{self.result} is {done}"
        if done := input_left_out(self.result, where, [seen]):
            return f"{where} is {done}"
        return f"{where} {said}"

    def _closest(self, limits: Sequence[int]) -> tuple[Region | None, Seen]:
        """The part of which most is wrong, and the array as it is reshaped for it."""
        best: Region | None = None
        of = self.failure
        for name, shape in self._views():
            seen = _reshaped(self.failure, shape)
            where = regions.region(name, seen.wrong, limits, seen.right == 0)
            if where is not None and (best is None or _filled(where, seen) > CLOSER * _filled(best, of)):
                best, of = where, seen
        return best, of

    def _views(self) -> Iterator[tuple[str, Shape]]:
        """The array as it is, and then as it may be cut."""
        whole = self.failure.right.shape
        yield self.result, whole
        names = self.failure.run.problem.op.takes.axes[self.result.removeprefix("grad_")].names
        shapes: list[Shape] = []
        if len(names) == len(whole):
            shapes += [
                (*whole[:at], times, whole[at] // times, *whole[at + 1 :])
                for at, (times, *_) in enumerate(map(parts, names))
                if times > 1 and whole[at] % times == 0
            ]
        if len(whole) > 2:
            shapes.append((prod(whole[:-1]), whole[-1]))
        if len(whole) > 3:
            shapes.append((*whole[:2], prod(whole[2:])))
        if len(whole) > 1:
            shapes.append((prod(whole),))
        for shape in shapes:
            yield f"{self.result}.reshape({', '.join(map(str, shape))})", shape

    def _with_more(self, seen: Seen) -> list[Seen]:
        """It, and the same of other numbers in which it is wrong."""
        return [seen, *(_reshaped(one, seen.right.shape) for one in self._more)]

    @cached_property
    def _more(self) -> list[Seen]:
        run = self.failure.run
        problems = [replace(run.problem, seed=run.problem.seed + more) for more in range(1, 1 + MORE)]
        found: list[Seen] = []
        with suppress(Crashed, Malformed, Unsupported):
            for other in runs(self.law, problems, run.implementation, run.reference, self.note):
                one = Seen.of(self.result, other)
                found += [one] if one.wrong.any() else []
        return found

    @cached_property
    def is_certain(self) -> bool:
        """Whether a part that is no whole holds something simple, which no other mistake explains better."""
        where, seen = self._closest(())
        return where is not None and not where.is_all and regions.contents(where, [seen]) != "is wrong"


def _reshaped(seen: Seen, shape: Shape) -> Seen:
    """It as an array of another shape."""
    if seen.right.shape == shape:
        return seen
    arrays = {name: getattr(seen, name).reshape(shape) for name in ("actual", "right")}
    return replace(seen, **arrays, bound=regions.spread(seen.bound, seen.right.shape).reshape(shape), _made={})


def _filled(where: Region, seen: Seen) -> float:
    """How much of a part is wrong, of what could be."""
    return regions.filled(where.mask, seen.wrong, seen.right == 0)
