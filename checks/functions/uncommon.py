"""Numbers that are seldom drawn and often matter: far from 0, next to it, 0 itself, whole ones, and such as are equal.

A backward may be right wherever numbers on (−2, 2) come and wrong where an activation saturates, where x is 0, or where two
are equal. So some of the cases of each shape have other numbers:

    far      one input times 2³ or 2⁴, in turn, since what is far in a product of two is further than anybody goes; or 2⁻⁸
    special  a few elements 0, and ±½, ±1, ±2, ±3 or 6 in turn: where functions have bounds and corners; the ends of whole
             numbers
    equal    two elements of a few rows alike, the largest and the smallest among them, and a few of one input like those
             of another

Few, since each that lies at a kink is looked at by itself (corners.py). Nobody asked for these numbers in particular: where
the function raises, or y or a gradient is no number, nothing is said against it, other than for arrays that were given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from checks.functions.inputs import Input, Sizes
from checks.numbers.precision import Array, held

FAR, SPECIAL, EQUAL = KINDS = ("far from 0 or near it", "with 0 and whole numbers", "with equal elements")
TURNS = {3: SPECIAL, 5: EQUAL, 6: FAR, 7: FAR}  # of ROUND cases of each shape
ROUND = 8
EXPONENTS = (3, 4, -8)  # of the powers of two, in turn
FEW, ROWS = 3, 3  # elements of each sort, rows of each
CORNERS = ((0.5, -1.0, 3.0), (-0.5, 2.0, 6.0), (1.0, -2.0, -3.0))  # a third in each case, in turn
ROOM = 32  # elements that have room for all of them
USE = 37  # what is drawn with (Problem.rng)


def turn(number: int, scaled: Sequence[str]) -> tuple[str, dict[str, int]]:
    """Of which kind the case of this number is, "" for the usual one, and the exponents of what may be scaled."""
    kind = TURNS.get(number % ROUND, "") if scaled else ""
    far = number // ROUND * 2 + (number % ROUND == ROUND - 1)
    return kind, {scaled[far % len(scaled)]: EXPONENTS[far // len(scaled) % len(EXPONENTS)]} if kind == FAR else {}


def seed_of(kind: str, number: int, seed: int) -> int:
    """The seed of the case of this number: of special ones, what is left of it by 3 says which corners there are."""
    return seed - seed % len(CORNERS) + number // ROUND % len(CORNERS) if kind == SPECIAL else seed


def drawn(problem: Any, inputs: Mapping[str, Input], name: str) -> Array | None:
    """The numbers of an input in a case (op.Problem) of a kind of its own: a few are others; None in any other case."""
    if problem.kind not in {SPECIAL, EQUAL}:
        return None
    before: list[Array] = []
    for at, (one, i) in enumerate(inputs.items()):
        if i.given is None and not i.kind:
            rng = problem.rng(USE, at)
            a = np.asarray(rng.uniform(-1, 1, problem.shape(one)))
            a = _with_corners(a, rng, problem.seed) if problem.kind == SPECIAL else _with_ties(a, rng, before)
            if one == name:
                return held(a, problem.dtype)
            before.append(a)
    return None


def with_ends(problem: Any, one: Input, a: Array, sizes: Sizes) -> Array:
    """Numbers that were drawn of a kind: of whole ones the first and the last are there, in a case that is special."""
    if problem.kind != SPECIAL or one.kind != "integers" or not a.size:
        return a
    first, beyond = (int(sizes[e] if isinstance(e, str) else e) for e in one.ends)
    found, rng = a.reshape(-1).copy(), problem.rng(USE)
    at = rng.permutation(found.size)
    found[at[-1]], found[at[0]] = first, beyond - 1
    return found.reshape(a.shape)


def is_special(x: Array, at: int) -> bool:
    """Whether an element is one of those that were put there: 0, a corner, or equal to another."""
    return bool(x[at] == 0 or x[at] in np.array(CORNERS) or np.count_nonzero(x == x[at]) > 1)


def _with_corners(a: Array, rng: np.random.Generator, seed: int) -> Array:
    flat = a.reshape(-1)
    flat[_some(flat, rng)] = 0.0
    if flat.size > FEW:  # and some that are not 0
        corners = np.ravel(CORNERS) if flat.size >= ROOM else np.array(CORNERS[seed % len(CORNERS)])
        flat[rng.choice(flat.size, corners.size, replace=False)] = corners
    return flat.reshape(a.shape)


def _with_ties(a: Array, rng: np.random.Generator, before: Sequence[Array]) -> Array:
    """Two equal in some rows, and some that are equal to the first input of this shape."""
    rows = a.reshape(-1, a.shape[-1] if a.ndim else 1)
    for which in (np.argmax, np.argmin, None) if rows.size else ():
        for at in rng.choice(len(rows), min(len(rows), ROWS), replace=False):
            rows[at] = _with_two_equal(rows[at], rng, which)
    flat = rows.reshape(-1)
    for other in [b for b in before if b.shape == a.shape][:1]:
        at = _some(flat, rng)
        flat[at] = other.reshape(-1)[at]
    return flat.reshape(a.shape)


def _some(flat: Array, rng: np.random.Generator) -> Array:
    return np.asarray(rng.choice(flat.size, min(flat.size, FEW), replace=False), np.intp)


def _with_two_equal(row: Array, rng: np.random.Generator, which: Any) -> Array:
    """The one that is named so and any other; or any and its neighbour."""
    found = row.copy()
    if row.size > 1:
        one = int(which(row)) if which else int(rng.integers(row.size))
        away = int(rng.integers(1, row.size)) if which else 1  # what is next may be in the same window
        found[(one + away) % row.size] = row[one]
    return found
