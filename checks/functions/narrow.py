"""In 16 bits: y and each gradient beside what they are in float64, at the same numbers, over all cases of a run together.

A rounding of bfloat16 is 2⁻⁸, so that in one case rounding hides what is a quarter off. But what code does wrong it does in
every case, and rounding goes now one way, now the other. With e what is right, d the difference and s the size of an
element (measured.py), p = d/s and q = e/s are drawn once in each of n cases, and p = c·q + rounding: c, the share by which
the element is off, is fitted by least squares. It is off from 0 by

    `SURE` standard errors σ/√Σq², and `CONSTANTS` roundings u,

at most: σ from what is left over after the fit, of all elements or of this one if that is more; and constants that are
rounded once, or stored, go the same way in each case. What leaves so much over that a quarter of an element could hide is
not decided. Where e is nearly always far below s, c is a share of an eighth of s.

Where y itself is another function in 16 bits (a constant that depends on the dtype, one that underflows), nothing says what
its gradients should be: that is not decided either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from checks.functions.coverage import SHARP, TOO_COARSE, seeing
from checks.functions.domain import within
from checks.functions.measured import Measuring, Y
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Problem
from checks.trials.trial import Trial
from checks.verdict.report import Finding, Verdict

AGREEMENT = "agreement"
SURE = 8.0  # standard errors
CONSTANTS = 8.0  # roundings that go the same way in every case
SMALL = 64.0  # (e/s)², below which an element counts as an eighth of s
RANKS = (Verdict.HOLDS, Verdict.UNDECIDED, Verdict.BROKEN)  # of several sizes the worst speaks
FEWEST = 8  # cases from which on a scatter says something


@dataclass(eq=False)
class Sums:
    """Of one result, for each element: in how many cases it was a number, Σpq, Σq² and Σp²; the last case, its e and s."""

    count: Array
    both: Array
    right: Array
    off: Array
    problem: Problem
    e: Array
    size: Array

    def add(self, p: Array, q: Array) -> None:
        """One more case."""
        there = np.isfinite(p)
        p, q = np.where(there, p, 0.0), np.where(there, q, 0.0)
        self.count += there
        self.both += p * q
        self.right += q * q
        self.off += p * p

    def shares(self, unit: float) -> tuple[Array, Array]:
        """c of each element, and how far rounding may set it from 0; infinite where too few cases say it."""
        n = np.maximum(self.count, 1)
        weight = np.maximum(self.right, n / SMALL)
        share = self.both / weight
        own = np.maximum(self.off - self.both * share, 0.0) / np.maximum(n - 1, 1)
        pooled = float(np.sum(own * (n - 1)) / max(1.0, float(np.sum(n - 1))))
        limit = SURE * np.sqrt(np.maximum(own, pooled) / weight) + CONSTANTS * unit
        return share, np.where(self.count >= FEWEST, limit, np.inf)


@dataclass(eq=False)
class Narrow:
    """The law, and what it has seen so far: of each shape and result."""

    measuring: Measuring
    dtype: str
    seen: dict[tuple[str, str], Sums] = field(default_factory=dict)
    RANK: int = 3

    def check(self, trial: Trial) -> Iterator[Finding]:
        """One finding for each result, which holds: what is wrong is said once all cases have been seen."""
        within(trial)
        run, wide = trial.real, trial.real.case.widened()
        right = {Y: run.implementation.forward(wide), **run.implementation.backward(wide)}
        measured = self.measuring.of(wide)
        precision = PRECISIONS[self.dtype]
        for name, actual in {Y: run.y, **run.gradients}.items():
            e, size = np.asarray(right[name], np.float64), measured[name].size
            size = np.maximum(size, precision.underflow / precision.unit_roundoff)
            with np.errstate(all="ignore"):
                p = (np.asarray(actual, np.float64) - e) / size
            key = repr(dict(run.problem.shapes)), name
            if key not in self.seen:
                count, both, squares, off = np.zeros((4, *e.shape))
                self.seen[key] = Sums(count, both, squares, off, run.problem, e, size)
            self.seen[key].add(p, e / size)
            self.seen[key].problem, self.seen[key].e, self.seen[key].size = run.problem, e, size
            yield Finding(AGREEMENT, name if name == Y else f"grad_{name}", Verdict.HOLDS, run.problem)

    def findings(self) -> Iterator[Finding]:
        """What all cases come to: at the sizes at which it is worst, one for each result."""
        unit, found = PRECISIONS[self.dtype].unit_roundoff, dict[str, list[Finding]]()
        others = {shapes for (shapes, name), sums in self.seen.items() if name == Y and self._is_off(sums, unit)}
        for (shapes, name), sums in self.seen.items():
            if sums.both.size:
                found.setdefault(name, []).append(self._said(name, sums, unit, other=shapes in others))
        for said in found.values():
            yield max(said, key=lambda one: (RANKS.index(one.verdict), one.sees or 0.0))

    @staticmethod
    def _is_off(sums: Sums, unit: float) -> bool:
        share, limit = sums.shares(unit)
        return bool(np.any(np.abs(share) > limit))

    def _said(self, name: str, sums: Sums, unit: float, *, other: bool) -> Finding:
        share, limit = sums.shares(unit)
        result = name if name == Y else f"grad_{name}"
        at = np.unravel_index(int(np.argmax(np.abs(share) / limit)), share.shape)
        sees, open_ = float(np.max(limit)), int(np.count_nonzero(limit > SHARP))
        many = int(sums.count[at])
        off = f"in {many} cases it is {abs(share[at]):.2g} of its size off, rounding explains {limit[at]:.2g}"
        found = Finding(AGREEMENT, result, Verdict.HOLDS, sums.problem)
        if other:
            words = f"y in {self.dtype} is another function than in float64" + (f": {off}" if name == Y else "")
            found = replace(found, verdict=Verdict.UNDECIDED, note=f"{TOO_COARSE}: {words}")
        elif np.abs(share[at]) > limit[at]:
            size = max(abs(float(sums.e[at])), float(sums.size[at]) / np.sqrt(SMALL))
            right = float(sums.e[at])
            found = replace(
                found,
                verdict=Verdict.BROKEN,
                index=tuple(map(int, at)) or None,
                error=abs(float(share[at])) * size,
                bound=float(limit[at]) * size,
                actual=right * (1 + float(share[at])),
                expected=right,
                note=f"{off} of it in {self.dtype}",
            )
        elif open_:
            words = f"in {self.dtype} rounding hides an error of a quarter in {open_} of {share.size} of {result}"
            found = replace(found, verdict=Verdict.UNDECIDED, note=f"{TOO_COARSE}: {words}")
        else:
            found = replace(
                found, note=f"an error of {sees:.1g} of any one element in {self.dtype} would have been seen"
            )
        return seeing(found, sees)
