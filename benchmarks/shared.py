"""Exit codes of many implementations on the same cases: what is true there, and the bounds, are computed once for all.

The code is that of outcome.py. What a Run knows that does not depend on who is judged goes from one run to the next, of
the draws by which rounding is told from a factor (trials/sides.py) too. What is wrong in one case is wrong in all of them
together, so the others are not tried then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import inf
from time import process_time
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.outcome import DECIDING, report_of
from benchmarks.sharpness import OWN
from checks.cases.series import Series
from checks.numbers.precision import Array
from checks.op import Case, Op, Problem
from checks.subjects.implementation import Judged
from checks.trials import sides
from checks.trials.finding import Finding
from checks.trials.trial import Run, Trial
from checks.trials.witness import Refused, Testimony, testimony
from checks.verdict.further import further
from checks.verdict.report import WRONG
from checks.verdict.tried import Tried

ROOM = 1 << 21  # numbers in the cases of which something is kept, at most: twenty arrays of each case make 300 MB

Key = tuple[str, bool]  # of a problem, and whether its numbers are whole


@dataclass
class Shared:
    """Cases of an op on which one implementation after the other is judged.

    series  has more cases, where these are too few of a kind (verdict/further.py)
    """

    op: Op
    problems: list[Problem]
    dtype: str
    series: Series | None = None
    known: dict[Key, dict[str, Any]] = field(default_factory=dict)
    said: dict[str, Testimony | Refused] = field(default_factory=dict)
    room: int = ROOM

    def exit_code(self, implementation: Judged, until: float = inf) -> int | None:
        """Of a run that tries these cases, or stops where one is wrong; None where `process_time` says that it is late."""
        wrong: list[Finding] = []
        tried = Sharing(self, implementation, wrong)
        with patch.object(sides, "_drawn", self.drawn):
            for problem in self.problems:
                if process_time() > until:
                    return None
                tried.add(problem)
                tried.settle(wait=True)
                for run in tried.met:
                    self.keep(run)
                if any(not finding.crashed for finding in wrong):
                    return WRONG
            if self.series is not None:
                further(tried, self.series)
        return report_of(tried, self.op, implementation, self.dtype).exit_code

    def drawn(self, run: Run, result: str) -> Iterator[tuple[Run, Array, Array]]:
        """As sides._drawn, of what was drawn before if there was room to keep it."""
        for redraw in range(sides.REDRAWS):
            problem = replace(run.problem, seed=run.problem.seed + redraw)
            other = replace(run, problem=problem, case=self._case(problem))
            self.recall(other)
            actual, expected = other.result(result)
            yield other, np.asarray(actual, np.float64), np.asarray(expected, np.float64)
            self.keep(other)

    def of(self, problem: Problem) -> Testimony:
        """What torch says of a problem, as a Witness."""
        if problem.identity not in self.said:
            try:
                self.said[problem.identity] = testimony(problem)
            except Refused as refusal:
                self.said[problem.identity] = refusal
        said = self.said[problem.identity]
        if isinstance(said, Refused):
            raise said
        return said

    def summon(self, problem: Problem) -> None:
        """Nothing is begun before it is asked for."""

    def is_ready(self, problem: Problem) -> bool:  # noqa: ARG002, as Witness has it
        """Always: there is nobody else to wait for."""
        return True

    def recall(self, run: Run) -> None:
        """Let a run know what was found of its case before."""
        run.__dict__.update(self.known.get(_key(run), {}))

    def keep(self, run: Run) -> None:
        """Remember what a run has found of its case, if there is room."""
        if _key(run) not in self.known:
            if self.room < run.problem.elements:
                return
            self.room -= run.problem.elements
        self.known[_key(run)] = {name: what for name, what in run.__dict__.items() if name not in OWN}

    def _case(self, problem: Problem) -> Case:
        known = self.known.get((problem.identity, False))
        return known["case"] if known else problem.reals()


class Sharing(Tried):
    """What has been tried of one of those who share."""

    def __init__(self, shared: Shared, implementation: Judged, wrong: list[Finding]) -> None:
        super().__init__(implementation, DECIDING, witness=shared, first=wrong.append)
        self.shared = shared
        self.met: list[Run] = []

    def trial(self, problem: Problem) -> Trial:
        """The trial of a problem, which knows what those before it found."""
        trial = super().trial(problem)
        self.met = list(_runs(trial))
        for run in self.met:
            self.shared.recall(run)
        return trial


def _key(run: Run) -> Key:
    return run.problem.identity, run.case.whole


def _runs(trial: Trial) -> Iterator[Run]:
    yield trial.real
    if trial.problem.unit is not None and trial.whole is not None:
        yield trial.whole
    if trial.light is not trial.real:
        yield trial.light
