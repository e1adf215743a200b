"""Judges an implementation: draws problems, asks every law, and shrinks what fails to the smallest case."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import inf
from typing import Any

from checks import ops
from checks.cases.few import shapes_of
from checks.cases.pins import pinned_values
from checks.cases.series import EXAMPLES, Shard
from checks.cases.wide import REACH
from checks.diagnosis.illustration import sample
from checks.laws import Law, decides, laws_of, witnessed
from checks.numbers.precision import NATIVE, PRECISIONS, PROMISES
from checks.op import Op
from checks.orders.named import the_one
from checks.subjects.implementation import Implementation, Judged
from checks.subjects.isolation import TIMEOUT, Isolated, half_the_memory
from checks.subjects.loading import split
from checks.trials.beside import witness
from checks.trials.witness import HERE
from checks.verdict.compiled import SHAPES, first_call, is_compiled
from checks.verdict.crew import Subject
from checks.verdict.known import Known
from checks.verdict.notebook import watched
from checks.verdict.report import Finding, Report
from checks.verdict.run import Run
from checks.verdict.smallest import explained
from checks.verdict.tried import Progress


def judge(
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
    memory = memory or half_the_memory()
    spec = implementation if isinstance(implementation, str) else None
    wrapped: Judged
    if spec is not None:
        wrapped = Isolated(judged, spec, dtype, device, timeout, memory)
        wrapped.begin()
    else:
        wrapped = Implementation.of(judged, judged.reference if implementation is None else implementation)
    wrapped = replace(wrapped, promised=accumulate) if accumulate else wrapped
    is_named = implementation is None or spec is not None
    told = Subject(op, spec, dtype, device, timeout, memory, accumulate, tuple(chosen)) if is_named else None
    seed = secrets.randbelow(1 << 32) if seed is None else seed
    heard = witness() if any(map(witnessed, chosen.values())) else HERE
    first_took: float | None = None
    stopped = False
    try:
        if isinstance(wrapped, Isolated):
            wrapped.load()
        judged = wrapped.op  # without the gradients that it does not have
        pinned = {**pinned_values(judged, dict(wrapped.pins)), **pinned}
        with watched(progress, op, examples // (shard or (1, 1))[1]) as progress:  # noqa: PLR1704, a bar in its place
            shapes = SHAPES if shapes is None and is_compiled(implementation) else shapes
            if shapes is None and not wrapped.is_reference:
                try:
                    first_took = first_call(wrapped, shapes_of(judged, pinned, dtype, SHAPES, seed, reach=1))
                except KeyboardInterrupt:
                    stopped = True
                shapes = SHAPES if first_took else None
            run = Run(
                judged,
                wrapped,
                chosen,
                pinned,
                dtype,
                examples,
                seed,
                reach,
                shapes,
                shard,
                until,
                jobs,
                progress,
                strict=strict,
                known=tuple(known),
                witness=heard,
                told=told,
                # What is known to fail has to be seen to fail, so kinds in which it raises are not left out.
                counted=all_kinds or strict or bool(known),
                stopped=stopped,
            )
            tried, series, elsewhere = run.where_it_works(first)
            failures = explained(tried, series)
    finally:
        wrapped.close()
    return tried.report(
        judged,
        series.examples if until is None else tried.done,
        seed,
        failures,
        implementation=wrapped.name,
        spec=spec or "",
        is_reference=wrapped.is_reference,
        dtype=dtype,
        pinned={**pinned, **_said(accumulate, reach, shapes, all_kinds=all_kinds)},
        first_call=first_took,
        interrupted=series.interrupted,
        shards=() if shard is None else shard[:1],
        of_shards=1 if shard is None else shard[1],
        budget=budget,
        meetings=sample(judged, pinned),
        decisive=all(name in chosen for name, law in _chosen(None, judged).items() if decides(law)),
        assumed=wrapped.assumed,
        offers=wrapped.offers,
        elsewhere=elsewhere,
    )


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


def _chosen(names: Iterable[str] | None, op: Op) -> dict[str, Law]:
    known = laws_of(op)
    if names is None:
        return known
    wanted = list(names)
    for name in wanted:
        if name not in known:
            raise ValueError(f"there is no law {name!r}; {ops.suggestion(name, list(known))}")
    return {name: law for name, law in known.items() if name in wanted}
