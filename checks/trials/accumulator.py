"""How many bits an implementation keeps its sums in, read from sums that cancel: 2^k, 1, 0 …, −2^k.

They add to 1 where k bits are kept. Where 2^k and 1 meet in p ≤ k bits, the 1 is lost, and 0 comes out. Put along one axis
of a sum at a time, this reads the width of the accumulator at each place: inside a sample, across samples, across the taps
of a kernel. Three calls or so for each place, and nothing is compared with anything.

**Where a sum is.** A gradient is linear in the cotangent, and y in some input, while everything else is held. Held at 1,
an element is c·Σ dⱼ over some places of that array d, with one c for most ops. The reference says which places they are,
since it can be run the other way round: dⱼ is in element i as often as the transpose brings from eᵢ to j. For a gradient
of a, in which y is linear, the transpose is forward itself at a = eᵢ.

Kernels choose another way where more axes than one are there, so each axis is read alone and among the others, and the
narrower counts.

**What is not read.** 2^(p−1) + 1 has p bits, so the dtype itself can hold it: an implementation that loses the 1 even
there, or from which anything but 1 and 0 comes, computes something else than this sum, and nothing is said of its width.

The powers stay in the range of the dtype: 2^h, 2^(h−k) and −2^h with the largest h that does, for k up to 23.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import frexp
from random import Random
from typing import Any

import numpy as np

from checks.cases.drawing import problem as drawn
from checks.numbers.precision import ACCUMULATORS, PRECISIONS, Array, accumulator
from checks.op import Case, Op, Problem
from checks.signature.drawing import ByChance
from checks.signature.takes import Sizes
from checks.subjects.implementation import Judged

TERMS = 8  # places along the axis that is read
FEWEST = 3  # 2^k, 1 and −2^k
TRIES = 6  # ways to put them on what is summed, where it is only asked whether sums are narrow
CALLED = {"batch": "samples", "size": "positions", "kernel": "the taps of the kernel"}

Index = tuple[int, ...]


@dataclass(frozen=True)
class Sum:
    """An element of a result as unit · Σ of the elements of one array at these places, everything else held at 1.

    array   the input that is summed, or "g", the cotangent
    zero    the inputs that are 0 rather than 1
    """

    result: str
    element: Index
    array: str
    unit: float
    places: tuple[Index, ...]
    zero: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where products of a result are summed: the axis, by its declared name, and how a reader would call it.

    Neither, where bits are lost of which no single axis shows where.
    """

    result: str
    axis: str
    words: str


def widths(implementation: Judged, dtype: str) -> Mapping[Place, int]:
    """The bits that sums are kept in at each place, as far as they can be read: those of the accumulator at most."""
    key = "widths", dtype
    if key not in implementation.remembered:
        implementation.remembered[key] = _read(implementation, dtype)
    found: Mapping[Place, int] = implementation.remembered[key]
    return found


def loses(implementation: Judged, problem: Problem, name: str) -> bool:
    """Whether any of a few ways to put 2^k, 1 and −2^k on the longest sum of a result shows that it is kept narrow.

    Where less than three products are summed, another problem of the op is asked.

    name  "y", or the input whose gradient it is
    """
    problem = _long_enough(implementation, problem, name)
    lost = _remembered(implementation, "loses", problem, name, lambda: _loses(implementation, problem, name))
    return bool(lost)


def _remembered(judged: Judged, what: str, problem: Problem, name: str, answer: Callable[[], Any]) -> Any:
    """The answer to what does not depend on the numbers of a problem, which is worked out once."""
    key = what, problem.dtype, repr((dict(problem.shapes), dict(problem.parameters))), name
    if key not in judged.remembered:
        judged.remembered[key] = answer()
    return judged.remembered[key]


def summed_by(judged: Judged, problem: Problem, name: str) -> Sum | None:
    """The longest sum of a result, as `summed` has it, remembered with what is judged."""
    found: Sum | None = _remembered(judged, "summed", problem, name, lambda: summed(problem, name))
    return found


def _long_enough(judged: Judged, problem: Problem, name: str) -> Problem:
    """The problem, or one in which enough products are summed."""
    found = summed_by(judged, problem, name)
    if found is None or len(found.places) >= FEWEST:
        return problem
    key = "together", problem.dtype
    if key not in judged.remembered:
        judged.remembered[key] = tuple(_together(problem.op, problem.dtype))
    together: tuple[Problem, ...] = judged.remembered[key]
    return next(iter(together), problem)


def _loses(implementation: Judged, problem: Problem, name: str) -> bool:
    found, bits = summed_by(implementation, problem, name), PRECISIONS[problem.dtype].bits
    if found is None or len(found.places) < FEWEST:
        return False
    chance, places = Random(name), found.places  # noqa: S311, no secret
    ways = [(places[0], places[1], places[-1]), *(tuple(chance.sample(places, 3)) for _ in range(TRIES - 1))]
    if any(_adds_to(implementation, problem, found, way, bits - 1) != 1 for way in ways[:2]):
        return False
    return any(_adds_to(implementation, problem, found, way, bits + 1) == 0 for way in ways)


def rounds_products(implementation: Judged, problem: Problem, name: str) -> bool:
    """Whether products are rounded to the dtype before they are summed.

    With v = 1 + 2^(1−p) in place of 1 for all that is held, v·v − v·1 − v·(v − 1) is 0. The first product has 2p − 1
    bits, of which p lose the last, 2^(2−2p): that comes out, with a minus, where the other two have no more than p. Where
    less than three products are summed, another problem of the op is asked.

    name  "y", or the input whose gradient it is
    """
    problem = _long_enough(implementation, problem, name)
    rounded = _remembered(implementation, "products", problem, name, lambda: _rounds(implementation, problem, name))
    return bool(rounded)


def _rounds(implementation: Judged, problem: Problem, name: str) -> bool:
    found, v = summed_by(implementation, problem, name), 1 + 2.0 ** (1 - PRECISIONS[problem.dtype].bits)
    if found is None or len(found.places) < FEWEST:
        return False
    way = found.places[0], found.places[1], found.places[-1]
    right = _adds_to(implementation, problem, found, way, PRECISIONS[problem.dtype].bits - 1) == 1
    left = _element(implementation, problem, found, dict(zip(way, (v, -1.0, 1 - v), strict=True)), held=v)
    return right and left == -((v - 1) ** 2)


def _read(implementation: Judged, dtype: str) -> Mapping[Place, int]:
    op, read = implementation.op, dict[Place, int]()
    if dtype not in ACCUMULATORS:
        return read
    for problem in (*problems(op, dtype), *_together(op, dtype)):
        for name in ("y", *problem.present):
            found = summed(problem, name)
            if found is None:
                continue
            for axis, places in _lines(op, found):
                bits = _width(implementation, problem, found, (places[0], places[1], places[-1]))
                if bits:
                    place = place_of(op, name, axis)
                    read[place] = min(bits, read.get(place, bits))
    for problem in _together(op, dtype):
        for name in ("y", *problem.present):
            result = name if name == "y" else f"grad_{name}"
            wide = all(bits == accumulator(dtype).bits for place, bits in read.items() if place.result == result)
            if wide and loses(implementation, problem, name):
                read[Place(result, "", "")] = PRECISIONS[dtype].bits
    return read


def _width(implementation: Judged, problem: Problem, found: Sum, way: tuple[Index, ...]) -> int:
    """The bits that 2^k and 1 met in, those of the accumulator at most; 0 where that cannot be read."""
    own, kept = PRECISIONS[problem.dtype].bits, accumulator(problem.dtype).bits
    if _adds_to(implementation, problem, found, way, own - 1) != 1:
        return 0
    if _adds_to(implementation, problem, found, way, kept - 1) == 1:
        return kept
    for k in range(own, kept):
        came = _adds_to(implementation, problem, found, way, k)
        if came != 1:
            return k if came == 0 else 0
    return 0


def problems(op: Op, dtype: str, size: int = TERMS) -> Iterator[Problem]:
    """For each axis a problem in which it has that many places, and as far as can be nothing else has more than one."""
    for sizes in op.takes.sizes:
        for at in range(len(sizes.names)):
            pinned: dict[str, Any] = {s.option: _ones(op, s) for s in op.takes.sizes if not s.window or s is sizes}
            pinned[sizes.option] = _with(pinned[sizes.option], at, size)
            if sizes.window:  # a kernel, which an input has to have room for on both sides
                pinned |= {
                    s.option: _with(_ones(op, s), 0, 2 * size - 1) for s in op.takes.sizes if s.spatial and not s.window
                }
            yield from _first(
                op, dtype, {**op.takes.defaults, **{s.option: _ones(op, s) for s in op.takes.sizes}, **pinned}, pinned
            )


def _together(op: Op, dtype: str) -> Iterator[Problem]:
    """A problem in which every axis has a few places."""
    windows = any(s.window for s in op.takes.sizes)
    pinned = {
        s.option: _every(_ones(op, s), 2 * FEWEST - 1 if windows and s.spatial and not s.window else FEWEST)
        for s in op.takes.sizes
    }
    yield from _first(op, dtype, {**op.takes.defaults, **pinned}, pinned)


def _first(op: Op, dtype: str, *pins: Mapping[str, Any]) -> Iterator[Problem]:
    """The problem in which the first of these hold that some problem has; with all inputs, none of them scaled."""
    for pinned in pins:
        try:
            op.takes.check(pinned)
            problem = drawn(ByChance(Random(0)), op, pinned, dtype)  # noqa: S311, no secret
        except ValueError:
            continue
        yield replace(problem, shapes=op.takes.shapes(problem.sizes, problem.parameters), exponents={})
        return


def lengthened(op: Op, dtype: str, place: Place, size: int) -> Problem | None:
    """The problem in which so many products are summed at this place, and as far as can be nowhere else."""
    for problem in problems(op, dtype, size) if place.axis else ():
        found = summed(problem, place.result.removeprefix("grad_"))
        if found is not None and any(axis == place.axis and len(at) >= size for axis, at in _lines(op, found)):
            return problem
    return None


def _ones(op: Op, sizes: Sizes) -> Any:
    if sizes.spatial:
        return (1,) * min(op.takes.dims or (1,), key=lambda dims: abs(dims - 2))
    return (1,) * len(sizes.names) if len(sizes.names) > 1 else (1,) if sizes.axes.startswith("*") else 1


def _every(value: Any, size: int) -> Any:
    return (size,) * len(value) if isinstance(value, tuple) else size


def _with(value: Any, at: int, size: int) -> Any:
    return tuple(size if i == at else one for i, one in enumerate(value)) if isinstance(value, tuple) else size


def summed(problem: Problem, name: str) -> Sum | None:
    """The longest sum of a result; None where it is no sum of equal shares, or the op is linear in nothing.

    name  "y", or the input whose gradient it is
    """
    groups = problem.op.kind.linear_in
    group = next((g for g in groups if name in g), None) if name != "y" else next(iter(groups), None)
    if group is None or 0 in problem.shape("y") or any(0 in (problem.shapes[n] or ()) for n in problem.op.inputs):
        return None
    if name == "y" and problem.shapes[group[0]] is None:  # linear in what is not there
        return None
    ones = problem.reals().each(np.ones_like)
    reference, inputs = problem.op.reference, problem.op.inputs
    array = group[0] if name == "y" else "g"
    zero = tuple(other for other in group if other != name and (name != "y" or other != array))
    if name == "y":
        at = np.asarray(_filled(ones, zero, 0).widened().y)
    else:
        wide = ones.widened()
        at = np.asarray(reference.backward(wide.cotangent, *wide.inputs, **wide.parameters)[inputs.index(name)])
    element: Index = tuple(map(int, np.unravel_index(np.argmax(at), at.shape)))
    unit_vector = np.zeros(at.shape)
    unit_vector[element] = 1
    if name == "y":
        wide = replace(ones, cotangent=unit_vector).widened()
        shares = reference.backward(wide.cotangent, *wide.inputs, **wide.parameters)[inputs.index(array)]
    else:
        moved = _filled(ones, zero, 0).with_input(name, unit_vector).widened()
        shares = reference.forward(*moved.inputs, **moved.parameters)
    shares = np.asarray(shares)
    unit = float(shares.max(initial=0.0))
    if unit <= 0 or frexp(unit)[0] != 0.5:  # no power of two, so that a share of a power of two may be rounded
        return None
    places = tuple(tuple(map(int, place)) for place in np.argwhere(shares == unit))
    return Sum(name, element, array, unit, places, zero)


def _filled(case: Case, names: tuple[str, ...], value: float) -> Case:
    for name in names:
        if case.inputs[case.op.inputs.index(name)] is not None:
            case = case.with_input(name, np.full_like(case.input(name), value))
    return case


def _lines(op: Op, found: Sum) -> Iterator[tuple[str, tuple[Index, ...]]]:
    """For each axis of what is summed the places along it: those that share all others with the first."""
    first = found.places[0]
    for axis, where in axes_of(op, found.array, len(first)).items():
        along = tuple(
            place for place in found.places if all(place[i] == first[i] for i in range(len(first)) if i not in where)
        )
        if len(along) >= FEWEST:
            yield axis, along


def axes_of(op: Op, array: str, dims: int) -> Mapping[str, tuple[int, ...]]:
    """The axes of an array of so many dimensions, by their declared names: which they are."""
    names = op.takes.axes["y" if array == "g" else array].names
    found, at = {}, 0
    for name in names:
        many = dims - len(names) + 1 if name.startswith("*") else 1
        found[name.partition("/")[0]] = tuple(range(at, at + many))
        at += many
    return found


def place_of(op: Op, name: str, axis: str) -> Place:
    """The place by its axis, in words. Positions that an element does not have, or only a few of them, are taps."""
    declared = next((s for s in op.takes.sizes if axis in s.names), None)
    spatial = axis.startswith("*") and op.takes.dims is not None
    own = op.takes.axes[name].names
    if spatial:
        windows = any(other.startswith("*") and not _is_kernel(op, other) for other in own)
        words = CALLED["kernel" if windows else "size"]
    else:
        words = axis if declared is None else CALLED.get(declared.option, declared.option)
        if declared is not None and len(declared.names) == 2:
            words += " in" if declared.names[0] == axis else " out"
    return Place(name if name == "y" else f"grad_{name}", axis, f"across {words}")


def _is_kernel(op: Op, axis: str) -> bool:
    return any(axis in s.names and s.window for s in op.takes.sizes)


def _adds_to(implementation: Judged, problem: Problem, found: Sum, way: tuple[Index, ...], k: int) -> float:
    """What 2^k + 1 − 2^k is, put in three places of a sum."""
    precision = PRECISIONS[problem.dtype]
    high = min(k, precision.highest - 2 - max(0, frexp(found.unit)[1]))
    numbers = dict(zip(way, (2.0**high, 2.0 ** (high - k), -(2.0**high)), strict=True))
    return _element(implementation, problem, found, numbers) * 2.0 ** (k - high)


def _element(
    implementation: Judged, problem: Problem, found: Sum, numbers: Mapping[Index, float], held: float = 1.0
) -> float:
    """The element, as a multiple of its unit, of these numbers in these places and 0 in all others."""
    case = _filled(problem.reals().each(lambda a: np.full_like(a, held)), found.zero, 0)
    array: Array = np.zeros_like(case.cotangent if found.array == "g" else case.input(found.array))
    for place, number in numbers.items():
        array[place] = number
    if found.array == "g":
        result = implementation.backward(replace(case, cotangent=array))[found.result]
    else:
        result = implementation.forward(case.with_input(found.array, array))
    return float(result[found.element]) / found.unit
