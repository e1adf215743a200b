"""Which arrangement of its arrays makes a forward right: decided by y alone, on whole numbers and axes of different sizes.

Ways to speak to a layer are tried in turn, the usual ones first, each with every order of every array: of the first where
y is right, to the last bit where sums are exact, it is taken. Where y is right in none, the nearest is.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.ops._called import CALLED, Called
from checks.signature.axes import parts
from checks.subjects import chance
from checks.subjects.adapting.arrangement import Arrangement
from checks.subjects.adapting.asked import LARGEST, Asked, asked
from checks.subjects.adapting.factor import factors_of, times
from checks.subjects.adapting.gates import families
from checks.subjects.adapting.holding import Choice, apart_in, held_in
from checks.subjects.adapting.pieces import Piece, of_gates, ways_to_cut
from checks.subjects.adapting.roles import Unfit
from checks.subjects.adapting.run import OUTPUTS, Form, Place, Plan, Run
from checks.subjects.adapting.slots import Path, arrays_in, named, said
from checks.subjects.adapting.told import NOTHING, Told, fits
from checks.subjects.adapting.ways import Way, ways
from checks.subjects.adapting.words import called

SECONDS = 20.0  # for all of the search: what is loaded has a minute
# How far off y may be, of its size: what is asked has fewer than 2¹⁰ numbers to a sum, each made of whole ones up to 4 by
# at most eight roundings, so 2¹³·2⁻⁵³. Another constant where one is hidden, as ε = 10⁻⁸ where 10⁻⁵ is meant, moves y by
# 2⁻²⁵ or more.
RIGHT = 2.0**-40
MOST_PARTS = 4  # places among which the parts of y are looked for
MOST_NUMBERS = 16  # arrangements in which one number is compared
CASES = 5  # in which one number is compared with what is right
NEAR = 2.0**-10  # a number that is so near what is right is meant to be that, as that of a logarithm kept from 0
NOWHERE: Place = ("returned", ())  # where the gradient of a piece is, before that is looked for
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
        """Whether y is right."""
        return self.off <= (0.0 if self.one.op.kind.degree else RIGHT)


def fitted(form: Form) -> Fit:
    """The fit of a layer; raises Unfit where there is none."""
    usual: list[Fit] = []
    began, nearest, tried, failure = time.monotonic(), None, 0, ""
    for way in ways(form):
        found, count, why = _fits(form, way, began)
        tried, failure = tried + count, failure or why
        right = [fit for fit in found if fit.right]
        if right:
            return replace(right[0], also=len({_bare(fit) for fit in right} - {_bare(right[0])}))
        if way.usual:
            usual += found
            nearest = min([*found, *([nearest] if nearest else [])], key=lambda fit: fit.off, default=None)
        if time.monotonic() - began > SECONDS:
            break
    if nearest is not None and _draws(form, nearest):
        raise Unfit(chance.TOLD)
    if nearest is None or nearest.alike < ALIKE:
        raise Unfit(_none(form, tried, failure))
    unknown = [*form.making.unknown, *form.forwards.unknown]
    if unknown:
        raise Unfit(f"{_none(form, tried, failure)}; what {' and '.join(unknown)} means is not known")
    return nearest if nearest.one.y.ndim else _of_one_number(form, usual)


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


def _fits(form: Form, way: Way, began: float) -> tuple[list[Fit], int, str]:
    """The fits of one way, how many plans were tried, and what the first of those that raised did."""
    found, tried, failure = [], 0, ""
    try:
        one = asked(form.op, **{**way.alike, **way.pins})
        for plan in _plans(form, way, one):
            tried += 1
            fit, why = _tried(form, plan, one, way.pins)
            failure = failure or why
            found += [fit] if fit is not None else []
            if time.monotonic() - began > SECONDS:
                break
    except Unfit as unfit:
        failure = failure or str(unfit)
    except Exception as error:  # noqa: BLE001, of a constructor that is called otherwise, whatever it is
        failure = failure or f"{type(error).__name__}: {error}"
    return found, tried, failure


def _none(form: Form, tried: int, failure: str) -> str:
    declared = form.op.takes.arrays
    arrays = " and ".join(f"{n} ({declared[n]})" for n in form.op.inputs)
    why = f"; the first that was tried: {failure}" if failure else ""
    return f"of {tried} ways to call it, all orders of {arrays} among them, forward is right in: none{why}"


def _bare(fit: Fit) -> str:
    """The arrangement without axes of one element, or of none, which change nothing about it."""
    sizes = fit.one.sizes
    return str(
        {
            n: (a.one_hot, [i for i in a.order if i is not None and sizes.get(a.names[i]) != ()])
            for n, a in fit.plan.arranged.items()
        }
    )


def _plans(form: Form, way: Way, one: Asked) -> Iterator[Plan]:
    """Every arrangement of every array, for a layer that is made so."""
    op, axes = form.op, form.op.takes.axes
    first = op.inputs[0]
    plain = {n: Arrangement.plain(a.names) for n, a in axes.items()}
    plan = replace(way.plan, arranged=plain)
    pairs = list(_x_and_y(axes[first].names, axes["y"].names, way.without))
    others = [n for n in op.inputs[1:] if n in form.passed]
    # Data with as many axes, the same first, lies as x does: a state beside x, keys beside queries.
    along = [
        n for n in others if len(axes[n].names) == len(axes[first].names) and axes[n].names[0] == axes[first].names[0]
    ]
    along = [
        n for n in along if n not in op.takes.constant and _lack_alike(axes[first].names, axes[n].names, way.without)
    ]
    choices: dict[str, list[Choice]] = {
        n: [(a, ()) for a in _as_argument(op.takes.axes[n].names, n in op.takes.constant, axes[first].names, one)]
        for n in others
        if n not in along
    }
    cuts = list(_cuts(form, plan, one))
    held = [n for n in op.inputs[1:] if n not in form.passed and not any(n in piece.of for piece in cuts[0])]
    zeroed: tuple[Path, ...] = ()
    if held and form.made is not None:
        found, zeroed = held_in(form, plan, one, held)
        choices |= found
    missing = [n for n in held if n not in choices and n not in op.takes.optional]
    if missing:
        words = ", ".join(called(missing[0])[:6])
        raise Unfit(f"its {missing[0]} is looked for as {words}; found none of its shape")
    told = form.told or NOTHING
    choices = {n: _as_told(told, n, of) for n, of in choices.items()}
    for x, y in pairs:
        if not fits(x, told.order_of(first, x.names, first=True)):  # y goes along
            continue
        for rest, cut in product(product(*choices.values()), cuts):
            going = {n: Arrangement(axes[n].names, x.order) for n in along}
            arranged = {first: x, "y": y, **going} | {n: a for n, (a, _) in zip(choices, rest, strict=True)}
            where = {n: paths for n, (_, paths) in zip(choices, rest, strict=True) if paths}
            if len({id(paths) for paths in where.values()}) == len(where):
                # What has the name of one input may be told to be another.
                used = {path for paths in where.values() for path in paths} | {piece.place[1] for piece in cut}
                odd = tuple(path for path in zeroed if path not in used)
                yield replace(plan, arranged=arranged, held=where, zeroed=odd, pieces=dict.fromkeys(cut, NOWHERE))


def _lack_alike(first: Sequence[str], other: Sequence[str], without: tuple[str, ...]) -> bool:
    """Whether the axes that are left out stand at the same places of both."""
    return all(parts(b)[1] == a for a, b in zip(first, other, strict=True) if a in without)


def _cuts(form: Form, plan: Plan, one: Asked) -> Iterator[tuple[Piece, ...]]:
    """Ways to cut its weights into those of its gates; where it has none apart, no way but to leave them whole."""
    places = form.apart
    if not places and form.made is not None and of_gates(form.op)[0] and (form.op.inputs[-1] not in form.passed):
        places = apart_in(form, plan, one)
    found = families(form.op, places)
    # Names say which gate is which, so that one order of them is enough.
    if found and list(plan.gates) == sorted(plan.gates):
        yield from ways_to_cut(form.op, found, places)
    else:
        yield ()


def _as_told(told: Told, n: str, choices: list[Choice]) -> list[Choice]:
    """Those that are as somebody says; raises Unfit where none is."""
    found = [
        (order, paths)
        for order, paths in choices
        if fits(order, told.order_of(n, order.names, first=False)) and told.is_in(n, paths, [said(p) for p in paths])
    ]
    if not found and n in told.arrays:
        where, axes = told.arrays[n]
        raise Unfit(f"{n} is said to be {where}{f': {axes}' if axes else ''}; nothing of that name and shape is there")
    return found


def _x_and_y(x: Sequence[str], y: Sequence[str], without: tuple[str, ...]) -> Iterator[tuple[Arrangement, Arrangement]]:
    """Orders of the first input and of y, which go together where both have as many axes."""
    if len(x) == len(y):
        # What x does not have, y need not have either, if it is the same axis.
        for of_x in Arrangement.all_of(x, *without):
            if not without:
                yield of_x, Arrangement(tuple(y), of_x.order)
                continue
            gone = tuple(name for name in without if name in y)
            yield from ((of_x, of_y) for of_y in Arrangement.all_of(y, *gone))
        return
    yield from product(Arrangement.all_of(x, *without), list(Arrangement.all_of(y)))


def _as_argument(names: Sequence[str], constant: bool, first: Sequence[str], one: Asked) -> Iterator[Arrangement]:
    """Orders of an input that is passed: with axes of one element around a single one, or one-hot."""
    yield from Arrangement.all_of(names)
    if constant and "C" in one.sizes and "C" not in names:
        yield from Arrangement.hot(names, "C")
    if len(names) == 1 and not names[0].startswith("*") and not constant:
        plain = Arrangement.plain(names)
        axes = sum(len(one.sizes[n]) if n.startswith("*") else 1 for n in first)
        for many in sorted({2, axes} - {1}):
            for at in range(many):
                yield plain.with_ones([0 if i == at else None for i in range(many)])


def _tried(form: Form, plan: Plan, one: Asked, pins: Mapping[str, Any]) -> tuple[Fit | None, str]:
    """The fit of a plan whose y has the right shape; else None, and what it raised."""
    run = Run(form, plan, one.sizes, {**one.parameters, **plan.constants})
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            run.begin({n: a.copy() for n, a in one.arrays.items()})
            run.forward()
    except Exception as error:  # noqa: BLE001, of another arrangement, whatever it is
        return None, f"{type(error).__name__}: {error}"
    missing = tuple(n for n in one.op.inputs if n not in {*form.passed, *plan.held, *plan.cut})
    right = one.right({**one.parameters, **plan.constants}, missing)
    fits = []
    asked_for = tuple(role.of for role in run.settings.taken.values() if role.kind == "parameter")
    for place in _places_of_y(run):
        came = run.at(place)
        here = plan.arranged["y"].shape(right.shape, one.sizes)
        if np.shape(came) != here and not (right.ndim == 0 and np.size(came) == 1):
            continue
        found = np.asarray(plan.arranged["y"].back(came, right.shape, one.sizes), float)
        for factor in factors_of(one.op) if found.shape == right.shape else ():
            off, alike = apart(found / times(factor, one.arrays[one.op.inputs[0]].shape), right)
            if not factor or off == 0:
                number = float(found) / times(factor, one.arrays[one.op.inputs[0]].shape) if not found.ndim else 0.0
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
    places = [place for place in _places_of_y(run) if len(place[1]) == 1][:MOST_PARTS]
    yield from permutations(places, many)


def _places_of_y(run: Run) -> Iterator[Place]:
    """Where y may be: what is returned, a part of it, or what is left in an attribute."""
    if run.returned is not None:
        for path, _ in arrays_in(run.returned, 1):
            if all(how == "item" for how, _ in path):
                yield "returned", path
        return
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
