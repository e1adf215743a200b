"""The judge: decides whether an implementation's gradients are right, and where they are not."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from checks import ops
from checks.cases.strategy import cases
from checks.op import Case, Op, Problem
from checks.signature.options import Option
from checks.subjects.adapting.told import adapt
from checks.subjects.names import ours
from checks.verdict.report import Finding, Report, Verdict, shown_by

if TYPE_CHECKING:
    from checks.functions.function import judge_function
    from checks.verdict.judging import judge

__all__ = [
    "Case",
    "Finding",
    "Op",
    "Option",
    "Problem",
    "Report",
    "Verdict",
    "adapt",
    "cases",
    "judge",
    "judge_function",
]

# Loaded when they are first asked for: the process of an implementation, or of a witness, needs none of them.
LATER = {"judge": "checks.verdict.judging", "judge_function": "checks.functions.function"}


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with ours:
        return getattr(import_module(LATER[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _printed(report: Report) -> str:
    with ours:
        from checks.render import terminal
    return terminal.render(report)


def _framed(report: Report) -> str:
    with ours:
        from checks.render import html
    return html.framed(report)


shown_by(_printed, _framed)
ops.loaded_within(ours)
with ours:
    import_module("checks.subjects.loading")  # stands on `reference`, which in the current folder may be a user's
