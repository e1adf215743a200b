"""A dropout that draws its mask itself, judged by the mask that it keeps for its backward.

Dropout treats each element by itself. So y and the gradient of a mask that is given are put together of several calls: each
element is taken of a call in which the mask that was drawn has there what is asked for. A backward that uses another mask
than its forward kept is wrong then, as it should be.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.ops._called import CALLED, Called
from checks.subjects.adapting.arrangement import Arrangement
from checks.subjects.adapting.asked import Asked, asked
from checks.subjects.adapting.fitting import RIGHT, places_of_y
from checks.subjects.adapting.left import with_gradients
from checks.subjects.adapting.roles import Unfit
from checks.subjects.adapting.run import Form, Place, Plan, Run
from checks.subjects.adapting.slots import arrays_in, said
from checks.subjects.adapting.ways import ways

HALF = 0.5
RATE = 0.25  # by which the chance to be kept is told from that to be dropped
SHAPE = (9, 11)  # of what is asked: by chance no element of some other array is 0 just where y is
CALLS = 2000  # in which every element has met both: of a chance of 1/10, but for 10⁻⁸⁰
SEEN = 3  # calls that have to agree in what is kept, and where


@dataclass(frozen=True)
class Drawing:
    """How a dropout draws.

    kept      where its mask lies after a forward
    inverted  whether that is true of what is dropped
    means     what it takes as p: "p", or the chance to be kept, "1 - p"
    divides   whether it divides by 1 − p; else that is done to what it gives, at p = 1/2, where it is exact
    """

    kept: Place
    inverted: bool
    means: str
    divides: bool


@dataclass(frozen=True)
class Drawn:
    """The layer, how it is spoken to, and how it draws."""

    form: Form
    plan: Plan
    how: Drawing

    def forward(self, x: Array, mask: Array, parameters: Mapping[str, Any]) -> Array:
        """y of this mask."""
        return self._together(x, mask, parameters, lambda run: run.at(self.plan.y))

    def backward(self, g: Array, x: Array, mask: Array, parameters: Mapping[str, Any]) -> Array:
        """The gradient of x with this mask."""

        def gradient(run: Run) -> Any:
            returned = run.backward(g)
            return run.at(self.plan.gradients[self.form.op.inputs[0]], returned)

        return self._together(x, mask, parameters, gradient)

    def _together(self, x: Array, mask: Array, parameters: Mapping[str, Any], of: Callable[[Run], Any]) -> Array:
        """What is computed where the mask that is drawn has what this one has, of as many calls as that takes."""
        found: Array | None = None
        left = np.ones(x.shape, bool)
        for _ in range(CALLS):
            run = _ran(self.form, self.plan, x, self._taken(parameters))
            here = np.asarray(of(run))
            if here.shape != x.shape:
                return here  # as the judge will say
            drawn = _mask(run, self.how)
            agree = left & (drawn == (mask != 0))
            found = here.copy() if found is None else found
            found[agree] = here[agree]
            left &= ~agree
            if not left.any():
                return found if self.how.divides else found / (1 - parameters["p"])
        raise NotImplementedError(f"does not draw this mask in {CALLS} calls")

    def _taken(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        p = parameters["p"]
        return {**parameters, "p": 1 - p if self.how.means == "1 - p" else p}


def drawn_by(form: Form) -> tuple[Drawn, dict[str, Any], tuple[str, str]]:
    """The layer, what is held in every case, and what was assumed; raises Unfit where it keeps no mask."""
    op = form.op
    roles = [*form.making.roles.values(), *form.forwards.roles.values()]
    takes = any(role.of == "p" or role.kind == "settings" for role in roles)
    one = asked(op, shape=SHAPE, p=RATE)
    ones = replace(one, arrays={n: np.full(SHAPE, 3.0) for n in (op.inputs[0], "y")})
    plain = {n: Arrangement.plain(a.names) for n, a in op.takes.axes.items()}
    for way in ways(form):
        plan = replace(way.plan, arranged=plain)
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            found = _read(form, plan, ones)
        if found is None:
            continue
        plan, kept, inverted, scale = found
        means = _meant(scale) if takes else "p"
        if means is None:
            continue
        pins = {"p": HALF} if scale == 1 else {} if takes else {"p": 1 - 1 / scale}
        plan = with_gradients(form, plan, ones)
        if not plan.gradients:
            raise Unfit("backward raises in a plain case")
        how = Drawing(kept, inverted, means, divides=scale != 1)
        return Drawn(form, plan, how), pins, _assumed(how, pins, takes=takes)
    raise Unfit(
        f"it draws its {CALLED.get(op.name, Called()).drawn} itself, by which what is right is another each time, and "
        f"keeps none by which it could be judged; {op.name} is judged where forward and backward are handed it, as "
        f"forward({', '.join(op.inputs)}), or where it is kept, as self.mask"
    )


def _meant(scale: float) -> str | None:
    """What it takes as p, by how many times larger is what is kept; None if that is not known."""
    known = {1 / (1 - RATE): "p", 1 / RATE: "1 - p", 1.0: "p"}
    return next((means for value, means in known.items() if abs(scale - value) <= RIGHT * value), None)


def _assumed(how: Drawing, pins: Mapping[str, Any], *, takes: bool) -> tuple[str, str]:
    where = said(how.kept[1]) + (" of what is returned" if how.kept[0] == "returned" else "")
    mask = (
        f"its mask is {where or 'the cache'}, {'true of what is dropped' if how.inverted else '0 of what is dropped'}"
    )
    together = (
        "y and grad_x of a mask that is given are put together of calls in which it draws that, element by element"
    )
    if not how.divides:
        return mask, f"it does not divide by 1 − p, which is done here, where p is 1/2; {together}"
    if how.means == "1 - p":
        return mask, f"what it takes is the chance to be kept, 1 − p; {together}"
    return mask, together if takes else f"p is {pins['p']:g}, which it does not take; {together}"


def _ran(form: Form, plan: Plan, x: Array, parameters: Mapping[str, Any]) -> Run:
    run = Run(form, plan, form.op.takes.sizes_in({form.op.inputs[0]: x.shape}), dict(parameters))
    run.begin({form.op.inputs[0]: x})
    run.forward()
    return run


def _mask(run: Run, how: Drawing) -> Array:
    """Which elements are kept."""
    return np.asarray((np.asarray(run.at(how.kept)) != 0) ^ how.inverted)


def _read(form: Form, plan: Plan, one: Asked) -> tuple[Plan, Place, bool, float] | None:
    """The plan with the place of y, that of the mask, whether this is inverted, and by what what is kept is multiplied."""
    seen: list[set[tuple[Place, bool]]] = []
    scales: set[float] = set()
    x = one.arrays[form.op.inputs[0]]
    for _ in range(SEEN):
        try:
            run = _ran(form, plan, x, one.parameters)
        except Exception:  # noqa: BLE001, of a way to call it that is not its own
            return None
        place = next(
            (at for at in places_of_y(run) if np.shape(run.at(at)) == x.shape and _is_thinned(run.at(at), x)), None
        )
        if place is None:
            return None
        y = np.asarray(run.at(place))
        plan = run.plan = replace(plan, y=place)
        scales |= {float(value) for value in np.unique(y[y != 0] / x[y != 0])}
        seen.append({one for one in _kept_in(run, y != 0) if one[0] != place})
    kept = set.intersection(*seen)
    if not kept or len(scales) != 1:
        return None
    best = min(kept, key=lambda of: ("mask" not in said(of[0][1]).lower(), of[1], len(of[0][1])))
    return plan, *best, scales.pop()


def _is_thinned(y: Any, x: Array) -> bool:
    """Whether some elements are 0, and all others as many times what they were."""
    kept = np.asarray(y) != 0
    return 0 < kept.sum() < kept.size and len(np.unique(np.asarray(y)[kept] / x[kept])) == 1


def _kept_in(run: Run, kept: Array) -> Iterator[tuple[Place, bool]]:
    """Where an array is that is 0 just where y is, or just where y is not."""
    for root, of in (("layer", run.layer), ("returned", run.returned)):
        for path, array in arrays_in(of, 3):
            if path and np.shape(array) == kept.shape and not np.array_equal(array, run.at(run.plan.y)):
                for inverted in (False, True):
                    if np.array_equal((np.asarray(array) != 0) ^ inverted, kept):
                        yield (root, path), inverted
