"""What an implementation computes for the elements of a small problem, term by term, beside what is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from checks.algebra.polynomial import Polynomial, Product
from checks.cases.search import Stopped
from checks.formulas import truth
from checks.formulas.probing import asked_with, recovered
from checks.numbers.precision import Array
from checks.op import Problem
from checks.subjects.implementation import Implementation, Judged
from checks.subjects.refusals import Crashed, Malformed, Unsupported

Index = tuple[int, ...]

MOST_CALLS = 20_000  # that an implementation is asked for one result
DRAWS = 8  # of the numbers of inputs, where a formula depends on them


@dataclass(frozen=True)
class Difference:
    """How an implementation's formula of an element differs from the right one.

    missing  terms of the right one that it lacks; extra: terms that the right one lacks
    wrong    of products that both have, its coefficient and the right one, where they differ
    """

    missing: Polynomial
    extra: Polynomial
    wrong: Mapping[Product, tuple[Fraction, Fraction]]

    @classmethod
    def between(cls, yours: Polynomial, right: Polynomial) -> Difference:
        """Term by term."""
        return cls(
            Polynomial({p: c for p, c in right.terms.items() if p not in yours.terms}),
            Polynomial({p: c for p, c in yours.terms.items() if p not in right.terms}),
            {p: (c, right.terms[p]) for p, c in yours.terms.items() if p in right.terms and right.terms[p] != c},
        )


@dataclass(frozen=True)
class Theirs:
    """What an implementation computes for one element, beside what is right."""

    yours: Polynomial
    right: Polynomial

    @property
    def differs(self) -> bool:
        """Whether it computes something else."""
        return self.yours != self.right

    @property
    def difference(self) -> Difference:
        """Where the two differ."""
        return Difference.between(self.yours, self.right)

    @property
    def factor(self) -> Fraction | None:
        """What all terms of several are multiplied by, if that is what is wrong."""
        yours, right = self.yours.terms, self.right.terms
        factors = {c / right[p] for p, c in yours.items()} if yours.keys() == right.keys() and len(yours) > 1 else set()
        return factors.pop() if len(factors) == 1 else None


@dataclass(frozen=True)
class Told:
    """What an implementation computes for elements of one array, and the inputs whose numbers this depends on."""

    elements: Mapping[Index, Theirs]
    held: Mapping[str, Array]

    @property
    def differs(self) -> bool:
        """Whether any element is something else."""
        return any(theirs.differs for theirs in self.elements.values())


def ask(problem: Problem, array: str, index: Index | None, implementation: Judged) -> Told | str:
    """What it computes for one element of an array, or, without an index, for each; or in words why that cannot be told.

    Where that depends on the numbers of inputs, several are tried, until it is wrong for one of them.
    """
    held = (*(problem.present if problem.op.kinks else ()), *problem.op.takes.constant)
    told = _told(problem, array, index, implementation, held)
    for seed in range(1, DRAWS if held else 1):
        if isinstance(told, str) or told.differs:
            break
        told = _told(replace(problem, seed=problem.seed + seed), array, index, implementation, held)
    return told


def _told(
    problem: Problem, array: str, index: Index | None, implementation: Judged, held: tuple[str, ...]
) -> Told | str:
    op = problem.op
    right = comparable(problem, array, Implementation.of(op, op.reference))
    if right is None:
        return f"{op.name} is no polynomial, so its terms cannot be recovered by asking; checks.gradcheck judges it"
    try:
        yours = recovered(implementation, problem, array, MOST_CALLS, near=right)
    except Unsupported as refusal:
        return f"it does not support this: {refusal}"
    except (Crashed, Malformed) as failure:
        return f"it fails: {failure}"
    except Stopped:
        return "it crashed or hung too often to be asked again"
    if yours is None:
        return f"what it computes is no polynomial of degree 2, or it takes more than {MOST_CALLS} calls to tell"
    case = asked_with(problem)
    return Told(
        {i: Theirs(yours[i], right[i]) for i in right if index is None or i == index},
        {name: case.input(name) for name in held},
    )


def comparable(problem: Problem, array: str, reference: Judged) -> dict[tuple[int, ...], Polynomial] | None:
    """What is right for each element, as `probing.recovered` gives it for a right implementation.

    At kinks the inputs are those of the problem's whole numbers, and constant inputs have their numbers anywhere.
    """
    try:
        truth.refuse_large(problem)
    except ValueError:
        return None
    if problem.op.kind.degree is None:
        return None
    if problem.op.kinks is not None:
        return recovered(reference, problem, array)
    case = asked_with(problem)
    constants = {name: case.input(name) for name in problem.op.takes.constant}
    return {index: p.given(constants) for index, p in truth.polynomials(problem, array).items()}
