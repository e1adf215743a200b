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
so once in eight): `HIDDEN` have to be open. So that a mistake cannot hide in a few of each kind, those of all kinds are
counted together as well; and so that it cannot hide in one of two formulas, of which a parameter chooses one (one group, or
several, or all that there can be), those with each choice: of `FULL` that have it a fifth has to be decided, where right
code decides a half. A short run, which has few, tries more of a kind, or choice, that is doubtful (further.py). Wide ones
count as wide: short runs have so few that each must be able to speak for its size, so more than half it is. Of right code
that stores results on the way half and more are decided, so of four to ten fewer by chance; a short run tries more of these
as well, up to as many as a whole one has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from checks.cases.series import EXAMPLES, PATTERN
from checks.cases.wide import WIDE
from checks.op import Problem
from checks.signature.places import CONCENTRATED, HEAVY
from checks.trials.finding import Finding, Verdict

HIDDEN = 5
FULL = 10  # cases of a kind in which few terms count: of right code, which decides three fifths, 5 % have less than two
FULL_OF_WIDE = EXAMPLES // len(PATTERN)  # wide cases of a whole run
ALL_CONCENTRATED = "concentrated"
CHOICE = "; "  # between a kind in which few terms count and what was chosen: by name, by yes and no, one or several
OF_CHOICE = f"{ALL_CONCENTRATED}{CHOICE}"
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
        if self.kind.startswith(OF_CHOICE):
            return self.cases < FULL or 5 * self.decided >= self.cases
        few = self.kind in {*CONCENTRATED, ALL_CONCENTRATED} and (
            5 * self.decided >= 2 * self.cases or self.cases - self.decided < HIDDEN
        )
        return few or 2 * self.decided > self.cases

    @property
    def doubtful(self) -> bool:
        """Whether it is of a kind of which short runs have too few to say something, and less decided than is usual.

        Wide ones of which hardly any is decided, where there are some, are no matter of chance.
        """
        if self.kind == WIDE and self.cases >= FULL and 5 * self.decided < self.cases:
            return False
        if self.kind.startswith(OF_CHOICE):
            return self.cases < FULL and 5 * self.decided < self.cases
        ordinary = not self.kind and self.decided > 0
        full = FULL if ordinary or self.kind in CONCENTRATED else FULL_OF_WIDE if self.kind == WIDE else 0
        return self.cases < full and 5 * self.decided < 3 * self.cases


def too_few(decisions: Iterable[Decision]) -> Iterator[Decision]:
    """What was not decided in enough cases: of a kind, of all in which few terms count, or of those with one choice."""
    counted = tuple(decisions)
    kinds = by_kind(counted)
    yield from (decision for decision in kinds if not decision.enough)
    accused = {decision.result for decision in kinds if not decision.enough and decision.kind in CONCENTRATED}
    concentrated = [d for d in counted if _of(d.kind)[0] in CONCENTRATED and d.result not in accused]
    yield from (d for d in _added((d, ALL_CONCENTRATED) for d in concentrated) if not d.enough)
    yield from (d for d in by_choice(concentrated) if not d.enough)


def by_kind(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """The counts of each kind, whatever was chosen."""
    return tuple(_added((decision, _of(decision.kind)[0]) for decision in decisions))


def by_choice(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """The counts of all cases in which few terms count that have the same choice."""
    return tuple(_added((d, f"{OF_CHOICE}{choice}") for d in decisions for choice in _of(d.kind)[1:]))


def _added(named: Iterable[tuple[Decision, str]]) -> Iterator[Decision]:
    """One for each result and name, in the order in which each came first."""
    decided: Counter[tuple[str, str]] = Counter()
    cases: Counter[tuple[str, str]] = Counter()
    for decision, name in named:
        decided[decision.result, name] += decision.decided
        cases[decision.result, name] += decision.cases
    return (Decision(*of, decided[of], many) for of, many in cases.items())


def _of(kind: str) -> list[str]:
    """The kind, and what was chosen."""
    return kind.split(CHOICE)


class Decisions:
    """Counts them, case by case."""

    def __init__(self, deciding: Iterable[str]) -> None:
        self.deciding = frozenset(deciding)
        self.cases: Counter[tuple[str, str]] = Counter()
        self.decided: Counter[tuple[str, str]] = Counter()

    def add(self, problem: Problem, found: Iterable[Finding]) -> None:
        """Count what was found in one more case."""
        for result, decided in decided_in(problem, found, self.deciding).items():
            kind = _with_choices(problem, kind_of(problem, result))
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
    if problem.op.cases.heavy(problem):
        return HEAVY
    axes = problem.op.takes.axes[result.removeprefix("grad_")]
    return places.kind(result) if places.are_of(axes, problem.parameters) else ""


def kinds_of(problem: Problem, result: str) -> frozenset[str]:
    """The names under which a case counts for a result: its kind, and each choice where few terms count."""
    kind, *chosen = _of(_with_choices(problem, kind_of(problem, result)))
    return frozenset((kind, *(f"{OF_CHOICE}{choice}" for choice in chosen)))


def _with_choices(problem: Problem, kind: str) -> str:
    chosen = (f"{n}={words}" for n, value in problem.parameters.items() for words in _chosen(problem, n, value))
    return CHOICE.join((kind, *chosen)) if kind in CONCENTRATED else kind


def _chosen(problem: Problem, name: str, value: object) -> Iterator[str]:
    """Which of two formulas a parameter chooses; a number of parts chooses that of a single one, or of several.

    As many as there can be leave one of what they divide to each: all heads look at one of keys.
    """
    if (divided := problem.op.takes.divided.get(name)) is not None:
        yield "1" if value == 1 else "not 1"
        if value != 1 and any(problem.sizes[axis] == value for axis in divided.split()):
            yield "all"
    elif isinstance(value, str | bool):
        yield str(value)


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
