"""The judge: decides whether an implementation's gradients are right, and where they are not."""

from __future__ import annotations

from checks.function import judge_function
from checks.op import Case, Op, Option, Problem
from checks.report import Finding, Report, Verdict
from checks.strategy import cases
from checks.verdict import judge

__all__ = ["Case", "Finding", "Op", "Option", "Problem", "Report", "Verdict", "cases", "judge", "judge_function"]
