"""What a caller of a function relies on beside the numbers (laws/contract.py), as far as any function promises it.

A function may refuse what the judge passes to see whether it is read rightly: memory that is not contiguous, a NaN. To
raise there is loud and sets nobody on a wrong track, so it is a warning. To lose the NaN of a cotangent is wrong: every
gradient is a sum of products with it. Infinities are not passed: LAPACK's singular values of a matrix that has one never
come, and nobody ends what runs in this process. And results that differ from call to call by no more than rounding, as
sums over threads do, are no fault of a gradient: a warning as well.
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
from checks.trials.traces import COTANGENT, with_element
from checks.trials.trial import Run, Trial
from checks.verdict.report import Finding, Verdict

FIRST, THEN = 6, 4  # cases of each shape that are asked, and each of how many others

ROUNDINGS = 2.0**10  # what is read in the wrong order is off by about all of a gradient
ANOTHER = f"backward gives another gradient {contract.CALLED_AGAIN}, and forward the same y"
FEW_DIGITS = "has no more digits than float32 has, where the inputs are float64: it is off by as much"
SIMPLE = 2.0**-10  # whole numbers, and shares of few, are float32 anyway
DISTINCT = 4  # numbers, each of which has so few digits by chance once in 2²⁹
LAST_BITS = "results differ from call to call, or with the layout, by no more than rounding"


class _NotTaken(Exception):
    """Numbers that are none were refused; the message says how."""


CALLS = 5  # in each of two ways, on the same arrays, where any two differ


@dataclass(frozen=True)
class _Lenient(Judged):
    """An implementation that is given plain memory where it refuses any other, which is noted.

    apart  whether a call on the very same arrays gave what no other order of sums explains; first: what the first gave
    """

    inner: Judged
    dtype: str
    refused: list[str] = field(default_factory=list)
    apart: list[bool] = field(default_factory=list)
    first: dict[tuple[str, int], tuple[Case, Outcome]] = field(default_factory=dict)

    @property
    def op(self) -> Op:  # type: ignore[override]
        return self.inner.op

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.inner.name

    def call(self, part: str, case: Case, *, watch: bool = False, spoil: bool = False) -> Outcome:
        """As the inner one, but for what it refuses."""
        outcome = self._called(part, case, watch=watch, spoil=spoil)
        _, first = self.first.setdefault(
            (part, id(case)), (case, outcome)
        )  # which is held, so that no other has its id
        terms = sum(a.size for a in (case.cotangent, *case.inputs) if a is not None)
        pairs = ((np.asarray(a, np.float64), outcome.results[name]) for name, a in first.results.items())
        if not self.apart and any(apart(a, [b], terms, self.dtype) for a, b in pairs):
            self.apart.append(True)
        return outcome

    def _called(self, part: str, case: Case, *, watch: bool, spoil: bool) -> Outcome:
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
    """The law; `turn` tells the number of a case; in `changing` is why gradients that come by chance are asked no more."""

    turn: Callable[[Problem], int]
    changing: list[Finding] = field(default_factory=list)
    RANK: int = 10

    def check(self, trial: Trial) -> Iterator[Finding]:
        """The findings of the contract."""
        within(trial)
        number = self.turn(trial.problem)
        if number >= FIRST and number % THEN:
            return
        changing = list(_changing(trial.real)) if number == 0 else []
        self.changing.extend(changing)
        yield from changing
        if self.changing:
            return
        lenient = _Lenient(trial.implementation, trial.problem.dtype)
        asked = Trial(trial.problem, lenient, trial.reference)
        try:
            for found in contract.check(asked, number if number < FIRST else number // THEN, infinite=False):
                yield _milder(asked.light, found, lenient)
            yield from _swallowed(asked.light)
        except _NotTaken as refusal:
            yield _warning(trial, f"a NaN is refused: {refusal}")
        for result in _of_few_digits(asked.light):
            yield _warning(trial, f"{result} {FEW_DIGITS}")
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


def _swallowed(run: Run) -> Iterator[Finding]:
    """A NaN in the cotangent is in every element of a gradient that depends on it there: whatever y is, these are sums.

    Which do is seen by another number in its place. No function but this one says what is right, so an input has no such
    test: what y makes of a NaN is for the function to say.
    """
    g = run.case.cotangent
    if not g.size:
        return
    place = int(run.problem.rng(contract.RANK, 3).integers(g.size))
    least = max(1.0, float(np.max(np.abs(g), initial=0.0)))
    moved, odd = (
        run.implementation.backward(with_element(run.case, COTANGENT, place, value)) for value in (-2 * least, np.nan)
    )
    for name, usual in run.gradients.items():
        apart = np.abs(np.asarray(moved[name], np.float64) - usual)
        rounding = ROUNDINGS * unit_roundoff(run.problem.dtype) * np.max(np.abs(usual), initial=0.0)
        seen = apart > np.maximum(rounding, 2 * run.bound(f"grad_{name}").elementwise)
        if np.any(seen & np.isfinite(odd[name])):
            note = f"a NaN in {COTANGENT} leaves no trace in elements of grad_{name} that it should"
            yield Finding("contract", "behaviour", Verdict.BROKEN, run.problem, note=note)
            return


def _of_few_digits(run: Run) -> Iterator[str]:
    """The results of float64 inputs that were float32 on their way: all of their numbers are such."""
    if run.problem.dtype != "float64":
        return
    inputs = [run.case.input(name) for name in run.gradients]
    from_all = [("y", run.y, inputs), *((f"grad_{n}", a, [run.case.cotangent]) for n, a in run.gradients.items())]
    for result, actual, made_of in from_all:
        few = actual.dtype == np.float64 and _is_single(actual) and not any(map(_is_single, made_of))
        if few and np.unique(np.abs(actual[actual % SIMPLE != 0])).size > DISTINCT:
            yield result


def _is_single(a: Array) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.array_equal(a, np.asarray(a, np.float32), equal_nan=True))


def _plain(a: Array) -> bool:
    return bool(a.flags.c_contiguous and a.flags.aligned and a.flags.writeable)


def _warning(trial: Trial, note: str) -> Finding:
    return Finding("contract", "behaviour", Verdict.WARNING, trial.problem, note=note)


def _milder(run: Run, found: Finding, judged: _Lenient) -> Finding:
    """A warning, where calls differ by no more than rounding."""
    if found.verdict is not Verdict.BROKEN:
        return found
    if _is_rounding(run, found):
        return replace(found, verdict=Verdict.WARNING, note=LAST_BITS)
    view = found.result == "behaviour" and contract.VIEW in found.note
    if (view or contract.depends_on_the_past(found)) and _steady(run) and not judged.apart:
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
