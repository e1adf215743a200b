"""Which results were decided: silence is no consent, so right is what was looked at closely enough, and held.

A result (y, each gradient) of a case is decided if a law that decides every element of it (`DECIDES`,
laws/__init__.py) held there, or broke. Laws that sample, along a line or by a promise, may accuse a result; they do
not decide it.

**How many cases are enough.** A case in which a result was not decided is, for that result, a case that was not
tried. Single ones are a matter of chance: two samples of a batch that lie close together have a gradient that is all
cancellation. But a mistake must not be able to hide in them. One that shows in most cases of a kind shows in at least
one that was decided, if those are more than half: so many are asked for, of each kind. What shows in fewer cases is a
matter of chance as it is where all are decided, and the numbers stand beside the verdict.

Cases in which few terms count (signature/places.py) are kinds of their own: those in which a term that is left out shows.
What stores its results on the way leaves an eighth to a half of these open (bfloat16 batch norm, layer norm and attention
of torch), so two fifths decided are enough, and three or four that are open say nothing (where half are, three of three are
so once in eight): `HIDDEN` have to be open. So that a mistake cannot hide in a few of each kind, those of all three kinds
are counted together as well; and a short run, which has few, tries more of a kind that is doubtful (further.py). Wide ones
count as wide: short runs have so few that each must be able to speak for its size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from checks.op import Problem
from checks.signature.places import CONCENTRATED
from checks.trials.finding import Finding, Verdict

HIDDEN = 5
FULL = 10  # cases of a kind in which few terms count: of right code, which decides three fifths, 5 % have less than two
ALL_CONCENTRATED = "concentrated"
NOT_TAKEN = "an empty batch is not taken"  # how the warning begins that stands in place of all findings on such a case


@dataclass(frozen=True)
class Decision:
    """In how many cases of one kind (`kind_of`) a result was decided, of those in which it could have been."""

    result: str
    kind: str
    decided: int
    cases: int

    @property
    def enough(self) -> bool:
        """Whether what shows in most of the cases shows in one that was decided."""
        few = self.kind in {*CONCENTRATED, ALL_CONCENTRATED} and (
            5 * self.decided >= 2 * self.cases or self.cases - self.decided < HIDDEN
        )
        return few or 2 * self.decided > self.cases

    @property
    def doubtful(self) -> bool:
        """Whether a kind in which few terms count has fewer cases than say something, and is less decided than is usual."""
        return self.kind in CONCENTRATED and self.cases < FULL and 5 * self.decided < 3 * self.cases


def too_few(decisions: Iterable[Decision]) -> Iterator[Decision]:
    """What was not decided in enough cases: of a kind, or of all in which few terms count, if each kind has few."""
    together: dict[str, list[Decision]] = {}
    for decision in decisions:
        if not decision.enough:
            yield decision
        elif decision.kind in CONCENTRATED:
            together.setdefault(decision.result, []).append(decision)
    for result, several in together.items():
        of_all = Decision(result, ALL_CONCENTRATED, sum(d.decided for d in several), sum(d.cases for d in several))
        if not of_all.enough:
            yield of_all


class Decisions:
    """Counts them, case by case."""

    def __init__(self, deciding: Iterable[str]) -> None:
        self.deciding = frozenset(deciding)
        self.cases: Counter[tuple[str, str]] = Counter()
        self.decided: Counter[tuple[str, str]] = Counter()

    def add(self, problem: Problem, found: Iterable[Finding]) -> None:
        """Count what was found in one more case."""
        for result, decided in decided_in(problem, found, self.deciding).items():
            kind = kind_of(problem, result)
            self.cases[result, kind] += 1
            self.decided[result, kind] += decided

    @property
    def counted(self) -> tuple[Decision, ...]:
        """The counts, in the order in which each came first."""
        return tuple(Decision(*of, self.decided[of], cases) for of, cases in self.cases.items())


def kind_of(problem: Problem, result: str) -> str:
    """Which kind of case a problem is for a result: that of the problem, or one in which few terms of the result count."""
    places = problem.places
    if problem.kind or places is None:
        return problem.kind
    axes = problem.op.takes.axes[result.removeprefix("grad_")]
    return places.kind(result) if places.are_of(axes, problem.parameters) else ""


def decided_in(problem: Problem, found: Iterable[Finding], deciding: Iterable[str]) -> Mapping[str, bool]:
    """Whether each result of a case was decided by one of these laws.

    A law that took a lighter problem in its place has said nothing of this case. Where the implementation raised, which is
    a verdict of its own, or takes no empty batch, a result is counted only if it was decided before.
    """
    findings, names = tuple(found), frozenset(deciding)
    sure = {
        f.result
        for f in findings
        if f.law in names and f.verdict is not Verdict.UNDECIDED and f.problem.identity == problem.identity
    }
    ended = any(map(_ends, findings))
    results = ("y", *(f"grad_{name}" for name in problem.present))
    return {result: result in sure for result in results if result in sure or not ended}


def _ends(finding: Finding) -> bool:
    """Whether the implementation returned nothing that could be judged, so that no other law was asked."""
    nothing = not finding.result and finding.verdict in {Verdict.BROKEN, Verdict.KNOWN}
    return nothing or finding.crashed or finding.note.startswith(NOT_TAKEN)
