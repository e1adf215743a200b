"""More cases in which few terms count, or that are wide, where a short run has so few that they may be open by chance.

A sum that is a term short leaves cases in which few terms count open (signature/places.py), and right code leaves some: of
four, none decided would be no reason to doubt it (decisions.py). Of wide ones, half of which are of that sort, code that
stores results on the way leaves a few in ten, and more than half of them have to be decided. So a run that has fewer than
`FULL` of a kind (`FULL_OF_WIDE`), of which less than is usual were decided, goes on with cases of that kind until it has so
many, or enough of them are decided. A part of a run, and one that time ends, does not: what they have is counted as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from checks.cases.search import Stopped
from checks.cases.series import Series
from checks.cases.wide import WIDE
from checks.op import Problem
from checks.signature.places import CONCENTRATED
from checks.verdict.decisions import by_kind, kind_of
from checks.verdict.report import Verdict
from checks.verdict.tried import Tried

LOOKED_AT = 400  # problems at most, of which those that are of such a kind are tried

Visit = Callable[[Problem], None]


def further(tried: Tried, series: Series) -> None:
    """Try cases that come after those of a run which are of a doubtful kind, until none is, or something is wrong."""
    tried.trips = False
    if not tried.decisions.deciding:  # no law is asked that more cases could make up any mind
        return

    def of(kinds: Sequence[str]) -> Visit:
        def visit(problem: Problem) -> None:
            counted = by_kind(tried.decisions.counted)
            doubtful = {(d.result, d.kind) for d in counted if d.doubtful and d.kind in kinds}
            if not doubtful or any(f.verdict is Verdict.BROKEN for f in tried.findings):
                raise Stopped
            results = ("y", *(f"grad_{name}" for name in problem.present))
            if not doubtful.isdisjoint((result, kind_of(problem, result)) for result in results):
                tried.add(problem)
                tried.settle(wait=True)

        return visit

    series.go_on(of(CONCENTRATED), LOOKED_AT)
    series.go_on_wide(of([WIDE]), LOOKED_AT)  # many of which may not be supported
