"""Sums of float16 and bfloat16 are kept in float32, and rounded once: how wide, and where, is read and said.

2^k, 1, 0 …, −2^k add to 1 as long as the place where they meet holds k bits (trials/accumulator.py). Narrower sums than
float32 are no wrong gradient, but a warning with numbers; an implementation that promises float32 (--accumulate float32)
breaks its promise. Asked once a run, and in float16 and bfloat16 only: elsewhere sums are as wide as what is summed.
"""

from __future__ import annotations

from collections.abc import Iterator

from checks.numbers.precision import ACCUMULATORS, PRECISIONS
from checks.trials.accumulator import widths
from checks.trials.finding import Finding, Verdict
from checks.trials.trial import Trial

RANK = 11


def check(trial: Trial) -> Iterator[Finding]:
    """One finding for each place where products are summed, in the first case of a run."""
    problem, judged = trial.problem, trial.implementation
    if problem.dtype not in ACCUMULATORS or not problem.op.rounds.factors or judged.remembered.get("read"):
        return
    judged.remembered["read"] = True
    kept = ACCUMULATORS[problem.dtype]
    for place, bits in widths(judged, problem.dtype).items():
        if bits >= PRECISIONS[kept].bits:
            words = f"sums in {kept}, rounded once"
            yield Finding("accumulation", place.result, Verdict.HOLDS, problem, convention=words)
        elif judged.promised == "same":
            words = f"sums in {bits} bits {place.words}"
            yield Finding("accumulation", place.result, Verdict.HOLDS, problem, convention=words)
        else:
            verdict = Verdict.BROKEN if judged.promised else Verdict.WARNING
            note = f"{place.result} is summed in {bits} bits {place.words}, where {kept} has {PRECISIONS[kept].bits}"
            yield Finding("accumulation", place.result, verdict, problem, note=note)
