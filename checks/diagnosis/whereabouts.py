"""Where a result is wrong: for which parameter values, and which of its elements, told from where it is right.

Both look for the description that leaves out the most of what is right among those that leave out nothing that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import comb, prod
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Problem

Values = frozenset[Any]

CHANCE = 1e-3  # of a description that fits by accident
SPARED = 0.5  # of what is right: a description that leaves out less says little
FEW = 3


@dataclass(frozen=True)
class Found:
    """One array that is wrong, the right one, and in which elements rounding does not explain the difference."""

    actual: Array
    right: Array
    wrong: Array


def parameters(broken: Sequence[Problem], right: Sequence[Problem]) -> str:
    """The values of one parameter that all wrong cases have, and few right ones or none.

    What counts as a parameter is what the report counts as tried: rows left over and numbers of samples are among them.
    """
    if not broken or not right:
        return ""
    best, words = SPARED, ""
    for label in broken[0].tried:
        of_broken, of_right = ([_values(p, label) for p in problems] for problems in (broken, right))
        if not all((*of_broken, *of_right)):
            continue
        wrong = _telling(of_broken, of_right)
        spared = sum(not values & wrong for values in of_right) / len(right)
        having = sum(bool(values & wrong) for values in (*of_broken, *of_right))
        # That as many cases, drawn from all by accident, are all among those that have such a value.
        chance = comb(having, len(broken)) / comb(len(broken) + len(right), len(broken))
        if spared > best and chance < CHANCE:
            best, words = spared, _in_words(label, wrong, _union(of_broken, of_right) - wrong, always=spared == 1)
    return words


def _values(problem: Problem, label: str) -> Values:
    return frozenset(problem.tried.get(label, ()))


def _union(*groups: Iterable[Values]) -> Values:
    return frozenset().union(*chain(*groups))


def _telling(of_broken: Sequence[Values], of_right: Sequence[Values]) -> Values:
    """Values of which every wrong case has one, and as few right ones as possible."""
    never_right = _union(of_broken) - _union(of_right)
    if all(values & never_right for values in of_broken):
        return never_right
    everything = _union(of_broken, of_right)
    if not _are_numbers(everything):
        return _union(of_broken)
    least, most = min(map(max, of_broken)), max(map(min, of_broken))
    sides = frozenset(v for v in everything if v >= least), frozenset(v for v in everything if v <= most)
    return min(sides, key=lambda side: sum(bool(values & side) for values in of_right))


def _in_words(label: str, wrong: Values, fine: Values, *, always: bool) -> str:
    if wrong in ({"yes"}, {"no"}):
        word, other = ("with", "without") if "yes" in wrong else ("without", "with")
        return f"right {other} {label}, wrong {word}" if always else f"only {word} {label}"
    side = _side(wrong, fine)
    if always:
        every = f"{'' if label.endswith('s') else f'for every {label} '}{side}"  # axes and samples are many already
        return f"right for {label} {_listed(fine, 'and')}, wrong {every if side else 'for ' + _listed(wrong, 'and')}"
    limit = f"{side} {max(fine) if side == 'above' else min(fine)}" if side else _listed(wrong, "or")
    return f"only where {label} is {limit}"


def _side(wrong: Values, fine: Values) -> str:
    """Where several numbers are, if all are on one side of the others."""
    if len(wrong) < 2 or not _are_numbers(wrong | fine):
        return ""
    return "above" if min(wrong) > max(fine) else "below" if max(wrong) < min(fine) else ""


def _are_numbers(values: Values) -> bool:
    return all(isinstance(value, int) for value in values)


def _listed(values: Values, word: str) -> str:
    *others, last = map(str, sorted(values) if _are_numbers(values) else sorted(values, key=str))
    return f"{', '.join(others)} {word} {last}" if others else last


def elements(found: Sequence[Found], *, samples: bool) -> str:
    """The wrong elements in words, if the same words cover them in every array.

    samples  whether the first axis counts samples
    """
    telling = [one for one in found if one.wrong.any() and not one.wrong.all()]
    if not telling:
        return ""
    best, words = SPARED, ""
    for description, mask in _descriptions(min(one.wrong.ndim for one in found), samples):
        outside = [~mask(one.right) for one in found]
        if any(np.any(one.wrong & out) for one, out in zip(found, outside, strict=True)):
            continue
        right = sum(int(np.sum(~one.wrong)) for one in telling)
        spared = sum(int(np.sum(~one.wrong & ~mask(one.right))) for one in telling) / right
        if spared > best:
            best, words = spared, description
    places, *others = {_places(one.wrong) for one in found if one.wrong.any()}  # where all are wrong, too
    if not places or others or best == 1:
        return words
    return f"only {places} wrong{', in every case' if len(found) > 1 else ''}"


def _places(wrong: Array) -> str:
    """The wrong elements one by one, if they are few."""
    places = [f"[{','.join(map(str, at))}]" for at in np.argwhere(wrong)]
    return f"{' and '.join(places)} {'is' if len(places) == 1 else 'are'}" if len(places) <= FEW else ""


def _descriptions(axes: int, samples: bool) -> Iterator[tuple[str, Callable[[Array], Array]]]:
    """Sets of elements in words, simplest first: each tells from the right values which of their elements it means."""
    for axis in range(axes):
        one = "sample" if samples and axis == 0 else f"index along axis {axis}"
        some = "samples" if samples and axis == 0 else f"indices along axis {axis}"
        yield f"only the last {one} is wrong", _along(axis, lambda i, n: i == n - 1)
        yield f"only the first {one} is wrong", _along(axis, lambda i, _: i == 0)
        yield f"all but the first {one} are wrong", _along(axis, lambda i, _: i > 0)
        yield f"all but the last {one} are wrong", _along(axis, lambda i, n: i < n - 1)
        yield f"only odd {some} are wrong", _along(axis, lambda i, _: i % 2 == 1)
        yield f"only even {some} are wrong", _along(axis, lambda i, _: i % 2 == 0)
    if axes > 2:
        yield "only the border is wrong", lambda right: ~_inside(right)
        yield "only what is not on the border is wrong", _inside
    yield "only what should be 0 is wrong", lambda right: right == 0


def _along(axis: int, chosen: Callable[[Array, int], Array]) -> Callable[[Array], Array]:
    def mask(right: Array) -> Array:
        n = right.shape[axis]
        along = chosen(np.arange(n), n).reshape(-1, *(1,) * (right.ndim - axis - 1))
        return np.broadcast_to(along, right.shape)

    return mask


def _inside(right: Array) -> Array:
    """What is on no end of any spatial axis."""
    inside = np.zeros(right.shape, bool)
    if prod(right.shape):
        inside[(slice(None), slice(None), *(slice(1, -1),) * (right.ndim - 2))] = True
    return inside
