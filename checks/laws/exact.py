"""On whole numbers y, every gradient and ⟨g, y⟩ = Σ⟨∂a, a⟩ are right to the last bit: nothing is tolerated.

**Why floats are exact here.** Whole numbers up to 2^p are exact in a float with p bits of significand, and so are sums
and products of them that stay below 2^p, in whatever order, blocked, threaded or fused. Inputs and cotangent are drawn
from S = {−M … M} without 0, with terms·M² ≤ 2^p for the longest sum of products of this case: no partial sum can round.

**What a run can miss.** Where an implementation is wrong in a case, the error of some element is a polynomial in the
inputs and the cotangent that is not identically zero. If it has degree at most d it vanishes at a uniform point of Sⁿ
with probability at most d/|S| (Schwartz, Zippel; DeMillo, Lipton). *Proof* by induction on n: for n = 1 it has at most
d roots. For n > 1 write it as Σ_k x₁ᵏ·q_k(x₂ … x_n) and take the highest k with q_k ≠ 0: q_k has degree at most d − k
and vanishes with probability at most (d − k)/|S|; where it does not, a polynomial of degree k in x₁ is left, with at
most k roots. Together (d − k)/|S| + k/|S| = d/|S|. ∎
The right gradient and y have degree d = op.degree, and so has the error of any wrong program that multiplies no more
arrays together than the right one does. Cases are independent, so code that is wrong in k of them passes all k with
probability at most Π d/|Sᵢ|. The report multiplies the weakest tenth of the cases: the bound for a mistake that shows
in one case of ten. A program that looks at the values, or is wrong only outside whole numbers, is for `agreement`.

**The identity** ⟨g, y⟩ = Σ⟨∂a, a⟩ over each group of inputs in which y is linear (Euler) needs no reference at all. It
is compared modulo 2^64, where integer arithmetic is exact too.

**Inexact arithmetic.** Algorithms that divide (Winograd) or transform (FFT) do not give whole numbers. Where rounding
explains all differences (normwise, and by less than half or a thousandth of the largest result), the law is undecided and
leaves the verdict to `agreement`. Noise falls on other elements whenever the numbers change, so the case is drawn again:
where the same few elements are off each time and all others never, it is a mistake, however slight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import nan

import numpy as np

from checks.bounds import unit_roundoff
from checks.op import Array, Problem
from checks.report import Finding, Verdict
from checks.trial import Run, Trial

RANK = 2

# Noise that stays among the same elements by chance, once in so many times, is taken for a mistake.
CHANCE = 1e-9
REDRAWS = 24


def check(trial: Trial) -> Iterator[Finding]:
    """One finding on y, one for each gradient and one for each identity."""
    run = trial.whole
    if run is None:
        yield Finding("exact", "y", Verdict.UNDECIDED, trial.problem, note=_no_room(trial.problem))
        return
    yield _identical("y", run, run.y, run.true_y)
    for name, gradient in run.gradients.items():
        yield _identical(f"grad_{name}", run, gradient, run.true_gradients[name])
    for group in trial.problem.op.linear_in:
        yield from _identity(run, tuple(name for name in group if name in trial.problem.present))


def miss(problem: Problem) -> float:
    """The bound d/|S| on passing the one case of this problem although the implementation is wrong in it."""
    return min(1.0, problem.op.degree / (2 * problem.largest)) if problem.largest else 1.0


def _identical(result: str, run: Run, actual: Array, expected: Array) -> Finding:
    if np.array_equal(actual, expected):
        return Finding("exact", result, Verdict.HOLDS, run.problem)
    bound = run.y_bound if result == "y" else run.gradient_bounds[result.removeprefix("grad_")]
    error = np.abs(np.asarray(actual, np.float64) - expected)
    slight = max(0.499, float(np.abs(expected).max()) / 1000)
    noise = bool(np.all(error <= min(slight, float(bound.normwise))))
    inexact = noise and not _always_there(result, run, actual, expected)
    at = tuple(map(int, np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), error.shape)))
    return Finding(
        "exact",
        result,
        Verdict.UNDECIDED if inexact else Verdict.BROKEN,
        run.problem,
        error=float(error[at]) if np.isfinite(error[at]) else nan,
        index=at,
        actual=float(np.real(actual[at])),
        expected=float(expected[at]),
        note="inexact arithmetic: whole numbers come out only after rounding" if inexact else "",
    )


def _always_there(result: str, run: Run, actual: Array, expected: Array) -> bool:
    """Whether the elements that are off stay among the same few when the numbers are drawn again.

    Elements that should be 0 are left out, and those within a few roundings of themselves: there a transform can leave its
    noise in every draw.
    """
    few = 8 * unit_roundoff(run.problem.dtype)
    wrong = _off(actual, expected, few)
    among = float(wrong.sum() / max(1, np.count_nonzero(expected)))
    if not 0 < among < 1:
        return False
    chance = 1.0
    for redraw in range(1, REDRAWS + 1):
        problem = replace(run.problem, seed=run.problem.seed + redraw)
        other = replace(run, problem=problem, case=problem.whole_numbers())
        name = result.removeprefix("grad_")
        pair = (other.y, other.true_y) if result == "y" else (other.gradients[name], other.true_gradients[name])
        off = _off(*pair, few)
        if np.any(off & ~wrong):
            return False
        chance *= among ** int(off.sum())
        if chance < CHANCE:
            return True
    return False


def _off(actual: Array, expected: Array, few: float) -> Array:
    return (expected != 0) & (np.abs(actual - expected) > few * np.abs(expected))


def _identity(run: Run, group: tuple[str, ...]) -> Iterator[Finding]:
    """⟨g, y⟩ = Σ⟨∂a, a⟩ modulo 2^64, where every number in it is whole."""
    factors = [(run.gradients[name], run.case.input(name)) for name in group]
    wholes = [[_whole(a) for a in pair] for pair in ((run.y, run.case.cotangent), *factors)]
    if any(a is None for pair in wholes for a in pair):
        return  # the findings on the elements say so already
    left, *parts = (int(np.vdot(*pair)) for pair in wholes)
    right = sum(parts)
    same = (left - right) % 2**64 == 0
    words = " + ".join(f"⟨grad_{a}, {a}⟩" for a in group)
    yield Finding(
        "exact",
        f"⟨g, y⟩ = {words}",
        Verdict.HOLDS if same else Verdict.BROKEN,
        run.problem,
        error=0.0 if same else float(abs(left - right)),
        actual=float(right),
        expected=float(left),
    )


def _whole(a: Array) -> Array | None:
    """The same numbers as 64-bit integers, or None if they are not whole or too large."""
    with np.errstate(invalid="ignore"):
        whole = a.astype(np.int64)
    return whole if np.array_equal(whole, a) else None


def _no_room(problem: Problem) -> str:
    return f"{problem.dtype} has no room for exact sums of {max(problem.op.terms(problem).values())} products"
