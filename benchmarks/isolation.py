"""Cost of calling an implementation in a process of its own: python -m benchmarks.isolation

A call there less the same call here; beside it what it takes to copy all arrays of the call once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.timing import in_turns
from checks.op import Array, Case, Problem
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.subjects.isolation import Isolated

SIZES = ((1, 2, 5, 5), (8, 64, 56, 56), (32, 64, 112, 112))


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description="Time calls into another process.")
    parser.add_argument("--runs", type=int, default=20, help="runs of each (default: 20)")
    runs = parser.parse_args().runs
    op = find("relu")
    here = Implementation.of(op, op.reference)
    there = Isolated.loaded(op, "reference.relu")
    print(f"{'x, float64':<18} {'here':>8} {'there':>8} {'more':>8} {'one copy':>9}")
    try:
        for shape in SIZES:
            case = Problem(op, {"x": shape, "y": shape}, {}).reals()
            calls = (partial(here.backward, case), partial(there.backward, case), _copy(case))
            mine, theirs, copied = (1e3 * s for s in in_turns(calls, runs))
            print(f"{shape!s:<18} {mine:6.2f}ms {theirs:6.2f}ms {theirs - mine:6.2f}ms {copied:7.2f}ms", flush=True)
    finally:
        there.close()


def _copy(case: Case) -> Callable[[], list[Array]]:
    """Copy what a call of backward passes, and what it returns."""
    arrays = [a for a in (case.cotangent, *case.inputs, *case.inputs) if a is not None]
    return lambda: [np.array(a) for a in arrays]


if __name__ == "__main__":
    main()
