"""What the arguments of a constructor, a forward and a backward mean, by their names and their places."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from checks.op import Op
from checks.ops._called import CALLED, Called
from checks.subjects.adapting.gates import families
from checks.subjects.adapting.words import (
    CACHE,
    CONTEXT,
    DIGITS,
    NODES,
    PARAMETERS,
    RATES,
    RESULTS,
    SETTINGS,
    SHAPES,
    SIZES,
    TRAINING,
    along,
    called,
    is_cotangent,
    plain,
)


class Unfit(Exception):
    """The class, or the functions, cannot be adapted; the message says why, in words."""


class Nothing(Unfit):
    """There is no layer at all, in whatever words."""


@dataclass(frozen=True)
class Role:
    """What an argument is.

    kind   "array", "size", "parameter", "settings", "cotangent", "cache", "rate", "switch", "shape", "piece", the weight
           of one gate, "state", several arrays as a tuple, "node", what has been handed over, "context", in which forward
           saves what backward needs, "output", what forward returned, or "open", a number whose
           meaning is looked for by trying
    of     which array, axis or parameter; of a switch, nothing
    along  which of the spatial axes, where it speaks of one
    worded whether what is its default is a word
    tuples whether its default is a tuple
    spared whether it has a default, so that an array that is absent is not handed over
    """

    kind: str
    of: str = ""
    along: int | None = None
    worded: bool = False
    tuples: bool = False
    spared: bool = False
    value: Any = None


NOTHING: Mapping[str, Role] = {}  # is said of what arguments are


@dataclass(frozen=True)
class Arguments:
    """The arguments of one function by their roles.

    unknown  those with a default whose meaning is not known; they are left alone
    """

    roles: Mapping[str, Role] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    positional: frozenset[str] = frozenset()

    def of(self, kind: str) -> list[str]:
        """What the arguments of this kind are."""
        together = [
            role.of for role in self.roles.values() if role.kind == kind or (role.kind, kind) == ("state", "array")
        ]
        return [of for one in together for of in (one.split() if kind == "array" else (one,))]

    def named(self, kind: str, of: str) -> str | None:
        """The name of the argument of this role."""
        return next((name for name, role in self.roles.items() if (role.kind, role.of) == (kind, of)), None)


def of_constructor(op: Op, made: Callable[..., Any], told: Mapping[str, Role] = NOTHING) -> Arguments:
    """The arguments of a constructor: sizes, parameters, settings, and arrays that it is given to keep."""
    return _read(op, made, arrays=[n for n in op.inputs if n not in op.takes.leading()[:1]], first=None, told=told)


def of_forward(op: Op, function: Callable[..., Any], told: Mapping[str, Role] = NOTHING) -> Arguments:
    """The arguments of a forward: the first is the first input."""
    return _with_state(op, _read(op, function, arrays=list(op.inputs), first=Role("array", op.inputs[0]), told=told))


def in_order(op: Op, read: Arguments) -> Arguments | None:
    """The same with arrays by their places, where names do not say which is which; None if they do, or are too many.

    As in gemm(A, B, C): the op's inputs in their order, as many as there are. Forward decides whether that is so.
    """
    # What is called as labels or numbers of rows are is that.
    surely = {role.of for role in read.roles.values() if role.kind == "array" and role.of in op.takes.constant}
    inputs = [n for n in op.inputs if n not in surely]
    named = [
        name
        for name, role in read.roles.items()
        if role.kind in {"array", "open"} and not role.spared and role.of not in surely
    ]
    needed = [n for n in inputs if n not in op.takes.optional]
    plainly = not any(role.kind == "open" for role in read.roles.values()) and {*needed} <= {*read.of("array")}
    if plainly or not len(needed) <= len(named) <= len(inputs) or len(inputs) + len(surely) < 2:
        return None
    arrays = {name: Role("array", n) for name, n in zip(named, inputs, strict=False)}
    return replace(read, roles={**read.roles, **arrays})


def _with_state(op: Op, read: Arguments) -> Arguments:
    """The same, where one argument is all parts of a state as a tuple, and nothing else is the others."""
    parts = CALLED.get(op.name, Called()).parts
    there = [name for name, role in read.roles.items() if role.kind == "array" and role.of in parts]
    if len(parts) < 2 or len(there) != 1 or {*parts} <= {*read.of("array")}:
        return read
    return replace(read, roles={**read.roles, there[0]: Role("state", " ".join(parts))})


def of_backward(op: Op, function: Callable[..., Any], forward: Arguments, *, derivative: bool = False) -> Arguments:
    """The arguments of a backward: the cotangent first, unless it takes none; what forward takes too is the same."""
    first = _of_what(op, function) if derivative else Role("cotangent")
    read = _in_parts(op, _read(op, function, arrays=list(op.inputs), first=first, known=forward.roles))
    if any(role.kind == "open" for role in read.roles.values()):
        name = next(name for name, role in read.roles.items() if role.kind == "open")
        raise Unfit(f"what backward's argument {name} means is not known")
    return read


def _of_what(op: Op, function: Callable[..., Any]) -> Role:
    """What a derivative is handed: the input; what forward returned, if its argument is called so."""
    name = next(iter(inspect.signature(function).parameters))
    return Role("output") if plain(name) in RESULTS else Role("array", op.inputs[0])


def _in_parts(op: Op, read: Arguments) -> Arguments:
    """The same, where each part of y has a cotangent of its own: by the names of what they go on as, else in order."""
    of_y = CALLED.get(op.name, Called()).parts
    above = [n for n, r in read.roles.items() if r.kind in {"cotangent", "open"}]
    # As many as there are parts are those, whatever they are called.
    given = above if len(above) == len(of_y) else [n for n in above if is_cotangent(n)]
    if len(of_y) < 2 or len(given) != len(of_y):
        return read
    by_name = [next((i for i, part in enumerate(of_y) if _stem(n) in called(part)), None) for n in given]
    places = by_name if sorted(p for p in by_name if p is not None) == [*range(len(of_y))] else range(len(of_y))
    parts = {n: Role("cotangent", of_y[at or 0]) for n, at in zip(given, places, strict=True)}
    return replace(read, roles={**read.roles, **parts})


def _stem(name: str) -> str:
    """What a gradient is by: dnext_c and grad_c_new are by c."""
    said = plain(name)
    for word in ("grad", "next", "new", "prev", "cur", "out"):
        said = said.replace(word, "")
    return said.removeprefix("d").removesuffix("t") or said


def _read(
    op: Op,
    function: Callable[..., Any],
    arrays: list[str],
    first: Role | None,
    known: Mapping[str, Role] | None = None,
    told: Mapping[str, Role] = NOTHING,
) -> Arguments:
    roles: dict[str, Role] = {}
    unknown: list[str] = []
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise Unfit("its signature cannot be read") from None
    taken = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if taken and _is_context(taken[0].name, first, known):
        roles[taken.pop(0).name] = Role("context")
    names = {plain(p.name) for p in taken}
    # Beside t, y is what is predicted; alone, what is wanted.
    predicts = "y" in names and "target" in arrays and bool(names & {*called("target")} - {"y"})
    apart = {name for one in families(op, [p.name for p in taken]) for name in one.names}
    idle = CALLED.get(op.name, Called()).idle if apart else {}
    for at, p in enumerate(taken):
        if p.name in told or p.name in apart or plain(p.name) in idle:
            roles[p.name] = told.get(p.name, Role("piece", p.name))
            continue
        default = None if p.default is p.empty else p.default
        role = _role(op, p.name, default, arrays, roles.values(), known or {}, made=first is None)
        if predicts and p.name == "y" and p.default is p.empty:
            role = Role("array", op.inputs[0])
        elif first is not None and at == 0:
            role = _first(first, p.name, role, known)
        if role is not None and role.kind == "cotangent" and default is not None and not op.takes.axes["y"].names:
            continue  # of one number the cotangent is 1 unless it is said: backward(dout=1), which not all use
        role = _as_given(role, p, made=first is None)
        if role is None:
            unknown.append(p.name)
        else:
            roles[p.name] = role
    only = frozenset(p.name for p in taken if p.kind is p.POSITIONAL_ONLY)
    return Arguments(roles, tuple(unknown), only)


def _is_context(name: str, first: Role | None, known: Mapping[str, Role] | None) -> bool:
    """Whether this is what a static forward saves in, and its backward reads."""
    if known is None:
        return first is not None and plain(name) in CONTEXT
    return plain(name) in CONTEXT and any(role.kind == "context" for role in known.values())


def _as_given(role: Role | None, p: inspect.Parameter, *, made: bool) -> Role | None:
    """The role of an argument by whether it has a default: without one it has to be handed over."""
    if role is None:
        return Role("open") if p.default is p.empty else None
    if role.kind == "size" and p.default is None and not made:
        return None  # as output_size of a transposed convolution, which says which of several sizes is meant
    return replace(role, spared=True) if role.kind == "array" and p.default is not p.empty else role


def _first(first: Role, name: str, role: Role | None, known: Mapping[str, Role] | None) -> Role | None:
    """The role of the first argument: as it has to be, unless its name says another."""
    if first.kind == "cotangent" and not is_cotangent(name):
        if role is not None and role.kind == "cache":
            return role
        if known and name in known and role is not None:
            return role
    if first.kind == "array" and role is not None and role.kind in {"array", "settings"} and role.of != first.of:
        return role
    return first


def _role(
    op: Op, name: str, default: Any, arrays: list[str], before: Iterable[Role], known: Mapping[str, Role], *, made: bool
) -> Role | None:
    """The role of an argument by its name; of a constructor, numbers come before arrays: filters are counted there."""
    if name in known:
        return known[name]
    said, gone = plain(name), {(role.kind, role.of) for role in before}
    array = next((Role("array", n) for n in arrays if _is_array(n, said, default) and ("array", n) not in gone), None)
    number = role_of(op, name, gone)
    if number is not None:
        number = replace(number, worded=isinstance(default, str), tuples=isinstance(default, tuple | list))
    usual = number or array if made else array or number
    other = switch(op, name) or usual or _other(op, said, cotangent=bool(known) and ("cotangent", "") not in gone)
    bare = said.rstrip(DIGITS)
    if other is None and bare and bare != said:  # W1 and b1, of a first layer
        return next(
            (Role("array", n) for n in arrays if _is_array(n, bare, default) and ("array", n) not in gone), None
        )
    return other


def switch(op: Op, name: str) -> Role | None:
    """What is handed over as one of a few values: whether it is training, or what only this op decides."""
    said = plain(name)
    if said in CALLED.get(op.name, Called()).switches:
        return Role("switch", name)
    return Role("switch", name, value=(True,)) if said in TRAINING else None


def _other(op: Op, said: str, *, cotangent: bool) -> Role | None:
    """What is neither a number nor an array of the op."""
    if said in SETTINGS or any(said.endswith(word) for word in ("param", "params", "hparameters", "config")):
        return Role("settings", said)
    if said in CACHE or said.endswith("cache"):
        return Role("cache")
    if said in NODES:
        return Role("node")
    if said in RATES:
        return Role("rate")
    if said in SHAPES:
        return Role("shape", op.inputs[0])
    return Role("cotangent") if cotangent and is_cotangent(said) else None


def role_of(op: Op, name: str, gone: Iterable[tuple[str, str]] = ()) -> Role | None:
    """The parameter or size that a name speaks of, as a whole or along one axis; None if none, or one that is gone."""
    known = [("parameter", n, PARAMETERS.get(n, (plain(n),))) for n in op.takes.defaults]
    axes = {a: SIZES.get(a, SIZES.get(s.option, ())) for s in op.takes.sizes for a in s.names}
    known += [("size", axis, aliases) for axis, aliases in axes.items()]
    for kind, of, aliases in known:
        if (plain(name) in aliases or name in aliases) and (kind, of) not in {*gone}:
            return Role(kind, of)
        if (kind == "parameter" or of.startswith("*")) and op.takes.dims:
            axis = along(name, aliases)
            if axis is not None:
                return Role(kind, of, axis)
    return None


def _is_array(n: str, said: str, default: Any) -> bool:
    return said in called(n) and default is None
