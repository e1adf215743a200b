"""What a failure is shown with beside words: both formulas of its element, who meets whom, and the numbers of a case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from checks.algebra.expression import Element, Sum, tree
from checks.algebra.polynomial import Polynomial
from checks.cases.pins import small_problem
from checks.diagnosis.seen import runs
from checks.formulas import truth
from checks.formulas.asking import comparable
from checks.formulas.notation import Notation, notation, plain
from checks.formulas.probing import recovered
from checks.formulas.writing import derivative, text
from checks.numbers.bounds import Bound
from checks.numbers.precision import Array
from checks.op import Op, Problem
from checks.subjects.implementation import Judged
from checks.subjects.refusals import Crashed, Malformed, Unsupported
from checks.trials.exhibit import Compared, Exhibit, Meetings, Numbers
from checks.trials.finding import Finding
from checks.trials.trial import Run

MOST_TERMS = 8  # that are shown in a line
MOST_NUMBERS = 300  # of an array that is shown as a picture
MOST_DRAWN = 25  # of an array whose elements are drawn one by one
ENOUGH = 4  # elements of a result, for a picture to show where it is wrong
TRIED = 12  # problems, until one is found in which the element is wrong
FLAT = 4  # axes of what can be drawn so: samples, channels and two more


def illustrated(failure: Finding, broken: Sequence[Problem], implementation: Judged, reference: Judged) -> Finding:
    """The failure with its pictures, as far as there are any; `broken` are the problems in which its law is broken too.

    Maps and figure are of one case: the smallest, where it has enough elements for a picture of what is wrong, else one
    with its parameters in the sizes in which the documents draw, else the largest that can be drawn so, or shown as maps.
    """
    smallest = failure.problem
    seen = None
    if failure.index is not None and smallest.op.derivative is None:
        seen = meetings(smallest, failure.result, failure.index, implementation, reference)
    if seen is not None and seen.yours is not None:
        failure = _with_formulas(failure, seen, seen.yours)
    if smallest.op.derivative is not None:
        return replace(failure, exhibit=exhibit(failure, [smallest, *broken], MOST_NUMBERS, implementation, reference))
    enough = [smallest] if _is_drawable(smallest) and _elements(smallest, failure.result) >= ENOUGH else []
    flat = [p for p in broken if _is_flat(p)]
    for drawn in (enough, _as_documents_draw(smallest), flat):
        shown = exhibit(failure, drawn, MOST_DRAWN, implementation, reference)
        if shown is not None and shown.problem.elements >= smallest.elements:
            return replace(failure, exhibit=shown, meetings=_met(failure, shown, seen, implementation, reference))
    shown = exhibit(failure, broken, MOST_NUMBERS, implementation, reference)
    return replace(failure, meetings=seen, exhibit=shown)


def _met(
    failure: Finding, shown: Exhibit, seen: Meetings | None, implementation: Judged, reference: Judged
) -> Meetings | None:
    """Who meets the worst element of the case that is shown, if that can be told, else what was seen in the smallest."""
    if shown.problem.identity == failure.problem.identity and shown.index == failure.index:
        return seen
    return meetings(shown.problem, failure.result, shown.index, implementation, reference) or seen


def _with_formulas(failure: Finding, seen: Meetings, yours: Polynomial) -> Finding:
    """With both formulas of its element, in code's names and in the documents' letters."""
    problem, array = failure.problem, failure.result.removeprefix("grad_")
    both = yours, seen.formulas[seen.index]
    code, letters = plain(problem.op), notation(problem)
    one, other = (in_line(problem, polynomial, code) for polynomial in both)
    element = text(Element(array, seen.index), letters) if array == "y" else derivative(array, seen.index, letters)[0]
    lettered = (element, *(in_line(problem, polynomial, letters) for polynomial in both))
    return replace(failure, yours=one, right=other, letters=lettered)


def _elements(problem: Problem, result: str) -> int:
    return prod(problem.shape(result.removeprefix("grad_"))) if result.removeprefix("grad_") in problem.shapes else 0


def sample(op: Op, pinned: Mapping[str, Any]) -> Meetings | None:
    """Who meets the middle of the first input in a small problem in which the pinned values hold, if it can be drawn."""
    if op.told.formula is not None or op.derivative is not None:
        return None
    try:
        problem = small_problem(op, pinned, bias=False)
        right = truth.polynomials(problem, problem.present[0]) if _is_drawable(problem) else {}
    except ValueError:
        return None
    array = problem.present[0]
    middle = tuple(size // 2 for size in problem.shape(array))
    return Meetings(problem, f"grad_{array}", middle, right) if right else None


def _as_documents_draw(problem: Problem) -> list[Problem]:
    """A problem with these parameters in sizes that fit on a page, if there is one."""
    options = {option.name for option in problem.op.takes.options}
    alike = {"dims": len(problem.shape("y")) - 2, **problem.parameters}
    pinned = {name: value for name, value in alike.items() if name in options and isinstance(value, int | str)}
    try:
        return [replace(small_problem(problem.op, pinned, bias=False), dtype=problem.dtype)]
    except ValueError:
        return []


def _is_drawable(problem: Problem) -> bool:
    return _is_flat(problem) and all(prod(problem.shape(name)) <= MOST_DRAWN for name in (*problem.present, "y"))


def _is_flat(problem: Problem) -> bool:
    """Whether its arrays are few grids of two axes."""
    shape = problem.shape("y")
    return shape[:1] == (1,) and len(shape) <= FLAT


def meetings(
    problem: Problem, result: str, index: tuple[int, ...], implementation: Judged, reference: Judged
) -> Meetings | None:
    """Who meets whom in a small case; None for what is no polynomial, or has too many terms to be shown."""
    array = result.removeprefix("grad_")
    right = comparable(problem, array, reference)
    if right is None:
        return None
    try:
        theirs = recovered(implementation, problem, array, near=right)
    except (Crashed, Malformed, Unsupported):  # on the numbers that it was asked for
        theirs = None
    return Meetings(problem, result, index, right, None if theirs is None else theirs[index])


def in_line(problem: Problem, polynomial: Polynomial, names: Notation) -> str:
    """The polynomial in these names, its first terms."""
    whole = tree(polynomial, truth.places(problem))
    if isinstance(whole, Sum) and len(whole.terms) > MOST_TERMS:
        return f"{text(Sum(whole.terms[:MOST_TERMS]), names)} + …"
    return text(whole, names)


def exhibit(
    failure: Finding, broken: Sequence[Problem], most: int, implementation: Judged, reference: Judged
) -> Exhibit | None:
    """The largest case in which no array has more numbers than this, with every result as it came and as it should be.

    On small whole numbers where it is wrong on these too: they show what was done to them.
    """
    fits = [p for p in broken if all(0 < prod(p.shape(name)) <= most for name in (*p.present, "y"))]
    for problem in sorted({p.identity: p for p in fits}.values(), key=lambda p: -p.elements)[:TRIED]:
        for run in _runs(failure.law, problem, implementation, reference):
            compared = {name: _compared(actual, right, run.bound(name), run) for name, actual, right in run.results()}
            worst = _worst(compared[failure.result]) if failure.result in compared else None
            if worst is not None:
                return Exhibit(run.problem, failure.result, worst, compared)
    return None


def _runs(law: str, problem: Problem, implementation: Judged, reference: Judged) -> Iterator[Run]:
    """The problem on small whole numbers, if it has such cases, and then as the law asked it."""
    if problem.op.kind.degree is not None:
        yield from runs("exact", [replace(problem, small=True, exponents={})], implementation, reference)
    if law != "exact" or not problem.small:
        yield from runs(law, [problem], implementation, reference)


def _compared(actual: Array, right: Array, bound: Bound, run: Run) -> Compared:
    exact = run.case.whole and run.problem.largest > 0
    allowed = np.zeros(np.shape(right)) if exact else np.broadcast_to(bound.elementwise, np.shape(right))
    return Compared(_numbers(actual), _numbers(right), _numbers(allowed))


def _numbers(array: Array) -> Numbers:
    wide = np.asarray(array, np.float64)
    return Numbers(wide.shape, tuple(wide.ravel().tolist()))


def _worst(compared: Compared) -> tuple[int, ...] | None:
    """The element that is off by the largest share of what is allowed; None if all are right."""
    yours, right, allowed = (np.array(n.values) for n in (compared.yours, compared.right, compared.allowed))
    with np.errstate(invalid="ignore", divide="ignore"):
        off = np.where(yours == right, 0.0, np.abs(yours - right))
        share = np.where(off <= allowed, 0.0, np.where(np.isnan(off), np.inf, off / allowed))
        size = np.where(share > 0, np.where(np.isnan(off), np.inf, off), 0.0)
    if not share.any():
        return None
    worst = int(np.lexsort((size, share))[-1])
    return tuple(int(i) for i in np.unravel_index(worst, compared.right.shape))
