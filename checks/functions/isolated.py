"""Functions in a process of their own, which the judge outlives whatever they do (subjects/process.py).

To the judge each is a callable that does what the one over there does: it returns the same numbers in the same form, writes
to what it was passed, and to what it returned before, where that one did, returns views of it where that one does, and
raises Crashed where that one raised.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from checks.cases.layouts import memory_of
from checks.functions.wire import BROUGHT, Forms
from checks.numbers.precision import PRECISIONS, Array
from checks.subjects import system
from checks.subjects.process import LOADING, Outlived, Process, failure
from checks.subjects.refusals import Crashed, Ended, Malformed, NotAnImplementation

Function = Callable[..., Any]
PARTS = ("double_backward", "jvp")  # that the command line may name


@dataclass(frozen=True)
class Loaded:
    """What was found; weights: the shapes of inputs that follow those given."""

    function: Function
    backward: Function
    double_backward: Function | None
    jvp: Function | None
    weights: list[tuple[int, ...]]


@dataclass(eq=False)
class Functions(Outlived):
    """What the command line names, in a process that is started when first needed and again after a crash.

    specs    "function", "backward", "double_backward" and "jvp": texts, or None
    timeout  seconds that one call may take; memory: bytes that its data may take, or None
    dtype    what is judged. What ends the process on finite numbers of it is over: every later call says so, whoever hears
             it. What was too much for it may have been complex numbers, or another precision: then it is started again
    """

    specs: Mapping[str, str | None]
    timeout: float
    memory: int | None
    dtype: str = "float64"
    over: str = ""
    forms: Forms = field(default_factory=Forms)
    latest: dict[int, list[Array]] = field(default_factory=dict)
    _loaded: Mapping[str, Any] | None = None
    served = "checks.functions.serving"

    def settings(self) -> Mapping[str, Any]:
        """What the other process is told."""
        return {**dict.fromkeys(("backward", *PARTS)), **self.specs, "memory": self.memory, "dtype": self.dtype}

    def begin(self) -> bool:
        """As Outlived.begin; a new process has numbered nothing yet, and found nothing."""
        started = super().begin()
        if started:
            self.forms, self.latest, self._loaded = Forms(), {}, None
        return started

    def load(self) -> Loaded:
        """Wait until they are found; raises NotAnImplementation, in one sentence, if they are not."""
        try:
            told = self._ready()
        except Crashed as ended:
            raise NotAnImplementation(str(ended)) from ended
        made = {part: self._made(told[part]) if part in told else None for part in ("function", "backward", *PARTS)}
        return Loaded(**made, weights=[tuple(map(int, shape)) for shape in told["weights"]])  # type: ignore[arg-type]

    def _ready(self) -> Mapping[str, Any]:
        self.begin()
        if self._loaded is None:
            reply = self.answer(f"while {self.specs['function']} was loaded", LOADING)
            if "ready" not in reply:
                self.close()
                raise NotAnImplementation(str(reply.get("message", "it could not be loaded")))
            self._loaded = reply["ready"]
        return self._loaded

    def _made(self, told: Mapping[str, Any]) -> Function:
        """The callable that stands for one over there."""
        number, name = int(told["number"]), str(told["name"])

        def called(*arguments: Any) -> Any:
            return self.call(number, name, arguments)

        called.__name__ = name
        called.is_over = lambda: bool(self.over)  # type: ignore[attr-defined]
        called.narrow, called.convention = str(told["narrow"]), str(told["convention"])  # type: ignore[attr-defined]
        if told["signature"] is not None:
            called.__signature__ = _signature(told["signature"])  # type: ignore[attr-defined]
        called.lacks = tuple(map(str, told["lacks"]))  # type: ignore[attr-defined]
        for part in BROUGHT:
            if part in told:
                setattr(called, part, self._made(told[part]))
        return called

    def call(self, number: int, name: str, arguments: Sequence[Any]) -> Any:
        """What the function of this number returns; raises Unsupported, Malformed or Crashed."""
        if self.over:
            raise Ended(self.over)
        self._ready()
        ends: list[Any] = []
        form = self.forms.text(arguments, ends)
        arrays = [np.asarray(one) for one in ends]
        try:
            return self._returned(number, name, form, arrays)
        except Ended as ended:
            if all(map(self._is_ordinary, arrays)):
                self.over = str(ended)
            raise

    def _is_ordinary(self, a: Array) -> bool:
        return a.dtype.kind in "iub" or (a.dtype == PRECISIONS[self.dtype].storage and bool(np.all(np.isfinite(a))))

    def _returned(self, number: int, name: str, form: Any, arrays: Sequence[Array]) -> Any:
        process = self.process
        laid, sent = process.lay_out({str(at): a for at, a in enumerate(arrays)})
        process.say({"call": number, "arguments": form, "arrays": list(laid.values())})
        reply = self.answer(name, self.timeout)
        if "failed" in reply:
            raise failure(reply)
        given = {sent[str(at)]: a for at, a in enumerate(arrays)}
        for start, a in given.items():
            if process.differs(start, a):
                _changed(process, start, a)
        try:
            results = _results(process, reply["arrays"], given)
            if reply["reused"]:
                _rewritten(self.latest.get(number, ()), results)
            self.latest[number] = [a for a, one in zip(results, reply["arrays"], strict=True) if not one["input"]]
            return self.forms.tree(reply["form"], results)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OSError) as error:
            raise Malformed(f"what {name} returned did not arrive: {error}") from error


def _signature(told: Sequence[Sequence[Any]]) -> inspect.Signature:
    kinds = list(inspect._ParameterKind)  # noqa: SLF001, the numbers that Parameter.kind has
    empty = inspect.Parameter.empty
    parameters = [inspect.Parameter(n, kinds[kind], default=None if has else empty) for n, kind, has in told]
    return inspect.Signature(parameters)


def _changed(process: Process, start: int, a: Array) -> None:
    """Write to what was passed as the function did."""
    was = a.flags.writeable
    with suppress(ValueError):  # of somebody's memory that cannot be written to
        a.flags.writeable = True
        memory, _ = memory_of(a)
        memory[...] = np.frombuffer(system.read_at(process.inputs, memory.size, start), np.uint8)
    a.flags.writeable = was


def _rewritten(earlier: Sequence[Array], later: Sequence[Array]) -> None:
    """Write to what an earlier call returned, as the function did: what a later one did, or anything else."""
    for one, other in zip(earlier, later, strict=False):
        if one.flags.writeable:
            one[...] = other if one.shape == other.shape else one + 1


def _results(process: Process, told: Sequence[Mapping[str, Any]], given: Mapping[int, Array]) -> list[Array]:
    """Each in memory of the judge's own, or in that of what was passed; those that share memory do here as well."""
    of_results = [one for one in told if not one["input"]]
    ends = [one["offset"] + _extent(one)[1] for one in of_results]
    whole = np.frombuffer(system.read_at(process.results, max(ends, default=0), 0), np.uint8)
    return [_view(one, *(_passed(one, given) if one["input"] else (whole, 0))) for one in told]


def _passed(one: Mapping[str, Any], given: Mapping[int, Array]) -> tuple[Array, int]:
    """The memory of the input that a result lies in, and where in the file that begins."""
    start = max(start for start in given if start <= one["offset"] + _extent(one)[0])
    return memory_of(given[start])[0], start


def _view(one: Mapping[str, Any], memory: Array, start: int) -> Array:
    dtype = np.dtype(one["dtype"])
    if dtype.kind not in "fiubc":
        raise TypeError(f"expected real numbers, and not {dtype}")
    found: Array = np.ndarray(one["shape"], dtype, memory.data, one["offset"] - start, one["strides"])
    return found


def _extent(one: Mapping[str, Any]) -> tuple[int, int]:
    """How far below its first element it begins, as a negative number, and how far above that it ends."""
    shape, strides = one["shape"], one["strides"]
    if not prod(shape):
        return 0, 0
    reach = [(n - 1) * stride for n, stride in zip(shape, strides, strict=True)]
    return sum(r for r in reach if r < 0), sum(r for r in reach if r > 0) + np.dtype(one["dtype"]).itemsize
