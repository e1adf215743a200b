"""Proves a set of vectors: against the reference, against torch, and against the mistakes that they say they catch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from checks.numbers.precision import Array
from checks.vectors import files, pool, precise
from checks.vectors.by_torch import by_torch
from checks.vectors.vector import BOUNDED, ONCE, Vector, right
from checks.vectors.within import underflows, within


@dataclass
class Proof:
    """What was found of the vectors of an op: how many each witness confirmed, and what is wrong, in sentences."""

    op: str
    tests: int = 0
    reference: int = 0
    torch: int = 0
    refused: int = 0
    precise: int = 0
    flags: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        refused = f", {self.refused} that torch does not do" if self.refused else ""
        again = f", {self.precise} recomputed to 256 bits" if self.precise else ""
        head = f"{self.op}: {self.tests} tests; reference {self.reference}, torch {self.torch}{refused}{again}"
        return "\n".join([f"{head}; {self.flags} flags", *(f"  {line}" for line in self.wrong)])


def proofs(folder: Path, names: frozenset[str] = frozenset()) -> Iterator[Proof]:
    """One for each op that the manifest lists, or of these; raises ValueError, in a sentence, where there is none."""
    for name, told in files.entries_in(folder).items():
        if not names or name in names:
            yield proof(name, [*files.vectors_of(folder, name, told), *files.large_of(folder, name, told)])


def proof(name: str, vectors: list[Vector]) -> Proof:
    """What is found of these."""
    found = Proof(name, len(vectors))
    for vector in vectors:
        for witness, answers in (("reference", _reference(vector)), ("torch", by_torch(vector.problem, vector.case))):
            if answers is None:
                found.refused += 1
                continue
            off = [n for n in vector.results if n not in answers or not _right(vector, n, answers[n])]
            if off:
                found.wrong.append(f"test {vector.id}: {witness} gives another {' and '.join(off)}")
            else:
                setattr(found, witness, getattr(found, witness) + 1)
        if vector.sums == BOUNDED:
            found.precise += 1
            off = [n for n, a in _precise(vector).items() if not np.array_equal(a, vector.results[n].values)]
            found.wrong += [f"test {vector.id}: {n} is not what 256 bits give" for n in off]
        untrue = sorted(set(vector.flags) - _caught(vector))
        found.flags += len(vector.flags) - len(untrue)
        found.wrong += [f"test {vector.id} does not catch {flag!r}" for flag in untrue]
    return found


def _right(vector: Vector, name: str, answer: Array) -> bool:
    actual, dtype = np.asarray(answer, np.float64), _dtype(vector)
    return within(actual, vector.results[name], dtype, vector.sums) or underflows(vector, actual, name, dtype)


def _dtype(vector: Vector) -> str:
    """What the witnesses compute in: float64, whatever is stored."""
    return vector.dtypes[0] if vector.sums == ONCE else "float64" if "float64" in vector.dtypes else vector.dtypes[0]


def _reference(vector: Vector) -> Mapping[str, Array]:
    return right(vector.case)


def _precise(vector: Vector) -> Mapping[str, Array]:
    found = {n if n == "y" else f"grad_{n}": precise.nearest(a) for n, a in precise.results(vector.case).items()}
    return {n: a for n, a in found.items() if n in vector.results}


def _caught(vector: Vector) -> set[str]:
    return {
        m.name
        for m in pool.mistakes(vector.op)
        if m.name in vector.flags and pool.caught(m, vector.case, vector.results, vector.dtypes[0], vector.sums)
    }
