"""One run of a layer that is not the protocol's: made, given its weights, run forwards, and backwards."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.ops._called import CALLED, Called
from checks.signature.axes import Shape
from checks.subjects.adapting.arrangement import Arrangement
from checks.subjects.adapting.context import Context, Node
from checks.subjects.adapting.factor import times
from checks.subjects.adapting.gates import texts_in
from checks.subjects.adapting.masks import shown
from checks.subjects.adapting.pieces import Piece, cut_out, gated, put_together, several
from checks.subjects.adapting.roles import Arguments, Role
from checks.subjects.adapting.settings import Settings
from checks.subjects.adapting.slots import Path, got, lists_in, put
from checks.subjects.adapting.steps import Stepped
from checks.subjects.adapting.words import FOLLOWS, plain
from checks.subjects.adapting.written import KINDS, Into, Spread

# "returned", "layer", "cache", "into", what was written into, or "step": what a weight was changed by; and the path there
Place = tuple[str, Path]
OUTPUTS = ("output", "out", "y", "a", "z", "activation", "result", "loss")
# What an array that is absent is, where it has to be handed over all the same; others are 0.
NEUTRAL: Mapping[str, Any] = {"gamma": 1.0, "weight": 1.0, "pos_weight": 1.0, "mask": True}


@dataclass(frozen=True)
class Form:
    """What is known of a layer before its arrangement is.

    made     the class, or None of two functions
    forward  the name of a method, or a function; backward likewise, or None where the gradient comes with y
    """

    op: Op
    name: str
    made: Callable[..., Any] | None
    making: Arguments
    forward: Any
    forwards: Arguments
    backward: Any
    backwards: Arguments | None
    told: Any = None  # a Told (told.py), if something is said of it
    kept: Any = None  # what was made already (made.py), of which each run has a copy
    shown: Callable[[Array], Array] | None = None  # what of the first input is handed over in its place (around.py)

    @property
    def apart(self) -> dict[str, Place]:
        """What may be the weights of single gates, by name: arguments, or what a dictionary of settings is asked for."""
        arguments = (self.making, self.forwards)
        pieces = [n for a in arguments for n, role in a.roles.items() if role.kind == "piece"]
        named: dict[str, Place] = {n: ("argument", (("item", n),)) for n in pieces}
        if named or not any(r.kind == "settings" for r in self.forwards.roles.values()):
            return named
        function = self.forward if callable(self.forward) else getattr(self.made, self.forward, None)
        return {key: ("setting", (("item", key),)) for key in texts_in(function)}

    @property
    def passed(self) -> list[str]:
        """The inputs that are handed over as arguments."""
        return [*self.making.of("array"), *self.forwards.of("array")]

    @property
    def takes_cotangent(self) -> bool:
        """Whether backward does; else its gradient is that of one number, or of each element by itself."""
        return self.backwards is not None and "cotangent" in {r.kind for r in self.backwards.roles.values()}


@dataclass(frozen=True)
class Plan:
    """How a layer is spoken to.

    arranged   how each input and y lie
    held       where the inputs lie that are not passed, each at all paths to it
    zeroed     arrays that have no place in the protocol, and are made 0
    constants  what parameters are that it does not take
    values     of switches; `sizes` of arguments whose meaning is found by trying
    parts      where those of y lie, if they are returned apart
    second     where what is added to an input lies, as a second bias: it is 0, and gradients of both are judged by turns
    gates      their order, as places in the op's own; `mirrored` are those of which it has 1 − σ(a)
    pieces     the weights of each gate, where these are arrays of their own, and where the gradient of each is left
    masks      how it has arrays that are true or false, by name (masks.py), where not as the op
    factor     how many times the op's y is (factor.py)
    tuples     whether one number for several axes is handed over as often as there are axes
    spread     how arrays are handed over, where it writes into some of them (written.py)
    guard      what it adds inside of a logarithm (guarded.py)
    """

    arranged: Mapping[str, Arrangement] = field(default_factory=dict)
    held: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    zeroed: tuple[Path, ...] = ()
    second: Mapping[str, Path] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    switches: Mapping[str, Any] = field(default_factory=dict)
    opened: Mapping[str, str] = field(default_factory=dict)
    tuples: bool = False
    y: Place = ("returned", ())
    parts: tuple[Place, ...] = ()
    gates: tuple[int, ...] = ()
    mirrored: tuple[int, ...] = ()
    pieces: Mapping[Piece, Place] = field(default_factory=dict)
    factor: str = ""
    masks: Mapping[str, str] = field(default_factory=dict)
    spread: Spread | None = None
    guard: float = 0.0
    gradients: Mapping[str, Place] = field(default_factory=dict)
    seconds: Mapping[str, Place] = field(default_factory=dict)  # gradients of what is added

    @property
    def cut(self) -> list[str]:
        """The inputs that come in pieces."""
        return list(dict.fromkeys(n for piece in self.pieces for n in piece.of))


ALONG = ("settings", "rate", "context", "output")  # what is handed over beside arrays and numbers


class Run:
    """The layer, made for one case."""

    def __init__(self, form: Form, plan: Plan, sizes: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        self.form, self.plan, self.sizes = form, plan, sizes
        self.parameters = dict(parameters)
        self.settings = Settings(self._setting, form.op, self._apart)
        self.arrays: Mapping[str, Array | None] = {}
        self.returned: Any = None
        self.layer: Any = None
        self.steps: dict[str, Any] = {}
        self.context = Context()
        self._held: dict[Path, Any] = {}
        self.into = Into(form.op, plan.arranged, plan.spread, (form.forwards, form.backwards), sizes, self.parameters)

    def begin(self, arrays: Mapping[str, Array | None]) -> None:
        """Make it and lay its weights where it has them: arrays of the protocol."""
        first, shown = arrays.get(self.form.op.inputs[0]), self.form.shown
        self.arrays = arrays if shown is None or first is None else {**arrays, self.form.op.inputs[0]: shown(first)}
        if self.form.made is not None:
            with warnings.catch_warnings(action="ignore"):
                self.layer = self._called(self.form.made, self.form.making)
            for n, paths in self.plan.held.items():
                self.hold(n, paths)
            for path in (*self.plan.zeroed, *self.plan.second.values()):
                put(self.layer, path, np.zeros_like(got(self.layer, path)))
        for piece in self.plan.pieces:
            if piece.place[0] == "layer":
                self._lay(piece)

    def _lay(self, piece: Piece) -> None:
        """Put a gate's weight where it is kept, if what is kept there lies so."""
        held, laid = got(self.layer, piece.place[1]), self._piece(piece)
        if held is not None and np.shape(held) != laid.shape:
            raise NotImplementedError(f"does not take a {piece.name} of {laid.ndim} axes")
        put(self.layer, piece.place[1], laid)

    def hold(self, n: str, paths: tuple[Path, ...]) -> None:
        """Lay an input where it is kept."""
        held = got(self.layer, paths[0])
        laid = np.array(self.laid(n), order="C")
        if held is not None and np.ndim(held) != laid.ndim:
            raise NotImplementedError(f"does not take a {n} of {laid.ndim} axes")
        kept = Stepped.of(laid, n, self.steps) if self._steps else laid
        for path in paths:
            put(self.layer, path, kept)
            self._held[path] = kept

    @property
    def _steps(self) -> bool:
        taken = (self.form.making, self.form.backwards or Arguments())
        return any(role.kind == "rate" for arguments in taken for role in arguments.roles.values())

    def forward(self) -> None:
        """Run it forwards."""
        function = self.form.forward if self.layer is None else getattr(self.layer, self.form.forward)
        before = lists_in(self.layer) if self._held else []
        self.returned = self._called(function, self.form.forwards)
        if any(got(self.layer, path) is not array for path, array in self._held.items()):
            # It made its weights only now: as it was, but with those that are to be.
            for kept, contents in before:
                kept[:] = contents
            for path, array in self._held.items():
                put(self.layer, path, array)
            self.returned = self._called(function, self.form.forwards)

    def backward(self, g: Array) -> Any:
        """Run it backwards on a cotangent of the protocol; what it returns."""
        if self.form.backward is None:
            return self.returned
        function = self.form.backward if self.layer is None else getattr(self.layer, self.form.backward)
        self.steps["watched"] = True
        returned = self._called(function, self.form.backwards or Arguments(), g)
        # Of a state that is a tuple the gradient is one, too.
        return _flat(returned) if self.form.forwards.of("state") else returned

    def at(self, place: Place, returned: Any = None) -> Any:
        """What lies there, of what forward returned, or of what backward did."""
        root, path = place
        if root == "step":
            return self.steps.get(str(path[0][1]))
        if root == "into":
            return self.into.at(path[0][1])
        roots = {"returned": self.returned if returned is None else returned, "layer": self.layer, "cache": self.cache}
        return got(roots[root], path)

    @property
    def cache(self) -> Any:
        """What forward returned beside y."""
        if self.plan.parts:
            mine = {path[0][1] for _, path in self.plan.parts}
            return _kept([one for at, one in enumerate(self.returned) if at not in mine])
        root, path = self.plan.y
        if root != "returned" or len(path) != 1 or not isinstance(self.returned, tuple | list):
            return self.returned if root != "returned" or path else self.layer
        return _kept([one for at, one in enumerate(self.returned) if at != path[0][1]])

    def put_together(self, n: str, returned: Any) -> Any:
        """The gradient of an input that comes in pieces, its gates in the op's order."""
        found = {piece: self.at(place, returned) for piece, place in self.plan.pieces.items() if n in piece.of}
        axes = self.form.op.takes.axes
        shapes = {m: axes[m].shape(self.sizes, self.parameters) for m in self.plan.cut}
        return put_together(self.form.op, n, found, shapes, second=self.is_second)

    @property
    def is_second(self) -> bool:
        """Whether it is the turn of the second: of two biases that are added the gradients of both are judged, by turns."""
        first = self.arrays[self.form.op.inputs[0]]
        return first is not None and len(first) % 2 == 1

    def _piece(self, piece: Piece) -> Array:
        return np.array(cut_out(self.form.op, piece, self._present), order="C")

    def _apart(self, key: str) -> Array | None:
        """What has this name and is one gate's, or comes along and has no part in y: turned where samples come first."""
        for piece in self.plan.pieces:
            if piece.name == key:
                return self._piece(piece)
        axes = CALLED.get(self.form.op.name, Called()).idle.get(plain(key))
        if axes is None:
            return None
        shape = [self.sizes[n] if isinstance(n, str) else n for n in axes]
        return np.zeros(shape[::-1] if any(piece.turned for piece in self.plan.pieces) else shape)

    def laid(self, n: str) -> Array:
        """An input as it lies here; one that is absent as what changes nothing."""
        return self.plan.arranged[n].laid(self._present(n), self.sizes)

    def _present(self, n: str) -> Array:
        """An input with its gates as they are here; one that is absent as what changes nothing."""
        array = self.arrays[n]
        if array is None:
            one = next(a for a in self.arrays.values() if a is not None)
            shape = self.form.op.takes.axes[n].shape(self.sizes, self.parameters)
            neutral = NEUTRAL.get(n, 0.0)
            array = np.full(shape, neutral, bool if neutral is True else one.dtype)
        if n in self.plan.masks:
            return shown(array, self.plan.masks[n])
        return gated(self.form.op, n, array, self.plan.gates, self.plan.mirrored)

    @property
    def times(self) -> float:
        """How many times the op's y is."""
        first = self.arrays[self.form.op.inputs[0]]
        return times(self.plan.factor, () if first is None else first.shape)

    def joined(self, shape: Shape) -> Array | None:
        """y of this shape, of its parts, which are returned apart; None if something else lies there."""
        axis = several(self.form.op, "y")
        each = tuple(n // len(self.plan.parts) if at == axis else n for at, n in enumerate(shape))
        came = [self.plan.arranged["y"].back(self.at(place), each, self.sizes) for place in self.plan.parts]
        if any(np.shape(one) != each for one in came):
            return None
        return np.concatenate(came, axis)

    def _above(self, g: Array, part: str) -> Any:
        """What is handed over as a cotangent of the protocol, or of one part of y; of all parts, a tuple."""
        arranged = self.plan.arranged["y"]
        if not self.plan.parts:
            return arranged.laid(g, self.sizes)
        pieces = [
            arranged.laid(one, self.sizes) for one in np.split(g, len(self.plan.parts), several(self.form.op, "y") or 0)
        ]
        return pieces[CALLED[self.form.op.name].parts.index(part)] if part else tuple(pieces)

    def _called(self, function: Any, arguments: Arguments, cotangent: Array | None = None) -> Any:
        by_name, by_place = {}, []
        for name, role in arguments.roles.items():
            into = role.kind in KINDS
            for value in [self.into.handed(name, role.kind, role.of)] if into else self._values(name, role, cotangent):
                if name in arguments.positional:
                    by_place.append(value)
                else:
                    by_name[name] = value
        return function(*by_place, **by_name)

    def _values(self, name: str, role: Role, cotangent: Array | None) -> Iterator[Any]:
        """What is handed over as this argument, if anything is."""
        kind, of = role.kind, role.of
        if kind == "cotangent":
            yield None if cotangent is None else self.into.taken("y", self._above(cotangent, of))
        elif kind == "cache":
            yield None if self.returned is None else self.cache
        elif kind in ALONG:
            y = self.at(self.plan.y) if kind == "output" else None
            yield {"settings": self.settings, "rate": 1.0, "context": self.context, "output": y}[kind]
        elif kind in {"state", "node"}:
            several = of.split() if kind == "state" else self.form.forwards.of("array")
            yield (tuple if kind == "state" else Node)(self.laid(n) for n in several)
        elif kind in {"array", "piece"}:
            array = self._apart(of) if kind == "piece" else self._argument(of, spared=role.spared)
            yield from () if array is None else (array,)
        elif kind == "switch" and of in self.plan.switches:
            yield self.plan.switches[of]
        elif kind == "open" and name in self.plan.opened:
            yield self._number(self.sizes[self.plan.opened[name]], role)
        elif kind in {"shape", "size"}:
            yield self.laid(of).shape[1:] if kind == "shape" else self._number(self.sizes[of], role)
        elif kind == "parameter" and (value := self._parameter(of)) is not None:
            yield self._number(value, role)

    def _argument(self, n: str, *, spared: bool) -> Any:
        """An input as it lies here; None where it is absent and need not be handed over."""
        if n not in self.arrays or (spared and self.arrays[n] is None):
            return None
        return self.into.taken(n, self.laid(n))

    def _parameter(self, name: str) -> Any:
        value = self.parameters[name]
        return self.parameters[FOLLOWS[name]] if value is None and FOLLOWS.get(name) in self.parameters else value

    def _number(self, value: Any, role: Role) -> Any:
        """One number where all are the same, since not everybody takes one for each axis; or as many as there are."""
        if role.worded and not isinstance(value, str):
            if np.any(value):
                raise NotImplementedError(f"takes {role.of} as a word")
            return "valid"
        if isinstance(value, str):
            return value
        several = value if isinstance(value, tuple) else None
        if role.along is not None:
            if several is None:
                return value
            if role.along >= len(several):
                raise NotImplementedError("does not take so many axes")
            return several[role.along]
        if role.tuples or (self.plan.tuples and _is_spatial(self.form.op, role)):
            return several if several is not None else (value,) * self._dims()
        return several[0] if several is not None and len(set(several)) == 1 else value

    def _dims(self) -> int:
        return next((len(n) for axis, n in self.sizes.items() if axis.startswith("*")), 1)

    def _setting(self, key: str, role: Role) -> Any:
        """What a dictionary of settings has under this key."""
        return next(self._values(key, role, None), None)


def _flat(returned: Any) -> Any:
    """A tuple without tuples in it."""
    if not isinstance(returned, tuple | list):
        return returned
    return tuple(inner for one in returned for inner in (one if isinstance(one, tuple | list) else (one,)))


def _kept(rest: list[Any]) -> Any:
    """The cache, of what is returned beside y: the one thing that is no array, if there is one; else all of it."""
    others = [one for one in rest if not isinstance(one, np.ndarray | np.number | float)]
    if len(others) == 1 and isinstance(others[0], tuple | list | dict):
        return others[0]
    return rest[0] if len(rest) == 1 else tuple(rest)


def _is_spatial(op: Op, role: Role) -> bool:
    default = op.takes.defaults.get(role.of)
    return op.takes.dims is not None and (role.of.startswith("*") or (type(default) is int) or role.of in FOLLOWS)
