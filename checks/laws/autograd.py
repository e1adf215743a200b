"""Each gradient is what torch.autograd computes in float64 from the twin of the op.

An independent derivation, by machine, of an independent forward: where it agrees with ours, both would have to be wrong
alike. The two differ by rounding at most (bounds.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from checks.trials.finding import Finding, Verdict
from checks.trials.narrow import judged
from checks.trials.trial import Trial
from checks.trials.witness import Refused

RANK = 7
DECIDES = True
WITNESSED = "gradients"


def begin(trial: Trial) -> None:
    """The backward that is compared."""
    trial.light.begin("backward")


def check(trial: Trial) -> Iterator[Finding]:
    """One finding for each gradient."""
    run = trial.light
    try:
        gradients = trial.testimony.gradients
    except Refused as refusal:
        yield Finding("autograd", "", Verdict.UNDECIDED, run.problem, note=f"torch: {refusal}")
        return
    for name, gradient in run.gradients.items():
        yield judged("autograd", f"grad_{name}", run, gradient, gradients[name])
