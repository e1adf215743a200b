"""More cases in which few terms count, or that are wide, where a short run has so few that they may be open by chance.

A sum that is a term short leaves cases in which few terms count open (signature/places.py), and right code leaves some: of
four, none decided would be no reason to doubt it (decisions.py). Of wide ones, half of which are of that sort, code that
stores results on the way leaves a few in ten, and more than half of them have to be decided. So a run that has fewer than
`FULL` of a kind (`FULL_OF_WIDE`), of which less than is usual were decided, goes on with cases of that kind until it has so
many, or enough of them are decided; and so with what a parameter chooses, of which hardly any was (decisions.py), and with
ordinary cases, of which two of four may be open by chance. A part of a run, and one that time ends, does not: what they
have is counted as it is.
"""

from __future__ import annotations

from collections.abc import Callable

from checks.cases.search import Stopped
from checks.cases.series import Series
from checks.cases.wide import WIDE
from checks.op import Problem
from checks.verdict.decisions import by_choice, by_kind, kinds_of
from checks.verdict.report import Verdict
from checks.verdict.tried import Tried

LOOKED_AT = 400  # problems at most, of which those that are of such a kind are tried

Visit = Callable[[Problem], None]


def further(tried: Tried, series: Series) -> None:
    """Try cases that come after those of a run which are of a doubtful kind, until none is, or something is wrong."""
    tried.trips = False
    if not tried.decisions.deciding:  # no law is asked that more cases could make up any mind
        return

    def of(wanted: Callable[[str], bool]) -> Visit:
        def visit(problem: Problem) -> None:
            counted = tried.decisions.counted
            among = (d for d in (*by_kind(counted), *by_choice(counted)) if wanted(d.kind))
            doubtful = {(d.result, d.kind) for d in among if d.doubtful}
            if not doubtful or any(f.verdict is Verdict.BROKEN for f in tried.findings):
                raise Stopped
            results = ("y", *(f"grad_{name}" for name in problem.present))
            if not doubtful.isdisjoint((result, kind) for result in results for kind in kinds_of(problem, result)):
                tried.add(problem)
                tried.settle(wait=True)

        return visit

    series.go_on(of(lambda kind: kind != WIDE), LOOKED_AT)
    series.go_on_wide(of(lambda kind: kind == WIDE), LOOKED_AT)  # many of which may not be supported
