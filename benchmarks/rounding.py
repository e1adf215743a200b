"""How sharp the bounds are, for each op that is no polynomial: python -m benchmarks.rounding

Of each result, over random cases in float32: the bound that running error analysis gives of the reference, as a multiple of
the one that the op brings, where it brings one (the median over all elements); and the largest error that any right
algorithm makes, torch's and those of tests/laws, as a share of either bound. A share above 1 is code that counts as right
and that the reference's own formula does not allow for: there the op has to bring its own.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import numpy as np
import torch

from checks.cases.drawing import problems_of
from checks.cases.search import Search
from checks.numbers.precision import Array
from checks.op import Op, Problem
from checks.ops import find, ops
from checks.subjects.implementation import Implementation
from checks.trials.trial import Run, is_run
from tests.laws.right_variants import RIGHT


def main() -> None:
    """Print a row for each result, and what its bound costs."""
    parser = argparse.ArgumentParser(description="Compare bounds with one another and with honest errors.")
    parser.add_argument("--examples", type=int, default=100, help="cases of each op (default: 100)")
    parser.add_argument("--op", action="append", help="only this op; may be repeated")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'op':<20} {'result':<14} {'running / own':>13}   largest error / running, / own")
    for name in given.op or [name for name in ops() if find(name).degree is None]:
        _op(find(name), given.examples)


def _op(op: Op, examples: int) -> None:
    found: list[Problem] = []
    Search(problems_of(op, {}, "float32"), examples, 30).run(found.append)
    algorithms = [Implementation.of(op, one) for name, one, _ in RIGHT if name == op.name]
    reference = Implementation.of(op, op.reference)
    ratios: dict[str, list[float]] = defaultdict(list)
    shares: dict[str, list[tuple[float, float]]] = defaultdict(list)
    spent, numbers = 0.0, 0
    for problem in found:
        run = Run(problem, reference, reference, problem.reals())
        start = time.process_time()
        running = {result: run.reference_bound(result).elementwise for result in _results(run)}
        spent, numbers = spent + time.process_time() - start, numbers + problem.elements
        for result, bound in running.items():
            own = run.bound(result).elementwise
            ratios[result] += (bound[own > 0] / own[own > 0]).ravel().tolist()
        for algorithm in algorithms:
            for result, error in _errors(replace(run, implementation=algorithm)):
                own = run.bound(result).elementwise
                shares[result].append((_largest(error, running[result]), _largest(error, own)))
    for result, of_elements in ratios.items():
        compared = "" if is_run(op) else f"{median(of_elements):.2f}"
        by_running, by_own = (max(column) for column in zip(*shares[result], strict=True))
        print(f"{op.name:<20} {result:<14} {compared:>13}   {by_running:.2g}{'' if is_run(op) else f', {by_own:.2g}'}")
    print(f"{'':<20} {1e5 * spent / numbers:.1f} ms for 100 elements", flush=True)


def _results(run: Run) -> list[str]:
    return ["y", *(f"grad_{name}" for name in run.problem.present)]


def _errors(run: Run) -> Iterator[tuple[str, Array]]:
    try:
        for result, actual, expected in run.results():
            yield result, np.abs(actual.astype(np.float64) - expected).astype(np.float64)
    except NotImplementedError:
        return


def _largest(error: Array, bound: Array) -> float:
    """The largest error as a share of its bound; no error is no share."""
    some = error > 0
    with np.errstate(divide="ignore"):
        return float((error[some] / bound[some]).max(initial=0.0))


if __name__ == "__main__":
    main()
