"""The report as JSON: schema `gradoracle-report/1`, described in docs/report.md.

Within version 1 fields may be added; none is removed or changes its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from checks.algebra.polynomial import Polynomial
from checks.op import Problem
from checks.trials.exhibit import Exhibit, Meetings, Numbers
from checks.verdict.decisions import Decision
from checks.verdict.report import VERDICTS, Finding, Report, Verdict
from checks.verdict.tally import Row
from checks.verdict.where import Elsewhere

SCHEMA, VERSION = "gradoracle-report", 1
WIDTH = 120
MEASURED = ("actual", "expected", "error", "bound")


def render(*reports: Report) -> str:
    """Reports as one JSON document; numbers that JSON has no word for (infinity, NaN) are null, or stand as text."""
    document = {"schema": f"{SCHEMA}/{VERSION}", "reports": [as_data(report) for report in reports]}
    return _laid_out(document) + "\n"


def as_data(report: Report) -> dict[str, Any]:
    """One report as nested dictionaries, lists, strings and finite numbers; load.py reads it again."""
    counts = report.counts
    return {
        "op": report.op.name,
        "implementation": report.implementation,
        "dtype": report.dtype,
        "verdict": VERDICTS[report.exit_code],
        "exit_code": report.exit_code,
        "interrupted": report.interrupted,
        "seed": report.seed,
        "examples": report.examples,
        "budget": report.budget,
        "first_call": report.first_call,
        "pinned": _plain(report.pinned),
        "cases": report.cases,
        "checks": report.checks,
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
        "inputs": list(report.op.inputs),
        "is_reference": report.is_reference,
        "spec": report.spec,
        "again": report.again,
        "tally": [_row(row) for row in report.tally.rows],
        "misses": list(report.misses),
        "repeated": report.repeated,
        "meetings": None if report.meetings is None else _meetings(report.meetings),
        "assumed": list(report.assumed),
        "offers": list(report.offers),
        "elsewhere": [_elsewhere(one) for one in report.elsewhere],
        "decisive": report.decisive,
        "shards": {"tried": list(report.shards), "of": report.of_shards},
        "decided": [_decision(decision) for decision in report.decisions],
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {"result": decision.result, "kind": decision.kind, "decided": decision.decided, "cases": decision.cases}


def _law(report: Report, law: str) -> dict[str, Any]:
    tally = report.tally.of(law)
    counts = tally.counts
    return {
        "law": law,
        **{verdict.value: counts[verdict] for verdict in Verdict},
        "normwise": tally.normwise,
        "worst_share": _finite(tally.worst),
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "law": row.law,
        "result": row.result,
        "verdict": row.verdict.value,
        "crashed": row.crashed,
        "count": row.count,
        "normwise": row.normwise,
        "worst": _exactly(row.worst),
        "sees": None if row.sees is None else _exactly(row.sees),
        "notes": dict(row.notes),
        "conventions": dict(row.conventions),
    }


def _elsewhere(one: Elsewhere) -> dict[str, Any]:
    return {"judged": one.judged, "raised": one.raised, "at": one.at, "refused": one.refused}


def _finding(finding: Finding) -> dict[str, Any]:
    measured = {name: getattr(finding, name) for name in MEASURED}
    return {
        "law": finding.law,
        "result": finding.result,
        "verdict": finding.verdict.value,
        "index": None if finding.index is None else list(finding.index),
        **{name: _finite(value) for name, value in measured.items()},
        "not_finite": {
            n: _exactly(value) for n, value in measured.items() if value is not None and not isfinite(value)
        },
        "sees": None if finding.sees is None else _exactly(finding.sees),
        "normwise": finding.normwise,
        "crashed": finding.crashed,
        "frames": list(finding.frames),
        "note": finding.note,
        "convention": finding.convention,
        "mistake": finding.mistake,
        "explanation": finding.explanation,
        "source": finding.source,
        "where": finding.where,
        "sizes": [{"label": s.label, "right": list(s.right), "wrong": list(s.wrong)} for s in finding.sizes],
        "formula": {"yours": finding.yours, "right": finding.right, "letters": list(finding.letters)},
        "case": _case(finding.problem),
        "exhibit": None if finding.exhibit is None else _exhibit(finding.exhibit),
        "meetings": None if finding.meetings is None else _meetings(finding.meetings),
    }


def _case(problem: Problem) -> dict[str, Any]:
    return {
        "shapes": _plain(problem.shapes),
        "parameters": _plain(problem.parameters),
        "dtype": problem.dtype,
        "seed": problem.seed,
        "small": problem.small,
        "exponents": dict(problem.exponents),
        "kind": problem.kind,
        "options": _plain(problem.pins),
    }


def _exhibit(exhibit: Exhibit) -> dict[str, Any]:
    return {
        "case": _case(exhibit.problem),
        "result": exhibit.result,
        "index": list(exhibit.index),
        "results": {
            name: {"yours": _numbers(r.yours), "right": _numbers(r.right), "allowed": _numbers(r.allowed)}
            for name, r in exhibit.results.items()
        },
    }


def _numbers(array: Numbers) -> dict[str, Any]:
    return {"shape": list(array.shape), "values": [_exactly(value) for value in array.values]}


def _meetings(meetings: Meetings) -> dict[str, Any]:
    return {
        "case": _case(meetings.problem),
        "result": meetings.result,
        "index": list(meetings.index),
        "formulas": [[list(index), _polynomial(formula)] for index, formula in meetings.formulas.items()],
        "yours": None if meetings.yours is None else _polynomial(meetings.yours),
    }


def _polynomial(polynomial: Polynomial) -> list[Any]:
    return [
        [str(coefficient), [[name, list(index)] for name, index in product]]
        for product, coefficient in polynomial.terms.items()
    ]


def _finite(value: float | None) -> float | None:
    return None if value is None or not isfinite(value) else value


def _exactly(value: float) -> float | str:
    """The number, or the word for it where JSON has none: "inf", "-inf", "nan"."""
    return value if isfinite(value) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value


def _laid_out(value: Any, indent: str = "") -> str:
    """JSON with a line for each entry, where all of them do not fit on one; long arrays of numbers stay on one."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    inner = indent + "  "
    if len(indent) + len(line) <= WIDTH or not ("{" in line or "[[" in line):
        return line
    if isinstance(value, dict):
        entries = [f"{json.dumps(name, ensure_ascii=False)}: {_laid_out(v, inner)}" for name, v in value.items()]
    elif isinstance(value, list):
        entries = [_laid_out(v, inner) for v in value]
    else:
        return line
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    separator = f",\n{inner}"
    return f"{opened}\n{inner}{separator.join(entries)}\n{indent}{closed}"
