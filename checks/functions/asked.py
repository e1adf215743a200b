"""The laws that are asked of a function: those that need no reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from checks.functions import promises
from checks.functions.coverage import CENTRAL, COMPLEX, seeing
from checks.functions.domain import within
from checks.functions.elements import Elements, Places
from checks.functions.measured import Measuring
from checks.functions.narrow import Narrow
from checks.laws import Law, linearity
from checks.numbers.bounds import Bound, unit_roundoff
from checks.numbers.precision import ACCUMULATORS, Array
from checks.op import Op
from checks.trials.comparison import compared
from checks.trials.trial import Run, Trial
from checks.verdict.report import Finding, Verdict

CONSTANTS = 8  # how much more of what was measured, and of what y is off by, a gradient may be off by
OTHER = "y is further from what it is in float64 than its rounding explains"
BESIDE = 8  # places beside, and how many roundings off they are


def laws_of(
    op: Op, dtype: str, places: Places, alone: Callable[[str, int], int], measuring: Callable[[], Measuring]
) -> dict[str, Law]:
    """Those that need no reference."""
    found: dict[str, Any] = {}
    if places.dtype != dtype:
        found["agreement"] = Narrow(places.measuring, dtype) if dtype in ACCUMULATORS else Precision(measuring)
    if op.kind.analytic:
        found[COMPLEX] = Elements(COMPLEX, places, partial(alone, COMPLEX))
    central = (lambda count: 0) if op.kind.analytic else partial(alone, CENTRAL)  # noqa: ARG005, of however many
    found[CENTRAL] = Elements(CENTRAL, places, central, witness=op.kind.analytic)
    return {**found, "linearity": Linearity(), "contract": promises.Promises(places.turn)}


@dataclass(frozen=True)
class Precision:
    """In the precision of the inputs y and the gradients are what they are in float64, but for rounding.

    No one knows the terms, of which there may be as many as numbers that are passed: a bound that a hundredth of an element
    hides in. So gradients are held to how unsteady they are seen to be in this precision (measured.py), together with
    what no measurement shows: constants that were rounded once, of which y says by how much.
    """

    measuring: Callable[[], Measuring]
    RANK: int = 3

    def check(self, trial: Trial) -> Iterator[Finding]:
        """Compare y and each gradient with what they are in float64."""
        within(trial)
        run, wide = trial.real, trial.real.case.widened()
        expected = {"y": run.implementation.forward(wide), **run.implementation.backward(wide)}
        for name, actual in {"y": run.y, **run.gradients}.items():
            result = name if name == "y" else f"grad_{name}"
            limit = self._unsteady(run, name, expected["y"])
            bound = run.bound(result) if name == "y" else Bound(limit, limit)
            mean = float(np.mean(np.abs(expected[name]))) if actual.size else 0.0
            share = float(np.max(bound.elementwise, initial=0.0)) / mean if mean else float(np.inf)
            found = compared("agreement", result, run, actual, expected[name], bound)
            if found.verdict is Verdict.BROKEN and name != "y":
                found = compared("agreement", result, run, actual, self._beside(run, name, actual), bound)
            if found.verdict is Verdict.BROKEN and name == "y":
                # It is what is given, and its gradients are judged as those of what it is.
                found = replace(found, verdict=Verdict.WARNING, note=OTHER)
            yield seeing(found, share)

    def _beside(self, run: Run, name: str, actual: Array) -> Array:
        """What is nearest of the gradients in float64 a few roundings around: over a kink these jump."""
        case, rng = run.case.widened(), run.problem.rng(BESIDE)
        found = [run.implementation.backward(case)[name]]
        for _ in range(BESIDE):
            other = case
            for one in run.gradients:
                a = case.input(one)
                step = BESIDE * unit_roundoff(run.problem.dtype) * np.max(np.abs(a), initial=0.0)
                other = other.with_input(one, a + step * rng.uniform(-1, 1, a.shape))
            found.append(run.implementation.backward(other)[name])
        return np.clip(np.asarray(actual, np.float64), np.min(found, axis=0), np.max(found, axis=0))

    def _unsteady(self, run: Run, name: str, y: Array) -> Array:
        """How far each element may be off, by what was measured."""
        measured = self.measuring().of(run.case)
        u, of_y = unit_roundoff(run.problem.dtype), measured["y"]
        beside = np.abs(np.asarray(run.y, np.float64) - y) / np.where(of_y.size > 0, of_y.size, 1.0)
        constants = CONSTANTS * (u + float(np.max(beside, initial=0.0)))
        return np.asarray(CONSTANTS * measured[name].unsteady + constants * measured[name].size)


@dataclass(frozen=True)
class Linearity:
    """The law, where y is finite."""

    RANK: int = linearity.RANK

    def check(self, trial: Trial) -> Iterator[Finding]:
        """Ask for it within the domain."""
        within(trial)
        yield from linearity.check(trial)
