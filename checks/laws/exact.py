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
The right gradient and y have degree d = op.kind.degree, and so has the error of any wrong program that multiplies no more
arrays together than the right one does. Cases are independent, so code that is wrong in k of them passes all k with
probability at most Π d/|Sᵢ|. The report multiplies the weakest tenth of the cases: the bound for a mistake that shows
in one case of ten. A program that looks at the values, or is wrong only outside whole numbers, is for `agreement`.

Where an op chooses (the larger, the positive) it is a polynomial once the choice is fixed. Inputs are then drawn without
ties, and the argument is made for the gradients over the cotangent alone, in which they are linear.

**Few bits.** In float16 and bfloat16 the whole numbers are of two kinds. Small ones leave no sum more than 2^p, if need
be with most elements 0 (cases/sparse.py), so that every way of keeping sums gives the same number, with nothing rounded.
Others leave sums exact in the accumulator alone: then the one right result is S, rounded once, though S has more than p
bits. What differs there may have kept its sums narrower, and is compared with what that explains (trials/narrow.py).

**Fractions.** Where results are divided by a power of two (a mean over four) they are whole multiples of 1/unit, and
`unit` times as large a sum must fit. Where they are divided by anything else nothing is exact, and the law is not asked.

**The identity** ⟨g, y⟩ = Σ⟨∂a, a⟩ over each group of inputs in which y is homogeneous of degree one (Euler; every linear
map is) needs no reference at all. It is compared modulo 2^64, where integer arithmetic is exact too.

**Inexact arithmetic.** Algorithms that divide (Winograd) or transform (FFT) do not give whole numbers, and sums that run
on along an axis grow beyond those of its windows. Where rounding
explains all differences (normwise, and by less than half: on smaller numbers if need be), the law is undecided and leaves
the verdict to `agreement`. Noise falls on other elements whenever the numbers change, so the case is drawn again:
where the same few elements are off each time and all others never, it is a mistake, however slight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import nan

import numpy as np

from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import PRECISIONS, Array
from checks.op import Problem
from checks.trials.arithmetic import is_noise, stays_put
from checks.trials.finding import Finding, Verdict
from checks.trials.narrow import excused, may_be_noise
from checks.trials.trial import Run, Trial

RANK = 1
DECIDES = True


def begin(trial: Trial) -> None:
    """Forward and backward on whole numbers."""
    if _is_asked(trial) and trial.whole is not None:
        trial.whole.begin()


def _is_asked(trial: Trial) -> bool:
    if trial.problem.unit is None:
        return False  # no polynomial, or divided by what is no power of two
    # Where they do not fit, sums are exact in float32 alone, which not everybody promises.
    return trial.problem.fits(trial.problem.dtype) or trial.implementation.promised != "same"


def check(trial: Trial) -> Iterator[Finding]:
    """One finding on y, one for each gradient and one for each identity."""
    if not _is_asked(trial):
        return
    fits = trial.problem.fits(trial.problem.dtype)
    run = trial.whole
    if run is None:
        yield Finding("exact", "y", Verdict.UNDECIDED, trial.problem, note=_no_room(trial.problem))
        return
    found = [_identical(result, run, actual, expected) for result, actual, expected in run.results()]
    yield from found
    if not fits or any(f.verdict is Verdict.UNDECIDED for f in found):
        return  # results were rounded, to be stored or on the way, and do not add up to the last bit
    yield from _identities(run)


def miss(problem: Problem) -> float:
    """The bound d/|S| on passing the one case of this problem although the implementation is wrong in it."""
    return min(1.0, (problem.op.kind.degree or 1) / (2 * problem.largest)) if problem.largest else 1.0


def _identical(result: str, run: Run, actual: Array, expected: Array) -> Finding:
    stored = PRECISIONS[run.problem.dtype].rounded(expected)
    sees = 0.0 if run.problem.fits(run.problem.dtype) else unit_roundoff(run.problem.dtype)
    if np.array_equal(actual, stored):
        return Finding("exact", result, Verdict.HOLDS, run.problem, sees=sees)
    with np.errstate(invalid="ignore"):
        error = np.abs(np.asarray(actual, np.float64) - stored)
    at = tuple(map(int, np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), error.shape)))
    found = Finding(
        "exact",
        result,
        Verdict.BROKEN,
        run.problem,
        error=float(error[at]) if np.isfinite(error[at]) else nan,
        index=at,
        actual=float(actual[at]),
        expected=float(stored[at]),
        sees=sees,
    )
    if sees:
        found = excused(found, run, actual, expected, whole=True)
    noise = (
        found.verdict is Verdict.BROKEN
        and is_noise(run, result, actual, expected)
        and may_be_noise(run, result, actual, expected)
        and not stays_put(run, result, actual, expected)
    )
    if not noise:
        return found
    note = "inexact arithmetic: whole numbers come out only after rounding"
    return replace(found, verdict=Verdict.UNDECIDED, sees=None, note=note)


def _identities(run: Run) -> Iterator[Finding]:
    """⟨g, y⟩ = Σ⟨∂a, a⟩ modulo 2^64, where every number in it is whole, for each group of inputs of which it is true."""
    unit, known = run.problem.unit or 1, dict[str, int | None]()

    def product(result: str, other: Array) -> int | None:
        if result not in known:
            actual = run.y if result == "y" else run.gradients[result]
            known[result] = _inner(actual if unit == 1 else actual * unit, other)
        return known[result]

    for group in run.problem.op.kind.linear_in + run.problem.op.kind.euler_in:
        names = tuple(name for name in group if name in run.problem.present)
        left, *parts = product("y", run.case.cotangent), *(product(name, run.case.input(name)) for name in names)
        if left is None or None in parts:
            continue  # the findings on the elements say so already
        right = sum(part for part in parts if part is not None)
        same = (left - right) % 2**64 == 0
        words = " + ".join(f"⟨grad_{a}, {a}⟩" for a in names)
        yield Finding(
            "exact",
            f"⟨g, y⟩ = {words}",
            Verdict.HOLDS if same else Verdict.BROKEN,
            run.problem,
            error=0.0 if same else float(abs(left - right)),
            actual=float(right),
            expected=float(left),
            sees=0.0,
        )


def _inner(result: Array, other: Array) -> int | None:
    """Their inner product modulo 2^64; None where the result is not whole numbers that 64-bit integers can hold."""
    with np.errstate(invalid="ignore"):
        whole = result.astype(np.int64)
        return int(np.vdot(whole, other.astype(np.int64))) if np.array_equal(whole, result) else None


def _no_room(problem: Problem) -> str:
    return f"{problem.dtype} has no room for exact sums of {problem.most_terms} products"
