"""An explanation as a value: text where it is printed; in a notebook MathML, with the figure of who meets whom."""

from __future__ import annotations

from dataclasses import dataclass

from checks.formulas import truth
from checks.formulas.explanation import Explanation
from checks.render import figure, names
from checks.render.explanation import as_mathml, as_text
from checks.render.page import framed, page
from checks.trials.exhibit import Meetings


@dataclass(frozen=True, repr=False)
class Explained:
    """Formulas that show themselves; `explanation` holds them as data."""

    explanation: Explanation

    def __repr__(self) -> str:
        return as_text(self.explanation).rstrip()

    def _repr_html_(self) -> str:
        seen = meetings(self.explanation)
        picture = "" if seen is None else f"{names.SWITCH}{figure.figure(seen)}"
        body = f'<main id="main" class="wide">{as_mathml(self.explanation)}{picture}</main>'
        title = f"{self.explanation.problem.op.name}: {', '.join(self.explanation.arrays)}"
        return framed(title, page(title, body, style=names.STYLE + figure.STYLE, script=figure.SCRIPT))


def meetings(explanation: Explanation) -> Meetings | None:
    """Who meets the first element that is explained, and is one of an input; None where that is no polynomial."""
    first = next((formula for formula in explanation.formulas if formula.array != "y"), None)
    if first is None or explanation.problem.op.told.formula is not None:
        return None
    right = truth.polynomials(explanation.problem, first.array)
    theirs = explanation.theirs.get((first.array, first.index))
    yours = None if theirs is None else theirs.yours
    return Meetings(explanation.problem, f"grad_{first.array}", first.index, right, yours)
