"""Cases as a Hypothesis strategy, for those who write their own property tests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from checks import ops
from checks.cases.drawing import problems_of
from checks.cases.pins import pinned_values
from checks.cases.sparse import whole_numbers
from checks.numbers.precision import NATIVE
from checks.op import Case, Problem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def cases(op: str, *, dtype: str = "float64", **pinned: Any) -> SearchStrategy[Case]:
    """Draw cases of an op in which the pinned values hold, such as stride=2; they shrink to few and small numbers.

    A case has `inputs` and `cotangent` (arrays of `dtype`), `parameters` (keywords), and what is right: `y` and
    `gradients`, the reference's in float64, one gradient for each input and None where there is none. Where it is
    `whole`, all inputs are whole numbers so small that no sum is rounded: results should be equal to the last bit.
    Elsewhere an op divides or takes roots, and the numbers are any.

    Raises ValueError, with what is close, for an op, option or dtype that does not exist and for values that no case has.
    """
    judged = ops.find(op)
    if dtype not in NATIVE:
        raise ValueError(f"there is no dtype {dtype!r} in NumPy; {ops.suggestion(dtype, list(NATIVE))}")
    return problems_of(judged, pinned_values(judged, pinned), dtype).map(_case)


def _case(problem: Problem) -> Case:
    exact = problem if problem.fits(problem.dtype) else replace(problem, small=True)
    return whole_numbers(exact) if exact.largest else problem.reals()
