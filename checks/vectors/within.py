"""Whether numbers are what a vector says is right: the same to the last bit, within the bound, or one of several."""

from __future__ import annotations

import numpy as np

from checks.numbers.bounds import gamma, unit_roundoff
from checks.numbers.precision import PRECISIONS, Array
from checks.vectors.vector import BOUNDED, SUBNORMAL, Expected, Vector


def within(actual: Array, asked: Expected, dtype: str, sums: str) -> bool:
    """Whether all of them are right."""
    return actual.shape == asked.values.shape and bool(np.all(excess(actual, asked, dtype, sums) <= 1))


def underflows(vector: Vector, actual: Array, result: str, dtype: str) -> bool:
    """Whether numbers are off by no more than what is lost where subnormal ones are flushed, or a term underflows.

    A right algorithm may go through smaller numbers than its result, as one that takes a mean and multiplies it again.
    """
    if not any(edge.startswith(SUBNORMAL) for edge in vector.edges):
        return False
    precision, right = PRECISIONS[dtype], vector.results[result].values
    case, least = vector.case, np.ldexp(1.0, precision.lowest - precision.bits + 1)
    # What underflows by half of the least number is multiplied by whole ones afterwards: those that are not scaled.
    named = [(n, a) for n, a in zip(vector.op.inputs, case.inputs, strict=True) if a is not None]
    factors = [case.cotangent, *(a for n, a in named if n not in {*vector.scale, *vector.op.takes.constant})]
    most = max(1.0, *(float(np.max(np.abs(a), initial=0.0)) for a in factors))
    near = np.abs(actual - right) <= vector.problem.most_terms * most * least
    return bool(np.all(near | (np.asarray(actual) == 0)))


def excess(actual: Array, asked: Expected, dtype: str, sums: str) -> Array:
    """For each element the error as a share of what is allowed: 0 for none, infinity where nothing is and there is one."""
    actual = np.asarray(actual, np.float64)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if sums == BOUNDED:
            share = np.abs(actual - asked.values) / asked.bounds[dtype]
            return np.where(actual == asked.values, 0.0, np.where(np.isnan(share), np.inf, share))
        stored = np.asarray(PRECISIONS[dtype].rounded(asked.values), np.float64)
        given = np.asarray(PRECISIONS[dtype].rounded(actual), np.float64)
        same = (given == stored) | (np.isnan(given) & np.isnan(stored))
        shares = np.where(same, 0.0, np.inf)
    for choice in asked.choices:
        at = np.asarray(choice.elements)
        found, low, high = actual.ravel()[at], np.asarray(choice.low), np.asarray(choice.high)
        # A share is a quotient or a product, rounded to be stored, and their sum rounds as any other.
        allowed = gamma(len(at) + 3, unit_roundoff(dtype)) * np.max(np.maximum(np.abs(low), np.abs(high)))
        right = (found >= low - allowed) & (found <= high + allowed)
        if choice.total is not None:
            right &= abs(found.sum() - choice.total) <= len(at) * allowed
        flat = shares.ravel()
        flat[at] = np.where(right, 0.0, np.inf)
        shares = flat.reshape(actual.shape)
    return np.asarray(shares)
