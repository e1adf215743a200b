"""Weights that a cell has apart for each gate, told by their names: Wf, W_xi, U_z, b_hn, params['Wc'], forget_gate.W.

A family is one name for each gate, all made in the same way: a letter or word, a gate, and perhaps what it is multiplied
with. Two families of matrices are those of data and of state; one is of both, beside one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from inspect import unwrap
from itertools import combinations
from types import CodeType
from typing import Any

from checks.op import Op
from checks.ops._called import CALLED, Called
from checks.subjects.adapting.words import plain

MATRICES = ("w", "weight", "weights", "kernel", "theta", "u", "r", "v")
OF_STATE = ("u", "r")  # letters of what the state is multiplied with, where another is that of data
BIASES = ("b", "bias", "biases")
SOURCES = {"": None, "x": 0, "i": 0, "in": 0, "input": 0, "h": 1, "a": 1, "hidden": 1}  # data or state; not said
MOST = 2  # families of one kind


@dataclass(frozen=True)
class Family:
    """The names of one array for each gate, in the op's own order; `source` is 0 for data, 1 for the state."""

    names: tuple[str, ...]
    is_bias: bool
    source: int | None = None


def families(op: Op, names: Iterable[str]) -> tuple[Family, ...]:
    """The families among these names; none where matrices of some gates are missing, or where the op has no gates."""
    gates = CALLED.get(op.name, Called()).gates
    if not gates:
        return ()
    found = list(dict.fromkeys(_complete(gates, list(names))))
    matrices = _most([one for one in found if not one.is_bias])
    return (*matrices, *_most([one for one in found if one.is_bias])) if matrices else ()


def _complete(gates: tuple[tuple[str, ...], ...], names: list[str]) -> Iterator[Family]:
    said = {plain(name).replace("gate", ""): name for name in names}
    for word in (*MATRICES, *BIASES):
        for source, of in SOURCES.items():
            for form in (
                "{word}{source}{gate}",
                "{word}{gate}{source}",
                "{gate}{source}{word}",
                "{source}{gate}{word}",
            ):
                family = _family(gates, said, form, word, source)
                if family:
                    state = 1 if word in OF_STATE and of is None else of
                    yield Family(family, word in BIASES, state)


def _family(
    gates: tuple[tuple[str, ...], ...], said: Mapping[str, str], form: str, word: str, source: str
) -> tuple[str, ...]:
    found = []
    for aliases in gates:
        spelt = [form.format(word=word, source=source, gate=gate) for gate in aliases]
        name = next((said[one] for one in spelt if one in said), None)
        if name is None or name in found:
            return ()
        found.append(name)
    return tuple(found)


def _most(found: list[Family]) -> tuple[Family, ...]:
    """Those families together that share no name and have the most names."""
    for many in range(MOST, 0, -1):
        for some in combinations(found, many):
            if len({name for one in some for name in one.names}) == sum(len(one.names) for one in some):
                return some
    return ()


def texts_in(function: Any) -> list[str]:
    """The texts in the code of a function, such as keys of a dictionary."""
    code = getattr(unwrap(function), "__code__", None) if callable(function) else None
    return list(dict.fromkeys(_texts(code))) if code is not None else []


def _texts(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _texts(constant)
        elif isinstance(constant, str):
            yield constant
