"""At ties and kinks the gradient is an element of the subdifferential: any of them, and which one is reported.

Where the larger of two equal numbers is taken, or the positive part of 0, there is no derivative, but for each output a
set of right gradients: shares in [0, 1] of its cotangent, adding to 1 over what is tied. Libraries take the first of the
equal ones, the last, equal shares: all of that is right, and the law says which it saw.

Shares add up where an input is part of several outputs, and cannot be told apart any more. So the cotangent is set to 0
but for outputs that share no input, a few of them at a time: then each element of the gradient is one output's share,
and the nearest element of the subdifferential is known in closed form. A share is rounded as a quotient or a product is.

Where not even a subdifferential is defined (the largest of numbers that are all −∞, which no step leaves) any share is
right, and none at all too: what pads with −∞ and takes the first of the largest may find it in the padding, and drops the
cotangent with that. This is a convention to name; anything else there is worth a warning, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from checks.numbers.bounds import rounding
from checks.trials.comparison import compared
from checks.trials.finding import Finding, Verdict
from checks.trials.trial import Trial

RANK = 9

NEITHER = "is neither a share of the cotangent nor 0 where all that is compared is −∞"


def check(trial: Trial) -> Iterator[Finding]:
    """One finding for each set of outputs that share no input, on a case full of kinks."""
    kinks = trial.problem.op.kinks
    if kinks is None or not trial.problem.elements:
        return
    case = kinks.case(trial.problem)
    (name,) = (kinks.of,) if kinks.of else trial.problem.present
    for mask in kinks.apart(case):
        run = trial.on(replace(case, cotangent=case.cotangent * mask))
        gradient = run.gradients[name]
        nearest = kinks.nearest(run.case, gradient)
        bound = rounding(trial.problem.most_terms, np.abs(nearest), (), trial.problem.dtype)
        beyond = np.zeros(gradient.shape, bool) if kinks.beyond is None else kinks.beyond(run.case)
        finding = compared(
            "kinks", f"grad_{name}", run, np.where(beyond, 0, gradient), np.where(beyond, 0, nearest), bound
        )
        seen = kinks.convention(run.case, gradient) if finding.verdict is Verdict.HOLDS else ""
        yield replace(finding, convention=seen)
        if beyond.any():
            within = bool(np.all((np.abs(gradient - nearest) <= bound.elementwise)[beyond]))
            verdict, note = (Verdict.HOLDS, "") if within else (Verdict.WARNING, f"grad_{name} {NEITHER}")
            dropped = kinks.dropped(run.case, gradient) if within and kinks.dropped else ""
            yield Finding("kinks", "behaviour", verdict, trial.problem, note=note, convention=dropped)
