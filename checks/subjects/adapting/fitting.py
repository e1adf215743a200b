"""Which arrangement of its arrays makes a forward right: decided by y alone, on whole numbers and axes of different sizes.

Ways to speak to a layer are tried in turn, the usual ones first, each with every order of every array: of the first where
y is right, but for its rounding, it is taken. Where y is right in none, what came of the usual ones is
compared with what is right at other values of parameters that are not taken; and where that is right in none, the nearest
is taken.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import islice, permutations
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.ops._called import CALLED, Called
from checks.subjects import chance
from checks.subjects.adapting.asked import LARGEST, Asked, asked
from checks.subjects.adapting.constants import functions_of, together, values_of
from checks.subjects.adapting.factor import factors_of, ratio
from checks.subjects.adapting.plans import plans_of
from checks.subjects.adapting.roles import Unfit
from checks.subjects.adapting.run import OUTPUTS, Form, Place, Plan, Run
from checks.subjects.adapting.slots import arrays_in, named
from checks.subjects.adapting.tried import Tried, raised
from checks.subjects.adapting.ways import Way, ways
from checks.subjects.adapting.words import FOLLOWS

SECONDS = 20.0  # of processor time for all of the search: what is loaded has a minute
# How far off y may be, of its size: what is asked has fewer than 2¹⁰ numbers to a sum, each made of whole ones up to 4 by
# at most eight roundings, so 2¹³·2⁻⁵³. Another constant where one is hidden, as ε = 10⁻⁸ where 10⁻⁵ is meant, moves y by
# 2⁻²⁵ or more.
RIGHT = 2.0**-40
# How far off y may be where a layer is taken at its word: float32, in which some compute what they return in float64,
# leaves 2⁻²⁴ for each of the fewer than 2⁸ roundings of what is asked.
NEARLY = 2.0**-16
MOST_PARTS = 4  # places among which the parts of y are looked for
MOST_NUMBERS = 16  # arrangements in which one number is compared
CASES = 5  # in which one number is compared with what is right
SMALL = 2.0**-10  # times as large are numbers that are asked once more
NEAR = 2.0**-10  # a number that is so near what is right is meant to be that, as that of a logarithm kept from 0
ALIKE = 0.5  # the cosine above which a wrong y is still seen to be this op's: of n numbers by chance it is about 1/√n


@dataclass(frozen=True)
class Fit:
    """A plan and how far its y is from what is right; `pins` are what holds in every case, `alike` the cosine."""

    plan: Plan
    one: Asked
    pins: Mapping[str, Any]
    off: float
    alike: float
    settings: tuple[str, ...] = ()  # parameters that it asks a dictionary for
    found: float = 0.0  # y, where it is one number
    also: int = 0  # other arrangements in which y is right, too

    @property
    def right(self) -> bool:
        """Whether y is right, in the precision that it comes in."""
        return self.off <= (NEARLY if self.plan.spread is not None and self.plan.spread.single else RIGHT)


@dataclass(frozen=True)
class Came:
    """What forward returned in some arrangement, at `place`, in which it is not right; `taken` are parameters asked for."""

    plan: Plan
    one: Asked
    pins: Mapping[str, Any]
    missing: tuple[str, ...]
    returned: Any
    taken: tuple[str, ...]


def fitted(form: Form) -> Fit:
    """The fit of a layer; raises Unfit where there is none."""
    usual: list[Fit] = []
    came: list[Came] = []  # of which no other values of parameters have been asked yet
    began, tried, all_usual = time.process_time(), Tried(), False
    for way in ways(form):
        if not way.usual:
            all_usual = True
            if (hidden := _hidden(form, came)) is not None:
                return hidden
            came = []
        found = _fits(form, way, began, came if way.usual or not way.plan.constants else None, tried)
        if right := [fit for fit in found if fit.right and (way.usual or _is_right_of_small(form, fit))]:
            return replace(right[0], also=len({_bare(fit) for fit in right} - {_bare(right[0])}))
        usual += found if way.usual else []
        if time.process_time() - began > SECONDS:
            break
    else:
        all_usual = True
    return _hidden(form, came) or _nearest(form, usual, tried.words(form), all_usual=all_usual)


def _nearest(form: Form, usual: Sequence[Fit], none: str, *, all_usual: bool) -> Fit:
    """The fit that is nearest, where none is right; raises Unfit where that says nothing.

    none       in words, that none is right
    all_usual  whether all were tried; else what was not may be right
    """
    if not all_usual:
        none += f"; more were not tried, since these took {SECONDS:g} s of processor time"
    near = [fit for fit in usual if fit.off <= NEARLY][:1]  # of these the least is chance, so the most usual is taken
    nearest = min(near or usual, key=lambda fit: fit.off, default=None)
    if nearest is not None and _draws(form, nearest):
        raise Unfit(chance.TOLD)
    if nearest is None or nearest.alike < ALIKE:
        raise Unfit(none)
    unknown = [*form.making.unknown, *form.forwards.unknown]
    if unknown:
        raise Unfit(f"{none}; what {' and '.join(unknown)} means is not known")
    if not all_usual:
        raise Unfit(none)
    return nearest if nearest.one.y.ndim else _of_one_number(form, usual)


def _hidden(form: Form, came: Sequence[Came]) -> Fit | None:
    """The fit with the fewest other values of parameters that are not taken, with which one of these is right."""
    if not came:
        return None
    gone = {r.of for a in (form.making, form.forwards) for r in a.roles.values()} | {
        n for one in came for n in one.taken
    }
    values = values_of(form.op, gone, functions_of(form))
    known: dict[Any, Array | None] = {}
    near: Fit | None = None
    for chosen in islice(together(values), 1, None):
        for one in came:
            if not {*chosen} & {*one.plan.constants, *one.pins}:
                key = id(one.one), tuple(one.plan.constants.items()), tuple(chosen.items()), one.missing
                if key not in known:
                    known[key] = _right_with(one, chosen)
                if (fit := _with_values(form, one, chosen, known[key])) is not None:
                    if _is_right_of_small(form, fit):
                        return fit
                    near = near or fit
    return near


def _is_right_of_small(form: Form, fit: Fit) -> bool:
    """Whether y is right of small numbers, too, where what is added to a variance shows: of whole ones, ε = 10⁻¹² is 0."""
    first = form.op.inputs[0]
    if not fit.plan.constants or first in form.op.takes.constant:
        return True
    small = replace(fit.one, arrays={**fit.one.arrays, first: fit.one.arrays[first] * SMALL})
    with suppress(Exception):  # of numbers that are no such input, whatever is raised
        again, _ = _tried(form, fit.plan, small, fit.pins)
        return again is not None and again.right
    return False


def _right_with(one: Came, chosen: Mapping[str, Any]) -> Array | None:
    """What is right with these values; None if this case cannot have them."""
    known = {**_following(one, chosen), **one.plan.constants, **chosen}
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            return one.one.right({**one.one.parameters, **known}, one.missing)
    except Exception:  # noqa: BLE001, of values that this case cannot have
        return None


def _following(came: Came, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What a parameter is that follows one of these: a stride that is not said is the window."""
    return {n: chosen[of] for n, of in FOLLOWS.items() if of in chosen and n in came.one.parameters}


def _with_values(form: Form, came: Came, chosen: Mapping[str, Any], right: Array | None) -> Fit | None:
    """The fit with these values, if it is right in a case that is drawn with them, and, of one number, in several."""
    if right is None or not _looks_right(came, right):
        return None
    constants, pins = {**came.plan.constants, **chosen}, {**came.pins, **chosen}
    cotangent = np.random.default_rng(0).integers(-LARGEST, LARGEST + 1, right.shape).astype(float)
    one = replace(
        came.one,
        parameters={**came.one.parameters, **_following(came, chosen), **constants},
        arrays={**came.one.arrays, "y": cotangent},
    )
    fit, _ = _tried(form, replace(came.plan, constants=constants), one, pins)
    if fit is None or not fit.right:
        return None
    if not fit.one.y.ndim:
        found, wanted = _numbers(form, fit)
        return fit if np.linalg.norm(found - wanted) <= RIGHT * np.linalg.norm(wanted) else None
    return fit


def _looks_right(came: Came, right: Array) -> bool:
    """Whether what was returned is that, or has it as a part."""
    arranged, one = came.plan.arranged["y"], came.one
    here = arranged.shape(right.shape, one.sizes)
    for path, array in arrays_in(came.returned, 1):
        if all(how == "item" for how, _ in path) and (np.shape(array) == here or right.ndim == 0 == np.size(array) - 1):
            found = np.asarray(arranged.back(array, right.shape, one.sizes), float)
            first = np.shape(one.arrays[one.op.inputs[0]])
            factors = factors_of(one.op) if found.shape == right.shape else ()
            if any(apart(found / ratio(factor, first), right)[0] <= RIGHT for factor in factors):
                return True
    return False


def _of_one_number(form: Form, usual: Sequence[Fit]) -> Fit:
    """The first fit whose y, one number, is near what is right, or everywhere the same number of times that.

    One number has no direction by which it would be seen to be this op's, so that without that it may be another
    function, and right; then Unfit is raised.
    """
    said = ""
    for fit in usual[:MOST_NUMBERS]:
        found, right = _numbers(form, fit)
        times = found @ right / (right @ right or 1.0)
        if any(np.linalg.norm(found - by * right) <= NEAR * np.linalg.norm(by * right) for by in (1.0, times)):
            return fit
        said = said or f"forward gives {found[0]:.6g} where {form.op.name} is {right[0]:.6g}"
    raise Unfit(
        f"{said}, and it is no number of times that: another function, which `gradoracle function` judges, or wrong"
    )


def _numbers(form: Form, fit: Fit) -> tuple[Array, Array]:
    """What forward gives in a few cases, and what is right there; ∞ where it raises."""
    op, one, rng = form.op, fit.one, np.random.default_rng(1)
    first = op.inputs[0]
    pairs = []
    for _ in range(CASES):
        like = rng.integers(-LARGEST, LARGEST + 1, np.shape(one.arrays[first])).astype(float)
        case = replace(one, arrays={**one.arrays, first: like})
        tried, _ = _tried(form, fit.plan, case, fit.pins)
        absent = tuple(n for n in op.inputs if n not in {*form.passed, *fit.plan.held})
        right_y = case.right({**case.parameters, **fit.plan.constants}, absent)
        pairs.append((np.inf if tried is None else tried.found, float(right_y)))
    found, right = map(np.array, zip(*pairs, strict=True))
    return found, right


def _draws(form: Form, fit: Fit) -> bool:
    """Whether y changes from run to run, but not where generators of random numbers begin alike."""

    def forwards(*, alike: bool) -> set[bytes]:
        found = set()
        for _ in range(chance.CALLS):
            run = Run(form, fit.plan, fit.one.sizes, {**fit.one.parameters, **fit.plan.constants})
            run.begin({n: a.copy() for n, a in fit.one.arrays.items()})
            called_is = form.forward if run.layer is None else getattr(run.layer, form.forward)
            with chance.rewound(called_is) if alike else nullcontext():
                run.forward()
            found.add(np.asarray(run.at(fit.plan.y)).tobytes())
        return found

    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"), suppress(Exception):
        return len(forwards(alike=False)) > 1 == len(forwards(alike=True))
    return False


def _fits(form: Form, way: Way, began: float, came: list[Came] | None, tried: Tried) -> list[Fit]:
    """The fits of one way; `came` is added to, and `tried`."""
    found = []
    try:
        one = asked(form.op, **{**way.alike, **way.pins})
        for plan in plans_of(form, way, one):
            fit, why = _tried(form, plan, one, way.pins, came)
            tried.add(way, plan, why, None if fit is None else fit.off)
            found += [fit] if fit is not None else []
            if time.process_time() - began > SECONDS:
                break
    except Unfit as unfit:
        tried.unmade(way, str(unfit))
    except Exception as error:  # noqa: BLE001, of a constructor that is called otherwise, whatever it is
        tried.unmade(way, raised(error))
    return found


def _bare(fit: Fit) -> str:
    """The arrangement without axes of one element, or of none, which change nothing about it."""
    sizes = fit.one.sizes
    return str(
        {
            n: (a.one_hot, [i for i in a.order if i is not None and sizes.get(a.names[i]) != ()])
            for n, a in fit.plan.arranged.items()
        }
    )


def _tried(
    form: Form, plan: Plan, one: Asked, pins: Mapping[str, Any], came: list[Came] | None = None
) -> tuple[Fit | None, str]:
    """The fit of a plan whose y has the right shape; else None, and what it raised. What it returned `came` is added."""
    run = Run(form, plan, one.sizes, {**one.parameters, **plan.constants})
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            run.begin({n: a.copy() for n, a in one.arrays.items()})
            run.forward()
    except Exception as error:  # noqa: BLE001, of another arrangement, whatever it is
        return None, raised(error)
    missing = tuple(n for n in one.op.inputs if n not in {*form.passed, *plan.held, *plan.cut})
    right = one.right({**one.parameters, **plan.constants}, missing)
    if not right.any():  # as a loss of a single class: so is that of any function that is 0 somewhere
        return None, "what is right is 0, which tells nothing"
    fits: list[Fit] = []
    asked_for = tuple(role.of for role in run.settings.taken.values() if role.kind == "parameter")
    if came is not None:
        came.append(Came(plan, one, pins, missing, run.returned, asked_for))
    for place in places_of_y(run):
        at = run.at(place)
        here = plan.arranged["y"].shape(right.shape, one.sizes)
        if np.shape(at) != here and not (right.ndim == 0 and np.size(at) == 1):
            continue
        found = np.asarray(plan.arranged["y"].back(at, right.shape, one.sizes), float)
        for factor in factors_of(one.op) if found.shape == right.shape else ():
            off, alike = apart(found / ratio(factor, one.arrays[one.op.inputs[0]].shape), right)
            if not factor or off <= RIGHT:
                number = float(found) / ratio(factor, one.arrays[one.op.inputs[0]].shape) if not found.ndim else 0.0
                fits.append(Fit(replace(plan, y=place, factor=factor), one, pins, off, alike, asked_for, number))
    for places in _parts_of_y(run, len(fits)):
        split = replace(plan, parts=places)
        run.plan = split
        joined = run.joined(right.shape)
        if joined is not None:
            off, alike = apart(joined, right)
            fits.append(Fit(split, one, pins, off, alike, asked_for))
    return min(fits, key=lambda fit: fit.off, default=None), ""


def _parts_of_y(run: Run, whole: int) -> Iterator[tuple[Place, ...]]:
    """Where the parts of y may be, if it is not returned as a whole."""
    many = len(CALLED.get(run.form.op.name, Called()).parts)
    if many < 2 or whole or not isinstance(run.returned, tuple | list):
        return
    places = [place for place in places_of_y(run) if len(place[1]) == 1][:MOST_PARTS]
    yield from permutations(places, many)


def places_of_y(run: Run) -> Iterator[Place]:
    """Where y may be: what is returned, a part of it, or what is left in an attribute."""
    if run.returned is not None:
        for path, _ in arrays_in(run.returned, 1):
            if all(how == "item" for how, _ in path):
                yield "returned", path
        return
    yield from (("into", (("item", name),)) for name, role in run.form.forwards.roles.items() if role.kind == "written")
    for path, _ in arrays_in(run.layer, 1):
        if named(path)[-1:] and named(path)[-1] in OUTPUTS:
            yield "layer", path


def apart(found: Array, right: Array) -> tuple[float, float]:
    """How far y is from what is right, relative to it; and the cosine of the angle between them."""
    if not np.isfinite(found).all():
        return np.inf, 0.0
    size, norm = float(np.linalg.norm(right)), float(np.linalg.norm(found))
    off = float(np.linalg.norm(found - right)) / (size or 1.0)
    return off, abs(float(np.vdot(found, right))) / (size * norm) if size * norm else 0.0
