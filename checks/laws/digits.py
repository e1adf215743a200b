"""Digits are kept where a well-known formula keeps them: in the tails of a function, beside a large mean.

The usual bound allows what every formula in use loses, so it forgives more where formulas differ. There an op keeps cases
of its own (op.Hard), and the bound is that of the formula which loses least. What is beyond it, and is what another
well-known formula loses, is no wrong result but a warning that says so by name: 1 − σ is 0 where σ has reached 1, and
E[x²] − E[x]² is the difference of two numbers far larger than itself. What no formula in use loses is broken, but
for what few bits explain (trials/narrow.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from checks.trials.comparison import compared
from checks.trials.finding import Finding, Verdict
from checks.trials.narrow import excused
from checks.trials.trial import Trial

RANK = 10
MANY = 10  # y that keeps its digits where so many of a gradient's are lost does so by no chance


def check(trial: Trial) -> Iterator[Finding]:
    """One finding on each result of each hard case; none where an array is empty."""
    if not trial.problem.elements or 0 in trial.problem.shape("y"):
        return
    for hard in trial.problem.op.kind.hard:
        run = trial.on(hard.case(trial.problem))
        kept = hard.kept(run.case.widened()) if hard.kept else None
        y_may_lose, y_loses = hard.excused(run.case, "y"), False
        for result, actual, expected in run.results():
            bound = run.reference_bound(result, kept)
            found = compared("digits", result, run, actual, expected, bound)
            y_loses |= result == "y" and found.verdict is Verdict.BROKEN
            if found.verdict is not Verdict.BROKEN:
                yield found
                continue
            lost = hard.excused(run.case, result)
            with np.errstate(invalid="ignore"):
                off = ~(np.abs(np.asarray(actual, np.float64) - expected) <= bound.elementwise)
            if y_may_lose.shape == off.shape and (y_loses or np.sum(off & y_may_lose) < MANY):
                lost = lost | y_may_lose  # what the gradient is computed from may have lost it
            kept_there = np.where(lost, expected, actual)
            others = compared("digits", result, run, kept_there, expected, bound)
            others = excused(others, run, kept_there, expected)
            usual = compared("digits", result, run, actual, expected, run.bound(result))
            if others.verdict is not Verdict.BROKEN and usual.verdict is not Verdict.BROKEN:
                warned = replace(found, verdict=Verdict.WARNING, note=f"{result} {hard.lost}")
                found = warned if np.any(off & lost) else others
            yield found
