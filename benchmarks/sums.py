"""What becomes of a result that is 0, doubled, 1 % off or a term short, where sums are long: python -m benchmarks.sums

Each op is made long along each of its axes, 10 to 10 000, and judged in each precision: exit codes of the reference with
one thing wrong, which must not be 0, and of several right algorithms, which has to be. What is a term short is found in
the op's own formulas: the reference runs on arrays that notice when so many numbers are summed, and one sum after another
leaves out its last term, by where it stands in the reference, so that it is the same one in every case. Where all products
of a reference are made before they are summed elsewhere, none is noticed.

    op, axis = size, dtype | result, what is wrong | exit code

0 is marked, as is anything but 0 of right code; 1 is wrong, as it is, 4 is undecided. All of it takes days: name ops, sizes
and dtypes. Results are stored once, after sums as wide as kernels keep them.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
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
LOOKED_AT = 8  # cases, for where sums stand: an array that is left out has none
LARGEST = 1 << 20  # elements in a case: with several axes long, no more is learned


Site = tuple[
    tuple[str, int], ...
]  # lines, from the sum outwards, by file and number; before them the axis as (text, 0)


@dataclass
class Counted:
    """Which sum of so many terms leaves out its last, by where it stands, as in every case; and which are met."""

    terms: int
    which: Site = ()
    met: list[Site] = field(default_factory=list)

    def now(self, terms: int) -> bool:
        """Whether a sum that is met, of so many terms, is the one."""
        if terms == 0 or terms % self.terms:  # of several axes that are summed as one, each is as long, or longer
            return False
        lines = _lines()
        self.met.append((("sum", sum(site[1:] == lines for site in self.met)), *lines))
        return self.met[-1] == self.which


def _lines() -> Site:
    """The lines of the reference that are being run, the innermost first."""
    found, frame = [], sys._getframe(1)  # noqa: SLF001, what a traceback would say, without one
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.parent.name == "reference":
            found.append((path.name, frame.f_lineno))
        frame = frame.f_back
    return tuple(found)


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
    which: Site = ()

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

    def sums(self, problem: Problem) -> list[Site]:
        """Where sums of so many terms stand in the forward, or the backward."""
        case, counted = problem.reals(), Counted(self.terms)
        if self.result == "y":
            self._run(self.op.reference.forward, case.inputs, case.parameters, counted)
        else:
            self._run(self.op.reference.backward, (case.cotangent, *case.inputs), case.parameters, counted)
        return list(dict.fromkeys(counted.met))

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
        found: list[Problem] = []
        try:
            if (series := self.series(cases)) is not None:
                series.run(found.append)
        except ValueError:
            return []
        return [p for p in found if p.elements <= LARGEST]

    def series(self, cases: int) -> Series | None:
        """The series that they are from; None where nothing holds for it to be long."""
        sizes = next(s for s in self.op.takes.sizes if s.option == self.option)
        held = widened(Random(7), self.op.takes, {}, sizes, self.at, self.terms)  # noqa: S311, no secret
        return Series(self.op, held, self.dtype, cases, 7, reach=1) if held else None

    def wrong(self, problems: Sequence[Problem]) -> Iterator[Wrong]:
        """What is planted: each result in each form, and each sum of so many terms a term short."""
        results = ["y", *(f"grad_{name}" for name in self.op.takes.differentiable)]
        for result in results:
            yield from (Wrong(self.op, self.dtype, result, form) for form in FORMS)
        yield from self.short("y", problems)
        yield from self.short("gradients", problems)

    def short(self, result: str, problems: Sequence[Problem]) -> Iterator[Wrong]:
        """Each sum of the forward, or the backward, a term short, if that changes a result in one of the first cases."""
        one = Wrong(self.op, self.dtype, result, SHORT, self.terms)
        met: dict[Site, list[Problem]] = {}
        for problem in problems[:LOOKED_AT]:
            for site in one.sums(problem):
                met.setdefault(site, []).append(problem)
        for site, having in met.items():
            wrong = replace(one, which=site)
            if any(map(wrong.shows, having)):
                yield wrong


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
    series = long.series(cases)
    shared = Shared(long.op, problems, long.dtype, series.go_on if series else None)
    for algorithm in _algorithms(long.op) if "right" in forms else ():
        made = algorithm() if isinstance(algorithm, type) else algorithm
        name = getattr(algorithm, "__name__", type(algorithm).__name__)
        right = Implementation.of(long.op, StoredOnce(long.op, made, long.dtype))
        yield "right", name, shared.exit_code(right)
    for wrong in long.wrong(problems):
        if wrong.form in forms:
            what = f"{wrong.form} {_place(wrong.which)}" if wrong.form == SHORT else wrong.form
            yield wrong.result, what, shared.exit_code(Implementation.of(long.op, wrong))


def _place(site: Site) -> str:
    (_, which), *lines = site
    return f"{' '.join(f'{file}:{line}' for file, line in lines)}{f' sum {which + 1}' if which else ''}"


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
