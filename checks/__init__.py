"""The judge: decides whether an implementation's gradients are right, and where they are not."""

from __future__ import annotations

from checks import ops
from checks.cases.strategy import cases
from checks.functions.function import judge_function
from checks.op import Case, Op, Problem
from checks.render import terminal
from checks.signature.options import Option
from checks.subjects.names import ours
from checks.verdict.judging import judge
from checks.verdict.report import Finding, Report, Verdict, printed_by

printed_by(terminal.render)
ops.loaded_within(ours)

__all__ = ["Case", "Finding", "Op", "Option", "Problem", "Report", "Verdict", "cases", "judge", "judge_function"]
