"""What the judge knows of an operation, and what one trial of it consists of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np

from checks.algebra.expression import Expression
from checks.numbers.precision import PRECISIONS, Array, accumulator, largest_root
from checks.signature.derivative import Derivative, no_words, none, nowhere, one, unworked
from checks.signature.places import Places, arranged, few
from checks.signature.protocol import Reference
from checks.signature.takes import Takes

Arrays = tuple[Array | None, ...]


@dataclass(frozen=True)
class Mistake:
    """A known way to get a gradient wrong: what the tests plant, and what a wrong gradient is compared with.

    name            after the bug, e.g. "kernel not turned"
    explanation     one sentence: what was computed, and what the derivation says instead
    source          document and equation, e.g. "002, eq. 3"
    wrong_gradient  what the mistake computes in a case, for the gradients that it spoils, by input name; as "y" the result
                    of a forward that is wrong too
    """

    name: str
    explanation: str
    source: str
    wrong_gradient: Callable[[Case], Mapping[str, Array]]


@dataclass(frozen=True)
class Kinks:
    """Where an op has no derivative but a subdifferential, and every element of it is right.

    case        a case of whole numbers that lies on kinks
    apart       masks over y, 1 for some outputs and 0 for the others: those of one mask share no input, together all
    nearest     for a case whose cotangent is masked so, and the gradient that came back: the nearest right one
    convention  in words, which element of the subdifferential that is, or "" if the case has no kink
    beyond      which elements of the gradient lie where not even that is defined, as where all is −∞
    dropped     in words, whose cotangent reaches no input there, or "" if that is not what was seen
    of          the input whose gradient this is, where several have one
    """

    case: Callable[[Problem], Case]
    apart: Callable[[Case], Iterable[Array]]
    nearest: Callable[[Case, Array], Array]
    convention: Callable[[Case, Array], str]
    beyond: Callable[[Case], Array] | None = None
    dropped: Callable[[Case, Array], str] | None = None
    of: str | None = None


@dataclass(frozen=True)
class Hard:
    """Numbers on which one well-known formula keeps digits that another loses (laws/digits.py).

    lost     what the other one does, in words that follow the name of a result
    case     the case
    kept     for y and each gradient: what the roundings of the better one are relative to; None: the reference tells
    excused  for a result: the elements in which the other one is not held to that
    """

    lost: str
    case: Callable[[Problem], Case]
    kept: Callable[[Case], Mapping[str, Array]] | None
    excused: Callable[[Case, str], Array]


@dataclass(frozen=True)
class Kind:
    """What kind of function an op is, which decides about the laws that apply.

    degree      total degree of y as a polynomial in its inputs, on a fixed pattern of choices; None: it is not one
    unit        a power of two of which results on whole numbers are whole multiples once multiplied by it; None: divided
                by something else, so that they are not exact
    linear_in   groups of inputs in which y is jointly linear while the others are held, if the first of them is there
    euler_in    groups of inputs with y = Σ⟨∂y/∂a, a⟩ though y is not linear in them
    analytic    whether complex numbers can go through it
    radius      relative steps smaller than this meet no kink
    bounded     whether results are no larger than inputs are, or 1, however large these are: nothing needs to overflow
    mixes       whether samples have something to do with one another, in this problem
    stops       of the inputs and parameters: for some inputs, where no gradient goes though y depends on it
    hessian     inputs whose gradients together are a symmetric matrix times the cotangent
    hard        numbers on which formulas differ in the digits that they keep
    """

    degree: int | None = None
    unit: Callable[[Problem], int | None] = one
    linear_in: tuple[tuple[str, ...], ...] = ()
    euler_in: tuple[tuple[str, ...], ...] = ()
    analytic: bool = True
    radius: Callable[[Case], float] = one
    bounded: bool = False
    mixes: Callable[[Problem], object] = none
    stops: Callable[[Sequence[Any], Mapping[str, Any]], Mapping[str, Array]] = nowhere
    hessian: tuple[str, ...] = ()
    hard: tuple[Hard, ...] = ()


@dataclass(frozen=True)
class Rounding:
    """How an op rounds (numbers/bounds.py): a polynomial says it by its terms. Of others running.py finds it by itself.

    terms       for y and for each gradient (by input name): the most roundings that one of its elements goes through;
                for a polynomial, the products that are summed into it
    magnitudes  for y and for each gradient: what each rounding is relative to. None: Σ|terms|, the reference run on
                absolute values. That of y is at least Σ|∂y/∂a · a|, since inputs are rounded too
    factors     for y and for each gradient: the arrays that every product takes one factor from ("g": cotangent)
    constants   for y and for each gradient: how many u all of it may be off in common, by exponents that are stored, say
    telling     a problem on which arithmetic that transforms is inexact (trials/arithmetic.py), if there is such arithmetic
    running     for y and for each gradient, where code may add what a result does not contain and subtract it, as sums do
                that run on along whole axes: how many roundings it goes through, and what each is relative to
    steady      the magnitudes where a rounding is no more than so much, if results jump where it is more
    """

    terms: Callable[[Problem], Mapping[str, int]] | None = None
    magnitudes: Callable[[Case], Mapping[str, Array]] | None = None
    factors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    constants: Callable[[Case], Mapping[str, float]] | None = None
    telling: Callable[[], Problem] | None = None
    running: Callable[[Case], Mapping[str, tuple[int, float]]] | None = None
    steady: Callable[[Case, float], Mapping[str, Array]] | None = None


@dataclass(frozen=True)
class Inputs:
    """What only the op knows of its cases.

    draw     an input that is not just any numbers, whole or real; None: as usual
    tried    labels and values by which the report counts what was tried, beside or in place of those that are declared
    few      its case where few places count (signature/places.py), if it is not enough that inputs are large there
    heavy    whether few of its weights count there, which have no gradient of their own: a kind of case for itself
    reach    the axes of which not all places reach a result, and how many do: what a mask hides is no term of a sum
    written  the parameters as the options pin them that pin this very problem, where they are not written as they are
    """

    draw: Callable[[Problem, str, np.random.Generator, bool], Array | None] = none
    tried: Callable[[Problem], Mapping[str, tuple[Any, ...]]] = no_words
    written: Callable[[Problem], Mapping[str, Any]] = no_words
    few: Callable[[Problem, Case], Case | None] = none
    heavy: Callable[[Problem], object] = none
    reach: Callable[[Problem], Mapping[str, int]] = no_words


@dataclass(frozen=True)
class Documents:
    """What the documents say of an op, and how it is explained.

    letters  what they call its arrays, where that is not what notation.py calls them anyway
    sources  for y and for each gradient: document and equation
    formula  an element of y ("y") or of a gradient (its input's name) as they write it, where y is no polynomial on which
             the reference could be run symbolically
    usual    what is explained of it where nothing is pinned, if explanation.py would choose too little to see it by
    worked   which example of a document an element is, or, without an index, a whole array: in words, or ""
    """

    letters: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    formula: Callable[[Problem, str, tuple[int, ...]], Expression] | None = None
    usual: Mapping[str, Any] = field(default_factory=dict)
    worked: Callable[[Problem, str, tuple[int, ...] | None], str] = unworked


@dataclass(frozen=True)
class Op:
    """One differentiable operation, declared: each file of `checks/ops` has a few of these.

    name       what the command line and `judge` call it
    reference  the hand-derived implementation, from `reference/`
    takes      its arrays, their sizes, its parameters (signature/takes.py)
    twin       the same function of torch tensors, as an independent witness
    rounds     how far rounding can lead
    kind       what kind of function it is
    kinks      its subdifferential, if it has kinks
    cases    what only the op knows of its cases
    told       what the documents say of it
    mistakes   known ways to get its gradients wrong, beside those that any op can be got wrong with (ops/_mistakes.py)
    derivative what it is the derivative of, if it is one
    """

    name: str
    reference: Reference
    takes: Takes
    twin: Callable[..., Any]
    rounds: Rounding = Rounding()
    kind: Kind = Kind()
    kinks: Kinks | None = None
    cases: Inputs = Inputs()
    told: Documents = Documents()
    mistakes: tuple[Mistake, ...] = ()
    derivative: Derivative[Op] | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in the order of the protocol."""
        return self.takes.inputs

    @property
    def cotangent(self) -> str:
        """What the array is called that a backward is handed beside the inputs, of which one may be called so already."""
        return next(n for n in ("grad_output", "grad_grads", "grad_grad_grads") if n not in self.inputs)


@dataclass(frozen=True)
class Problem:
    """Shapes, parameters, dtype and seed: everything that the arrays of a trial are made from.

    `shapes` holds the shape of each input by its name (None: the input is absent) and that of the output as "y".
    `exponents` scale the real-valued inputs by powers of two; `small` keeps whole numbers readable. `kind` names a kind of
    cases that the report counts apart (verdict/decisions.py); it changes only which laws are asked (laws/__init__.py).
    """

    op: Op = field(repr=False)
    shapes: Mapping[str, tuple[int, ...] | None]
    parameters: Mapping[str, Any]
    dtype: str = "float64"
    seed: int = 0
    small: bool = True
    exponents: Mapping[str, int] = field(default_factory=dict)
    kind: str = ""

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the inputs that are there and have a gradient."""
        return tuple(name for name in self.op.takes.differentiable if self.shapes[name] is not None)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a present input, or of "y"."""
        shape = self.shapes[name]
        if shape is None:
            raise KeyError(name)
        return shape

    @cached_property
    def elements(self) -> int:
        """Numbers in all arrays together: what a smaller case has fewer of."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values() if shape is not None)

    @cached_property
    def sizes(self) -> Mapping[str, Any]:
        """The size of each named axis."""
        return self.op.takes.sizes_in(self.shapes)

    @cached_property
    def samples(self) -> tuple[str, ...]:
        """Inputs whose first axis counts samples that have nothing to do with one another, as does that of y."""
        return () if self.op.kind.mixes(self) else tuple(n for n in self.op.takes.leading() if self.shapes[n])

    @cached_property
    def tried(self) -> Mapping[str, tuple[Any, ...]]:
        """Labels and values by which the report counts what was tried."""
        declared = self.op.takes.tried(self.shapes, self.parameters)
        if self.op.kind.degree is None:
            declared |= {f"scale of {name}": (f"2^{exponent}",) for name, exponent in self.exponents.items()}
        return {label: values for label, values in {**declared, **self.op.cases.tried(self)}.items() if values}

    @cached_property
    def pins(self) -> Mapping[str, Any]:
        """The options that pin this very problem."""
        given = {name: value for name, value in self.parameters.items() if value is not None}
        return self.op.takes.pins(self.shapes) | given | dict(self.op.cases.written(self))

    @cached_property
    def unit(self) -> int | None:
        """What results on whole numbers are multiplied by to be whole; None if no sum of this problem is exact."""
        return None if self.op.kind.degree is None else self.op.kind.unit(self)

    @cached_property
    def largest(self) -> int:
        """The largest magnitude M at which no sum can round: unit · terms · M^degree ≤ 2**bits, or 0 if there is none.

        Of products that are summed in a wider precision than they are stored in, those that are not small use its bits:
        sums are exact, and what is stored is rounded once. Small ones are exact however sums are kept (cases/sparse.py).
        """
        if not self.op.kind.degree or not self.unit:
            return 0
        own, kept = PRECISIONS[self.dtype], accumulator(self.dtype)
        bits = own.bits if self.small or not self.op.rounds.factors else min(kept.bits, own.highest - 1)
        found = largest_root((1 << bits) // (self.unit * self.most_terms), self.op.kind.degree)
        return max(min(found, 9), int(self.sparse)) if self.small else min(found, 1 << own.bits)

    def fits(self, dtype: str) -> bool:
        """Whether sums of the whole numbers of this problem are exact in this dtype too."""
        terms = (self.unit or 1) * self.most_terms * self.largest ** (self.op.kind.degree or 1)
        return self.sparse or terms <= 1 << PRECISIONS[dtype].bits

    @property
    def sparse(self) -> bool:
        """Whether small whole numbers leave most elements 0, so that sums are exact however they are kept."""
        return self.small and bool(self.op.rounds.factors) and self.most_terms > 1 << PRECISIONS[self.dtype].bits

    @cached_property
    def most_terms(self) -> int:
        """The most roundings that an element of y or of a gradient goes through; 1 where magnitudes count them already."""
        return max(1, *self.op.rounds.terms(self).values()) if self.op.rounds.terms else 1

    @cached_property
    def identity(self) -> str:
        """The same text for the same problem only: two cases of one problem would be one case tried twice."""
        drawn = dict(self.shapes), dict(self.parameters), self.dtype, self.seed, self.small, dict(self.exponents)
        return repr((self.op.name, *drawn))

    def rng(self, *use: int) -> np.random.Generator:
        """A generator of its own for each problem and use: independent data even where two problems share a seed."""
        return np.random.default_rng((crc32(self.identity.encode()), self.seed, *use))

    def whole_numbers(self, most: int | None = None) -> Case:
        """Inputs and cotangent uniform on {−M … M} without 0, M = `largest` or a smaller `most`: then sums are exact."""
        rng, largest = self.rng(0), most or self.largest

        def draw(shape: tuple[int, ...]) -> Array:
            numbers = rng.integers(-largest, largest, shape)  # one too few above 0, where 0 is to be left out
            return numbers + (numbers >= 0)

        return replace(self._case(draw, rng, whole=True), whole=True)

    def reals(self) -> Case:
        """Inputs and cotangent uniform on (−1, 1), each input times 2 to its exponent; or only at `places`."""
        rng = self.rng(1)
        case = self._case(lambda shape: np.asarray(rng.uniform(-1, 1, shape)), rng, whole=False)
        made: Case = arranged(case, self)
        return made

    @cached_property
    def places(self) -> Places | None:
        """Where the numbers of this case count, if few do."""
        return few(self)

    def _case(self, draw: Callable[[tuple[int, ...]], Array], rng: np.random.Generator, *, whole: bool) -> Case:
        def one(name: str) -> Array | None:
            shape = self.shapes[name]
            if shape is None:
                return None
            own = self.op.cases.draw(self, name, rng, whole)
            return PRECISIONS[self.dtype].rounded(draw(shape)) if own is None else own

        inputs = tuple(map(one, self.op.inputs))
        return Case(self.op, inputs, self.parameters, PRECISIONS[self.dtype].rounded(draw(self.shape("y"))))


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
        return self.each(lambda a: a.astype(dtype, copy=False))

    @property
    def y(self) -> Array:
        """What is right for y: the reference's, in float64."""
        wide = self.widened()
        return np.asarray(self.op.reference.forward(*wide.inputs, **self.parameters))

    @property
    def gradients(self) -> Arrays:
        """What is right for the gradients: the reference's, in float64; None where there is none."""
        wide = self.widened()
        return tuple(self.op.reference.backward(wide.cotangent, *wide.inputs, **self.parameters))

    def absolute(self) -> Case:
        """The magnitudes: running the reference on them gives Σ|terms| where the case itself gives Σ terms."""
        return self.each(np.abs)

    def each(self, change: Callable[[Array], Array]) -> Case:
        """The case with every array of numbers changed so."""
        named = zip(self.op.inputs, self.inputs, strict=True)
        inputs = tuple(a if a is None or name in self.op.takes.constant else change(a) for name, a in named)
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
