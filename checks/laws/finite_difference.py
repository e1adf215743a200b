"""(f(x + h·v) − f(x − h·v)) / 2h → J v as h → 0, by the implementation's own forward.

One random line through all inputs is tried, whatever the number of elements: two calls of forward for each step h, and at
most `STEPS` of them; where that does not settle it, one line for each input. Three choices make it independent of scale:

- v is relative, |a|/2 ≤ |v| ≤ |a|: inputs times 1e6 or 1e-6 take the same relative step;
- the cotangent is relative too: g = ±1/Σ|terms of y|, so an output of 1e-9 beside one of 1e3 counts as much;
- the error is estimated, not assumed. With D(h) = ⟨g, f(x + hv) − f(x − hv)⟩ / 2h and steps that shrink,

      |D(h) − ⟨g, J v⟩| ≤ |D(h) − D(h')| + (1 + h)^d·⟨|g|, bound of y⟩·c / h,    h' the step before,

  the first term for truncation (it shrinks with h², so the change from one step to the next is more than what is left),
  the second for rounding: both values of f, and both points x ± hv, which are rounded as well (c = 2), where sums of
  products of d factors have grown by (1 + h)^d. The step that makes the sum smallest is taken, and Richardson's
  extrapolation of the pair, which is at least as good, is compared.

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
from checks.directions import RESOLUTION, Line, inner, inner_gamma, lines
from checks.op import Array
from checks.report import Finding, Verdict
from checks.trial import Run, Trial

RANK = 6
OWN_FORWARD = True

STEPS = tuple(2.0**-k for k in (1, 3, 6, 10, 15, 21))


def check(trial: Trial) -> Iterator[Finding]:
    """One finding on all gradients together, or one for each."""
    y_bound = trial.light.y_bound
    run = trial.light.with_cotangent(_relative_cotangent(trial.light))
    noise = y_bound.dot(run.case.cotangent)
    yield from lines(run, RANK, lambda run, line: _finding(run, line, noise))


def _finding(run: Run, line: Line, noise: Bound) -> Finding:
    estimate = _derivative(run, line, noise)
    sums = 1 + inner_gamma(run.problem.elements) / unit_roundoff(run.problem.dtype)
    error, normwise = abs(estimate.value - line.claim), False
    bound = estimate.truncation + (estimate.rounding + float(line.claim_bound.elementwise)) * sums
    if error > bound and run.transforms:
        bound = estimate.truncation + (estimate.normwise_rounding + float(line.claim_bound.normwise)) * sums
        normwise = True
    finding = Finding(
        "finite_difference",
        line.result,
        Verdict.HOLDS,
        run.problem,
        error=error,
        bound=bound,
        actual=line.claim,
        expected=estimate.value,
        normwise=normwise,
    )
    if not np.isfinite(bound) or not np.isfinite(estimate.value):
        return replace(finding, verdict=Verdict.UNDECIDED, error=0.0, note="no step gives a finite estimate")
    if not error <= bound:
        note = "" if len(line.moves) > 1 else f"the largest share of it lies near {list(_locate(run, line))}"
        return replace(finding, verdict=Verdict.BROKEN, normwise=False, note=note)
    unmoved = line.typical == 0 == estimate.value == estimate.truncation
    if bound > RESOLUTION * max(line.typical, abs(estimate.value)) and not unmoved:
        return replace(finding, verdict=Verdict.UNDECIDED, note="rounding hides an error of a hundredth here")
    return finding


@dataclass(frozen=True)
class _Estimate:
    """A derivative along a line, and how far it can be off."""

    value: float
    truncation: float
    rounding: float
    normwise_rounding: float


def _derivative(run: Run, line: Line, noise: Bound) -> _Estimate:
    """⟨g, J v⟩ from the step that leaves the least doubt; stops at the first that leaves little enough."""
    best = _Estimate(np.nan, np.inf, np.inf, np.inf)
    before: tuple[float, float] | None = None
    for h in STEPS:
        slope = _slope(run, line, h)
        if before is not None:
            step, last = before
            rounding = 2 * (1 + step) ** run.problem.op.degree / h
            found = _Estimate(
                slope + (slope - last) / ((step / h) ** 2 - 1),
                abs(slope - last),
                float(noise.elementwise) * rounding,
                float(noise.normwise) * rounding,
            )
            if not found.truncation + found.rounding >= best.truncation + best.rounding:
                best = found
            if best.truncation + best.rounding <= RESOLUTION * line.typical / 2:
                break
        before = (h, slope)
    return best


def _slope(run: Run, line: Line, h: float) -> float:
    """⟨g, f(x + hv) − f(x − hv)⟩ / 2h; the difference first, where the two are close it is exact (Sterbenz)."""
    ahead, behind = (run.implementation.forward(line.moved(run.case, step)) for step in (h, -h))
    return inner(run.case.cotangent, ahead.astype(np.float64) - behind) / (2 * h)


def _relative_cotangent(run: Run) -> Array:
    """±1/Σ|terms| for each output, to the nearest power of two that the dtype can hold."""
    terms = run.y_bound.elementwise / unit_roundoff(run.problem.dtype)
    usable = np.isfinite(terms) & (terms > 0)
    least, most = (int(np.log2(float(x))) for x in (np.finfo(run.problem.dtype).tiny, np.finfo(run.problem.dtype).max))
    exponent = np.clip(-np.round(np.log2(np.where(usable, terms, 1.0))), least + 4, most - 4).astype(int)
    sign = run.problem.rng(RANK).choice((-1.0, 1.0), exponent.shape)
    cotangent: Array = np.ldexp(sign, exponent)
    return cotangent.astype(run.problem.dtype)


def _locate(run: Run, line: Line) -> tuple[int, ...]:
    """An element whose gradient is off, by halving: of two halves, the one whose difference is further from its claim."""
    ((name, v),) = line.moves.items()
    support = np.arange(v.size)
    while support.size > 1:
        halves = np.array_split(support, 2)
        offs = []
        for half in halves:
            part = np.zeros_like(v)
            part.ravel()[half] = v.ravel()[half]
            along = Line(run, {name: part})
            offs.append(abs(_slope(run, along, STEPS[2]) - along.claim))
        support = halves[int(np.argmax(offs))]
    return tuple(map(int, np.unravel_index(int(support[0]), v.shape)))
