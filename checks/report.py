"""Finding and Report: everything that a run found out, as data. Renderers draw from it and compute nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, isnan

import numpy as np

from checks.exhibit import Exhibit, Meetings
from checks.op import Op, Problem


class Verdict(StrEnum):
    """What a law says of one result in one case."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNDECIDED = "undecided"
    WARNING = "warning"
    KNOWN = "known"


@dataclass(frozen=True)
class Finding:
    """What one law says of one result in one case.

    result      "y", "grad_x" …, the inner product that was compared, or "" where nothing came that could be a result
    error       |actual − expected| where it is the largest share of its bound
    bound       what rounding alone, or the law's own estimate, allows there; 0 for whole numbers
    index       the place, or None where a single number was compared
    normwise    only the normwise bound held (see bounds.py)
    crashed     the implementation raised, and `note` says what
    convention  which of several right gradients was seen (laws/kinks.py)
    mistake     the name of the known mistake that computes this (diagnosis.py), or ""
    explanation what is wrong, in a sentence; source: the document and equation that it breaks
    where       the parameter values, or the elements, that are wrong where others are right
    yours, right  the formula of the element, term by term (terms.py), or ""
    exhibit     the numbers of a case in which it is wrong, for pictures; of failures only
    meetings    which elements meet in the smallest case, for the figure; of failures of polynomials only
    """

    law: str
    result: str
    verdict: Verdict
    problem: Problem = field(repr=False)
    error: float = 0.0
    bound: float = 0.0
    index: tuple[int, ...] | None = None
    actual: float | None = None
    expected: float | None = None
    normwise: bool = False
    crashed: bool = False
    note: str = ""
    convention: str = ""
    mistake: str = ""
    explanation: str = ""
    source: str = ""
    where: str = ""
    yours: str = ""
    right: str = ""
    exhibit: Exhibit | None = field(default=None, repr=False)
    meetings: Meetings | None = field(default=None, repr=False)

    @property
    def share(self) -> float:
        """The error as a share of its bound: at most 1 where the law holds."""
        return 0.0 if self.error == 0 else inf if self.bound == 0 or isnan(self.error) else self.error / self.bound


@dataclass(frozen=True)
class Report:
    """All findings of a run, with what was tried. True if nothing is broken and something ran.

    repeated     calls that were compared, bit for bit, with others on the same arrays (laws/contract.py)
    spec         what --impl named, or ""
    again        what repeats the run, where that is not to judge an op
    failures     for each result that is wrong, the finding on the smallest case, sharpest law first
    unsupported  what the implementation refused, in words, and how often
    coverage     for each label the values that were tried and how often
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

    def __bool__(self) -> bool:
        return self.exit_code == 0

    def __str__(self) -> str:
        from checks.render import terminal

        return terminal.render(self)

    @property
    def exit_code(self) -> int:
        """0: all that could be judged holds; 1: a gradient or y is wrong; 3: it crashed, or nothing could be judged."""
        broken = [f for f in self.findings if f.verdict is Verdict.BROKEN]
        if any(not f.crashed for f in broken):
            return 1
        judged = self.counts[Verdict.HOLDS] + self.counts[Verdict.KNOWN]
        return 0 if judged and not broken and not self.interrupted else 3

    @property
    def warnings(self) -> Counter[str]:
        """What leaves the numbers right but may surprise a caller, and how often it did."""
        return Counter(f.note for f in self.findings if f.verdict is Verdict.WARNING)

    @property
    def conventions(self) -> Counter[str]:
        """Which of several right gradients were seen at kinks, and how often."""
        return Counter(f.convention for f in self.findings if f.convention)

    @property
    def counts(self) -> Counter[Verdict]:
        """How many findings have each verdict."""
        return Counter(f.verdict for f in self.findings)

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
