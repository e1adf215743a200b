"""What a run found, counted: all that outputs say of the findings that they do not show one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from checks.trials.finding import Finding, Verdict

K = TypeVar("K")

REMARKED = (Verdict.WARNING, Verdict.UNDECIDED)  # whose notes are few, and say why


@dataclass(frozen=True)
class Row:
    """The findings of one law on one result that have the same verdict.

    crashed      the implementation raised in these
    normwise     how many of them only the normwise bound allows
    worst        the largest share that an error has of its bound
    sees         the largest of the errors of one element that had to be seen in each; None where no number was compared
    notes        of warnings, and of what is undecided: the notes, and how often each was made
    conventions  which of several right gradients were seen, and how often
    """

    law: str
    result: str
    verdict: Verdict
    crashed: bool
    count: int
    normwise: int = 0
    worst: float = 0.0
    sees: float | None = None
    notes: Mapping[str, int] = field(default_factory=dict)
    conventions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Tally:
    """The rows of a run, or those of some of its laws."""

    rows: tuple[Row, ...] = ()

    @classmethod
    def counted(cls, findings: Iterable[Finding]) -> Tally:
        """The tally of these findings, in the order in which each kind came first."""
        kinds: dict[tuple[str, str, Verdict, bool], list[Finding]] = {}
        for f in findings:
            kinds.setdefault((f.law, f.result, f.verdict, f.crashed), []).append(f)
        return cls(tuple(_row(*kind, alike) for kind, alike in kinds.items()))

    @classmethod
    def together(cls, tallies: Iterable[Tally]) -> Tally:
        """Several tallies as one, in the order in which each kind came first."""
        kinds: dict[tuple[str, str, Verdict, bool], list[Row]] = {}
        for row in (row for tally in tallies for row in tally.rows):
            kinds.setdefault((row.law, row.result, row.verdict, row.crashed), []).append(row)
        return cls(
            tuple(
                Row(
                    *kind,
                    count=sum(row.count for row in alike),
                    normwise=sum(row.normwise for row in alike),
                    worst=max(row.worst for row in alike),
                    sees=max((row.sees for row in alike if row.sees is not None), default=None),
                    notes=_sum(pair for row in alike for pair in row.notes.items()),
                    conventions=_sum(pair for row in alike for pair in row.conventions.items()),
                )
                for kind, alike in kinds.items()
            )
        )

    def of(self, law: str) -> Tally:
        """The rows of one law."""
        return Tally(tuple(row for row in self.rows if row.law == law))

    @property
    def counts(self) -> Counter[Verdict]:
        """How many findings have each verdict."""
        return _sum((row.verdict, row.count) for row in self.rows)

    @property
    def checks(self) -> int:
        """How many findings there are."""
        return sum(row.count for row in self.rows)

    def broken(self, *, crashed: bool) -> Counter[str]:
        """The results that are broken, as they came or since the implementation raised, and in how many findings."""
        return _sum(
            (row.result, row.count) for row in self.rows if row.verdict is Verdict.BROKEN and row.crashed == crashed
        )

    @property
    def crashed(self) -> bool:
        """Whether the implementation raised."""
        return any(row.crashed for row in self.rows)

    @property
    def normwise(self) -> int:
        """How many findings only the normwise bound allows."""
        return sum(row.normwise for row in self.rows)

    @property
    def worst(self) -> float:
        """The largest share that an error has of its bound, where the law holds."""
        return max((row.worst for row in self.rows if row.verdict is Verdict.HOLDS), default=0.0)

    @property
    def conventions(self) -> Counter[str]:
        """Which of several right gradients were seen, and how often."""
        return _sum(pair for row in self.rows for pair in row.conventions.items())

    def notes(self, verdict: Verdict) -> Counter[str]:
        """What was remarked where this is the verdict, and how often."""
        return _sum(pair for row in self.rows if row.verdict is verdict for pair in row.notes.items())


def _row(law: str, result: str, verdict: Verdict, crashed: bool, alike: list[Finding]) -> Row:
    return Row(
        law,
        result,
        verdict,
        crashed,
        count=len(alike),
        normwise=sum(f.normwise for f in alike),
        worst=max(f.share for f in alike),
        sees=max((f.sees for f in alike if f.sees is not None), default=None),
        notes=Counter(f.note for f in alike if f.verdict in REMARKED),
        conventions=Counter(f.convention for f in alike if f.convention),
    )


def _sum(pairs: Iterable[tuple[K, int]]) -> Counter[K]:
    total: Counter[K] = Counter()
    for key, count in pairs:
        total[key] += count
    return total
