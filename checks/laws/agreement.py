"""y and each gradient agree with the reference in float64, element by element, within what rounding alone can do.

|fl(Σ aᵢbᵢ) − Σ aᵢbᵢ| ≤ γₙ Σ|aᵢ||bᵢ|, and Σ|aᵢ||bᵢ| is the reference run on absolute values: no atol, no rtol. The bound
follows every element's own scale, so a gradient of 1e-9 beside one of 1e3 is judged as strictly (bounds.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from checks.trials.comparison import compared
from checks.trials.finding import Finding
from checks.trials.trial import Trial

RANK = 3
DECIDES = True


def check(trial: Trial) -> Iterator[Finding]:
    """One finding on y and one for each gradient."""
    run = trial.real
    for result, actual, expected in run.results():
        yield compared("agreement", result, run, actual, expected, run.bound(result))
