"""One result against another, within what rounding can do; and how small an error such a comparison would have seen.

**How sharp a comparison is.** An element that is off by δ times itself shows an error of at least δ·|expected| −
bound, since its own rounding can take as much away as the bound allows. That is more than the bound, and seen for
certain, once δ is more than twice bound / |expected|; it is seen at all only if δ is more than that ratio. `sees` is
the ratio that nine tenths of the elements keep (`NEARLY_ALL`): a sum of terms of either sign comes as close to 0 as
you like in some element, which says nothing of the others, so the largest ratio would be a matter of chance; and a
result that is wrong in more than a tenth of its elements cannot hide in those that are left out.

**What decides.** The smallest of the errors that no result may hide is half of it: half as large, 0 in place of it,
twice it, its negative are off by δ = 1/2, 1, 1 and 2. For all of them to be seen for certain, twice the ratio has to
be below 1/2. So a comparison with `sees` up to `DECISIVE` = 1/4 decides, and beyond that what holds could not have
failed: it is undecided.

**Where the right number is 0**, or less than the precision that is judged can tell from it, there is nothing to be
relative to. Where the bound is 0 too, nothing is tolerated, and nothing is lost. Elsewhere the bound is taken relative to
the size of the others, their root of the mean square: a mistake that leaves something at such a place leaves something of
that size. Where all of them are 0 (a gradient that nothing reaches, a softmax over one class), the numbers that cancel are
the only size there is; the bound is γₙ of those (bounds.py), so γₙ is the ratio.
"""

from __future__ import annotations

from math import ceil, floor, inf, log10

import numpy as np

from checks.numbers.bounds import Bound, gamma, unit_roundoff
from checks.numbers.precision import PRECISIONS, Array
from checks.trials.arithmetic import transforms
from checks.trials.finding import Finding, Verdict
from checks.trials.trial import Run

DECISIVE = 0.25
NEARLY_ALL = 0.9


def compared(law: str, result: str, run: Run, actual: Array | float, expected: Array | float, bound: Bound) -> Finding:
    """The finding on `actual` against `expected`: holds if no element is further off than rounding allows.

    The normwise bound counts only for arithmetic that is seen to transform; NaN is never within a bound; a bound that is
    not well below what is judged decides nothing.
    """
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    if actual.size == 0:
        return Finding(law, result, Verdict.HOLDS, run.problem, sees=0.0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = np.asarray(actual - expected)
        np.abs(error, out=error)
        limits, (share, worst) = bound.elementwise, _worst(error, bound.elementwise)
        # What no bound explains needs no look at the arithmetic, which takes many calls.
        loose = _worst(error, bound.normwise) if share > 1 else (share, worst)
        normwise = share > 1 >= loose[0] and bound.allows(error) and transforms(run, result)
        if normwise:
            limits, (share, worst) = bound.normwise, loose
        limits = np.broadcast_to(limits, error.shape)
        sees = _sees(run, expected, limits)
    at = tuple(map(int, np.unravel_index(worst, error.shape)))
    broken = share > 1
    undecided = not broken and sees > DECISIVE
    return Finding(
        law,
        result,
        Verdict.BROKEN if broken else Verdict.UNDECIDED if undecided else Verdict.HOLDS,
        run.problem,
        error=float(error[at]),
        bound=float(limits[at]),
        index=at if error.ndim else None,
        actual=float(actual[at]),
        expected=float(expected[at]),
        sees=sees,
        normwise=normwise and not broken,
        note=_blind(sees) if undecided else "",
    )


def _sees(run: Run, expected: Array, limits: Array) -> float:
    """The ratio of bound and size that nearly every element keeps."""
    sizes, limits = np.abs(expected).ravel(), limits.ravel()
    underflow = PRECISIONS[run.problem.dtype].underflow
    if sizes.min() > underflow:
        return _nearly_largest(limits / sizes)
    present = sizes > underflow
    counted = present | (limits > 0)
    if not counted.any():
        return 0.0
    if not present.any():
        return gamma(run.problem.most_terms + 1, unit_roundoff(run.problem.dtype))
    typical = float(np.sqrt(np.mean(np.square(sizes[present]))))
    return _nearly_largest((limits / np.where(present, sizes, typical))[counted])


def _nearly_largest(ratios: Array) -> float:
    """The smallest ratio that at least nine tenths of them do not exceed; puts them in another order."""
    at = ceil(NEARLY_ALL * ratios.size) - 1
    ratios.partition(at)
    return float(ratios[at])


def _blind(sees: float) -> str:
    """Why nothing is decided, in few different sentences: they are counted."""
    if not sees < inf:
        return "rounding alone can make any error here: too many terms for this precision"
    if sees < 1:
        return "rounding alone may be a quarter of what is judged, or more"
    power = min(floor(log10(sees)), 6)
    return (
        f"rounding alone may be {f'{10**power:,} times as large' if power else 'as large'} as what is judged, or more"
    )


def _worst(error: Array, bound: Array) -> tuple[float, int]:
    """The largest error as a share of its bound, and where it is.

    0/0 is no error, NaN is beyond any finite bound, an infinite bound decides nothing.
    """
    share = np.asarray(error / bound)
    at = int(share.argmax())  # of NaN, if there is one
    if np.isnan(share.flat[at]):
        share = np.where(np.isnan(error) & ~np.isinf(bound), inf, np.nan_to_num(share, nan=0.0, posinf=inf))
        at = int(share.argmax())
    return float(share.flat[at]), at
