"""How sharp the judge is, for each op, result and dtype: python -m benchmarks.sharpness

Two tables. The first: the bound that `agreement` compares with, as a multiple of the largest error that right algorithms
make (the reference, torch, those of tests/laws), where that multiple is smallest, and beside it the median over cases. The
goal is 20 in float64 and float32, 10 in float16 and bfloat16; what misses it is marked. The second: the smallest relative
error 2⁻ᵏ, of one element, of one row along the first axis, of everything, that `exact` and `agreement` see in a few cases.

In float16 and bfloat16 algorithms compute in float32, and every result is stored once: that is what the bound is of.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np
import torch

from checks.cases.drawing import problems_of
from checks.cases.search import Search
from checks.laws import agreement, exact
from checks.numbers.precision import ACCUMULATORS, PRECISIONS, Array
from checks.op import Op, Problem
from checks.ops import find, ops
from checks.subjects.implementation import Implementation, Judged
from checks.trials.trial import Run, Trial
from checks.verdict.report import Verdict
from tests.laws.right_conv import OffsetByOffset
from tests.laws.right_variants import BY_HAND, ByTorch

EXAMPLES = 200  # as a run has
PLANTED_IN = 12  # cases: what one shows in, most do
GOALS = {"float64": 20, "float32": 20, "float16": 10, "bfloat16": 10}
WIDTHS = ("element", "row", "all")
OWN = {"implementation", "y", "gradients", "_answers", "_outcomes"}  # what of a run depends on the implementation


@dataclass(frozen=True)
class Planted:
    """An error of 2⁻ᵏ, relative, in one element of a result, in the row along the first axis that it is in, or in all."""

    result: str
    width: str
    k: int

    def into(self, a: Array) -> Array:
        """The result with the error: the element in the middle of those that are not 0, and what is as wide about it."""
        there = np.argwhere(a)
        if not len(there):
            return a
        at = tuple(there[len(there) // 2])
        wrong = np.array(a, np.float64)
        wrong[{"element": at, "row": at[:1], "all": ...}[self.width]] *= 1 + 2.0**-self.k
        return wrong


@dataclass(frozen=True)
class StoredOnce:
    """An algorithm, computed in what sums of the dtype are kept in; a result is stored once, with an error or without."""

    op: Op
    algorithm: Any
    dtype: str
    planted: Planted | None = None

    def forward(self, *inputs: Any, **parameters: Any) -> Array:
        """Y of the algorithm."""
        return self._stored("y", self.algorithm.forward(*map(self._kept, inputs), **parameters))

    def backward(self, grad_output: Any, *inputs: Any, **parameters: Any) -> tuple[Array | None, ...]:
        """Its gradients."""
        found = self.algorithm.backward(self._kept(grad_output), *map(self._kept, inputs), **parameters)
        named = zip(self.op.inputs, found, strict=True)
        return tuple(None if a is None else self._stored(f"grad_{name}", a) for name, a in named)

    def _kept(self, a: Any) -> Any:
        wider = isinstance(a, np.ndarray) and a.dtype.kind == "f" and self.dtype in ACCUMULATORS
        return a.astype(ACCUMULATORS[self.dtype]) if wider else a

    def _stored(self, result: str, a: Any) -> Array:
        if self.planted and self.planted.result == result:
            a = self.planted.into(np.asarray(a))
        return PRECISIONS[self.dtype].rounded(np.asarray(a))


@dataclass(frozen=True)
class Bench:
    """An op in a dtype: its cases, and how far right algorithms are off in them."""

    op: Op
    dtype: str
    examples: int

    @cached_property
    def problems(self) -> list[Problem]:
        """Cases as a run draws them, but for those of nothing."""
        found: list[Problem] = []
        Search(problems_of(self.op, {}, self.dtype), self.examples, 30).run(found.append)
        return [p for p in found if all(0 not in (shape or ()) for shape in p.shapes.values())]

    @cached_property
    def results(self) -> list[str]:
        """Y and the gradients."""
        return ["y", *(f"grad_{name}" for name in self.op.takes.differentiable)]

    def by(self, algorithm: Any, planted: Planted | None = None) -> Judged:
        """The algorithm as it is judged."""
        made = algorithm() if inspect.isclass(algorithm) else algorithm
        return Implementation.of(self.op, StoredOnce(self.op, made, self.dtype, planted))

    def looseness(self) -> dict[str, list[float]]:
        """For each result, and each case in which it has an error: the bound over the largest error of any algorithm."""
        reference = Implementation.of(self.op, self.op.reference)
        algorithms = [self.by(one) for one in _algorithms(self.op)]
        found: dict[str, list[float]] = defaultdict(list)
        for problem in self.problems:
            run = Run(problem, reference, reference, problem.reals())
            shares: dict[str, float] = defaultdict(float)
            for algorithm in algorithms:
                for result, share in _shares(_again(run, algorithm)):
                    shares[result] = max(shares[result], share)
            for result, share in shares.items():
                found[result] += [1 / share] if share else []
        return found

    def smallest(self, result: str, width: str) -> int | None:
        """The largest k for which 2⁻ᵏ is seen; None if not even twice the result is."""

        def seen(k: int) -> bool:
            return self._broken(self.by(self.op.reference, Planted(result, width, k)))

        return _last(seen, PRECISIONS[self.dtype].bits + 2)

    @cached_property
    def _right(self) -> list[Trial]:
        """The reference on some of the cases, where it holds, so that what is true and the bounds are known."""
        judged, reference = self.by(self.op.reference), Implementation.of(self.op, self.op.reference)
        trials = [Trial(problem, judged, reference) for problem in self.problems[:PLANTED_IN]]
        if any(map(_is_broken, trials)):
            raise AssertionError(f"{self.op.name} in {self.dtype}: the reference is called wrong")
        return trials

    def _broken(self, judged: Judged) -> bool:
        return any(_is_broken(_trial_again(trial, judged)) for trial in self._right)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="How far bounds are above honest errors; how small an error is seen.")
    parser.add_argument("ops", nargs="*", metavar="op", help="some ops (default: all)")
    parser.add_argument("--dtype", action="append", choices=GOALS, help="only this dtype; may be repeated")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help=f"cases of each op (default: {EXAMPLES})")
    given = parser.parse_args()
    torch.set_num_threads(1)
    dtypes = given.dtype or list(GOALS)
    loose, small = [], []
    for name in given.ops or list(ops()):
        if sys.stderr.isatty():
            print(f"\r\x1b[K{name}", end="", file=sys.stderr, flush=True)
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            benches = [Bench(find(name), dtype, given.examples) for dtype in dtypes]
            multiples = [bench.looseness() for bench in benches]
            for result in benches[0].results:
                loose.append([name, result, *(_multiple(m[result], d) for m, d in zip(multiples, dtypes, strict=True))])
                small.append([name, result, *(_seen(bench, result) for bench in benches)])
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    _print("bound over the largest honest error, at the worst; median over cases", dtypes, loose)
    print()
    _print(f"smallest relative error that is seen, as a power of two: {', '.join(WIDTHS)}", dtypes, small)
    missed = sum("!" in cell for row in loose for cell in row)
    print(f"\n{missed} of {sum(len(row) - 2 for row in loose)} miss the goal (!): {GOALS}")


def _print(title: str, dtypes: list[str], rows: Iterable[list[str]]) -> None:
    """A table, in Markdown."""
    print(f"{title}\n\n| op | result | {' | '.join(dtypes)} |\n|---|---|{'---|' * len(dtypes)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def _multiple(found: list[float], dtype: str) -> str:
    """The least and the median; "exact" where nothing is rounded; marked where the least is beyond the goal, or below 1."""
    if not found:
        return "exact"
    return f"{min(found):.3g}; {median(found):.2g}{'' if 1 <= min(found) <= GOALS[dtype] else ' !'}"


def _seen(bench: Bench, result: str) -> str:
    found = (bench.smallest(result, width) for width in WIDTHS)
    return ", ".join("unseen" if k is None else f"{-k}" for k in found)


def _algorithms(op: Op) -> list[Any]:
    """Several right ones."""
    return [op.reference, ByTorch(op.name), *BY_HAND.get(op.name, {"conv": [OffsetByOffset]}.get(op.name, ()))]


def _again(run: Run, judged: Judged) -> Run:
    """The same run of another implementation, which keeps what is known of the case: what is true, and the bounds."""
    other = replace(run, implementation=judged)
    other.__dict__.update({name: known for name, known in run.__dict__.items() if name not in OWN})
    return other


def _trial_again(trial: Trial, judged: Judged) -> Trial:
    other = Trial(trial.problem, judged, trial.reference)
    other.__dict__["real"] = _again(trial.real, judged)
    other.__dict__["whole"] = None if trial.whole is None else _again(trial.whole, judged)
    return other


def _shares(run: Run) -> Iterator[tuple[str, float]]:
    """The largest error of each result as a share of its bound; none of what the algorithm refuses."""
    try:
        results = list(run.results())
    except NotImplementedError:
        return
    for result, actual, expected in results:
        error = np.abs(actual.astype(np.float64) - expected).astype(np.float64)
        bound = np.broadcast_to(run.sharp_bound(result).elementwise, error.shape)
        some = error > 0
        yield result, float((error[some] / bound[some]).max(initial=0.0))


def _is_broken(trial: Trial) -> bool:
    return any(f.verdict is Verdict.BROKEN for law in (agreement, exact) for f in law.check(trial))


def _last(holds: Callable[[int], bool], beyond: int) -> int | None:
    """The last whole number from 0 on for which it holds, below one for which it does not; None if there is none."""
    if not holds(0):
        return None
    low, high = 0, beyond
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


if __name__ == "__main__":
    main()
