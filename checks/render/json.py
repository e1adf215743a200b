"""The report as JSON: schema `gradoracle-report/1`, described in docs/report.md.

Within version 1 fields may be added; none is removed or changes its meaning.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from checks.report import Finding, Report, Verdict

SCHEMA = "gradoracle-report/1"


def render(*reports: Report) -> str:
    """Reports as one JSON document; numbers that JSON has no word for (infinity, NaN) are null."""
    document = {"schema": SCHEMA, "reports": [as_data(report) for report in reports]}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_data(report: Report) -> dict[str, Any]:
    """One report as nested dictionaries, lists, strings and finite numbers."""
    counts = report.counts
    return {
        "op": report.op.name,
        "implementation": report.implementation,
        "dtype": report.dtype,
        "verdict": "right" if report else "wrong" if report.exit_code == 1 else "not judged",
        "exit_code": report.exit_code,
        "interrupted": report.interrupted,
        "seed": report.seed,
        "examples": report.examples,
        "pinned": _plain(report.pinned),
        "cases": report.cases,
        "checks": len(report.findings),
        "counts": {verdict.value: counts[verdict] for verdict in Verdict},
        "unsupported": dict(report.unsupported),
        "coverage": _plain(report.coverage),
        "miss": {"every_case": report.miss(), "one_case_of_ten": report.miss(0.1)},
        "unseen_in_one_call_of_ten": report.unseen,
        "conventions": dict(report.conventions),
        "warnings": dict(report.warnings),
        "laws": [_law(report, law) for law in report.laws],
        "failures": [_finding(finding) for finding in report.failures],
        "undecided": [_finding(f) for f in report.findings if f.verdict is Verdict.UNDECIDED],
        "versions": dict(report.versions),
        "seconds": report.seconds,
    }


def _law(report: Report, law: str) -> dict[str, Any]:
    found = [f for f in report.findings if f.law == law]
    return {
        "law": law,
        **{verdict.value: sum(f.verdict is verdict for f in found) for verdict in Verdict},
        "normwise": sum(f.normwise for f in found),
        "worst_share": _finite(max((f.share for f in found if f.verdict is Verdict.HOLDS), default=0.0)),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    problem = finding.problem
    return {
        "law": finding.law,
        "result": finding.result,
        "verdict": finding.verdict.value,
        "index": None if finding.index is None else list(finding.index),
        "actual": _finite(finding.actual),
        "expected": _finite(finding.expected),
        "error": _finite(finding.error),
        "bound": _finite(finding.bound),
        "normwise": finding.normwise,
        "crashed": finding.crashed,
        "note": finding.note,
        "mistake": finding.mistake,
        "explanation": finding.explanation,
        "source": finding.source,
        "where": finding.where,
        "formula": {"yours": finding.yours, "right": finding.right},
        "case": {
            "shapes": _plain(problem.shapes),
            "parameters": _plain(problem.parameters),
            "dtype": problem.dtype,
            "seed": problem.seed,
            "options": _plain(problem.op.pins(problem)),
        },
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not isfinite(value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value
