"""Every arrangement of every array of a layer that is spoken to in one way: what forward then chooses from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from checks.signature.axes import parts
from checks.subjects.adapting.arrangement import Arrangement
from checks.subjects.adapting.asked import Asked
from checks.subjects.adapting.gates import families
from checks.subjects.adapting.holding import Choice, apart_in, held_in
from checks.subjects.adapting.pieces import Piece, of_gates, ways_to_cut
from checks.subjects.adapting.roles import Unfit
from checks.subjects.adapting.run import Form, Place, Plan
from checks.subjects.adapting.slots import Path, said
from checks.subjects.adapting.told import NOTHING, Told, fits
from checks.subjects.adapting.ways import Way
from checks.subjects.adapting.words import called

NOWHERE: Place = ("returned", ())  # where the gradient of a piece is, before that is looked for


def plans_of(form: Form, way: Way, one: Asked) -> Iterator[Plan]:
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
        found, zeroed, second = held_in(form, plan, one, held)
        choices |= found
        plan = replace(plan, second=second)
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
            if len({*where.values()}) == len(where):
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
