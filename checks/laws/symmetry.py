"""⟨v, D(w)⟩ = ⟨w, D(v)⟩: the double backward is symmetric in the inputs, as every Hessian is.

D(u) = Σ g_k H_k u is what a double backward returns for the inputs when it is handed u, one cotangent for each gradient
(orders/second.py), and the Hessian H_k of each y_k is symmetric (Schwarz). It is asked of the implementation twice, and
of nothing else: no reference, no step. Both sides are inner products of results with arrays, so they differ by what
rounding makes of the results, weighed with these, and by the two sums. D is linear in u, and w is smaller than v and u
element by element: the bounds of the case itself hold for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from checks.numbers.bounds import Bound, unit_roundoff
from checks.numbers.precision import PRECISIONS, Array
from checks.trials.comparison import compared
from checks.trials.directions import inner, inner_gamma
from checks.trials.finding import Finding
from checks.trials.trial import Trial

RANK = 9
OF_DERIVATIVES = True


def check(trial: Trial) -> Iterator[Finding]:
    """One finding on all gradients by the inputs together; none for what is no double backward."""
    run = trial.light
    if not run.problem.op.kind.hessian:
        return
    names = [name for name in run.problem.present if name in run.problem.op.kind.hessian]
    v = run.case.cotangent
    w = PRECISIONS[run.problem.dtype].rounded(run.problem.rng(RANK).uniform(-1, 1, v.shape) * v)
    once, twice = _by_inputs(run.gradients, names), _by_inputs(run.with_cotangent(w).gradients, names)
    if once.size != v.size:
        return  # some input has no gradient, so that there is nothing to compare it with
    limits = _by_inputs({name: run.gradient_bounds[name].elementwise for name in names}, names)
    sums = 1 + inner_gamma(v.size) / unit_roundoff(run.problem.dtype)
    bound = float(np.sum(limits * (np.abs(v) + np.abs(w)))) * sums
    result = " + ".join(f"grad_{name}" for name in names)
    both = Bound(np.asarray(bound), np.asarray(bound))
    yield compared("symmetry", result, run, inner(twice, v), inner(once, w), both)


def _by_inputs(arrays: Mapping[str, Array], names: list[str]) -> Array:
    """All of these in one vector, in the order of the inputs."""
    there = [np.asarray(arrays[name], np.float64).reshape(-1) for name in names]
    return np.concatenate(there) if there else np.zeros(0)
