"""Names the mistake behind a wrong result: what it computed, told from what the known mistakes compute in the same cases.

A mistake is named if, in every case looked at, it gives what the implementation gave, to within rounding. Where none does,
something simple (a factor, a shift) that was done to the right result is looked for, or to what a mistake computes; then
two mistakes at once. In any case: which values of a parameter the result is wrong for, and which elements (whereabouts.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import ceil

import numpy as np

from checks.diagnosis import whereabouts
from checks.diagnosis.changes import Pair, change
from checks.numbers.bounds import rounding, unit_roundoff
from checks.numbers.precision import Array
from checks.op import Mistake, Problem
from checks.ops._mistakes import general
from checks.subjects.implementation import Judged
from checks.trials.finding import Finding, Verdict
from checks.trials.trial import Run, Trial

CASES = 6  # that a mistake has to explain, beside the smallest one
UNKNOWN = "None of the known mistakes computes this."


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong, in words.

    mistake      the name of a known one, of two ("… and …"), of one and what was done beside it, or ""
    explanation  a sentence about it, or about what else is known
    source       document and equation that it breaks
    where        the parameter values, or the elements, that are wrong where others are right
    """

    mistake: str = ""
    explanation: str = ""
    source: str = ""
    where: str = ""


def diagnose(failure: Finding, findings: Iterable[Finding], implementation: Judged, reference: Judged) -> Diagnosis:
    """What is wrong with the result of this failure, given all findings of the run."""
    same = [f for f in findings if f.result == failure.result and f.law == failure.law]
    broken = [f.problem for f in same if f.verdict is Verdict.BROKEN]
    right = [f.problem for f in same if f.verdict is Verdict.HOLDS and not _is_empty(f.problem)]
    problems = [*_unlike(broken), failure.problem]
    seen = [_Seen.of(failure.result, run) for run in runs(failure.law, problems, implementation, reference)]
    samples = failure.result == "y" or failure.result.removeprefix("grad_") in failure.problem.op.samples(
        failure.problem
    )
    found = [whereabouts.Found(one.actual, one.right, one.wrong) for one in seen]
    where = "; ".join(
        filter(None, [whereabouts.parameters(broken, right), whereabouts.elements(found, samples=samples)])
    )
    diagnosis = replace(_mistake(failure.problem.op.mistakes, seen), where=where)
    if failure.note and diagnosis.explanation == UNKNOWN:
        return replace(diagnosis, explanation="")  # what the law says of it is better
    return diagnosis


def _unlike(problems: Iterable[Problem]) -> list[Problem]:
    """A few that differ in what the report counts as tried: mistakes that are alike for one scale are not for another.

    Of those that show as many values that no other has shown yet the largest is taken: the larger a case, the fewer
    mistakes look alike in it.
    """
    left = sorted({p.identity: p for p in problems}.values(), key=lambda p: -p.elements)
    tried = {p.identity: {(n, v) for n, values in p.op.coverage(p).items() for v in values} for p in left}
    chosen: list[Problem] = []
    shown: set[tuple[str, object]] = set()
    while left and len(chosen) < CASES:
        new = max(left, key=lambda p: len(tried[p.identity] - shown))  # the first of these, so the largest
        left.remove(new)
        chosen.append(new)
        shown |= tried[new.identity]
    return chosen


def _mistake(specific: Sequence[Mistake], seen: Sequence[_Seen]) -> Diagnosis:
    """The simplest of what explains every case: a mistake, a change, a mistake and a change, two mistakes."""
    if not seen:
        return Diagnosis()
    known = (*specific, *general())
    for mistake in known:
        if _explains(mistake, seen):
            return Diagnosis(mistake.name, mistake.explanation, mistake.source)
    if done := change([one.pair(one.right) for one in seen]):
        return Diagnosis(explanation=f"It is the right one {done}.")
    computed = {mistake: arrays for mistake in known if (arrays := _computed(mistake, seen))}
    for mistake, arrays in computed.items():
        if mistake in specific and (done := change([one.pair(a) for one, a in zip(seen, arrays, strict=True)])):
            return Diagnosis(f"{mistake.name}, and {done}", mistake.explanation, mistake.source)
    for first, second in combinations(computed, 2):
        if all(map(_Seen.is_like_both, seen, computed[first], computed[second])):
            sources = dict.fromkeys((first.source, second.source))
            return Diagnosis(
                f"{first.name}, and {second.name}", f"{first.explanation} {second.explanation}", "; ".join(sources)
            )
    return Diagnosis(explanation=UNKNOWN)


@dataclass(frozen=True)
class _Seen:
    """What an implementation gave in one case, and what is right there."""

    result: str
    run: Run
    actual: Array
    right: Array
    bound: Array

    @classmethod
    def of(cls, result: str, run: Run) -> _Seen:
        """The one of the results that is meant."""
        name = result.removeprefix("grad_")
        actual, right = run.result(result)
        return cls(name, run, actual.astype(np.float64), right.astype(np.float64), run.bound(result).elementwise)

    @property
    def wrong(self) -> Array:
        """Which elements rounding does not explain."""
        with np.errstate(invalid="ignore"):
            return np.asarray(~(np.abs(self.actual - self.right) <= self.bound))

    def made_by(self, mistake: Mistake) -> Array | None:
        """What the mistake computes in its place, or None if it leaves this result alone."""
        with np.errstate(all="ignore"):
            computed = mistake.wrong_gradient(self.run.case).get(self.result)
        return None if computed is None else np.asarray(computed, np.float64)

    def pair(self, base: Array) -> Pair:
        """It beside what it may have been made from."""
        return Pair(self.run.problem, self.actual, base, self._allowed(base))

    def is_like(self, computed: Array) -> bool:
        """Whether it differs from this by no more than what rounding can do to sums of the size of either."""
        if self.actual.shape != computed.shape:
            return False
        with np.errstate(invalid="ignore"):
            near = np.abs(self.actual - computed) <= self._allowed(computed)
        return bool(np.all(near | (np.isnan(self.actual) & np.isnan(computed))))

    def is_like_both(self, first: Array, second: Array) -> bool:
        """Whether it is right but for what two mistakes add to it."""
        if not self.actual.shape == first.shape == second.shape:
            return False
        with np.errstate(invalid="ignore"):
            return self.is_like(first + second - self.right)

    def _allowed(self, computed: Array) -> Array:
        """The error that rounding may make."""
        problem, magnitude = self.run.problem, np.abs(computed)
        if self.run.case.whole:  # exact but for divisions, of which a mistake has few
            return np.asarray(4 * rounding(1, magnitude, (), problem.dtype).elementwise)
        own = 2 * rounding(self._roundings, magnitude, (), problem.dtype).elementwise
        return np.asarray(self.bound + own if self.bound.shape == own.shape else own)

    @property
    def _roundings(self) -> int:
        """How many roundings one element goes through; where the op counts none, as many as explain the largest bound."""
        largest, bound = (float(np.max(np.abs(a), initial=0.0)) for a in (self.right, self.bound))
        if not self.run.problem.op.running or not largest or not np.isfinite(bound / largest):
            return self.run.problem.most_terms
        return ceil(bound / largest / unit_roundoff(self.run.problem.dtype))


def _explains(mistake: Mistake, seen: Sequence[_Seen]) -> bool:
    """Whether the mistake computes what the implementation did, in every case, and is one in some."""
    shows = False
    for one in seen:
        computed = one.made_by(mistake)
        if computed is None or not one.is_like(computed):
            return False
        shows |= not np.array_equal(computed, one.right)
    return shows


def _computed(mistake: Mistake, seen: Sequence[_Seen]) -> list[Array] | None:
    """What the mistake makes of this result in each case; None if it leaves it right, or alone, in all of them."""
    arrays = []
    for one in seen:
        computed = one.made_by(mistake)
        if computed is None:
            return None
        arrays.append(computed)
    return arrays if any(not np.array_equal(a, one.right) for a, one in zip(arrays, seen, strict=True)) else None


def runs(law: str, problems: Sequence[Problem], implementation: Judged, reference: Judged) -> Iterator[Run]:
    """The cases in which the law found the result wrong, or cases much like them."""
    for problem in problems:
        trial = Trial(problem, implementation, reference)
        kinks = problem.op.kinks
        run = (
            trial.whole if law == "exact" else trial.on(kinks.case(problem)) if law == "kinks" and kinks else trial.real
        )
        if run is not None:
            yield run


def _is_empty(problem: Problem) -> bool:
    """Whether there is nothing that could be wrong."""
    return any(shape is not None and 0 in shape for shape in problem.shapes.values())
