"""Far from 0, where a function or its derivative is small: what keeps its digits there, and what loses them.

Sums with 1 (1 + tanh, 1 + erf, log(1 + e^x), y + α) lose them, formulas that are products of small numbers do not
(laws/digits.py). Such a case has numbers on the side where something is small, as far out as e^{−2|x|} is a normal number
of the dtype, and 36 at most: σ is below the roundoff of float64 there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log, pi, sqrt

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Hard, Problem
from reference import gelu

TAIL = "loses the tail: it is computed by a difference from 1, which is 0 long before what it should be"
FARTHEST = 36.0
NEAR = 4.0  # where what is small is a hundredth
NORMAL = 3.0  # the same of the normal distribution, which falls faster
STEEP = 12.0  # where it is below the roundoff of float64


def reach(problem: Problem) -> float:
    """As far as e^{−2x} is a normal number of the dtype."""
    return min(FARTHEST, -0.34 * PRECISIONS[problem.dtype].lowest)  # e^{−2x} ≥ 2^lowest


def everywhere(case: Case, result: str) -> Array:
    """Every element of a result."""
    return np.full(np.shape(case.cotangent) if result == "y" else case.input(result.removeprefix("grad_")).shape, True)


def gradient_only(case: Case, result: str) -> Array:
    """Every element of a gradient, and none of y."""
    return everywhere(case, result) & (result != "y")


def on_the_left(name: str = "x", per: str = "") -> Callable[[Problem], Case]:
    """Far below 0, or what is so far below once it is multiplied by a parameter."""

    def case(problem: Problem) -> Case:
        x = -problem.rng(3).uniform(NEAR, reach(problem), problem.shape(name))
        x = x / problem.parameters[per] if per else x
        return problem.reals().with_input(name, PRECISIONS[problem.dtype].rounded(x))

    return case


def left_of_the_bell(problem: Problem) -> Case:
    """Where Φ is small, as far as its square is a normal number; by a tanh everybody computes 1 + t, so nearer to 0."""
    lowest = PRECISIONS[problem.dtype].lowest
    far = min(STEEP, sqrt(-lowest * log(2)))
    near = min(NORMAL, far / 2)
    if problem.parameters["approximate"] != "none":
        near, far = 0.0, 1.0
    x = -problem.rng(3).uniform(near, far, problem.shape("x"))
    return problem.reals().with_input("x", PRECISIONS[problem.dtype].rounded(x))


def of_the_bell(case: Case) -> Mapping[str, Array]:
    """Relative to each as it is, but that x² is an exponent, whose error is one of the result."""
    x = case.input("x").astype(np.float64)
    (slope,) = gelu.backward(np.ones(x.shape), x, **case.parameters)
    y = np.abs(gelu.forward(x, **case.parameters))
    if case.parameters["approximate"] != "none":
        return {"y": np.abs(x), "x": np.abs(case.cotangent) * (1 + np.abs(x) ** 3)}
    density = np.abs(x) * np.exp(-x * x / 2) / sqrt(2 * pi)
    return {"y": y * (1 + x * x), "x": np.abs(case.cotangent) * np.maximum(np.abs(slope), density) * (1 + x * x)}


def of_answers(problem: Problem) -> Case:
    """Logits that are far on the side of their target, or in every second case all on the other, where a loss is large."""
    rng, case = problem.rng(3), problem.reals()
    shape, rounded = problem.shape("logits"), PRECISIONS[problem.dtype].rounded
    side = rng.choice((-1, 1), shape)
    target = side * rng.choice((-1, 1)) > 0
    logits = side * rng.uniform(NEAR, reach(problem), shape)
    return case.with_input("logits", rounded(logits)).with_input("target", rounded(target.astype(np.float64)))


SILU = (Hard(TAIL, on_the_left(), None, everywhere),)
GELU = (Hard(TAIL, left_of_the_bell, of_the_bell, everywhere),)
SOFTPLUS = (Hard(TAIL, on_the_left(per="beta"), None, everywhere),)
ELU = (Hard(TAIL, on_the_left(), None, gradient_only),)
BINARY = (Hard(TAIL, of_answers, None, everywhere),)
