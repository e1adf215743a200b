"""Where a backward leaves each gradient: in what it returns, in the layer, in the cache; by names, shapes and order alone.

Of the numbers nothing is asked: they are what is judged.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from checks.subjects.adapting.asked import Asked
from checks.subjects.adapting.pieces import Piece
from checks.subjects.adapting.roles import Unfit
from checks.subjects.adapting.run import Form, Place, Plan, Run
from checks.subjects.adapting.slots import Path, answers, arrays_in, is_gradient, named, said, snapshot
from checks.subjects.adapting.sparse import tables_in
from checks.subjects.adapting.words import called, gradient_names, plain

SHOWN = 6  # names that a message lists


@dataclass(frozen=True)
class Left:
    """An array that backward returned or left; `fresh` if it was not there before, or was another."""

    place: Place
    array: Any
    fresh: bool


def with_gradients(form: Form, plan: Plan, one: Asked) -> Plan:
    """The plan with the place of each gradient; none where backward raises, as the judge will say.

    Raises Unfit if one has to be there.
    """
    run = Run(form, plan, one.sizes, {**one.parameters, **plan.constants})
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        run.begin({n: a.copy() for n, a in one.arrays.items()})
        run.forward()
        before = {root: snapshot(of) for root, of in (("layer", run.layer), ("cache", run.cache))}
        try:
            returned = run.backward(one.arrays["y"])
        except Exception:  # noqa: BLE001, that it raises is for the judge to say
            return plan
    left = list(_left(form, run, returned, before))
    pieces = _of_pieces(form, plan, left, returned)
    left = [one_left for one_left in left if one_left.place not in pieces.values()]
    wanted = [n for n in wanted_of(form, plan) if n not in plan.cut]
    found: dict[str, Place] = {n: ("step", (("item", n),)) for n in wanted if n in run.steps}
    found |= _as_told(form, run, returned, wanted)
    found |= _tables(form, plan, one, run.layer, returned)
    taken = {id(run.at(place, returned)) for place in found.values()}
    scored = sorted(
        (
            (score, -at, n, one_left)
            for n in _asked_for(form, wanted, left)
            if n not in found
            for at, one_left in enumerate(left)
            if (score := _score(form, plan, one, n, one_left, wanted, returned)) > 0
        ),
        key=lambda s: (-s[0], -s[1]),
    )
    for score, _, n, one_left in scored:
        if n in found or id(one_left.array) in taken:
            continue
        rivals = [
            o for s, _, m, o in scored if m == n and s == score and id(o.array) not in {*taken, id(one_left.array)}
        ]
        if rivals and not _is_named(form, plan, n, one_left):
            many = " and ".join(said(o.place[1]) for o in (one_left, *rivals[:2]))
            raise Unfit(f"which of {many} is the gradient of {n} cannot be told by their names and shapes")
        found[n] = one_left.place
        taken.add(id(one_left.array))
    for n in wanted:
        if n not in found and not _may_lack(form, n, found, left):
            names = dict.fromkeys(g for a in _aliases(form, plan, n)[:2] for g in list(gradient_names(a))[:3])
            words = ", ".join([*names][:SHOWN])
            raise Unfit(f"backward returns no gradient of {n}, and leaves none as {words}, nor in grads or the like")
    seconds: dict[str, Place] = {}
    for n, path in plan.second.items():
        of_second = [
            o.place for o in left if is_gradient(o.place[1], named(path)[-1:], [path]) and o.place != found.get(n)
        ]
        if not of_second:
            raise Unfit(f"backward leaves no gradient of {said(path)}, which is added to {n}")
        seconds[n] = of_second[0]
    return replace(plan, gradients=found, pieces=pieces, seconds=seconds)


def _of_pieces(form: Form, plan: Plan, left: Sequence[Left], returned: Any) -> dict[Piece, Place]:
    """Where the gradient of each piece is: by its name; or by its place, where all are returned as arguments are."""
    order = [name for name, role in form.forwards.roles.items() if role.kind in {"array", "piece"}]
    whole = isinstance(returned, tuple | list) and len(returned) == len(order)
    found: dict[Piece, Place] = {}
    for piece in plan.pieces:
        path = piece.place[1]
        ranked = [(answers(o.place[1], path), o.fresh, -at, o) for at, o in enumerate(left) if o.place[1] != path]
        best = max(ranked, key=lambda one: one[:3], default=(0, False, 0, None))
        if best[0] and best[3] is not None:
            found[piece] = best[3].place
        elif whole and piece.name in order:
            found[piece] = "returned", (("item", order.index(piece.name)),)
        else:
            raise Unfit(f"backward returns no gradient of {piece.name}, and leaves none as d{piece.name} or the like")
    return found


def _asked_for(form: Form, wanted: Sequence[str], left: Sequence[Left]) -> Sequence[str]:
    """The inputs whose gradients are looked for: of a loss that returns one array, that of what is predicted."""
    first = form.op.inputs[0]
    of_loss = not form.op.takes.axes["y"].names and first in wanted
    return [first] if of_loss and sum(one.place[0] == "returned" for one in left) == 1 else wanted


def _may_lack(form: Form, n: str, found: Mapping[str, Place], left: Sequence[Left]) -> bool:
    """Whether it may have no such gradient: that of data, by the first layer, or of a target, by a loss.

    All that is returned has to be that of something else; what a layer learns has to have one.
    """
    data = (n == form.op.inputs[0]) == bool(form.op.takes.axes["y"].names)
    told = form.told is not None and n in form.told.grads
    others = {place for m, place in found.items() if m != n}
    return data and not told and bool(others) and all(o.place in others for o in left if o.place[0] == "returned")


def _as_told(form: Form, run: Run, returned: Any, wanted: Sequence[str]) -> dict[str, Place]:
    """The places that somebody says; raises Unfit where nothing is there."""
    places = {n: form.told.place_of(n) for n in wanted} if form.told is not None else {}
    found = {n: place for n, place in places.items() if place is not None}
    for n, place in found.items():
        if run.at(place, returned) is None:
            raise Unfit(f"the gradient of {n} is said to be {form.told.grads[n]}; after backward nothing is there")
    return found


def _tables(form: Form, plan: Plan, one: Asked, layer: object, returned: Any) -> dict[str, Place]:
    """The place of a table's gradient that holds only the rows that were looked up: of an op that takes their numbers."""
    wanted = wanted_of(form, plan)
    if form.op.inputs[0] not in form.op.takes.constant or len(wanted) != 1:
        return {}
    n = wanted[0]
    here = plan.arranged[n].shape(one.op.takes.axes[n].shape(one.sizes, one.parameters), one.sizes)
    held = plan.held.get(n, ())
    there: list[Place] = [("returned", path) for path, _ in tables_in(returned, here)]
    names = _aliases(form, plan, n)
    left = [p for p, _ in tables_in(layer, here) if is_gradient(p, names, held) or named(p)[-1:] == ["grads"]]
    there += [("layer", path) for path in left]
    return {n: there[0]} if there else {}


def wanted_of(form: Form, plan: Plan) -> list[str]:
    """The inputs whose gradients are asked for, in the order in which it takes them."""
    there = [*form.forwards.of("array"), *form.making.of("array"), *plan.held, *plan.cut]
    return [n for n in dict.fromkeys(there) if n in form.op.takes.differentiable]


def _left(form: Form, run: Run, returned: Any, before: Mapping[str, Mapping[Path, Any]]) -> Iterator[Left]:
    for path, array in arrays_in(returned, 2):
        if form.backward is not None or ("returned", path) != run.plan.y:
            yield Left(("returned", path), array, fresh=True)
    for name, role in form.backwards.roles.items() if form.backwards is not None else ():
        if role.kind == "gradient":
            yield Left(("into", (("item", name),)), run.at(("into", (("item", name),))), fresh=True)
    for root, of in (("layer", run.layer), ("cache", run.cache)):
        for path, array in arrays_in(of):
            if path and isinstance(array, np.ndarray):
                fresh = before[root].get(path) != (id(array), array.tobytes())
                yield Left((root, path), array, fresh)


def _score(form: Form, plan: Plan, one: Asked, n: str, left: Left, wanted: Sequence[str], returned: Any) -> float:
    """How much speaks for it; 0 where nothing does."""
    root, path = left.place
    mine = plan.held.get(n, ())
    if path in mine:
        return 0
    shape = one.op.takes.shapes(one.sizes, one.parameters)[n] or ()
    here = plan.arranged[n].shape(shape, one.sizes)
    fits = _bare(np.shape(left.array)) == _bare(here)
    is_named = _is_named(form, plan, n, left)
    first = form.op.inputs[0] if form.op.inputs[0] in wanted else wanted[0]
    alone = root == "returned" and not path and n == first
    in_order = (
        root == "returned"
        and len(path) == 1
        and path[0][0] == "item"
        and isinstance(returned, tuple | list)
        and _position(returned, path[0][1]) == wanted.index(n)
    )
    counted = isinstance(returned, tuple | list) and sum(o is not None for o in returned) == len(wanted)
    if not (is_named or alone or (fits and left.fresh) or (in_order and counted)):
        return 0
    if root != "returned" and not left.fresh and not is_named:
        return 0
    if any(_is_named(form, plan, m, left) for m in wanted if m != n) and not is_named:
        return 0
    return 8 * (root == "returned") + 4 * is_named + 2 * fits + 1 * in_order + 0.5 * left.fresh + 0.25 * alone


def _position(returned: Sequence[Any], at: int) -> int:
    """The place among what is returned that is something."""
    return sum(o is not None for o in returned[:at])


def _is_named(form: Form, plan: Plan, n: str, left: Left) -> bool:
    root, path = left.place
    if root == "returned" and path and not named(path):
        return False
    return bool(path) and is_gradient(path, _aliases(form, plan, n), plan.held.get(n, ()))


def _aliases(form: Form, plan: Plan, n: str) -> list[str]:
    """What it calls this input, and what others do."""
    own = [
        plain(name)
        for a in (form.forwards, form.making)
        for name, r in a.roles.items()
        if (r.kind, r.of) == ("array", n)
    ]
    own += [name for path in plan.held.get(n, ()) for name in named(path)[-1:]]
    elsewhere = {alias for m in form.op.inputs if m != n for alias in called(m)[:1]}
    return list(dict.fromkeys([*own, *(a for a in called(n) if a not in elsewhere)]))


def _bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)
