"""What is wrong, told on the smallest case that shows it, and with the mistake behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np

from checks.cases.search import Failed, Stopped
from checks.cases.series import Series
from checks.diagnosis.illustration import illustrated
from checks.diagnosis.naming import diagnose
from checks.diagnosis.seen import is_empty
from checks.laws import Law, contract
from checks.op import Problem
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import Crashed, Malformed, Unsupported
from checks.verdict.eager import compared
from checks.verdict.report import Finding, Verdict
from checks.verdict.tried import Tried

DRAWS = 3  # of small numbers, until a failure shows on them
PAST = "It depends on what was called before (see behaviour), so no single case tells more."


def explained(tried: Tried, series: Series) -> tuple[Finding, ...]:
    """What is wrong, each told with its mistake, and in what a compiled one differs from the eager one."""
    tried.drop_echoes()
    failures = tuple(smallest(tried, series))
    if series.interrupted:  # Ctrl-C ends that too
        return failures
    return tuple(compared([_explained(failure, tried) for failure in failures], tried))


def smallest(tried: Tried, series: Series | None) -> Iterable[Finding]:
    """For each result that is broken, the finding of the sharpest law that broke it, on the smallest case there is.

    A law that holds takes nothing back of what another says is broken. `exact` speaks of whole numbers, `finite_difference`
    of another cotangent; `agreement` rests on the reference, of which the laws after it are the proof: where what is judged
    is the reference, it compares that with itself.

    series  what simpler cases are drawn as; None: there are none
    """
    broken = [f for f in tried.findings if f.verdict is Verdict.BROKEN]
    if any(f.result == "y" for f in broken):  # then what compares with the implementation's own y accuses nobody else
        broken = [f for f in broken if not getattr(tried.laws[f.law], "OWN_FORWARD", False)]
    for result in _worst_first(broken, tried):
        names = [name for name in tried.laws if any(f.law == name and f.result == result for f in broken)]
        if _is_combined(result) and any(not _is_combined(f.result) for f in broken):
            continue  # the parts of a sum are named by other findings
        law = {names[0]: tried.laws[names[0]]}
        fails = [f for f in broken if f.law == names[0] and f.result == result]
        empty = all(is_empty(f.problem) for f in fails)  # else what goes wrong without samples hides what goes wrong
        smallest = min((f for f in fails if empty or not is_empty(f.problem)), key=_size)
        for finding in _shrunk(law, smallest, tried, series, empty=empty):
            if _size(finding) <= _size(smallest):
                smallest = finding
        stopped = series is not None and series.interrupted  # by Ctrl-C: then nothing more is called
        yield smallest if stopped else tried.located(_readable(smallest, law, tried))


def _worst_first(broken: list[Finding], tried: Tried) -> list[str]:
    """The results that are broken: what never came, then y, what a caller cannot rely on, and by how often it is wrong."""
    asked = Counter(f.result for f in tried.findings)
    wrong = Counter(f.result for f in broken)
    past = {f.result for f in broken if contract.depends_on_the_past(f)}
    order = ["", "y", *past]
    return sorted(wrong, key=lambda r: (order.index(r) if r in order else len(order), -wrong[r] / asked[r]))


def _explained(failure: Finding, tried: Tried) -> Finding:
    """The failure with the mistake behind it and its pictures, where they can be told."""
    if any(contract.depends_on_the_past(f) for f in tried.findings if f.verdict is Verdict.BROKEN):
        return failure if failure.result == "behaviour" else replace(failure, explanation=PAST)
    if failure.crashed or failure.result not in {"y", *(f"grad_{name}" for name in failure.problem.present)}:
        return failure
    reference = Implementation.of(failure.problem.op, failure.problem.op.reference)
    same = [f for f in tried.findings if (f.law, f.result) == (failure.law, failure.result)]
    broken = [f.problem for f in same if f.verdict is Verdict.BROKEN]
    # Where it fails elsewhere too, which other findings say, this one keeps what has been told of it.
    with np.errstate(all="ignore"), suppress(Crashed, Malformed, Unsupported, Stopped):
        failure = replace(failure, **vars(diagnose(failure, tried.findings, tried.implementation, reference)))
        failure = illustrated(failure, broken, tried.implementation, reference)
    return failure


def _readable(finding: Finding, law: Mapping[str, Law], tried: Tried) -> Finding:
    """The same on small whole numbers, whose products are checked in one's head, if it fails on some of those too."""
    problem = finding.problem
    if problem.small or finding.crashed:
        return finding
    for seed in range(problem.seed, problem.seed + DRAWS):
        try:
            found = tried.ask(law, replace(problem, small=True, exponents={}, seed=seed))
        except (Unsupported, Stopped):  # Stopped: its process ended too often to be started again
            break
        for other in found:
            if other.verdict is Verdict.BROKEN and other.result == finding.result and not other.crashed:
                return other
    return finding


def _shrunk(
    law: Mapping[str, Law], found: Finding, tried: Tried, series: Series | None, *, empty: bool
) -> list[Finding]:
    """Findings of this law on this result while Hypothesis shrinks, in order; `empty`: of what has no elements too.

    Where nothing that it draws fails, problems with the parameters of what was found are drawn.
    """
    seen: list[Finding] = []

    def visit(problem: Problem) -> None:
        if is_empty(problem) and not empty:
            return
        try:
            asked = tried.ask(law, problem)
        except Unsupported:
            return
        fits = [f for f in asked if f.verdict is Verdict.BROKEN and f.result == found.result]
        seen.extend(fits)
        if fits:
            raise Failed

    for near in (None, found.problem):
        if series and not seen and not series.interrupted:  # Ctrl-C ends it too, with what was found so far
            series.shrink(visit, near)
    return seen


def _size(finding: Finding) -> tuple[int, int, float]:
    problem = finding.problem
    unusual = sum(value != problem.op.takes.defaults[name] for name, value in problem.parameters.items())
    return problem.elements, unusual, abs(finding.expected or 0.0)


def _is_combined(result: str) -> bool:
    return " + " in result or "=" in result
