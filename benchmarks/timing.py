"""Seconds that a call takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def in_turns(functions: Sequence[Callable[[], object]], runs: int, *, turn: int = 1) -> tuple[float, ...]:
    """Median seconds of each: a turn of one, a turn of the next, and so on, so that all see the same machine.

    Every function is called once before anything is timed. A turn of several runs begins with one that is not timed
    either: it finds the caches as another function left them.
    """
    for function in functions:
        function()
    timed: list[list[float]] = [[] for _ in functions]
    while len(timed[0]) < runs:
        for function, into in zip(functions, timed, strict=True):
            if turn > 1:
                function()
            into += [seconds(function) for _ in range(turn)]
    return tuple(median(of) for of in timed)
