"""Functions of complex numbers, as functions of pairs of real ones; and by which convention their gradients go.

z = a + ib is the array (…, 2) of a and b, and so is a complex result; there are two conventions for a complex gradient,
torch's and JAX's (numbers/pairs.py). As pairs both are the same real function and the same real gradient, by which they are
judged as any function is, element by element. Which one it is is found beforehand, of each input by itself, by slopes along
random lines: a gradient that goes by one, beside another that goes by the other, is wrong. Of what goes through the
reverse mode of a framework it is known, and there the other one is wrong.

What is said to be of a kind (`positive`, `integers(0,5)` …) is real.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from checks.functions.blackbox import NotTaken, input_names, name_of
from checks.functions.inputs import Input, Sizes
from checks.functions.trees import leaves, of_leaves
from checks.numbers.pairs import (
    BOTH,
    COMPLEX_DTYPES,
    CONVENTIONS,
    HALF,
    JAX,
    NAMES,
    TORCH,
    TURNED,
    conjugated,
    convention_of,
    number,
    pair,
    refuse_convention,
)
from checks.numbers.precision import Array
from checks.verdict.report import Finding

LINES = 3  # along which slopes are compared
STEP = 2.0**-17  # of central slopes: off by its square, 10⁻¹⁰, and by 10⁻¹⁶ / 10⁻⁵
ALIKE = 1e-4  # of the gradient's length; what is meant differs from it by about all of it

Function = Callable[..., Any]


@dataclass(frozen=True)
class Found:
    """What each gradient goes by: a convention, HALF of torch's, TURNED, BOTH, or "" for none of these.

    stated     the convention that somebody asked for
    framework  that of the framework whose reverse mode the backward is
    """

    by: Mapping[str, str]
    dtype: str
    stated: str = ""
    framework: str = ""

    @property
    def convention(self) -> str:
        """The one that was stated, or that of the framework that it goes through; or that the gradients fit."""
        return self.stated or self.framework or convention_of(self.by)

    @property
    def said(self) -> str:
        """What was asked for, as arguments."""
        return f", dtype={self.dtype!r}" + (f", convention={self.stated!r}" if self.stated else "")

    @property
    def in_words(self) -> str:
        """Which one, for the report."""
        if all(by == BOTH for by in self.by.values()):
            return "complex gradients right by torch's and JAX's convention alike"
        return f"complex gradients by {NAMES[self.convention]} convention"

    def named(self, failure: Finding) -> Finding:
        """The failure, with what its gradient goes by in place of the convention."""
        name, explanation = self._mistake(failure.result.removeprefix("grad_"))
        return replace(failure, mistake=name, explanation=explanation) if name else failure

    def _mistake(self, name: str) -> tuple[str, str]:
        convention = self.convention
        by, own = self.by.get(name, ""), NAMES[convention]
        if by in CONVENTIONS and by != convention:
            what = "not conjugated" if convention == TORCH else "conjugated"
            others = "that another gradient goes by"
            if self.stated or self.framework:
                others = "that is asked for" if self.stated else f"by which {self.framework} calls it"
            return (what, f"It is right by {NAMES[by]} convention, and not by {own}, {others}.")
        if by == HALF:
            return (
                "half the gradient",
                "It is ∂L/∂conj(z) by Wirtinger, of which both conventions have twice as much.",
            )
        if by == TURNED:
            return ("the conjugate", f"It is the conjugate of what {own} convention has for this cotangent.")
        return "", ""


def refuse_complex(convention: str, dtype: str, *, plain: bool) -> None:
    """Raise ValueError, in a sentence, where there is no such convention, or nothing that it could be about.

    plain  whether order 1 is judged, in reverse mode alone
    """
    refuse_convention(convention, dtype)
    if dtype in COMPLEX_DTYPES and not plain:
        raise ValueError(f"functions of {dtype} are judged by order 1 in reverse mode alone")


def as_real(
    function: Function, backward: Function, inputs: Sequence[Input], sizes: Sizes, dtype: str, convention: str
) -> tuple[Function, Function, list[Input], str, Found | None]:
    """What is judged in place of a function of complex numbers, in which dtype, and by what its gradients go.

    Raises ValueError for complex arrays where real ones are judged, NotTaken where the function does not take them.
    """
    if dtype not in COMPLEX_DTYPES:
        if any(i.given is not None and i.given.dtype.kind == "c" for i in inputs):
            raise ValueError(f"complex numbers given, and dtype {dtype}; expected dtype {' or '.join(COMPLEX_DTYPES)}")
        return function, backward, list(inputs), dtype, None
    pairs, which = as_pairs(inputs)
    by = found_by(function, backward, pairs, which, sizes, input_names(function, len(pairs)))
    found = Found(by, dtype, convention, getattr(backward, "convention", ""))
    return (*of_pairs(function, backward, which, found.convention), pairs, COMPLEX_DTYPES[dtype], found)


def as_pairs(inputs: Sequence[Input]) -> tuple[list[Input], list[bool]]:
    """The inputs with an axis for real and imaginary parts where they are complex, and which are."""
    found = []
    which = [not i.kind and (i.given is None or i.given.dtype.kind == "c") for i in inputs]
    for one, is_complex in zip(inputs, which, strict=True):
        given = None if one.given is None else pair(one.given)
        found.append(replace(one, axes=(*one.axes, 2), given=given) if is_complex else one)
    return found, which


def of_pairs(
    function: Function, backward: Function, which: Sequence[bool], convention: str
) -> tuple[Function, Function]:
    """The same function of pairs, and its backward, whose gradients are read by this convention."""

    def forward(*arrays: Array) -> Any:
        given = _numbers(arrays, which)
        y = function(*given)
        _write_back(arrays, given, which)
        return of_leaves(y, [pair(leaf) for leaf in leaves(y)])

    def gradients(grad_output: Any, *arrays: Array) -> tuple[Any, ...]:
        given = _numbers(arrays, which)
        y = function(*(np.array(a) for a in given))
        above = [
            conjugated(number(g), convention) if np.iscomplexobj(leaf) else g
            for g, leaf in zip(leaves(grad_output), leaves(y), strict=True)
        ]
        found = backward(of_leaves(y, above), *given)
        _write_back(arrays, given, which)
        several = tuple(found) if isinstance(found, tuple | list) else (found,)
        if len(several) != len(given):
            return several
        return tuple(
            pair(conjugated(np.asarray(g, np.result_type(np.asarray(g), np.complex64)), convention))
            if c and g is not None
            else g
            for g, c in zip(several, which, strict=True)
        )

    one: Any
    for one, of, more in ((forward, function, ()), (gradients, backward, ("grad_output",))):
        one.__name__ = name_of(of)
        kind = inspect.Parameter.POSITIONAL_ONLY
        names = (*more, *input_names(function, len(which)))
        one.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])
    return forward, gradients


def found_by(
    function: Function,
    backward: Function,
    inputs: Sequence[Input],
    which: Sequence[bool],
    sizes: Sizes,
    names: Sequence[str],
) -> dict[str, str]:
    """Which convention each gradient goes by; raises NotTaken where either raises, or y is no number."""
    rng = np.random.default_rng(0)
    reals = [i.drawn(rng, sizes) for i in inputs]
    given = _numbers(reals, which)
    made = {c: of_pairs(function, backward, which, c) for c in CONVENTIONS}
    forward = made[TORCH][0]
    try:
        with np.errstate(all="ignore"):
            y = leaves(forward(*(a.copy() for a in reals)))
            g = [np.asarray(rng.uniform(-1, 1, np.shape(leaf))) for leaf in y]
            tree = of_leaves(function(*given), g)
            claims = {c: _all(made[c][1](tree, *(a.copy() for a in reals)), len(reals)) for c in CONVENTIONS}
    except (Exception, SystemExit) as error:
        raise NotTaken(f"{name_of(function)} does not take complex numbers: {' '.join(str(error).split())}") from error
    by = {}
    for at, name in enumerate(names):
        if which[at]:
            by[name] = _of_one(forward, reals, g, at, {c: claims[c][at] for c in CONVENTIONS}, rng)
    return by


def _of_one(
    forward: Function, reals: Sequence[Array], g: Sequence[Array], at: int, claims: Mapping[str, Any], rng: Any
) -> str:
    """What the gradient by this input goes by, along several lines."""
    readings = {c: claim for c, claim in claims.items() if claim is not None}
    if TORCH in readings:
        readings |= {HALF: 2 * readings[TORCH], TURNED: readings[TORCH] * (1.0, -1.0)}
    fits = set(readings)
    for _ in range(LINES):
        v = rng.uniform(-1, 1, reals[at].shape)
        ends = [leaves(forward(*(a + s * STEP * v if i == at else a for i, a in enumerate(reals)))) for s in (1, -1)]
        slope = sum(float(np.sum(c * (np.asarray(p) - q))) for c, p, q in zip(g, *ends, strict=True)) / (2 * STEP)
        for reading in tuple(fits):
            size = float(np.linalg.norm(readings[reading]) * np.linalg.norm(v)) + abs(slope)
            if not abs(float(np.sum(readings[reading] * v)) - slope) <= ALIKE * size:
                fits.discard(reading)
    if {TORCH, JAX} <= fits:
        return BOTH
    return next((reading for reading in (*CONVENTIONS, HALF, TURNED) if reading in fits), "")


def _all(found: Sequence[Any], count: int) -> list[Any]:
    return [*found, *[None] * (count - len(found))]


def _numbers(arrays: Iterable[Any], which: Sequence[bool]) -> list[Any]:
    """What the function is called with."""
    return [number(a) if c else np.array(a) for a, c in zip(arrays, which, strict=True)]


def _write_back(arrays: Sequence[Any], given: Sequence[Any], which: Sequence[bool]) -> None:
    """Write to the arrays what was written to those that the function was given, so that the contract hears of it."""
    for a, now, is_complex in zip(arrays, given, which, strict=True):
        pairs = pair(now) if is_complex else now
        if (
            isinstance(a, np.ndarray)
            and a.flags.writeable
            and not np.array_equal(a, pairs, equal_nan=a.dtype.kind == "f")
        ):
            a[...] = pairs
