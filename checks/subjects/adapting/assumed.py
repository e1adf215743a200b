"""In words, what was assumed of a layer: two lines for a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from checks.subjects.adapting.arrangement import Arrangement
from checks.subjects.adapting.fitting import Fit
from checks.subjects.adapting.left import wanted_of
from checks.subjects.adapting.masks import WORDS
from checks.subjects.adapting.pieces import Piece
from checks.subjects.adapting.run import Form, Place, Plan
from checks.subjects.adapting.slots import Path, said

ROOTS = {"returned": "returned", "layer": "", "cache": "in the cache"}


def assumed(form: Form, plan: Plan, fit: Fit) -> tuple[str, ...]:
    """How its arrays lie and why that is known, and where its gradients are."""
    return (f"{', '.join(_arrays(form, plan))}: {_why(fit)}", "; ".join(_calls(form, plan)))


def _arrays(form: Form, plan: Plan) -> Iterator[str]:
    first = form.op.inputs[0]
    for n, arrangement in plan.arranged.items():
        if n in {first, *plan.held, *form.passed} or (n == "y" and not _as_x(plan, first)):
            yield f"{n} ({arrangement})"
    for of, second in dict.fromkeys((piece.of, piece.second) for piece in plan.pieces):
        yield _in_pieces([piece for piece in plan.pieces if (piece.of, piece.second) == (of, second)])
    for n in form.op.inputs:
        if n not in {*plan.held, *form.passed, *plan.cut}:
            yield f"no {n}"
    yield from (f"{name} {value}" for name, value in plan.constants.items())


def _in_pieces(mine: Sequence[Piece]) -> str:
    """What the gates' weights are called, and how they lie."""
    of = mine[0].of
    if mine[0].row:
        return (
            f"{'a second ' if mine[0].second else ''}{of[0]} of each gate ({', '.join(piece.name for piece in mine)})"
        )
    order = "in × out" if mine[0].turned else "out × in"
    return f"{' beside '.join(of)} of each gate ({', '.join(piece.name for piece in mine)}: {order})"


def _as_x(plan: Plan, first: str) -> bool:
    return plan.arranged["y"].order == plan.arranged[first].order or not plan.arranged["y"].names


def _why(fit: Fit) -> str:
    if not fit.right:
        return "the nearest arrangement; forward is right in none"
    if fit.also:
        return f"the usual one of {fit.also + 1} arrangements in which forward is right"
    return "the only arrangement in which forward is right"


def _calls(form: Form, plan: Plan) -> Iterator[str]:
    yield from _whole(form, plan)
    for n, paths in plan.held.items():
        yield f"{n} is {said(paths[0])}"
    for n, path in plan.second.items():
        yield f"{said(path)} is added to it and made 0: the gradients of both are judged as grad_{n}, by turns"
    if plan.zeroed:
        yield f"{' and '.join(said(p) for p in plan.zeroed)} has no place here, and is made 0"
    if plan.gradients:
        yield from _of_pieces(plan)
    yield from (_where(n, root, path) for n, (root, path) in plan.gradients.items())
    if not form.takes_cotangent and plan.gradients:
        yield "backward is given no cotangent, by which what it returns is multiplied"
    if not plan.gradients:
        yield "backward raises in a plain case, so its gradients were not found"


def _where(n: str, root: str, path: Path) -> str:
    """Where a gradient is."""
    if root == "into":
        return f"grad_{n} is written into {path[0][1]}"
    if root == "step":
        return f"grad_{n} is what {n} is changed by, at a learning rate of 1"
    if root == "returned" and not path:
        return f"grad_{n} is what is returned"
    return f"grad_{n} is {said(path)}" + (f" of what is {ROOTS[root]}" if root != "layer" else "")


def _of_pieces(plan: Plan) -> Iterator[str]:
    """Where the gradients of the gates' weights are."""
    for of, second in dict.fromkeys((piece.of, piece.second) for piece in plan.pieces):
        places = [place for piece, place in plan.pieces.items() if (piece.of, piece.second) == (of, second)]
        whose = " of what is returned" if places[0][0] == "returned" else ""
        grads = " and ".join(f"grad_{n}" for n in of)
        yield f"{grads} of each gate is {', '.join(said(path) for _, path in places)}{whose}"


def _whole(form: Form, plan: Plan) -> Iterator[str]:
    """How it is made, and what it has not."""
    if plan.spread is not None:
        into = [n for n, role in form.forwards.roles.items() if role.kind in {"written", "kept"}]
        beside = f"; zeros are handed over as {' and '.join(into[1:])}" if into[1:] else ""
        yield f"y is written into {into[0]}, {plan.spread}{beside}"
    taken = [f"{name}={role.of}" for name, role in form.making.roles.items() if role.kind in {"size", "parameter"}]
    taken += [f"{name}={axis}" for name, axis in plan.opened.items()]
    if taken:
        yield f"made with {', '.join(taken)}"
    if form.kept is not None:
        yield "made already, so judged at its own sizes"
    if plan.guard:
        yield (
            f"it adds {plan.guard:g} inside of its logarithm, which is taken back: y and its gradient are judged as those "
            f"of log p, not of log(p + {plan.guard:g})"
        )
    if plan.factor:
        yield f"it is {plan.factor} times {form.op.name}, by which it is divided"
    if plan.parts:
        yield f"y is {' beside '.join(said(path) for _, path in plan.parts)} of what is returned"
    if plan.gates and list(plan.gates) != sorted(plan.gates):
        yield f"its gates are numbers {', '.join(str(at + 1) for at in plan.gates)} of {form.op.name}"
    yield from (f"its {n} {WORDS[one]}" for n, one in plan.masks.items())
    if plan.mirrored:
        mirrored = " and ".join(str(at + 1) for at in plan.mirrored)
        yield f"its gate {mirrored} is 1 − that of {form.op.name}, whose weights are laid there and taken back times −1"
    lacking = [f"grad_{n}" for n in wanted_of(form, plan) if n not in {*plan.gradients, *plan.cut}]
    if plan.gradients and lacking:
        yield f"{' and '.join(lacking)} is not there, and not judged"


def told_of(form: Form, plan: Plan) -> dict[str, Any]:
    """What was found, as somebody would say it (told.py)."""
    first = form.op.inputs[0]
    told: dict[str, Any] = {"layout": _order(plan.arranged[first])}
    told |= {n: f"{said(paths[0])}: {_order(plan.arranged[n])}" for n, paths in plan.held.items()}
    grads = {n: _written(place) for n, place in plan.gradients.items() if place[0] in {"returned", "layer"}}
    return {**told, "grads": grads}


def _order(arrangement: Arrangement) -> str:
    return " ".join(arrangement.names[i] for i in arrangement.order if i is not None)


def _written(place: Place) -> str:
    root, path = place
    return said(path) if root == "layer" else f"returned{said(path)}"
