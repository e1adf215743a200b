"""What becomes of a result that is 0, doubled, 1 % off or a term short, where sums are long: python -m benchmarks.sums

Each op that sums is made long along each of the axes it sums along, 10 to 10 000, and judged in each precision as a run
is that pins this size, in fewer cases as long as what they say is as it should be: exit codes of the reference with one
thing wrong, which must not be 0, and of several right algorithms, which has to be. What is a term short is found in the
op's own formulas (shortened.py); of sums of products, where a reference makes all products first and adds them up
elsewhere, what is summed is 0 in the last place of the axis. Windows are as long as their axis; what is spatial has one.

    op, axis = size, dtype | result, what is wrong | exit code

0 is marked, as is anything but 0 of right code; 1 is wrong, as it is, 4 is undecided. Results are stored once, after sums
as wide as kernels keep them. `--kept FILE` adds a line of JSON for each op, axis, size and dtype, and leaves out what is
there already; `--table` draws the table of docs/sharpness.md from it.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

import numpy as np
import torch

from benchmarks.shared import Shared
from benchmarks.sharpness import GOALS, StoredOnce, _algorithms
from benchmarks.shortened import Counted, Site, on_counting
from benchmarks.sizes import Along, GoesWrong
from checks.cases.series import EXAMPLES, Series
from checks.cases.wide import widened
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Op, Problem
from checks.ops import find, ops
from checks.signature.takes import Sizes
from checks.subjects.implementation import Implementation
from checks.verdict.report import RIGHT

TERMS = (10, 100, 577, 4608, 10_000)
FORMS: Mapping[str, float] = {"zero": 0.0, "twice": 2.0, "off": 1.01}
SHORT = "short"
ALL = frozenset((*FORMS, SHORT, "right"))
ALGORITHMS = 3  # that are right
CASES = 24  # of which half are concentrated, a part of them along the axis that is summed; more where these are too few
NOTHING = 1e-9  # of the largest element: what is off by no more is right
LOOKED_AT = 8  # cases, for where sums stand: an array that is left out has none
LARGEST = 1 << 20  # elements in a case: with several axes long, no more is learned
AGAIN = 4  # times as long for what has to be asked in as many cases as a run has
SECONDS = (
    60.0  # of processor time for what is right of an op, axis, size and dtype, and for what is wrong: no more then
)

Row = dict[str, Any]


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
        return function(*wide, **parameters) if counted is None else on_counting(function, wide, parameters, counted)

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

    @property
    def sizes(self) -> Sizes:
        """What pins the axis."""
        return next(s for s in self.op.takes.sizes if s.option == self.option)

    @property
    def along(self) -> Along:
        """The axis by its name, or the first or last of several."""
        starred = self.sizes.axes.startswith("*")
        return Along(self.sizes.names[0], self.at) if starred else Along(self.sizes.names[self.at])

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
        pins = _pins(self.op, self.sizes, self.terms)
        held = widened(Random(7), self.op.takes, pins, self.sizes, self.at, self.terms)  # noqa: S311, no secret
        return Series(self.op, held, self.dtype, cases, 7, reach=1) if held != pins else None

    def is_summed(self) -> bool:
        """Whether what stands last along the axis reaches a result that has no such axis, or the first place of one."""
        wide = replace(self, terms=TERMS[1], dtype="float64")
        return any(map(wide.reaches, wide.problems(LOOKED_AT)))

    def reaches(self, problem: Problem) -> bool:
        """Whether it does in this case."""
        case, reference, axes = problem.reals().widened(), self.op.reference, self.op.takes.axes
        g, *inputs = (_halved(a, self._axis(axes[n].names, a)) for n, a in _named(self.op, case))
        pairs = [(reference.forward(*x, **case.parameters) for x in (inputs, case.inputs))]
        both = ((g, *inputs), (case.cotangent, *case.inputs))
        pairs += zip(*(reference.backward(*x, **case.parameters) for x in both), strict=True)
        for name, (other, right) in zip(("y", *self.op.inputs), pairs, strict=True):
            if right is not None:
                at = self._axis(axes[name].names, right)
                first = ... if at is None else (*[slice(None)] * at, 0)
                if not np.allclose(np.asarray(other)[first], np.asarray(right)[first], rtol=NOTHING, equal_nan=True):
                    return True
        return False

    def _axis(self, names: tuple[str, ...], a: Array | None) -> int | None:
        axis = None if a is None else self.along.of(names, a.ndim)
        return None if a is None or axis is None or a.shape[axis] < 2 else axis

    def wrong(self, problems: Sequence[Problem]) -> Iterator[tuple[str, str, Any]]:
        """What is planted: each result in each form, and each sum of so many terms a term short."""
        results = ["y", *(f"grad_{name}" for name in self.op.takes.differentiable)]
        for result, form in product(results, FORMS):
            yield result, form, Wrong(self.op, self.dtype, result, form)
        for result in ("y", "gradients"):
            for wrong in self.short(result, problems):
                yield result, f"{SHORT} {_place(wrong.which)}", wrong
        for result in results if self.op.kind.degree else ():
            axes = self.op.takes.axes[result.removeprefix("grad_")].names
            cut = GoesWrong(self.op, self.along, self.terms - 1, "zero", result)
            if self.along.of(axes, len(axes) + 1) is None and any(
                cut.shows(problem) for problem in problems[:LOOKED_AT]
            ):
                yield result, f"{SHORT} last place", StoredOnce(self.op, cut, self.dtype)

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


def _pins(op: Op, sizes: Sizes, terms: int) -> dict[str, Any]:
    """What is held beside the axis: one spatial axis, windows as long as what they run along."""
    if sizes.spatial:
        windows = {"kernel_size": terms, "output_size": 1}
        return {"dims": 1, **{name: value for name, value in windows.items() if name in op.takes.defaults}}
    return {"size": terms} if "size" in op.takes.defaults and len(sizes.names) == 1 and sizes.names[0] == "C" else {}


def _named(op: Op, case: Any) -> Iterator[tuple[str, Any]]:
    yield "y", case.cotangent
    yield from zip(op.inputs, case.inputs, strict=True)


def _halved(a: Any, axis: int | None) -> Any:
    """The array with half of what stands last along the axis."""
    if a is None or axis is None or a.dtype.kind != "f":
        return a
    other = np.array(a)
    np.moveaxis(other, axis, -1)[..., -1:] /= 2
    return other


def long_axes(op: Op) -> Iterator[tuple[str, int]]:
    """The axes that can be long, by their option."""
    for sizes in op.takes.sizes:
        if sizes.wide:
            at = (0,) if sizes.spatial else (-1,) if sizes.axes.startswith("*") else range(len(sizes.names))
            yield from ((sizes.option, one) for one in at)


def judged(
    long: Long, cases: int, forms: frozenset[str] = ALL, seconds: float = SECONDS
) -> Iterator[tuple[str, str, int | None]]:
    """Of each thing that is wrong, and each right algorithm: what it is, and the exit code; None once the time is up."""
    problems = long.problems(cases)
    if not problems:
        return
    series = long.series(cases)
    shared = Shared(long.op, problems, long.dtype, series)

    def code(implementation: Any, until: float, *, right: bool) -> int | None:
        judged = Implementation.of(long.op, implementation)
        found = shared.exit_code(judged, until)
        if found is None or (found == RIGHT) == right or cases >= EXAMPLES:
            return found
        # What is not as it should be in so few cases is asked of as many as a run has, if there is time.
        whole = Shared(long.op, long.problems(EXAMPLES), long.dtype)
        asked = whole.exit_code(judged, process_time() + AGAIN * seconds)
        return found if asked is None else asked

    until = process_time() + seconds
    for algorithm in _algorithms(long.op)[:ALGORITHMS] if "right" in forms else ():
        made = algorithm() if isinstance(algorithm, type) else algorithm
        name = getattr(algorithm, "__name__", type(algorithm).__name__)
        yield "right", name, code(StoredOnce(long.op, made, long.dtype), until, right=True)
    until = process_time() + seconds
    for result, what, wrong in long.wrong(problems):
        if what.split()[0] in forms:
            yield result, what, code(wrong, until, right=False)


def _place(site: Site) -> str:
    (_, which), *lines = site
    return f"{' '.join(f'{file}:{line}' for file, line in lines)}{f' sum {which + 1}' if which else ''}"


def main() -> None:
    """Print what is not as it should be, and the counts."""
    parser = argparse.ArgumentParser(description="Which long sums are seen to be wrong, in which precision.")
    parser.add_argument("ops", nargs="*", metavar="op", help="some ops (default: all)")
    parser.add_argument("--dtype", action="append", choices=GOALS, help="only this dtype; may be repeated")
    parser.add_argument("--terms", action="append", type=int, help="only so many; may be repeated")
    parser.add_argument("--form", action="append", choices=sorted(ALL), help="only these; may be repeated")
    parser.add_argument("--axis", action="append", help="only axes of this option; may be repeated")
    parser.add_argument("--cases", type=int, default=CASES, help=f"of each (default: {CASES})")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"for each, at most (default: {SECONDS:g})")
    parser.add_argument("--kept", type=Path, help="a file of what was judged, which is added to")
    parser.add_argument("--all", action="store_true", help="print every exit code")
    parser.add_argument("--table", action="store_true", help="print the table of what is kept, and judge nothing")
    given = parser.parse_args()
    known = _known(given.kept)
    if given.table:
        print("\n".join(table(known)))
        return
    torch.set_num_threads(1)
    forms = frozenset(given.form or ALL)
    done = {_key(row) for row in known}
    counts: Counter[tuple[str, int]] = Counter()
    chosen = [find(name) for name in given.ops] or list(ops().values())
    axes = [(op, *axis) for op in chosen for axis in long_axes(op) if not given.axis or axis[0] in given.axis]
    axes = [of for of in axes if Long(*of, TERMS[1], "float64").is_summed()]
    for terms, dtype, of in product(given.terms or TERMS, given.dtype or list(GOALS), axes):
        long = Long(*of, terms, dtype)
        row: Row = {"op": long.op.name, "axis": f"{long.option}[{long.at}]", "terms": terms, "dtype": dtype}
        if _key(row) not in done:
            said = list(_print(long, given.cases, forms, given.seconds, counts, everything=given.all))
            if given.kept and said:
                with given.kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row | {"cases": given.cases, "said": said}) + "\n")
    for (kind, code), many in sorted(counts.items()):
        print(f"{kind}: exit {code} {many} times{' !' if (code != 0) == (kind == 'right') else ''}")


def _print(
    long: Long, cases: int, forms: frozenset[str], seconds: float, counts: Counter[tuple[str, int]], *, everything: bool
) -> Iterator[tuple[str, str, int | None]]:
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        for result, what, code in judged(long, cases, forms, seconds):
            yield result, what, code
            kind = "right" if result == "right" else what.split()[0]
            if code is not None:
                counts[kind, code] += 1
            bad = code is not None and (code != 0) == (kind == "right")
            if bad or everything:
                print(f"{long} | {result} {what} | {'-' if code is None else code}{' !' if bad else ''}", flush=True)
    if sys.stderr.isatty():
        print(f"\r\x1b[K{long}", end="", file=sys.stderr, flush=True)


def _known(path: Path | None) -> list[Row]:
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("op", "axis", "terms", "dtype"))


def table(rows: Iterable[Row]) -> list[str]:
    """A line for each op and number of terms, over all its axes; right: how many end in 0; wrong: in 1, and in 4."""
    said: dict[tuple[str, int], dict[str, list[tuple[str, str, int | None]]]] = {}
    for row in rows:
        said.setdefault((row["op"], row["terms"]), {}).setdefault(row["dtype"], []).extend(map(tuple, row["said"]))
    found = [f"| op | terms | {' | '.join(GOALS)} |", f"|---|---|{'---|' * len(GOALS)}"]
    for (op, terms), by in sorted(said.items(), key=lambda one: (list(ops()).index(one[0][0]), one[0][1])):
        found.append(f"| {op} | {terms} | {' | '.join(_cell(by.get(dtype, ())) for dtype in GOALS)} |")
    return found


def _cell(said: Iterable[tuple[str, str, int | None]]) -> str:
    """What came of it, and what should not have, if anything did; … where the time was up, — where nothing was asked."""
    codes = Counter((result == "right", code) for result, _, code in said)
    if not codes:
        return "—"
    missed = [f"{codes[False, 0]} of 0"] if codes[False, 0] else []
    alarms = [f"right: {codes[True, code]} of {code}" for code in (1, 4) if codes[True, code]]
    good = f"{codes[True, 0]}; {codes[False, 1]} and {codes[False, 4]}"
    return good + "".join(f", {bad} !" for bad in missed + alarms) + (" …" if codes[False, None] else "")


if __name__ == "__main__":
    main()
