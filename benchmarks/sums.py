"""What becomes of a result that is 0, doubled, 1 % off or a term short, where sums are long: python -m benchmarks.sums

Each op is made long along each of its axes, 10 to 10 000, and judged in each precision: exit codes of the reference with
one thing wrong, which must not be 0, and of several right algorithms, which has to be. What is a term short is found in
the op's own formulas: the reference runs on arrays that notice when so many numbers are summed, and one sum after another
leaves out its last term. Where all products of a reference are made before they are summed elsewhere, none is noticed.

    op, axis = size, dtype | result, what is wrong | exit code

0 is marked, as is anything but 0 of right code; 1 is wrong, as it is, 4 is undecided. All of it takes days: name ops, sizes
and dtypes. Results are stored once, after sums as wide as kernels keep them.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.shared import Shared
from benchmarks.sharpness import GOALS, StoredOnce, _algorithms
from checks.cases.series import Series
from checks.cases.wide import widened
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Op, Problem
from checks.ops import find, ops
from checks.subjects.implementation import Implementation

TERMS = (10, 100, 577, 4608, 10_000)
FORMS: Mapping[str, float] = {"zero": 0.0, "twice": 2.0, "off": 1.01}
SHORT = "short"
CASES = 120  # of which half are concentrated, a part of them along the axis that is summed
NOTHING = 1e-9  # of the largest element: what is off by no more is right
LARGEST = 1 << 20  # elements in a case: with several axes long, no more is learned


@dataclass
class Counted:
    """Which sum of so many terms leaves out its last, of those that are met; how many were."""

    terms: int
    which: int
    met: int = 0

    def now(self, terms: int) -> bool:
        """Whether a sum that is met, of so many terms, is the one."""
        this = (
            terms > 0 and terms % self.terms == 0
        )  # of several axes that are summed as one, each is as long, or longer
        self.met += this
        return this and self.met - 1 == self.which


class Short(np.ndarray[Any, np.dtype[Any]]):
    """An array of which sums can be a term short."""

    counted: Counted | None = None

    def __array_finalize__(self, of: Any) -> None:
        self.counted = getattr(of, "counted", None)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **rest: Any) -> Any:
        """As usual, but for a sum and a product of matrices that is the one."""
        counted = next(a.counted for a in (*inputs, *rest.get("out", ())) if isinstance(a, Short))
        plain = [a.view(np.ndarray) if isinstance(a, Short) else a for a in inputs]
        if "out" in rest:
            rest["out"] = tuple(a.view(np.ndarray) if isinstance(a, Short) else a for a in rest["out"])
        if counted is not None and ufunc is np.add and method == "reduce":
            plain[0] = _short_of(plain[0], rest.get("axis", 0), counted)
        if counted is not None and ufunc is np.matmul and plain[0].ndim and counted.now(plain[0].shape[-1]):
            plain[0] = _without_last(plain[0], -1)
        return _counting(getattr(ufunc, method)(*plain, **rest), counted)

    def __array_function__(self, function: Any, types: Any, arguments: Any, rest: Any) -> Any:
        """As usual, but for a sum that einsum takes."""
        if function is not np.einsum or self.counted is None:
            return super().__array_function__(function, types, arguments, rest)
        text, *arrays = arguments
        plain = [np.asanyarray(a).view(np.ndarray) for a in arrays]
        before, _, after = text.partition("->")
        for letter in dict.fromkeys(before.split(",")[0]):
            at = before.split(",")[0].index(letter)
            if letter not in after and self.counted.now(plain[0].shape[at]):
                plain[0] = _without_last(plain[0], at)
        return _counting(np.einsum(text, *plain, **rest), self.counted)


def _short_of(a: Array, axis: Any, counted: Counted) -> Array:
    axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    for one in axes:
        if a.ndim and counted.now(a.shape[one]):
            a = _without_last(a, one)
    return a


def _without_last(a: Array, axis: int) -> Array:
    cut = np.array(a)
    np.moveaxis(cut, axis, -1)[..., -1:] = 0
    return cut


def _counting(a: Any, counted: Counted | None) -> Any:
    if not isinstance(a, np.ndarray) or a.dtype.kind != "f":
        return a
    made = a.view(Short)
    made.counted = counted
    return made


@dataclass(frozen=True)
class Wrong:
    """The reference in float64, stored once, with something wrong: one result, or a sum in its forward or backward."""

    op: Op
    dtype: str
    result: str
    form: str
    terms: int = 0
    which: int = 0

    def forward(self, *inputs: Any, **parameters: Any) -> Any:
        """Y, wrong or right."""
        counted = self._counted(self.result == "y")
        return self._stored("y", self._run(self.op.reference.forward, inputs, parameters, counted))

    def backward(self, grad_output: Any, *inputs: Any, **parameters: Any) -> tuple[Any, ...]:
        """The gradients, wrong or right."""
        counted = self._counted(self.result != "y")
        found = self._run(self.op.reference.backward, (grad_output, *inputs), parameters, counted)
        named = zip(self.op.inputs, found, strict=True)
        return tuple(None if a is None else self._stored(f"grad_{name}", a) for name, a in named)

    def sums(self, problem: Problem) -> int:
        """How many sums of so many terms there are in the forward, or the backward."""
        case, counted = problem.reals(), Counted(self.terms, -1)
        if self.result == "y":
            self._run(self.op.reference.forward, case.inputs, case.parameters, counted)
        else:
            self._run(self.op.reference.backward, (case.cotangent, *case.inputs), case.parameters, counted)
        return counted.met

    def shows(self, problem: Problem) -> bool:
        """Whether results are other ones: where a mean is taken off twice, the first need not be a mean."""
        case, tells = problem.reals(), replace(self, dtype="float64")
        y, (found, right) = self.result == "y", (tells, self.op.reference)
        if y:
            pairs = [tuple(one.forward(*case.widened().inputs, **case.parameters) for one in (found, right))]
        else:
            wide = case.widened()
            made = (one.backward(wide.cotangent, *wide.inputs, **case.parameters) for one in (found, right))
            pairs = list(zip(*made, strict=True))
        return any(a is not None and np.abs(a - b).max() > NOTHING * np.abs(b).max() for a, b in pairs)

    def _counted(self, mine: bool) -> Counted | None:
        return Counted(self.terms, self.which) if mine and self.form == SHORT else None

    @staticmethod
    def _run(function: Any, inputs: Any, parameters: Mapping[str, Any], counted: Counted | None) -> Any:
        wide = [a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in inputs]
        if counted is None:
            return function(*wide, **parameters)
        with patch.object(np, "asarray", np.asanyarray):  # which keeps the arrays that count
            return function(*(_counting(a, counted) for a in wide), **parameters)

    def _stored(self, result: str, a: Any) -> Array:
        a = np.asarray(a).view(np.ndarray)
        if result == self.result and self.form in FORMS:
            a = a * FORMS[self.form]
        return PRECISIONS[self.dtype].rounded(a)


@dataclass(frozen=True)
class Long:
    """An op of which one axis is long, in a dtype."""

    op: Op
    option: str
    at: int
    terms: int
    dtype: str

    def __str__(self) -> str:
        return f"{self.op.name}, {self.option}[{self.at}] = {self.terms}, {self.dtype}"

    def problems(self, cases: int) -> list[Problem]:
        """Cases in which it is; none where no problem has such an axis."""
        sizes = next(s for s in self.op.takes.sizes if s.option == self.option)
        held = widened(Random(7), self.op.takes, {}, sizes, self.at, self.terms)  # noqa: S311, no secret
        if not held:
            return []
        found: list[Problem] = []
        try:
            Series(self.op, held, self.dtype, cases, 7, reach=1).run(found.append)
        except ValueError:
            return []
        return [p for p in found if p.elements <= LARGEST]

    def wrong(self, problem: Problem) -> Iterator[Wrong]:
        """What is planted: each result in each form, and each sum of so many terms a term short."""
        results = ["y", *(f"grad_{name}" for name in self.op.takes.differentiable)]
        for result in results:
            yield from (Wrong(self.op, self.dtype, result, form) for form in FORMS)
        for result in ("y", "gradients"):
            one = Wrong(self.op, self.dtype, result, SHORT, self.terms)
            short = (Wrong(self.op, self.dtype, result, SHORT, self.terms, k) for k in range(one.sums(problem)))
            yield from (wrong for wrong in short if wrong.shows(problem))


def long_axes(op: Op) -> Iterator[tuple[str, int]]:
    """The axes that can be long, by their option."""
    for sizes in op.takes.sizes:
        if sizes.wide:
            for at in (-1,) if sizes.axes.startswith("*") else range(len(sizes.names)):
                yield sizes.option, at


def judged(long: Long, cases: int, forms: set[str]) -> Iterator[tuple[str, str, int]]:
    """Of each thing that is wrong, and of each right algorithm: what it is, and the exit code."""
    problems = long.problems(cases)
    if not problems:
        return
    shared = Shared(long.op, problems, long.dtype)
    for algorithm in _algorithms(long.op) if "right" in forms else ():
        made = algorithm() if isinstance(algorithm, type) else algorithm
        name = getattr(algorithm, "__name__", type(algorithm).__name__)
        right = Implementation.of(long.op, StoredOnce(long.op, made, long.dtype))
        yield "right", name, shared.exit_code(right)
    for wrong in long.wrong(problems[0]):
        if wrong.form in forms:
            what = f"{wrong.form} {wrong.which}" if wrong.form == SHORT else wrong.form
            yield wrong.result, what, shared.exit_code(Implementation.of(long.op, wrong))


def main() -> None:
    """Print what is not as it should be, and the counts."""
    parser = argparse.ArgumentParser(description="Which long sums are seen to be wrong, in which precision.")
    parser.add_argument("ops", nargs="*", metavar="op", help="some ops (default: all)")
    parser.add_argument("--dtype", action="append", choices=GOALS, help="only this dtype; may be repeated")
    parser.add_argument("--terms", action="append", type=int, help="only so many; may be repeated")
    parser.add_argument("--form", action="append", choices=(*FORMS, SHORT, "right"), help="only these; may be repeated")
    parser.add_argument("--axis", action="append", help="only axes of this option; may be repeated")
    parser.add_argument("--cases", type=int, default=CASES, help=f"of each (default: {CASES})")
    parser.add_argument("--all", action="store_true", help="print every exit code")
    given = parser.parse_args()
    torch.set_num_threads(1)
    forms = set(given.form or (*FORMS, SHORT, "right"))
    counts: Counter[tuple[str, int]] = Counter()
    for name in given.ops or list(ops()):
        op = find(name)
        for option, at in long_axes(op):
            if given.axis and option not in given.axis:
                continue
            for terms in given.terms or TERMS:
                for dtype in given.dtype or list(GOALS):
                    _print(Long(op, option, at, terms, dtype), given.cases, forms, counts, everything=given.all)
    for (kind, code), many in sorted(counts.items()):
        print(f"{kind}: exit {code} {many} times{' !' if (code != 0) == (kind == 'right') else ''}")


def _print(long: Long, cases: int, forms: set[str], counts: Counter[tuple[str, int]], *, everything: bool) -> None:
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        for result, what, code in judged(long, cases, forms):
            kind = "right" if result == "right" else what.split()[0]
            counts[kind, code] += 1
            bad = (code != 0) == (kind == "right")
            if bad or everything:
                print(f"{long} | {result} {what} | {code}{' !' if bad else ''}", flush=True)
    if sys.stderr.isatty():
        print(f"\r\x1b[K{long}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
