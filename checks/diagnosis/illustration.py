"""What a failure is shown with beside words: both formulas of its element, who meets whom, and the numbers of a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from checks.algebra.expression import Sum, tree
from checks.algebra.polynomial import Polynomial
from checks.cases.pins import small_problem
from checks.diagnosis.seen import runs
from checks.formulas import truth
from checks.formulas.asking import comparable
from checks.formulas.notation import plain
from checks.formulas.probing import recovered
from checks.formulas.writing import text
from checks.numbers.bounds import Bound
from checks.numbers.precision import Array
from checks.op import Op, Problem
from checks.subjects.implementation import Crashed, Judged, Malformed, Unsupported
from checks.trials.exhibit import Compared, Exhibit, Meetings, Numbers
from checks.trials.finding import Finding
from checks.trials.trial import Run

MOST_TERMS = 8  # that are shown in a line
MOST_NUMBERS = 300  # of an array that is shown as a picture
MOST_DRAWN = 25  # of an array whose elements are drawn one by one
TRIED = 12  # problems, until one is found in which the element is wrong
FLAT = 4  # axes of what can be drawn so: samples, channels and two more


def illustrated(failure: Finding, broken: Sequence[Problem], implementation: Judged, reference: Judged) -> Finding:
    """The failure with its pictures, as far as there are any; `broken` are the problems in which its law is broken too."""
    shown = exhibit(failure, broken, MOST_NUMBERS, implementation, reference)
    seen = None
    if failure.index is not None:
        seen = meetings(failure.problem, failure.result, failure.index, implementation, reference)
    if seen is not None and seen.yours is not None:
        yours, right = (in_line(failure.problem, p) for p in (seen.yours, seen.formulas[seen.index]))
        failure = replace(failure, yours=yours, right=right)
    for drawn in (_as_documents_draw(failure.problem), [p for p in broken if _is_flat(p)]):
        larger = exhibit(failure, drawn, MOST_DRAWN, implementation, reference)
        if larger is not None and larger.problem.elements > failure.problem.elements:
            seen = meetings(larger.problem, failure.result, larger.index, implementation, reference) or seen
            break
    return replace(failure, meetings=seen, exhibit=shown)


def sample(op: Op, pinned: Mapping[str, Any]) -> Meetings | None:
    """Who meets the middle of the first input in a small problem in which the pinned values hold, if it can be drawn."""
    if op.told.formula is not None:
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


def in_line(problem: Problem, polynomial: Polynomial) -> str:
    """The polynomial in the protocol's names, its first terms."""
    whole = tree(polynomial, truth.places(problem))
    if isinstance(whole, Sum) and len(whole.terms) > MOST_TERMS:
        return f"{text(Sum(whole.terms[:MOST_TERMS]), plain(problem.op))} + …"
    return text(whole, plain(problem.op))


def exhibit(
    failure: Finding, broken: Sequence[Problem], most: int, implementation: Judged, reference: Judged
) -> Exhibit | None:
    """The largest case in which no array has more numbers than this, with every result as it came and as it should be."""
    fits = [p for p in broken if all(0 < prod(p.shape(name)) <= most for name in (*p.present, "y"))]
    for problem in sorted({p.identity: p for p in fits}.values(), key=lambda p: -p.elements)[:TRIED]:
        for run in runs(failure.law, [problem], implementation, reference):
            compared = {name: _compared(actual, right, run.bound(name), run) for name, actual, right in run.results()}
            worst = _worst(compared[failure.result]) if failure.result in compared else None
            if worst is not None:
                return Exhibit(problem, failure.result, worst, compared)
    return None


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
