"""As if a part of what is summed were not there: "grad_weight is as if x[:, 32:] were 0", "y[:, 32:] is as if bias were 0".

Of a few elements anything may be so by accident, so that other numbers are asked, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from checks.diagnosis.changes import Pair, factor, joined
from checks.diagnosis.regions import FEW, Region, everything, spread, written
from checks.diagnosis.seen import Seen
from checks.numbers.bounds import rounding
from checks.numbers.precision import Array


def part_left_out(result: str, seen: Sequence[Seen], limits: Sequence[int]) -> str:
    """As if a part of an input or of the cotangent were not there, or counted otherwise; else "".

    seen    the case that fails, and then the same with other numbers
    limits  where the part may begin, along an axis
    """
    for name, array in seen[0].given.items():
        for axis, limit in ((axis, n) for axis in range(array.ndim) for n in limits if 0 < n < array.shape[axis]):
            part = (*everything(axis), slice(limit, None), *everything(array.ndim - axis - 1))
            if done := _counted(result, seen, name, part):
                return f"as if {name}[{written(part, array.shape)}] {done}"
    return ""


def input_left_out(result: str, where: Region, seen: Sequence[Seen]) -> str:
    """As if an input were not there, as far as this part is concerned; else ""."""
    for name, array in seen[0].given.items() if where.size >= FEW else ():
        if done := _counted(result, seen, name, everything(array.ndim), where):
            return f"as if {name} {done}"
    return ""


def _counted(result: str, seen: Sequence[Seen], name: str, part: tuple[slice, ...], where: Region | None = None) -> str:
    """What became of the difference between what is right and what would be right without a part; "" if nothing simple."""
    differences = [_difference(result, one, name, part, where) for one in seen]
    if any(np.all(np.abs(one.base) <= one.bound) for one in differences):
        return ""
    if all(np.all(np.abs(one.actual) <= one.bound) for one in differences):
        return "were 0"
    times = factor(joined(differences))
    return f"counted {times} times" if times else ""


def _difference(result: str, seen: Seen, name: str, part: tuple[slice, ...], where: Region | None) -> Pair:
    """How far what came out, and what is right, are from what would be right without the part, where it is looked at."""
    less = seen.given[name].copy()
    less[part] = 0
    without = _with(result, seen, name, less).reshape(seen.right.shape)
    sizes = np.abs(seen.actual) + np.abs(seen.right) + np.abs(without)
    allowed = rounding(1, sizes, (), seen.run.problem.dtype).elementwise
    if not seen.is_exact:
        allowed = allowed + seen.bound
    arrays = (seen.actual - without, seen.right - without, spread(allowed, seen.right.shape))
    return Pair(seen.run.problem, *(arrays if where is None else (a[where.mask] for a in arrays)))


def _with(result: str, seen: Seen, name: str, array: Array) -> Array:
    """The right result with another array in place of this one."""
    run = seen.run_with(name, array)
    _, right = replace(run, implementation=run.reference).result(result)
    return np.asarray(right, np.float64)
