"""Names the mistake behind a wrong result: what it computed, told from what the known mistakes compute in the same cases.

A mistake is named if, in every case looked at, it gives what the implementation gave, to within rounding. Where none does,
a constant factor is looked for; and in any case which values of a parameter the result is wrong for, and which elements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite, prod

import numpy as np

from checks.bounds import rounding
from checks.implementation import Judged
from checks.mistakes import general
from checks.op import Array, Mistake, Problem
from checks.options import as_text
from checks.report import Finding, Verdict
from checks.trial import Run, Trial

CASES = 6  # that a mistake has to explain; the larger a case, the fewer mistakes look alike in it


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong, in words.

    mistake      the name of a known one, or ""
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
    largest = sorted({p.identity: p for p in broken}.values(), key=lambda p: -p.elements)[:CASES]
    runs = list(_runs(failure.law, [*largest, failure.problem], implementation, reference))
    where = "; ".join(filter(None, [_parameters(broken, right), _elements(failure.result, runs)]))
    if not runs:
        return Diagnosis(where=where)
    for mistake in (*failure.problem.op.mistakes, *general()):
        if _explains(mistake, failure.result, runs):
            return Diagnosis(mistake.name, mistake.explanation, mistake.source, where)
    return Diagnosis(explanation=_factor(failure.result, runs), where=where)


def _runs(law: str, problems: Sequence[Problem], implementation: Judged, reference: Judged) -> Iterator[Run]:
    """The cases in which the law found the result wrong, or cases much like them."""
    for problem in problems:
        trial = Trial(problem, implementation, reference)
        kinks = problem.op.kinks
        run = (
            trial.whole if law == "exact" else trial.on(kinks.case(problem)) if law == "kinks" and kinks else trial.real
        )
        if run is not None:
            yield run


def _actual(result: str, run: Run) -> Array:
    return run.y if result == "y" else run.gradients[result.removeprefix("grad_")]


def _right(result: str, run: Run) -> Array:
    return run.true_y if result == "y" else run.true_gradients[result.removeprefix("grad_")]


def _explains(mistake: Mistake, result: str, runs: Sequence[Run]) -> bool:
    """Whether the mistake computes what the implementation did, in every case, and is one in some."""
    shows = False
    for run in runs:
        with np.errstate(all="ignore"):
            computed = mistake.wrong_gradient(run.case).get(result.removeprefix("grad_"))
        if computed is None or not _alike(_actual(result, run), computed, result, run):
            return False
        shows |= not np.array_equal(computed, np.asarray(_right(result, run), computed.dtype))
    return shows


def _alike(actual: Array, computed: Array, result: str, run: Run) -> bool:
    """Whether two results differ by what rounding can do to sums of the size of either."""
    if actual.shape != computed.shape:
        return False
    if run.case.whole and np.array_equal(actual, computed):
        return True
    magnitude = np.abs(computed.astype(np.float64))
    bound = (
        run.bound(result).elementwise
        + 2 * rounding(run.problem.most_terms, magnitude, (), run.problem.dtype).elementwise
    )
    with np.errstate(invalid="ignore"):
        error = np.abs(actual.astype(np.float64) - computed)
    if run.case.whole:  # exact but for divisions, of which a mistake has few
        bound = 4 * rounding(1, magnitude, (), run.problem.dtype).elementwise
    return bool(np.all((error <= bound) | (np.isnan(actual) & np.isnan(computed))))


def _factor(result: str, runs: Sequence[Run]) -> str:
    """A constant that the result is multiplied by, the same in all cases or the same function of the problem."""
    ratios = []
    for run in runs:
        actual, right = (np.asarray(a, np.float64).ravel() for a in (_actual(result, run), _right(result, run)))
        at = right != 0
        if not at.any() or np.any(actual[~at] != 0):
            return ""
        quotients = actual[at] / right[at]
        if not np.all(np.isfinite(quotients)) or np.ptp(quotients) > 1e-3 * abs(quotients[0]):
            return ""
        ratios.append(float(np.median(quotients)))
    for words, of in _FACTORS.items():
        values = [of(run.problem) for run in runs]
        if len(set(values)) > 1 and all(abs(r * v - 1) < 1e-3 for r, v in zip(ratios, values, strict=True)):
            return f"It is divided by {words}."
        if len(set(values)) > 1 and all(abs(r / v - 1) < 1e-3 for r, v in zip(ratios, values, strict=True)):
            return f"It is multiplied by {words}."
    if len(ratios) > 1 and np.ptp(ratios) <= 1e-3 * abs(ratios[0]) and isfinite(ratios[0]):
        return f"It is {_number(ratios[0])} times what it should be, in every case."
    return ""


_FACTORS: dict[str, Callable[[Problem], int]] = {
    "the number of samples": lambda problem: max(1, _shape(problem)[0]),
    "the number of positions": lambda problem: max(1, prod(_shape(problem)[2:])),
    "the number of samples and positions": lambda problem: max(1, _shape(problem)[0] * prod(_shape(problem)[2:])),
    "the number of elements": lambda problem: max(1, prod(_shape(problem))),
}


def _shape(problem: Problem) -> tuple[int, ...]:
    return problem.shape("y") or problem.shape(problem.op.inputs[0])


def _number(value: float) -> str:
    fraction = Fraction(value).limit_denominator(64)
    return str(fraction) if abs(float(fraction) - value) < 1e-3 * abs(value) else f"{value:.4g}"


def _parameters(broken: Sequence[Problem], right: Sequence[Problem]) -> str:
    """The first parameter of which some values are always wrong where the others are always right."""
    for name in broken[0].parameters if broken and right else ():
        wrong, fine = ({_value(p.parameters[name]) for p in problems} for problems in (broken, right))
        if not wrong & fine:
            return f"right for {name} {_listed(fine)}, wrong for {_listed(wrong)}"
    return ""


def _is_empty(problem: Problem) -> bool:
    """Whether there is nothing that could be wrong."""
    return any(shape is not None and 0 in shape for shape in problem.shapes.values())


def _value(value: object) -> str:
    """One value for all axes is written once."""
    entries = dict.fromkeys(value) if isinstance(value, tuple) else {value: None}
    return as_text(next(iter(entries))) if len(entries) == 1 else as_text(value)


def _listed(values: Iterable[str]) -> str:
    ordered = sorted(values)
    return " and ".join(filter(None, [", ".join(ordered[:-1][:4]), ordered[-1]])) if len(ordered) <= 5 else "others"


def _elements(result: str, runs: Sequence[Run]) -> str:
    """The smallest slice along one axis, counted from either end, that covers the wrong elements in all cases."""
    found: Mapping[str, None] | None = None
    for run in runs:
        actual, right = (np.asarray(a, np.float64) for a in (_actual(result, run), _right(result, run)))
        with np.errstate(invalid="ignore"):
            wrong = ~(np.abs(actual - right) <= run.bound(result).elementwise)
        if not wrong.any() or wrong.size == 1:
            continue
        here = dict.fromkeys(_slices(wrong))
        found = here if found is None else {words: None for words in found if words in here}
    return next(iter(found), "") if found else ""


def _slices(wrong: Array) -> Iterator[str]:
    """Along which axis the wrong elements have one index only, from the beginning or from the end."""
    for axis in range(wrong.ndim):
        at = np.flatnonzero(wrong.any(tuple(i for i in range(wrong.ndim) if i != axis)))
        if len(at) == 1 and wrong.shape[axis] > 1:
            if at[0] == wrong.shape[axis] - 1:
                yield f"only the last index along axis {axis} is wrong"
            yield f"only index {at[0]} along axis {axis} is wrong"
