"""One result against another, within what rounding can do."""

from __future__ import annotations

from math import inf

import numpy as np

from checks.numbers.bounds import Bound
from checks.numbers.precision import Array
from checks.trials.arithmetic import transforms
from checks.trials.finding import Finding, Verdict
from checks.trials.trial import Run


def compared(law: str, result: str, run: Run, actual: Array | float, expected: Array | float, bound: Bound) -> Finding:
    """The finding on `actual` against `expected`: holds if no element is further off than rounding allows.

    The normwise bound counts only for arithmetic that is seen to transform; NaN is never within a bound; an infinite
    bound decides nothing.
    """
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    if actual.size == 0:
        return Finding(law, result, Verdict.HOLDS, run.problem)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = np.abs(actual - expected)
        limits, share = bound.elementwise, _share(error, bound.elementwise)
        loose = share if share.max() <= 1 else _share(error, bound.normwise)
        # What no bound explains needs no look at the arithmetic, which takes many calls.
        normwise = loose is not share and bool(loose.max() <= 1) and transforms(run)
        if normwise:
            limits, share = bound.normwise, loose
    at = tuple(map(int, np.unravel_index(share.argmax(), error.shape)))
    limits = np.broadcast_to(limits, error.shape)
    broken = not share[at] <= 1
    undecided = not broken and bool(np.isinf(limits[at]) and np.isinf(limits).all())
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
        normwise=normwise and not broken,
        note="rounding alone can make any error here: too many terms for this precision" if undecided else "",
    )


def _share(error: Array, bound: Array) -> Array:
    """Error as a share of the bound: 0/0 is no error, NaN is beyond any finite bound, an infinite bound decides nothing."""
    share = error / bound
    if np.isnan(share).any():
        share = np.where(np.isnan(error) & ~np.isinf(bound), inf, np.nan_to_num(share, nan=0.0, posinf=inf))
    return np.asarray(share)
