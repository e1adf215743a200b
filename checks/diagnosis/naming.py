"""Names the mistake behind a wrong result: what it computed, told from what the known mistakes compute in the same cases.

A mistake is named if, in every case looked at, it gives what the implementation gave, to within rounding, and not what is
right in all of them; one that makes y a wrong one is none where y is right. Of several the first is taken that would not
show where the result is right: a kernel that is not turned is wrong in every case, one whose flip is ignored in some.
Where none does, something simple (a factor, a shift) that was done to the right result is looked for, or to what a mistake
computes; then two mistakes at once. In any case: which values of a parameter the result is wrong for, and which elements
(whereabouts.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, combinations

from checks.diagnosis import narrow, sizes, whereabouts
from checks.diagnosis.changes import change, is_zero
from checks.diagnosis.parts import Parts
from checks.diagnosis.seen import Seen, is_empty, runs
from checks.numbers.precision import Array
from checks.op import Mistake, Op, Problem
from checks.ops._mistakes import by_accident_of_shape, general
from checks.subjects.implementation import Judged
from checks.trials.exhibit import Sized
from checks.trials.finding import Finding, Verdict

CASES = 6  # that a mistake has to explain, beside the smallest one
NOTHING = "It is 0 everywhere."
EMPTY = "Only an empty batch is wrong: of no samples every sum is 0, and a mean is no number."
LARGE = 1 << 14
LOST = "It loses digits that formulas in use keep; on the usual numbers it is right."
ELSEWHERE = ("contract", "digits")  # laws that ask about other memory, or other numbers, where all else is right
UNKNOWN = "None of the known mistakes computes this."


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong, in words.

    mistake      the name of a known one, of two ("… and …"), of one and what was done beside it, or ""
    explanation  a sentence about it, or about what else is known
    source       document and equation that it breaks
    where        the parameter values, or the elements, that are wrong where others are right
    sizes        along each axis whose size matters, for which sizes it is wrong
    """

    mistake: str = ""
    explanation: str = ""
    source: str = ""
    where: str = ""
    sizes: tuple[Sized, ...] = ()


def diagnose(failure: Finding, findings: Iterable[Finding], implementation: Judged, reference: Judged) -> Diagnosis:
    """What is wrong with the result of this failure, given all findings of the run."""
    same = [f for f in findings if f.result == failure.result and f.law == failure.law]
    broken = [f.problem for f in same if f.verdict is Verdict.BROKEN]
    right = [f.problem for f in same if f.verdict is Verdict.HOLDS and not is_empty(f.problem)]
    if is_empty(failure.problem):  # the smallest that fails, and so all that does
        return Diagnosis(explanation=EMPTY)
    also_empty = any(map(is_empty, broken))
    broken = [problem for problem in broken if not is_empty(problem)]
    problems = [*_unlike(broken), failure.problem]
    asked = runs(failure.law, problems, implementation, reference, failure.note)
    seen = [Seen.of(failure.result, run) for run in asked]

    @cache
    def holding() -> list[Seen]:
        usual = _unlike(problem for problem in right if not problem.kind)
        return [Seen.of(failure.result, run) for run in runs(failure.law, usual, implementation, reference)]

    if failure.law in ELSEWHERE:
        return _elsewhere(failure, seen)
    diagnosis = _mistake(failure.problem.op.mistakes, seen, holding)
    unnamed = not diagnosis.mistake and diagnosis.explanation in {UNKNOWN, NOTHING}
    if not seen:
        return diagnosis
    smallest = seen[-1], failure.result, failure.law
    part = Parts(*smallest)
    by_size, sized = sizes.described(*smallest, unnamed=unnamed)
    remark = "an empty batch is wrong too" if also_empty else ""
    if by_size:
        told = [by_size]
        # What stands in the part that is wrong says more; so it does than a mistake that would show where all is right.
        if unnamed or (part.is_certain and _is_refuted(diagnosis, failure.problem.op, holding)):
            diagnosis = Diagnosis()
    else:
        told = _where(failure, broken, right, seen, part if unnamed else None)
    diagnosis = replace(diagnosis, where="; ".join(filter(None, [*told, remark])), sizes=sized)
    if failure.note and diagnosis.explanation == UNKNOWN:
        return replace(diagnosis, explanation="")  # what the law says of it is better
    return diagnosis


def _elsewhere(failure: Finding, seen: Sequence[Seen]) -> Diagnosis:
    """Of what is right on the usual numbers in the usual memory: no mistake, which would show there as well.

    Of code that reads memory wrongly from some size on, which that is.
    """
    if failure.law == "digits":
        return Diagnosis(explanation="" if failure.note else LOST)
    if not seen:
        return Diagnosis()
    by_size, sized = sizes.described(seen[-1], failure.result, failure.law, unnamed=False, note=failure.note)
    return Diagnosis(where=by_size, sizes=sized)


def _where(
    failure: Finding, broken: Sequence[Problem], right: Sequence[Problem], seen: Sequence[Seen], part: Parts | None
) -> list[str]:
    """The parameter values, and the elements, that are wrong where others are right; the part, if no mistake is known."""
    name = failure.result.removeprefix("grad_")
    samples = failure.result == "y" or name in failure.problem.samples
    unlike = {one.run.problem.identity: one for one in seen}.values()
    found = [whereabouts.Found(one.actual, one.right, one.wrong) for one in unlike]
    elements = whereabouts.elements(found, samples=samples)
    if not elements and part is not None and not seen[-1].wrong.all():
        elements = part.told()
    return [whereabouts.parameters(broken, right), elements]


def _is_refuted(diagnosis: Diagnosis, op: Op, holding: Callable[[], Sequence[Seen]]) -> bool:
    """Whether the mistake that is named would have shown in cases in which the result is right."""
    known = (*op.mistakes, *by_accident_of_shape(), *general())
    return any(one.refutes(mistake) for mistake in known if mistake.name == diagnosis.mistake for one in holding())


def _unlike(problems: Iterable[Problem]) -> list[Problem]:
    """A few that differ in what the report counts as tried: mistakes that are alike for one scale are not for another.

    Of those that show as many values that no other has shown yet the largest is taken: the larger a case, the fewer
    mistakes look alike in it. Beyond `LARGE` none does by accident, and every mistake takes its time.
    """
    left = sorted({p.identity: p for p in problems}.values(), key=lambda p: (p.elements > LARGE, -p.elements))
    tried = {p.identity: {(n, v) for n, values in p.tried.items() for v in values} for p in left}
    chosen: list[Problem] = []
    shown: set[tuple[str, object]] = set()
    while left and len(chosen) < CASES:
        new = max(left, key=lambda p: len(tried[p.identity] - shown))  # the first of these, so the largest
        left.remove(new)
        chosen.append(new)
        shown |= tried[new.identity]
    return chosen


def _mistake(specific: Sequence[Mistake], seen: Sequence[Seen], holding: Callable[[], Sequence[Seen]]) -> Diagnosis:
    """The simplest of what explains every case: a precision, a mistake, a change, a mistake and a change, two mistakes."""
    if not seen:
        return Diagnosis()
    if precision := narrow.computed_in(seen):
        return Diagnosis(narrow.NAME, narrow.sentence(precision))
    if inputs := narrow.partly(seen):
        return Diagnosis(narrow.NAME, inputs)
    # What comes out by accident of shape alone goes first: where shapes are as they have to be, others compute the same.
    known = (*by_accident_of_shape(), *specific, *general())
    small_first = sorted(seen, key=lambda one: one.run.problem.elements)  # which tell most mistakes off, in less time

    def is_denied(mistake: Mistake) -> bool:
        return any(one.denies(mistake) for one in small_first)

    explaining = (mistake for mistake in known if _explains(mistake, small_first) and not is_denied(mistake))
    if first := next(explaining, None):
        likely = (mistake for mistake in chain((first,), explaining) if not any(o.refutes(mistake) for o in holding()))
        mistake = next(likely, first)
        return Diagnosis(mistake.name, mistake.explanation, mistake.source)
    beside = [one.pair(one.right) for one in seen]
    done = NOTHING if is_zero(beside) else change(beside)
    if done:
        return Diagnosis(explanation=done if done == NOTHING else f"It is the right one {done}.")
    computed = {m: arrays for m in known if not is_denied(m) and (arrays := _computed(m, seen))}
    return next(_composed(computed, specific, seen), Diagnosis(explanation=UNKNOWN))


def _composed(
    computed: Mapping[Mistake, list[Array]], specific: Sequence[Mistake], seen: Sequence[Seen]
) -> Iterator[Diagnosis]:
    """A mistake and what was done to it, or two mistakes, given what each of them computes in every case."""
    for mistake, arrays in computed.items():
        if mistake in specific and (done := change([one.pair(a) for one, a in zip(seen, arrays, strict=True)])):
            yield Diagnosis(f"{mistake.name}, and {done}", mistake.explanation, mistake.source)
    for first, second in combinations(computed, 2):
        if all(map(Seen.is_like_both, seen, computed[first], computed[second])):
            sources = dict.fromkeys((first.source, second.source))
            yield Diagnosis(
                f"{first.name}, and {second.name}", f"{first.explanation} {second.explanation}", "; ".join(sources)
            )


def _explains(mistake: Mistake, seen: Sequence[Seen]) -> bool:
    """Whether the mistake computes what the implementation did, in every case, and can be told from none in some."""
    shows = False
    for one in seen:
        computed = one.made_by(mistake)
        if computed is None or not one.is_like(computed):
            return False
        shows |= one.tells(computed)
    return shows


def _computed(mistake: Mistake, seen: Sequence[Seen]) -> list[Array] | None:
    """What the mistake makes of this result in each case; None if that cannot be told from the right one in any."""
    arrays = []
    for one in seen:
        computed = one.made_by(mistake)
        if computed is None:
            return None
        arrays.append(computed)
    return arrays if any(one.tells(a) for a, one in zip(arrays, seen, strict=True)) else None
