"""The formulas of a small problem of any op: which problem, which elements, and what an implementation computes instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from checks import formulas
from checks.expression import Named, definitions
from checks.formulas import Formula
from checks.illustration import comparable
from checks.implementation import Crashed, Implementation, Judged, Malformed, Unsupported
from checks.notation import LETTERS, Notation, array_of, notation
from checks.op import Op, Problem
from checks.pins import small_problem
from checks.polynomial import Polynomial, Product
from checks.probing import recovered

Index = tuple[int, ...]

MOST_CALLS = 20_000  # that an implementation is asked for one result
WRT = re.compile(r"(?:∂\w*/∂)?\s*([^\[\]\s]+)\s*(?:\[([^\]]*)\])?")


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
    """What an implementation computes for one element, beside what is right; at kinks both for the problem's own inputs."""

    yours: Polynomial
    right: Polynomial

    @property
    def difference(self) -> Difference:
        """Where the two differ."""
        return Difference.between(self.yours, self.right)


@dataclass(frozen=True)
class Explanation:
    """The formulas of some elements of one problem.

    notation     how they are written
    formulas     array by array, in order
    definitions  of the letters that stand in them and are no elements
    theirs       what an implementation computes in their place, by array and index
    untold       by array, why that cannot be told
    """

    problem: Problem
    notation: Notation
    formulas: tuple[Formula, ...]
    definitions: tuple[Named, ...]
    theirs: Mapping[tuple[str, Index], Theirs]
    untold: Mapping[str, str]

    @property
    def arrays(self) -> tuple[str, ...]:
        """The arrays whose elements are explained, in order."""
        return tuple(dict.fromkeys(formula.array for formula in self.formulas))

    @property
    def differs(self) -> bool:
        """Whether an implementation computes something else."""
        return any(one.yours != one.right for one in self.theirs.values())


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
    implementation  asked for its own formulas, if it is given

    Raises ValueError, in a sentence with what is close, for whatever does not exist or is too large to be written.
    """
    problem = small_problem(op, pinned, bias=bias or _names_optional(op, wrt))
    own = names == ("own",) or (not names and _is_own(op, wrt))
    written = notation(problem, own=own, names=() if names == ("own",) else names, base=base)
    arrays, index = _elements(wrt, written, problem)
    found = [
        formula
        for array in arrays
        for formula in formulas.right(problem, array).values()
        if index is None or formula.index == index
    ]
    theirs: dict[tuple[str, Index], Theirs] = {}
    untold: dict[str, str] = {}
    if implementation is not None:
        for array in arrays:
            answer = _asked(problem, array, implementation)
            if isinstance(answer, str):
                untold[array] = answer
            else:
                theirs |= {(array, i): one for i, one in answer.items() if index is None or i == index}
    return Explanation(
        problem, written, tuple(found), definitions(f.expression for f in found), theirs=theirs, untold=untold
    )


def _elements(wrt: str, written: Notation, problem: Problem) -> tuple[tuple[str, ...], Index | None]:
    """The arrays that are meant, and the one element, if it is one."""
    if not wrt:
        return ("y", *problem.present), None
    matched = WRT.fullmatch(wrt.strip())
    if matched is None:
        raise ValueError(f"wrt {wrt!r}; expected an array, such as {written.letter('y')}, or one element of it, V[2,2]")
    name, place = matched.groups()
    array = array_of(name, written, problem)
    if array not in {"y", *problem.present}:
        raise ValueError(
            f"{name} has no gradient; {', '.join(map(written.letter, ('y', *problem.present)))} have formulas"
        )
    return (array,), None if place is None else _index(name, place, array, written, problem)


def _index(name: str, place: str, array: str, written: Notation, problem: Problem) -> Index:
    """An index as it is written, or with every axis, from 0."""
    shape = problem.shape(array)
    axes = tuple(written.axes.get(array, range(len(shape))))
    first, last = _range(name, axes, shape, written)
    numbers = [part.strip() for part in place.split(",")] if place.strip() else []
    if not all(number.lstrip("-").isdecimal() for number in numbers):
        raise ValueError(f"{name}[{place}]; expected whole numbers, such as {first}")
    index = [int(number) - written.base for number in numbers]
    if len(index) == len(axes):
        whole = [0] * len(shape)
        for axis, i in zip(axes, index, strict=True):
            whole[axis] = i
    elif len(index) == len(shape):
        whole = index
    else:
        raise ValueError(f"{name}[{place}]: {len(index)} given where {len(axes)} are expected, from {first} to {last}")
    if not all(0 <= i < n for i, n in zip(whole, shape, strict=True)):
        raise ValueError(f"{name}[{place}] does not exist; {name} goes from {first} to {last}")
    return tuple(whole)


def _range(name: str, axes: tuple[int, ...], shape: tuple[int, ...], written: Notation) -> tuple[str, str]:
    """The first and the last element, as they are written."""
    ends = [written.base] * len(axes), [shape[axis] - 1 + written.base for axis in axes]
    first, last = (f"{name}[{','.join(map(str, end))}]" for end in ends)
    return first, last


def _asked(problem: Problem, array: str, implementation: Judged) -> dict[Index, Theirs] | str:
    """What the implementation computes for each element of an array; or why that cannot be told."""
    op = problem.op
    right = comparable(problem, array, Implementation.of(op, op.reference))
    if right is None:
        return f"{op.name} is no polynomial, so its terms cannot be recovered by asking; checks.gradcheck judges it"
    try:
        yours = recovered(implementation, problem, array, MOST_CALLS, near=right)
    except (Crashed, Malformed, Unsupported) as failure:
        return f"it fails: {failure}"
    if yours is None:
        return f"what it computes is no polynomial of degree 2, or takes more than {MOST_CALLS} calls to be told"
    return {index: Theirs(yours[index], right[index]) for index in right}


def _names_optional(op: Op, wrt: str) -> bool:
    """Whether the request is about an input that need not be there."""
    matched = WRT.fullmatch(wrt.strip())
    letters = {word for name in op.optional for word in (name, op.letters.get(name, LETTERS.get(name, name)))}
    return matched is not None and matched.group(1) in letters


def _is_own(op: Op, wrt: str) -> bool:
    """Whether the request calls an array by the protocol's name, where the documents have another."""
    matched = WRT.fullmatch(wrt.strip())
    name = matched.group(1) if matched else ""
    return name in (*op.inputs, "y") and op.letters.get(name, LETTERS.get(name, name)) != name
