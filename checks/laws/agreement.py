"""y and each gradient agree with the reference in float64, element by element, within what rounding alone can do.

|fl(Σ aᵢbᵢ) − Σ aᵢbᵢ| ≤ γₙ Σ|aᵢ||bᵢ|, and Σ|aᵢ||bᵢ| is the reference run on absolute values: no atol, no rtol. The bound
follows every element's own scale, so a gradient of 1e-9 beside one of 1e3 is judged as strictly (bounds.py). In float16 and
bfloat16 sums are taken to be kept in float32 and rounded once; what keeps them narrower is told by name (trials/narrow.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from checks.trials.finding import Finding
from checks.trials.narrow import judged
from checks.trials.trial import Trial

RANK = 3
DECIDES = True


def begin(trial: Trial) -> None:
    """Forward and backward on real numbers."""
    trial.real.begin()


def check(trial: Trial) -> Iterator[Finding]:
    """One finding on y and one for each gradient."""
    run = trial.real
    for result, actual, expected in run.results():
        yield judged("agreement", result, run, actual, expected)
