"""What an op takes, declared: its arrays by named axes, what pins their sizes, and its parameters.

From this follow the options of a command line, what is drawn (cases/drawing.py), which options pin a problem again, what is
counted as tried, and the refusal of pins that no problem has as far as the declaration can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any

from checks.signature.axes import Axes, Shape
from checks.signature.drawing import Draws
from checks.signature.options import Option, Pinned, as_text, ends_of, size_per_axis, sizes_of, whole
from checks.signature.options import shape as shape_of
from checks.signature.options import size as size_of
from checks.signature.windows import pinned_axes

Drawn = Mapping[str, Any]
LOUD = (0, 0, 0, 20, -20)  # powers of two by which inputs are scaled: mostly not at all, else far
FAIR = (0, 0, 20, -20)


def _nothing(pinned: Pinned) -> None:
    """Whatever the declaration allows, some problem has."""


@dataclass(frozen=True)
class Sizes:
    """Axes that one option pins together.

    option  its name: "channels"
    axes    the axes that it pins, in order: "C O", or one that stands for several, "*size"
    among   what is drawn of each, simplest first; none where the op's geometry finds it
    count   of an axis that stands for several and is not spatial: how many there are, simplest first; it may follow from
            what is pinned
    least   the least size that makes sense
    wide    whether it is also tried far beyond what is drawn, where kernels are cut into tiles
    window  whether it is the size of a window, which another input has to have room for
    like    another option, where code may be made for as many as of that alone: keys as queries
    tells   the least size at which results are not what they are anyway: a softmax of one class is 1, its gradient 0
    """

    option: str
    axes: str
    help: str
    among: tuple[int, ...] = ()
    count: tuple[int, ...] | Callable[[Pinned], tuple[int, ...]] = ()
    least: int = 1
    metavar: str = ""
    wide: bool = True
    window: bool = False
    tells: int = 1
    like: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The axes by themselves."""
        return tuple(self.axes.split())

    @property
    def spatial(self) -> bool:
        """Whether it stands for the spatial axes, of which all such have the same number."""
        return self.axes.startswith("*") and not self.count

    def counts(self, pinned: Pinned) -> tuple[int, ...]:
        """How many axes it may stand for, where these values are pinned."""
        return self.count(pinned) if callable(self.count) else self.count

    @property
    def as_option(self) -> Option:
        """How it is pinned."""
        if self.spatial:
            return Option(self.option, self.help, self.metavar or "9 | 9,7", size_per_axis(self.least))
        if self.axes.startswith("*"):
            return Option(self.option, self.help, self.metavar or "2,3,4", shape_of(self.least))
        many = len(self.names)
        parse = size_of(self.least) if many == 1 else sizes_of(many, self.least)
        return Option(self.option, self.help, self.metavar or ("4" if many == 1 else "4,6"), parse)


@dataclass(frozen=True)
class Parameter:
    """A parameter of the op: its default, how it is written, and what is drawn of it.

    One that is called as an option of sizes is what that option pins, such as the size of what comes out.

    parse   reads the text of a command line; None makes a switch
    among   what is drawn, simplest first, which may depend on the sizes; none where the op's geometry finds it
    """

    name: str
    default: Any
    help: str
    metavar: str = ""
    parse: Callable[[str], Any] | None = None
    among: tuple[Any, ...] | Callable[[Drawn], tuple[Any, ...]] = ()


@dataclass(frozen=True)
class Takes:
    """Arrays, sizes and parameters of an op.

    arrays      each input, in the order of the protocol, and "y", by its axes (axes.py)
    sizes       what pins the sizes of axes
    dims        how many spatial axes there are, simplest first; None: there are none
    geometry    draws what depends on one another: sizes of axes and parameters, by name, for so many spatial axes in which
                the pinned values hold; nothing is filtered
    divided     axes that a parameter has to divide, as "C O", by its name
    scales      powers of two that scale an input, simplest first; or the inputs whose scales it follows
    constant    inputs without a gradient
    lacks       inputs that have one, which what is judged does not return
    refuse      raises ValueError, one sentence with a suggestion, for pinned values that no problem has
    """

    arrays: Mapping[str, str]
    sizes: tuple[Sizes, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    dims: tuple[int, ...] | None = None
    geometry: Callable[[Draws, Pinned, int], Drawn] | None = None
    divided: Mapping[str, str] = field(default_factory=dict)
    scales: Mapping[str, tuple[int, ...] | str] = field(default_factory=dict)
    constant: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    refuse: Callable[[Pinned], None] = _nothing

    @cached_property
    def axes(self) -> Mapping[str, Axes]:
        """The axes of each array."""
        return {name: Axes.of(text) for name, text in self.arrays.items()}

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in the order of the protocol."""
        return tuple(name for name in self.arrays if name != "y")

    @cached_property
    def optional(self) -> tuple[str, ...]:
        """Inputs that may be None."""
        return tuple(name for name in self.inputs if self.axes[name].optional)

    @cached_property
    def differentiable(self) -> tuple[str, ...]:
        """Inputs whose gradient is asked for, where they are present."""
        return tuple(name for name in self.inputs if name not in {*self.constant, *self.lacks})

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """The parameters and their defaults."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    @cached_property
    def options(self) -> tuple[Option, ...]:
        """What can be pinned."""
        sizes = tuple(s.as_option for s in self.sizes)
        own = {option.name for option in sizes}
        parameters = tuple(Option(p.name, p.help, p.metavar, p.parse) for p in self.parameters if p.name not in own)
        if not self.dims:
            return (*parameters, *sizes)
        least, most = min(self.dims), max(self.dims)
        metavar = " | ".join(map(str, range(least, most + 1)))
        return (*parameters, Option("dims", "spatial axes", metavar, whole(least, most)), *sizes)

    def check(self, pinned: Pinned) -> None:
        """Raise ValueError, in one sentence with a suggestion, if no problem has these values."""
        if self.dims:
            pinned_axes(pinned)
        for parameter, axes in self.divided.items():
            self._check_divided(pinned, parameter, axes.split())
        for end in (attrgetter("least"), attrgetter("most")):
            self.refuse({name: ends_of(value, end) for name, value in pinned.items()})

    def _check_divided(self, pinned: Pinned, parameter: str, axes: list[str]) -> None:
        pins = {name: size for s in self.sizes for name, size in zip(s.names, _each(s, pinned), strict=False)}
        divisor, sizes = pinned.get(parameter), [pins[name] for name in axes if isinstance(pins.get(name), int)]
        option = next(s.option for s in self.sizes if axes[0] in s.names)
        if divisor is None or not any(size % divisor for size in sizes):
            return
        fits = [str(g) for g in range(1, min(sizes) + 1) if not any(size % g for size in sizes)]
        nearest = ",".join(str(-(-size // divisor) * divisor) for size in sizes)
        raise ValueError(
            f"{parameter} {divisor} does not divide {option} {as_text(tuple(sizes))}; "
            f"{parameter} {' or '.join(fits)} would, or {option} {nearest}"
        )

    def shapes(self, sizes: Drawn, parameters: Drawn) -> dict[str, Shape | None]:
        """The shape of every array where the axes have these sizes."""
        return {name: axes.shape(sizes, parameters) for name, axes in self.axes.items()}

    def completed(self, shapes: Mapping[str, Shape | None]) -> Mapping[str, Shape | None]:
        """The same, once it is known which inputs are there: the shape of y may depend on it."""
        return shapes

    def sizes_in(self, shapes: Mapping[str, Shape | None]) -> dict[str, Any]:
        """The size of each axis in arrays of these shapes."""
        found: dict[str, Any] = {}
        plainest = sorted(self.axes, key=lambda name: sum(axis.startswith("*") for axis in self.axes[name].names))
        for name in plainest:
            if (shape := shapes.get(name)) is not None:
                found = {**self.axes[name].sizes(shape, found), **found}
        return found

    def pins(self, shapes: Mapping[str, Shape | None]) -> dict[str, Any]:
        """The options that pin these sizes."""
        sizes = self.sizes_in(shapes)
        pinned: dict[str, Any] = {}
        for s in self.sizes:
            values = tuple(sizes[name] for name in s.names)
            if s.spatial:
                pinned["dims"] = len(values[0])
            if len(values) > 1 or values[0] != ():
                pinned[s.option] = values if len(values) > 1 else values[0]
        return pinned

    def tried(self, shapes: Mapping[str, Shape | None], parameters: Drawn) -> dict[str, tuple[Any, ...]]:
        """What a reader wants to know was tried; values along each axis are counted axis by axis."""
        sizes = self.sizes_in(shapes)
        spatial = next((sizes[s.names[0]] for s in self.sizes if s.spatial), ())
        return {
            **({"dims": (len(spatial),)} if self.dims else {}),
            **{
                name: tuple(map(_said, value if isinstance(value, tuple) else (value,)))
                for name, value in parameters.items()
            },
            **dict(self._sizes_tried(sizes)),
            **{name: (_said(shapes[name] is not None),) for name in self.optional},
        }

    def _sizes_tried(self, sizes: Drawn) -> Iterator[tuple[str, tuple[Any, ...]]]:
        for s in self.sizes:
            values = [sizes[name] for name in s.names]
            if len(values) == 1:
                yield s.option, values[0] if isinstance(values[0], tuple) else (values[0],)
                continue
            yield s.option, ("in = out" if values[0] == values[1] else "in ≠ out",)
            yield from ((f"{s.option} {end}", (value,)) for end, value in zip(("in", "out"), values, strict=True))

    def leading(self) -> tuple[str, ...]:
        """Inputs whose first axis is that of y."""
        first = self.axes["y"].names[:1]
        return tuple(name for name in self.inputs if first and self.axes[name].names[:1] == first)


def _each(sizes: Sizes, pinned: Pinned) -> tuple[Any, ...]:
    value = pinned.get(sizes.option)
    return () if value is None else value if isinstance(value, tuple) and len(sizes.names) > 1 else (value,)


def _said(value: Any) -> Any:
    """A switch in words."""
    return ("no", "yes")[value] if isinstance(value, bool) else value
