"""The report of a run over cases that were drawn elsewhere, asked by the laws that decide; nothing is shrunk."""

from __future__ import annotations

from collections.abc import Iterable

from checks.diagnosis.naming import diagnose
from checks.laws import decides, laws
from checks.op import Op, Problem
from checks.subjects.implementation import Implementation, Judged
from checks.verdict.report import Report, Verdict
from checks.verdict.tried import Tried

DECIDING = {name: law for name, law in laws().items() if decides(law)}


def outcome(op: Op, implementation: Judged, problems: Iterable[Problem], dtype: str) -> Report:
    """What is found in these cases: its exit code is that of a run in which they were drawn."""
    tried = Tried(implementation, DECIDING)
    for problem in problems:
        tried.add(problem)
    return report_of(tried, op, implementation, dtype)


def report_of(tried: Tried, op: Op, implementation: Judged, dtype: str) -> Report:
    """The report on what was tried."""
    return tried.report(
        op,
        tried.cases,
        0,
        (),
        implementation=implementation.name,
        is_reference=False,
        dtype=dtype,
        pinned={},
        decisive=True,
    )


def where(report: Report, implementation: Judged, result: str) -> str:
    """Where a result is wrong, as the diagnosis of the smallest case that the sharpest law finds so says; "" if none is."""
    broken = [f for f in report.findings if f.verdict is Verdict.BROKEN and f.result == result]
    if not broken:
        return ""
    law = next(name for name in report.laws if any(f.law == name for f in broken))
    smallest = min((f for f in broken if f.law == law), key=lambda f: f.problem.elements)
    reference = Implementation.of(report.op, report.op.reference)
    return diagnose(smallest, report.findings, implementation, reference).where
