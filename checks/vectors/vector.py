"""One published case: what is given, what every right implementation answers, and which mistakes that tells apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Op, Problem

EXACT, ONCE, BOUNDED = "exact", "float32 rounded once", "within the bound"
SUMS = (EXACT, ONCE, BOUNDED)
SUBNORMAL = "subnormal in "  # how an edge begins, before a dtype


@dataclass(frozen=True)
class Given(Problem):
    """A problem whose case is not drawn but given, so that laws and diagnoses ask of it as of any other."""

    given: Case | None = field(default=None, repr=False)
    named: str = ""

    def whole_numbers(self, most: int | None = None) -> Case:
        """The given case, if it is one of whole numbers."""
        return (
            self.given if self.given is not None and self.given.whole and most is None else super().whole_numbers(most)
        )

    def reals(self) -> Case:
        """The given case, if it is none of whole numbers."""
        return super().reals() if self.given is None or self.given.whole else self.given

    @cached_property
    def identity(self) -> str:
        """Of the vector, too: several may share shapes and seed."""
        own = {f: getattr(self, f) for f in Problem.__dataclass_fields__}
        return f"{Problem(**own).identity} {self.named}"

    @classmethod
    def of(cls, problem: Problem, case: Case, named: str = "") -> Given:
        """The problem, with this case."""
        own = {f: getattr(problem, f) for f in Problem.__dataclass_fields__}
        return cls(**own, given=case, named=named)


@dataclass(frozen=True)
class Choice:
    """Where one output has no derivative: elements of a gradient, of which any from low to high are right if they add up.

    elements  their flat indices
    low, high the least and the largest that each may be
    total     what they add to; None: they need not
    """

    elements: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    total: float | None


@dataclass(frozen=True, eq=False)
class Expected:
    """What is right for one result.

    values  in float64: exact, or the nearest to what is right
    bounds  by dtype, how far a right implementation may be off; none where nothing is tolerated
    choices where several gradients are right
    """

    values: Array
    bounds: Mapping[str, Array] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, eq=False)
class Vector:
    """One test.

    problem  shapes and parameters, with the case
    results  by name, "y" and "grad_x" …; one that is not there is not asked for
    sums     EXACT: nothing rounds, however sums are kept; ONCE: sums are exact in float32, and rounded to be stored;
             BOUNDED: no whole numbers
    dtypes   in which it can be asked
    flags    the mistakes that it catches
    edges    why it is there beside that
    unit     what results are multiplied by to be whole
    scale    by array, the power of two that whole numbers are multiplied by
    """

    id: int
    problem: Given
    results: Mapping[str, Expected]
    sums: str
    dtypes: tuple[str, ...]
    flags: tuple[str, ...] = ()
    edges: tuple[str, ...] = ()
    unit: int = 1
    scale: Mapping[str, int] = field(default_factory=dict)

    @property
    def op(self) -> Op:
        """The op that it is about."""
        return self.problem.op

    @property
    def case(self) -> Case:
        """Inputs, parameters and cotangent."""
        if self.problem.given is None:
            raise ValueError(f"vector {self.id} has no case")
        return self.problem.given

    def stored(self, result: str, dtype: str) -> Array:
        """What is right, as this dtype holds it."""
        with np.errstate(over="ignore"):
            return PRECISIONS[dtype].rounded(self.results[result].values)


def right(case: Case) -> dict[str, Array]:
    """What the reference says, in float64: y, and each gradient as "grad_x"."""
    with np.errstate(all="ignore"):
        named = zip(case.op.inputs, case.gradients, strict=True)
        found = {"y": case.y, **{f"grad_{n}": np.asarray(g, np.float64) for n, g in named if g is not None}}
    return {name: np.asarray(a, np.float64) for name, a in found.items()}
