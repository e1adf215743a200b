"""Work done block by block, on several cores where there is enough of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache

from reference._window import Array

# Blocks that make it worth while to wake another thread: it takes as long as a small one.
FEW = 4


def each(length: int, step: int, work: Callable[[slice], object]) -> None:
    """Call `work` with slices of `step` that cover `length`: in order, or on several threads if there are many.

    Each call must write where no other does. NumPy lets other threads run while it computes; its settings for errors are
    the caller's in all of them.
    """
    slices = [slice(start, min(start + step, length)) for start in range(0, length, step)]
    threads = min(os.cpu_count() or 1, len(slices) // FEW)
    if threads < 2:
        _in_order(slices, work)
        return
    shares = [slices[first::threads] for first in range(threads)]
    running = [_pool().submit(copy_context().run, _in_order, share, work) for share in shares]
    for one in running:
        one.result()


def samples(x: Array, numbers: int = 1 << 15) -> int:
    """How many samples of x (N, …) have so many numbers, one at least: what is computed of them stays in the cache."""
    return max(1, numbers * len(x) // max(1, x.size))


def _in_order(slices: list[slice], work: Callable[[slice], object]) -> None:
    for block in slices:
        work(block)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="reference")
