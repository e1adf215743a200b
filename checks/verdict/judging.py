"""Judges an implementation: draws problems, asks every law, and shrinks what fails to the smallest case."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np

from checks import ops
from checks.cases.few import shapes_of
from checks.cases.kinds import EVERYTHING, Among
from checks.cases.pins import pinned_values
from checks.cases.search import Failed, Stopped
from checks.cases.series import EXAMPLES, Series, Shard
from checks.cases.wide import REACH
from checks.diagnosis.illustration import illustrated, sample
from checks.diagnosis.naming import diagnose
from checks.diagnosis.seen import is_empty
from checks.laws import Law, contract, decides, laws_of, witnessed
from checks.numbers.precision import NATIVE, PRECISIONS, PROMISES
from checks.op import Op, Problem
from checks.orders.named import the_one
from checks.subjects.implementation import Implementation, Judged
from checks.subjects.isolation import TIMEOUT, Isolated, half_the_memory
from checks.subjects.loading import split
from checks.subjects.refusals import Crashed, Malformed, Unsupported
from checks.trials.beside import witness
from checks.trials.witness import HERE
from checks.verdict import where
from checks.verdict.compiled import SHAPES, first_call, is_compiled
from checks.verdict.crew import Crew, Subject
from checks.verdict.eager import compared
from checks.verdict.further import further
from checks.verdict.known import Known
from checks.verdict.notebook import watched
from checks.verdict.report import MET, Finding, Report, Verdict
from checks.verdict.tried import Progress, Tried, right_by
from checks.verdict.where import Elsewhere

MORE = 10  # times as many cases are drawn at most, where few of them are supported
SHRUNK = 10  # problems for each of few shapes, that are tried while one is shrunk
DRAWS = 3  # of small numbers, until a failure shows on them
PAST = "It depends on what was called before (see behaviour), so no single case tells more."


def judge(  # noqa: PLR0915, one step after another
    op: str,
    implementation: Any = None,
    *,
    dtype: str = "float64",
    examples: int = EXAMPLES,
    budget: float | None = None,
    seed: int | None = None,
    laws: Iterable[str] | None = None,
    strict: bool = False,
    all_kinds: bool = False,
    progress: Progress | None = None,
    timeout: float = TIMEOUT,
    memory: int | None = None,
    device: str = "cpu",
    known: Iterable[Known] = (),
    reach: int = REACH,
    accumulate: str = "",
    first: Callable[[Finding], None] | None = None,
    jobs: int | None = 1,
    shard: Shard | None = None,
    shapes: int | None = None,
    order: int = 1,
    **pinned: Any,
) -> Report:
    """Judge an implementation of an op; the report is true if nothing is broken and everything was decided.

    op              name of the op, e.g. "conv"
    implementation  a module, class or object with forward and backward; or, to be run in a process of its own, the text
                    that --impl takes, such as "mine.py:Conv" or "torch:package.module:name"; None for the reference
    dtype           "float64", "float32", "float16", through a bridge such as torch "bfloat16", or "complex128" or
                    "complex64" (orders/pairs.py): what the inputs are, and what the implementation computes in
    examples        how many cases to draw
    budget          seconds in which to try cases, in place of `examples`: as many as fit, and at least one; what fails is
                    shrunk and explained after that
    seed            repeats a run; a fresh one is drawn, and reported, if None
    laws            names of the laws to ask; all if None
    strict          count warnings, which leave the numbers right, as broken; and judge all kinds of cases
    all_kinds       count as broken what raises in whole kinds of cases (cases/kinds.py), such as three axes; else the
                    rest is judged, and the report says first what that is
    progress        called with the number of cases done; if None, a notebook shows a bar, where tqdm is installed
    timeout         seconds that a call may take, in a process of its own
    memory          bytes that its data may take there; half of the machine's if None
    device          where a bridge computes, e.g. "cuda"
    known           failures that are known (known.py): counted, and no failures
    reach           about how large an axis is made in wide cases (cases/wide.py); below 17 there are none
    accumulate      what sums of float16 and bfloat16 are promised to be kept in, "float32" or the "same" as the inputs;
                    then narrower is broken, where it is a warning if nothing is promised
    first           called once, with what is wrong in the first case in which something is, before the rest is tried
    jobs            how many processes to split the cases among, which changes nothing about the report; None: the cores, if
                    the run is seen to take longer than some 5 seconds. Of what is not named by a text, as above, 1. They
                    are spawned, so a script that asks for more has to begin with `if __name__ == "__main__":`
    shard           (k, n): try the k-th of n parts of the cases only; checks.verdict.merging.merged puts reports together
    shapes          draw from so many distinct shapes only, with many values for each: for what is compiled anew for every
                    shape. If None, 12 are drawn of what "compiled:" stands in front of, and where the first call of a shape
                    is seen to take far longer than the second
    order           2: judge its double backward, double_backward(grad_grads, grad_output, *inputs) -> one gradient for
                    grad_output and one for each input, against the reference differentiated (orders/second.py); 3: the
                    third order. Forward mode is an op by name: "conv.jvp" (orders/forward.py)
    pinned          what to hold fixed, e.g. stride=2, padding="same", kernel=(3, 5); the rest is drawn

    Raises ValueError, with what is close, for an op, law, dtype or option that does not exist and for values that no
    case can have; NotAnImplementation, a TypeError, if the implementation has no forward or backward or cannot be loaded.
    """
    op, dtype = the_one(op, order, dtype)
    judged = ops.find(op)
    chosen = _chosen(laws, judged)
    pinned = pinned_values(judged, pinned)
    _refuse_nonsense(implementation, dtype, examples, budget, accumulate, jobs, shard, shapes, seeded=seed is not None)
    until = None if budget is None else time.perf_counter() + budget
    wrapped: Judged
    if isinstance(implementation, str):
        wrapped = Isolated(judged, implementation, dtype, device, timeout, memory or half_the_memory())
        wrapped.begin()
    else:
        wrapped = Implementation.of(judged, judged.reference if implementation is None else implementation)
    wrapped = replace(wrapped, promised=accumulate) if accumulate else wrapped
    named = implementation is None or isinstance(implementation, str)
    seed = secrets.randbelow(1 << 32) if seed is None else seed
    heard = witness() if any(map(witnessed, chosen.values())) else HERE
    told = Subject(op, implementation, dtype, device, timeout, memory or half_the_memory(), accumulate, tuple(chosen))
    compiled: float | None = None
    stopped = False  # by Ctrl-C, before anything was tried

    def run(
        among: Among, first: Callable[[Finding], None] | None, *, trips: bool, many: int = examples
    ) -> tuple[Tried, Series]:
        tried = Tried(
            wrapped, chosen, progress, strict=strict, known=tuple(known), witness=heard, first=first, trips=trips
        )
        few = shapes_of(judged, pinned, dtype, shapes, seed, reach, among) if shapes else ()
        most = SHRUNK * shapes if shapes else None
        series = Series(
            judged, pinned, dtype, many, seed, reach=reach, among=among, until=until, few=few, most=most, shard=shard
        )
        # Each process would compile each shape for itself, so that others are not worth it unless somebody asks for them.
        crew = Crew(
            tried, told if named else None, jobs or (1 if shapes else None), many // (shard or (1, 1))[1], until
        )
        try:
            if stopped:
                series.interrupted = True
            else:
                series.run(crew.add)
            crew.settle(interrupted=series.interrupted or tried.tripped, late=series.late)
        finally:
            crew.close()
        return tried, series

    def find() -> tuple[Among, tuple[Elsewhere, ...]]:
        # What is known to fail has to be seen to fail, so kinds in which it raises are not left out.
        counted = all_kinds or strict or bool(known)
        is_right = right_by(wrapped, laws_of(judged))
        return where.found(wrapped, judged, pinned, dtype, seed, refusals_only=counted, is_right=is_right)

    try:
        if isinstance(wrapped, Isolated):
            wrapped.load()
        judged = wrapped.op  # without the gradients that it does not have
        pinned = {**pinned_values(judged, dict(wrapped.pins)), **pinned}
        with watched(progress, op, examples // (shard or (1, 1))[1]) as progress:  # noqa: PLR1704, a bar in its place
            shapes = SHAPES if shapes is None and is_compiled(implementation) else shapes
            if shapes is None and not wrapped.is_reference:
                try:
                    compiled = first_call(wrapped, shapes_of(judged, pinned, dtype, SHAPES, seed, reach=1))
                except KeyboardInterrupt:
                    stopped = True
                shapes = SHAPES if compiled else None
            tried, series, elsewhere = _where_it_works(run, find, first, at_once=shard is not None)
            interrupted = series.interrupted
            tried.drop_echoes()
            failures = tuple(smallest(tried, series))
            if not series.interrupted:  # Ctrl-C ends that too
                failures = tuple(compared([_explained(failure, tried) for failure in failures], tried))
    finally:
        wrapped.close()
    return tried.report(
        judged,
        series.examples if until is None else tried.done,
        seed,
        failures,
        implementation=wrapped.name,
        spec=implementation if isinstance(implementation, str) else "",
        is_reference=wrapped.is_reference,
        dtype=dtype,
        pinned={**pinned, **_said(accumulate, reach, shapes, all_kinds=all_kinds)},
        first_call=compiled,
        interrupted=interrupted,
        shards=() if shard is None else shard[:1],
        of_shards=1 if shard is None else shard[1],
        budget=budget,
        meetings=sample(judged, pinned),
        decisive=all(name in chosen for name, law in _chosen(None, judged).items() if decides(law)),
        assumed=wrapped.assumed,
        offers=wrapped.offers,
        elsewhere=elsewhere,
    )


def _where_it_works(
    run: Callable[..., tuple[Tried, Series]],
    find: Callable[[], tuple[Among, tuple[Elsewhere, ...]]],
    first: Callable[[Finding], None] | None,
    *,
    at_once: bool,
) -> tuple[Tried, Series, tuple[Elsewhere, ...]]:
    """What was tried of all cases; or, once something raises, of those kinds in which it does not always.

    Where few are supported, of more cases, up to `MORE` times as many; and of more of a kind that is doubtful (further.py).

    at_once  whether to look for these before anything is tried, so that all shards of a run try the same cases
    """
    among, elsewhere = find() if at_once else (EVERYTHING, ())
    tried, series = run(among, first, trips=not at_once)
    if tried.tripped and not series.interrupted:
        among, elsewhere = find()
        tried, series = run(among, tried.first, trips=False)
    declined = tried.unsupported.total()
    if not at_once and not series.interrupted and series.until is None and 0 < tried.cases < min(MET, declined):
        # No kind of case explains what is not supported, so what is supported has to come by chance.
        more = -(-MET * series.examples // max(1, tried.cases))
        tried, series = run(among, tried.first, trips=False, many=min(more, MORE * series.examples))
    if not at_once and not series.interrupted and series.until is None:
        further(tried, series)
    return tried, series, elsewhere


def _refuse_nonsense(
    implementation: Any,
    dtype: str,
    examples: int,
    budget: float | None,
    accumulate: str,
    jobs: int | None,
    shard: Shard | None,
    shapes: int | None,
    *,
    seeded: bool,
) -> None:
    """Raise ValueError, in a sentence, for what makes no sense."""
    if dtype not in PRECISIONS:
        raise ValueError(f"there is no dtype {dtype!r}; {ops.suggestion(dtype, list(PRECISIONS))}")
    if examples < 1:
        raise ValueError(f"examples is {examples}; expected at least 1")
    if shapes is not None and shapes < 1:
        raise ValueError(f"shapes is {shapes}; expected at least 1")
    if budget is not None and not 0 < budget < inf:
        raise ValueError(f"budget is {budget}; expected seconds, more than 0")
    if dtype not in NATIVE and not (isinstance(implementation, str) and split(implementation)[0]):
        raise ValueError(f"NumPy has no {dtype}; name an implementation in torch, such as torch:mine.py:conv")
    if accumulate not in {"", *PROMISES}:
        raise ValueError(f"accumulate is {accumulate!r}; expected {' or '.join(PROMISES)}")
    named = implementation is None or isinstance(implementation, str)
    if jobs is not None and (jobs < 1 or (jobs > 1 and not named)):
        raise ValueError(
            f"jobs is {jobs}; "
            + ("expected at least 1" if jobs < 1 else 'other processes judge what a text names, such as "mine.py:Conv"')
        )
    if shard is not None and (not seeded or not 1 <= shard[0] <= shard[1]):
        given = f"shard is {shard[0]} of {shard[1]}"
        raise ValueError(f"{given}; expected {'the seed that all shards share' if not seeded else 'one of them'}")


def _said(accumulate: str, reach: int, shapes: int | None, *, all_kinds: bool) -> dict[str, Any]:
    """What repeats a run beside what is pinned, where it is not as usual."""
    said = {
        "accumulate": (accumulate, ""),
        "reach": (reach, REACH),
        "shapes": (shapes, None),
        "all_kinds": (all_kinds, False),
    }
    return {name: value for name, (value, usual) in said.items() if value != usual}


def smallest(tried: Tried, series: Series | None) -> Iterable[Finding]:
    """For each result that is broken, the finding of the sharpest law that broke it, on the smallest case there is.

    A law that holds takes nothing back of what another says is broken. `exact` speaks of whole numbers, `finite_difference`
    of another cotangent; `agreement` rests on the reference, of which the laws after it are the proof: where what is judged
    is the reference, it compares that with itself.

    series  what simpler cases are drawn as; None: there are none
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
        for finding in _shrunk(law, smallest, tried, series, empty=empty):
            if _size(finding) <= _size(smallest):
                smallest = finding
        stopped = series is not None and series.interrupted  # by Ctrl-C: then nothing more is called
        yield smallest if stopped else tried.located(_readable(smallest, law, tried))


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
        except (Unsupported, Stopped):  # Stopped: its process ended too often to be started again
            break
        for other in found:
            if other.verdict is Verdict.BROKEN and other.result == finding.result and not other.crashed:
                return other
    return finding


def _shrunk(
    law: Mapping[str, Law], found: Finding, tried: Tried, series: Series | None, *, empty: bool
) -> list[Finding]:
    """Findings of this law on this result while Hypothesis shrinks, in order; `empty`: of what has no elements too.

    Where nothing that it draws fails, problems with the parameters of what was found are drawn.
    """
    seen: list[Finding] = []

    def visit(problem: Problem) -> None:
        if is_empty(problem) and not empty:
            return
        try:
            asked = tried.ask(law, problem)
        except Unsupported:
            return
        fits = [f for f in asked if f.verdict is Verdict.BROKEN and f.result == found.result]
        seen.extend(fits)
        if fits:
            raise Failed

    for near in (None, found.problem):
        if series and not seen and not series.interrupted:  # Ctrl-C ends it too, with what was found so far
            series.shrink(visit, near)
    return seen


def _size(finding: Finding) -> tuple[int, int, float]:
    problem = finding.problem
    unusual = sum(value != problem.op.takes.defaults[name] for name, value in problem.parameters.items())
    return problem.elements, unusual, abs(finding.expected or 0.0)


def _is_combined(result: str) -> bool:
    return " + " in result or "=" in result


def _chosen(names: Iterable[str] | None, op: Op) -> dict[str, Law]:
    known = laws_of(op)
    if names is None:
        return known
    wanted = list(names)
    for name in wanted:
        if name not in known:
            raise ValueError(f"there is no law {name!r}; {ops.suggestion(name, list(known))}")
    return {name: law for name, law in known.items() if name in wanted}
