"""Sums that are a term short: arrays that notice when so many numbers are summed, and leave out the last of one such sum.

Which one is told by where it stands in the reference, so that it is the same one in every case, whichever arrays are left
out there. Where all products of a reference are made before they are summed elsewhere, none is noticed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from checks.numbers.precision import Array

Site = tuple[
    tuple[str, int], ...
]  # lines, from the sum outwards, by file and number; before them the axis as (text, 0)


@dataclass
class Counted:
    """Which sum of so many terms leaves out its last, by where it stands, as in every case; and which are met."""

    terms: int
    which: Site = ()
    met: list[Site] = field(default_factory=list)

    def now(self, terms: int) -> bool:
        """Whether a sum that is met, of so many terms, is the one."""
        if terms == 0 or terms % self.terms:  # of several axes that are summed as one, each is as long, or longer
            return False
        lines = _lines()
        self.met.append((("sum", sum(site[1:] == lines for site in self.met)), *lines))
        return self.met[-1] == self.which


def _lines() -> Site:
    """The lines of the reference that are being run, the innermost first."""
    found, frame = [], sys._getframe(1)  # noqa: SLF001, what a traceback would say, without one
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.parent.name == "reference":
            found.append((path.name, frame.f_lineno))
        frame = frame.f_back
    return tuple(found)


class Short(np.ndarray[Any, np.dtype[Any]]):
    """An array of which sums can be a term short."""

    counted: Counted | None = None

    def __array_finalize__(self, of: Any) -> None:
        self.counted = getattr(of, "counted", None)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **rest: Any) -> Any:
        """As usual, but for a sum and a product of matrices that is the one."""
        counted = next(a.counted for a in (*inputs, *rest.get("out", ())) if isinstance(a, Short))
        plain = [a.view(np.ndarray) if isinstance(a, Short) else a for a in inputs]
        if "out" in rest:
            rest["out"] = tuple(a.view(np.ndarray) if isinstance(a, Short) else a for a in rest["out"])
        if counted is not None and ufunc is np.add and method == "reduce":
            plain[0] = _short_of(plain[0], rest.get("axis", 0), counted)
        if counted is not None and ufunc is np.matmul and plain[0].ndim and counted.now(plain[0].shape[-1]):
            plain[0] = _without_last(plain[0], -1)
        return _counting(getattr(ufunc, method)(*plain, **rest), counted)

    def __array_function__(self, function: Any, types: Any, arguments: Any, rest: Any) -> Any:
        """As usual, but for a sum that einsum takes."""
        if function is not np.einsum or self.counted is None:
            return super().__array_function__(function, types, arguments, rest)
        text, *arrays = arguments
        plain = [np.asanyarray(a).view(np.ndarray) for a in arrays]
        before, _, after = text.partition("->")
        for letter in dict.fromkeys(before.split(",")[0]):
            at = before.split(",")[0].index(letter)
            if letter not in after and self.counted.now(plain[0].shape[at]):
                plain[0] = _without_last(plain[0], at)
        return _counting(np.einsum(text, *plain, **rest), self.counted)


def _short_of(a: Array, axis: Any, counted: Counted) -> Array:
    axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    for one in axes:
        if a.ndim and counted.now(a.shape[one]):
            a = _without_last(a, one)
    return a


def _without_last(a: Array, axis: int) -> Array:
    cut = np.array(a)
    np.moveaxis(cut, axis, -1)[..., -1:] = 0
    return cut


def _counting(a: Any, counted: Counted | None) -> Any:
    if not isinstance(a, np.ndarray) or a.dtype.kind != "f":
        return a
    made = a.view(Short)
    made.counted = counted
    return made


def on_counting(function: Any, inputs: Any, parameters: Mapping[str, Any], counted: Counted) -> Any:
    """What a function makes of inputs that notice its sums."""
    with patch.object(np, "asarray", np.asanyarray):  # which keeps the arrays that count
        return function(*(_counting(a, counted) for a in inputs), **parameters)
