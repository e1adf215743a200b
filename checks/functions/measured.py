"""How far rounding sets the results of a function apart, where nobody knows its terms: measured.

A function that is called at five points in a row, a δ apart, is a smooth part, of which the fourth difference is of size
δ⁴, and rounding, of which it is a sum with the weights 1, −4, 6, −4, 1: √70 times as large as one error where the five are
independent (Moré and Wild, Estimating computational noise, 2011). With δ = 2⁻²⁰ the smooth part is 2⁻⁸⁰, and what is left
is rounding: of float64, or of float32 wherever the function computes in that. Two of the points 4δ apart tell how fast
the result moves with its inputs, which is what a rounding of an input leads to.

The points lie a little beside the case (2⁻¹² of each input): a tie or a kink at the case itself is no rounding.
One case gives one sample for each element, which may be small by chance. So each element is held to be as unsteady as, in
the worst of `DRAWS` measurements at the beginning, the elements were in root mean square; and what a sample says counts
`SAFETY` times, since the largest of many errors is what a bound is for, and some elements are worse than the mean. A sum of
all elements is steadier, and is asked again where it decides against anybody: `ALIKE` times.

Five results that are alike tell nothing: 1 − y², the derivative of tanh, is 0 wherever y has been rounded to 1. So a
gradient is off by at least what a rounding of y changes, u|y| of an output, over the length ℓ along which it changes:

    ℓ = |a| / ln(|g·y| / |b·a|),   at most |a|, and |a| / ln(1/u) at the least            b the gradient, a its input

since what saturates is c − e^(−k·a), whose derivative is b = k·e^(−k·a): where b is small, ℓ = 1/k is that much smaller
than a, and from k·a = ln(1/u) on the result is rounded to c. Of a gradient of which no more than `LAST` roundings are left,
b says nothing: k may be larger then. Nor does y need to be the number that was rounded: 1 − y² itself (a backward, of which
the double backward is judged) is 0 there, and was rounded as the 1 was. What it is a difference of shows where the inputs
are so small that nothing saturates: 2⁻⁶ of them, each alone and all together, or less, once half of that leaves y as large
(a power of the inputs, which does not saturate, grows on).

Of inputs that are far from 0 (uncommon.py) much has been rounded to what does not move over 2⁻²⁰ of them, as 1 − σ(x) has.
There the five points are asked 2⁻⁸ apart as well. What is left of the smooth part, some 10⁻⁴ where the function changes
over an eighth of its input, makes such cases coarse, and others of the same element are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import Array, held
from checks.op import Case
from checks.subjects.implementation import Judged
from checks.subjects.refusals import Crashed, Ended, Malformed, Unsupported

WEIGHTS = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
NOISE = float(np.sqrt(np.sum(WEIGHTS**2)))  # √70
SAFETY = 32.0
WIDE = 2.0**-8  # how far apart points are far from 0
ALIKE = 8.0
DRAWS = 6
EVEN = 8  # no element is taken to have less than this share of the mean of its array: one draw may hit 0
REMEMBERED = 4
SMALLEST = 16  # an element moves by at least this share of the largest of its input
SHRUNK = (6, 9, 12)  # inputs are made 2 to this smaller, until y no longer grows
LAST, BEYOND = 2.0**10, 8.0  # roundings; and how much larger k may be, since e^(−8·ln(1/u)) is next to nothing
GROWS, LEVEL = 4.0, 1.5  # times what y is here, or was at twice the inputs
Y = "y"


@dataclass(frozen=True)
class Measured:
    """What was measured of one result.

    size      |result|, or how fast it moves with its inputs where that is more
    unsteady  how far rounding may set each element apart
    common    the same of the sum ⟨g, y⟩, whose errors may have one cause; of y alone
    by_y      what of `unsteady` a rounding of y explains; of gradients alone
    terms     what y may be a difference of, |y| at least; of y alone
    """

    size: Array
    unsteady: Array
    common: float = 0.0
    by_y: Array | float = 0.0
    terms: Array | float = 0.0


class Measuring:
    """Measures one implementation; cases that were measured lately are remembered."""

    def __init__(self, implementation: Judged, dtype: str, linear: tuple[str, ...] = ()) -> None:
        """linear  inputs in which y is linear, so that it is as small as they are and nothing saturates in them."""
        self.implementation = implementation
        self.dtype = dtype
        self.linear = linear
        self.step = max(2.0**-20, 16 * unit_roundoff(dtype))
        self.grain: dict[str, float] = {}
        self._of_nothing: dict[str, float] = {}
        self._known: dict[bytes, Mapping[str, Measured]] = {}

    @property
    def roundoff(self) -> float:
        """That of the precision, or how unsteady y is if that is more."""
        return max(unit_roundoff(self.dtype), self.grain.get(Y, 0.0))

    def learn(self, case: Case) -> None:
        """Measure how unsteady the results are at their worst, by which later samples are judged."""
        rng = np.random.default_rng(3)
        for _ in range(DRAWS):
            shape = case.cotangent.shape
            g = np.asarray(rng.uniform(0.5, 1, shape) * rng.choice((-1.0, 1.0), shape))
            other = replace(case, cotangent=g)
            rows = self._rows(other, rng)
            reach = float(np.max(np.abs(g * _finite(rows[Y][2])), initial=0.0))
            for name, five in rows.items():
                self._worst(
                    name, _grain(five, self.step), nothing=name != Y and self._is_nothing(other, name, five, reach)
                )
            norm = float(np.linalg.norm((g * _size(rows[Y], self.step)).ravel())) or 1.0
            self._worst("sum", abs(float(np.sum(g * _noise(rows[Y], signed=True)))) / norm)

    def _is_nothing(self, case: Case, name: str, five: Array, reach: float) -> bool:
        """Whether a gradient is no more than what rounding leaves of 0: then it is as unsteady as it is large.

        That of a cosine of two single numbers is so. Where there are more of them it is not, and is no less steady for it.
        """
        moved = np.abs(_finite(five[2]) * np.asarray(case.input(name), np.float64))
        return bool(np.all(moved <= LAST * unit_roundoff(self.dtype) * reach))

    def _worst(self, name: str, share: float, *, nothing: bool = False) -> None:
        known = self._of_nothing if nothing else self.grain
        known[name] = max(known.get(name, 0.0), share if np.isfinite(share) else 0.0)

    def _usual(self, name: str) -> float:
        """How unsteady elements were at their worst: where they were something, if they were anywhere."""
        return self.grain.get(name, self._of_nothing.get(name, 0.0))

    def of(self, case: Case, *, far: bool = False) -> Mapping[str, Measured]:
        """What is measured at a case; raises Crashed, Malformed or Unsupported if the function does there.

        far  whether inputs are so far from 0 that what is rounded may not move over a short way
        """
        key = b"".join(np.asarray(a).tobytes() for a in (case.cotangent, *case.inputs) if a is not None) + b"far" * far
        if key not in self._known:
            while len(self._known) >= REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[key] = self._measured(case, far=far)
        return self._known[key]

    def _measured(self, case: Case, *, far: bool) -> Mapping[str, Measured]:
        here = self._results(self._moved(case, [np.zeros(())] * len(_arrays(case)), 0.0))
        try:
            rows = self._rows(case, np.random.default_rng(2))
            wide = self._row(case, self._signs(case, np.random.default_rng(4)), WIDE) if far else {}
        except Ended:
            raise
        except Crashed as error:  # the case lies at the edge of where the function is defined
            raise Unsupported(f"it raises right beside: {error}") from error
        g, found = np.asarray(case.cotangent, np.float64), {}
        terms = self._terms(case, here[Y])
        reach = float(np.max(_finite(np.abs(g) * terms), initial=0.0))
        for name, five in rows.items():
            size = np.maximum(_size(five, self.step), _finite(np.abs(here[name])))
            size = np.maximum(size, terms) if name == Y else size
            size = np.maximum(size, float(np.mean(size) if size.size else 0.0) / EVEN)
            noise = np.maximum(_noise(five), max(self._usual(name), _grain(five, self.step)) * size)
            noise = np.maximum(noise, _noise(wide[name])) if far else noise
            own = 2 * unit_roundoff(self.dtype) * size
            by_y = 0.0 if name == Y else self._by_y(reach, here[name], scale(case.input(name)))
            unsteady = SAFETY * noise + own + by_y
            common = 0.0
            if name == Y:
                alike = abs(float(np.sum(g * _noise(five, signed=True))))
                usual = self.grain.get("sum", 0.0) * float(np.linalg.norm((g * size).ravel()))
                common = ALIKE * max(alike, usual) + float(np.linalg.norm((g * (ALIKE * noise + own)).ravel()))
            found[name] = Measured(size, unsteady, common, by_y, terms if name == Y else 0.0)
        return found

    def _by_y(self, reach: float, gradient: Array, a: Array) -> Array:
        """What a rounding of y changes over the length along which the gradient does: see the module."""
        u = unit_roundoff(self.dtype)
        moved = np.nan_to_num(np.abs(gradient) * a, posinf=reach)
        with np.errstate(all="ignore"):
            lengths = np.clip(np.log(np.where(moved > 0, reach / moved, np.inf)), 1.0, np.log(1 / u))
        shares = np.where(moved <= LAST * u * reach, furthest(u), 2 * u * lengths)
        return np.asarray(reach / a * shares)

    def _terms(self, case: Case, y: Array) -> Array:
        """What y may be a difference of: |y|, or what it is where nothing saturates, if that is several times as much."""
        here, g = _finite(np.abs(y)), np.abs(case.cotangent)
        moved = [name for name in _variables(case) if name not in self.linear]
        for shrunk in SHRUNK:
            near = self._most(case, moved, shrunk, here)
            if not np.max(g * near, initial=0.0) > GROWS * np.max(g * here, initial=0.0):
                return here  # nothing is lost, or all of it is still
            half = self._most(case, moved, shrunk + 1, here)
            if np.max(g * half, initial=0.0) <= LEVEL * np.max(g * near, initial=0.0):
                return np.asarray(np.maximum(here, near))
        return here

    def _most(self, case: Case, names: list[str], shrunk: int, here: Array) -> Array:
        """|y| with inputs so much smaller, each alone and all together, whichever is most; 0 where it is no number."""
        found = np.zeros_like(here)
        for those in [[name] for name in names] + ([names] if len(names) > 1 else []):
            other = case
            for name in those:
                other = other.with_input(name, np.asarray(case.input(name) * 2.0**-shrunk, self.dtype))
            try:
                with np.errstate(all="ignore"):
                    y = np.abs(np.asarray(self.implementation.forward(other), np.float64))
            except (Crashed, Malformed, Unsupported):
                continue
            if y.shape == found.shape:
                found = np.maximum(found, _finite(y))
        return found

    def _results(self, case: Case) -> dict[str, Array]:
        y = self.implementation.forward(case)
        results = {Y: y, **self.implementation.backward(case)}
        return {name: np.asarray(a, np.float64) for name, a in results.items()}

    def _rows(self, case: Case, rng: np.random.Generator) -> dict[str, Array]:
        """Each result at five points in a row, stacked; beside the case if the function takes that, else at it."""
        beside = self._moved(case, [rng.uniform(-1, 1, np.shape(a)) for a in _arrays(case)], 2**8 * self.step)
        signs = self._signs(case, rng)
        try:
            rows = self._row(replace(beside, cotangent=case.cotangent), signs, self.step)
            if all(np.all(np.isfinite(five)) for five in rows.values()):
                return rows
        except (Crashed, Malformed, Unsupported):
            pass
        return self._row(case, signs, self.step)

    @staticmethod
    def _signs(case: Case, rng: np.random.Generator) -> list[Array]:
        return [rng.choice((-1.0, 1.0), np.shape(a)) for a in _arrays(case)]

    def _row(self, case: Case, signs: list[Array], step: float) -> dict[str, Array]:
        five = [self._results(self._moved(case, signs, k * step)) for k in range(-2, 3)]
        return {name: np.stack([results[name] for results in five]) for name in five[0]}

    def _moved(self, case: Case, by: list[Array], share: float) -> Case:
        """Inputs and cotangent times 1 + share·by, as they are stored."""
        moved = iter(held(a * (1 + share * d), self.dtype) for a, d in zip(_arrays(case), by, strict=True))
        case = replace(case, cotangent=next(moved))
        for name in _variables(case):
            case = case.with_input(name, next(moved))
        return case


def furthest(u: float) -> float:
    """The most that a rounding of y sets a gradient apart, as a share of what would move y by all that it is."""
    return float(2 * u * BEYOND * np.log(1 / u))


def scale(a: Array) -> Array:
    """By how much each element of an input moves: a power of two near its size, or near 1 where all of it is 0."""
    size = np.abs(np.asarray(a, np.float64))
    largest = float(np.max(size, initial=0.0)) or 1.0
    return np.asarray(2.0 ** np.round(np.log2(np.maximum(size, largest / SMALLEST))))


def _variables(case: Case) -> list[str]:
    """Inputs that have a gradient: the others are no real numbers."""
    present = dict(zip(case.op.inputs, case.inputs, strict=True))
    return [name for name in case.op.takes.differentiable if present[name] is not None]


def _arrays(case: Case) -> list[Array]:
    return [np.asarray(a, np.float64) for a in (case.cotangent, *map(case.input, _variables(case)))]


def _finite(a: Array) -> Array:
    """The numbers, with 0 for what is none."""
    return np.where(np.isfinite(a), a, 0.0)


def _noise(five: Array, *, signed: bool = False) -> Array:
    with np.errstate(all="ignore"):
        fourth = _finite(np.tensordot(WEIGHTS, five, 1)) / NOISE
    return np.asarray(fourth if signed else np.abs(fourth))


def _size(five: Array, step: float) -> Array:
    """|result| in the middle, or four times what one relative step of the inputs changes, if more."""
    with np.errstate(all="ignore"):
        moves = 4 * np.abs(five[4] - five[0]) / (4 * step)
        return _finite(np.maximum(np.abs(five[2]), moves))


def _grain(five: Array, step: float) -> float:
    """How unsteady the elements are, in root mean square, as a share of their size."""
    return _root(_noise(five)) / (_root(_size(five, step)) or 1.0)


def _root(a: Array) -> float:
    return float(np.sqrt(np.mean(a**2))) if a.size else 0.0
