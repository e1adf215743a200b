"""What was tried so far, case by case, and what was found: the count of a run that the report is made of."""

from __future__ import annotations

import platform
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from types import ModuleType
from typing import Any

import numpy as np

from checks.cases.search import Stopped
from checks.laws import Law, contract, decides, exact, witnessed
from checks.op import Op, Problem
from checks.signature.options import in_words
from checks.subjects import chance
from checks.subjects.implementation import Implementation, Judged
from checks.subjects.refusals import Crashed, Malformed, Unsupported
from checks.trials.trial import Trial
from checks.trials.witness import HERE, Witness
from checks.verdict.asking import Asked
from checks.verdict.decisions import Decisions
from checks.verdict.known import Known
from checks.verdict.report import Finding, Report, Verdict
from checks.verdict.tally import Tally

FEW, MANY = 400, 1 << 21  # cases, and numbers in them, that wait for a witness at most
Progress = Callable[[int], None]


class Tried:
    """What has been tried so far, and found.

    trips    whether to stop at the first case that raises, or is not supported: then `tripped` is set, and kinds of cases
             in which that always happens can be looked for before anything is said
    """

    def __init__(
        self,
        implementation: Judged,
        chosen: Mapping[str, Law],
        progress: Progress | None = None,
        *,
        strict: bool = False,
        known: tuple[Known, ...] = (),
        witness: Witness = HERE,
        first: Callable[[Finding], None] | None = None,
        trips: bool = False,
    ) -> None:
        self.implementation = implementation
        self.reference: Implementation | None = None
        self.trips = trips
        self.tripped = False
        self.witness = witness
        self.first = first
        self.waiting: deque[Asked] = deque()
        self.laws = chosen
        self.progress = progress
        self.strict = strict
        self.known = known
        self.started = time.perf_counter()
        self.cases = 0
        self.repeated = 0
        self.findings: list[Finding] = []
        self.unsupported: Counter[str] = Counter()
        self.coverage: dict[str, Counter[str]] = {}
        self.misses: dict[str, float] = {}
        self.decisions = Decisions(name for name, law in chosen.items() if decides(law))

    def add(self, problem: Problem) -> None:
        """Try one more problem; what a witness says of it may be heard later, when others have been tried."""
        try:
            asked = self._begun(self.laws, problem)
        except Unsupported as refusal:
            self.trip()
            self.unsupported[refused(problem, refusal)] += 1
        else:
            if asked.raised is not None:
                self.trip()
            self.waiting.append(asked)
            self.tell_first(self.read(asked))
            self.settle(wait=len(self.waiting) > FEW or sum(a.trial.problem.elements for a in self.waiting) > MANY)
        if self.progress is not None:
            self.progress(self.done)

    def trip(self) -> None:
        """Something raised, or is not supported: raises Stopped if that ends this run."""
        if self.trips:
            self.tripped = True
            raise Stopped

    @property
    def done(self) -> int:
        """How many cases were tried, or refused."""
        return self.cases + len(self.waiting) + self.unsupported.total()

    def settle(self, *, wait: bool, hear: bool = True) -> None:
        """Count the cases of which everything has been heard, in the order in which they were tried; of all if to `wait`.

        hear  False leaves out what the witness has not been asked yet: after Ctrl-C
        """
        while self.waiting and (wait or self.waiting[0].is_ready):
            asked = self.waiting.popleft()
            self.count(asked.trial.problem, self.read(asked.heard() if hear else asked))

    def drop_echoes(self) -> None:
        """What is said of odd numbers in results that are wrong anyway: it tells nothing new, and would hide what does.

        Of what draws random numbers nothing else is told: no number of it is right or wrong.
        """
        again = [f for f in self.findings if f.verdict is Verdict.BROKEN and f.note == contract.ANOTHER_Y]
        largest = max(again, key=lambda f: f.problem.elements, default=None)
        if largest is not None and self._draws(largest.problem):
            self.findings = [replace(largest, result="", note=chance.TOLD, crashed=True)]
            return
        wrong = {f.result for f in self.findings if f.verdict is Verdict.BROKEN and f.result != "behaviour"}
        self.findings = [f for f in self.findings if not contract.is_echo(f, wrong)]

    def _draws(self, problem: Problem) -> bool:
        """Whether y changes from call to call, but not where generators of random numbers begin alike."""
        case = problem.reals()
        with np.errstate(all="ignore"), suppress(Crashed, Malformed, Unsupported, Stopped):
            alike, free = (
                {self.implementation.call(part, case).results["y"].tobytes() for _ in range(chance.CALLS)}
                for part in (chance.REWOUND, "forward")
            )
            return len(alike) == 1 < len(free)
        return False

    def report(self, op: Op, examples: int, seed: int, failures: tuple[Finding, ...], **rest: Any) -> Report:
        """The report on all of it, once the failures have been explained; `rest` is what else it says (report.py)."""
        return Report(
            op=op,
            examples=examples,
            seed=seed,
            laws=tuple(self.laws),
            cases=self.cases,
            tally=Tally.counted(self.findings),
            findings=tuple(self.findings),
            failures=failures,
            unsupported=dict(self.unsupported),
            coverage={label: dict(values) for label, values in self.coverage.items()},
            misses=tuple(self.misses.values()),
            decisions=self.decisions.counted,
            repeated=self.repeated,
            versions=versions(),
            seconds=time.perf_counter() - self.started,
            **rest,
        )

    def ask(self, chosen: Mapping[str, Law], problem: Problem) -> list[Finding]:
        """What these laws find; what is known is told apart. Raises Unsupported."""
        return self.read(self._begun(chosen, problem).heard())

    def trial(self, problem: Problem) -> Trial:
        """The implementation on one problem."""
        if self.reference is None or self.reference.op is not problem.op:
            # Modules of ours write to nothing that they are given, so they need no copies of it.
            given = problem.op.reference
            self.reference = Implementation.of(problem.op, given, shares=isinstance(given, ModuleType))
        return Trial(problem, self.implementation, self.reference, self.witness)

    def located(self, finding: Finding) -> Finding:
        """The finding with where in the result it is wrong, of a law that has to look for that by more calls."""
        locate = getattr(self.laws[finding.law], "located", None)
        if locate is None or finding.crashed:
            return finding
        try:
            with np.errstate(all="ignore"):
                found: Finding = locate(self.trial(finding.problem), finding)
        except (Crashed, Malformed, Unsupported, Stopped):
            return finding
        return found

    def _begun(self, chosen: Mapping[str, Law], problem: Problem) -> Asked:
        asked = Asked(self.trial(problem))
        asked.ask(chosen)
        return asked

    def read(self, asked: Asked) -> list[Finding]:
        """What was found so far, as this run takes it."""
        return self.taken(asked.found)

    def taken(self, found: list[Finding]) -> list[Finding]:
        """What was found as this run takes it: warnings may count as broken, and what is known does not."""
        if self.strict:
            found = [replace(f, verdict=Verdict.BROKEN) if f.verdict is Verdict.WARNING else f for f in found]
        return [replace(f, verdict=Verdict.KNOWN) if self._is_known(f) else f for f in found] if self.known else found

    def tell_first(self, found: list[Finding]) -> None:
        """Tell of the sharpest law that is broken, if it is the first time that one is."""
        if self.first is None:
            return
        broken = [f for f in found if f.verdict is Verdict.BROKEN]
        if broken:
            names = list(self.laws)
            self.first(min(broken, key=lambda f: (names.index(f.law), f.result != "y")))
            self.first = None

    def _is_known(self, finding: Finding) -> bool:
        return finding.verdict is Verdict.BROKEN and any(entry.matches(finding) for entry in self.known)

    def count(self, problem: Problem, found: list[Finding]) -> None:
        """Count what was found in one more case."""
        self.cases += 1
        self.findings += found
        self.decisions.add(problem, found)
        self.repeated += contract.calls(problem) * any(f.law == "contract" and not f.crashed for f in found)
        for label, values in problem.tried.items():
            self.coverage.setdefault(label, Counter()).update(map(str, values))
        exactly = {f.verdict for f in found if f.law == "exact"}
        if exactly == {Verdict.HOLDS}:  # what is undecided, or wrong, has passed nothing
            self.misses[problem.identity] = exact.miss(problem)
            self.repeated += contract.EXACT


def right_by(implementation: Judged, laws: Mapping[str, Law]) -> Callable[[Problem], bool]:
    """Whether all that an implementation returns for a problem is right, by those of these laws that decide alone.

    What does not support the numbers that these laws ask for has returned nothing that is wrong.
    """
    tried = Tried(implementation, {name: law for name, law in laws.items() if decides(law) and not witnessed(law)})

    def is_right(problem: Problem) -> bool:
        try:
            return all(f.verdict is not Verdict.BROKEN for f in tried.ask(tried.laws, problem))
        except Unsupported:
            return True

    return is_right


def refused(problem: Problem, refusal: Unsupported) -> str:
    """What the report says of a case that is not supported."""
    return f"{str(refusal) or 'NotImplementedError'} ({in_words(problem.parameters)})"


def versions() -> dict[str, str]:
    """What a verdict may depend on: Python and the packages that compute."""
    packages = {name: version(name) for name in ("numpy", "torch", "hypothesis")}
    return {"python": platform.python_version(), **packages}
