"""What all laws find in one case: in what order they are asked, and what becomes of it where an implementation fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from checks.cases.wide import WIDE
from checks.laws import Law, begin, decides, of_wide, witnessed
from checks.subjects.refusals import Crashed, Ended, Malformed
from checks.trials.finding import Finding, Verdict
from checks.trials.trial import Trial
from checks.verdict.decisions import NOT_TAKEN

ORDER = 12  # what the order of laws is drawn with (Problem.rng)
LARGE = 1 << 16  # elements, beyond which the arrays of several calls at once would take much memory


@dataclass
class Asked:
    """What the laws find in one case: those that hear a witness come last, when he is ready.

    found   in the order in which it was
    later   the laws that are still to be asked
    raised  what the implementation raised, where that is no end of its process and there was something to compute
    """

    trial: Trial
    found: list[Finding] = field(default_factory=list)
    later: dict[str, Law] = field(default_factory=dict)
    raised: Crashed | None = None

    @property
    def is_ready(self) -> bool:
        """Whether nobody has to be waited for."""
        return not self.later or self.trial.witness.is_ready(self.trial.light.problem)

    def ask(self, chosen: Mapping[str, Law]) -> None:
        """Ask these laws; of those that hear a witness, let the implementation do its part. Raises Unsupported."""
        problem, trial = self.trial.problem, self.trial
        heard = {name: law for name, law in chosen.items() if witnessed(law)}
        if heard:
            trial.witness.summon(trial.light.problem)
        # In another order in every case: code that counts its calls must not know which numbers come next.
        wide = problem.kind == WIDE
        asked = {name: of_wide(law) if wide else law.check for name, law in chosen.items()}
        order = problem.rng(ORDER).permutation([name for name, question in asked.items() if question])
        if problem.elements <= LARGE:
            for name in order:
                known = decides(chosen[name]) or not wide
                if known and not self._answered(name, partial(_begun, chosen[name])):
                    return
        for name in order:
            question = _computed(heard[name]) if name in heard else asked[name]
            if question and not self._answered(name, question):
                return
        self.later = heard

    def heard(self) -> Asked:
        """Ask those that hear a witness as well."""
        later, self.later = self.later, {}
        for name, law in later.items():
            if not self._answered(name, law.check):
                break
        return self

    def _answered(self, name: str, question: Callable[[Trial], Iterable[Finding]]) -> bool:
        """Whether the law could be asked; where the implementation fails, every other law would trip over the same."""
        problem = self.trial.problem
        try:
            with np.errstate(all="ignore"):  # what overflows or is no number is judged, not warned of
                self.found += question(self.trial)
        except ValueError as fault:  # nothing that was asked for: a ValueError would read as a wrong request
            raise RuntimeError(f"the law {name} could not judge {problem}") from fault
        except (Malformed, Crashed) as failure:
            crashed = isinstance(failure, Crashed)
            frames = failure.frames if isinstance(failure, Crashed) else ()
            empty = any(0 in (shape or ()) for shape in problem.shapes.values())
            if empty and not isinstance(failure, Ended):  # nothing to compute, so nothing is wrong
                note = f"{NOT_TAKEN}: {failure}"
                self.found.append(Finding(name, "behaviour", Verdict.WARNING, problem, note=note))
            else:
                if isinstance(failure, Crashed) and not isinstance(failure, Ended):
                    self.raised = failure
                self.found.append(
                    Finding(name, "", Verdict.BROKEN, problem, note=str(failure), crashed=crashed, frames=frames)
                )
            return False
        return True


def _computed(law: Law) -> Callable[[Trial], tuple[Finding, ...]]:
    """A question that finds nothing yet: it has computed what a witness will be compared with."""

    def question(trial: Trial) -> tuple[Finding, ...]:
        getattr(trial.light, witnessed(law))
        return ()

    return question


def _begun(law: Law, trial: Trial) -> tuple[Finding, ...]:
    """A question that finds nothing yet: what is judged has been told what will be asked of it."""
    begin(law, trial)
    return ()
