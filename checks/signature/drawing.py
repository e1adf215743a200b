"""What problems are drawn from, made once: a strategy that is new in every draw is also validated in every draw."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def among(*values: Any) -> SearchStrategy[Any]:
    """One of these, simplest first; what stands there several times comes as much more often."""
    return _among(values, tuple(map(type, values)))


@cache
def _among(values: tuple[Any, ...], types: tuple[type, ...]) -> SearchStrategy[Any]:  # noqa: ARG001, 1 == True, so types tell
    from hypothesis import strategies as st

    return st.sampled_from(values)


@cache
def between(least: int, most: int) -> SearchStrategy[int]:
    """A whole number from the least to the most, or the least."""
    from hypothesis import strategies as st

    return st.integers(least, max(least, most))
