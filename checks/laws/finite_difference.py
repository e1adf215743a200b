"""(f(x + h·v) − f(x − h·v)) / 2h → J v as h → 0, by the implementation's own forward.

For each input one random direction v is tried, whatever the number of elements: two calls of forward for each step h, and
at most `STEPS` of them. Three choices make it independent of scale:

- v is relative, |a|/2 ≤ |v| ≤ |a|: inputs times 1e6 or 1e-6 take the same relative step;
- the cotangent is relative too: g = ±1/Σ|terms of y|, so an output of 1e-9 beside one of 1e3 counts as much;
- the error is estimated, not assumed. With D(h) = ⟨g, f(x + hv) − f(x − hv)⟩ / 2h and steps that shrink,

      |D(h) − ⟨g, J v⟩| ≤ |D(h) − D(h')| + (1 + h)·⟨|g|, bound of y⟩·c / h,    h' the step before,

  the first term for truncation (it shrinks with h², so the change from one step to the next is more than what is left),
  the second for rounding: both values of f, and both points x ± hv, which are rounded as well (c = 2). The step that
  makes the sum smallest is taken, and Richardson's extrapolation of the pair, which is at least as good, is compared.

The estimate is the bound. A difference beyond it is broken; within it, the law holds only if it would have seen an error
of a hundredth of what a random projection of this gradient typically is; otherwise it is undecided.
A gradient of zeros holds where moving the input does not change y by a single bit.
A wrong gradient is then located by halving the direction's support, two calls of forward a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from checks.bounds import Bound, unit_roundoff
from checks.directions import direction, inner, inner_gamma
from checks.op import Array
from checks.report import Finding, Verdict
from checks.trial import Run, Trial

RANK = 6

STEPS = tuple(2.0**-k for k in (1, 3, 6, 10, 15, 21))
RESOLUTION = 0.01


def check(trial: Trial) -> Iterator[Finding]:
    """One finding for each gradient."""
    run = trial.light
    noise = run.y_bound  # does not depend on the cotangent
    run = run.with_cotangent(_relative_cotangent(run))
    for name in run.gradients:
        yield _finding(run, name, noise.dot(run.case.cotangent))


def _finding(run: Run, name: str, noise: Bound) -> Finding:
    v = direction(run, name, RANK)
    gradient = run.gradients[name].astype(np.float64)
    claim = inner(gradient, v)
    typical = float(np.linalg.norm((gradient * v).ravel()))
    estimate = _derivative(run, name, v, noise, RESOLUTION * typical)
    sums = 1 + inner_gamma(run.problem.elements) / unit_roundoff(run.problem.dtype)
    claimed = run.gradient_bounds[name].dot(v) * sums
    error, normwise = abs(estimate.value - claim), False
    bound = estimate.truncation + estimate.rounding * sums + float(claimed.elementwise)
    if error > bound:
        bound = estimate.truncation + estimate.normwise_rounding * sums + float(claimed.normwise)
        normwise = True
    finding = Finding(
        "finite_difference",
        f"grad_{name}",
        Verdict.HOLDS,
        run.problem,
        error=error,
        bound=bound,
        actual=claim,
        expected=estimate.value,
        normwise=normwise,
    )
    if not np.isfinite(bound) or not np.isfinite(estimate.value):
        return replace(finding, verdict=Verdict.UNDECIDED, error=0.0, note="no step gives a finite estimate")
    if not error <= bound:
        at = _locate(run, name, v, bound)
        return replace(finding, verdict=Verdict.BROKEN, normwise=False, index=None, note=f"largest share of it near {at}")
    unmoved = typical == 0 == estimate.value == estimate.truncation
    if bound > RESOLUTION * max(typical, abs(estimate.value)) and not unmoved:
        return replace(finding, verdict=Verdict.UNDECIDED, note="rounding hides an error of a hundredth here")
    return finding


@dataclass(frozen=True)
class _Estimate:
    """A derivative along a direction, and how far it can be off."""

    value: float
    truncation: float
    rounding: float
    normwise_rounding: float


def _derivative(run: Run, name: str, v: Array, noise: Bound, enough: float) -> _Estimate:
    """⟨g, J v⟩ from the step that leaves the least doubt; stops at the first that leaves less than `enough`."""
    best = _Estimate(np.nan, np.inf, np.inf, np.inf)
    before: tuple[float, float] | None = None
    for h in STEPS:
        slope = _slope(run, name, v, h)
        if before is not None:
            last, ratio = before[1], (before[0] / h) ** 2
            rounding = 2 * (1 + before[0]) / h
            found = _Estimate(
                slope + (slope - last) / (ratio - 1),
                abs(slope - last),
                float(noise.elementwise) * rounding,
                float(noise.normwise) * rounding,
            )
            if not found.truncation + found.rounding >= best.truncation + best.rounding:
                best = found
            if best.truncation + best.rounding <= enough:
                break
        before = (h, slope)
    return best


def _slope(run: Run, name: str, v: Array, h: float) -> float:
    """⟨g, f(x + hv) − f(x − hv)⟩ / 2h; the difference first, where the two are close it is exact (Sterbenz)."""
    a = run.case.input(name)
    step = (h * v.astype(np.float64)).astype(a.dtype)
    ahead, behind = (run.implementation.forward(run.case.with_input(name, moved)) for moved in (a + step, a - step))
    return inner(run.case.cotangent, ahead.astype(np.float64) - behind) / (2 * h)


def _relative_cotangent(run: Run) -> Array:
    """±1/Σ|terms| for each output, to the nearest power of two that the dtype can hold."""
    terms = run.y_bound.elementwise / unit_roundoff(run.problem.dtype)
    usable = np.isfinite(terms) & (terms > 0)
    least, most = (int(np.log2(float(x))) for x in (np.finfo(run.problem.dtype).tiny, np.finfo(run.problem.dtype).max))
    exponent = np.clip(-np.round(np.log2(np.where(usable, terms, 1.0))), least + 4, most - 4).astype(int)
    sign = run.problem.rng(RANK).choice((-1.0, 1.0), exponent.shape)
    return np.ldexp(sign, exponent).astype(run.problem.dtype)


def _locate(run: Run, name: str, v: Array, bound: float) -> tuple[int, ...]:
    """An element whose gradient is off, by halving: of two halves, the one whose difference is further from its claim."""
    gradient = run.gradients[name].astype(np.float64)
    support = np.arange(v.size)
    while support.size > 1:
        halves = np.array_split(support, 2)
        offs = []
        for half in halves:
            part = np.zeros(v.size, v.dtype)
            part[half] = v.ravel()[half]
            part = part.reshape(v.shape)
            offs.append(abs(_slope(run, name, part, STEPS[2]) - inner(gradient, part)))
        support = halves[int(np.argmax(offs))]
    return tuple(map(int, np.unravel_index(int(support[0]), v.shape)))
