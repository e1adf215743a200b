"""The process of functions: `python -P names.py checks.functions.serving SETTINGS`, which isolated.py alone starts.

It finds what the command line names, says what that is, and calls it as often as it is told to. What is passed lies in the
file of inputs, where the judge sees what was written to; results that lie in that very memory are told as such, and those
that share memory among themselves are sent in one piece.
"""

from __future__ import annotations

import ctypes
import inspect
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from checks.cases.layouts import address
from checks.functions import framework, tensors  # noqa: F401, loaded before names are the user's
from checks.functions.named import backward_of, judged
from checks.functions.wire import BROUGHT, Forms
from checks.numbers.precision import Array
from checks.subjects import lifeline, system
from checks.subjects.memory import Kept
from checks.subjects.names import theirs
from checks.subjects.refusals import Crashed, Ended, Malformed, Unsupported
from checks.subjects.worker import array_in, commands, failed, mapped, reply

Function = Callable[..., Any]
PARTS = ("double_backward", "jvp")  # that the command line may name
FEW = 4  # times its numbers, for the memory between those of a result: more of it is not sent


def main() -> None:
    """Load, then serve until the judge closes its end."""
    settings = json.loads(sys.argv[1])
    system.limit(settings["memory"])
    settings |= {name: system.passed(settings[name]) for name in ("commands", "replies", "inputs", "results")}
    lifeline.hold(settings["commands"])
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` has it
    with os.fdopen(settings["replies"], "w", encoding="utf-8") as replies, theirs:
        functions: list[Function] = []
        try:
            told = _loaded(settings, functions)
        except BaseException as failure:  # noqa: BLE001, whatever it raises is what is reported
            reply(replies, **failed(failure))
            return
        reply(replies, ready=told)
        forms, kept = Forms(), Kept()
        for command in commands(settings["commands"]):
            reply(replies, **_answer(functions[command["call"]], command, settings, forms, kept))


def _loaded(settings: Mapping[str, Any], functions: list[Function]) -> dict[str, Any]:
    """What is said of the functions that are named, each of which gets a number."""
    forward, backward, weights = judged(settings["function"], settings["backward"], settings["dtype"])
    others = {part: backward_of(settings[part], settings["dtype"]) for part in PARTS if settings[part]}
    said = {name: _told(one, functions) for name, one in {"function": forward, "backward": backward, **others}.items()}
    return {**said, "weights": weights}


def _told(one: Function, functions: list[Function]) -> dict[str, Any]:
    functions.append(one)
    told: dict[str, Any] = {
        "number": len(functions) - 1,
        "name": _name(one),
        "signature": _signature(one),
        "narrow": str(getattr(one, "narrow", "")),
        "convention": str(getattr(one, "convention", "")),
        "lacks": list(getattr(one, "lacks", ())),
    }
    return told | {part: _told(found, functions) for part in BROUGHT if (found := getattr(one, part, None)) is not None}


def _name(one: Function) -> str:
    return str(getattr(one, "__name__", type(one).__name__))


def _signature(one: Function) -> list[tuple[str, int, bool]] | None:
    """Name, kind, and whether there is a default, of each parameter; None if it has none."""
    try:
        parameters = inspect.signature(one).parameters.values()
    except (TypeError, ValueError):
        return None
    return [(p.name, int(p.kind), p.default is not p.empty) for p in parameters]


def _answer(
    function: Function, command: Mapping[str, Any], settings: Mapping[str, Any], forms: Forms, kept: Kept
) -> dict[str, Any]:
    """What one call returns, or what went wrong."""
    name = _name(function)
    try:
        memory = mapped(settings["inputs"], os.fstat(settings["inputs"]).st_size)
        given = [array_in(memory, laid) for laid in command["arrays"]]
        returned = _called(function, name, forms.tree(command["arguments"], given))
        ends: list[Any] = []
        form = forms.text(returned, ends)
        arrays = [_numbers(name, end) for end in ends]
        low = address(np.frombuffer(memory, np.uint8))
        reused = kept.overwritten(str(command["call"]), arrays, given)
        return {
            "form": form,
            "arrays": _written(arrays, (low, low + len(memory)), settings["results"]),
            "reused": reused,
        }
    except BaseException as failure:  # noqa: BLE001, whatever it raises is what is reported
        return failed(failure)


def _called(function: Function, name: str, arguments: Sequence[Any]) -> Any:
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            return function(*arguments)
    except NotImplementedError as refusal:
        raise Unsupported(str(refusal)) from refusal
    except (Malformed, Unsupported):
        raise
    except Exception as error:
        raise Crashed.by(name, error) from error
    except BaseException as error:  # sys.exit(0) must not look like a verdict
        raise Ended.by(name, error) from error


def _numbers(name: str, end: Any) -> Array:
    try:
        array = np.asarray(end)
    except Exception as error:
        raise Malformed(f"{name} returned what is no array: {type(error).__name__}: {error}") from error
    if array.dtype.kind not in "fiubc":
        raise Malformed(f"{name} returned {array.dtype} ({type(end).__name__}); expected arrays of real numbers")
    return array


def _written(arrays: Sequence[Array], inputs: tuple[int, int], file: int) -> list[dict[str, Any]]:
    """How each result lies in the file of inputs, if it is there, or in that of results, where it is written to."""
    told: dict[int, dict[str, Any]] = {}
    end = 0
    for group in _together(arrays):
        low, high = group[0][1], max(high for _, _, high in group)
        among = [arrays[at] for at, _, _ in group]
        is_input = inputs[0] <= low and high <= inputs[1] and low < high
        if is_input:
            places = [(address(a) - inputs[0], a.strides) for a in among]
        elif len(group) > 1 and high - low <= FEW * sum(a.nbytes for a in among):
            _write(_memory(low, high), file, end)
            places = [(end + address(a) - low, a.strides) for a in among]
            end += -(-(high - low) // 64) * 64
        else:
            places = []
            for a in among:
                data = np.ascontiguousarray(a).reshape(a.shape)
                _write(data.reshape(-1).view(np.uint8), file, end)
                places.append((end, data.strides))
                end += -(-data.nbytes // 64) * 64
        for (at, _, _), (offset, strides) in zip(group, places, strict=True):
            a = arrays[at]
            told[at] = {"shape": a.shape, "dtype": a.dtype.str, "offset": offset, "strides": strides, "input": is_input}
    return [told[at] for at in range(len(arrays))]


def _together(arrays: Sequence[Array]) -> Iterator[list[tuple[int, int, int]]]:
    """Which of them lie in one piece of memory: their places, and from where to where each lies, the lowest first."""
    bounds = [(at, *np.lib.array_utils.byte_bounds(a)) if a.size else (at, 0, 0) for at, a in enumerate(arrays)]
    group: list[tuple[int, int, int]] = []
    for one in sorted(bounds, key=lambda b: b[1]):
        if group and (one[1] >= max(high for _, _, high in group) or not arrays[one[0]].size):
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _memory(low: int, high: int) -> Array:
    """The bytes between two addresses, which somebody holds."""
    return np.ctypeslib.as_array((ctypes.c_uint8 * (high - low)).from_address(low))


def _write(data: Array, file: int, offset: int) -> None:
    if data.size:
        system.write_at(file, [data.data], offset)


if __name__ == "__main__":
    main()
