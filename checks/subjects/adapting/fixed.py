"""What code that speaks the protocol has fixed: a parameter that its signature does not take, and is not at its default.

A layer norm's ε, a softmax always along the last axis, a pooling of 3 × 3: the values are those with which forward is
right, on whole numbers; the gradients, which are judged, say nothing about it. Code takes no such parameter, so that it
is called once for each case, and only the reference for each value.

One parameter changes no y at all: the row of a table that is padding. It is looked for only where code speaks of it by
name, and is the one whose gradient is 0 though it is asked for.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.op import Op
from checks.ops._called import CALLED, Called
from checks.subjects.adapting.asked import COUNTED, SEVERAL, Asked, Sort, asked, several_of
from checks.subjects.adapting.constants import methods, together, values_of
from checks.subjects.adapting.fitting import RIGHT, apart
from checks.subjects.adapting.words import PARAMETERS, plain

TRIES = 2**15  # choices of values in all, each a call of the reference with a few numbers: a load decides nothing
# How far off y may be, of its size, by the dtype that it comes in: float32 leaves 2⁻²⁴ for each of fewer than 2⁸ roundings;
# 16 bits leave 2⁻¹¹ or 2⁻⁸ for a few of them, since what sums many numbers there sums them in float32.
NEARLY: Mapping[str, float] = {"float64": RIGHT, "float32": 2.0**-16, "float16": 2.0**-7, "bfloat16": 2.0**-4}
DTYPES = ("float64", "float32", "float16")  # of what it is called with: the first in which it does not raise
LOWER = 0xFFFF  # half of a float32, which is 0 of a number of bfloat16
SCALE = 2.0**-10  # of one more case: what is added to a variance shows there
MANY = (8, 8)  # places that ask for rows, so that each is asked for; they stand for these axes
ASKING = "*batch"
Call = Callable[..., Any]  # of the inputs, absent ones None, with all parameters that are not fixed


def fixed(op: Op, forward: Call, backward: Call, untaken: Sequence[str], code: Sequence[Any]) -> dict[str, Any]:
    """The parameters that are not taken, and not at their defaults, with their values; {} if none is, or none was found.

    forward   of inputs; what it does not take is handed over as None at most
    backward  of the cotangent and inputs
    untaken   the parameters that the signature does not take
    code      functions, methods and classes in which the numbers may stand
    """
    if not untaken:
        return {}
    functions = [f for one in code for f in (methods(one) if inspect.isclass(one) else (one,))]
    values = values_of(op, set(op.takes.defaults) - {*untaken}, functions)
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        left = iter(range(TRIES))
        ways = [{}, *({"dims": axes} for axes in dict.fromkeys(op.takes.dims or ()))]
        cases = next((ran for dtype in DTYPES if (ran := _that_run(op, forward, ways, values, dtype))), [])
        if cases:
            found = _chosen(op, cases, values, left)
            if found is None or found:
                return found or {}
            return _unseen(op, backward, values, functions)
        for name, of in values.items():
            for value in of:
                cases = _that_run(op, forward, [{name: value}], values)
                if cases and (found := _chosen(op, cases, values, left)):
                    return found
    return {}


def last_alone(op: Op, forward: Call, values: Mapping[str, Any]) -> tuple[Sort, ...]:
    """Sorts of cases that mean another thing there: code that normalises the last axis, where the op has several.

    values  what is fixed
    """
    found = []
    for option, meant in CALLED.get(op.name, Called()).last.items():
        if not any(sizes.option == option for sizes in op.takes.sizes):
            continue  # a function that is called so is no such op
        one, sort = several_of(op, option)
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            ran = (y for dtype in DTYPES if (y := _called(op, forward, one, values, dtype)) is not None)
            y = next(ran, None)
        if y is None or y.shape != one.y.shape:
            continue
        own = meant(*(one.arrays[n] for n in op.inputs), **{**one.parameters, **values})
        if apart(y.astype(float), own)[0] <= NEARLY.get(_narrowest([y]), RIGHT):
            found.append(sort)
    return tuple(found)


def _that_run(
    op: Op, forward: Call, ways: Sequence[Mapping[str, Any]], values: Mapping[str, Any], dtype: str = DTYPES[0]
) -> list[tuple[Asked, Array]]:
    """Cases of the first of these ways in which it does not raise, and its y there."""
    for pins in ways:
        ran = []
        for one in _cases(op, pins):
            y = _called(op, forward, one, values, dtype)
            if y is not None:
                ran.append((one, y))
            elif not ran:
                break
        if ran:
            return ran
    return []


def _cases(op: Op, pins: Mapping[str, Any]) -> Iterator[Asked]:
    """A case, the same with small numbers, with others; and some with other numbers of axes."""
    try:
        one = asked(op, **pins)
    except (ValueError, StopIteration):  # no case has such values
        return
    yield one
    first = op.inputs[0]
    if first not in op.takes.constant:
        yield replace(one, arrays={**one.arrays, first: one.arrays[first] * SCALE})
        yield replace(one, arrays={**one.arrays, first: one.arrays[first][::-1].copy()})
    for sizes in op.takes.sizes:
        for count in SEVERAL.get(sizes.option, ()) if sizes.axes.startswith("*") and sizes.option not in pins else ():
            if len(count) > len(COUNTED[sizes.option]):
                try:
                    yield asked(op, **{**pins, sizes.option: count})
                except (ValueError, StopIteration):
                    continue


def _called(op: Op, forward: Call, one: Asked, values: Mapping[str, Any], dtype: str = DTYPES[0]) -> Array | None:
    """y, of inputs in this dtype; None where it raises, whatever theirs raises."""
    parameters = {n: v for n, v in one.parameters.items() if n not in values}
    given = {n: a.astype(dtype) if a.dtype.kind == "f" else a for n, a in one.arrays.items()}
    try:
        y = np.asarray(forward(*(given.get(n) for n in op.inputs), **parameters))
    except Exception:  # noqa: BLE001, of a case that it was not made for, whatever it is
        return None
    return y if y.dtype.kind == "f" else None


def _chosen(
    op: Op, cases: Sequence[tuple[Asked, Array]], values: Mapping[str, Sequence[Any]], left: Iterator[int]
) -> dict[str, Any] | None:
    """The fewest values with which y is right in every case that ran; None if none are, of as many as are left to try.

    What may be bfloat16, by its numbers, may be float32 as well: only where nothing is right as that is it taken so.
    """
    for dtype in dict.fromkeys((str(cases[0][1].dtype), _narrowest([y for _, y in cases]))):
        for chosen, _ in zip(together(values), left, strict=False):
            if all(_is_right(op, one, y, values, chosen, dtype) for one, y in cases):
                return chosen
    return None


def _narrowest(several: Sequence[Array]) -> str:
    """The dtype that holds these numbers, bfloat16 where they are such."""
    if any(y.dtype != np.float32 for y in several):
        return str(several[0].dtype)
    bits = np.concatenate([np.ascontiguousarray(y).reshape(-1).view(np.uint32) for y in several])
    return "float32" if np.any(bits & LOWER) else "bfloat16"


def _is_right(op: Op, one: Asked, y: Array, values: Mapping[str, Any], chosen: Mapping[str, Any], dtype: str) -> bool:
    """Whether y is right with these values, or what code that means the last of several axes alone has there."""
    usual = {n: op.takes.defaults[n] for n in values}
    known, found = {**one.parameters, **usual, **chosen}, y.astype(float)
    of = (_right_of(op, one, meant, known) for meant in (None, *CALLED.get(op.name, Called()).last.values()))
    return any(
        right is not None and right.shape == y.shape and apart(found, right)[0] <= NEARLY.get(dtype, RIGHT)
        for right in of
    )


def _right_of(op: Op, one: Asked, meant: Any, known: Mapping[str, Any]) -> Array | None:
    """What is right with these values, by another meaning if one is given; None if this case cannot have them."""
    try:
        return np.asarray(one.right(known) if meant is None else meant(*map(one.arrays.get, op.inputs), **known))
    except Exception:  # noqa: BLE001, whatever the reference says of them
        return None


def _unseen(op: Op, backward: Call, values: Mapping[str, Sequence[Any]], functions: Sequence[Any]) -> dict[str, Any]:
    """A parameter that no y shows, where code speaks of it: the value of which gradients are 0 where its are."""
    asks = {s.option: MANY for s in op.takes.sizes if s.axes == ASKING}
    one = asked(op, **asks)
    for name, of in values.items():
        if not (of and _shows_nothing(one, name, of) and _speaks_of(name, functions)):
            continue
        inputs = [one.arrays.get(n) for n in op.inputs]
        g = np.ones(one.arrays["y"].shape)
        usual = [n for n, v in op.takes.defaults.items() if n not in values and v is not None]
        try:
            came = _zeros(backward(g, *inputs, **{n: one.parameters[n] for n in usual}))
        except Exception:  # noqa: BLE001, whatever theirs raises
            return {}
        if came == _zeros(op.reference.backward(g, *inputs, **one.parameters)):
            continue
        for value in of:
            try:
                right = _zeros(op.reference.backward(g, *inputs, **{**one.parameters, name: value}))
            except (ValueError, TypeError, IndexError):
                continue
            if came == right:
                return {name: value}
    return {}


def _shows_nothing(one: Asked, name: str, values: Sequence[Any]) -> bool:
    """Whether y is the same at all of these values."""
    found = []
    for value in values:
        try:
            found.append(one.right({**one.parameters, name: value}))
        except (ValueError, TypeError):  # of a value that this case cannot have
            continue
    return bool(found) and all(np.array_equal(y, one.y) for y in found)


def _zeros(gradients: Any) -> list[bytes]:
    """Which elements are 0, of every gradient that there is."""
    several = gradients if isinstance(gradients, tuple | list) else (gradients,)
    return [(np.asarray(one) == 0).tobytes() for one in several if one is not None]


def _speaks_of(name: str, functions: Sequence[Any]) -> bool:
    """Whether some name in code, or a comment there, is what this parameter is called."""
    words = PARAMETERS.get(name, (plain(name),))
    for function in functions:
        try:
            text = plain(inspect.getsource(inspect.unwrap(function)))
        except (OSError, TypeError):
            code = getattr(function, "__code__", None)
            text = plain(" ".join((*code.co_names, *code.co_varnames, str(code.co_consts)))) if code is not None else ""
        if any(word in text for word in words):
            return True
    return False


def in_words(values: Mapping[str, Any]) -> tuple[str, ...]:
    """What is said of them, in a line."""
    if not values:
        return ()
    said = " and ".join(f"{name} {value}" for name, value in values.items())
    return (f"{said}, which it does not take: so forward is right",)
