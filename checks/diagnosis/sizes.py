"""From which size on a result is wrong: "right up to 32 input channels, wrong from 33 on: grad_weight[:, 32:] is 0".

Where the smallest case that fails is not small along an axis, problems that are alike but for the size of that axis are
tried: a small one that is right, then halves of what lies between it and one that is wrong, then what is near multiples of
the usual tiles. What is said is the simplest rule that every size tried agrees with: a threshold, a multiple, no multiple.
Then: what is wrong of the case that fails (regions.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np

from checks.cases import drawing
from checks.cases.pins import pinned_values
from checks.cases.search import Stopped
from checks.diagnosis import regions
from checks.diagnosis.seen import Seen, runs
from checks.numbers.precision import Array
from checks.op import Problem
from checks.signature import places
from checks.signature.drawing import Simplest
from checks.signature.options import Option
from checks.subjects.refusals import Crashed, Malformed, Unsupported
from checks.trials.exhibit import Sized

SMALL = (1, 2, 3)  # what is tried as right; up to the last of these, other words tell what is wrong (whereabouts.py)
ROOM = (4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64, 96)  # is tried where a window fits into none of these
TILES = (4, 8, 16, 32, 64, 128)
MOST_CALLS = 60
MOST_ELEMENTS = 1 << 18
NEAREST = 4  # sizes about a middle, where not every one can be had
LISTED = 4
MOST_SECONDS = 10.0
REDRAWS = 8  # of a size at which nothing is wrong: what is 0 there, or not chosen, would hide it

Shape = tuple[int, ...]


def described(failure: Seen, result: str, law: str, *, unnamed: bool) -> tuple[str, tuple[Sized, ...]]:
    """For which sizes the result is wrong, and which part of it; "" if it is so for all sizes, or for small ones.

    Beside the words the sizes that they rest on, for each axis that they speak of.

    unnamed  whether no mistake is known: then sizes that are right are looked for above those that are wrong too (a whole
             tile, where parts of one are lost), and sizes that follow no rule are listed
    """
    wrong = _Wrong(failure, result, law)
    told, limits, found = [], [], []
    with suppress(Stopped):  # what was tried until then is told
        together = dict(wrong.in_all())
        for axis in _axes(failure.run.problem):
            if axis.option in together:
                rule = together[axis.option] if axis.at == 0 else None
                told += [rule.words] if rule else []
                continue
            known = wrong.by_size(axis, beyond=unnamed)
            if not all(known.values()):
                rule = _rule(axis, known, wrong.shapes)
                if rule is None and wrong.again(axis, known):
                    rule = _rule(axis, known, wrong.shapes)
                limit = rule.limit if rule else 0
                if rule or (unnamed and axis.size > SMALL[-1] and sum(known.values()) > 1):
                    told.append(rule.words if rule else _list(axis, known))
                    found.append(axis.sized(known, failure.run.problem))
                limits += [*(tile for tile in TILES if tile < limit <= tile + regions.NEAR), limit, axis.size - 1]
    what = part(failure, result, limits) if told else ""
    return ": ".join(filter(None, [" and ".join(told), what])), tuple(found)


def part(failure: Seen, result: str, limits: Sequence[int] = ()) -> str:
    """Which part of the result is wrong, and what stands there or has been left out."""
    where = regions.region(result, failure.wrong, limits, failure.right == 0)
    said = regions.contents(where, failure) if where is not None else ""
    if said in ("", "is wrong") and (done := regions.left_out(result, failure, limits)):
        return f"{result} is {done}"
    return f"{where} {said}" if where is not None else ""


@dataclass(frozen=True)
class _Axis:
    """One size that an option pins, alone or as one of several.

    called  what is counted: "input channels"; or what has that size: "size along axis 0"
    """

    option: str
    at: int | None
    size: int
    called: str

    def many(self, sizes: object) -> str:
        """So many of them, in words."""
        name, _, along = self.called.partition(" along ")
        return f"{name} {sizes} along {along}" if along else f"{sizes} {name}"

    @property
    def are(self) -> str:
        """The name with its verb."""
        return f"{self.called} {'is' if ' along ' in self.called else 'are'}"

    def sized(self, known: Mapping[int, bool], problem: Problem) -> Sized:
        """Which sizes are right and which are wrong, under the name by which they are counted as tried."""
        several = any(len(sizes.names) > 1 for sizes in problem.op.takes.sizes if sizes.option == self.option)
        label = f"{self.option} {('in', 'out')[self.at]}" if several and self.at is not None else self.option
        right, wrong = (tuple(sorted(n for n, off in known.items() if off is wanted)) for wanted in (False, True))
        return Sized(label, right, wrong)

    def value(self, pins: Mapping[str, Any], size: int) -> Any:
        """The value of the option with another size for this axis."""
        given = pins[self.option]
        return size if self.at is None else (*given[: self.at], size, *given[self.at + 1 :])


def _axes(problem: Problem) -> Iterator[_Axis]:
    """The sizes that pin this problem: what is pinned and is no parameter of the op, but one that y is as large as."""
    options = {option.name: option for option in problem.op.takes.options}
    for name, value in problem.pins.items():
        if (
            name not in options
            or name == "dims"
            or (name in problem.parameters and not _comes_out(problem, name, value))
        ):
            continue
        if isinstance(value, int) and name in problem.parameters:
            yield _Axis(name, None, value, f"{name} along each axis")
        elif isinstance(value, int):
            yield _Axis(name, None, value, options[name].help.removeprefix("number of "))
        elif isinstance(value, tuple):
            yield from (_Axis(name, i, n, _called(options[name], i, len(value))) for i, n in enumerate(value))


def _comes_out(problem: Problem, name: str, value: Any) -> bool:
    """Whether a parameter is the size of y along some axis, and with another value is that too."""
    whole = value if isinstance(value, tuple) else (value,)
    if not all(type(n) is int for n in whole):
        return False
    others = tuple(n - 1 if n > 1 else 2 for n in whole)
    other = resized(problem, name, others if isinstance(value, tuple) else others[0])
    return other is not None and any(
        (is_now, was) in zip(others, whole, strict=True)
        for is_now, was in zip(other.shape("y"), problem.shape("y"), strict=True)
    )


def _called(option: Option, at: int, several: int) -> str:
    """What is counted along this axis, from what the option says of itself."""
    if several == 2 and option.help.endswith(" in and out"):
        return f"{('input', 'output')[at]} {option.help.removesuffix(' in and out')}"
    parts = option.help.split(", and number of ")
    return parts[at] if several > 1 and len(parts) == several else f"{option.name} along axis {at}"


class _Wrong:
    """Whether the result is wrong in a problem that is the one that fails but for one size."""

    def __init__(self, failure: Seen, result: str, law: str) -> None:
        self.run = failure.run
        self.judged = failure.run.implementation, failure.run.reference
        self.result = result
        self.law = law
        self.shapes: dict[int, Mapping[str, Shape]] = {}
        self.calls = 0
        self.started = time.perf_counter()

    def by_size(self, axis: _Axis, *, beyond: bool) -> dict[int, bool]:
        """Whether it is wrong, by size: enough to tell rules apart, if the size matters at all."""
        known = {axis.size: True}
        self.shapes = {axis.size: self._shapes(self.run.problem)}
        near = self._halved(axis, known) if axis.size > SMALL[-1] else ()
        if not near and beyond and self._ask(axis, TILES[-1], known) is False:
            near = (*SMALL, TILES[-1] - 1, TILES[-1] + 1)
        if not near:
            return {axis.size: True}
        for size in (*near, *(size for tile in TILES if tile <= 2 * max(known) for size in (tile, tile + 1))):
            self._ask(axis, size, known)
        return known

    def in_all(self) -> Iterator[tuple[str, _Rule]]:
        """For options that pin several axes, the rule about the product of their sizes, if that is what matters.

        It is what matters if the same is wrong along a single axis that is as long, and if along each axis by itself the
        largest size whose product is right is right, and one more is wrong.
        """
        pins = self.run.problem.pins
        for sizes in self.run.problem.op.takes.sizes:
            given = pins.get(sizes.option)
            if sizes.spatial or not sizes.axes.startswith("*") or not isinstance(given, tuple) or len(given) < 2:
                continue
            whole = _Axis(sizes.option, 0, prod(given), f"elements of {sizes.option}")
            single = resized(self.run.problem, sizes.option, (whole.size,))
            if single is None or single.elements > MOST_ELEMENTS:
                continue
            alone = self._of(single)
            if not alone.is_wrong(whole, whole.size):
                continue
            known = alone.by_size(whole, beyond=False)
            rule = None if all(known.values()) else _rule(whole, known, alone.shapes)
            if rule is not None and all(self._agrees(rule, sizes.option, given, at) for at in range(len(given))):
                yield sizes.option, rule

    def _of(self, problem: Problem) -> _Wrong:
        """The same of another problem; what it calls counts here."""
        other = copy(self)
        other.run = replace(self.run, problem=problem, case=problem.reals())
        return other

    def _agrees(self, rule: _Rule, option: str, given: tuple[int, ...], at: int) -> bool:
        """Whether the sizes along this axis on both sides of where the rule begins are right and wrong."""
        others = prod(given[:at] + given[at + 1 :])
        axis = _Axis(option, at, given[at], "")
        asked = {size: self.is_wrong(axis, size) for size in (rule.limit // others, rule.limit // others + 1) if size}
        return all(wrong is None or wrong == rule.holds(size * others) for size, wrong in asked.items())

    def again(self, axis: _Axis, known: dict[int, bool]) -> bool:
        """Whether other numbers show that it is wrong at sizes above one that is: what is picked by index is not all."""
        least = min(size for size, is_wrong in known.items() if is_wrong)
        before = dict(known)
        for size in [size for size, is_wrong in known.items() if not is_wrong and size > least]:
            known[size] = self.is_wrong(axis, size, range(REDRAWS, 4 * REDRAWS)) or False
        return known != before

    def _halved(self, axis: _Axis, known: dict[int, bool]) -> tuple[int, ...]:
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

    def _ask(self, axis: _Axis, size: int, known: dict[int, bool]) -> bool | None:
        """None where there is no such problem, where it takes too much, or where nothing comes out."""
        if size not in known and size > 0:
            found = self.is_wrong(axis, size)
            if found is not None:
                known[size] = found
        return known.get(size)

    def _shapes(self, problem: Problem) -> Mapping[str, Shape]:
        """Those of the result and of y."""
        return {name: problem.shape(name) for name in dict.fromkeys((self.result.removeprefix("grad_"), "y"))}

    @property
    def _chooses(self) -> bool:
        """Whether what matters may be chosen from elsewhere: the largest of a window, a class or a row by its index."""
        indexed = any(a is not None and a.dtype.kind == "i" for a in self.run.case.inputs)
        return indexed or self.run.problem.op.kinks is not None

    def is_wrong(self, axis: _Axis, size: int, redraws: range = range(REDRAWS)) -> bool | None:
        if self.calls >= MOST_CALLS or time.perf_counter() - self.started > MOST_SECONDS:
            return None
        problem = self.run.problem
        other = resized(problem, axis.option, axis.value(problem.pins, size))
        if other is None or other.elements > MOST_ELEMENTS:
            return None
        self.calls += 1
        self.shapes[size] = self._shapes(other)
        told: Array | None = None  # which elements were not 0 in some draw: 1.01 times 0 is right
        for redraw in redraws:
            try:
                asked = runs(self.law, [replace(other, seed=other.seed + redraw)], *self.judged)
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
        return False


def resized(problem: Problem, option: str, value: Any) -> Problem | None:
    """The problem with another value for an option that pins sizes; None if there is none."""
    op = problem.op
    try:
        pinned = pinned_values(op, {**problem.pins, option: value})
        drawn = drawing.problem(Simplest(), op, pinned, problem.dtype)
    except ValueError:
        return None
    shapes = {name: None if problem.shapes[name] is None else shape for name, shape in drawn.shapes.items()}
    if replace(drawn, shapes=shapes).pins != {**problem.pins, option: value}:
        return None
    own = {option: drawn.parameters[option]} if option in problem.parameters else {}
    return replace(problem, shapes=shapes, parameters={**problem.parameters, **own})


@dataclass(frozen=True)
class _Rule:
    """For which sizes it is wrong: in words, from which index on parts are lost, and whether it is at a size.

    usual  whether it begins at one of the usual tiles
    """

    words: str
    limit: int
    holds: Callable[[int], bool]
    usual: bool = False


def _rule(axis: _Axis, known: Mapping[int, bool], shapes: Mapping[int, Mapping[str, Shape]]) -> _Rule | None:
    """The simplest rule that agrees with all sizes that were tried, if one does.

    It is one about this size, or about one that follows from it: a window has fewer places than its input is long. Of
    rules that agree about several, one that begins at a usual tile is the likeliest.
    """
    agreeing = []
    for one, sizes in ((axis, {size: size for size in known}), *_following(axis, shapes)):
        pairs = {(sizes[size], wrong) for size, wrong in known.items()}
        found = dict(pairs)
        if len(found) < len(pairs):  # of one size both right and wrong
            continue
        rules = (rule for rule in _rules(one, found) if all(rule.holds(size) == wrong for size, wrong in found.items()))
        agreeing += [rule] if (rule := next(rules, None)) else []
    return next((rule for rule in agreeing if rule.usual), agreeing[0] if agreeing else None)


def _list(axis: _Axis, known: Mapping[int, bool]) -> str:
    """The sizes that were tried, where they follow no rule."""
    right, wrong = (sorted(n for n, is_wrong in known.items() if is_wrong is wanted) for wanted in (False, True))
    few = (", ".join(map(str, sizes[:LISTED])) + " …" * (len(sizes) > LISTED) for sizes in (right, wrong))
    return "right for {}, wrong for {}".format(*map(axis.many, few))


def _following(axis: _Axis, shapes: Mapping[int, Mapping[str, Shape]]) -> Iterator[tuple[_Axis, Mapping[int, int]]]:
    """The axes of the result, and of y, whose size changes with this one, and the size that each has then."""
    for name, whole in shapes[axis.size].items():
        for i in range(len(whole)):
            sizes = {size: of[name][i] for size, of in shapes.items()}
            if len(set(sizes.values())) > 1:
                yield _Axis(axis.option, i, whole[i], f"size of {name} along axis {i}"), sizes


def _rules(axis: _Axis, known: Mapping[int, bool]) -> Iterator[_Rule]:
    most = max((size for size, wrong in known.items() if not wrong), default=0)
    first = min((size for size, wrong in known.items() if wrong and size > most), default=most + 1)
    limit = next((tile for tile in TILES if most <= tile < first), most)  # of sizes between there is none
    beyond = f"right up to {axis.many(most)}, wrong from {first} on"
    yield _Rule(beyond, limit, most.__lt__, usual=most in places.TILES)
    for tile in TILES:
        whole = axis.size // tile * tile
        yield _Rule(f"wrong where {axis.are} a multiple of {tile}", whole, partial(_is_multiple, tile))
        yield _Rule(f"wrong where {axis.are} no multiple of {tile}", whole, partial(_is_no_multiple, tile, 0))
        beyond = f"right up to {axis.many(tile)}, wrong beyond where {axis.are} no multiple of {tile}"
        yield _Rule(beyond, whole, partial(_is_no_multiple, tile, tile))


def _is_multiple(tile: int, size: int) -> bool:
    return size % tile == 0


def _is_no_multiple(tile: int, above: int, size: int) -> bool:
    return size > above and size % tile != 0
