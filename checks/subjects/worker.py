"""The process of an implementation: `python -P names.py checks.subjects.worker SETTINGS`, which isolation.py alone starts.

All that is ours is loaded before anything of the user's is; from then on, names are the user's (names.py).
It finds what --impl names, then answers each command (process.py) with one line of JSON, in their order. Arrays lie in two
files that both processes have open: inputs in the one, mapped, with the layout that the command says; results are written
to the other, behind those that the judge has not read yet.
"""

from __future__ import annotations

import json
import mmap
import os
import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from checks.numbers.precision import Array
from checks.op import Case
from checks.ops import find
from checks.subjects import lifeline, system
from checks.subjects.implementation import Implementation
from checks.subjects.loading import load
from checks.subjects.names import theirs
from checks.subjects.refusals import Crashed, Ended, Malformed, NotAnImplementation, Unsupported

FAILURES = {  # Ended before what it is a kind of
    Unsupported: "unsupported",
    Malformed: "malformed",
    Ended: "ended",
    Crashed: "crashed",
    NotAnImplementation: "not loaded",
}


def main() -> None:
    """Load, then serve until the judge closes its end."""
    settings = json.loads(sys.argv[1])
    system.limit(settings["memory"])
    settings |= {name: system.passed(settings[name]) for name in ("commands", "replies", "inputs", "results")}
    lifeline.hold(settings["commands"])
    op = find(settings["op"])
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` has it
    with os.fdopen(settings["replies"], "w", encoding="utf-8") as replies, theirs:
        try:
            found = load(
                op.derivative.of if op.derivative else op,
                settings["spec"],
                dtype=settings["dtype"],
                device=settings["device"],
            )
            implementation = Implementation.of(op, found, shares=True)
        except BaseException as failure:  # noqa: BLE001, whatever it raises is what is reported
            reply(replies, **failed(failure))
            return
        reply(
            replies,
            ready=implementation.name,
            assumed=implementation.assumed,
            pins=dict(implementation.pins),
            lacks=implementation.lacks,
            offers=implementation.offers,
        )
        end = 0
        for command in commands(settings["commands"]):
            said, end = _answer(implementation, command, settings, 0 if command["first"] else end)
            reply(replies, **said)


def commands(descriptor: int) -> Iterator[Mapping[str, Any]]:
    """What the judge asks for, until it closes its end."""
    with os.fdopen(descriptor, "rb") as asked:
        while True:
            try:
                command = pickle.load(asked)  # noqa: S301, written by process.py, on our side
            except EOFError:
                return
            yield command


def _answer(
    implementation: Implementation, command: Mapping[str, Any], settings: Mapping[str, Any], begin: int
) -> tuple[dict[str, Any], int]:
    """The results of one call, written to the file of results from there on, or what went wrong; and where they end."""
    try:
        memory = mapped(settings["inputs"], os.fstat(settings["inputs"]).st_size)
        cotangent, *inputs = (array_in(memory, laid) for laid in command["arrays"])
        case = Case(implementation.op, tuple(inputs), command["parameters"], cast("Array", cotangent))
        outcome = implementation.call(command["part"], case, spoil=command["spoil"])
        results, end = _written(outcome.results, settings["results"], begin)
    except BaseException as failure:  # noqa: BLE001, whatever it raises is what is reported
        return failed(failure), begin
    return {"results": results, "shared": outcome.shared, "changed": outcome.changed}, end


@lru_cache(maxsize=1)
def mapped(file: int, size: int) -> mmap.mmap:
    """The file of inputs; unmapped with the last array in it, which the implementation may keep."""
    return mmap.mmap(file, size)


def array_in(memory: mmap.mmap, laid: Sequence[Any] | None) -> Array | None:
    """The array that lies in memory as the command says."""
    if laid is None:
        return None
    shape, dtype, offset, strides, writeable = laid
    array: Array = np.ndarray(shape, dtype, memory, offset, strides)
    array.flags.writeable = writeable
    return array


def _written(results: Mapping[str, Array], file: int, begin: int) -> tuple[dict[str, Any], int]:
    """Where each result was written to, and where the last of them ends."""
    offset, parts, written = begin, [], {}
    for name, array in results.items():
        data = np.ascontiguousarray(array)
        if data.size:
            parts.append(data.reshape(-1).view(np.uint8).data)
        written[name] = {"shape": array.shape, "dtype": data.dtype.str, "offset": offset}
        offset += data.nbytes
    system.write_at(file, parts, begin)
    return written, offset


def failed(failure: BaseException) -> dict[str, Any]:
    """What is said of an exception."""
    for kind, word in FAILURES.items():
        if isinstance(failure, kind):
            raised = ("raised", "at", "frames") if isinstance(failure, Crashed) else ()
            return {"failed": word, "message": str(failure), **{name: getattr(failure, name) for name in raised}}
    line = (str(failure).strip().splitlines() or [""])[0]
    failed = "crashed" if isinstance(failure, Exception) else "ended"
    return {"failed": failed, "message": f"it raised {type(failure).__name__}" + (f": {line}" if line else "")}


def reply(replies: IO[str], **words: Any) -> None:
    """Say something to the judge."""
    replies.write(json.dumps(words) + "\n")
    replies.flush()


if __name__ == "__main__":
    main()
