"""What was done to a gradient that is wrong: beside slopes, one for each element, where there are not too many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from checks.cases.search import Stopped
from checks.diagnosis.changes import Pair, change
from checks.functions import fitted
from checks.functions.corners import TOGETHER
from checks.functions.elements import Places
from checks.op import Problem
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import Crashed, Malformed, Unsupported
from checks.trials.trial import Trial
from checks.verdict.report import Finding, Verdict
from checks.verdict.tried import Tried

MOST_PROBED = 300  # elements whose gradient is worked out one by one, to say what is wrong with it


def explained(failure: Finding, tried: Tried, places: Places, judged: Implementation) -> Finding:
    """The failure with the worst element, and what was done to the right gradient, where that can be worked out."""
    name = failure.result.removeprefix("grad_")
    if failure.crashed or name not in failure.problem.present or failure.law == "contract" or failure.note == TOGETHER:
        return failure
    if int(np.prod(failure.problem.shape(name))) > MOST_PROBED:
        return failure
    wrong = [f.problem for f in tried.findings if f.verdict is Verdict.BROKEN and f.result == failure.result]
    wrong = [problem for problem in wrong if int(np.prod(problem.shape(name))) <= MOST_PROBED]
    try:
        with np.errstate(all="ignore"):
            pairs = [_probed(judged, places, problem, name) for problem in (failure.problem, *wrong[:3])]
    except (Crashed, Malformed, Unsupported, Stopped):
        return failure
    if any(not np.all(np.isfinite(p.base)) for p in pairs):
        return failure
    off = np.abs(pairs[0].actual - pairs[0].base) - pairs[0].bound
    at = tuple(map(int, np.unravel_index(int(np.argmax(off)), off.shape)))
    if not off[at] > 0:
        return failure
    done = change(pairs)
    return replace(
        failure,
        explanation=f"It is the right one {done}." if done else "",
        index=at or None,
        actual=float(pairs[0].actual[at]),
        expected=float(pairs[0].base[at]),
        error=float(off[at] + pairs[0].bound[at]),
        bound=float(pairs[0].bound[at]),
    )


def _probed(judged: Implementation, places: Places, problem: Problem, name: str) -> Pair:
    """A gradient beside slopes, one for each element."""
    place = places.of(Trial(problem, judged, Implementation.of(problem.op, problem.op.reference)))
    span = place.spans[name]
    base, bound = np.zeros_like(place.claim), np.zeros_like(place.claim)
    for at in range(span.start, span.stop):
        v = np.zeros_like(base)
        v[at] = place.scale[at]
        slope = place.complex(v) if problem.op.kind.analytic else fitted.real_slope(place, v)
        base[at], bound[at] = slope.value / v[at], slope.doubt / v[at]
    shape = place.run.case.input(name).shape
    return Pair(problem, *(a[span].reshape(shape) for a in (place.claim, base, bound)))
