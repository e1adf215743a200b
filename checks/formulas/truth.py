"""What is right for each element, as a formula: the reference run on symbols, or as written for what is no polynomial.

A written formula could be wrong where the reference is right, so it is worked out for random numbers before it is shown and
has to give what the reference gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from checks.algebra.expression import Expression, parts, tree, value
from checks.algebra.polynomial import COTANGENT, Polynomial, symbols
from checks.formulas.probing import asked_with
from checks.numbers.precision import Array
from checks.op import Problem
from checks.subjects.implementation import Implementation
from checks.trials.trial import Run

Index = tuple[int, ...]
MOST = 20_000  # products that are written out: what a reader, or a page, could ever take
DRAWS = 8  # of the numbers that a formula is worked out for, where it has conditions that hold for some of them only


@dataclass(frozen=True)
class Formula:
    """One element of y (array "y") or of a gradient (array: its input), and what is right for it.

    polynomial  term by term, or None where it is no polynomial
    """

    array: str
    index: Index
    expression: Expression
    polynomial: Polynomial | None = None


def right(problem: Problem, array: str) -> dict[Index, Formula]:
    """The formula of every element of one result of a problem, "y" or the name of an input that has a gradient.

    Raises ValueError, naming the sizes, where there are too many products to be written; RuntimeError if a written
    formula is not what the reference computes.
    """
    refuse_large(problem)
    if problem.op.told.formula is None:
        found = polynomials(problem, array)
        return {
            index: Formula(array, index, tree(polynomial, places(problem)), polynomial)
            for index, polynomial in found.items()
        }
    written = problem.op.told.formula
    every = np.ndindex(*problem.shape(array))
    formulas = {index: Formula(array, index, written(problem, array, index)) for index in every}
    for draw in range(DRAWS if problem.op.kinks else 1):
        _agree(replace(problem, seed=problem.seed + draw), array, formulas)
    return formulas


def polynomials(problem: Problem, array: str) -> dict[Index, Polynomial]:
    """Every element of one result, by running the reference on symbols in place of numbers; indices stay what they are."""
    op, case = problem.op, asked_with(problem)
    inputs = tuple(
        a if a is None or a.dtype.kind in "biu" else symbols(name, a.shape)
        for name, a in zip(op.inputs, case.inputs, strict=True)
    )
    if array == "y":
        result = op.reference.forward(*inputs, **problem.parameters)
    else:
        g = symbols(COTANGENT, case.cotangent.shape)
        result = op.reference.backward(g, *inputs, **problem.parameters)[op.inputs.index(array)]
    return {index: _polynomial(np.asarray(result, object)[index]) for index in np.ndindex(*problem.shape(array))}


def places(problem: Problem) -> Mapping[str, int]:
    """Where each array stands within a product: inputs in their order, the cotangent last, as the documents write it."""
    return {name: place for place, name in enumerate((*problem.op.inputs, "y", COTANGENT))}


def refuse_large(problem: Problem) -> None:
    """Raise ValueError where formulas of a problem would take more products than anybody reads."""
    count = products(problem)
    if count > MOST:
        shapes = ", ".join(f"{name} {shape}" for name, shape in problem.shapes.items() if shape is not None)
        raise ValueError(f"{shapes}: {count} products are too many to be written; at most {MOST} are")


def products(problem: Problem) -> int:
    """The products in the formulas of all results; for an op that counts no terms, the parts of what is written."""
    terms, formula = problem.op.rounds.terms, problem.op.told.formula
    counted = terms(problem) if terms else {}

    def each(name: str) -> int:
        if name in counted or formula is None:
            return counted.get(name, 1)
        middle = tuple(n // 2 for n in problem.shape(name))
        return sum(1 for _ in parts(formula(problem, name, middle)))

    return sum(prod(shape) * each(name) for name in (*problem.present, "y") if prod(shape := problem.shape(name)))


def _agree(problem: Problem, array: str, formulas: Mapping[Index, Formula]) -> None:
    """Raise RuntimeError unless the formulas give what the reference does, on random numbers and to within rounding."""
    reference = Implementation.of(problem.op, problem.op.reference)
    run = Run(problem, reference, reference, problem.reals())
    result = run.true_y if array == "y" else run.true_gradients[array]
    bound = run.bound("y" if array == "y" else f"grad_{array}").elementwise
    named = {name: a for name, a in zip(problem.op.inputs, run.case.inputs, strict=True) if a is not None}
    numbers: dict[str, Array] = {**named, "y": run.true_y, COTANGENT: run.case.cotangent}
    for index, formula in formulas.items():
        if not abs(value(formula.expression, numbers) - result[index]) <= bound[index]:
            raise RuntimeError(
                f"the formula of {array}{list(index)} is not what the reference of {problem.op.name} computes"
            )


def _polynomial(element: object) -> Polynomial:
    """What a sum of no terms leaves is the number 0."""
    return element if isinstance(element, Polynomial) else Polynomial()
