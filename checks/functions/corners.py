"""What is right where a function has no derivative: slopes to the left and to the right, output by output.

Where y_k has a slope l to the left along v and r to the right, a backward may use any s_k between, so that the claim
⟨b, v⟩ is right if it lies in Σ_k [g_k·l_k, g_k·r_k]. Each output has an interval of its own: one between the sums would
accuse code that is right where slopes of two outputs cancel.

Where several elements meet in a kink (a tie, a norm at 0) the slopes along one of them do not tell everything: max(a, b)
has slopes 0 and 1 along either at a tie, and 1 along both together. Such a group is looked at along itself and along what
is claimed, and slopes at points around belong to the interval too: a generalized gradient is made of their limits (Clarke
1983). Only some of the points around can be tried, so a claim about a group, or about an element that others play into, is
called wrong only if it is outside by half of the largest slope; nearer than that it is undecided.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from checks.functions.place import Place
from checks.numbers.precision import Array
from checks.subjects.refusals import Crashed, Malformed, Unsupported

AROUND = 8  # points around that are tried, beside those along the direction itself
DIFFERENT = 2.0**-4  # slopes that differ by less than this share are those of one smooth piece, a step apart
BEYOND, ENTANGLED = 0.25, 0.5  # of the largest slope, where others have nothing to do with it, and where they have
BETWEEN = "a slope between those to the left and to the right"
JUMP = "the slope on one side of a jump"
STEEP = "slopes do not settle here as steps become short"
STEPS, GROWING = (1.0, 0.125, 0.015625), 0.15  # how long they are, and to which share the next change shrinks
MEET = "several kinks may meet here, and slopes of a sum do not bound those of its parts"
COARSE = "a kink is here, and the slopes on its sides are less certain than what is off"
TOGETHER = "at a tie, or another kink that several elements share, they get another slope together than there is"


class Look(Enum):
    """What a second look says."""

    KINK = "right, at a kink"
    WRONG = "wrong"
    OPEN = "undecided"


@dataclass(frozen=True)
class Sides:
    """Slopes along a direction, by output.

    left, right  the slopes; left_doubt, right_doubt: how far these may be off
    """

    left: Array
    right: Array
    left_doubt: Array
    right_doubt: Array

    def interval(self, g: Array) -> tuple[float, float]:
        """Σ_k [g_k·l_k, g_k·r_k]."""
        return _interval(g, np.stack([self.left, self.right]))

    def doubt(self, g: Array) -> float:
        """How far the ends of the interval may be off."""
        return float(np.abs(g) @ (self.left_doubt + self.right_doubt))

    def differ(self, g: Array) -> bool:
        """Whether the two differ by more than their doubt."""
        apart = np.abs(self.left - self.right) > self.left_doubt + self.right_doubt
        return bool(np.any(apart & (g != 0)))


def look_at_element(place: Place, at: int, off: float) -> tuple[Look, str]:
    """Whether the claim about one element, which is `off` by so much along its unit direction, is right at a kink."""
    v = np.zeros_like(place.x)
    v[at] = place.scale[at]
    try:
        return _element(place, v, off)
    except (Crashed, Malformed, Unsupported):
        return Look.WRONG, ""  # nothing was seen of a kink


def look_at_group(place: Place, group: list[int]) -> tuple[Look, str]:
    """Whether the claim about several elements that meet in kinks is right."""
    directions = []
    together = np.zeros_like(place.x)
    together[group] = place.scale[group]
    directions.append(together)
    claimed = np.zeros_like(place.x)
    claimed[group] = place.claim[group]
    if np.any(claimed):
        directions.append(claimed / float(np.abs(claimed).max()) * float(np.median(place.scale[group])))
    try:
        looks = [_group(place, v) for v in directions]
    except (Crashed, Malformed, Unsupported):
        return Look.OPEN, MEET
    if Look.WRONG in looks:
        return Look.WRONG, TOGETHER
    return (Look.KINK, BETWEEN) if all(look is Look.KINK for look in looks) else (Look.OPEN, MEET)


def _element(place: Place, v: Array, off: float) -> tuple[Look, str]:
    g, claim = place.g, place.claimed(v)
    sides = _sides(place, v)
    doubt = sides.doubt(g) + place.claim_unsure(v)
    if not np.isfinite(doubt):
        return Look.WRONG, ""
    low, high = sides.interval(g)
    finer = doubt < off
    if _on_one_side_of_a_jump(g, sides, claim, off):
        return Look.KINK, JUMP
    # Kinks on both sides may lie within the steps that spoke against it, with no kink here.
    if low - doubt <= claim <= high + doubt and (sides.differ(g) or doubt < off / 2):
        return (Look.KINK, BETWEEN) if finer else (Look.OPEN, COARSE)
    free = _free(place)
    around = _around(place, v, free)
    wide, lowest, highest = _widened(g, sides, around)
    if wide and finer and lowest - doubt <= claim <= highest + doubt:
        return Look.KINK, BETWEEN
    entangled = _entangled(place, v, free)
    if not entangled.any() or _beyond(claim, _most(place, sides, around, entangled, free), doubt, ENTANGLED):
        return (Look.OPEN, STEEP) if _is_steep(place, v) else (Look.WRONG, "")
    return Look.OPEN, MEET


def _is_steep(place: Place, v: Array) -> bool:
    """Whether quotients on one side do not settle as the step does, by 1/8: as those of ∛x, x·log|x| or |x|^1.5 at 0.

    What extrapolates them is then off by as much as it doubts.
    """
    s = _step(place) * np.array(STEPS)
    for sign in (-1, 1):
        q = [float(place.g @ (place.at(place.x + sign * step * v) - place.y)) / step for step in s]
        noise = 16 * float(np.abs(place.g) @ place.unsteady) / s[-1]
        before, after = abs(q[1] - q[0]), abs(q[2] - q[1])
        if after > noise and after >= GROWING * before:
            return True
    return False


def _group(place: Place, v: Array) -> Look:
    look, short = _together(place, v)
    if look is Look.OPEN and short and _together(place, place.scale)[1]:
        return Look.WRONG
    return look


def _together(place: Place, v: Array) -> tuple[Look, bool]:
    """What is said along v, and whether all that is seen there is smooth and has another slope than is claimed.

    It may be that others get what these lack, as where one of five that are tied is the median: so all are asked too.
    """
    g, claim = place.g, place.claimed(v)
    sides = _sides(place, v)
    doubt = sides.doubt(g) + place.claim_unsure(v)
    if not np.isfinite(doubt):
        return Look.OPEN, False
    free = _free(place)
    around = _around(place, v, free)
    wide, low, high = _widened(g, sides, around)
    if low - doubt <= claim <= high + doubt:
        return Look.KINK, False
    entangled = _entangled(place, v, free)
    most, alone = _most(place, sides, around, entangled, free), not entangled.any()
    if _beyond(claim, most, doubt, BEYOND if alone else ENTANGLED):
        return Look.WRONG, True
    smooth = alone and not wide and not sides.differ(g)
    return Look.OPEN, smooth and max(low - claim, claim - high) > doubt + BEYOND * most


def _beyond(claim: float, most: float, doubt: float, share: float) -> bool:
    """Whether a claim is larger by this share than the largest slope that was seen, of either sign."""
    return abs(claim) > doubt + (1 + share) * most


def _most(place: Place, sides: Sides, around: Array, entangled: Array, free: Array) -> float:
    """The largest slope along a direction, or along all elements alike where others play into an output.

    Which of many that are tied is chosen, the points around may never show; more than all of them no one can get.
    """
    most = np.abs(np.stack([sides.left, sides.right, *around])).max(axis=0)
    if entangled.any():
        alike = _sides(place, place.scale * free)
        most = np.maximum(most, entangled * np.maximum(np.abs(alike.left), np.abs(alike.right)))
    return float(np.abs(place.g) @ most)


def _free(place: Place) -> Array:
    """1 for the elements of inputs that y is continuous in, 0 for those that it jumps with, such as indices.

    What is continuous changes 64 times less in a step 64 times smaller, give or take its curvature.
    """
    free, far, size = np.ones_like(place.x), 8 * _step(place), np.abs(place.g)
    for span in place.spans.values():
        v = np.zeros_like(place.x)
        v[span] = place.scale[span]
        for sign in (1, -1):
            wide, near = (float(size @ np.abs(place.at(place.x + sign * h * v) - place.y)) for h in (far, far / 64))
            if near > wide / 8 and near > 4 * float(size @ place.unsteady):
                free[span] = 0
    return free


def _step(place: Place) -> float:
    """u^(1/3): slopes from two steps are off by s² and by u/s."""
    return float(2.0 ** round(np.log2(place.measuring.roundoff) / 3))


def _sides(place: Place, v: Array) -> Sides:
    """To second order, (4·y(s/2) − y(s) − 3·y(0))/s; the change from s to s/2 is three times what is left, at least."""
    found = []
    for sign in (-1, 1):
        s = _step(place)
        y = [place.at(place.x + sign * s * share * v) for share in (1, 0.5, 0.25)]
        first = (4 * y[1] - y[0] - 3 * place.y) / s
        second = (4 * y[2] - y[1] - 3 * place.y) / (s / 2)
        with np.errstate(invalid="ignore"):
            moved = np.any(np.stack(y) != place.y, axis=0)  # what does not change by a bit has a slope of 0
            found.append((sign * second, np.abs(second - first) + 16 * moved * place.unsteady / s))
    (left, left_doubt), (right, right_doubt) = found
    return Sides(left, right, left_doubt, right_doubt)


def _on_one_side_of_a_jump(g: Array, sides: Sides, claim: float, off: float) -> bool:
    """Whether y jumps on one side, where a quotient doubles with half the step, and the claim is the slope on the other.

    What a number is turned into an index of does so at every whole number.
    """
    ends = ((sides.left, sides.left_doubt), (sides.right, sides.right_doubt))
    for (slope, doubt), (other, other_doubt) in (ends, ends[::-1]):
        jumps = float(np.abs(g) @ other_doubt) > 0.25 * float(np.abs(g) @ np.abs(other)) > 0
        unsure = float(np.abs(g) @ doubt)
        if jumps and unsure < off and abs(float(g @ slope) - claim) <= unsure:
            return True
    return False


def _around(place: Place, v: Array, free: Array) -> Array:
    """Slopes along v at points around, by output: along v itself, along all elements alike, and at random."""
    rng = place.run.problem.rng(AROUND)
    far = 8 * _step(place)
    near = far / 64
    ones = place.scale
    beside = [2 * v, -2 * v, ones, -ones]
    beside += [rng.uniform(-1, 1, v.shape) * place.scale for _ in range(AROUND)]
    found = []
    for w in beside:
        x = place.x + far * np.where(v == 0, w * free, w)
        found.append((place.at(x + near * v) - place.at(x - near * v)) / (2 * near))
    return np.stack(found)


def _widened(g: Array, sides: Sides, around: Array) -> tuple[bool, float, float]:
    """The interval with the slopes around, and whether some of these are others than those at the point itself."""
    here = np.stack([sides.left, sides.right])
    largest = np.abs(np.concatenate([here, around])).max(axis=0)
    outside = np.maximum(here.min(axis=0) - around, around - here.max(axis=0))
    other = (outside > DIFFERENT * largest) & np.isfinite(around)
    every = np.concatenate([here, np.where(other, around, here[:1])])
    low, high = _interval(g, every)
    return bool(np.any(other & (g != 0))), low, high


def _entangled(place: Place, v: Array, free: Array) -> Array:
    """The outputs in which what moves along v has to do with what other elements do: that are not additive in the two."""
    rng = place.run.problem.rng(AROUND, 1)
    s, found = _step(place), np.zeros(place.y.shape, bool)
    for _ in range(AROUND):
        w = np.where(v == 0, rng.uniform(-1, 1, v.shape) * place.scale * free, 0.0)
        without = place.at(place.x + s * w)
        for sign in (1, -1):
            alone = place.at(place.x + sign * s * v) - place.y
            beside = place.at(place.x + s * (w + sign * v)) - without
            unsure = DIFFERENT * np.maximum(np.abs(alone), np.abs(beside)) + 4 * place.unsteady
            found |= np.abs(alone - beside) > unsure
    return np.asarray(found & (place.g != 0))


def _interval(g: Array, slopes: Array) -> tuple[float, float]:
    products = g * slopes
    return float(products.min(axis=0).sum()), float(products.max(axis=0).sum())
