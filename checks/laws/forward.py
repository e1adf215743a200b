"""y is what an independent implementation, torch in float64, computes from the same inputs.

The gradient of the wrong function may be a right gradient; this law says whether the function is the one that was meant.
The two sum in different orders and precisions, so they may differ by what rounding can do to either (bounds.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from checks.trials.finding import Finding, Verdict
from checks.trials.narrow import judged
from checks.trials.trial import Trial
from checks.trials.witness import Refused

RANK = 2
DECIDES = True
WITNESSED = "y"


def begin(trial: Trial) -> None:
    """The forward that is compared."""
    trial.light.begin("forward")


def check(trial: Trial) -> Iterator[Finding]:
    """One finding, on y."""
    run = trial.light
    try:
        y = trial.testimony.y
    except Refused as refusal:
        yield Finding("forward", "y", Verdict.UNDECIDED, run.problem, note=f"torch: {refusal}")
        return
    yield judged("forward", "y", run, run.y, y)
