"""Report: everything that a run found out, as data. Renderers draw from it and compute nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from checks.op import Op
from checks.trials.exhibit import Meetings
from checks.trials.finding import Finding, Verdict
from checks.verdict.tally import Tally

__all__ = ["Finding", "Report", "Verdict", "deciding"]


@dataclass(frozen=True)
class Report:
    """What a run found, with what was tried. True if nothing is broken and something ran.

    repeated     calls that were compared, bit for bit, with others on the same arrays (laws/contract.py)
    spec         what --impl named, or ""
    again        what repeats the run, where that is not to judge an op
    tally        all findings, counted
    findings     all of them; of a report that was read from a file those that it holds: failures, and what is undecided
    failures     for each result that is wrong, the finding on the smallest case, sharpest law first
    unsupported  what the implementation refused, in words, and how often
    coverage     for each label the values that were tried and how often
    meetings     which elements meet in a small case of what was judged, for the figure, if y is a polynomial
    misses       for each case in which `exact` holds, the bound on its holding for code that is wrong there (laws/exact.py)
    """

    op: Op
    implementation: str
    is_reference: bool
    dtype: str
    pinned: Mapping[str, object]
    examples: int
    seed: int
    laws: tuple[str, ...]
    cases: int
    tally: Tally
    findings: tuple[Finding, ...]
    failures: tuple[Finding, ...]
    unsupported: Mapping[str, int]
    coverage: Mapping[str, Mapping[str, int]]
    misses: tuple[float, ...]
    versions: Mapping[str, str]
    seconds: float
    interrupted: bool = False
    repeated: int = 0
    spec: str = ""
    again: str = ""
    meetings: Meetings | None = None

    def __bool__(self) -> bool:
        return self.exit_code == 0

    def __str__(self) -> str:
        return _writers[-1](self)

    @property
    def exit_code(self) -> int:
        """0: all that could be judged holds; 1: a gradient or y is wrong; 3: it crashed, or nothing could be judged."""
        if self.tally.broken(crashed=False):
            return 1
        judged = self.counts[Verdict.HOLDS] + self.counts[Verdict.KNOWN]
        return 0 if judged and not self.counts[Verdict.BROKEN] and not self.interrupted else 3

    @property
    def checks(self) -> int:
        """How many findings there were."""
        return self.tally.checks

    @property
    def counts(self) -> Counter[Verdict]:
        """How many findings have each verdict."""
        return self.tally.counts

    @property
    def warnings(self) -> Counter[str]:
        """What leaves the numbers right but may surprise a caller, and how often it did."""
        return self.tally.notes(Verdict.WARNING)

    @property
    def conventions(self) -> Counter[str]:
        """Which of several right gradients were seen at kinks, and how often."""
        return self.tally.conventions

    @property
    def unseen(self) -> float | None:
        """The probability that a fault which shows in one call of ten showed in none of those that were compared."""
        return 0.9**self.repeated if self.repeated else None

    def miss(self, share: float = 1.0) -> float | None:
        """The bound on passing `exact` for code that is wrong in at least this share of the cases.

        The cases that are hardest to slip through are not chosen: the product runs over the most forgiving ones.
        None if the law earned nothing.
        """
        if not self.misses:
            return None
        wrong = max(1, round(share * len(self.misses)))
        return float(np.prod(sorted(self.misses, reverse=True)[:wrong]))


_writers: list[Callable[[Report], str]] = [repr]


def printed_by(writer: Callable[[Report], str]) -> None:
    """Have `print(report)` write so: how a report reads is for render/ to say, which comes after it."""
    _writers.append(writer)


def deciding(reports: Sequence[Report]) -> list[Report]:
    """The reports that decide what comes of several: all but those in which none of the laws that were asked applies.

    That is no failure of one op of many, as long as it is said. Where all are so, nothing was judged, and all decide.
    """
    return [report for report in reports if report.checks or not report.cases] or list(reports)
