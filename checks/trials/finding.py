"""Verdict and Finding: what one law says of one result in one case."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, isnan

from checks.op import Problem
from checks.trials.exhibit import Exhibit, Meetings, Sized


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
    sees        the smallest relative error of one element that would have been seen (comparison.py), 0 where nothing is
                tolerated; None where no number was compared
    normwise    only the normwise bound held (see bounds.py)
    crashed     the implementation raised, and `note` says what
    frames      a line for each frame of its own code in which it did (subjects/frames.py)
    convention  which of several right gradients was seen (laws/kinks.py)
    mistake     the name of the known mistake that computes this (diagnosis.py), or ""
    explanation what is wrong, in a sentence; source: the document and equation that it breaks
    where       the parameter values, or the elements, that are wrong where others are right
    sizes       along each axis whose size matters, for which sizes it is wrong; of failures only
    yours, right  the formula of the element, term by term, or ""
    letters     the element and the two formulas as the documents would write them, or nothing
    exhibit     the numbers of a case in which it is wrong, for pictures; of failures only
    meetings    which elements meet in that case, or in the smallest, for the figure; of failures of polynomials only
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
    sees: float | None = None
    normwise: bool = False
    crashed: bool = False
    frames: tuple[str, ...] = ()
    note: str = ""
    convention: str = ""
    mistake: str = ""
    explanation: str = ""
    source: str = ""
    where: str = ""
    sizes: tuple[Sized, ...] = ()
    yours: str = ""
    right: str = ""
    letters: tuple[str, ...] = ()
    exhibit: Exhibit | None = field(default=None, repr=False)
    meetings: Meetings | None = field(default=None, repr=False)

    @property
    def share(self) -> float:
        """The error as a share of its bound: at most 1 where the law holds."""
        return 0.0 if self.error == 0 else inf if self.bound == 0 or isnan(self.error) else self.error / self.bound
