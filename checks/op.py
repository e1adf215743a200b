"""What the judge knows of an operation, and what one trial of it consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Array = np.ndarray[Any, np.dtype[Any]]
Arrays = tuple[Array | None, ...]
Pinned = Mapping[str, Any]

# Bits of the significand, the implicit one included: whole numbers up to 2**bits are exact.
SIGNIFICAND = {"float64": 53, "float32": 24, "float16": 11}


class Reference(Protocol):
    """Anything with forward and backward of the op; gradients come back one for each input."""

    def forward(self, *inputs: Any, **parameters: Any) -> Any:
        """Return y."""

    def backward(self, grad_output: Any, *inputs: Any, **parameters: Any) -> Any:
        """One gradient for each input, None where there is none."""


@dataclass(frozen=True)
class Option:
    """One thing about an op that can be pinned: an option on the command line, a keyword of `judge`.

    `parse` turns the text of the command line into the value; it raises ValueError with what was expected.
    A `parse` of None makes a switch: --flip and --no-flip.
    """

    name: str
    help: str
    metavar: str = ""
    parse: Callable[[str], Any] | None = None


@dataclass(frozen=True)
class Op:
    """One differentiable operation: one of these stands in each file of `checks/ops`.

    inputs      names of the array inputs, in the order of the protocol
    reference   the hand-derived implementation, from `reference/`
    defaults    the parameters and their defaults
    options     what can be pinned
    validate    raises ValueError, one sentence with a suggestion, if the pinned values exclude every problem
    problems    the strategy that draws problems in which the pinned values hold; nothing is filtered
    twin        the same function of torch tensors, as an independent witness
    terms       for y and for each gradient (by input name): the most products that are summed into one of its elements
    factors     for y and for each gradient: the arrays that every such product takes one factor from ("g": cotangent)
    linear_in   groups of inputs in which y is jointly linear (homogeneous) while the others are held
    degree      total degree of y as a polynomial in its inputs
    lighter     the same problem with less work, for laws that only sample; itself if it is light
    telling     a problem on which arithmetic that transforms is inexact (see arithmetic.py)
    coverage    labels and values by which the report counts what was tried
    pins        the options that pin this very problem
    """

    name: str
    inputs: tuple[str, ...]
    reference: Reference
    defaults: Mapping[str, Any]
    options: tuple[Option, ...]
    validate: Callable[[Pinned], None]
    problems: Callable[[Pinned, str], SearchStrategy[Problem]]
    twin: Callable[..., Any]
    terms: Callable[[Problem], Mapping[str, int]]
    factors: Mapping[str, tuple[str, ...]]
    linear_in: tuple[tuple[str, ...], ...]
    degree: int
    lighter: Callable[[Problem], Problem]
    telling: Callable[[], Problem]
    coverage: Callable[[Problem], Mapping[str, tuple[Any, ...]]]
    pins: Callable[[Problem], Mapping[str, Any]]


@dataclass(frozen=True)
class Problem:
    """Shapes, parameters, dtype and seed: everything that the arrays of a trial are made from.

    `shapes` holds the shape of each input by its name (None: the input is absent) and that of the output as "y".
    `exponents` scale the real-valued inputs by powers of two; `small` keeps whole numbers readable.
    """

    op: Op = field(repr=False)
    shapes: Mapping[str, tuple[int, ...] | None]
    parameters: Mapping[str, Any]
    dtype: str = "float64"
    seed: int = 0
    small: bool = True
    exponents: Mapping[str, int] = field(default_factory=dict)

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the inputs that are there, each of which has a gradient."""
        return tuple(name for name in self.op.inputs if self.shapes[name] is not None)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a present input, or of "y"."""
        shape = self.shapes[name]
        if shape is None:
            raise KeyError(name)
        return shape

    @property
    def elements(self) -> int:
        """Numbers in all arrays together: what a smaller case has fewer of."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values() if shape is not None)

    @cached_property
    def largest(self) -> int:
        """The largest magnitude M at which no sum can round: terms · M^degree ≤ 2**bits, or 0 if there is none."""
        room = (1 << SIGNIFICAND[self.dtype]) // self._terms
        largest = int(room ** (1 / self.op.degree))
        if self._power(largest) > room:  # the root was rounded up
            largest -= 1
        return min(largest, 9) if self.small else largest

    def fits(self, dtype: str) -> bool:
        """Whether sums of the whole numbers of this problem are exact in this dtype too."""
        return self._terms * self._power(self.largest) <= 1 << SIGNIFICAND[dtype]

    def _power(self, magnitude: int) -> int:
        """Size of a product of as many factors as the terms of y have."""
        return prod([magnitude] * self.op.degree)

    @property
    def _terms(self) -> int:
        return max(1, *self.op.terms(self).values())

    @cached_property
    def identity(self) -> str:
        """The same text for the same problem only: two cases of one problem would be one case tried twice."""
        shown = (
            self.op.name,
            dict(self.shapes),
            dict(self.parameters),
            self.dtype,
            self.seed,
            self.small,
            dict(self.exponents),
        )
        return repr(shown)

    def rng(self, *use: int) -> np.random.Generator:
        """A generator of its own for each problem and use: independent data even where two problems share a seed."""
        return np.random.default_rng((crc32(self.identity.encode()), self.seed, *use))

    def whole_numbers(self) -> Case:
        """Inputs and cotangent uniform on {−M … M} without 0, M = `largest`: then float arithmetic is exact."""
        rng = self.rng(0)

        def draw(shape: tuple[int, ...]) -> Array:
            numbers = rng.integers(-self.largest, self.largest, shape)  # one too few above 0, where 0 is to be left out
            return numbers + (numbers >= 0)

        return replace(self._case(draw), whole=True)

    def reals(self) -> Case:
        """Inputs and cotangent uniform on (−1, 1), each input times 2 to its exponent."""
        rng = self.rng(1)
        case = self._case(lambda shape: rng.uniform(-1, 1, shape))
        for name, exponent in self.exponents.items():
            if exponent and name in self.present:
                case = case.with_input(name, np.ldexp(case.input(name), exponent))
        return case

    def _case(self, draw: Callable[[tuple[int, ...]], Array]) -> Case:
        shapes = [self.shapes[name] for name in self.op.inputs]
        inputs = tuple(None if shape is None else np.asarray(draw(shape), self.dtype) for shape in shapes)
        return Case(self.op, inputs, self.parameters, np.asarray(draw(self.shape("y")), self.dtype))


@dataclass(frozen=True, eq=False)
class Case:
    """The concrete inputs, parameters and cotangent of one trial; `whole` if sums of them are exact in its dtype."""

    op: Op = field(repr=False)
    inputs: Arrays
    parameters: Mapping[str, Any]
    cotangent: Array
    whole: bool = False

    def widened(self, dtype: Any = np.float64) -> Case:
        """The same numbers in another dtype."""
        return self._each(lambda a: a.astype(dtype, copy=False))

    def absolute(self) -> Case:
        """The magnitudes: running the reference on them gives Σ|terms| where the case itself gives Σ terms."""
        return self._each(np.abs)

    @property
    def moderate(self) -> bool:
        """Whether products of two of these numbers, and sums of those, are far from the limits of float32."""
        sizes: list[Array] = [np.abs(a[a != 0]) for a in (*self.inputs, self.cotangent) if a is not None]
        return all(a.size == 0 or (float(a.min()) > 2.0**-50 and float(a.max()) < 2.0**50) for a in sizes)

    def _each(self, change: Callable[[Array], Array]) -> Case:
        inputs = tuple(None if a is None else change(a) for a in self.inputs)
        return replace(self, inputs=inputs, cotangent=change(self.cotangent))

    def with_input(self, name: str, value: Array) -> Case:
        """The case with another array for one input."""
        pairs = zip(self.op.inputs, self.inputs, strict=True)
        return replace(self, inputs=tuple(value if n == name else a for n, a in pairs))

    def input(self, name: str) -> Array:
        """The array of a present input."""
        array = self.inputs[self.op.inputs.index(name)]
        if array is None:
            raise KeyError(name)
        return array
