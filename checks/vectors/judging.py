"""A verdict on what foreign code answered: every test that the manifest counts, or it is not right.

What is asked for to the last bit is `exact`, what has a bound `agreement`, what has several right answers `kinks`, as in
any run. A test that was not answered is one where it failed, one that was refused is not decided. Two things are warned
of, as elsewhere: NaN and infinity that go astray, and subnormal numbers that the machine flushes to 0. Arithmetic that
transforms (FFT, Winograd) is off by rounding on whole numbers too; where no more is seen, nothing is decided. Nor is it of
sums that run on along whole axes, and of Strassen's products, which lose what only a bound of all elements covers: code
cannot be asked whether it keeps any (trials/running.py), but what rounding does falls to both sides.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from checks.diagnosis.illustration import illustrated
from checks.diagnosis.naming import diagnose
from checks.numbers.precision import Array
from checks.subjects.implementation import Implementation
from checks.subjects.refusals import Unsupported
from checks.trials.sides import VOTES
from checks.trials.trial import Run
from checks.vectors import files
from checks.vectors.answers import Answered, Answers, Malformed, numbers, read
from checks.vectors.pool import ODD, SEED, mistakes
from checks.vectors.vector import BOUNDED, ONCE, Expected, Given, Vector
from checks.vectors.within import excess, underflows
from checks.verdict.decisions import Decision, Decisions
from checks.verdict.report import Finding, Report, Verdict
from checks.verdict.tally import Tally
from checks.verdict.tried import versions

LAWS = ("exact", "agreement", "kinks", "contract")
REFUSED = "tests that it refused"
ASTRAY = "NaN and infinity are not where the mathematics puts them"
FLUSHED = "subnormal numbers are flushed to 0, or lose bits"
RUNS_ON = "sums that run on along an axis, or something is slightly wrong"
INEXACT = "inexact arithmetic: whole numbers come out only after rounding"


def judged(path: Path, folder: Path, again: str) -> Iterator[Report]:
    """A report on the answers to each op; raises ValueError, in a sentence, for what cannot be judged."""
    entries = files.entries_in(folder)
    for answers in read(path):
        if answers.op.name not in entries:
            raise ValueError(f"{folder} has no vectors of {answers.op.name}; it has those of {', '.join(entries)}")
        told = entries[answers.op.name]
        large = [v for v in files.large_of(folder, answers.op.name, told) if v.id in answers.tests]
        yield report(answers, [*files.vectors_of(folder, answers.op.name, told), *large], again)


def report(answers: Answers, vectors: Sequence[Vector], again: str) -> Report:
    """The report on these answers."""
    started, op = time.perf_counter(), answers.op
    asked = [_in(answers.dtype, v) for v in vectors if answers.dtype in v.dtypes]
    unknown = sorted(set(answers.tests) - {v.id for v in vectors})
    if unknown:
        raise ValueError(f"there is no test {unknown[0]} of {op.name}; its tests are 1 to {vectors[-1].id}")
    findings: list[Finding] = []
    refused: Counter[str] = Counter()
    coverage: dict[str, Counter[str]] = {}
    decisions = Decisions(LAWS[:3])
    answered = Answered(op, answers.name)
    for vector in asked:
        answer = answers.tests.get(vector.id)
        if answer is not None and "unsupported" in answer:
            refused[str(answer["unsupported"])] += 1
            continue
        found = list(_found(vector, answer, answered, answers.dtype))
        findings += found
        if ODD not in vector.edges:
            decisions.add(vector.problem, found)
        for label, values in vector.problem.tried.items():
            coverage.setdefault(label, Counter()).update(map(str, values))
    answered.explain(asked, mistakes(op))
    missing = (Decision(REFUSED, "", 0, refused.total()),) if refused else ()
    return Report(
        op=op,
        implementation=answers.name,
        is_reference=False,
        dtype=answers.dtype,
        pinned={},
        examples=len(asked),
        seed=SEED,
        laws=LAWS,
        cases=len(asked) - refused.total(),
        tally=Tally.counted(findings),
        findings=tuple(findings),
        failures=tuple(_failures(findings, answered)),
        unsupported=dict(refused),
        coverage={label: dict(values) for label, values in coverage.items()},
        misses=(),
        versions=versions(),
        seconds=time.perf_counter() - started,
        again=again,
        decisions=(*decisions.counted, *missing),
        decisive=True,
    )


def _in(dtype: str, vector: Vector) -> Vector:
    """The vector as it is asked in this dtype."""
    return replace(vector, problem=replace(vector.problem, dtype=dtype))


def _found(vector: Vector, answer: Mapping[str, object] | None, answered: Answered, dtype: str) -> Iterator[Finding]:
    """What is found of the answer to one test."""
    law = "agreement" if vector.sums == BOUNDED else "exact"
    if answer is None:
        note = f"test {vector.id} was not answered"
        yield Finding(law, "", Verdict.BROKEN, vector.problem, note=note, crashed=True)
        return
    try:
        results = {name: numbers(answer, name, asked.values) for name, asked in vector.results.items()}
    except Malformed as wrong:
        yield Finding(law, "", Verdict.BROKEN, vector.problem, note=f"test {vector.id}: {wrong}")
        return
    answered.add(vector, results)
    for name, actual in results.items():
        yield _finding(vector, name, actual, law, dtype)


def _finding(vector: Vector, name: str, actual: Array, law: str, dtype: str) -> Finding:
    asked, problem = vector.results[name], vector.problem
    share = excess(actual, asked, dtype, vector.sums)
    law = "kinks" if asked.choices else law
    sees = 0.0 if vector.sums != BOUNDED else None
    if not share.size:
        return Finding(law, name, Verdict.HOLDS, problem, sees=sees)
    at = tuple(map(int, np.unravel_index(int(np.argmax(share)), share.shape)))
    stored = np.asarray(vector.stored(name, dtype), np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        error = float(np.abs(actual - stored)[at])
    found = Finding(
        law,
        name,
        Verdict.BROKEN if share[at] > 1 else Verdict.HOLDS,
        problem,
        error=error if np.isfinite(error) or share[at] > 1 else 0.0,
        bound=float(asked.bounds[dtype][at]) if asked.bounds else 0.0,
        index=at if share.ndim else None,
        actual=float(actual[at]),
        expected=float(stored[at]),
        sees=sees,
    )
    if found.verdict is Verdict.HOLDS:
        return found if asked.bounds else replace(found, error=0.0)
    return _excused(vector, replace(found, **_choice(asked, actual, at)), actual, stored)


def _choice(asked: Expected, actual: Array, at: tuple[int, ...]) -> dict[str, Any]:
    """Where several gradients are right: the number that is too much or too little, the sum of shares if it is that."""
    flat = actual.ravel()
    element = int(np.ravel_multi_index(at, actual.shape)) if at else 0
    for choice in asked.choices:
        if element in choice.elements:
            place = choice.elements.index(element)
            low, high, given = choice.low[place], choice.high[place], float(flat[element])
            if low <= given <= high and choice.total is not None:
                total = float(flat[list(choice.elements)].sum())
                return {"index": None, "actual": total, "expected": choice.total, "error": abs(total - choice.total)}
            nearest = min(max(given, low), high)
            return {"expected": nearest, "error": abs(given - nearest)}
    return {}


def _excused(vector: Vector, found: Finding, actual: Array, stored: Array) -> Finding:
    """A warning, or nothing decided, where that is all that may be said."""
    if ODD in vector.edges:
        return Finding("contract", "behaviour", Verdict.WARNING, found.problem, note=ASTRAY)
    if underflows(vector, actual, found.result, vector.problem.dtype):
        return Finding("contract", "behaviour", Verdict.WARNING, found.problem, note=FLUSHED)
    problem, rounds = vector.problem, vector.problem.op.rounds
    transformed = found.law == "exact" and rounds.telling is not None
    may_run_on = found.law != "kinks" and rounds.running is not None
    if vector.sums == ONCE or vector.scale or not (transformed or may_run_on):
        return found
    reference = Implementation.of(problem.op, problem.op.reference)
    bound = Run(problem, reference, reference, vector.case).bound(found.result).normwise
    with np.errstate(invalid="ignore"):
        noise = bool(np.all(np.abs(actual - stored) <= bound))
    if not noise or not (transformed or _falls_to_both_sides(vector, found.result, actual, stored)):
        return found
    return replace(found, verdict=Verdict.UNDECIDED, sees=None, note=INEXACT if found.law == "exact" else RUNS_ON)


def _falls_to_both_sides(vector: Vector, name: str, actual: Array, stored: Array) -> bool:
    """Whether several elements that are off by more than their own bound are too large, and several too small."""
    bounds = vector.results[name].bounds
    error = actual - stored
    side = (error * stored)[np.abs(error) > (bounds[vector.problem.dtype] if bounds else 0.0)]
    return bool(min(np.count_nonzero(side > 0), np.count_nonzero(side < 0)) >= VOTES)


def _failures(findings: Sequence[Finding], answered: Answered) -> Iterator[Finding]:
    """For each result that is wrong the smallest test in which it is, explained as far as that can be."""
    broken = [f for f in findings if f.verdict is Verdict.BROKEN]
    if any(f.result == "y" for f in broken):
        broken = [f for f in broken if f.law != "kinks"]
    for result in dict.fromkeys(f.result for f in sorted(broken, key=lambda f: f.result not in {"", "y"})):
        those = [f for f in broken if f.result == result]
        law = min((f.law for f in those), key=LAWS.index)
        failure = min((f for f in those if f.law == law), key=lambda f: f.problem.elements)
        yield _explained(failure, findings, those, answered)


def _explained(failure: Finding, findings: Iterable[Finding], those: Sequence[Finding], answered: Answered) -> Finding:
    """The failure with the mistake behind it, both formulas and pictures, where they can be told; and which test it is."""
    problem = failure.problem
    test = f"{problem.named} of {problem.op.name}.json" if isinstance(problem, Given) else ""
    if not failure.result:
        return failure
    reference = Implementation.of(problem.op, problem.op.reference)
    plain = [f for f in findings if not _is_scaled(f)]
    with np.errstate(all="ignore"), suppress(Unsupported):
        failure = replace(failure, **vars(diagnose(failure, plain, answered, reference)))
        failure = illustrated(failure, [f.problem for f in those if not _is_scaled(f)], answered, reference)
    return replace(failure, where="; ".join(filter(None, (failure.where, test))))


def _is_scaled(finding: Finding) -> bool:
    """Whether the numbers of the test are so large, or small, that a mistake is not told by them."""
    case = finding.problem.given if isinstance(finding.problem, Given) else None
    arrays = [] if case is None else [np.abs(a[a != 0]) for a in case.inputs if a is not None]
    return any(a.size and (not np.all(np.isfinite(a)) or a.max() > 2.0**60 or a.min() < 2.0**-60) for a in arrays)
