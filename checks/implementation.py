"""Calls an implementation as the protocol says, and refuses what cannot be a result.

    forward(*inputs, **parameters) -> y
    backward(grad_output, *inputs, **parameters) -> one gradient for each input, None where there is none

A module, a class (made with no arguments) or an object. A parameter at its default is passed only if the signature takes
it; one that is needed and not taken makes the case unsupported, as NotImplementedError does.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks.op import Array, Case, Op


class Unsupported(Exception):
    """The implementation does not take this case: counted and shown, never a failure."""


class Malformed(Exception):
    """What the implementation returned cannot be a result; the message says what it was and what is needed."""


class Crashed(Exception):
    """The implementation raised something of its own; the message names it."""


class NotAnImplementation(TypeError):
    """The object to be judged has no forward and backward."""


@dataclass(frozen=True)
class Implementation:
    """forward and backward of one op, by whoever wrote them."""

    op: Op
    name: str
    _forward: _Function
    _backward: _Function

    @classmethod
    def of(cls, op: Op, given: Any) -> Implementation:
        """Wrap a module, class or object; raises NotAnImplementation, in one sentence, if it lacks what it needs."""
        name = _name(given)
        if inspect.isclass(given):
            try:
                given = given()
            except Exception as error:
                raise NotAnImplementation(f"{name} could not be made with no arguments: {_brief(error)}") from error
        parts = {part: getattr(given, part, None) for part in ("forward", "backward")}
        missing = [part for part, function in parts.items() if not callable(function)]
        if missing:
            raise NotAnImplementation(
                f"{name} has no {' and no '.join(missing)}; {op.name} needs forward({', '.join(op.inputs)}, …) "
                f"and backward(grad_output, {', '.join(op.inputs)}, …)"
            )
        return cls(op, name, _Function.of(op, parts["forward"]), _Function.of(op, parts["backward"]))

    @property
    def is_reference(self) -> bool:
        """Whether this is the project's own reference that is being judged."""
        return self._backward.call is self.op.reference.backward

    def forward(self, case: Case) -> Array:
        """y of the case; raises Unsupported, Malformed or Crashed."""
        y = self._forward(case)
        return _numbers("y", y, case.cotangent.shape)

    def backward(self, case: Case) -> dict[str, Array]:
        """The gradients by input name, absent inputs left out; raises Unsupported, Malformed or Crashed."""
        returned = self._backward(case, case.cotangent)
        gradients = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
        present = dict(zip(self.op.inputs, case.inputs, strict=True))
        wanted = {n: a for n, a in present.items() if a is not None and n in self.op.differentiable}
        if len(gradients) == len(present):
            gradients = tuple(g for g, name in zip(gradients, present, strict=True) if name in wanted)
        if len(gradients) != len(wanted):
            raise Malformed(f"backward returned {len(gradients)} gradients; expected one for each of {self.op.inputs}")
        return {n: _numbers(f"grad_{n}", g, a.shape) for g, (n, a) in zip(gradients, wanted.items(), strict=True)}


@dataclass(frozen=True)
class _Function:
    """forward or backward, and what its signature takes.

    most   arrays it takes, or None if the signature does not say
    takes  parameters of the op that it takes, or None if any
    """

    op: Op
    call: Callable[..., Any]
    most: int | None
    takes: frozenset[str] | None

    @classmethod
    def of(cls, op: Op, call: Any) -> _Function:
        """Read the signature once: it is asked for in every call."""
        try:
            parameters = inspect.signature(call).parameters.values()
        except (TypeError, ValueError):
            return cls(op, call, None, None)
        kinds = {p.kind for p in parameters}
        by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        arrays = [p for p in parameters if p.kind in by_position and p.name not in op.defaults]
        named = frozenset(p.name for p in parameters)
        most = None if inspect.Parameter.VAR_POSITIONAL in kinds else len(arrays)
        return cls(op, call, most, None if inspect.Parameter.VAR_KEYWORD in kinds else named)

    def __call__(self, case: Case, *before: Array) -> Any:
        """Call it with copies of the arrays, so that it can change nothing of the judge's."""
        inputs = list(case.inputs)
        while self.most is not None and len(before) + len(inputs) > self.most:
            if inputs.pop() is not None:
                raise Unsupported(f"takes {self.most} arrays")
        parameters = dict(case.parameters)
        for name in [n for n in parameters if self.takes is not None and n not in self.takes]:
            if parameters.pop(name) != self.op.defaults[name]:
                raise Unsupported(f"does not take {name}")
        arrays = [None if a is None else a.copy() for a in (*before, *inputs)]
        try:
            return self.call(*arrays, **parameters)
        except NotImplementedError as refusal:
            raise Unsupported(str(refusal)) from refusal
        except (Exception, SystemExit) as error:  # sys.exit(0) must not look like a verdict
            raise Crashed(f"{getattr(self.call, '__name__', 'it')} raised {_brief(error)}") from error


def _numbers(name: str, returned: Any, shape: tuple[int, ...]) -> Array:
    """`returned` as an array of numbers of this very shape, or Malformed: broadcasting would hide a mistake."""
    if returned is None:
        raise Malformed(f"{name} is None; expected an array of shape {shape}")
    try:
        with warnings.catch_warnings(action="ignore"):
            array = np.array(returned)  # a copy: a subclass or a view could change what comparisons see
    except Exception as error:
        raise Malformed(f"{name} is no array: {_brief(error)}; expected one of shape {shape}") from error
    if array.dtype.kind not in "fiub":
        raise Malformed(f"{name} has dtype {array.dtype}; expected real numbers")
    if array.shape != shape:
        raise Malformed(f"{name} has shape {array.shape}; expected {shape}")
    return array


def _name(given: Any) -> str:
    named = given if inspect.ismodule(given) or inspect.isclass(given) else type(given)
    name: str = named.__name__
    return name


def _brief(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
