"""What a caller of a function relies on beside the numbers (laws/contract.py), as far as any function promises it.

A function may refuse what the judge passes to see whether it is read rightly: memory that is not contiguous, a NaN. To
raise there is loud and sets nobody on a wrong track, so it is a warning. Infinities are not passed: LAPACK's singular
values of a matrix that has one never come, and nobody ends what runs in this process. And results that differ from call
to call by no more than rounding, as sums over threads do, are no fault of a gradient: a warning as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from checks.functions.chance import apart
from checks.functions.domain import within
from checks.laws import contract
from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import Array
from checks.op import Case, Op, Problem
from checks.subjects.implementation import Judged, Outcome
from checks.subjects.refusals import Crashed, Ended
from checks.trials.trial import Run, Trial
from checks.verdict.report import Finding, Verdict

FIRST, THEN = 6, 4  # cases of each shape that are asked, and each of how many others

ROUNDINGS = 2.0**10  # what is read in the wrong order is off by about all of a gradient
ANOTHER = f"backward gives another gradient {contract.CALLED_AGAIN}, and forward the same y"
LAST_BITS = "results differ from call to call, or with the layout, by no more than rounding"


class _NotTaken(Exception):
    """Numbers that are none were refused; the message says how."""


CALLS = 5  # in each of two ways, on the same arrays, where any two differ


@dataclass(frozen=True)
class _Lenient(Judged):
    """An implementation that is given plain memory where it refuses any other, which is noted."""

    inner: Judged
    refused: list[str] = field(default_factory=list)

    @property
    def op(self) -> Op:  # type: ignore[override]
        return self.inner.op

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.inner.name

    def call(self, part: str, case: Case, *, watch: bool = False, spoil: bool = False) -> Outcome:
        """As the inner one, but for what it refuses."""
        arrays = [case.cotangent, *(a for a in case.inputs if a is not None)]
        try:
            return self.inner.call(part, case, watch=watch, spoil=spoil)
        except Crashed as error:
            if not all(np.all(np.isfinite(a)) for a in arrays):
                raise _NotTaken(str(error)) from error
            if isinstance(error, Ended):
                raise
            if all(map(_plain, arrays)):
                raise
            self.refused.append(str(error))
        plain = replace(
            case,
            inputs=tuple(None if a is None else np.array(a, order="C") for a in case.inputs),
            cotangent=np.array(case.cotangent, order="C"),
        )
        return self.inner.call(part, plain, watch=watch, spoil=spoil)


@dataclass(frozen=True)
class Promises:
    """The law; `turn` tells the number of a case."""

    turn: Callable[[Problem], int]
    RANK: int = 10

    def check(self, trial: Trial) -> Iterator[Finding]:
        """The findings of the contract."""
        within(trial)
        number = self.turn(trial.problem)
        if number >= FIRST and number % THEN:
            return
        if number == 0:
            changing = list(_changing(trial.real))
            if changing:
                yield from changing
                return
        lenient = _Lenient(trial.implementation)
        asked = Trial(trial.problem, lenient, trial.reference)
        try:
            for found in contract.check(asked, number if number < FIRST else number // THEN, infinite=False):
                yield _milder(asked.light, found)
        except _NotTaken as refusal:
            yield _warning(trial, f"a NaN is refused: {refusal}")
        for words in dict.fromkeys(lenient.refused):
            yield _warning(trial, f"memory that is read-only or not in one piece is refused: {words}")


def _changing(run: Run) -> Iterator[Finding]:
    """Gradients that are others when the backward is called again, by more than sums in any order are."""
    first, *others = (run.implementation.call("backward", run.case).results for _ in range(1 + CALLS))
    for name, a in first.items():
        seen = apart(np.asarray(a, np.float64), [o[name] for o in others], run.problem.elements, run.problem.dtype)
        if seen is not None:
            index, actual = tuple(map(int, seen[0])), seen[1]
            found = Finding("contract", f"grad_{name}", Verdict.BROKEN, run.problem, note=ANOTHER, index=index or None)
            yield replace(found, actual=actual, expected=float(a[seen[0]]), error=abs(actual - float(a[seen[0]])))


def _plain(a: Array) -> bool:
    return bool(a.flags.c_contiguous and a.flags.aligned and a.flags.writeable)


def _warning(trial: Trial, note: str) -> Finding:
    return Finding("contract", "behaviour", Verdict.WARNING, trial.problem, note=note)


def _milder(run: Run, found: Finding) -> Finding:
    """A warning, where calls differ by no more than rounding."""
    if found.verdict is not Verdict.BROKEN:
        return found
    if _is_rounding(run, found):
        return replace(found, verdict=Verdict.WARNING, note=LAST_BITS)
    view = found.result == "behaviour" and contract.VIEW in found.note
    if (view or contract.depends_on_the_past(found)) and _steady(run):
        return replace(found, verdict=Verdict.WARNING, note=LAST_BITS)
    return replace(found, verdict=Verdict.WARNING) if view or contract.SAME in found.note else found


def _is_rounding(run: Run, found: Finding) -> bool:
    """Whether a gradient is off by a few roundings of what it is under a usual cotangent: under another it may cancel."""
    gradient = run.gradients.get(found.result.removeprefix("grad_")) if found.result.startswith("grad_") else None
    if gradient is None or found.error is None or not gradient.size:
        return False
    return bool(found.error <= ROUNDINGS * unit_roundoff(run.problem.dtype) * np.max(np.abs(gradient)))


def _steady(run: Run) -> bool:
    """Whether all calls on the same arrays agree within twice what each may be off.

    Also after calls on others, and when the caller writes to what it passed before it looks at the results.
    """
    first, judged = {"y": run.y, **run.gradients}, run.implementation
    for _ in range(CALLS):
        for spoil in (False, True):
            judged.forward(replace(run.problem, seed=run.problem.seed + 1).reals())
            again = [judged.call(part, run.case, spoil=spoil).results for part in contract.PARTS[::-1]]
            again.append(judged.call("backward", run.case, spoil=spoil).results)
            for name, a in (pair for results in again for pair in results.items()):
                off = np.abs(np.asarray(a, np.float64) - first[name])
                if not np.all(off <= 2 * run.bound(name).elementwise):
                    return False
    return True
