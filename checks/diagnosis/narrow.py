"""Whether results are right but for the precision they were computed in: that is said before all else.

They are if every one is a number of the narrower precision, is off by no more than rounding in it explains, and is right
wherever sums are exact in it too. Inputs are rounded as well there, up to three factors of each product: a bound made for
n + 1 ≥ 2 roundings has to hold n + 4 at most, which are fewer than three times as many. An input that underflows
loses η, as a product may, times factors that are below 1: numbers are whole, or from (−1, 1) times powers of two of which
those that make others small enough make a factor larger than any number of the precision, and such cases are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from checks.diagnosis.seen import Seen
from checks.numbers.precision import PRECISIONS, Precision
from checks.trials.finding import Finding

NAME = "narrower precision"
INPUTS_TOO = 3
TELLING = 0.25  # of what is right: a bound that is wider explains a factor of 2, and more, as well


def computed_in(seen: Sequence[Seen]) -> str:
    """The widest precision, narrower than that of the problems, that explains every case; "" if there is none."""
    if not seen or not any(one.wrong.any() for one in seen):
        return ""
    bits = PRECISIONS[seen[0].run.problem.dtype].bits
    narrower = sorted((p for p in PRECISIONS.values() if p.bits < bits), key=lambda p: -p.bits)
    return next((p.name for p in narrower if _explains(p, seen)), "")


def _explains(precision: Precision, seen: Sequence[Seen]) -> bool:
    within = [one for one in seen if _holds(precision, one)]
    return bool(within) and all(_is_of(one, precision) for one in within)


def _holds(precision: Precision, one: Seen) -> bool:
    """Whether no number of the case is beyond the largest of the precision, where anything may come out."""
    case = one.run.case
    sizes = (np.abs(a).max(initial=0) for a in (*case.inputs, case.cotangent, one.right) if a is not None)
    return all(size <= precision.largest for size in sizes)


def _is_of(one: Seen, precision: Precision) -> bool:
    """Whether rounding in the precision explains this result, and it is all that is wrong with it."""
    problem = one.run.problem
    if one.run.case.whole and problem.fits(precision.name) and one.wrong.any():
        return False
    run = replace(one.run, problem=replace(problem, dtype=precision.name))
    result = one.result if one.result == "y" else f"grad_{one.result}"
    with np.errstate(all="ignore"):
        off, allowed = np.abs(one.actual - one.right), INPUTS_TOO * run.bound(result).elementwise
        tells = np.sum(allowed) <= TELLING * np.sum(np.abs(one.right))
        return bool(tells and np.all((off <= allowed) & (precision.rounded(one.actual) == one.actual)))


def sentence(precision: str) -> str:
    """What is said of results computed in this precision."""
    return f"It computes in {precision}: --dtype {precision} judges it as that."


def headline(failures: Iterable[Finding]) -> str:
    """What to say first, if all that is wrong is the precision; else ""."""
    said = {f.explanation if f.mistake == NAME else "" for f in failures if f.result != "behaviour"}
    return said.pop() if len(said) == 1 else ""
