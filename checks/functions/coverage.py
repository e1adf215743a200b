"""What is known of each element of each gradient after some cases: how small an error of it alone would have been seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from checks.functions.place import Place
from checks.numbers.precision import Array
from checks.op import Problem
from checks.verdict.report import Finding, Verdict

COMPLEX, CENTRAL = "complex_step", "finite_difference"
SHARP = 0.25  # an element is decided if an error of this share of it would have been seen
TOO_COARSE = "not every element is decided"


@dataclass(eq=False)
class Coverage:
    """What is known of each element after some cases: the smallest share of it that would have been seen.

    turns   the cases in the order in which they came
    wrong   in how many cases a law found each gradient wrong: what was wrong so often is not asked again
    kinks   elements that were at kinks in any case
    faint   the same of cases in which the gradient is no more than rounding makes of 0: it counts where all are so
    moved   gradients that are more than that in some case
    """

    names: tuple[str, ...]
    best: dict[str, Array] = field(default_factory=dict)
    by: dict[str, str] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    wrong: Counter[tuple[str, str]] = field(default_factory=Counter)
    kinks: set[int] = field(default_factory=set)
    faint: dict[str, Array] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)

    def turn(self, problem: Problem) -> int:
        """The number of a case: the same when it comes again."""
        return self.turns.setdefault(problem.identity, len(self.turns))

    def add(self, law: str, place: Place, covered: Array, shares: Array) -> None:
        """These elements are right as far as can be seen, and so much would have been."""
        for name, span in place.spans.items():
            of = self.faint if name in place.faint else self.best
            if name not in place.faint and np.any(place.claim[span]):
                self.moved.add(name)
            known = of.setdefault(name, np.full(span.stop - span.start, np.inf))
            within = (covered >= span.start) & (covered < span.stop)
            at = covered[within] - span.start
            if np.any(shares[within] < known[at]) or name not in self.by:
                self.by[name] = law
            known[at] = np.minimum(known[at], shares[within])

    def sees(self, name: str) -> float:
        """The smallest share of any one element of this gradient that would have been seen."""
        known = self._known(name)
        return float(np.inf) if known is None else float(known.max(initial=0.0))

    def _known(self, name: str) -> Array | None:
        """What is known of each element, by cases in which the gradient is nothing but rounding too, if all are so."""
        tables = [self.best.get(name), self.faint.get(name) if name not in self.moved else None]
        found = [one for one in tables if one is not None]
        return np.minimum.reduce(found) if found else None

    @property
    def decided(self) -> bool:
        """Whether every element of every gradient is decided."""
        return all(self.sees(name) <= SHARP for name in self.names)

    def findings(self, problem: Problem) -> Iterator[Finding]:
        """One for each gradient: what the run comes to."""
        for name in self.names:
            sees, law = self.sees(name), self.by.get(name, CENTRAL)
            if sees <= SHARP:
                note = f"an error of {sees:.1g} of any one element would have been seen"
                if name in self.faint and name not in self.moved:
                    note = (
                        f"0 but for rounding in every case: {sees:.1g} of what moves y by its size would have been seen"
                    )
                found = Finding(law, f"grad_{name}", Verdict.HOLDS, problem, note=note)
            else:
                found = Finding(
                    law, f"grad_{name}", Verdict.UNDECIDED, problem, note=f"{TOO_COARSE}: {self._why(name)}"
                )
            yield seeing(found, sees)

    def _why(self, name: str) -> str:
        known = self._known(name)
        if known is None or not np.any(np.isfinite(known)):
            return f"no slope along grad_{name} could be told"
        open_ = int(np.count_nonzero(~(known <= SHARP)))
        return (
            f"an error of a quarter of one element would not have been seen in {open_} of {known.size} of grad_{name}"
        )


def seeing(finding: Finding, share: float) -> Finding:
    """The finding with the smallest share of one element that would have been seen, where findings hold that."""
    if "sees" not in {f.name for f in fields(Finding)}:
        return finding
    given: dict[str, Any] = {"sees": share}
    return replace(finding, **given)
