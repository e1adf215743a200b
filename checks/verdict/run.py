"""One run: all cases, or those of the kinds where it works; and more where few are supported, or few decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from checks.cases.few import shapes_of
from checks.cases.kinds import EVERYTHING, Among
from checks.cases.series import Series, Shard
from checks.laws import Law, laws_of
from checks.op import Op
from checks.signature.options import Pinned
from checks.subjects.implementation import Judged
from checks.trials.witness import Witness
from checks.verdict import where
from checks.verdict.compiled import is_compiled
from checks.verdict.crew import Crew, Subject
from checks.verdict.further import further
from checks.verdict.known import Known
from checks.verdict.report import MET, Finding
from checks.verdict.tried import Progress, Tried, right_by
from checks.verdict.where import Elsewhere

MORE = 10  # times as many cases are drawn at most, where few of them are supported
SHRUNK = 10  # problems for each of few shapes, that are tried while one is shrunk

First = Callable[[Finding], None] | None


@dataclass(frozen=True)
class Run:
    """What is tried, and how; the words are those of `judge`.

    told     what is judged, as another process is told it; None: what no text names
    counted  whether kinds of cases in which it raises are tried, and broken; else they are left out
    stopped  by Ctrl-C, before anything was tried
    """

    op: Op
    judged: Judged
    laws: Mapping[str, Law]
    pinned: Pinned
    dtype: str
    examples: int
    seed: int
    reach: int
    shapes: int | None
    shard: Shard | None
    until: float | None
    jobs: int | None
    progress: Progress | None
    strict: bool
    known: tuple[Known, ...]
    witness: Witness
    told: Subject | None
    counted: bool
    stopped: bool

    def of(self, among: Among, first: First, *, trips: bool, many: int) -> tuple[Tried, Series]:
        """What so many cases show, of these kinds."""
        tried = Tried(
            self.judged,
            self.laws,
            self.progress,
            strict=self.strict,
            known=self.known,
            witness=self.witness,
            first=first,
            trips=trips,
        )
        few = self.shapes or 0
        series = Series(
            self.op,
            self.pinned,
            self.dtype,
            many,
            self.seed,
            reach=self.reach,
            among=among,
            until=self.until,
            few=shapes_of(self.op, self.pinned, self.dtype, few, self.seed, self.reach, among) if few else (),
            most=SHRUNK * few or None,
            shard=self.shard,
        )
        # Each process would compile each shape for itself, so that others are not worth it unless somebody asks for them.
        jobs = self.jobs or (1 if few else None)
        crew = Crew(tried, self.told, jobs, many // (self.shard or (1, 1))[1], self.until)
        try:
            if self.stopped:
                series.interrupted = True
            else:
                series.run(crew.add)
            crew.settle(interrupted=series.interrupted or tried.tripped, late=series.late)
        finally:
            crew.close()
        return tried, series

    def kinds(self) -> tuple[Among, tuple[Elsewhere, ...]]:
        """Those in which it works, and what is said of the others."""
        is_right = right_by(self.judged, laws_of(self.op))
        return where.found(
            self.judged,
            self.op,
            self.pinned,
            self.dtype,
            self.seed,
            refusals_only=self.counted,
            is_right=is_right,
            compiled=self.told is not None and is_compiled(self.told.spec),
        )

    def where_it_works(self, first: First) -> tuple[Tried, Series, tuple[Elsewhere, ...]]:
        """What was tried of all cases; or, once something raises, of those kinds in which it does not always.

        Where few are supported, of more cases, up to `MORE` times as many; and of more of a kind that is doubtful
        (further.py). All shards of a run try the same cases, so each looks for the kinds before it tries any.
        """
        whole = self.shard is None
        among, elsewhere = (EVERYTHING, ()) if whole else self.kinds()
        tried, series = self.of(among, first, trips=whole, many=self.examples)
        if tried.tripped and not series.interrupted:
            among, elsewhere = self.kinds()
            tried, series = self.of(among, tried.first, trips=False, many=self.examples)
        if not whole or series.interrupted or series.until is not None:
            return tried, series, elsewhere
        if 0 < tried.cases < min(MET, tried.unsupported.total()):
            # No kind of case explains what is not supported, so what is supported has to come by chance.
            more = -(-MET * self.examples // max(1, tried.cases))
            tried, series = self.of(among, tried.first, trips=False, many=min(more, MORE * self.examples))
        if not series.interrupted:
            further(tried, series)
        return tried, series, elsewhere
