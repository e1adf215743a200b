"""Failures that are known: a TOML file of them, matched exactly, each with a reason.

    [[known]]
    op = "conv"
    law = "exact"
    gradient = "grad_weight"       # or "y", "behaviour", "crash": the result that is wrong
    condition = "dilation > 1"     # optional: a parameter, or what the report counts as tried; several joined by "and"
    reason = "no dilated backward before version 9.1"
    link = "https://…"             # optional

A condition holds if it does along one axis. What is known is counted and no failure; an entry that matches nothing is one.
"""

from __future__ import annotations

import operator
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks import ops
from checks.cases.drawing import problem
from checks.op import Op, Problem
from checks.signature.drawing import Simplest
from checks.verdict.report import Finding, Report, Verdict

CRASH = "crash"
NEEDED, OPTIONAL = ("op", "law", "gradient", "reason"), ("condition", "link")
COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
NAME = re.compile(r"grad_\w+")
TERM = re.compile(r"\s*(?P<name>\w[\w ]*?)\s*(?P<comparison>==|!=|<=|>=|<|>)\s*(?P<value>\w+)\s*")


@dataclass(frozen=True)
class Known:
    """One entry: which findings are known to be broken, and why."""

    op: str
    law: str
    gradient: str
    reason: str
    condition: str = ""
    link: str = ""

    def __str__(self) -> str:
        return f"{self.op}, {self.law}, {self.gradient}" + (f", {self.condition}" if self.condition else "")

    def matches(self, finding: Finding) -> bool:
        """Whether this is what is known, or a sum with it in it: what else is wrong in a sum is found by itself."""
        results = {CRASH} if finding.crashed else {finding.result, *NAME.findall(finding.result)}
        about = (finding.problem.op.name, finding.law) == (self.op, self.law) and self.gradient in results
        return about and _holds(self.condition, finding.problem)


def load(path: Path, laws: Iterable[str]) -> tuple[Known, ...]:
    """The entries of a file; raises ValueError, in one sentence that names the entry, for any that makes no sense."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path} is no TOML: {error}") from error
    for key in table:
        if key != "known":
            raise ValueError(f"{path} has {key!r}; expected entries that begin with [[known]]")
    entries: list[Known] = []
    for number, given in enumerate(table.get("known", ()), start=1):
        try:
            entry = _entry(given, tuple(laws))
        except ValueError as error:
            raise ValueError(f"{path}, entry {number}: {error}") from error
        if any(_same(entry, other) for other in entries):
            raise ValueError(f"{path}, entry {number}: {entry} stands there twice")
        entries.append(entry)
    return tuple(entries)


def unmatched(entries: Iterable[Known], report: Report) -> list[Known]:
    """The entries about the op and the laws of a run that match nothing that is broken in it."""
    known = [f for f in report.findings if f.verdict is Verdict.KNOWN]
    asked = [e for e in entries if e.op == report.op.name and e.law in report.laws]
    return [entry for entry in asked if not any(map(entry.matches, known))]


def as_toml(reports: Sequence[Report]) -> str:
    """An entry for all that is broken, with an empty reason: somebody has to write that."""
    lines = ["# Each reason is to be written: an empty one is refused."]
    for report in reports:
        broken = [f for f in report.findings if f.verdict is Verdict.BROKEN and (f.crashed or " " not in f.result)]
        for law, result in dict.fromkeys((f.law, CRASH if f.crashed else f.result) for f in broken):
            found = {f.mistake for f in report.failures if f.result == result and f.mistake}
            values = {"op": report.op.name, "law": law, "gradient": result, "reason": ""}
            lines += ["", *(f"# {mistake}" for mistake in sorted(found)), "[[known]]"]
            lines += [f'{key} = "{value}"' for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _entry(given: Mapping[str, Any], laws: Sequence[str]) -> Known:
    for key, value in given.items():
        if key not in (*NEEDED, *OPTIONAL):
            raise ValueError(f"there is no {key!r}; {ops.suggestion(key, [*NEEDED, *OPTIONAL])}")
        if not isinstance(value, str):
            raise ValueError(f"{key} is {value!r}; expected a text")  # noqa: TRY004, the file is wrong, not a call
    for key in NEEDED:
        if key not in given:
            raise ValueError(f"{key} is missing")
    if not given["reason"].strip():
        raise ValueError("reason is empty; say why this is known to fail")
    op = ops.find(given["op"])
    if given["law"] not in laws:
        raise ValueError(f"there is no law {given['law']!r}; {ops.suggestion(given['law'], list(laws))}")
    results = ["y", *(f"grad_{name}" for name in op.takes.differentiable), "behaviour", CRASH]
    if given["gradient"] not in results:
        raise ValueError(f"{op.name} has no {given['gradient']!r}; {ops.suggestion(given['gradient'], results)}")
    _check_condition(op, given.get("condition", ""))
    return Known(**given)


def _same(one: Known, other: Known) -> bool:
    return (one.op, one.law, one.gradient, one.condition) == (other.op, other.law, other.gradient, other.condition)


def _terms(condition: str) -> list[re.Match[str]]:
    """The comparisons that are joined by "and"; raises ValueError if one is none."""
    terms = []
    for text in condition.split(" and ") if condition else ():
        term = TERM.fullmatch(text)
        if term is None:
            raise ValueError(f"condition {condition!r} is none; expected such as 'dilation > 1 and flip == False'")
        terms.append(term)
    return terms


def _check_condition(op: Op, condition: str) -> None:
    labels = [*op.takes.defaults, *_labels(op)]
    for term in _terms(condition):
        if term["name"] not in labels:
            raise ValueError(f"{op.name} has no {term['name']!r}; {ops.suggestion(term['name'], labels)}")


def _labels(op: Op) -> list[str]:
    """What the report of this op counts as tried."""
    return list(problem(Simplest(), op, {}, "float64").tried)


def _holds(condition: str, problem: Problem) -> bool:
    tried = problem.tried
    for term in _terms(condition):
        own = problem.parameters.get(term["name"])
        values = tried.get(term["name"], ()) if own is None else own if isinstance(own, tuple) else (own,)
        if not any(_compares(value, term["comparison"], term["value"]) for value in values):
            return False
    return True


def _compares(value: object, comparison: str, text: str) -> bool:
    """Numbers as numbers, everything else as text."""
    if text.isdigit() and isinstance(value, int | float) and not isinstance(value, bool):
        return bool(COMPARISONS[comparison](value, int(text)))
    return comparison in {"==", "!="} and bool(COMPARISONS[comparison](str(value), text))
