"""One run of a layer that is not the protocol's: made, given its weights, run forwards, and backwards."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.ops._called import CALLED
from checks.signature.axes import Shape, parts
from checks.subjects.adapting.arrangement import Arrangement
from checks.subjects.adapting.factor import times
from checks.subjects.adapting.roles import Arguments, Role
from checks.subjects.adapting.settings import Settings
from checks.subjects.adapting.slots import Path, got, put
from checks.subjects.adapting.steps import Stepped
from checks.subjects.adapting.words import FOLLOWS

Place = tuple[str, Path]  # "returned", "layer" or "cache", or "step": what a weight was changed by; and the path there
OUTPUTS = ("output", "out", "y", "a", "z", "activation", "result", "loss")
NEUTRAL = {"gamma": 1.0}  # what an array that may be left out is where it is not there; others are 0


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
    parts      where those of y lie, if they are returned apart; `gates` their order, as places in the op's own
    factor     how many times the op's y is (factor.py)
    tuples     whether one number for several axes is handed over as often as there are axes
    """

    arranged: Mapping[str, Arrangement] = field(default_factory=dict)
    held: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    zeroed: tuple[Path, ...] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)
    switches: Mapping[str, Any] = field(default_factory=dict)
    opened: Mapping[str, str] = field(default_factory=dict)
    tuples: bool = False
    y: Place = ("returned", ())
    parts: tuple[Place, ...] = ()
    gates: tuple[int, ...] = ()
    factor: str = ""
    gradients: Mapping[str, Place] = field(default_factory=dict)


class Run:
    """The layer, made for one case."""

    def __init__(self, form: Form, plan: Plan, sizes: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        self.form, self.plan, self.sizes = form, plan, sizes
        self.parameters = dict(parameters)
        self.settings = Settings(self._setting, form.op)
        self.arrays: Mapping[str, Array | None] = {}
        self.returned: Any = None
        self.layer: Any = None
        self.steps: dict[str, Any] = {}

    def begin(self, arrays: Mapping[str, Array | None]) -> None:
        """Make it and lay its weights where it has them: arrays of the protocol."""
        self.arrays = arrays
        if self.form.made is not None:
            with warnings.catch_warnings(action="ignore"):
                self.layer = self._called(self.form.made, self.form.making)
            for n, paths in self.plan.held.items():
                self.hold(n, paths)
            for path in self.plan.zeroed:
                put(self.layer, path, np.zeros_like(got(self.layer, path)))

    def hold(self, n: str, paths: tuple[Path, ...]) -> None:
        """Lay an input where it is kept."""
        held = got(self.layer, paths[0])
        laid = np.array(self.laid(n), order="C")
        if held is not None and np.ndim(held) != laid.ndim:
            raise NotImplementedError(f"does not take a {n} of {laid.ndim} axes")
        kept = Stepped.of(laid, n, self.steps) if self._steps else laid
        for path in paths:
            put(self.layer, path, kept)

    @property
    def _steps(self) -> bool:
        taken = (self.form.making, self.form.backwards or Arguments())
        return any(role.kind == "rate" for arguments in taken for role in arguments.roles.values())

    def forward(self) -> None:
        """Run it forwards."""
        function = self.form.forward if self.layer is None else getattr(self.layer, self.form.forward)
        self.returned = self._called(function, self.form.forwards)

    def backward(self, g: Array) -> Any:
        """Run it backwards on a cotangent of the protocol; what it returns."""
        if self.form.backward is None:
            return self.returned
        function = self.form.backward if self.layer is None else getattr(self.layer, self.form.backward)
        self.steps["watched"] = True
        return self._called(function, self.form.backwards or Arguments(), g)

    def at(self, place: Place, returned: Any = None) -> Any:
        """What lies there, of what forward returned, or of what backward did."""
        root, path = place
        if root == "step":
            return self.steps.get(str(path[0][1]))
        roots = {"returned": self.returned if returned is None else returned, "layer": self.layer, "cache": self.cache}
        return got(roots[root], path)

    @property
    def cache(self) -> Any:
        """What forward returned beside y."""
        if self.plan.parts:
            mine = {path[0][1] for _, path in self.plan.parts}
            rest = [one for at, one in enumerate(self.returned) if at not in mine]
            return rest[0] if len(rest) == 1 else tuple(rest)
        root, path = self.plan.y
        if root != "returned" or len(path) != 1 or not isinstance(self.returned, tuple | list):
            return self.returned if root != "returned" or path else self.layer
        rest = [one for at, one in enumerate(self.returned) if at != path[0][1]]
        return rest[0] if len(rest) == 1 else tuple(rest)

    def laid(self, n: str) -> Array:
        """An input as it lies here; one that is absent as what changes nothing."""
        array = self.arrays[n]
        if array is None:
            one = next(a for a in self.arrays.values() if a is not None)
            shape = self.form.op.takes.axes[n].shape(self.sizes, self.parameters)
            array = np.full(shape, NEUTRAL.get(n, 0.0), one.dtype)
        return self.plan.arranged[n].laid(gated(self.form.op, n, array, self.plan.gates), self.sizes)

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
            for value in self._values(name, role, cotangent):
                if name in arguments.positional:
                    by_place.append(value)
                else:
                    by_name[name] = value
        return function(*by_place, **by_name)

    def _values(self, name: str, role: Role, cotangent: Array | None) -> Iterator[Any]:
        """What is handed over as this argument, if anything is."""
        kind, of = role.kind, role.of
        if kind in {"cotangent", "cache", "settings", "rate"}:
            above = self._above(cotangent, of) if kind == "cotangent" and cotangent is not None else None
            yield {"cotangent": above, "cache": self.cache, "settings": self.settings, "rate": 1.0}[kind]
        elif kind == "array" and of in self.arrays:
            yield self.laid(of)
        elif kind == "switch" and of in self.plan.switches:
            yield self.plan.switches[of]
        elif kind == "open" and name in self.plan.opened:
            yield self._number(self.sizes[self.plan.opened[name]], role)
        elif kind == "shape":
            yield self.laid(of).shape[1:]
        elif kind == "size":
            yield self._number(self.sizes[of], role)
        elif kind == "parameter" and (value := self._parameter(of)) is not None:
            yield self._number(value, role)

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


def several(op: Op, n: str) -> int | None:
    """The axis of an array along which several things of one size lie: the gates of a weight, the parts of y."""
    return next((at for at, name in enumerate(op.takes.axes[n].names) if parts(name)[0] > 1), None)


def gated(op: Op, n: str, array: Array, gates: Sequence[int], *, back: bool = False) -> Array:
    """The array with its gates in this order, as places in the op's own; or back in that."""
    axis = several(op, n)
    if not gates or axis is None:
        return array
    pieces = np.split(array, len(gates), axis)
    return np.concatenate([pieces[at] for at in (np.argsort(gates) if back else gates)], axis)


def _is_spatial(op: Op, role: Role) -> bool:
    default = op.takes.defaults.get(role.of)
    return op.takes.dims is not None and (role.of.startswith("*") or (type(default) is int) or role.of in FOLLOWS)
