"""Every element of every gradient is the slope of ⟨g, f⟩ along it: by complex or by central slopes (place.py).

One slope along v = Σ ±wᵢeᵢ covers a whole gradient, and an error of share ε in one element sets the two sides apart by
ε·wᵢ|bᵢ|, whatever the others are, as long as they are right. So it is seen if

    ε > doubt of the slope / (wᵢ·|bᵢ|),

which is written down for each element: the smallest such share of all cases is what the element is decided to. Errors in
several elements can cancel along one v with signs ±, along those of n cases, drawn anew, with probability 2⁻ⁿ at most.
Where |bᵢ| is less than the mean of its gradient, the mean stands in its place: no share of 0 is seen. Complex slopes take
wᵢ = 1/|bᵢ|, so that small elements count as much as large ones; central slopes must move by about the size of xᵢ.

In turn, case after case, each element is asked along itself alone as well: nothing can cancel there.

What is wrong along some v is narrowed down to the fewest elements along which it is still wrong (Junker, QuickXplain,
2004): to one, unless they meet in a kink. That one gets a second look (corners.py). A central slope that disagrees counts
against a complex one that agrees only if it is wrong by several times its doubt: the sharper law is not overruled by the
coarser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from checks.functions import fitted
from checks.functions.corners import TOGETHER, Look, look_at_element, look_at_group
from checks.functions.coverage import COMPLEX, SHARP, Coverage, seeing
from checks.functions.domain import within
from checks.functions.measured import Measuring
from checks.functions.place import Place, Slope
from checks.functions.uncommon import EQUAL, SPECIAL, is_special
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Problem
from checks.subjects.refusals import Crashed, Malformed, Unsupported
from checks.trials.trial import Run, Trial
from checks.verdict.report import Finding, Verdict

MOST_KINKS = 32
BLOCKS = 8  # a gradient is taken in so many parts where one slope for all of it is not sharp enough
SURE = 8  # times its doubt, for a central slope to stand against a complex one
SMALL = 2.0**-10  # what is less than this share of the mean weighs as much as that
PLACES = 4  # around, at which what is wrong in a sum alone must be wrong too
GROSS = 0.5  # of a slope: what is less off than that at a corner or a tie is not called wrong for it
SLIGHT = 2.0**-4  # of what is typical: slopes no larger than that may be what is left of some that settle slowly
OFTEN = 3  # cases in which a gradient is wrong are enough
SIGNS, ODD = 5, 3  # what signs are drawn with (Problem.rng), and each of how many cases asks small outputs too


class Places:
    """The place of a case, made once for the laws that look at it one after another."""

    def __init__(self, dtype: str, measuring: Measuring, names: tuple[str, ...]) -> None:
        self.dtype, self.measuring, self.names = dtype, measuring, names
        self.coverages: dict[str, Coverage] = {}
        self._latest: tuple[str, Place] | None = None

    def coverage(self, problem: Problem) -> Coverage:
        """What is known of each element of cases of these shapes."""
        return self.coverages.setdefault(repr(dict(problem.shapes)), Coverage(self.names))

    def turn(self, problem: Problem) -> int:
        """The number of a case among those of its shapes."""
        return self.coverage(problem).turn(problem)

    def of(self, trial: Trial) -> Place:
        """In the precision in which the function is asked for slopes."""
        key = trial.problem.identity
        if self._latest is None or self._latest[0] != key:
            fine = Trial(replace(trial.problem, dtype=self.dtype), trial.implementation, trial.reference)
            within(fine)  # it has other numbers
            place = Place(fine.real, self.measuring)
            if self.coverage(trial.problem).turn(trial.problem) % ODD == ODD - 1:
                place = Place(_relative(place), self.measuring)
            self._latest = key, place
        return self._latest[1]


def _relative(place: Place) -> Run:
    """The run under a cotangent that asks about small outputs as much as about large ones."""
    run, precision = place.run, PRECISIONS[place.dtype]
    size = place.measured["y"].size
    exponents = -np.round(np.log2(np.where(size > 0, size, 1.0)))
    exponents = np.clip(exponents, precision.lowest // 4, precision.highest // 4).astype(int)
    signs = run.problem.rng(SIGNS, 1).choice((-1.0, 1.0), size.shape)
    return run.with_cotangent(precision.rounded(np.ldexp(signs, exponents).reshape(run.case.cotangent.shape)))


@dataclass(frozen=True)
class Elements:
    """The law, by complex or by central slopes.

    each     how many elements are asked alone in a case, of so many
    witness  whether complex slopes are asked as well: then one central slope for all elements is enough
    """

    name: str
    places: Places
    each: Callable[[int], int]
    witness: bool = False
    RANK: int = 5
    OWN_FORWARD: bool = True

    def check(self, trial: Trial) -> Iterator[Finding]:
        """One finding for each gradient; none where complex numbers do not go through, or where it is known to be wrong."""
        within(trial)
        place, coverage = self.places.of(trial), self.places.coverage(trial.problem)
        wrong = coverage.wrong
        v, alone = self._weights(place), self._alone(place, trial.problem)
        parts = {n: np.arange(s.start, s.stop) for n, s in place.spans.items() if wrong[self.name, n] < OFTEN}
        whole = [np.concatenate(list(parts.values()))] if self.witness and parts else list(parts.values())
        kinks: list[int] = []
        for elements in whole:
            asked = _Asked(place, self._slope, v, coverage.kinks, before=kinks)
            asked.whole(elements)
            if not self.witness and asked.coarse and elements.size > 1:
                for block in np.array_split(elements, BLOCKS):
                    asked.whole(block)
            for at in alone[_within(alone, elements, place.x.size)]:
                asked.whole(np.array([at]))
            kinks = [*kinks, *asked.kinks]
            coverage.add(self.name, place, *asked.covered)
            yield from self._said(place, asked, elements, trial.problem)

    def _slope(self, place: Place, v: Array) -> Slope:
        if self.name == COMPLEX:
            return place.complex(v)
        found = fitted.real_slope(place, v)
        if not self.witness:
            return found
        return replace(found, doubt=SURE * found.doubt, wrong=found.wrong and found.error > SURE * found.doubt)

    def _weights(self, place: Place) -> Array:
        signs = place.run.problem.rng(SIGNS).choice((-1.0, 1.0), place.x.shape)
        if self.name != COMPLEX:
            if place.is_coarse and self.places.coverage(place.run.problem).turn(place.run.problem) % 2:
                # A share of many elements is far more than one of them, if all say the same.
                signs = np.where(place.claim < 0, -1.0, 1.0)
            return np.asarray(signs * place.scale)
        size = np.abs(place.claim)
        return np.asarray(signs / np.maximum(size, SMALL * place.typical))

    def _alone(self, place: Place, problem: Problem) -> Array:
        """The elements whose turn it is; all have theirs before the first has it again."""
        count = place.x.size
        order = np.random.default_rng(4).permutation(count)
        each = self.each(count)
        first = self.places.coverage(problem).turn(problem) * each
        return np.sort(order[np.arange(first, first + min(each, count)) % max(1, count)])

    def _said(self, place: Place, asked: _Asked, elements: Array, problem: Problem) -> Iterator[Finding]:
        for name, own in place.spans.items():
            if own.start not in elements and own.stop > own.start:
                continue
            broken = [(at, f) for at, f in asked.found if own.start <= at < own.stop]
            if problem.kind in {SPECIAL, EQUAL}:  # slopes may settle slowly there, as those of |x|^1.5
                slight = SLIGHT * place.typical
                broken = [
                    (at, f)
                    for at, f in broken
                    if f.note == TOGETHER
                    or not is_special(place.x, at)
                    or f.error - f.bound > GROSS * _size(f, slight[at])
                ]
            if broken:
                self.places.coverage(problem).wrong[self.name, name] += 1
                at, found = broken[0]
                index = np.unravel_index(at - own.start, place.run.case.input(name).shape)
                found = replace(found, index=tuple(map(int, index)) or None)
            elif (said := asked.verdict(own)) is not None:
                found = said
            else:
                continue
            yield replace(found, law=self.name, result=f"grad_{name}", problem=problem)


def _size(found: Finding, least: float) -> float:
    """How large the slopes are, those claimed and those seen: the cotangent that meets a corner may be small."""
    return max(abs(float(found.actual or 0)), abs(float(found.expected or 0)), float(least))


def _within(elements: Array, among: Array, count: int) -> Array:
    """Which of these elements are among those, of so many in all: without sorting them."""
    there = np.zeros(count, dtype=bool)
    there[among] = True
    return np.asarray(there[elements])


@dataclass(eq=False)
class _Asked:
    """What was asked of one place, and what came.

    seen_kinks  elements that were at kinks in any case
    seen    to which share each element is covered; NaN where it is not
    kinks   elements that are right at kinks; together: how many of them were last looked at together
    before  those of inputs that were asked before: a tie may lie between two inputs
    """

    place: Place
    ask: Callable[[Place, Array], Slope]
    v: Array
    seen_kinks: set[int]
    found: list[tuple[int, Finding]] = field(default_factory=list)
    kinks: list[int] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    together: int = 1
    convention: str = ""
    open: str = ""
    largest: Slope | None = None
    seen: Array = field(init=False)

    def __post_init__(self) -> None:
        self.seen = np.full(self.v.size, np.nan)

    def along(self, elements: Array) -> Slope:
        """The slope along these elements."""
        return self.ask(self.place, self._only(elements))

    def _only(self, elements: Array) -> Array:
        v = np.zeros_like(self.v)
        v[elements] = self.v[elements]
        return v

    def whole(self, elements: Array) -> None:  # noqa: C901, one branch a finding
        """Ask along all of these, and narrow down what is wrong."""
        elements = np.setdiff1d(elements, self.kinks, assume_unique=True)
        while elements.size and not self.found:
            slope = self.along(elements)
            if not slope.wrong:
                break
            if len(self.kinks) >= MOST_KINKS:
                self.open = f"more than {MOST_KINKS} elements lie at kinks"
                return
            if self._is_smooth(elements, slope.error):
                few = self._halved(elements)
                self._accuse(few, self._sum_of(few))
                return
            few = self._fewest([], elements)
            few = next(([at] for at in few if len(few) > 1 and self.along(np.array([at])).wrong), few)
            look, words = self._look(few)
            if look is Look.WRONG:
                self._accuse(few, words)
                return
            if look is Look.OPEN:
                self.open = words
            else:
                self.convention = words
                self.seen_kinks.update(few)
                self._see(np.array(few), 0.0)
            self.kinks += few
            elements = np.setdiff1d(elements, few, assume_unique=True)
        if self.kinks and len(self.kinks) + len(self.before) > self.together:
            self.together = len(self.kinks) + len(self.before)
            look, words = look_at_group(self.place, [*self.kinks, *self.before])
            if look is Look.WRONG:
                self._accuse(self.kinks, words)
                return
            if look is Look.OPEN:
                self.open = words
        if elements.size and not self.found and np.isfinite(slope.doubt):
            self._see(elements, slope.doubt)
            if self.largest is None or elements.size > 1:
                self.largest = slope

    def _see(self, elements: Array, doubt: float) -> None:
        shares = doubt / (np.abs(self.v[elements]) * self.place.typical[elements])
        self.seen[elements] = np.fmin(shares, self.seen[elements])

    def _fewest(self, beside: list[int], among: Array) -> list[int]:
        """The fewest of these which, with those beside them, are still wrong."""
        if beside and self.along(np.array(beside)).wrong:
            return []
        if among.size == 1:
            return [int(among[0])]
        one, other = np.array_split(among, 2)
        second = self._fewest([*beside, *one.tolist()], other)
        first = self._fewest([*beside, *second], one)
        return [*first, *second]

    def _is_smooth(self, elements: Array, off: float) -> bool:
        """Whether no kink explains what is off along these, where a fit can tell; at one place several may cancel.

        Of an element that is equal to others the slopes on its own two sides do not tell all: the middle one of three that
        are tied may have that of an output which neither side moves.
        """
        place = self.place
        seen = place.is_coarse and fitted.smooth(place, self._only(elements), off)
        alone = elements.size == 1 and not self._is_put_there(int(elements[0]))
        return seen and (alone or self._wrong_beside(elements.tolist()))

    def _is_put_there(self, at: int) -> bool:
        return self.place.run.problem.kind in {SPECIAL, EQUAL} and is_special(self.place.x, at)

    @staticmethod
    def _sum_of(few: list[int]) -> str:
        return f"it is the sum of {len(few)} elements that is off, none of them alone so far" if len(few) > 1 else ""

    def _halved(self, elements: Array) -> list[int]:
        """Half of them as long as one half is wrong by itself."""
        halves = [elements]
        while halves:
            elements = halves[0]
            parts = np.array_split(elements, 2) if elements.size > 1 else []
            halves = [half for half in parts if self.along(half).wrong][:1]
        return [int(at) for at in elements]

    def _look(self, few: list[int]) -> tuple[Look, str]:
        if len(few) > 1:
            # What is wrong wherever one looks is no matter of kinks: errors too small to be seen alone. Where the function
            # has kinks, coarse steps may run into one anywhere.
            if self._wrong_beside(few):
                return Look.WRONG, self._sum_of(few)
            return look_at_group(self.place, few)
        slope = self.along(np.array(few))
        unit = self.place.scale[few[0]] / abs(self.v[few[0]])
        if self._is_smooth(np.array(few), slope.error):
            return Look.WRONG, ""
        look, words = look_at_element(self.place, few[0], slope.error * unit)
        if look is not Look.WRONG or not slope.wrong:
            return look, words
        v = np.zeros_like(self.v)
        v[few] = self.place.scale[few] * np.sign(self.v[few])
        central = fitted.real_slope(self.place, v)
        if central.error <= central.doubt < abs(central.value - slope.value * unit):
            return Look.OPEN, "complex numbers lose the derivative on their way"
        return look, words

    def _wrong_beside(self, few: list[int]) -> bool:
        v = self._only(np.array(few))
        try:
            return not self.seen_kinks and all(self.ask(self.place.beside(n), v).wrong for n in range(PLACES))
        except (Crashed, Malformed, Unsupported):
            return False

    def _accuse(self, few: list[int], note: str) -> None:
        (at, *others), slope = few, self.along(np.array(few))
        if note == TOGETHER:  # signs by chance may hide what they get together
            v = np.zeros_like(self.v)
            v[few] = self.place.scale[few] * np.where(self.place.claim[few] < 0, -1.0, 1.0)
            slope = self.ask(self.place, v)
        found = Finding("", "", Verdict.BROKEN, self.place.run.problem, note=note)
        share = 1.0 if others else float(self.v[at]) or 1.0  # 0 where what is claimed is infinite
        found = replace(found, error=slope.error / abs(share), bound=slope.doubt / abs(share))
        found = replace(found, actual=slope.claim / share, expected=slope.value / share)
        self.found.append((at, found))

    @property
    def coarse(self) -> bool:
        """Whether some element is not covered sharply enough."""
        _, shares = self.covered
        return not shares.size or bool(np.max(shares) > SHARP / 2)

    @property
    def covered(self) -> tuple[Array, Array]:
        """The elements that are covered, and to which share."""
        elements = np.flatnonzero(~np.isnan(self.seen))
        return elements, self.seen[elements]

    def verdict(self, own: slice) -> Finding | None:
        """What this case says of one gradient, if it is not wrong."""
        shares = self.seen[own][~np.isnan(self.seen[own])]
        found = Finding("", "", Verdict.HOLDS, self.place.run.problem, convention=self.convention)
        if self.largest is not None:
            found = replace(found, error=self.largest.error, bound=self.largest.doubt)
        if self.open:
            return replace(found, verdict=Verdict.UNDECIDED, error=0.0, note=self.open, convention="")
        if not shares.size:
            return None if own.stop > own.start else found
        middle = np.sort(shares)[(shares.size - 1) // 2 : shares.size // 2 + 1]
        if float(np.mean(middle)) > SHARP:
            note = "rounding hides an error of a quarter of one element here"
            return replace(found, verdict=Verdict.UNDECIDED, error=0.0, note=note, convention="")
        return seeing(found, float(np.max(shares)))
