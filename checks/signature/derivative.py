"""What makes an op of the derivative of another, and what an op has that declares nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Of = TypeVar("Of")


@dataclass(frozen=True)
class Derivative(Generic[Of]):
    """What makes an op of the derivative of another (orders/).

    of       the op that it is a derivative of
    part     what an implementation needs for it beside forward and backward: its name, and how it is called
    witnessed  whether torch says of it, by reverse mode, what is right
    adapted  what turns an implementation that has it into one of the derivative: for forward and for backward what to call,
             and the function of its own whose signature says what it takes
    """

    of: Of
    part: tuple[str, str]
    adapted: Callable[[Any], Mapping[str, Any]]
    witnessed: bool = True


def unwitnessed(*_inputs: Any, **_parameters: Any) -> Any:
    """The twin of what torch is no witness of."""
    raise NotImplementedError("torch is no witness of it")


def none(*of: object) -> None:
    """Nothing of its own."""


def one(of: object) -> int:  # noqa: ARG001, a default
    """The number, whatever it is asked of."""
    return 1


def no_words(problem: object) -> Mapping[str, Any]:  # noqa: ARG001, a default
    """Nothing to say."""
    return {}


def nowhere(inputs: Sequence[Any], parameters: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG001, a default
    """No place of any input."""
    return {}


def unworked(problem: object, array: str, index: tuple[int, ...] | None) -> str:  # noqa: ARG001, a default
    """No example of a document."""
    return ""
