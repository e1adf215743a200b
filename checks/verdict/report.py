"""Report: everything that a run found out, as data. Renderers draw from it and compute nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from checks.op import Op
from checks.trials.exhibit import Meetings
from checks.trials.finding import Finding, Verdict
from checks.verdict.decisions import Decision, too_few
from checks.verdict.tally import Tally
from checks.verdict.where import Elsewhere

__all__ = ["Finding", "Report", "Verdict", "deciding", "worst"]

RIGHT, WRONG, NOT_JUDGED, UNDECIDED = 0, 1, 3, 4
VERDICTS = {RIGHT: "right", WRONG: "wrong", NOT_JUDGED: "not judged", UNDECIDED: "undecided"}
MET = 29  # cases: 0.9^29 < 1/20
WORST_FIRST = (WRONG, NOT_JUDGED, UNDECIDED, RIGHT)


@dataclass(frozen=True, repr=False)
class Report:
    """What a run found, with what was tried. True if it is right: nothing is broken, and everything was decided.

    repeated     calls that were compared, bit for bit, with others on the same arrays (laws/contract.py) or what is exact
    spec         what --impl named, or ""
    again        what repeats the run, where that is not to judge an op
    tally        all findings, counted
    findings     all of them; of a report that was read from a file those that it holds: failures, and what is undecided
    failures     for each result that is wrong, the finding on the smallest case, sharpest law first
    unsupported  what the implementation refused, in words, and how often
    coverage     for each label the values that were tried and how often
    meetings     which elements meet in a small case of what was judged, for the figure, if y is a polynomial
    misses       for each case in which `exact` holds, the bound on its holding for code that is wrong there (laws/exact.py)
    decisions    for each result, and each kind of case, in how many it was decided
    shards       which of `of_shards` parts of the run's cases were tried (merging.py); () if all were
    first_call   how many times as long as the second the first call of a shape takes, where few were tried for that reason
    budget       seconds in which cases were tried, as many as fitted; None: as many as were asked for
    assumed      what was assumed of code that was adapted (subjects/adapting), in words
    offers       what the implementation has beyond order 1, which was not judged here, by its names in the protocol
    elsewhere    kinds of cases that are left out, since the implementation always raises there or does not support them
    decisive     all laws that decide were asked, so that right has to mean decided; else only what was asked is judged
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
    decisions: tuple[Decision, ...] = ()
    decisive: bool = False
    shards: tuple[int, ...] = ()
    of_shards: int = 1
    assumed: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    budget: float | None = None
    first_call: float | None = None

    def __bool__(self) -> bool:
        return self.exit_code == RIGHT

    def __repr__(self) -> str:
        judged = f"{self.op.name} of {self.implementation}, {self.dtype}"
        return f"<Report: {judged}: {VERDICTS[self.exit_code]}, {self.cases} cases, seed {self.seed}>"

    def __str__(self) -> str:
        return _writers["text"](self)

    def _repr_html_(self) -> str:
        """What a notebook shows: the page, in a frame of its own, so that its style is its alone."""
        return _writers["html"](self)

    @property
    def exit_code(self) -> int:
        """0: right; 1: a gradient or y is wrong; 3: it crashed, or nothing could be judged; 4: a result was not decided."""
        if self.tally.broken(crashed=False):
            return WRONG
        judged = self.counts[Verdict.HOLDS] + self.counts[Verdict.KNOWN]
        if self.counts[Verdict.BROKEN] or self.interrupted or not judged + self.counts[Verdict.UNDECIDED]:
            return NOT_JUDGED
        return RIGHT if judged and not self.undecided and not self.declined else UNDECIDED

    @property
    def decided(self) -> Mapping[str, tuple[int, int]]:
        """For each result, in how many cases it was decided, and of how many."""
        found: dict[str, tuple[int, int]] = {}
        for decision in self.decisions:
            decided, cases = found.get(decision.result, (0, 0))
            found[decision.result] = decided + decision.decided, cases + decision.cases
        return found

    @property
    def undecided(self) -> tuple[Decision, ...]:
        """What was not decided in enough cases of a kind, and would have to be for the run to be right."""
        return tuple(too_few(self.decisions)) if self.decisive else ()

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
    def declined(self) -> bool:
        """Whether most cases were not supported, and so few were that they say little of those that a caller has.

        Few are fewer than `MET`: one more of them, and a mistake that shows in one case of ten is met with more than 95 %.
        Who asks for few cases, all of which are judged, has asked for no more.
        """
        return self.decisive and self.cases < min(MET, self.unsupported_cases)

    @property
    def unsupported_cases(self) -> int:
        """How many cases were not supported."""
        return sum(self.unsupported.values())

    @property
    def unmet(self) -> float:
        """The probability that none of the cases is of those in which code is wrong, if that is one case of ten."""
        return float(0.9**self.cases)

    @property
    def shapes(self) -> int | None:
        """From how many distinct shapes the cases were drawn; None: there was no such number."""
        few = self.pinned.get("shapes")
        return few if isinstance(few, int) else None

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


_writers: dict[str, Callable[[Report], str]] = {"text": repr, "html": repr}


def shown_by(text: Callable[[Report], str], html: Callable[[Report], str]) -> None:
    """Have `print(report)`, and notebooks, show it so: how a report reads is for render/ to say, which comes after it."""
    _writers.update(text=text, html=html)


def worst(codes: Iterable[int]) -> int:
    """The exit code of several runs: what is wrong is wrong whatever else came; what never ran says less than a doubt."""
    return min(codes, key=WORST_FIRST.index, default=RIGHT)


def deciding(reports: Sequence[Report]) -> list[Report]:
    """The reports that decide what comes of several: all but those in which none of the laws that were asked applies.

    That is no failure of one op of many, as long as it is said. Where all are so, nothing was judged, and all decide.
    """
    return [report for report in reports if report.checks or not report.cases] or list(reports)
