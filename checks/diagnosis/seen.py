"""What an implementation gave in a case in which it is wrong, beside what is right there and what rounding explains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np

from checks.diagnosis.changes import Pair
from checks.numbers.bounds import rounding, unit_roundoff
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Mistake, Problem
from checks.subjects.implementation import Judged
from checks.trials import laid_out
from checks.trials.trial import Run, Trial, is_run

SHORT = 24  # bits of a significand below which the bound of a sum is no longer small beside the sum


@dataclass(frozen=True)
class Seen:
    """What an implementation gave in one case, and what is right there."""

    result: str
    run: Run
    actual: Array
    right: Array
    bound: Array
    _made: dict[Mistake, tuple[Array | None, Array | None]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, result: str, run: Run) -> Seen:
        """The one of the results that is meant."""
        name = result.removeprefix("grad_")
        actual, right = run.result(result)
        return cls(name, run, actual.astype(np.float64), right.astype(np.float64), run.bound(result).elementwise)

    @property
    def wrong(self) -> Array:
        """Which elements rounding does not explain.

        Sums of whole numbers are exact, so in a short significand, where the bound of any sum is wide, whatever is not
        the right sum, stored, is wrong. A long one leaves room for arithmetic that transforms, and its bound is narrow.
        """
        if self.is_exact:
            return np.asarray(self.actual != PRECISIONS[self.run.problem.dtype].rounded(self.right))
        with np.errstate(invalid="ignore"):
            return np.asarray(~(np.abs(self.actual - self.right) <= self.bound))

    @property
    def is_exact(self) -> bool:
        """Whether an element is right only if it is the right sum to the last bit, in a precision that has few."""
        return self.run.case.whole and PRECISIONS[self.run.problem.dtype].bits < SHORT

    @property
    def whole_name(self) -> str:
        """Of the result, as a run knows it."""
        return self.result if self.result == "y" else f"grad_{self.result}"

    @property
    def given(self) -> dict[str, Array]:
        """The inputs and the cotangent by name, without indices."""
        run = self.run
        arrays = {name: run.case.input(name) for name in run.problem.present}
        arrays[run.problem.op.cotangent] = run.case.cotangent
        return {name: array for name, array in arrays.items() if array.dtype.kind == "f"}

    def run_with(self, name: str, array: Array) -> Run:
        """The run with another array in place of this one."""
        case, is_cotangent = self.run.case, name == self.run.problem.op.cotangent
        case = replace(case, cotangent=array) if is_cotangent else case.with_input(name, array)
        return replace(self.run, case=case)

    def made_by(self, mistake: Mistake) -> Array | None:
        """What the mistake computes in its place, or None if it leaves this result alone."""
        return self._computed(mistake)[0]

    def denies(self, mistake: Mistake) -> bool:
        """Whether the mistake would have made y a wrong one, and y is right: another mistake, whatever else is alike."""
        if self.result == "y":
            return False
        computed = self._computed(mistake)[1]
        if computed is None:
            return False
        y = Seen.of("y", self.run)
        return not y.wrong.any() and y.tells(computed)

    def _computed(self, mistake: Mistake) -> tuple[Array | None, Array | None]:
        """What the mistake computes for this result, and for y, which several questions ask."""
        if mistake not in self._made:
            with np.errstate(all="ignore"):
                wrong = mistake.wrong_gradient(self.run.case)
            own, y = (
                None if a is None else np.asarray(a, np.float64) for a in (wrong.get(self.result), wrong.get("y"))
            )
            self._made[mistake] = own, y
        return self._made[mistake]

    def refutes(self, mistake: Mistake) -> bool:
        """Whether the mistake would have shown here, where the result is right."""
        computed = self.made_by(mistake)
        return computed is not None and self.tells(computed)

    def pair(self, base: Array) -> Pair:
        """It beside what it may have been made from.

        Of whole numbers a base is known to the last bit: to multiply it, and to store that, are two roundings.
        """
        if self.run.case.whole:
            allowed = rounding(1, np.abs(base), (), self.run.problem.dtype).elementwise
        else:
            allowed = self.bound if base is self.right else self._allowed(base)
        return Pair(self.run.problem, self.actual, base, allowed)

    def is_like(self, computed: Array) -> bool:
        """Whether it differs from this by no more than what rounding can do to sums of the size of either."""
        if self.actual.shape != computed.shape:
            return False
        with np.errstate(invalid="ignore"):
            near = np.abs(self.actual - computed) <= self._allowed(computed)
        return bool(np.all(near | (np.isnan(self.actual) & np.isnan(computed))))

    def tells(self, computed: Array) -> bool:
        """Whether what is right can be told from this: where rounding sets the two as far apart, neither is named."""
        if self.right.shape != computed.shape:
            return True
        with np.errstate(invalid="ignore"):
            return not np.all(np.abs(computed - self.right) <= self._allowed(computed))

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
        if not is_run(self.run.problem.op) or not largest or not np.isfinite(bound / largest):
            return self.run.problem.most_terms
        return ceil(bound / largest / unit_roundoff(self.run.problem.dtype))


def runs(
    law: str, problems: Sequence[Problem], implementation: Judged, reference: Judged, note: str = ""
) -> Iterator[Run]:
    """The cases in which the law found the result wrong, or cases much like them; in the layout that its note tells of."""
    for problem in problems:
        trial = Trial(problem, implementation, reference)
        kinks = problem.op.kinks
        run = (
            trial.whole if law == "exact" else trial.on(kinks.case(problem)) if law == "kinks" and kinks else trial.real
        )
        if run is not None:
            yield laid_out.as_told(run, note)


def is_empty(problem: Problem) -> bool:
    """Whether an array has no elements: what is computed from nothing tells little of what is wrong elsewhere."""
    return any(shape is not None and 0 in shape for shape in problem.shapes.values())
