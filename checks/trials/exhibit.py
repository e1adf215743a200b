"""What pictures of a failure are drawn from: the numbers of one case, and how its elements meet. Plain data, no arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checks.algebra.polynomial import Polynomial
from checks.op import Problem


@dataclass(frozen=True)
class Numbers:
    """An array: its shape, and its values with the last axis fastest."""

    shape: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Compared:
    """One result as it came, as it should be, and how far apart rounding alone can bring the two."""

    yours: Numbers
    right: Numbers
    allowed: Numbers


@dataclass(frozen=True)
class Exhibit:
    """One case in which a result is wrong.

    result   the result that is wrong
    index    its element whose error is the largest share of what is allowed
    results  every result of the case by name, "y", "grad_x" …, as far as they are shown
    """

    problem: Problem
    result: str
    index: tuple[int, ...]
    results: Mapping[str, Compared]


@dataclass(frozen=True)
class Sized:
    """For which sizes along one axis a result is right, where all else is as in the case that fails.

    label        what these sizes are counted under as tried, such as "channels in"
    right, wrong  the sizes that were tried to find out, from the smallest
    """

    label: str
    right: tuple[int, ...]
    wrong: tuple[int, ...]

    @property
    def limit(self) -> int | None:
        """The largest size that is right, if all larger ones are wrong and no smaller one is."""
        return max(self.right) if self.right and self.wrong and max(self.right) < min(self.wrong) else None


@dataclass(frozen=True)
class Meetings:
    """Which elements meet in one result of a small case, and the formula of the element that is wrong.

    index     the element that is wrong
    formulas  of every element of the result, by its index, what is right
    yours     of the element that is wrong, what was computed in its place; None where that cannot be told
    """

    problem: Problem
    result: str
    index: tuple[int, ...]
    formulas: Mapping[tuple[int, ...], Polynomial]
    yours: Polynomial | None = None
