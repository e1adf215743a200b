"""From which size on a result is wrong: "right up to 32 input channels, wrong from 33 on: grad_weight[:, 32:] is 0".

Where the smallest case that fails is not small along an axis, problems that are alike but for the size of that axis are
tried: a small one that is right, then halves of what lies between it and one that is wrong, then what is near multiples of
the usual tiles. What is said is the simplest rule that every size tried agrees with: a threshold, a multiple, no multiple.
Then: what is wrong of the case that fails (regions.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from functools import cached_property
from math import ceil, inf, log, log1p, prod, sqrt

import numpy as np

from checks.cases.search import Stopped
from checks.diagnosis import products, regions
from checks.diagnosis.parts import Parts
from checks.diagnosis.resizing import Axis, axes_of, resized
from checks.diagnosis.rules import TILES, Rule, Shape, listed, rule, telling
from checks.diagnosis.seen import Seen, runs
from checks.numbers.precision import Array
from checks.op import Problem
from checks.subjects.refusals import Crashed, Malformed, Unsupported
from checks.trials.exhibit import Sized

SMALL = (1, 2, 3)  # what is tried as right; up to the last of these, other words tell what is wrong (whereabouts.py)
ROOM = (4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64, 96)  # is tried where a window fits into none of these
MOST_CALLS = 80
MOST_ELEMENTS = 1 << 18
CHEAP = 1 << 15
NEAREST = 4  # sizes about a middle, where not every one can be had
MOST_TOLD = 8  # sizes that are asked of for nothing but to tell rules apart
MOST_SECONDS = 10.0
REDRAWS = 8  # of a size at which nothing is wrong: what is 0 there, or not chosen, would hide it
AT_LEAST = 3  # draws of the problem that fails: where all are wrong, it is not its numbers that matter
CHANCE = 1e-2  # that what seldom goes wrong is right by accident where a rule says so
MOST_DRAWS = 64


def described(failure: Seen, result: str, law: str, *, unnamed: bool, note: str = "") -> tuple[str, tuple[Sized, ...]]:
    """For which sizes the result is wrong, and which part of it; "" if it is so for all sizes, or for small ones.

    Beside the words the sizes that they rest on, for each axis that they speak of.

    unnamed  whether no mistake is known: then sizes that are right are looked for above those that are wrong too (a whole
             tile, where parts of one are lost), and sizes that follow no rule are listed
    note     what the law says of it: of arrays in which layout, if that is what matters
    """
    wrong = _Wrong(failure, result, law, note)
    parts = Parts(failure, result, law, note)
    said, sized, limits = _by_size(wrong, parts.begins, unnamed=unnamed)
    if not said and unnamed:  # a large kernel leaves no room for small maps; where it does not matter, it is made small
        with suppress(Stopped):
            plain = wrong.plainer()
            said, sized, _ = _by_size(plain, (), unnamed=True) if plain is not wrong else ("", (), [])
            said = said or plain.by_few()
    where = parts.told(limits) if said else ""
    return said + (f": {where}" if where else ""), sized


def _by_size(wrong: _Wrong, begins: Sequence[int], *, unnamed: bool) -> tuple[str, tuple[Sized, ...], list[int]]:
    """What is said of sizes, the sizes it rests on, and where parts may begin."""
    told: dict[Axis, str] = {}
    limits, found = [], []
    rules: list[Rule] = []
    with suppress(Stopped):  # what was tried until then is told
        together = dict(wrong.in_all())
        for axis in axes_of(wrong.run.problem):
            if axis.option in together:
                told |= {axis: together[axis.option].words} if axis.at == 0 else {}
                continue
            known = wrong.by_size(axis, beyond=unnamed)
            if not all(known.values()) and not wrong.is_accident(axis, known):
                agreed = wrong.rule(axis, known, begins)
                if all(known.values()):  # with other numbers it is wrong at all sizes
                    continue
                limit = agreed.limit if agreed else 0
                if agreed and agreed.about in (rule.about for rule in rules):  # which two options may change
                    continue
                rules += [agreed] if agreed else []
                is_plain = unnamed and wrong.often == 1 and axis.size > SMALL[-1]
                if agreed or (is_plain and sum(known.values()) > 1):
                    told[axis] = agreed.words if agreed else listed(axis, known)
                    found.append(axis.sized(known, wrong.run.problem))
                limits += [*(tile for tile in TILES if tile < limit <= tile + regions.NEAR), limit, axis.size - 1]
        if len(told) > 1 and not together and (said := products.told(list(told), wrong)):
            return said, tuple(found), limits
        if len(told) == 1 == len(rules) and unnamed and not rules[0].usual and not together:
            others = [axis for axis in axes_of(wrong.run.problem) if axis not in told]
            if said := products.told(list(told), wrong, others):
                return said, tuple(found), limits
    return " and ".join(told.values()), tuple(found), limits


class _Wrong:
    """Whether the result is wrong in a problem that is the one that fails but for one size."""

    def __init__(self, failure: Seen, result: str, law: str, note: str) -> None:
        self.run = failure.run
        self.judged = failure.run.implementation, failure.run.reference
        self.result = result
        self.law = law
        self.note = note
        self.tried: list[tuple[Problem, bool]] = [(failure.run.problem, True)]
        self.shapes: dict[int, Mapping[str, Shape]] = {}
        self.calls = 0
        self.known: dict[tuple[Axis, int], bool | None] = {}
        self.blind: set[tuple[Axis, int]] = set()
        self.blindly = False
        self.ends_in_nothing = False
        self.started = time.perf_counter()

    def by_size(self, axis: Axis, *, beyond: bool) -> dict[int, bool]:
        """Whether it is wrong, by size: enough to tell rules apart, if the size matters at all.

        What ends in nothing but 0 shows nothing of its end: such sizes are told only if there are no others.
        """
        self.shapes = {axis.size: self._shapes(self.run.problem)}
        known = self._tried_sizes(axis, beyond=beyond, blindly=False)
        if all(known.values()) and any(axis == of for of, _ in self.blind):
            known = self._tried_sizes(axis, beyond=beyond, blindly=True)
        return known

    def _tried_sizes(self, axis: Axis, *, beyond: bool, blindly: bool) -> dict[int, bool]:
        self.blindly = blindly
        known = {axis.size: True}
        near = self._halved(axis, known) if axis.size > SMALL[-1] else ()
        if not near and beyond and self._is_cheap(axis, TILES[-1]) and self._ask(axis, TILES[-1], known) is False:
            near = (*SMALL, TILES[-1] - 1, TILES[-1] + 1)
        if not near:
            return {axis.size: True}
        for size in (*near, *(size for tile in TILES if tile <= 2 * max(known) for size in (tile, tile + 1))):
            self._ask(axis, size, known)
        asked: list[int] = []
        while len(asked) < MOST_TOLD and (between := telling(axis, known, asked)) is not None:
            asked.append(between)
            self._ask(axis, between, known)
        return known

    def rule(self, axis: Axis, known: dict[int, bool], begins: Sequence[int]) -> Rule | None:
        """The one that all sizes agree with, once more of their numbers have been tried if none does."""
        agreed = rule(axis, known, self.shapes, begins)
        if agreed is not None or not self.again(axis, known) or all(known.values()):
            return agreed
        return rule(axis, known, self.shapes, begins)

    def in_all(self) -> Iterator[tuple[str, Rule]]:
        """For options that pin several axes, the rule about the product of their sizes, if that is what matters.

        It is what matters if the same is wrong along a single axis that is as long, and if along each axis by itself the
        largest size whose product is right is right, and one more is wrong.
        """
        pins = self.run.problem.pins
        for sizes in self.run.problem.op.takes.sizes:
            given = pins.get(sizes.option)
            if sizes.spatial or not sizes.axes.startswith("*") or not isinstance(given, tuple) or len(given) < 2:
                continue
            whole = Axis(sizes.option, 0, prod(given), f"elements of {sizes.option}")
            single = resized(self.run.problem, sizes.option, (whole.size,))
            if single is None or single.elements > MOST_ELEMENTS:
                continue
            alone = self._of(single)
            if not alone.is_wrong(whole, whole.size):
                continue
            known = alone.by_size(whole, beyond=False)
            agreed = None if all(known.values()) else rule(whole, known, alone.shapes)
            if agreed is not None and all(self._agrees(agreed, sizes.option, given, at) for at in range(len(given))):
                yield sizes.option, agreed

    def _of(self, problem: Problem) -> _Wrong:
        """The same of another problem; what it calls counts here."""
        other = copy(self)
        other.run = replace(self.run, problem=problem, case=problem.reals())
        other.known, other.blind, other.tried = {}, set(), [(problem, True)]
        return other

    def _agrees(self, rule: Rule, option: str, given: tuple[int, ...], at: int) -> bool:
        """Whether the sizes along this axis on both sides of where the rule begins are right and wrong."""
        others = prod(given[:at] + given[at + 1 :])
        axis = Axis(option, at, given[at], "")
        asked = {size: self.is_wrong(axis, size) for size in (rule.limit // others, rule.limit // others + 1) if size}
        return all(wrong is None or wrong == rule.holds(size * others) for size, wrong in asked.items())

    @cached_property
    def often(self) -> float:
        """In how many draws of the problem that fails it is wrong, of those that are not the one that was found."""
        problem = self.run.problem
        shown: list[bool] = []
        for redraw in range(1, 1 + REDRAWS):
            found = self._is_wrong(problem, range(redraw, redraw + 1))
            shown += [] if found is None else [found]
            if len(shown) >= AT_LEAST and all(shown):
                break
        return sum(shown) / max(1, len(shown))

    def is_accident(self, axis: Axis, known: Mapping[int, bool]) -> bool:
        """Whether no size need matter: what seldom goes wrong does so the oftener the more numbers there are.

        If one draw of size w is wrong with probability p, and each part of it for itself, none of n draws of size s is with
        probability (1 − p)^(n·s/w). As many are asked of the right size next to one that is wrong as make that small.
        """
        if self.often == 1:
            return False
        wrong = min(size for size, is_wrong in known.items() if is_wrong)
        right = min((size for size, is_wrong in known.items() if not is_wrong), key=lambda size: abs(size - wrong))
        share = self._share(axis, wrong)
        needed = log(CHANCE) / log1p(-min(share, 1 - CHANCE)) * wrong / right if share else inf
        if needed > MOST_DRAWS:
            return True
        return self.is_wrong(axis, right, range(REDRAWS, REDRAWS + ceil(needed))) is not False

    def _share(self, axis: Axis, size: int) -> float:
        """How many of all draws of another size are wrong at least, told from a few: less by what counts scatter by."""
        count = sum(bool(self.is_wrong(axis, size, range(n, n + 1))) for n in range(1, 1 + REDRAWS))
        return (count - sqrt(count)) / REDRAWS

    def again(self, axis: Axis, known: dict[int, bool]) -> bool:
        """Whether other numbers show that it is wrong at sizes above one that is: what is picked by index is not all."""
        least = min(size for size, is_wrong in known.items() if is_wrong)
        before = dict(known)
        for size in [size for size, is_wrong in known.items() if not is_wrong and size > least]:
            known[size] = self.is_wrong(axis, size, range(REDRAWS, 4 * REDRAWS)) or False
        return known != before

    def _halved(self, axis: Axis, known: dict[int, bool]) -> tuple[int, ...]:
        """Sizes near the largest that is right below one that is wrong; none if the size does not matter."""
        right = (size for size in SMALL if self._ask(axis, size, known) is False)
        low = next(right, axis.size)
        if not any(size in known for size in SMALL):
            roomy = (size for size in ROOM if size < axis.size and self._ask(axis, size, known) is False)
            low = next(roomy, axis.size)
        high = axis.size
        while high - low > 1:
            middle = (low + high) // 2
            between = sorted(range(low + 1, high), key=lambda size: abs(size - middle))[:NEAREST]
            found = next((size for size in between if self._ask(axis, size, known) is not None), None)
            if found is None:
                break
            low, high = (low, found) if known[found] else (found, high)
        return (*SMALL, low - 1, high + 1, 2 * low, 2 * high, 2 * high + 1) if SMALL[-1] <= low < high else ()

    def _is_cheap(self, axis: Axis, size: int) -> bool:
        """Whether what is asked on the off chance is small: one kernel of 128 × 129 takes as long as all else."""
        other = resized(self.run.problem, axis.option, axis.value(self.run.problem.pins, size))
        return other is None or other.elements <= CHEAP

    def _ask(self, axis: Axis, size: int, known: dict[int, bool]) -> bool | None:
        """None where there is no such problem, where it takes too much, or where nothing comes out."""
        if size not in known and size > 0:
            if (axis, size) not in self.known:
                self.known[axis, size] = self.is_wrong(axis, size)
            found = self.known[axis, size]
            if found is not None and (self.blindly or (axis, size) not in self.blind):
                known[size] = found
        return known.get(size)

    def plainer(self) -> _Wrong:
        """The same where each axis that does not matter is short; itself, if none is long."""
        plain = self
        for axis in axes_of(self.run.problem):
            for size in SMALL if axis.size > SMALL[-1] else ():
                other = resized(plain.run.problem, axis.option, axis.value(plain.run.problem.pins, size))
                if other is not None and plain.is_wrong_in(other):
                    plain = self._of(other)
                    break
        return plain

    def by_few(self) -> str:
        """A product of axes that are all short: of the taps of a kernel."""
        short: dict[str, list[Axis]] = {}
        for axis in axes_of(self.run.problem):
            if axis.size > 1 and self.is_wrong(axis, axis.size - 1) is False:
                short.setdefault(axis.option, []).append(axis)
        several = (axes for axes in short.values() if len(axes) > 1 and prod(a.size for a in axes) > SMALL[-1])
        return next(filter(None, (products.told(axes, self) for axes in several)), "")

    def _shapes(self, problem: Problem) -> Mapping[str, Shape]:
        """Those of the result and of y."""
        return {name: problem.shape(name) for name in dict.fromkeys((self.result.removeprefix("grad_"), "y"))}

    @property
    def _chooses(self) -> bool:
        """Whether numbers matter: the largest of a window is taken, a class or a row by index; or it is seldom wrong."""
        indexed = any(a is not None and a.dtype.kind == "i" for a in self.run.case.inputs)
        return indexed or self.run.problem.op.kinks is not None or self.often < 1

    def is_wrong(self, axis: Axis, size: int, redraws: range = range(REDRAWS)) -> bool | None:
        """Whether it is wrong with another size along this axis; None where nobody knows."""
        problem = self.run.problem
        other = resized(problem, axis.option, axis.value(problem.pins, size))
        found = None if other is None else self.is_wrong_in(other, redraws)
        if other is not None and found is not None:
            self.shapes[size] = self._shapes(other)
        if found is False and self.ends_in_nothing:
            self.blind.add((axis, size))
        return found

    def is_wrong_in(self, other: Problem, redraws: range = range(REDRAWS)) -> bool | None:
        """Whether it is wrong in another problem; None where that takes too much, or nothing comes out."""
        if self.calls >= MOST_CALLS or time.perf_counter() - self.started > MOST_SECONDS:
            return None
        if other.elements > MOST_ELEMENTS:
            return None
        self.calls += 1
        found = self._is_wrong(other, redraws)
        self.tried += [] if found is None else [(other, found)]
        return found

    def _is_wrong(self, other: Problem, redraws: range) -> bool | None:
        told: Array | None = None  # which elements were not 0 in some draw: 1.01 times 0 is right
        for redraw in redraws:
            try:
                asked = runs(self.law, [replace(other, seed=other.seed + redraw)], *self.judged, self.note)
                seen = [Seen.of(self.result, run) for run in asked]
            except (Crashed, Malformed, Unsupported):
                return None
            if not seen or any(one.wrong.any() for one in seen):
                return bool(seen) or None
            before = told
            told = seen[0].right != 0 if before is None else before | (seen[0].right != 0)
            same = redraw > 1 and before is not None and np.array_equal(before, told)  # what is always 0 is no accident
            if not redraws.start and not self._chooses and (told.all() or same):
                break
        self.ends_in_nothing = told is not None and self._is_blind(told)
        return False

    def _is_blind(self, told: Array) -> bool:
        """Whether all is 0 at the end of an axis whose size has changed."""
        shape = self.run.problem.shape(self.result.removeprefix("grad_"))
        changed = [axis for axis, (size, was) in enumerate(zip(told.shape, shape, strict=True)) if 0 < size != was]
        return any(not told.take(-1, axis).any() for axis in changed)
