"""Shards of runs on a Dask cluster: whoever lives judges them, and each counts once.

A shard is a task; where a worker dies, the scheduler gives its tasks to others. Results come back as JSON, by the number of
their shard, and are merged as the whole run would have counted them (verdict/merging.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import ceil
from typing import Any

from checks import judge
from checks.cases.series import BLOCK
from checks.render.json import render
from checks.render.load import from_text
from checks.verdict.merging import merged
from checks.verdict.report import Report

CASES = 50  # to a shard, about: seconds to minutes of work
LONG = 100  # such shards; of runs that are longer a shard has a whole block, which it draws anyway
CONNECTING = 10  # seconds


def judged(
    scheduler: str, runs: Sequence[tuple[str, Mapping[str, Any]]], progress: Callable[[int, int], None] | None = None
) -> Iterator[Report]:
    """The reports on runs, each the name of an op and what `judge` takes, that the workers of a scheduler give.

    After Ctrl-C, or where worker after worker died of a shard, those on the shards that are there; they are interrupted.
    Raises ValueError, in one sentence, where there is no Dask, or nobody at this address.
    """
    client = _connected(scheduler)
    from distributed import as_completed

    came: dict[int, list[Report]] = {n: [] for n in range(len(runs))}
    with client:
        waiting = {}
        for n, (op, how) in enumerate(runs):
            of = _shards(how["examples"])
            fixed = {**how, "seed": secrets.randbelow(1 << 32) if how["seed"] is None else how["seed"]}
            for k in range(1, of + 1):
                waiting[client.submit(shard, op, {**fixed, "shard": (k, of)}, pure=False)] = n
        total, incomplete = len(waiting), False
        try:
            for done, future in enumerate(as_completed(list(waiting)), 1):
                text = _answer(future)
                incomplete |= not text
                came[waiting[future]] += from_text(text, "a worker's report") if text else ()
                if progress is not None:
                    progress(done, total)
        except KeyboardInterrupt:
            incomplete = True
            with suppress(Exception):
                client.cancel(list(waiting))
    for parts in came.values():
        for report in merged(sorted(parts, key=lambda part: part.shards)):
            whole = not report.shards or report.of_shards == 1
            yield replace(
                report,
                interrupted=report.interrupted or (incomplete and not whole),
                shards=() if whole else report.shards,
            )


def _shards(examples: int) -> int:
    """How many shards a run has."""
    return ceil(examples / (CASES if examples <= LONG * CASES else BLOCK))


def _connected(scheduler: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise ValueError("--scheduler needs Dask; pip install 'gradoracle[cluster]'") from None
    try:
        return Client(scheduler, timeout=CONNECTING)
    except (OSError, ValueError) as error:
        raise ValueError(f"no scheduler answers at {scheduler}; expected an address such as tcp://host:8786") from error


def _answer(future: Any) -> str:
    """What was found in a shard; "" where worker after worker died of it."""
    from distributed import KilledWorker

    failed = future.exception() if future.status == "error" else None
    if failed is None:
        return str(future.result())
    if isinstance(failed, KilledWorker):
        return ""
    raise failed


def shard(op: str, how: Mapping[str, Any]) -> str:
    """What a worker does: the report on one shard, as JSON."""
    return render(judge(op, **how))
