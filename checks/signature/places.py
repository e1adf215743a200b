"""Numbers of which few count: a sum of thousands shows, in few bits, that one of its terms was left out.

One of n terms that are alike is a share of about 1/n. What is stored is rounded by u of itself, and sums that are kept in a
precision of roundoff v may be off by n·v of theirs; so once n·u or n²·v reaches `SHARE`, a term that is left out may be
within what rounding does: results on the way that are stored explain 4·γ₁ of what roundings are relative to
(trials/narrow.py), which is ten times a result and more. Then one case in `ONE_IN` is drawn so that along the longest axis
few places count: the last of all, the first, and one or two more, at the border of a tile or anywhere. Elsewhere the
cotangent is 0, or inputs are an eighth as large, or both; a cotangent that is 0 nowhere has one sign then. Gradients are
linear in the cotangent, so one that leaves out such a place is nearly 0. Where a formula takes exponentials, what is larger
by ln n has about the share of all others together.

Sums of products need none of it where whole numbers are summed exactly (laws/exact.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from typing import Any

import numpy as np

from checks.numbers.precision import PRECISIONS, Array, accumulator
from checks.signature.axes import Axes, parts

WHOLE = "*shape"  # the axes of what has no axis of a kind of its own
USE, SCATTERED, THINNED = 8, 16, 17  # what places are drawn with (Problem.rng)
MUCH, LITTLE = 1 / 8, 1 / 32  # of a sum of numbers of either sign, that rounding may be
SHARE = 1 / 60
ONE_IN = 2
LONG = 4 * 128  # no axis is as long unless it was asked for
DENSE = 4  # one in so many wide cases beside such an axis
FEW_ARRAYS = 3  # have the axis, y counted, where products of two of them are still no large argument of a sigmoid
REST = 1 / 8  # of their size is what inputs have elsewhere
WAYS = ((True, False), (False, True), (True, True), (True, True))  # of cotangent and inputs; both tell most
TILES = (16, 32, 64, 128)  # what work is usually cut into

# The kinds of such cases. What is left out of a sum of exponentials shows in a gradient only where both are; what is left
# out of one of weights (op.Inputs.heavy) only where few of these are.
HEAVY = "concentrated weights"
CONCENTRATED = ("concentrated cotangent", "concentrated input", "concentrated cotangent and input", HEAVY)

Axis = tuple[str, int]  # by its name, and which of those that a name such as *size stands for


@dataclass(frozen=True)
class Places:
    """Along which axis few places count, and how.

    at         the places, of so many
    cotangent  whether it is 0 elsewhere
    inputs     whether they are smaller elsewhere
    large      how large they are at the places, where they are positive; from a half of it on
    """

    axis: Axis
    size: int
    at: tuple[int, ...]
    cotangent: bool
    inputs: bool
    large: float

    def kind(self, result: str) -> str:
        """What counts at few places in a result of this name: the cotangent, which y has not, inputs, both or nothing."""
        if self.cotangent and result != "y":
            return CONCENTRATED[2 * self.inputs]
        return CONCENTRATED[1] if self.inputs else ""

    def are_of(self, axes: Axes, parameters: Mapping[str, Any]) -> bool:
        """Whether a result with these axes may be summed along the places: not where a parameter divides them by 1."""
        return all(
            axis != self.axis[0] or not by or parameters.get(by, 1) > 1 for _, axis, _, by in map(parts, axes.names)
        )

    def of(self, case: Any, problem: Any) -> Any:
        """The case (op.Case) of a problem in which only these places count."""
        axes, sizes, rounded = problem.op.takes.axes, problem.sizes, PRECISIONS[problem.dtype].rounded
        for name in problem.present:
            case = case.with_input(name, rounded(self._of_input(axes[name], sizes, case.input(name))))
        case = replace(case, cotangent=rounded(self.of_cotangent(axes["y"], sizes, case.cotangent)))
        return (problem.op.cases.few(problem, case) if self.inputs else None) or case

    def of_cotangent(self, axes: Axes, sizes: Mapping[str, Any], a: Array) -> Array:
        """The cotangent, 0 elsewhere, and so much larger that gradients, which are linear in it, do not underflow.

        Of one sign where it is 0 nowhere: then what moves all elements alike, as a mean that lacks a term does, adds up.
        """
        larger = 2.0 ** (self.size.bit_length() // 2)
        return a * self._along(axes, sizes, a, larger, 0.0) if self.cotangent else np.abs(a)

    def _of_input(self, axes: Axes, sizes: Mapping[str, Any], a: Array) -> Array:
        """An input, smaller elsewhere."""
        if not self.inputs:
            return a
        elsewhere = a * self._along(axes, sizes, a, 1.0, REST)
        if not (here := self._along(axes, sizes, a, 1.0, 0.0)).size or not (here == 0).any():
            return elsewhere
        return np.where(here == 1, (1 + np.abs(a)) / 2 * self.large, elsewhere)

    def among(self, axes: Axes, sizes: Mapping[str, Any], a: Array) -> Array:
        """Which elements of an array stand at the places: all where it has no such axis."""
        return np.asarray(self._along(axes, sizes, a, 1.0, 0.0) > 0)

    def _along(self, axes: Axes, sizes: Mapping[str, Any], a: Array, here: float, rest: float) -> Array:
        """What each place along the axis is multiplied with: of 4H four times; by 1 where there is no such axis."""
        whole = [1] * a.ndim
        factors = np.full(self.size, rest)
        factors[list(self.at)] = here
        for axis, at in _dims(axes, sizes):
            if axis == self.axis and a.shape[at] and a.shape[at] % self.size == 0:
                whole[at] = a.shape[at]
                return np.tile(factors, a.shape[at] // self.size).reshape(whole)
        return np.ones(whole)


def arranged(case: Any, problem: Any) -> Any:
    """The case (op.Case) that was drawn of a problem: inputs scaled by its powers of two, or large at few places."""
    places = problem.places
    for name, exponent in problem.exponents.items() if places is None or not places.inputs else ():
        if exponent and name in problem.present:
            case = case.with_input(name, np.asarray(np.ldexp(case.input(name), exponent)))
    if places is None:
        return _thinned(_scattered(case, problem), problem)
    made = _thinned(places.of(case, problem), problem)
    return made if places.cotangent else _scattered(made, problem, places)


def _scattered(case: Any, problem: Any, places: Places | None = None) -> Any:
    """A cotangent that is 0 at most places, anywhere, where sums of so many of either sign leave little more than rounding.

    A sum of m of them is about √m of their size, and may be off by n·v·m of it, n being all. What is large at few places of
    an axis need not stay so: norms bring each sample to one size, and over samples all count alike, of either sign. Those
    are scattered too, but for the places themselves, of which none may be left out.
    """
    n, takes = case.cotangent.size, problem.op.takes
    lost = n * accumulator(problem.dtype).unit_roundoff
    if (
        lost * sqrt(n) <= MUCH
        or problem.kind
        or (problem.unit is not None and problem.largest)
        or _is_elementwise(takes)
    ):
        return case
    share = max((LITTLE / lost) ** 2, len(TILES)) / n
    counts = problem.rng(SCATTERED).random(case.cotangent.shape) < share
    if places is not None:
        counts = counts | places.among(takes.axes["y"], problem.sizes, case.cotangent)
    return replace(case, cotangent=case.cotangent * counts)


def _thinned(case: Any, problem: Any) -> Any:
    """In a wide case beside a longer axis that is held: a cotangent that is 0 but at few places of the axis that is wide.

    Where libraries keep the sum over samples in few bits, 128 samples leave as much rounding as there is gradient. Which of
    them are lost, tiles or remainders, shows at few as well; and elsewhere than along the axis that is held there is no
    other wide case that would be decided. Some stay as they are, for what goes wrong by how many there are.
    """
    y, sizes, rng = problem.op.takes.axes["y"], problem.sizes, problem.rng(THINNED)
    axes = {axis: _size(axis, sizes) for axis, _ in _dims(y, sizes)}
    wide = [axis for axis, size in axes.items() if TILES[0] <= size < LONG and _hides(size, problem.dtype)]
    if not wide or not problem.kind or max(axes.values()) < LONG or not rng.integers(DENSE):
        return case
    axis = max(wide, key=axes.__getitem__)
    borders = [at for tile in TILES for at in (tile - 1, tile) if at < axes[axis]]
    at = tuple(sorted({0, axes[axis] - 1, int(rng.choice(borders))}))
    thin = Places(axis, axes[axis], at, cotangent=True, inputs=False, large=1.0)
    return replace(case, cotangent=PRECISIONS[problem.dtype].rounded(thin.of_cotangent(y, sizes, case.cotangent)))


def few(problem: Any) -> Places | None:
    """Where numbers are to count in the case of a problem (op.Problem); None where any term shows, or it is not its turn.

    What works along an axis, which is a parameter of that name, has its sums there: no other will do. Places that reach no
    result, as keys that no query sees, are not counted.
    """
    if problem.unit is not None and problem.largest:  # whole numbers tell
        return None
    if _is_elementwise(problem.op.takes):
        return None
    sizes, rng = problem.sizes, problem.rng(USE)
    present = [of for name, of in problem.op.takes.axes.items() if problem.shapes[name] is not None]
    longest = _longest(present, sizes, problem.op.cases.reach(problem))
    along = problem.parameters.get("axis")
    size = longest[0][1] if longest else 0
    if (
        not _hides(size, problem.dtype)
        or (along is not None and problem.shape("y")[along] != size)
        or rng.integers(ONE_IN)
    ):
        return None
    axis = longest[int(rng.integers(len(longest)))][0]
    borders = [at for tile in TILES for at in (tile - 1, tile) if at < size]
    others = (int(rng.choice(borders or [0])), int(rng.integers(size)))
    at = tuple(sorted({0, size - 1, *others[: int(rng.integers(3))]}))
    cotangent, inputs = WAYS[int(rng.integers(len(WAYS)))]
    along = sum(axis in dict(_dims(one, sizes)) for one in present)
    return Places(
        axis, _size(axis, sizes), at, cotangent, inputs, (1 + log(size)) ** (1.0 if along <= FEW_ARRAYS else 0.5)
    )


def _is_elementwise(takes: Any) -> bool:
    """Whether each element of y is a function of those in its own place: no sum can leave one out."""
    return {axes.names for axes in takes.axes.values()} == {(WHOLE,)} and "axis" not in takes.defaults


def _hides(size: int, dtype: str) -> bool:
    """Whether one of so many terms may be within what rounding does."""
    return size * PRECISIONS[dtype].unit_roundoff >= SHARE or size**2 * accumulator(dtype).unit_roundoff >= SHARE


def _longest(axes: Sequence[Axes], sizes: Mapping[str, Any], reach: Mapping[str, int]) -> list[tuple[Axis, int]]:
    """The axes that are longest, with their size, as far as it reaches."""
    found = {
        axis: min(_size(axis, sizes), reach.get(axis[0], _size(axis, sizes)))
        for one in axes
        for axis, _ in _dims(one, sizes)
    }
    most = max(found.values(), default=0)
    return [(axis, size) for axis, size in found.items() if size == most]


def _size(axis: Axis, sizes: Mapping[str, Any]) -> int:
    name, at = axis
    return int(sizes[name][at] if name.startswith("*") else sizes[name])


def _dims(axes: Axes, sizes: Mapping[str, Any]) -> Iterable[tuple[Axis, int]]:
    """Each axis of an array, and where it stands."""
    at = 0
    for name in axes.names:
        base = parts(name)[1]
        for which in range(len(sizes[base])) if base.startswith("*") else (0,):
            yield (base, which), at
            at += 1
