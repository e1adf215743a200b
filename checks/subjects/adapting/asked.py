"""What is asked of a layer before it is judged: cases whose axes all differ, and kinds of cases that it may not take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from random import Random
from typing import Any

import numpy as np

from checks.cases.drawing import problem
from checks.numbers.precision import Array
from checks.op import Op
from checks.signature.axes import parts
from checks.signature.drawing import ByChance
from checks.signature.takes import Sizes
from checks.subjects.adapting.words import FOLLOWS

# By option; sizes of y differ from these too, so that only one arrangement fits.
PINS: Mapping[str, Any] = {
    "features": (3, 4),
    "channels": (3, 5),
    "kernel": (4, 4),
    "size": (9, 10),
    "spatial": (7, 8),
    "rows": 7,
    "width": 5,
    "classes": 5,
    "hidden": 5,
    "queries": 3,
    "keys": 4,
    "values": 7,
    "heads": 6,
}
COUNTED: Mapping[str, tuple[int, ...]] = {
    "batch": (2,),
    "last": (5,),
    "shape": (4, 8),
}  # of what stands for several axes
SEVERAL: Mapping[str, tuple[tuple[int, ...], ...]] = {
    "batch": ((2, 6), ()),
    "last": ((6, 5),),
    "shape": ((2, 4, 8), (5,)),
}
# Those of the reference, which is not imported here: until ops are loaded, `reference` may be a name of the user's own.
NAMED_PADDINGS = ("valid", "same", "full")
WHOLE = ("size", "spatial")  # sizes of x that a layer is not told
UNEQUAL = (1, 2)  # what is added to a parameter along each of two axes
ALONE = ("classes",)  # of which one decides nothing: numbers of classes look like one-hot rows then
TRIES = 200  # until no array is left out
AROUND = "size"  # of a window around each channel, which some have the other way round where it has no middle
IGNORED = "ignore_index"  # the parameter that is such a label
ODD = 3  # a window that has a middle
SMALLEST = 4  # of sizes that are alike
DIVISIBLE = (8, 12)  # sizes of x, by its windows
LARGEST = 4  # of the whole numbers: sums of products of them are exact


@dataclass(frozen=True)
class Asked:
    """One case: the size of each axis, the parameters, and whole numbers for every array, y's cotangent among them."""

    op: Op
    sizes: Mapping[str, Any]
    parameters: Mapping[str, Any]
    arrays: Mapping[str, Array]

    @cached_property
    def y(self) -> Array:
        """What is right."""
        return self.right(self.parameters)

    @property
    def spatial(self) -> str:
        """The name of the first spatial axes, "" if there are none."""
        return next((s.axes for s in self.op.takes.sizes if s.spatial), "")

    @property
    def dims(self) -> int:
        """How many spatial axes there are."""
        return len(self.sizes[self.spatial]) if self.spatial else 0

    def right(self, parameters: Mapping[str, Any], without: tuple[str, ...] = ()) -> Array:
        """What is right with these parameters, where some arrays are left out."""
        inputs = [None if n in without else self.arrays[n] for n in self.op.inputs]
        return np.asarray(self.op.reference.forward(*inputs, **parameters))


@dataclass(frozen=True)
class Sort:
    """A sort of case, told by its sizes and parameters, in words for one that is not taken, and a case of it.

    strict  whether it is taken only where y is right, too: others may read it as something else
    """

    words: str
    holds: Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
    pins: Mapping[str, Any]
    strict: bool = False


def asked(op: Op, **pins: Any) -> Asked:
    """The case with these pins, of which the rest is the op's default and PINS."""
    known = {option.name: option for option in op.takes.options}
    held = {name: value for name, value in PINS.items() if name in known}
    for sizes in op.takes.sizes:
        count = COUNTED.get(sizes.option)
        if count is not None:
            held[sizes.option] = count if sizes.axes.startswith("*") else count[0]
        elif len(sizes.names) == 1 and isinstance(held.get(sizes.option), tuple) and not sizes.axes.startswith("*"):
            held[sizes.option] = held[sizes.option][0]
    if op.takes.dims:
        axes = pins.get("dims", op.takes.dims[0])
        held["dims"] = axes
        for sizes in op.takes.sizes:
            if sizes.spatial and sizes.option in held:
                held[sizes.option] = (*held[sizes.option], 6)[:axes]
        held = {n: v for n, v in held.items() if v != ()}
    held = _divisible(op, held, pins)
    usual = {n: {**op.takes.defaults, **pins}.get(FOLLOWS.get(n, ""), v) for n, v in op.takes.defaults.items()}
    usual = {n: v for n, v in usual.items() if v is not None}
    held |= {**usual, **pins}
    tries = (problem(ByChance(Random(seed)), op, held, "float64") for seed in range(TRIES))  # noqa: S311, no secret
    # An array that is left out says nothing of its axes.
    one = next(p for p in tries if None not in p.shapes.values())
    drawn = one.reals()
    drawn_with = {
        *usual,
        *pins,
        *(s.option for s in op.takes.sizes),
    }  # a size that is written is known, once it is drawn
    absent = {n: None for n, v in op.takes.defaults.items() if v is None and n not in drawn_with}
    parameters = {**one.parameters, **absent}
    sizes_in = op.takes.sizes_in(one.shapes)
    rng = np.random.default_rng(0)
    arrays = {}
    for name, shape in op.takes.shapes(sizes_in, parameters).items():
        if shape is None:
            continue
        if name in op.takes.constant:
            given = drawn.input(name) if one.shapes[name] is not None else np.zeros(shape)
            arrays[name] = _counted(np.asarray(given), parameters)
        else:
            arrays[name] = rng.integers(-LARGEST, LARGEST + 1, shape).astype(float)
    return _defined(Asked(op, sizes_in, parameters, arrays))


def _counted(labels: Array, parameters: Mapping[str, Any]) -> Array:
    """Labels without those that say that a place does not count: code may not know any."""
    ignored = parameters.get(IGNORED)
    return labels if ignored is None else np.where(labels == ignored, 0, labels)


def _defined(one: Asked) -> Asked:
    """The case, of positive numbers where y is not defined for others: the target of a divergence."""
    with np.errstate(all="ignore"):
        if np.isfinite(one.y).all():
            return one
    constant = one.op.takes.constant
    return replace(one, arrays={n: a if n in constant else np.abs(a) + 1 for n, a in one.arrays.items()})


def _divisible(op: Op, held: Mapping[str, Any], pins: Mapping[str, Any]) -> dict[str, Any]:
    """The same, where a pinned parameter has to divide sizes: as many times."""
    found = dict(held)
    for parameter, axes in op.takes.divided.items():
        by = pins.get(parameter, 1)
        for sizes in op.takes.sizes if isinstance(by, int) and by > 1 else ():
            if sizes.option in found and sizes.option not in pins and {*axes.split()} & {*sizes.names}:
                value = found[sizes.option]
                found[sizes.option] = tuple(n * by for n in value) if isinstance(value, tuple) else value * by
    return found


def alike_sizes(op: Op) -> dict[str, int]:
    """Sizes of which code may ask that they are as large as others, each pair of another size."""
    return {n: SMALLEST + at for at, s in enumerate(op.takes.sizes) if s.like for n in (s.option, s.like)}


def dividing_sizes(op: Op) -> dict[str, Any]:
    """Sizes that windows of two leave nothing over of, which some code asks for; none where there are no such windows."""
    windows = op.takes.defaults.get("kernel_size") and any(s.option == "size" for s in op.takes.sizes)
    return {"size": DIVISIBLE} if windows else {}


def odd_sizes(op: Op) -> dict[str, Any]:
    """Windows of odd size, which some code asks for."""
    for name in ("kernel_size", AROUND):
        if op.takes.defaults.get(name):
            return {name: ODD}
    kernel = next((s for s in op.takes.sizes if s.axes == "*kernel"), None)
    return {kernel.option: (ODD,) * (op.takes.dims or (1,))[0]} if kernel is not None else {}


def completed(
    op: Op, sizes: Mapping[str, Any], shapes: Mapping[str, Any], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """The sizes, and those of axes that stand nowhere by themselves, as O in O/groups where there is no bias.

    Or in y alone, and in a parameter that is called as what pins them: the output of a fold.
    """
    found = dict(sizes)
    for s in op.takes.sizes:
        if len(s.names) == 1 and isinstance(value := parameters.get(s.option), tuple):
            found.setdefault(s.names[0], value)
    for n, shape in shapes.items():
        at = 0
        for name in op.takes.axes[n].names if shape is not None else ():
            if name.startswith("*"):
                at += len(found[name])
                continue
            factor, axis, _, divisor = parts(name)
            found.setdefault(axis, shape[at] * parameters.get(divisor, 1) // factor)
            at += 1
    return found


def sorts(of: Asked, pins: Mapping[str, Any]) -> Iterator[Sort]:
    """Sorts of cases that a layer may not be made for, though its signature cannot say so; beside what is pinned."""
    for dims in sorted({*(of.op.takes.dims or ())} - {of.dims}) if "dims" not in pins else ():
        yield Sort(f"{dims} spatial axes", partial(_has_axes, of.spatial, dims), {"dims": dims}, strict=True)
    for sizes in of.op.takes.sizes:
        if sizes.option not in pins:
            yield from _sorts_of_sizes(sizes, of.dims)
        if sizes.like and not {sizes.option, sizes.like} & {*pins}:
            both = (*sizes.names, *next(s.names for s in of.op.takes.sizes if s.option == sizes.like))
            alike = alike_sizes(of.op)
            more = {**alike, sizes.option: alike[sizes.option] + len(alike)}
            yield Sort(f"other {sizes.option} than {sizes.like}", partial(_differ, both), more)
    yield from _sorts_of_followers(of, pins)
    yield from _sorts_of_windows(of, pins)
    for name, default in of.op.takes.defaults.items():
        if name in pins:
            continue
        spatial = type(default) is int or name in FOLLOWS
        if spatial and of.dims == len(UNEQUAL) and name != "groups":
            unequal = tuple((default or 0) + more for more in UNEQUAL)
            yield Sort(f"unequal {name}", partial(_unequal, name), {name: unequal})
        if name == "padding":
            yield from _sorts_of_words(strides="stride" in of.op.takes.defaults and "stride" not in pins)


def _sorts_of_followers(of: Asked, pins: Mapping[str, Any]) -> Iterator[Sort]:
    """A parameter that is not what it follows where it is not said: a stride other than the window."""
    for name, window in FOLLOWS.items():
        if name in of.op.takes.defaults and of.dims == len(DIVISIBLE) and not {name, window, "size"} & {*pins}:
            more: dict[str, Any] = {name: 1, window: 2, "size": DIVISIBLE}
            yield Sort(f"a {name} other than the {window}", partial(_unlike, name, window), more)


def _sorts_of_windows(of: Asked, pins: Mapping[str, Any]) -> Iterator[Sort]:
    """Windows that have no middle."""
    for name, odd in odd_sizes(of.op).items():
        if name not in pins:
            even: Any = tuple(n + 1 for n in odd) if isinstance(odd, tuple) else odd + 1
            axes = "" if name in of.op.takes.defaults else "*kernel"
            pinned = {name: even[: of.dims] if axes else even}
            yield Sort("windows of even size", partial(_even, name, axes), pinned, strict=name == AROUND)


def _sorts_of_sizes(sizes: Sizes, dims: int) -> Iterator[Sort]:
    """Other numbers of axes than usual, and sizes of a kernel that differ along the axes."""
    if sizes.option in SEVERAL and sizes.axes.startswith("*"):
        usual = len(COUNTED[sizes.option])
        for count in SEVERAL[sizes.option]:
            words = f"{'several axes' if count else 'no axis'} of {sizes.option}"
            yield Sort(words, partial(_as_many, sizes.axes, len(count), usual), {sizes.option: count}, strict=True)
    elif sizes.option in ALONE:
        yield Sort(f"one of {sizes.option}", partial(_is_one, sizes.axes), {sizes.option: 1})
    elif sizes.spatial and sizes.option in PINS and sizes.option not in WHOLE and dims == len(UNEQUAL):
        differing = tuple(n - i for i, n in enumerate(PINS[sizes.option]))
        words = f"unequal sizes of a {sizes.option}"
        yield Sort(words, partial(_uneven, sizes.axes), {sizes.option: differing})


def several_of(op: Op, option: str) -> tuple[Asked, Sort]:
    """The case in which an option stands for several axes, and the sort of such cases."""
    sizes = next(s for s in op.takes.sizes if s.option == option)
    sort = next(_sorts_of_sizes(sizes, 0))
    return asked(op, **sort.pins), sort


def _sorts_of_words(*, strides: bool) -> Iterator[Sort]:
    """Paddings by their names: TensorFlow's "same" is another one where there are strides."""
    for word in NAMED_PADDINGS:
        yield Sort(f"padding {word!r}", partial(_named, word), {"padding": word}, strict=True)
        if strides:
            moving = {"padding": word, "stride": 3}
            yield Sort(f"padding {word!r} and strides", partial(_moving, word), moving, strict=True)


def _as_many(axis: str, many: int, usual: int, sizes: Mapping[str, Any], _: Mapping[str, Any]) -> bool:
    return len(sizes[axis]) > usual if many > usual else len(sizes[axis]) < usual


def _has_axes(axis: str, many: int, sizes: Mapping[str, Any], _: Mapping[str, Any]) -> bool:
    return len(sizes[axis]) == many


def _differ(axes: tuple[str, ...], sizes: Mapping[str, Any], _: Mapping[str, Any]) -> bool:
    return len({sizes[axis] for axis in axes}) > 1


def _is_one(axis: str, sizes: Mapping[str, Any], _: Mapping[str, Any]) -> bool:
    return bool(sizes[axis] == 1)


def _uneven(axis: str, sizes: Mapping[str, Any], _: Mapping[str, Any]) -> bool:
    return len(set(sizes[axis])) > 1


def _unequal(name: str, _: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    value = parameters[name]
    value = parameters.get(FOLLOWS.get(name, "")) if value is None else value
    return isinstance(value, tuple) and len(set(value)) > 1


def _unlike(name: str, window: str, _: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    value = parameters[name]
    return value is not None and bool(np.any(np.asarray(value) != np.asarray(parameters.get(window, value))))


def _even(name: str, axes: str, sizes: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    window = sizes[axes] if axes else parameters[name]
    return bool(np.any(np.asarray(window) % 2 == 0))


def _moving(word: str, sizes: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    return _named(word, sizes, parameters) and bool(np.any(np.asarray(parameters["stride"]) != 1))


def _named(word: str, _: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    return bool(parameters["padding"] == word)
