"""More cases in which few terms count, where a short run has so few of a kind that all of them may be open by chance.

A sum that is a term short leaves such cases open (signature/places.py), and right code leaves some: of four, none decided
would be no reason to doubt it (decisions.py). So a run that has fewer than `FULL` of a kind, of which less than is usual
were decided, goes on with cases of that kind until it has so many, or enough of them are decided. A part of a run, and one
that time ends, does not: what they have is counted as it is.
"""

from __future__ import annotations

from collections.abc import Callable

from checks.cases.search import Stopped
from checks.op import Problem
from checks.verdict.decisions import by_kind, kind_of
from checks.verdict.report import Verdict
from checks.verdict.tried import Tried

LOOKED_AT = 400  # problems at most, of which those that are of such a kind are tried

Visit = Callable[[Problem], None]


def further(tried: Tried, go_on: Callable[[Visit, int], None]) -> None:
    """Try those of the problems that are visited which are of a doubtful kind, until none is, or something is wrong.

    go_on  visits so many problems, one after the other, unless a visit raises Stopped
    """
    tried.trips = False

    def visit(problem: Problem) -> None:
        doubtful = {(d.result, d.kind) for d in by_kind(tried.decisions.counted) if d.doubtful}
        if not doubtful or any(f.verdict is Verdict.BROKEN for f in tried.findings):
            raise Stopped
        results = ("y", *(f"grad_{name}" for name in problem.present))
        if not doubtful.isdisjoint((result, kind_of(problem, result)) for result in results):
            tried.add(problem)
            tried.settle(wait=True)

    go_on(visit, LOOKED_AT)
