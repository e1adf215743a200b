"""Calls an implementation as the protocol says, and refuses what cannot be a result.

    forward(*inputs, **parameters) -> y
    backward(grad_output, *inputs, **parameters) -> one gradient for each input, None where there is none

A module, a class (made with no arguments) or an object. How it is called is read from its signature (calling.py); what it
does in place of returning is in refusals.py.
"""

from __future__ import annotations

import inspect
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from checks.cases.layouts import laid_alike
from checks.numbers.precision import Array
from checks.op import Case, Op
from checks.ops import without
from checks.subjects.adapting.fixed import fixed, in_words, last_alone
from checks.subjects.adapting.layer import Nothing, Spoken, Unfit, adapted, is_adaptable
from checks.subjects.calling import Function
from checks.subjects.chance import REWOUND, rewound
from checks.subjects.derived import Lacking, derived
from checks.subjects.memory import Kept, overwrite, same_bits, shared
from checks.subjects.offered import offers
from checks.subjects.refusals import Malformed, NotAnImplementation, brief

EARLIER = "what an earlier call returned"


@dataclass(frozen=True)
class Outcome:
    """What came of one call.

    results  by name: "y", or the gradients by their inputs' names
    changed  the arrays that were passed and have been written to, if they were watched; and `EARLIER`, if that was
    shared   pairs of results that lie in the same memory
    """

    results: Mapping[str, Array]
    changed: tuple[str, ...] = ()
    shared: tuple[tuple[str, str], ...] = ()


Awaited = Callable[[], Outcome]  # waits for a call, if it has to; raises what the call raises


class Judged(ABC):
    """forward and backward of one op, wherever they run."""

    op: Op
    name: str
    is_reference: bool = False
    assumed: tuple[str, ...] = ()  # of code that was adapted, in words
    offers: tuple[str, ...] = ()  # parts of the protocol beyond forward and backward (offered.py)
    pins: Mapping[str, Any] = {}  # what holds in every case that such code can take
    lacks: tuple[str, ...] = ()  # inputs by which such code has no gradient, so that none is judged
    promised: str = ""  # what --accumulate says that sums are kept in: "float32", "same", or nothing

    @cached_property
    def remembered(self) -> dict[Any, Any]:
        """What was found out about it, for as long as it lives."""
        return {}

    @abstractmethod
    def call(self, part: str, case: Case, *, watch: bool = False, spoil: bool = False) -> Outcome:
        """Call "forward" or "backward" on arrays laid out as those of the case; raises Unsupported, Malformed or Crashed.

        With `watch` what was passed is compared with what it was; with `spoil` it is overwritten before the results are
        looked at, as a caller may.
        """

    def ahead(self, part: str, case: Case, *, watch: bool = False, spoil: bool = False) -> Awaited:
        """The same call, which another process may begin with now: in this one it waits until its outcome is asked for."""
        return partial(self.call, part, case, watch=watch, spoil=spoil)

    def forward(self, case: Case) -> Array:
        """y of the case; raises Unsupported, Malformed or Crashed."""
        return self.call("forward", case).results["y"]

    def backward(self, case: Case) -> Mapping[str, Array]:
        """The gradients by input name, absent inputs left out; raises Unsupported, Malformed or Crashed."""
        return self.call("backward", case).results

    def close(self) -> None:  # noqa: B027, most hold nothing
        """Give back what it holds."""


@dataclass(frozen=True)
class Implementation(Judged):
    """forward and backward of one op, by whoever wrote them, in this process.

    `shares` hands over the case's own arrays in place of copies: for a process that holds nothing else.
    """

    op: Op
    name: str
    _forward: Function
    _backward: Function
    shares: bool = False
    promised: str = ""
    assumed: tuple[str, ...] = ()
    pins: Mapping[str, Any] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    _earlier: Kept | None = None

    @classmethod
    def of(cls, op: Op, given: Any, *, shares: bool = False) -> Implementation:
        """Wrap a module, class or object; raises NotAnImplementation, in one sentence, if it lacks what it needs.

        What does not speak the protocol, but keeps weights or hands on a cache, is adapted if it can be.
        """
        name = _name(given)
        try:
            found = made(name, given)
            if not isinstance(found, Spoken):
                return _with_fixed(cls._of(op, name, found, shares), found)
        except NotAnImplementation as missing:
            if op.derivative is not None or not is_adaptable(given):
                raise
            try:
                found = adapted(op, given, name)
            except Nothing:
                raise missing from None
            except Exception as unfit:  # noqa: BLE001, whatever theirs raises
                why = unfit if isinstance(unfit, Unfit) else brief(unfit)
                raise NotAnImplementation(f"{missing}; nor adapted: {why}") from missing
        spoken = cls._of(without(op, found.lacks), found.__name__, found, shares)
        # An attribute that a layer leaves its gradient in may be the same array in every call.
        return replace(spoken, assumed=found.assumed, pins=found.pins, lacks=found.lacks, _earlier=None)

    @classmethod
    def _of(cls, op: Op, name: str, given: Any, shares: bool) -> Implementation:
        if op.derivative is not None and given is not op.reference:
            try:
                given = derived(op, given, name)
            except Lacking as lacking:
                raise NotAnImplementation(str(lacking)) from lacking
        parts = {part: getattr(given, part, None) for part in ("forward", "backward")}
        missing = [part for part, function in parts.items() if not callable(function)]
        if missing:
            raise NotAnImplementation(
                f"{name} has no {' and no '.join(missing)}; {op.name} needs {needed(op, 'forward')} "
                f"and {needed(op, 'backward')}"
            )
        forward, backward = (Function.of(op, part, function) for part, function in parts.items())
        for function in (forward, backward):
            if function.refuses:
                raise NotAnImplementation(
                    f"{name}: {function.part} {function.refuses}; {op.name} needs {needed(op, function.part)}"
                )
        beyond = offers(given, op) if op.derivative is None else ()
        said = getattr(given, "assumed", ())
        assumed = said if isinstance(said, tuple) else ()  # else a word of the user's own
        return cls(op, name, forward, backward, shares, assumed=assumed, offers=beyond, _earlier=Kept())

    @property
    def is_reference(self) -> bool:  # type: ignore[override]
        """Whether this is the project's own reference that is being judged."""
        return self._backward.call is self.op.reference.backward

    def call(self, part: str, case: Case, *, watch: bool = False, spoil: bool = False) -> Outcome:
        """Call it; with copies of the arrays, so that it can change nothing of the judge's."""
        if part == REWOUND:
            with rewound(self._forward.call):
                return self.call("forward", case)
        function, given = (self._forward, None) if part == "forward" else (self._backward, case.cotangent)
        before = (given, *case.inputs)
        arrays = before if self.shares else tuple(None if a is None else laid_alike(a) for a in before)
        returned = function(*arrays, **case.parameters)
        named = zip((self.op.cotangent, *self.op.inputs), before, arrays, strict=True)
        changed = tuple(n for n, a, b in named if not same_bits(a, b)) if watch else ()
        kept = _kept(self.op, part, case, returned)
        returned_arrays = [result for result, _ in kept.values()]
        if self._earlier is not None and self._earlier.overwritten(part, returned_arrays, arrays):
            changed = (*changed, EARLIER)
        if spoil:
            for array in arrays:
                overwrite(array)
        names = {name: f"grad_{name}" if part == "backward" else name for name in kept}
        results = {n: _numbers(names[n], result, shape, copy=not self.shares) for n, (result, shape) in kept.items()}
        return Outcome(results, changed, tuple(shared({n: result for n, (result, _) in kept.items()})))


def _with_fixed(one: Implementation, given: Any) -> Implementation:
    """The same, with parameters that it does not take at the values that it has fixed."""
    forward, backward = one._forward, one._backward  # noqa: SLF001, of this module
    if one.is_reference or one.op.derivative is not None:
        return one
    code = [type(given), forward.call, backward.call]
    values = fixed(one.op, partial(forward, None), backward, forward.lacking, code)
    not_for = last_alone(one.op, partial(forward, None), values)
    if not values and not not_for:
        return one
    forward, backward = (replace(part, fixed=values, not_for=not_for) for part in (forward, backward))
    return replace(one, _forward=forward, _backward=backward, pins=values, assumed=(*one.assumed, *in_words(values)))


def made(name: str, given: Any) -> Any:
    """An object of a class, made with no arguments; anything else as it is. Raises NotAnImplementation if it cannot be."""
    if not inspect.isclass(given):
        return given
    try:
        return given()
    except Exception as error:
        raise NotAnImplementation(f"{name} could not be made with no arguments: {brief(error)}") from error


def needed(op: Op, part: str) -> str:
    """In words, what forward or backward is called with."""
    arrays = op.inputs if part == "forward" else ("grad_output", *op.inputs)
    return f"{part}({', '.join(arrays)}, …)"


def _kept(op: Op, part: str, case: Case, returned: Any) -> dict[str, tuple[Any, tuple[int, ...]]]:
    """What was returned, by name, for all that is asked for, with the shape that it should have."""
    if part == "forward":
        return {"y": (returned, case.cotangent.shape)}
    if returned is None or isinstance(returned, str):
        raise Malformed(f"backward returned {returned!r}; expected one gradient for each of {op.inputs}")
    gradients = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
    present = dict(zip(op.inputs, case.inputs, strict=True))
    wanted = {n: a for n, a in present.items() if a is not None and n in op.takes.differentiable}
    taken = list(present)
    while len(taken) > len(gradients) and present[taken[-1]] is None:
        taken.pop()  # it need not take what is left out
    if len(gradients) == len(taken):
        gradients = tuple(g for g, name in zip(gradients, taken, strict=True) if name in wanted)
    if len(gradients) != len(wanted):
        raise Malformed(f"backward returned {len(gradients)} gradients; expected one for each of {op.inputs}")
    return {n: (g, a.shape) for g, (n, a) in zip(gradients, wanted.items(), strict=True)}


def _numbers(name: str, returned: Any, shape: tuple[int, ...], *, copy: bool) -> Array:
    """`returned` as an array of numbers of this very shape, or Malformed: broadcasting would hide a mistake.

    Without a copy, a view could change what comparisons see.
    """
    if returned is None:
        raise Malformed(f"{name} is None; expected an array of shape {shape}")
    try:
        if type(returned) is np.ndarray:  # nothing to convert, so nothing to warn of
            array = returned.copy("K") if copy else returned
        else:
            with warnings.catch_warnings(action="ignore"):
                array = np.array(returned, copy=copy or None, subok=False)
    except Exception as error:
        raise Malformed(f"{name} is no array: {brief(error)}; expected one of shape {shape}") from error
    if array.dtype.kind not in "fiub":
        raise Malformed(f"{name} has dtype {array.dtype}; expected real numbers")
    if array.shape != shape:
        raise Malformed(f"{name} has shape {array.shape}; expected {shape}")
    return array


def _name(given: Any) -> str:
    return str(getattr(given, "__name__", type(given).__name__))
