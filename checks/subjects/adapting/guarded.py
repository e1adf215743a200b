"""A loss whose logarithm is kept from 0 by a number that is added, log(p + 1e-7): which it is, its forward says.

Its y is not the op's, by design, and its gradient usually is, y − t: that of the logarithm without the number. So both are
judged as those of the op, y once what the number does to it is taken back, which is known to rounding.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.ops._called import CALLED, Called
from checks.subjects.adapting.asked import LARGEST
from checks.subjects.adapting.constants import SMALL, USUAL, functions_of, numbers_in
from checks.subjects.adapting.factor import ratio
from checks.subjects.adapting.fitting import CASES, NEAR, RIGHT, Fit
from checks.subjects.adapting.run import Form, Run


def with_guard(form: Form, fit: Fit) -> Fit:
    """The fit with the number that is added inside of its logarithm; as it is, if there is none."""
    if fit.right or fit.off > NEAR or CALLED.get(form.op.name, Called()).guarded is None:
        return fit
    numbers = [n for n in dict.fromkeys([*numbers_in(functions_of(form)), *USUAL]) if 0 < n < SMALL]
    seen = [_seen(form, fit, seed) for seed in range(CASES)]
    for guard in numbers:
        if all(abs(y - op_guarded(form.op, given, guard, known)) <= RIGHT * abs(y) for given, y, known in seen):
            return replace(fit, plan=replace(fit.plan, guard=guard), off=0.0)
    return fit


def op_guarded(op: Op, inputs: list[Any], guard: float, known: Mapping[str, Any]) -> Array:
    """The op's y with a number added inside of its logarithm."""
    guarded = CALLED[op.name].guarded
    assert guarded is not None  # noqa: S101, asked for before
    return np.asarray(guarded(*inputs, guard=guard, **known))


def given_back(op: Op, y: Any, inputs: list[Any], guard: float, known: Mapping[str, Any]) -> Any:
    """y without what the number does to it, in its own dtype."""
    wide = [a.astype(float) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in inputs]
    with np.errstate(all="ignore"):
        right = np.asarray(op.reference.forward(*wide, **known))
        return (np.asarray(y, float) + (right - op_guarded(op, wide, guard, known))).astype(np.asarray(y).dtype)


def _seen(form: Form, fit: Fit, seed: int) -> tuple[list[Any], float, dict[str, Any]]:
    """The inputs of a case, y there, and its parameters."""
    first = form.op.inputs[0]
    like = np.random.default_rng(seed).integers(-LARGEST, LARGEST + 1, np.shape(fit.one.arrays[first])).astype(float)
    one = replace(fit.one, arrays={**fit.one.arrays, first: like})
    known = {**one.parameters, **fit.plan.constants}
    run = Run(form, fit.plan, one.sizes, known)
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        run.begin({n: a.copy() for n, a in one.arrays.items()})
        run.forward()
    y = float(np.asarray(run.at(fit.plan.y)).reshape(())) / ratio(fit.plan.factor, like.shape)
    there = {*form.passed, *fit.plan.held}
    return [one.arrays[n] if n in there else None for n in form.op.inputs], y, known
