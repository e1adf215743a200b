"""Sums of float16 and bfloat16 are kept in float32, and rounded once: how wide, and where, is read and said.

2^k, 1, 0 …, −2^k add to 1 as long as the place where they meet holds k bits (trials/accumulator.py). Narrower sums than
float32 are no wrong gradient, but a warning with numbers: how far off positive numbers come out, of which so many (`MANY`)
are added there. An implementation that promises float32 (--accumulate float32) breaks its promise. Asked once a run, and in
float16 and bfloat16 only: elsewhere sums are as wide as what is summed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from checks.numbers.bounds import unit_roundoff
from checks.numbers.precision import ACCUMULATORS, PRECISIONS
from checks.subjects.refusals import Crashed, Malformed, Unsupported
from checks.trials.accumulator import Place, lengthened, widths
from checks.trials.finding import Finding, Verdict
from checks.trials.narrow import narrow
from checks.trials.trial import Trial

RANK = 12
MANY = 64


def check(trial: Trial) -> Iterator[Finding]:
    """One finding for each place where products are summed, in the first case of a run."""
    problem, judged = trial.problem, trial.implementation
    if problem.dtype not in ACCUMULATORS or judged.remembered.get("read"):
        return
    judged.remembered["read"] = True
    kept = ACCUMULATORS[problem.dtype]
    for place, bits in widths(judged, problem.dtype).items():
        where = f" {place.words}" if place.words else ""
        if bits >= PRECISIONS[kept].bits:
            words = f"sums in {kept}, rounded once"
            yield Finding("accumulation", place.result, Verdict.HOLDS, problem, convention=words)
        elif judged.promised == "same":
            words = f"{place.result} is summed in {_bits(problem.dtype, bits)}{where}"
            yield Finding("accumulation", place.result, Verdict.HOLDS, problem, convention=words)
        else:
            verdict = Verdict.BROKEN if judged.promised else Verdict.WARNING
            note = f"{place.result} is summed in {_bits(problem.dtype, bits)}{where}, not in {kept}"
            yield Finding("accumulation", place.result, verdict, problem, note=note + _off(trial, place))


def _bits(dtype: str, bits: int) -> str:
    """The dtype of that many bits, or just how many."""
    return dtype if narrow(dtype, bits) else f"{bits} bits"


def _off(trial: Trial, place: Place) -> str:
    """In words, by how much positive numbers are off of which so many are added at this place."""
    dtype = trial.problem.dtype
    problem = lengthened(trial.problem.op, dtype, place, MANY)
    if problem is None:
        return ""
    run = replace(trial.on(problem.reals().absolute()), problem=problem)
    try:
        actual, right = run.result(place.result)
    except (Crashed, Malformed, Unsupported):
        return ""
    off = float(np.max(np.abs(actual - right) / np.abs(right)))
    return (
        f": {100 * off:.2g} % off where {MANY} are added, and {100 * unit_roundoff(dtype):.2g} % would be one rounding"
    )
