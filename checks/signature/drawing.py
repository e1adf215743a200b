"""How something is chosen: by Hypothesis, which shrinks it, by chance alone, or simplest of all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy


class Draws(Protocol):
    """What draws: simplest first, for those who can shrink."""

    def among(self, *values: Any) -> Any:
        """One of these; what stands there several times comes as much more often."""

    def between(self, least: int, most: int) -> int:
        """A whole number from the least to the most, or the least."""


@dataclass(frozen=True)
class ByHypothesis:
    """Choices that Hypothesis makes, varies and shrinks."""

    draw: DrawFn

    def among(self, *values: Any) -> Any:
        """One of these, simplest first."""
        return self.draw(_among(values, tuple(map(type, values))))

    def between(self, least: int, most: int) -> int:
        """A whole number from the least to the most, or the least."""
        return self.draw(_between(least, max(least, most)))


@dataclass(frozen=True)
class ByChance:
    """Choices that know nothing of one another."""

    chance: Random

    def among(self, *values: Any) -> Any:
        """One of these."""
        return self.chance.choice(values)

    def between(self, least: int, most: int) -> int:
        """A whole number from the least to the most, or the least."""
        return self.chance.randint(least, max(least, most))


class Simplest:
    """Always what is simplest."""

    def among(self, *values: Any) -> Any:
        """The first of these."""
        return values[0]

    def between(self, least: int, most: int) -> int:  # noqa: ARG002, as Draws has it
        """The least."""
        return least


# Made once: a strategy that is new in every draw is also validated in every draw.
@cache
def _among(values: tuple[Any, ...], types: tuple[type, ...]) -> SearchStrategy[Any]:  # noqa: ARG001, 1 == True, so types tell
    from hypothesis import strategies as st

    return st.sampled_from(values)


@cache
def _between(least: int, most: int) -> SearchStrategy[int]:
    from hypothesis import strategies as st

    return st.integers(least, most)
