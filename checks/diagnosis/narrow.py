"""Whether results are right but for the precision they were computed in: that is said before all else.

They are if every one is a number of the narrower precision, is off by no more than rounding in it explains, and is right
wherever sums are exact in it too. Inputs are rounded as well there, up to three factors of each product: a bound made for
n + 1 ≥ 2 roundings has to hold n + 4 at most, which are fewer than three times as many. An input that underflows
loses η, as a product may, times factors that are below 1: numbers are whole, or from (−1, 1) times powers of two of which
those that make others small enough make a factor larger than any number of the precision, and such cases are left out.

Where only a part is computed in it, results need be no numbers of it: a bias may be added in float64 to what was multiplied
in float32. Then it is told by the inputs. One that is rounded first gives the same to the last bit when it has been rounded
before; where nothing is rounded, what is given shows what was taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from checks.cases.kinds import joined
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


def partly(seen: Sequence[Seen]) -> str:
    """A sentence about inputs that are rounded to a narrower precision, if that explains every case; else ""."""
    if not seen or not any(one.wrong.any() for one in seen):
        return ""
    bits = PRECISIONS[seen[0].run.problem.dtype].bits
    for precision in sorted((p for p in PRECISIONS.values() if p.bits < bits), key=lambda p: p.bits):
        within = [_is_of(one, precision, stored=False) for one in seen if _holds(precision, one)]
        if None in within or True not in within:
            continue
        names = dict.fromkeys(name for one in seen for name in one.given)
        if rounded := [name for name in names if _is_rounded_first(name, precision, seen)]:
            verb = "is" if len(rounded) == 1 else "are"
            return (
                f"{joined(rounded)} {verb} rounded to {precision.name} before they are used{_judged_as(precision.name)}"
            )
    return ""


def _is_rounded_first(name: str, precision: Precision, seen: Sequence[Seen]) -> bool:
    """Whether rounding this input makes no difference to what comes out, and makes one to what is right."""
    tells = False
    for one in seen:
        given = one.given.get(name)
        if given is None or not _holds(precision, one):
            continue
        with np.errstate(all="ignore"):
            rounded = precision.rounded(given).astype(given.dtype)
        if np.array_equal(rounded, given):
            continue
        actual, right = one.run_with(name, rounded).result(one.whole_name)
        if not np.array_equal(actual, one.actual):
            return False
        tells |= bool(np.any(np.abs(right - one.right) > one.bound))
    return tells


def _explains(precision: Precision, seen: Sequence[Seen]) -> bool:
    within = [_is_of(one, precision) for one in seen if _holds(precision, one)]
    return None not in within and True in within


def _holds(precision: Precision, one: Seen) -> bool:
    """Whether no number of the case is beyond the largest of the precision, where anything may come out."""
    case = one.run.case
    sizes = (np.abs(a).max(initial=0) for a in (*case.inputs, case.cotangent, one.right) if a is not None)
    return all(size <= precision.largest for size in sizes)


def _is_of(one: Seen, precision: Precision, *, stored: bool = True) -> bool | None:
    """Whether rounding in the precision, and no more, explains this result; None if it does not.

    False where it would explain anything: of numbers that underflow, say. `stored`: whether it has to be numbers of it.
    """
    problem = one.run.problem
    if one.run.case.whole and problem.fits(precision.name) and one.wrong.any():
        return None
    run = replace(one.run, problem=replace(problem, dtype=precision.name))
    with np.errstate(all="ignore"):
        off, allowed = np.abs(one.actual - one.right), INPUTS_TOO * run.bound(one.whole_name).elementwise
        tells = np.sum(allowed) <= TELLING * np.sum(np.abs(one.right))
        explained = np.all((off <= allowed) & ((precision.rounded(one.actual) == one.actual) | (not stored)))
        return bool(tells) if explained else None


def sentence(precision: str) -> str:
    """What is said of results computed in this precision."""
    return f"It computes in {precision}{_judged_as(precision)}"


def _judged_as(precision: str) -> str:
    return f": --dtype {precision} judges it as that."


def headline(failures: Iterable[Finding]) -> str:
    """What to say first, if all that is wrong is the precision; else "". Of the whole, if not only inputs are rounded."""
    said = [f.explanation if f.mistake == NAME else "" for f in failures if f.result != "behaviour"]
    as_what = {explanation.partition(": ")[2] for explanation in said}
    whole = (explanation for explanation in said if explanation.startswith("It computes"))
    return next(whole, said[0]) if len(as_what) == 1 else ""
