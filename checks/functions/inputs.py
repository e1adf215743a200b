"""What a function takes, as it is written: "B,T,D D D" or "8,5:positive V,D 20:integers(0,V) given.npz".

A shape is sizes, separated by commas: a number stays as it is, a name is drawn and is the same size wherever it stands, and
60..140 is drawn between the two; () is a single number. After a colon stands what kind of numbers are drawn, uniform on
(-1, 1) if nothing does:

- `positive`         2 to a power between −2 and 2
- `uniform(a,b)`     between a and b
- `probabilities`    positive, with a sum of 1 along the last axis
- `spd`              symmetric positive definite matrices, of which the last two axes are the sides. Only symmetric changes
                     make sense of such, so that the gradient is judged by its symmetric part
- `integers(a,b)`    whole numbers from a up to, but without, b, as NumPy draws them; b may be the name of a size. They
                     have no gradient

FILE.npz is all arrays of a file in order, FILE.npz:NAME one of them, FILE.npy its array: numbers that stay what they are.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from checks.numbers.precision import Array
from checks.signature.options import Range, size_entry

HELP = """\
inputs, one word for each:
  3,4                   a shape; () is a single number
  B,T,4                 names are sizes that are drawn, the same wherever they stand; 60..140 is drawn between the two
  B,D:positive          which numbers: positive, uniform(a,b), probabilities (along the last axis), spd (symmetric positive
                        definite), or integers(a,b), up to but without b, which may be a name: they have no gradient
  given.npz given.npz:x the arrays of a file as they are, or one of them"""
WORDS = re.compile(r"[^\s(]*(?:\([^)]*\)[^\s(]*)+|\S+")
KIND = re.compile(r"(\w+)(?:\((.*)\))?")
NUMBERED = "size"  # what a range without a name is called, with its place
Function = Callable[..., Any]
Size = int | str
Sizes = Mapping[str, int]
_KINDS: dict[str, tuple[int, Callable[[Any, tuple[int, ...], tuple[float, ...]], Array]]] = {
    "positive": (0, lambda rng, shape, _: np.asarray(2.0 ** rng.uniform(-2, 2, shape))),
    "uniform": (2, lambda rng, shape, ends: np.asarray(rng.uniform(*ends, shape))),
    "probabilities": (0, lambda rng, shape, _: _shares(2.0 ** rng.uniform(-2, 2, shape))),
    "spd": (0, lambda rng, shape, _: _definite(rng.uniform(-1, 1, shape))),
    "integers": (2, lambda rng, shape, ends: np.asarray(rng.integers(*ends, shape))),
}


@dataclass(frozen=True, eq=False)
class Input:
    """One input: what it is drawn from, or the array that it is.

    axes    a number, or the name of a size, for each axis
    kind    which numbers are drawn, "" for the usual ones; ends: what stands in its parentheses
    given   the array, if its numbers are taken as they are
    """

    axes: tuple[Size, ...]
    kind: str = ""
    ends: tuple[float | str, ...] = ()
    given: Array | None = None

    @property
    def is_cotangent(self) -> bool:
        """Whether it is the cotangent of a backward that is judged as a function, which is linear in it."""
        return False

    @property
    def is_scaled(self) -> bool:
        """Whether its numbers may be multiplied by a power of two."""
        return self.given is None and self.kind in {"", "positive"}

    def shape(self, sizes: Sizes) -> tuple[int, ...]:
        """Its shape where the names have these sizes."""
        return tuple(sizes[a] if isinstance(a, str) else a for a in self.axes)

    def drawn(self, rng: np.random.Generator, sizes: Sizes) -> Array:
        """Its numbers: those that are given, or others from this generator."""
        if self.given is not None:
            return self.given
        shape = self.shape(sizes)
        if not self.kind:
            return np.asarray(rng.uniform(-1, 1, shape))
        ends = tuple(sizes[e] if isinstance(e, str) else e for e in self.ends)
        return _KINDS[self.kind][1](rng, shape, ends)

    def sizes_in(self, shape: Sequence[int]) -> dict[str, int]:
        """What size each name has in an array of this shape."""
        return {a: n for a, n in zip(self.axes, shape, strict=True) if isinstance(a, str)}


def read(given: str | Sequence[Any]) -> tuple[list[Input], dict[str, Range]]:
    """The inputs as they were written, or as a list of shapes, arrays and texts; and what their names are drawn from.

    Raises ValueError, in one sentence, for what is none of these.
    """
    ranges: dict[str, Range] = {}
    found: list[Input] = []
    for one in [given] if isinstance(given, str) else given:
        if isinstance(one, str):
            found += [i for word in WORDS.findall(one) for i in _of_text(word, ranges)]
        elif isinstance(one, np.ndarray):
            found.append(Input(one.shape, given=one))
        else:
            found.append(Input(tuple(a if isinstance(a, str) else int(a) for a in one)))
    if not found:
        raise ValueError("expected at least one shape, such as 3,4")
    for name in dict.fromkeys(a for i in found for a in i.axes if isinstance(a, str)):
        ranges.setdefault(name, Range(1, 0))
    for end in (e for i in found for e in i.ends if isinstance(e, str) and e not in ranges):
        raise ValueError(f"there is no size {end}; expected a number, or a name that stands in a shape")
    return found, ranges


def shown(inputs: str | Sequence[Any]) -> str:
    """The inputs as they would be written in Python, arrays by their shapes."""
    if isinstance(inputs, str):
        return repr(inputs)
    return repr([a if isinstance(a, str) else np.shape(a) if isinstance(a, np.ndarray) else tuple(a) for a in inputs])


def is_open(drawn: Range) -> bool:
    """Whether a name is drawn from no range in particular."""
    return drawn.most < drawn.least


def _of_text(text: str, ranges: dict[str, Range]) -> Iterator[Input]:
    file, _, name = text.partition(":")
    if Path(file).suffix in {".npz", ".npy"}:
        yield from _of_file(file, name)
        return
    shape, _, kind = text.partition(":")
    axes = () if shape == "()" else tuple(_size(part, ranges) for part in shape.split(","))
    yield Input(axes, *_kind(kind, axes)) if kind else Input(axes)


def _size(text: str, ranges: dict[str, Range]) -> Size:
    if text.isidentifier():
        return text
    try:
        value = size_entry(text, 0)
    except ValueError as wrong:
        raise ValueError(f"{wrong}, or the name of a size that is drawn, such as B") from None
    if isinstance(value, int):
        return value
    name = f"{NUMBERED}{len(ranges)}"
    ranges[name] = value
    return name


def _kind(text: str, axes: Sequence[Size]) -> tuple[str, tuple[float | str, ...]]:
    said = KIND.fullmatch(text)
    name, inside = said.groups() if said else (text, None)
    if name not in _KINDS:
        close = difflib.get_close_matches(name, _KINDS, n=1)
        meant = f"; did you mean {close[0]}?" if close else f"; expected {', '.join(_KINDS)}"
        raise ValueError(f"there is no kind of input {name!r}{meant}")
    parts = [part.strip() for part in (inside or "").split(",") if part.strip()]
    if len(parts) != _KINDS[name][0]:
        raise ValueError(f"expected {name}{'(0,10)' if _KINDS[name][0] else ''}, as it takes {_KINDS[name][0]} numbers")
    ends = tuple(_end(part, name) for part in parts)
    if len(ends) == 2 and all(isinstance(e, int | float) for e in ends) and not ends[0] < ends[1]:  # type: ignore[operator]
        raise ValueError(f"expected the smaller first, such as {name}({parts[1]},{parts[0]})")
    if name == "spd" and (len(axes) < 2 or axes[-1] != axes[-2]):
        raise ValueError("expected square matrices for spd, such as 4,4:spd")
    if name == "probabilities" and not axes:
        raise ValueError("expected an axis along which probabilities have the sum 1, such as 4:probabilities")
    return name, ends


def _end(text: str, kind: str) -> float | str:
    if kind == "integers" and text.isidentifier():
        return text
    try:
        return int(text) if kind == "integers" else float(text)
    except ValueError:
        raise ValueError(f"expected {'whole ' * (kind == 'integers')}numbers such as {kind}(0,10)") from None


def _of_file(file: str, name: str) -> Iterator[Input]:
    try:
        found = np.load(file)
        arrays = dict(found) if hasattr(found, "files") else {"": found}
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} cannot be read: {str(error).splitlines()[0]}") from error
    if name and name not in arrays:
        raise ValueError(f"{file} has no {name!r}; it has {', '.join(arrays)}")
    for array in [arrays[name]] if name else arrays.values():
        if array.dtype.kind not in "fiubc":
            raise ValueError(f"{file} holds {array.dtype}; expected numbers")
        yield Input(array.shape, given=array)


def _shares(a: Array) -> Array:
    return np.asarray(a / a.sum(axis=-1, keepdims=True))


def _definite(a: Array) -> Array:
    side = a.shape[-1]
    found = a @ np.swapaxes(a, -1, -2) / max(1, side) + np.eye(side) / 2
    return np.asarray((found + np.swapaxes(found, -1, -2)) / 2)


def symmetric(a: Any) -> Any:
    """The symmetric part of square matrices; anything else as it is."""
    square = np.ndim(a) > 1 and np.shape(a)[-1] == np.shape(a)[-2]
    return (a + np.swapaxes(a, -1, -2)) / 2 if square else a


def of_symmetric(function: Function, backward: Function, inputs: Sequence[Input]) -> tuple[Function, Function]:
    """The same function of the symmetric parts of inputs that are matrices of this kind, and its gradients."""
    which = {at for at, i in enumerate(inputs) if i.kind == "spd"}
    if not which:
        return function, backward

    def parts(arrays: Sequence[Any]) -> list[Any]:
        return [symmetric(a) if at in which else a for at, a in enumerate(arrays)]

    @functools.wraps(function, updated=())
    def forward(*arrays: Any) -> Any:
        return function(*parts(arrays))

    @functools.wraps(backward, updated=())
    def gradients(g: Any, *arrays: Any) -> Any:
        found = backward(g, *parts(arrays))
        if not isinstance(found, tuple | list):
            return symmetric(found) if len(inputs) == 1 else found
        return tuple(parts(found)) if len(found) == len(inputs) else found

    return forward, gradients
