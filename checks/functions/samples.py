"""Each sample for itself: what a batch's backward returns is what its samples have alone, one after another or summed.

With y_n = f(x_n, w), and b the backward, the gradients of the batch are

    by x, which has a row for each sample:  b(g, x, w)[n] = b(g_n, x_n, w)         by w:  b(g, x, w) = Σ_n b(g_n, x_n, w)

Both sides are the user's own backward, called with other sizes, and differ by rounding only, as it is measured of either
(measured.py). Samples are counted by the first axis of y, which has a name that inputs begin with. Where the framework has
`vmap`, that of its reverse mode, sample for sample, has to be what the loop is.

Whether samples have anything to do with one another is asked of the forward, never of gradients: where y_n alone is not the
row n of y, as under statistics of a batch, or no sample is taken alone, no sample has a gradient of its own, and the law
asks nothing. Two ways of rounding may take the two sides of a kink: what is apart has to be so at another place too.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from checks.functions import uncommon
from checks.functions.blackbox import BlackBox, NotTaken, brief, name_of
from checks.functions.elements import Places
from checks.functions.inputs import Input
from checks.functions.place import Place
from checks.functions.trees import is_tree
from checks.numbers.bounds import Bound
from checks.numbers.precision import Array, held
from checks.op import Case
from checks.subjects.refusals import Crashed, Ended, Malformed, Unsupported
from checks.trials.comparison import compared
from checks.trials.finding import Finding, Verdict
from checks.trials.trial import Trial

PER_SAMPLE = "per_sample"
DEPENDENT = "samples are not independent here"
MOST = 16  # parts that a batch is taken in; of as many samples each is alone, of more half of the parts are
BY_VMAP = 4  # samples of which vmap's gradients are looked at in a case
PARTS = 41  # what is drawn with (Problem.rng)

Function = Callable[..., Any]


@dataclass(eq=False)
class PerSample:
    """The law.

    rows     inputs that have a row for each sample
    vmapped  what the framework makes of it: vmapped(which inputs, grad_output, *inputs) -> a gradient of each sample
    told     why it is not asked, once that is known; without: why vmap is not
    """

    rows: tuple[str, ...]
    places: Places
    vmapped: Function | None = None
    told: str = ""
    without: str = ""
    RANK: int = 10

    @classmethod
    def of(cls, box: BlackBox, places: Places, function: Function, inputs: Sequence[Input]) -> PerSample:
        """Of a function as it was given; raises NotTaken where nothing counts samples."""
        name = _axis(box)
        rows = tuple(n for n, i in box.inputs.items() if i.axes[:1] == (name,))
        law = cls(rows, places, getattr(function, "vmapped", None))
        if law.vmapped is not None and not any(i.kind == "spd" for i in inputs):
            law.without = _refusal(law, box, function)
        law.vmapped = None if law.without else law.vmapped
        return law

    def settled(self, findings: list[Finding]) -> str:
        """Once all cases were tried: what to say of what was not asked, or ""; if nothing was, no finding stays."""
        if self.told:
            findings[:] = [f for f in findings if f.law != PER_SAMPLE]
        return self.told or self.without

    def check(self, trial: Trial) -> Iterator[Finding]:
        """One finding on each gradient, and one on vmap's; none of a single sample, nor where kinks are drawn."""
        if self.told or trial.problem.kind in uncommon.KINDS:
            return
        place = self.places.of(trial)
        if len(place.run.y) < 2:
            return
        parts = _parts(len(place.run.y), trial.problem.rng(PARTS))
        try:
            found = list(self._asked(place, parts))
        except Unsupported:  # right beside, where it is measured: other cases are not
            return
        yield from (replace(f, problem=trial.problem) for f in found)

    def _asked(self, place: Place, parts: Sequence[Array]) -> Iterator[Finding]:
        alone = [self._of(place.run.case, at) for at in parts]
        self.told = self._mixing(place, parts, alone)
        if self.told:
            return
        found = self._compared(place, parts, alone)
        if self.vmapped is not None:
            found = [*found, self._by_vmap(place, parts, alone)]
        if all(f.verdict is not Verdict.BROKEN for f in found):
            yield from found
            return
        beside = self._beside(place, parts)
        wrong = {f.result for f in beside if f.verdict is Verdict.BROKEN}
        yield from (f for f in found if f.verdict is not Verdict.BROKEN or f.result in wrong)

    def _beside(self, place: Place, parts: Sequence[Array]) -> list[Finding]:
        other = _elsewhere(place)
        alone = [self._of(other.run.case, at) for at in parts]
        found = self._compared(other, parts, alone)
        return found if self.vmapped is None else [*found, self._by_vmap(other, parts, alone)]

    def _of(self, case: Case, at: Array) -> Case:
        """The case of these samples."""
        named = zip(case.op.inputs, case.inputs, strict=True)
        inputs = tuple(a[at] if a is not None and name in self.rows else a for name, a in named)
        return replace(case, inputs=inputs, cotangent=case.cotangent[at])

    def _mixing(self, place: Place, parts: Sequence[Array], alone: Sequence[Case], *, again: bool = True) -> str:
        """Why samples have no gradients of their own, as the forward says it, or ""."""
        for at, case in zip(parts, alone, strict=True):
            try:
                y = np.asarray(place.run.implementation.forward(case), np.float64)
            except Ended:
                raise
            except (Crashed, Malformed, Unsupported) as refusal:
                return f"{DEPENDENT}: it does not take {'one' if at.size == 1 else 'some'} alone ({brief(refusal)})"
            off, own = np.abs(y - place.run.y[at]), place.measured["y"].unsteady[at]
            if not np.all(off <= own) and not np.all(off <= own + self._measured(place, case, "y")):
                if again:
                    other = _elsewhere(place)
                    return self._mixing(other, parts, [self._of(other.run.case, one) for one in parts], again=False)
                return f"{DEPENDENT}, by its forward"
        return ""

    def _compared(self, place: Place, parts: Sequence[Array], alone: Sequence[Case]) -> list[Finding]:
        """Each gradient of the batch beside those of its parts."""
        run, found = place.run, []
        gradients = [run.implementation.backward(case) for case in alone]
        for name, actual in run.gradients.items():
            expected = self._joined(name, actual, parts, [np.asarray(g[name], np.float64) for g in gradients])
            limit = np.broadcast_to(place.measured[name].unsteady, actual.shape)
            if not np.all(np.abs(actual - expected) <= limit):
                own = [np.broadcast_to(self._measured(place, c, name), c.input(name).shape) for c in alone]
                limit = limit + self._joined(name, actual, parts, own)
            one = compared(PER_SAMPLE, f"grad_{name}", run, actual, expected, Bound(limit, limit))
            if one.verdict is Verdict.BROKEN:
                times = len(run.y) * np.asarray(actual, np.float64)
                note = "the batch's is not what its samples have alone" + (", summed" if name not in self.rows else "")
                if np.all(np.abs(times - expected) <= len(run.y) * limit):
                    note += ": it is divided by their number"
                one = replace(one, note=note)
            found.append(one)
        return found

    def _joined(self, name: str, like: Array, parts: Sequence[Array], own: Sequence[Array]) -> Array:
        found = np.zeros(np.shape(like))
        for at, a in zip(parts, own, strict=True):
            if name in self.rows:
                found[at] = a
            else:
                found += a
        return found

    def _measured(self, place: Place, case: Case, name: str) -> Array:
        return np.asarray(place.measuring.of(case.widened())[name].unsteady)

    def _by_vmap(self, place: Place, parts: Sequence[Array], alone: Sequence[Case]) -> Finding:
        """The worst of vmap's gradients beside the loop's."""
        run, found = place.run, []
        every = self._vmap(run.case.cotangent, run.case.inputs, run.case.op.inputs, place.dtype)
        single = [(int(at[0]), case) for at, case in zip(parts, alone, strict=True) if at.size == 1][:BY_VMAP]
        for n, case in single:
            for name, expected in run.implementation.backward(case).items():
                returned, shape = every[name], (len(run.y), *case.input(name).shape[name in self.rows :])
                if np.shape(returned) != shape:
                    words = f"vmap's grad_{name} has shape {np.shape(returned)}; expected {shape}"
                    return Finding(PER_SAMPLE, PER_SAMPLE, Verdict.BROKEN, run.problem, note=words)
                actual = np.asarray(returned[n], np.float64).reshape(expected.shape)
                limit = 2 * np.broadcast_to(self._measured(place, case, name), expected.shape)
                one = compared(PER_SAMPLE, PER_SAMPLE, run, actual, expected, Bound(limit, limit))
                found.append(replace(one, note=one.note or f"grad_{name} by vmap, sample {n}"))
        return max(found, key=lambda f: (f.verdict is Verdict.BROKEN, f.error / (f.bound or np.inf)))

    def _vmap(self, g: Array, arrays: Sequence[Any], names: Sequence[str], dtype: str) -> dict[str, Any]:
        assert self.vmapped is not None  # noqa: S101, else it is not asked
        which = np.array([at for at, name in enumerate(names) if name in self.rows])
        given = [np.array(a) if np.asarray(a).dtype.kind in "iub" else held(np.array(a), dtype) for a in arrays]
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                return dict(zip(names, self.vmapped(which, held(np.array(g), dtype), *given), strict=True))
        except (Crashed, Unsupported):
            raise
        except Exception as error:
            raise Crashed.by("vmap of its backward", error) from error


def _elsewhere(place: Place) -> Place:
    """A place around; Unsupported where it raises there."""
    other = place.beside(0)
    try:
        if np.all(np.isfinite(other.run.y)) and other.run.gradients:
            return other
    except Ended:
        raise
    except (Crashed, Malformed) as error:
        raise Unsupported(f"it raises right beside: {error}") from error
    raise Unsupported("y is not finite right beside")


def _axis(box: BlackBox) -> str:
    """The name that counts samples: inputs begin with it, and y does, whatever the sizes are."""
    names = dict.fromkeys(a for i in box.inputs.values() for a in i.axes[:1] if isinstance(a, str))
    shapes = [(sizes, box.shapes(sizes)["y"]) for sizes in box.sizes]
    for name in names:
        if all(y[:1] == (sizes[name],) for sizes, y in shapes):
            return name
    expected = "expected a name that an input and y begin with, such as B in --inputs B,3"
    raise NotTaken(f"nothing counts samples of {name_of(box.function)}: {expected}")


def _parts(count: int, rng: np.random.Generator) -> list[Array]:
    """All samples, each alone, or of many a few alone and the others in parts, in any order."""
    order = rng.permutation(count)
    if count <= MOST:
        return [order[n : n + 1] for n in range(count)]
    few = MOST // 2
    return [*(order[n : n + 1] for n in range(few)), *np.array_split(order[few:], MOST - few)]


def _refusal(law: PerSample, box: BlackBox, function: Function) -> str:
    """Why vmap is not asked, or ""."""
    rng = np.random.default_rng(0)
    drawn = {name: i.drawn(rng, box.sizes[0]) for name, i in box.inputs.items()}
    try:
        y = function(*(a if n in box.constant else held(a, box.working) for n, a in drawn.items()))
        if is_tree(y):
            return "vmap is not asked of several results"
        law._vmap(np.ones(np.shape(y)), list(drawn.values()), box.names, box.working)  # noqa: SLF001, of this module
    except Ended:
        raise
    except (Crashed, Malformed, Unsupported, ValueError, TypeError) as error:
        return f"vmap is not asked: {brief(error).removeprefix('has no vmap: ')}"
    return ""
