"""What is right in a case: whole numbers, or values of 256 bits with what rounding alone can do beside them.

**Whole numbers.** Sums of them that no float64 rounds are right whoever computes them; that they are whole, once they are
multiplied by the unit, and below 2^53, is looked at. **Everything else** is the reference run on numbers of 256 bits
(precise.py), rounded once to float64. Its bound is that of the law `agreement` (numbers/bounds.py, numbers/running.py, or
the analysis in the file of the op) for an implementation that computes in the dtype, plus half a unit in the last place for
that rounding; it is rounded up to eight bits, so that no last bit of any machine is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import frexp, isfinite, ldexp

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Op, Problem
from checks.subjects.implementation import Implementation
from checks.trials.comparison import compared
from checks.trials.finding import Verdict
from checks.trials.trial import Run, is_run
from checks.vectors import precise
from checks.vectors.vector import BOUNDED, EXACT, ONCE, Expected, Given, right

WIDE = ("float64", "float32")  # in which what is no whole number is asked
SHORT_BITS, BOUND_BITS = 8, 8  # of inputs, so that bfloat16 holds them; of bounds
RUNNING = "running error analysis of the reference (checks/numbers/running.py)"
PRODUCTS = "γₙ Σ|aᵢ||bᵢ| (checks/numbers/bounds.py)"
OWN = "γₙ times the magnitudes derived in the file of the op (checks/ops)"


def derivation(op: Op) -> str:
    """Where the bound of what is no whole number comes from."""
    return RUNNING if is_run(op) else OWN if op.rounds.magnitudes else PRODUCTS


def shortened(case: Case) -> Case:
    """The case with numbers of so few bits that every dtype holds them."""

    def short(array: Array) -> Array:
        m, e = np.frexp(np.asarray(array, np.float64))
        return np.asarray(np.ldexp(np.rint(np.ldexp(m, SHORT_BITS)), e - SHORT_BITS))

    return case.each(short)


def whole(problem: Given) -> Mapping[str, Expected] | None:
    """What is right on whole numbers; None if it is not exact after all."""
    case, unit = _case(problem), problem.unit or 1
    found = right(case)
    for values in found.values():
        numbers = values * unit
        if not (
            np.all(np.isfinite(values)) and np.all(numbers == np.rint(numbers)) and np.all(np.abs(numbers) < 2**53)
        ):
            return None
    return {name: Expected(values) for name, values in found.items()}


def kept(problem: Given) -> tuple[str, tuple[str, ...]]:
    """How sums may be kept, and in which dtypes the case can be asked."""
    own = PRECISIONS[problem.dtype]
    if problem.fits(problem.dtype):
        return EXACT, tuple(name for name in PRECISIONS if _room(problem, name))
    return ONCE, (own.name,)


def _room(problem: Given, dtype: str) -> bool:
    """Whether nothing of this case rounds in the dtype, in whatever order it is summed."""
    case, precision = _case(problem), PRECISIONS[dtype]
    named = zip(problem.op.inputs, case.inputs, strict=True)
    arrays = [a for n, a in named if a is not None and n not in problem.op.takes.constant]
    most = max(float(np.max(np.abs(a), initial=0.0)) for a in (*arrays, case.cotangent))
    sums = (problem.unit or 1) * problem.most_terms * max(1.0, most) ** (problem.op.kind.degree or 1)
    # Also the larger of the products beside it, and of what an op adds up on the way, stay below that.
    return max(sums, most) <= 2.0**precision.bits and problem.fits("float64")


def bounded(problem: Given) -> Mapping[str, Expected] | None:
    """Values and bounds; None where no dtype decides anything. Raises NotExact."""
    case = _case(problem)
    values = {n: precise.nearest(a) for n, a in precise.results(case).items()}
    named = {n if n == "y" else f"grad_{n}": a for n, a in values.items() if n == "y" or n in problem.present}
    if not all(np.all(np.isfinite(a)) for a in named.values()):
        return None
    bounds = {dtype: found for dtype in WIDE if (found := bounds_of(problem, dtype, named)) is not None}
    if "float64" not in bounds:
        return None
    return {n: Expected(a, {dtype: found[n] for dtype, found in bounds.items()}) for n, a in named.items()}


def bounds_of(problem: Given, dtype: str, values: Mapping[str, Array] | None = None) -> Mapping[str, Array] | None:
    """What rounding can do to each result in this dtype; None if it can hide what is to be seen."""
    run = run_of(problem, dtype)
    found = {}
    for name, true in (values or right(run.case)).items():
        bound = run.bound(name)
        finding = compared("agreement", name, run, run.result(name)[1], true, bound)
        if finding.verdict is not Verdict.HOLDS:
            return None
        half = np.spacing(np.abs(true)) / 2
        found[name] = rounded_up(np.broadcast_to(bound.elementwise, true.shape) + half)
    return found


def run_of(problem: Given, dtype: str) -> Run:
    """The reference on the given case, as this dtype is asked of it."""
    reference = Implementation.of(problem.op, problem.op.reference)
    asked: Problem = replace(problem, dtype=dtype)
    return Run(asked, reference, reference, _case(problem))


def rounded_up(array: Array) -> Array:
    """Numbers of few bits that are no smaller."""

    def up(number: float) -> float:
        if not number or not isfinite(number):
            return number
        m, e = frexp(number)
        return ldexp(float(np.ceil(ldexp(m, BOUND_BITS))), e - BOUND_BITS)

    return np.reshape([up(n) for n in np.asarray(array, np.float64).ravel().tolist()], np.shape(array)).astype(
        np.float64
    )


def sums_of(expected: Mapping[str, Expected]) -> tuple[str, tuple[str, ...]]:
    """How what is bounded is asked."""
    return BOUNDED, tuple(next(iter(expected.values())).bounds)


def _case(problem: Given) -> Case:
    if problem.given is None:
        raise ValueError("nothing is given")
    return problem.given
