"""The formulas of a small problem of any op: which problem, which elements, and what an implementation computes instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from checks.algebra.expression import Named, definitions
from checks.cases.pins import small_problem
from checks.formulas import truth
from checks.formulas.asking import Theirs, Told, ask
from checks.formulas.notation import Notation, letter_of, notation
from checks.formulas.request import Request
from checks.formulas.truth import Formula
from checks.numbers.precision import Array
from checks.op import Op, Problem
from checks.subjects.implementation import Judged

Index = tuple[int, ...]

SAMPLES = ("batch", "shape")  # options that pin how many there are


@dataclass(frozen=True)
class Explanation:
    """The formulas of some elements of one problem.

    notation     how they are written
    formulas     array by array, in order
    definitions  of the letters that stand in them and are no elements
    theirs       what an implementation computes in their place, by array and index
    held         by array, the inputs whose numbers `theirs` depends on: those of an op with kinks, and a mask
    untold       by array, why it cannot be told what an implementation computes
    """

    problem: Problem
    notation: Notation
    formulas: tuple[Formula, ...]
    definitions: tuple[Named, ...]
    theirs: Mapping[tuple[str, Index], Theirs]
    held: Mapping[str, Mapping[str, Array]]
    untold: Mapping[str, str]

    @property
    def arrays(self) -> tuple[str, ...]:
        """The arrays whose elements are explained, in order."""
        return tuple(dict.fromkeys(formula.array for formula in self.formulas))

    @property
    def differs(self) -> bool:
        """Whether an implementation computes something else."""
        return any(one.differs for one in self.theirs.values())


def explain(
    op: Op,
    pinned: Mapping[str, Any],
    wrt: str = "",
    *,
    names: tuple[str, ...] = (),
    base: int = 1,
    bias: bool = False,
    implementation: Judged | None = None,
) -> Explanation:
    """The formulas of the elements that `wrt` names: V[2,2], all of V, all of y, or, if it is empty, everything.

    pinned   what the options of the op fix; the rest is as usual, and small
    names    a letter for each input that is there, y and the cotangent; ("own",): the protocol's; (): the documents'
    base     what indices count from
    bias     whether there is a bias, where there need not be one
    implementation  asked for its own formulas, if it is given; where they are right for one sample, for two as well

    Raises ValueError, in a sentence with what is close, for whatever does not exist or is too large to be written.
    """
    asked = Request.of(wrt, letter_of(op, op.inputs[0])) if wrt else None
    given = bias or (asked is not None and asked.is_optional(op))
    problem = small_problem(op, pinned, bias=given)
    _refuse_empty(problem)
    own = names == ("own",) or (asked is not None and not names and asked.is_own(op))

    def write(one: Problem) -> Notation:
        return notation(one, own=own, names=() if own else names, base=base)

    written = write(problem)
    arrays: tuple[str, ...] = ("y", *problem.present)
    index = None
    if asked is not None:
        arrays = (asked.array(written, problem),)
        index = asked.index(arrays[0], written, problem)
    explained = _explanation(problem, written, arrays, index, implementation)
    taken = [definition.letter for definition in explained.definitions if definition.letter in names]
    if taken:
        raise ValueError(f"names {','.join(names)}; {taken[0]} stands for something else in these formulas")
    if implementation is None or explained.differs or explained.untold:
        return explained
    for several in _of_two_samples(op, pinned, bias=given):
        other = _explanation(several, write(several), arrays, index, implementation)
        if other.differs:
            return other
    return explained


def _of_two_samples(op: Op, pinned: Mapping[str, Any], *, bias: bool) -> Iterator[Problem]:
    """The same problem of two samples, where nothing pins how many: of one, a mean is a sum."""
    option = next((option.name for option in op.takes.options if option.name in SAMPLES), "")
    if not option or option in pinned:
        return
    samples: Any = 2
    if option == "shape":
        first, *others = small_problem(op, pinned, bias=bias).pins[option]
        samples = (2 * first, *others)
    with suppress(ValueError):  # no such problem, or one that is too large to be written
        problem = small_problem(op, {**pinned, option: samples}, bias=bias)
        for array in problem.present:
            truth.right(problem, array)
        yield problem


def _explanation(
    problem: Problem, written: Notation, arrays: Sequence[str], index: Index | None, implementation: Judged | None
) -> Explanation:
    found = tuple(
        formula
        for array in arrays
        for formula in truth.right(problem, array).values()
        if index is None or formula.index == index
    )
    answers = {array: ask(problem, array, index, implementation) for array in arrays} if implementation else {}
    told = {array: answer for array, answer in answers.items() if isinstance(answer, Told)}
    return Explanation(
        problem,
        written,
        found,
        definitions(formula.expression for formula in found),
        theirs={(array, i): one for array, answer in told.items() for i, one in answer.elements.items()},
        held={array: answer.held for array, answer in told.items() if answer.held},
        untold={array: answer for array, answer in answers.items() if isinstance(answer, str)},
    )


def _refuse_empty(problem: Problem) -> None:
    for name in ("y", *problem.present):
        if 0 in problem.shape(name):
            raise ValueError(f"{name} {problem.shape(name)} has no elements, so there is nothing to write")
