"""⟨g, J v⟩ = ⟨Jᵀ g, v⟩: forward mode against the backward, of which every element is decided by itself (elements.py).

    jvp(tangents, *inputs) -> J v, like y

tangents is one array for each input, None where that is whole numbers. Both sides are the same sum over paths from inputs
to outputs, so they differ by rounding only: by what the derivation of the complex step says of tangents (place.py), and by
how unsteady the gradients are measured to be. g is drawn, and so is v: along all elements, then along each of a few parts
of them, since errors in two may cancel in one sum.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks.cases.search import Stopped
from checks.functions.blackbox import BlackBox, NotTaken, brief, name_of
from checks.functions.elements import Places
from checks.functions.inputs import Input
from checks.functions.place import Place
from checks.functions.trees import is_tree, leaves
from checks.functions.uncommon import EQUAL, SPECIAL
from checks.numbers.precision import Array, held
from checks.subjects.refusals import Crashed, NotAnImplementation
from checks.trials.directions import inner
from checks.trials.finding import Finding, Verdict
from checks.trials.trial import Trial

FORWARD_MODE = "forward_mode"
PARTS = 4
SIGNS = 31  # what v is drawn with (Problem.rng)
RESULT = "jvp"

Function = Callable[..., Any]


def own_jvp(function: Function) -> Function:
    """What a function brings along; raises NotAnImplementation, in one sentence, if it brings none."""
    found: Function | None = getattr(function, "jvp", None)
    if found is None:
        raise NotAnImplementation(f"{name_of(function)} has no forward mode; name one, jvp(tangents, *inputs) -> J v")
    return found


def with_forward_mode(box: BlackBox, jvp: Function, inputs: Sequence[Input]) -> Function:
    """J v as a vector of numbers, as y is judged; raises NotTaken where it raises on ordinary inputs."""

    def along(tangents: Sequence[Any], *arrays: Any) -> Array:
        found = jvp(tangents, *arrays)
        parts = [np.asarray(leaf) for leaf in leaves(found)] if is_tree(found) else [np.asarray(found)]
        real = [part.ravel() for part in parts if part.dtype.kind == "f"]
        return np.concatenate(real).astype(np.float64) if real else np.zeros(0)

    rng = np.random.default_rng(0)
    drawn = zip(box.inputs, (i.drawn(rng, box.sizes[0]) for i in inputs), strict=True)
    arrays = [a if n in box.constant else held(a, box.working) for n, a in drawn]
    tangents = [None if n in box.constant else np.ones_like(a) for n, a in zip(box.inputs, arrays, strict=True)]
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            along(tangents, *arrays)
    except (Exception, SystemExit) as error:
        words = brief(error).removeprefix("has no forward mode: ")
        raise NotTaken(f"{name_of(box.function)} has no forward mode: {words}") from error
    return along


@dataclass(frozen=True)
class ForwardMode:
    """The law."""

    along: Function
    places: Places
    RANK: int = 9  # it takes the gradients for right

    def check(self, trial: Trial) -> Iterator[Finding]:
        """One finding on J v; none where a gradient is wrong, or at kinks: each mode may go by another side."""
        if self.places.coverage(trial.problem).wrong or trial.problem.kind in {SPECIAL, EQUAL}:
            return
        place = self.places.of(trial)
        rng = trial.problem.rng(SIGNS)
        signs = rng.choice((-1.0, 1.0), place.x.shape) * place.scale
        part = rng.integers(0, PARTS, place.x.shape)
        found = [self._asked(place, v) for v in (signs, *(signs * (part == p) for p in range(PARTS))) if np.any(v)]
        worst = max(found, key=lambda f: f.error / (f.bound or np.inf) + (f.verdict is Verdict.BROKEN) * 1e300)
        yield worst

    def settled(self, findings: list[Finding]) -> str:
        """Once all cases were tried: what is compared with a wrong gradient says nothing."""
        if any(f.verdict is Verdict.BROKEN and f.result.startswith("grad_") for f in findings):
            findings[:] = [f for f in findings if f.law != FORWARD_MODE]
        return ""

    def _asked(self, place: Place, v: Array) -> Finding:
        case, problem = place.run.case, place.run.problem
        tangents, arrays = [], []
        for name, a in zip(case.op.inputs, case.inputs, strict=True):
            span = place.spans.get(name)
            tangents.append(None if span is None else held(v[span].reshape(case.input(name).shape), place.dtype))
            arrays.append(np.array(a))
        try:
            with np.errstate(all="ignore"):
                jv = self.along(tangents, *arrays)
        except (Crashed, Stopped):
            raise
        except Exception as error:
            raise Crashed.by("jvp", error) from error
        if jv.size != place.g.size:
            words = f"jvp returned {jv.size} numbers; expected {place.g.size}, as many as y has"
            return Finding(FORWARD_MODE, RESULT, Verdict.BROKEN, problem, note=words)
        claim, value = place.claimed(v), inner(place.g, jv)
        doubt = float(np.abs(v) @ place.doubt) + 2 * place.claim_unsure(v)
        if not np.isfinite(doubt) or not np.isfinite(claim):
            return Finding(FORWARD_MODE, RESULT, Verdict.UNDECIDED, problem, note="no gradient is finite here")
        verdict = Verdict.HOLDS if abs(value - claim) <= doubt else Verdict.BROKEN
        return Finding(
            FORWARD_MODE, RESULT, verdict, problem, error=abs(value - claim), bound=doubt, actual=value, expected=claim
        )
