"""(f(x + h·v) − f(x − h·v)) / 2h → J v as h → 0, by the implementation's own forward.

One random line through all inputs is tried, whatever the number of elements: two calls of forward for each step h, and at
most `STEPS` of them; where that does not settle it, one line for each input. Steps are multiples of the distance within
which the op has no kink. Three choices make it independent of scale:

- v is relative, |a|/2 ≤ |v| ≤ |a|: inputs times 1e6 or 1e-6 take the same relative step;
- the cotangent is relative too: g = ±1/Σ|terms of y|, so an output of 1e-9 beside one of 1e3 counts as much;
- the error is estimated, not assumed. With D(h) = ⟨g, f(x + hv) − f(x − hv)⟩ / 2h and steps that shrink,

      |D(h) − ⟨g, J v⟩| ≤ |D(h) − D(h')| + ⟨|g|, bound of y⟩·c / h,    h' the step before,

  the first term for truncation (it shrinks with h², so the change from one step to the next is more than what is left),
  the second for rounding: both values of f, and both points x ± hv, which are rounded as well (c = 2). The bound of y is
  that at the two points; sums of products of d factors have grown there by (1 + h)^d. The step that makes the sum
  smallest is taken, and Richardson's extrapolation of the pair, which is at least as good, is compared. Of a polynomial
  up to degree two a central difference is the derivative, and one step says all: the longest, at which rounding counts
  least. Not so where sums may be kept narrower than the bound of y allows for (float16): there two steps tell. Beyond
  degree two the leading term of the change may vanish by chance, so what the change before it announces, (h/h')² of that,
  counts if it is more.

The estimate is the bound. A difference beyond it is broken; within it, the law holds only if it would have seen an error
of a hundredth of what a random projection of this gradient typically is; otherwise it is undecided.
A gradient of zeros holds where moving the input does not change y by a single bit.
A wrong gradient that is shown is then located by halving the direction's support, four calls of forward a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from checks.numbers.bounds import Bound, unit_roundoff
from checks.numbers.precision import ACCUMULATORS, PRECISIONS, Array
from checks.trials.arithmetic import transforms
from checks.trials.directions import RESOLUTION, Line, direction, inner, inner_gamma, lines, together
from checks.trials.finding import Finding, Verdict
from checks.trials.trial import Run, Trial

RANK = 6
OWN_FORWARD = True

STEPS = tuple(2.0**-k for k in (1, 3, 6, 10, 15, 21))


def begin(trial: Trial) -> None:
    """Backward, and forward at the ends of the steps that are tried in any case."""
    trial.light.once(_along)


def check(trial: Trial) -> Iterator[Finding]:
    """One finding on all gradients together, or one for each."""
    line = trial.light.taken(_along)
    yield from lines(line.run, RANK, finding, along=line)


def _along(light: Run) -> Line:
    run = _relative(light).begin("backward")
    line, radius = together(run, RANK), run.problem.op.kind.radius(run.case)
    for step in STEPS[: 1 if _is_settled(run) else 2]:
        line.begin(radius * step)
    return line


def located(trial: Trial, found: Finding) -> Finding:
    """The finding on one gradient that is wrong, with where in it."""
    run, name = relative(trial), found.result.removeprefix("grad_")
    if name not in run.gradients:
        return found
    at = _locate(run, Line(run, {name: direction(run, name, RANK)}))
    return replace(found, note=f"the largest share of it lies near {list(at)}")


def relative(trial: Trial) -> Run:
    """The case under a cotangent that asks about small outputs as much as about large ones."""
    return _relative(trial.light)


def _relative(run: Run) -> Run:
    return run.with_cotangent(_relative_cotangent(run))


def finding(run: Run, line: Line) -> Finding:
    """The derivative along one line, against what the gradients claim it to be."""
    estimate = _derivative(run, line)
    sums = 1 + inner_gamma(run.problem.elements) / unit_roundoff(run.problem.dtype)
    error, normwise = abs(estimate.value - line.claim), False
    bound = estimate.truncation + (estimate.rounding + float(line.claim_bound.elementwise)) * sums
    loose = estimate.truncation + (estimate.normwise_rounding + float(line.claim_bound.normwise)) * sums
    if bound < error <= loose and transforms(run):
        bound, normwise = loose, True
    found = Finding(
        "finite_difference",
        line.result,
        Verdict.HOLDS,
        run.problem,
        error=error,
        bound=bound,
        actual=line.claim,
        expected=estimate.value,
        sees=_share(bound, max(line.typical, abs(estimate.value))),
        normwise=normwise,
    )
    if not np.isfinite(bound) or not np.isfinite(estimate.value):
        return replace(found, verdict=Verdict.UNDECIDED, error=0.0, note="no step gives a finite estimate")
    if not error <= bound:
        return replace(found, verdict=Verdict.BROKEN, normwise=False)
    unmoved = line.typical == 0 == estimate.value == estimate.truncation
    if bound > RESOLUTION * max(line.typical, abs(estimate.value)) and not unmoved:
        return replace(found, verdict=Verdict.UNDECIDED, note="rounding hides an error of a hundredth here")
    return found


def _share(bound: float, size: float) -> float:
    """The smallest error that would have been seen, relative to what a projection of this gradient typically is."""
    return 0.0 if bound == 0 else bound / size if size and not np.isnan(bound) else np.inf


@dataclass(frozen=True)
class _Estimate:
    """A derivative along a line, and how far it can be off."""

    value: float
    truncation: float
    rounding: float
    normwise_rounding: float


def _derivative(run: Run, line: Line) -> _Estimate:
    """⟨g, J v⟩ from the step that leaves the least doubt; stops at the first that leaves little enough."""
    best = _Estimate(np.nan, np.inf, np.inf, np.inf)
    quadratic = (run.problem.op.kind.degree or 3) <= 2
    if _is_settled(run):
        h = run.problem.op.kind.radius(run.case) * STEPS[0]
        noise = _noise(run, line, h) * (2 / h)
        return _Estimate(_slope(run, line, h), 0.0, float(noise.elementwise), float(noise.normwise))
    step, last, announced = np.inf, np.nan, np.inf
    steps = [run.problem.op.kind.radius(run.case) * h for h in STEPS]
    for n, h in enumerate(steps):
        if np.isfinite(best.rounding) and _is_drowned(run, line, steps[n - 1 :], best):
            break
        slope, change = _slope(run, line, h), 0.0
        if np.isfinite(step):
            change = abs(slope - last)
            noise = _noise(run, line, step) * (2 / h)
            found = _Estimate(
                slope + (slope - last) / ((step / h) ** 2 - 1),
                change if quadratic else max(change, announced * (h / step) ** 2),
                float(noise.elementwise),
                float(noise.normwise),
            )
            if not found.truncation + found.rounding >= best.truncation + best.rounding:
                best = found
            if best.truncation + best.rounding <= RESOLUTION * line.typical / 2:
                break
            announced = change
        step, last = h, slope
    return best


def _is_settled(run: Run) -> bool:
    """Whether one step says all."""
    return (run.problem.op.kind.degree or 3) <= 2 and run.problem.dtype not in ACCUMULATORS


def _is_drowned(run: Run, line: Line, steps: Sequence[float], best: _Estimate) -> bool:
    """Whether rounding alone leaves more doubt at each of these steps than there is: known without a call from degrees."""
    if run.problem.op.kind.degree is None:
        return False
    doubt = best.truncation + best.rounding
    return all(_noise(run, line, step).elementwise * (2 / h) >= doubt for step, h in pairwise(steps))


def _noise(run: Run, line: Line, h: float) -> Bound:
    """What rounding can do to ⟨g, f⟩ at the points h away, to which the run's own bound is carried where that is known."""
    degree, cotangent = run.problem.op.kind.degree, run.case.cotangent
    if degree is not None:
        return run.y_bound.dot(cotangent) * (1 + h) ** degree
    ends = [replace(run, case=line.moved(run.case, step)).y_bound.dot(cotangent) for step in (h, -h)]
    return max(ends, key=lambda bound: float(bound.elementwise))


def _slope(run: Run, line: Line, h: float) -> float:
    """⟨g, f(x + hv) − f(x − hv)⟩ / 2h; the difference first, where the two are close it is exact (Sterbenz)."""
    ahead, behind = line.ends(h)
    return inner(run.case.cotangent, ahead.astype(np.float64) - behind) / (2 * h)


def _relative_cotangent(run: Run) -> Array:
    """±1/Σ|terms| for each output, to the nearest power of two that the dtype can hold."""
    terms = run.y_bound.elementwise / unit_roundoff(run.problem.dtype)
    usable = np.isfinite(terms) & (terms > 0)
    precision = PRECISIONS[run.problem.dtype]
    exponents = -np.round(np.log2(np.where(usable, terms, 1.0)))
    exponent = np.clip(exponents, precision.lowest + 4, precision.highest - 5).astype(int)
    sign = run.problem.rng(RANK).choice((-1.0, 1.0), exponent.shape)
    cotangent: Array = np.ldexp(sign, exponent)
    return precision.rounded(cotangent)


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
