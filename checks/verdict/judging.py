"""Judges an implementation: draws problems, asks every law, and shrinks what fails to the smallest case."""

from __future__ import annotations

import platform
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np

from checks import ops
from checks.cases.drawing import problems_of
from checks.cases.pins import pinned_values
from checks.cases.search import Failed, Search, Stopped
from checks.cases.wide import ONE_IN, REACH, wide_problems
from checks.diagnosis.illustration import illustrated, sample
from checks.diagnosis.naming import diagnose
from checks.diagnosis.seen import is_empty
from checks.laws import Law, contract, decides, exact, laws, witnessed
from checks.numbers.precision import NATIVE, PRECISIONS
from checks.op import Op, Problem
from checks.signature.options import in_words
from checks.subjects.implementation import Crashed, Implementation, Judged, Malformed, Unsupported
from checks.subjects.isolation import TIMEOUT, Isolated, half_the_memory
from checks.subjects.loading import split
from checks.trials.beside import witness
from checks.trials.trial import Trial
from checks.trials.witness import HERE, Witness
from checks.verdict.asking import Asked
from checks.verdict.decisions import Decisions
from checks.verdict.known import Known
from checks.verdict.report import Finding, Report, Verdict
from checks.verdict.tally import Tally

EXAMPLES = 200
PROMISES = ("float32", "same")
FEW, MANY = 400, 1 << 21  # cases, and numbers in them, that wait for a witness at most
DRAWS = 3  # of small numbers, until a failure shows on them
PAST = "It depends on what was called before (see behaviour), so no single case tells more."
Progress = Callable[[int], None]


def judge(
    op: str,
    implementation: Any = None,
    *,
    dtype: str = "float64",
    examples: int = EXAMPLES,
    seed: int | None = None,
    laws: Iterable[str] | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    timeout: float = TIMEOUT,
    memory: int | None = None,
    device: str = "cpu",
    known: Iterable[Known] = (),
    reach: int = REACH,
    accumulate: str = "",
    first: Callable[[Finding], None] | None = None,
    **pinned: Any,
) -> Report:
    """Judge an implementation of an op; the report is true if nothing is broken and everything was decided.

    op              name of the op, e.g. "conv"
    implementation  a module, class or object with forward and backward; or, to be run in a process of its own, the text
                    that --impl takes, such as "mine.py:Conv" or "torch:package.module:name"; None for the reference
    dtype           "float64", "float32", "float16" or, through a bridge such as torch, "bfloat16": what the inputs are,
                    and what the implementation computes in
    examples        how many cases to draw
    seed            repeats a run; a fresh one is drawn, and reported, if None
    laws            names of the laws to ask; all if None
    strict          count warnings, which leave the numbers right, as broken
    progress        called with the number of cases done
    timeout         seconds that a call may take, in a process of its own
    memory          bytes that its data may take there; half of the machine's if None
    device          where a bridge computes, e.g. "cuda"
    known           failures that are known (known.py): counted, and no failures
    reach           about how large an axis is made in wide cases (cases/wide.py); below 17 there are none
    accumulate      what sums of float16 and bfloat16 are promised to be kept in, "float32" or the "same" as the inputs;
                    then narrower is broken, where it is a warning if nothing is promised
    first           called once, with what is wrong in the first case in which something is, before the rest is tried
    pinned          what to hold fixed, e.g. stride=2, padding="same", kernel=(3, 5); the rest is drawn

    Raises ValueError, with what is close, for an op, law, dtype or option that does not exist and for values that no
    case can have; NotAnImplementation, a TypeError, if the implementation has no forward or backward or cannot be loaded.
    """
    judged = ops.find(op)
    chosen = _chosen(laws)
    pinned = pinned_values(judged, pinned)
    if dtype not in PRECISIONS:
        raise ValueError(f"there is no dtype {dtype!r}; {ops.suggestion(dtype, list(PRECISIONS))}")
    if examples < 1:
        raise ValueError(f"examples is {examples}; expected at least 1")
    if dtype not in NATIVE and not (isinstance(implementation, str) and split(implementation)[0]):
        raise ValueError(f"NumPy has no {dtype}; name an implementation in torch, such as torch:mine.py:conv")
    wrapped: Judged
    if isinstance(implementation, str):
        wrapped = Isolated(judged, implementation, dtype, device, timeout, memory or half_the_memory())
        wrapped.begin()
    else:
        wrapped = Implementation.of(judged, judged.reference if implementation is None else implementation)
    if accumulate not in {"", *PROMISES}:
        raise ValueError(f"accumulate is {accumulate!r}; expected {' or '.join(PROMISES)}")
    wrapped = replace(wrapped, promised=accumulate) if accumulate else wrapped
    seed = secrets.randbelow(1 << 32) if seed is None else seed
    heard = witness() if any(map(witnessed, chosen.values())) else HERE
    tried = Tried(wrapped, chosen, progress, strict=strict, known=tuple(known), witness=heard, first=first)
    also = wide_problems(judged, pinned, dtype, examples // ONE_IN, seed, reach)
    search = Search(problems_of(judged, pinned, dtype), examples, seed, also)
    try:
        if isinstance(wrapped, Isolated):
            wrapped.load()
        search.run(tried.add)
        interrupted = search.interrupted
        tried.settle(wait=True, hear=not interrupted)
        tried.drop_echoes()
        failures = tuple(smallest(tried, search))
        if not search.interrupted:  # Ctrl-C ends that too
            failures = tuple(_explained(failure, tried) for failure in failures)
    finally:
        wrapped.close()
    return tried.report(
        judged,
        search,
        failures,
        implementation=wrapped.name,
        spec=implementation if isinstance(implementation, str) else "",
        is_reference=wrapped.is_reference,
        dtype=dtype,
        pinned={**pinned, **_said(accumulate, reach)},
        interrupted=interrupted,
        meetings=sample(judged, pinned),
        decisive=all(name in chosen for name, law in _chosen(None).items() if decides(law)),
    )


def _said(accumulate: str, reach: int) -> dict[str, Any]:
    """What repeats a run beside what is pinned, where it is not as usual."""
    return {**({"accumulate": accumulate} if accumulate else {}), **({"reach": reach} if reach != REACH else {})}


class Tried:
    """What has been tried so far, and found."""

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
    ) -> None:
        self.implementation = implementation
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
            self.unsupported[_refused(problem, refusal)] += 1
        else:
            self.waiting.append(asked)
            self._tell_first(self._read(asked))
            self.settle(wait=len(self.waiting) > FEW or sum(a.trial.problem.elements for a in self.waiting) > MANY)
        if self.progress is not None:
            self.progress(self.cases + len(self.waiting) + self.unsupported.total())

    def settle(self, *, wait: bool, hear: bool = True) -> None:
        """Count the cases of which everything has been heard, in the order in which they were tried; of all if to `wait`.

        hear  False leaves out what the witness has not been asked yet: after Ctrl-C
        """
        while self.waiting and (wait or self.waiting[0].is_ready):
            asked = self.waiting.popleft()
            self._count(asked.trial.problem, self._read(asked.heard() if hear else asked))

    def drop_echoes(self) -> None:
        """What is said of odd numbers in results that are wrong anyway: it tells nothing new, and would hide what does."""
        wrong = {f.result for f in self.findings if f.verdict is Verdict.BROKEN and f.result != "behaviour"}
        self.findings = [f for f in self.findings if not contract.is_echo(f, wrong)]

    def report(self, op: Op, search: Search, failures: tuple[Finding, ...], **rest: Any) -> Report:
        """The report on all of it, once the failures have been explained; `rest` is what else it says (report.py)."""
        return Report(
            op=op,
            examples=search.examples,
            seed=search.seed,
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
        return self._read(self._begun(chosen, problem).heard())

    def _begun(self, chosen: Mapping[str, Law], problem: Problem) -> Asked:
        reference = Implementation.of(problem.op, problem.op.reference)
        asked = Asked(Trial(problem, self.implementation, reference, self.witness))
        asked.ask(chosen)
        return asked

    def _read(self, asked: Asked) -> list[Finding]:
        """What was found so far, as this run takes it: warnings may count as broken, and what is known does not."""
        found = asked.found
        if self.strict:
            found = [replace(f, verdict=Verdict.BROKEN) if f.verdict is Verdict.WARNING else f for f in found]
        return [replace(f, verdict=Verdict.KNOWN) if self._is_known(f) else f for f in found] if self.known else found

    def _tell_first(self, found: list[Finding]) -> None:
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

    def _count(self, problem: Problem, found: list[Finding]) -> None:
        self.cases += 1
        self.findings += found
        self.decisions.add(problem, found)
        self.repeated += contract.CALLS * any(f.law == "contract" and not f.crashed for f in found)
        for label, values in problem.tried.items():
            self.coverage.setdefault(label, Counter()).update(map(str, values))
        exactly = {f.verdict for f in found if f.law == "exact"}
        if exactly == {Verdict.HOLDS}:  # what is undecided, or wrong, has passed nothing
            self.misses[problem.identity] = exact.miss(problem)


def smallest(tried: Tried, search: Search) -> Iterable[Finding]:
    """For each result that is broken, the finding of the sharpest law that broke it, on the smallest case there is.

    A law that holds takes nothing back of what another says is broken. `exact` speaks of whole numbers, `finite_difference`
    of another cotangent; `agreement` rests on the reference, of which the laws after it are the proof: where what is judged
    is the reference, it compares that with itself.
    """
    broken = [f for f in tried.findings if f.verdict is Verdict.BROKEN]
    if any(f.result == "y" for f in broken):  # then what compares with the implementation's own y accuses nobody else
        broken = [f for f in broken if not getattr(tried.laws[f.law], "OWN_FORWARD", False)]
    for result in _worst_first(broken, tried):
        names = [name for name in tried.laws if any(f.law == name and f.result == result for f in broken)]
        if _is_combined(result) and any(not _is_combined(f.result) for f in broken):
            continue  # the parts of a sum are named by other findings
        law = {names[0]: tried.laws[names[0]]}
        fails = [f for f in broken if f.law == names[0] and f.result == result]
        empty = all(is_empty(f.problem) for f in fails)  # else what goes wrong without samples hides what goes wrong
        smallest = min((f for f in fails if empty or not is_empty(f.problem)), key=_size)
        for finding in _shrunk(law, result, tried, search, empty=empty):
            if _size(finding) <= _size(smallest):
                smallest = finding
        yield _readable(smallest, law, tried)


def _worst_first(broken: list[Finding], tried: Tried) -> list[str]:
    """The results that are broken: what never came, then y, what a caller cannot rely on, and by how often it is wrong."""
    asked = Counter(f.result for f in tried.findings)
    wrong = Counter(f.result for f in broken)
    past = {f.result for f in broken if contract.depends_on_the_past(f)}
    order = ["", "y", *past]
    return sorted(wrong, key=lambda r: (order.index(r) if r in order else len(order), -wrong[r] / asked[r]))


def _explained(failure: Finding, tried: Tried) -> Finding:
    """The failure with the mistake behind it and its pictures, where they can be told."""
    if any(contract.depends_on_the_past(f) for f in tried.findings if f.verdict is Verdict.BROKEN):
        return failure if failure.result == "behaviour" else replace(failure, explanation=PAST)
    if failure.crashed or failure.result not in {"y", *(f"grad_{name}" for name in failure.problem.present)}:
        return failure
    reference = Implementation.of(failure.problem.op, failure.problem.op.reference)
    same = [f for f in tried.findings if (f.law, f.result) == (failure.law, failure.result)]
    broken = [f.problem for f in same if f.verdict is Verdict.BROKEN]
    # Where it fails elsewhere too, which other findings say, this one keeps what has been told of it.
    with np.errstate(all="ignore"), suppress(Crashed, Malformed, Unsupported, Stopped):
        failure = replace(failure, **vars(diagnose(failure, tried.findings, tried.implementation, reference)))
        failure = illustrated(failure, broken, tried.implementation, reference)
    return failure


def _readable(finding: Finding, law: Mapping[str, Law], tried: Tried) -> Finding:
    """The same on small whole numbers, whose products are checked in one's head, if it fails on some of those too."""
    problem = finding.problem
    if problem.small or finding.crashed:
        return finding
    for seed in range(problem.seed, problem.seed + DRAWS):
        try:
            found = tried.ask(law, replace(problem, small=True, exponents={}, seed=seed))
        except Unsupported:
            break
        for other in found:
            if other.verdict is Verdict.BROKEN and other.result == finding.result and not other.crashed:
                return other
    return finding


def _shrunk(law: Mapping[str, Law], result: str, tried: Tried, search: Search, *, empty: bool) -> list[Finding]:
    """Findings of this law on this result while Hypothesis shrinks, in order; `empty`: of what has no elements too."""
    seen: list[Finding] = []

    def visit(problem: Problem) -> None:
        if is_empty(problem) and not empty:
            return
        try:
            found = tried.ask(law, problem)
        except Unsupported:
            return
        fits = [f for f in found if f.verdict is Verdict.BROKEN and f.result == result]
        seen.extend(fits)
        if fits:
            raise Failed

    if not search.interrupted:  # Ctrl-C ends the shrinking too, with what was found so far
        search.run(visit, shrink=True)
    return seen


def _size(finding: Finding) -> tuple[int, int, float]:
    problem = finding.problem
    unusual = sum(value != problem.op.takes.defaults[name] for name, value in problem.parameters.items())
    return problem.elements, unusual, abs(finding.expected or 0.0)


def _is_combined(result: str) -> bool:
    return " + " in result or "=" in result


def _refused(problem: Problem, refusal: Unsupported) -> str:
    return f"{str(refusal) or 'NotImplementedError'} ({in_words(problem.parameters)})"


def _chosen(names: Iterable[str] | None) -> dict[str, Law]:
    known = laws()
    if names is None:
        return known
    wanted = list(names)
    for name in wanted:
        if name not in known:
            raise ValueError(f"there is no law {name!r}; {ops.suggestion(name, list(known))}")
    return {name: law for name, law in known.items() if name in wanted}


def versions() -> dict[str, str]:
    """What a verdict may depend on: Python and the packages that compute."""
    packages = {name: version(name) for name in ("numpy", "torch", "hypothesis")}
    return {"python": platform.python_version(), **packages}
