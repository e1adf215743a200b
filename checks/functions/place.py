"""A point at which a function and its backward are compared: all inputs as one vector, and slopes along directions.

With φ(x) = ⟨g, f(x)⟩ and b the gradient that is claimed, the claim along a direction v is ⟨b, v⟩. Two slopes are at hand:

- **complex**: ⟨g, Im f(x + ihv)⟩/h, h = 1e-200, one call. No subtraction, so it is off by rounding only, relative to what
  the gradients are summed from: γ₂ₙ⟨M, |v|⟩ (laws/complex_step.py), M measured (measured.py).
- **central**: D(h) = (φ(x + hv) − φ(x − hv))/2h, extrapolated twice: R = (4·D(h/2) − D(h))/3, R' = (4·D(h/4) − D(h/2))/3,
  six calls. R' is off by a sixteenth of what R is, so |R' − R| is fifteen times the truncation that is left; should the
  two agree by chance, a share of D's own change counts. If φ is unsteady by s, D(h/4) is by 4s/h and D(h/2) by 2s/h, so
  R' is by (4·4 + 2)/3·s/h = 6s/h. Their sum is least near h⁵ ≈ 6u; where a kink lies within the step, smaller ones do
  better. Both are estimates: only what two steps agree on speaks against a claim.

v moves an element by about its own size, so that the steps suit large and small ones; by a power of two, so that the
points are stored as they are meant.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from checks.cases.search import Stopped
from checks.functions.measured import Measured, Measuring, furthest
from checks.functions.measured import scale as scale_of
from checks.functions.uncommon import FAR
from checks.laws.complex_step import H
from checks.numbers.bounds import gamma, unit_roundoff
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case
from checks.subjects.refusals import Crashed, Ended
from checks.trials.directions import inner, inner_gamma
from checks.trials.trial import Run

FINER = (0, 2, 6, 12)  # steps are tried that are 2 to this smaller
COARSE = 2.0**-36  # a roundoff from which on a fit through many points is better than differences of a few (fitted.py)
BESIDE, BESIDE_STEPS = 6, 8  # what the places around are drawn with (Problem.rng), and how many steps off they are
CONSTANTS = 8  # how much more than what was measured complex numbers may be off far from 0
ENOUGH = 1e-4  # no smaller steps are tried where an error of this share of one element would be seen


@dataclass(frozen=True)
class Slope:
    """A slope along a direction, beside what is claimed.

    value   the slope; claim: what the gradient says it is
    doubt   how far the two may be apart while both are right
    wrong   whether they are apart further, whatever step is taken
    """

    value: float
    claim: float
    doubt: float
    wrong: bool

    @property
    def error(self) -> float:
        """How far the two are apart."""
        return abs(self.value - self.claim)


@dataclass(frozen=True, eq=False)
class Place:
    """A run of a function, its inputs as one vector."""

    run: Run
    measuring: Measuring

    @property
    def dtype(self) -> str:
        """What is computed in."""
        return self.run.problem.dtype

    @property
    def names(self) -> list[str]:
        """The inputs, in order."""
        return list(self.run.gradients)

    @cached_property
    def spans(self) -> dict[str, slice]:
        """Where each input lies in the vector."""
        ends = np.cumsum([self.run.case.input(name).size for name in self.names])
        return {n: slice(int(e) - self.run.case.input(n).size, int(e)) for n, e in zip(self.names, ends, strict=True)}

    @cached_property
    def x(self) -> Array:
        """The inputs."""
        return _joined([self.run.case.input(name) for name in self.names])

    @cached_property
    def claim(self) -> Array:
        """The gradients that are claimed."""
        return _joined([self.run.gradients[name] for name in self.names])

    @cached_property
    def g(self) -> Array:
        """The cotangent."""
        return _joined([self.run.case.cotangent])

    @cached_property
    def measured(self) -> dict[str, Measured]:
        """How unsteady the results are here."""
        return dict(self.measuring.of(self.run.case.widened(), far=self.run.problem.kind == FAR))

    @cached_property
    def y(self) -> Array:
        """The result, as a vector."""
        return _joined([self.run.y])

    @cached_property
    def unsteady(self) -> Array:
        """How far each element of y may be off."""
        return _joined([self.measured["y"].unsteady])

    @cached_property
    def scale(self) -> Array:
        """By how much each element moves: a power of two near its size, or near 1 where all of its input is 0.

        Where rounding hides what a small element does, it moves by a quarter of the largest at least.
        """
        scales = [scale_of(self.run.case.input(name)) for name in self.names]
        if self.is_coarse:
            scales = [np.maximum(s, np.max(s, initial=0.0) / 4) for s in scales]
        return _joined(scales)

    @cached_property
    def claim_doubt(self) -> Array:
        """How far rounding may set each element of the gradients apart."""
        return _joined([self.measured[name].unsteady for name in self.names])

    def claim_unsure(self, v: Array) -> float:
        """How far rounding may set the claim along a direction apart.

        What a rounding of y explains of each gradient is no more along all of them than what it changes in all of y.
        """
        by_y = _joined([np.broadcast_to(self.measured[n].by_y, self.run.case.input(n).shape) for n in self.names])
        size, moved = np.abs(v), np.max(np.abs(v) / self.scale, initial=0.0)
        terms = np.ravel(self.measured["y"].terms)
        all_of_y = furthest(unit_roundoff(self.dtype)) * float(np.abs(self.g) @ terms) * float(moved)
        return float(size @ (self.claim_doubt - by_y)) + min(float(size @ by_y), all_of_y)

    @cached_property
    def doubt(self) -> Array:
        """The same, and what it may do to a complex slope along that element.

        What complex numbers round on their way nothing has measured. Far from 0, where what squares or inverts a matrix
        rounds relative to numbers that are thousands of times an element, that may be CONSTANTS times as much as was
        measured of the most uncertain element of the gradient.
        """
        unsure = self.claim_doubt.copy()
        for span in self.spans.values() if self.run.problem.kind == FAR else ():
            unsure[span] = CONSTANTS * np.max(unsure[span], initial=0.0)
        terms = 2 * self.run.problem.most_terms
        sizes = _joined([self.run.gradient_magnitudes[name] for name in self.names])
        sums = inner_gamma(self.run.problem.elements)
        return unsure + (gamma(terms, unit_roundoff("float64")) + sums) * sizes

    @cached_property
    def faint(self) -> frozenset[str]:
        """Gradients that are not 0, and nowhere more than rounding makes of 0: that of a bias of keys, say."""
        size, doubt = np.abs(self.claim), self.claim_doubt
        spans = {n: s for n, s in self.spans.items() if np.any(size[s])}
        return frozenset(n for n, s in spans.items() if np.all(size[s] <= np.max(doubt[s])))

    @cached_property
    def typical(self) -> Array:
        """What an error of one element is a share of: the element, or the mean of its gradient if that is more.

        Of a gradient of zeros, and of one that is nowhere more than rounding makes of 0: what would move y by as much as y
        is when the elements of x move by their size.
        """
        size = np.abs(self.claim)
        for name, span in self.spans.items():
            mean = float(np.mean(size[span])) if size[span].size and name not in self.faint else 0.0
            reach = float(np.abs(self.g) @ np.abs(self.y)) / max(1, size[span].size)
            size[span] = np.maximum(size[span], mean or reach / self.scale[span])
        return np.where(size > 0, size, 1.0)

    @property
    def is_coarse(self) -> bool:
        """Whether a fit through many points is better than differences of a few."""
        return self.measuring.roundoff > COARSE

    @property
    def first_step(self) -> float:
        """The h of central slopes: h⁵ ≈ 6u."""
        return float(2.0 ** round(np.log2(6 * self.measuring.roundoff) / 5))

    def beside(self, number: int) -> Place:
        """A place around, further off than central slopes reach: what is tied or at a kink here is not so there."""
        rng, far = self.run.problem.rng(BESIDE, number), BESIDE_STEPS * self.first_step
        x = self.x + far * self.scale * rng.uniform(0.5, 1, self.x.shape) * rng.choice((-1.0, 1.0), self.x.shape)
        return Place(replace(self.run, case=self._case(x)), self.measuring)

    def at(self, x: Array) -> Array:
        """The result at another vector of inputs; raises Crashed, Malformed or Unsupported."""
        return _joined([self.run.implementation.forward(self._case(x))])

    def _case(self, x: Array) -> Case:
        case, precision = self.run.case, PRECISIONS[self.dtype]
        for name, span in self.spans.items():
            case = case.with_input(name, precision.rounded(x[span].reshape(case.input(name).shape)))
        return case

    def claimed(self, v: Array) -> float:
        """⟨b, v⟩."""
        return inner(self.claim, v)

    def complex(self, v: Array) -> Slope:
        """The complex slope; doubt is infinite where complex numbers do not go through."""
        case = self.run.case.widened()
        for name, span in self.spans.items():
            a = case.input(name)
            case = case.with_input(name, a + 1j * H * v[span].reshape(a.shape))
        claim = self.claimed(v)
        try:
            with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
                y = np.asarray(self.run.problem.op.twin(*case.inputs))
                value = inner(self.g, (y.imag / H).ravel())
        except (
            KeyboardInterrupt,
            Ended,
            Stopped,
        ):  # to end a process is no refusal where such numbers went through before
            raise
        except BaseException:  # noqa: BLE001, whatever it raises, and not only Exceptions: no caller passes complex numbers
            return Slope(np.nan, claim, np.inf, wrong=False)
        doubt = float(np.abs(v) @ self.doubt)
        if not np.isfinite(value) or not np.isfinite(doubt):
            return Slope(value, claim, np.inf, wrong=False)
        return Slope(value, claim, doubt, wrong=not abs(value - claim) <= doubt)

    def central(self, v: Array) -> Slope:
        """The central slope with the least doubt; wrong only if another step says so too.

        That other is a quarter as long, so four times as unsteady: what would be seen by both is the doubt of a slope that
        holds. If no other step speaks against the claim, nothing is decided that is sharper than what speaks for it.
        """
        claim, at_v = self.claimed(v), self.claim_unsure(v)
        enough = ENOUGH * float(np.mean((np.abs(v) * self.typical)[v != 0])) if np.any(v) else 0.0
        best, both, against, holds = Slope(np.nan, claim, np.inf, wrong=False), np.inf, 0, np.inf
        for value, truncation, noise in self._central(v):
            found = Slope(value, claim, truncation + noise + at_v, wrong=False)
            if np.isfinite(found.error + found.doubt):
                against += found.error > found.doubt
                holds = holds if found.error > found.doubt else min(holds, found.doubt)
                noisier = best.doubt < found.doubt and noise > truncation
                if found.doubt < best.doubt:
                    best, both = found, truncation + 4 * noise + at_v
                agrees = best.error <= best.doubt
                if (best.doubt <= enough and (agrees or against > 1)) or noisier:
                    break
        if best.error > best.doubt:
            return replace(best, wrong=True) if against > 1 else replace(best, doubt=holds)
        return replace(best, doubt=both)

    def _central(self, v: Array) -> Iterator[tuple[float, float, float]]:
        for finer in FINER:
            h = self.first_step * 2.0**-finer
            d = [self._difference(v, step) for step in (h, h / 2, h / 4)]
            before, after = (4 * d[1] - d[0]) / 3, (4 * d[2] - d[1]) / 3
            yield (
                after,
                max(abs(after - before), abs(d[2] - d[1]) * max(h, 2.0**-10)),
                6 * self.measured["y"].common / h,
            )

    def _difference(self, v: Array, step: float) -> float:
        """D(h), the results first: where these are close their difference is exact (Sterbenz); NaN where it raises."""
        try:
            return inner(self.g, self.at(self.x + step * v) - self.at(self.x - step * v)) / (2 * step)
        except Ended:
            raise
        except Crashed:  # the case may lie at the edge of where it is defined
            return float(np.nan)


def _joined(arrays: list[Array]) -> Array:
    return np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays]) if arrays else np.zeros(0)
