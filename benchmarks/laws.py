"""Cost of judging one large case, as a multiple of one forward plus backward: python -m benchmarks.laws"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median

import torch

from benchmarks.timing import seconds
from checks.laws import laws
from checks.op import Problem
from checks.ops import find
from checks.subjects.implementation import Implementation
from checks.trials.trial import Trial
from reference import conv

PROBLEM = Problem(
    find("conv"),
    shapes={"x": (8, 64, 56, 56), "weight": (64, 64, 3, 3), "bias": (64,), "y": (8, 64, 56, 56)},
    parameters={"stride": 1, "padding": 1, "dilation": 1, "groups": 1, "flip": False},
)


def main() -> None:
    """Print the cost of all laws together, and of each alone."""
    parser = argparse.ArgumentParser(description="Time the laws on one large case.")
    parser.add_argument("--runs", type=int, default=9, help="runs of each (default: 9)")
    runs = parser.parse_args().runs
    torch.set_num_threads(2)
    case = PROBLEM.reals()

    def once() -> object:
        y = conv.forward(*case.inputs, **case.parameters)
        return y, conv.backward(case.cotangent, *case.inputs, **case.parameters)

    print(f"x (8,64,56,56), weight (64,64,3,3), float64; forward plus backward {seconds(once) * 1e3:.0f} ms")
    print(f"{'all laws':<18} {_ratio(lambda: _ask(list(laws())), once, runs):5.2f} times that (goal: at most 8)")
    for name in laws():
        print(f"{name:<18} {_ratio(lambda name=name: _ask([name]), once, runs):5.2f} alone", flush=True)


def _ask(names: list[str]) -> None:
    # As `judge` has it: what is judged gets copies of all arrays, the reference needs none (verdict/tried.py).
    trial = Trial(PROBLEM, Implementation.of(PROBLEM.op, conv), Implementation.of(PROBLEM.op, conv, shares=True))
    for name in names:
        list(laws()[name].check(trial))


def _ratio(function: Callable[[], object], unit: Callable[[], object], runs: int) -> float:
    """Median of the ratios of runs that follow one another."""
    function()
    unit()
    return median(seconds(function) / seconds(unit) for _ in range(runs))


if __name__ == "__main__":
    main()
