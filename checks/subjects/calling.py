"""Calls forward or backward with what its signature takes.

A parameter at its default is passed only if the signature takes it; one that is needed and not taken makes the case
unsupported, as NotImplementedError does.

What is behind `*args, **kwargs` (a decorator), or has no signature at all (built in), is known only once it is called: a
TypeError that is gone when parameters at their default are left out says that they are not taken.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from checks.cases.search import Stopped
from checks.numbers.precision import Array
from checks.op import Op
from checks.subjects.adapting.asked import Sort, completed
from checks.subjects.refusals import Crashed, Ended, Malformed, Unsupported

# How a call is refused by what takes no such keyword: CPython names it; C and C++ extensions often do not.
NAMED = re.compile(r"unexpected keyword argument '?(\w+)|'(\w+)' is an invalid keyword argument")
UNNAMED = re.compile(r"keyword argument|incompatible function arguments|invalid combination of arguments")


@dataclass(frozen=True)
class Function:
    """forward or backward, and what its signature takes.

    most     arrays it takes, or None if the signature does not say
    named    what its signature names
    takes    the same, or None if it takes any parameter
    refuses  in words, why no case can be handed to it, or ""
    untaken  parameters that turned out not to be taken, though the signature takes any
    spared   whether parameters at their default are left out: {True} once that turned out to be needed
    fixed    values of parameters that it does not take, where these are not their defaults
    not_for  sorts of cases that it means otherwise
    """

    op: Op
    part: str
    call: Callable[..., Any]
    most: int | None
    takes: frozenset[str] | None
    named: frozenset[str] = frozenset()
    refuses: str = ""
    untaken: set[str] = field(default_factory=set)
    spared: set[bool] = field(default_factory=set)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    not_for: tuple[Sort, ...] = ()

    @classmethod
    def of(cls, op: Op, part: str, call: Any) -> Function:
        """Read the signature once: it is asked for in every call."""
        try:
            parameters = inspect.signature(call).parameters.values()
        except (TypeError, ValueError):
            return cls(op, part, call, None, None)
        kinds = {p.kind for p in parameters}
        by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        switches = {p.name for p in parameters if isinstance(p.default, bool | str)}  # which are no arrays
        arrays = [p for p in parameters if p.kind in by_position and p.name not in {*op.takes.defaults, *switches}]
        named = frozenset(p.name for p in parameters)
        most = None if inspect.Parameter.VAR_POSITIONAL in kinds else len(arrays)
        takes = None if inspect.Parameter.VAR_KEYWORD in kinds else named
        given = len(op.inputs) + (part == "backward")
        needed = [p.name for p in arrays[given:] if p.default is p.empty] + [
            p.name
            for p in parameters
            if p.kind is p.KEYWORD_ONLY and p.default is p.empty and p.name not in op.takes.defaults
        ]
        if needed:
            refuses = f"needs {' and '.join(needed)} as well"
        elif most is not None and most < given - len(op.takes.optional):
            refuses = f"takes ({', '.join(p.name for p in arrays)})"
        else:
            refuses = ""
        return cls(op, part, call, most, takes, named, refuses)

    def __call__(self, grad_output: Array | None, *inputs: Array | None, **parameters: Any) -> Any:
        """Call it with what its signature takes."""
        arrays = list(inputs) if self.part == "forward" else [grad_output, *inputs]
        self._refuse(inputs, parameters)
        while self.most is not None and len(arrays) > self.most:
            if arrays.pop() is not None:
                raise Unsupported(f"takes {self.most} arrays")
        for name in [n for n in parameters if not self._takes(n)]:
            if parameters.pop(name) != self.fixed.get(name, self.op.takes.defaults[name]):
                raise Unsupported(f"does not take {name}")
        try:
            returned = self._called(arrays, parameters)
            return tuple(returned) if isinstance(returned, Iterator) else returned  # a generator computes only now
        except NotImplementedError as refusal:
            raise Unsupported(str(refusal)) from refusal
        except (Crashed, Malformed, Unsupported, Stopped):  # by a function in another process
            raise
        except SystemExit as error:  # sys.exit(0) must not look like a verdict
            raise Ended.by(getattr(self.call, "__name__", "it"), error) from error
        except Exception as error:
            raise Crashed.by(getattr(self.call, "__name__", "it"), error) from error

    def _refuse(self, inputs: Sequence[Array | None], parameters: Mapping[str, Any]) -> None:
        if not self.not_for:
            return
        shapes = {n: None if a is None else a.shape for n, a in zip(self.op.inputs, inputs, strict=False)}
        sizes = completed(self.op, self.op.takes.sizes_in(shapes), shapes, parameters)
        for sort in self.not_for:
            if sort.holds(sizes, parameters):
                raise Unsupported(f"does not take {sort.words}")

    @property
    def lacking(self) -> list[str]:
        """The parameters that its signature does not take."""
        return [] if self.takes is None else [n for n in self.op.takes.defaults if n not in self.takes]

    def _takes(self, name: str) -> bool:
        return name not in self.untaken if self.takes is None else name in self.takes

    def _called(self, arrays: list[Array | None], parameters: dict[str, Any]) -> Any:
        """What it returns, called with fewer parameters if it refuses those that it is not known to take.

        Left out is what the signature does not name and is at its default, since to leave that out changes nothing. Of
        the others, what is not taken is what the error names, or the fewest without which the call is refused no more.
        """
        unnamed = [n for n in parameters if n not in self.named]
        usual = {n for n in unnamed if parameters[n] == self.op.takes.defaults[n]}
        if self.spared:
            parameters = _without(parameters, usual)
        try:
            return self.call(*arrays, **parameters)
        except TypeError as error:
            said = NAMED.search(str(error))
            name = said and next(filter(None, said.groups()))
            if name in unnamed:
                self.untaken.add(name)
                if name not in usual:
                    raise Unsupported(f"does not take {name}") from error
                return self._called(arrays, _without(parameters, {name}))
            if name or not UNNAMED.search(str(error)):
                raise
            if not self._refuses(arrays, _without(parameters, usual)):
                self.spared.add(True)
                return self.call(*arrays, **_without(parameters, usual))
            others = [n for n in unnamed if n not in usual]
            for some in (s for n in range(len(others)) for s in combinations(others, n + 1)):
                if not self._refuses(arrays, _without(parameters, {*usual, *some})):
                    # Not remembered: of another kind (a number, not a tuple) it may be taken.
                    raise Unsupported(f"does not take {' and '.join(some)}") from error
            raise

    def _refuses(self, arrays: list[Array | None], parameters: dict[str, Any]) -> bool:
        """Whether it refuses even to be called so; what goes wrong in what was called is no refusal."""
        try:
            self.call(*arrays, **parameters)
        except TypeError as error:
            return bool(UNNAMED.search(str(error)))
        except Exception:  # noqa: BLE001, whatever it is, it comes from what was called
            return False
        return False


def _without(parameters: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in names}
