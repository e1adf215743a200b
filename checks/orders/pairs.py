"""An op of complex numbers as an op of their parts: each input, and y, has an axis of two behind the others.

Of an op that is linear in each of its inputs, y of complex numbers is made of y of their parts, by i² = −1:

    y = f(x, w) + b        y_re = f(x_re, w_re) − f(x_im, w_im) + b_re        y_im = f(x_re, w_im) + f(x_im, w_re) + b_im

and the gradients of ⟨g_re, y_re⟩ + ⟨g_im, y_im⟩ are those of the parts, by the product rule: no derivation of its own, and
exact where the op is. As one complex number each gradient is B(g, conj x, conj w) by torch's convention, and B(g, x, w) by
JAX's (numbers/pairs.py), B the op's backward. What is judged is handed complex numbers; by which of the two its gradients
go is known of what goes through a framework's reverse mode, or stated, or else found by asking it once, and said.

**Rounding.** Torch convolves complex numbers by three real ones, of x_re, x_im and x_re + x_im, so what a part is off by is
relative to what comes of |x_re| + |x_im| and |w_re| + |w_im|, which has all terms of either way of multiplying, and goes
through at most four times the roundings of a real one, and four more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from checks.numbers.pairs import (
    BOTH,
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
)
from checks.numbers.precision import Array
from checks.op import Case, Documents, Inputs, Kind, Mistake, Op, Problem, Rounding
from checks.orders.forward import fitted
from checks.signature.derivative import Derivative
from checks.signature.takes import Takes

PARTS = "parts"  # the axis of real and imaginary parts
COMPLEX = "complex"
SOURCE = "i² = −1"
ALIKE = 1e-4  # of the gradient's length; what is meant differs from it by about all of it
SEED = 7


def of_complex(convention: str = "") -> Callable[[Op], Op]:
    """What makes an op of complex numbers from an op; ValueError, in one sentence, where it is not linear in each input.

    convention  the one that its gradients are asked for in, or "" for whichever they go by
    """

    def made(op: Op) -> Op:
        if not _is_multilinear(op):
            raise ValueError(f"{op.name} is judged of real numbers only: it is not linear in each of its inputs")
        parts = Parts(op)
        derived = Op(
            name=f"{op.name}.{named(convention)}",
            reference=parts,
            takes=_takes(op.takes),
            twin=partial(_twin, parts),
            kind=Kind(
                degree=op.kind.degree,
                unit=lambda problem: op.kind.unit(parts.problem(problem)),
                linear_in=op.kind.linear_in,
                radius=lambda case: op.kind.radius(parts.case(case, lambda a: a[..., 0])),
                mixes=lambda problem: op.kind.mixes(parts.problem(problem)),
                stops=partial(_stops, parts),
            ),
            rounds=Rounding(partial(_terms, parts), partial(_magnitudes, parts), op.rounds.factors),
            cases=Inputs(
                draw=partial(_draw, parts),
                tried=lambda problem: op.cases.tried(parts.problem(problem)),
                written=lambda problem: op.cases.written(parts.problem(problem)),
            ),
            told=Documents(letters=op.told.letters, sources=op.told.sources),
            derivative=Derivative(
                op, ("backward", "backward(grad_output, *inputs)"), partial(_adapted, parts, convention)
            ),
        )
        return replace(derived, mistakes=_mistakes(parts, convention))

    return made


def named(convention: str) -> str:
    """What such an op is called behind the name of the op itself."""
    return f"{COMPLEX}_{convention}" if convention else COMPLEX


def _is_multilinear(op: Op) -> bool:
    """Whether y is linear in each input that has a gradient, and a product of two at most."""
    groups = op.kind.linear_in
    among = {name for group in groups for name in group}
    return op.kind.degree is not None and op.kind.analytic and len(groups) < 3 and among == {*op.takes.differentiable}


@dataclass(frozen=True, repr=False)
class Parts:
    """The truth, of real and imaginary parts; what has no gradient is real."""

    op: Op

    def __repr__(self) -> str:
        """By its name: an op has many such, and would be written out in each."""
        return f"Parts({self.op.name})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, as Hypothesis calls it
        printer.text(repr(self))

    @cached_property
    def factors(self) -> tuple[str, ...]:
        """Inputs that are multiplied with one another; the others are added."""
        groups = self.op.kind.linear_in
        return tuple(n for n in self.op.takes.differentiable if not all(n in group for group in groups))

    def forward(self, *pairs: Any, **parameters: Any) -> Any:
        """y of both parts."""

        def of(*arrays: Any) -> Any:
            return self.op.reference.forward(*arrays, **parameters)

        re, im = self.split(pairs)
        if not self.factors:
            return np.stack([of(*re), of(*im)], axis=-1)
        first, *_ = self.factors
        other = self.mixed(im, re, first), self.mixed(re, im, first)
        real = of(*re) - of(*self.without_sums(im))
        return np.stack([real, of(*other[1]) + of(*self.without_sums(other[0]))], axis=-1)

    def backward(self, grad_output: Any, *pairs: Any, **parameters: Any) -> tuple[Any, ...]:
        """Gradients of both parts of each input."""

        def of(g: Any, arrays: Sequence[Any]) -> dict[str, Any]:
            found = self.op.reference.backward(g, *arrays, **parameters)
            return dict(zip(self.op.inputs, found, strict=False))

        re, im = self.split(pairs)
        g, h = grad_output[..., 0], grad_output[..., 1]
        by_g, by_h = of(g, re), of(h, im)
        by = {n: (a, by_h[n]) for n, a in by_g.items() if a is not None}
        if self.factors:
            across, back = of(g, im), of(h, re)
            by |= {n: (by_g[n] + by_h[n], back[n] - across[n]) for n in self.factors if n in by}
        return tuple(np.stack(by[n], axis=-1) if n in by else None for n, _ in zip(self.op.inputs, pairs, strict=False))

    def split(self, pairs: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The real parts, and the imaginary ones; what is real stands in both."""
        named = list(zip(self.op.inputs, pairs, strict=False))
        kept = self.op.takes.constant
        re, im = ([a if a is None or n in kept else a[..., part] for n, a in named] for part in (0, 1))
        return re, im

    def mixed(self, one: Sequence[Any], other: Sequence[Any], first: str) -> list[Any]:
        """The first factor and what is not multiplied of one, the other factor of the other."""
        named = zip(self.op.inputs, one, other, strict=False)
        # What is added comes along with the second factor: b_im with w_im.
        return [a if n == first or n in self.op.takes.constant else b for n, a, b in named]

    def without_sums(self, arrays: Sequence[Any]) -> list[Any]:
        """The same, with 0 for what is added."""
        named = zip(self.op.inputs, arrays, strict=False)
        kept = {*self.factors, *self.op.takes.constant}
        return [a if a is None or n in kept else np.zeros_like(a) for n, a in named]

    def problem(self, problem: Problem) -> Problem:
        """The problem of real numbers."""
        kept = self.op.takes.constant
        shapes = {n: s if s is None or n in kept else s[:-1] for n, s in problem.shapes.items()}
        return replace(problem, op=self.op, shapes=shapes)

    def case(self, case: Case, read: Callable[[Array], Array]) -> Case:
        """The case of the op itself, of what is read of each array of parts."""
        named = zip(self.op.inputs, case.inputs, strict=True)
        kept = self.op.takes.constant
        inputs = tuple(a if a is None or n in kept else read(a) for n, a in named)
        return Case(self.op, inputs, case.parameters, read(case.cotangent), case.whole)


class _Takes(Takes):
    """Those of the op, with two parts of each number."""

    def shapes(self, sizes: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, tuple[int, ...] | None]:
        return super().shapes({**sizes, PARTS: 2}, parameters)


def _takes(takes: Takes) -> Takes:
    arrays = {n: text if n in takes.constant else f"{text} {PARTS}" for n, text in takes.arrays.items()}
    fields = {name: getattr(takes, name) for name in takes.__dataclass_fields__}
    return _Takes(**{**fields, "arrays": arrays})


def _draw(parts: Parts, problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:
    """As the op draws it, once for each part where it draws it at all."""
    own = parts.problem(problem)
    found = parts.op.cases.draw(own, name, rng, whole)
    if found is None or name in parts.op.takes.constant:
        return found
    again = parts.op.cases.draw(own, name, rng, whole)
    return np.stack([found, np.asarray(again)], axis=-1)


def _stops(parts: Parts, inputs: Sequence[Any], parameters: Mapping[str, Any]) -> Mapping[str, Array]:
    re, _ = parts.split(inputs)
    found = parts.op.kind.stops(re, parameters)
    return {name: np.stack([stopped, stopped], axis=-1) for name, stopped in found.items()}


def _terms(parts: Parts, problem: Problem) -> Mapping[str, int]:
    counted = parts.op.rounds.terms
    assert counted is not None  # noqa: S101, every polynomial says it
    return {name: 4 * n + 4 for name, n in counted(parts.problem(problem)).items()}


def _magnitudes(parts: Parts, case: Case) -> Mapping[str, Array]:
    """What comes of |re| + |im| in place of each number, for both parts."""
    own = parts.case(case.widened(), lambda a: np.abs(a).sum(-1))
    if parts.op.rounds.magnitudes is not None:
        found = dict(parts.op.rounds.magnitudes(own))
    else:
        named = zip(parts.op.inputs, own.gradients, strict=True)
        found = {"y": own.y, **{n: g for n, g in named if g is not None}}
    return {name: np.stack([a, a], axis=-1) for name, a in found.items()}


def _twin(parts: Parts, *pairs: Any, **parameters: Any) -> Any:
    """The same by torch: by its complex numbers where two are multiplied, else of each part."""
    import torch

    kept = parts.op.takes.constant
    if not parts.factors:
        re, im = parts.split(pairs)
        return torch.stack([parts.op.twin(*re, **parameters), parts.op.twin(*im, **parameters)], dim=-1)
    named = zip(parts.op.inputs, pairs, strict=True)
    numbers = [t if t is None or n in kept else torch.complex(t[..., 0], t[..., 1]) for n, t in named]
    return torch.view_as_real(parts.op.twin(*numbers, **parameters).resolve_conj())


def _adapted(parts: Parts, stated: str, given: Any) -> Mapping[str, Any]:
    """An implementation of complex numbers, as one of their parts."""
    op = parts.op
    framework = getattr(given, "convention", "")
    by = {} if stated or framework else _by(parts, given)
    convention = stated or framework or convention_of(by)

    def forward(*pairs: Array | None, **parameters: Any) -> Any:
        given_, write_back = _handed(op, pairs)
        y = given.forward(*given_, **parameters)
        write_back()
        return _pair(y)

    def backward(grad_output: Array, *pairs: Array | None, **parameters: Any) -> Any:
        above = conjugated(_joined(grad_output), convention)
        given_, write_back = _handed(op, pairs)
        found = given.backward(above, *given_, **parameters)
        write_back()
        if not isinstance(found, tuple | list):
            return found if found is None else _pair(found, convention)
        return tuple(g if g is None else _pair(g, convention) for g in found)

    backward.assumed = (_said(stated, framework, by, convention),)  # type: ignore[attr-defined]
    return {"forward": (forward, given.forward), "backward": (backward, given.backward)}


def _said(stated: str, framework: str, by: Mapping[str, str], convention: str) -> str:
    """By which convention gradients are read, and why."""
    if not (stated or framework) and by and all(one == BOTH for one in by.values()):
        return "conjugate convention: torch's and JAX's alike"
    why = ", as is asked for" if stated else f", by which {framework} calls it" if framework else ""
    return f"conjugate convention: {NAMES[convention]}{why}"


def _handed(op: Op, pairs: Sequence[Array | None]) -> tuple[list[Array | None], Callable[[], None]]:
    """Complex numbers in the place of their parts, and what writes to these what was written to those."""
    named = list(zip(op.inputs, pairs, strict=False))
    numbers = [a if a is None or n in op.takes.constant else _joined(a) for n, a in named]
    before: list[Any] = [a if a is None else a.copy() for a in numbers]

    def write_back() -> None:
        for a, now, was in zip(pairs, numbers, before, strict=True):
            if a is None or now is None or now is a or np.array_equal(now, was, equal_nan=now.dtype.kind in "fc"):
                continue
            a.flags.writeable = True
            a[...] = pair(now)

    return numbers, write_back


def _joined(pairs: Array) -> Array:
    """Complex numbers with these parts, that lie in memory as these do."""
    made = np.empty_like(pairs[..., 0], np.result_type(pairs.dtype, np.complex64))
    made.real, made.imag = pairs[..., 0], pairs[..., 1]
    return made


def _pair(found: Any, convention: str = TORCH) -> Any:
    """The parts of what came back; what is real has an imaginary part of 0."""
    array = np.asarray(found)
    if array.dtype.kind not in "fiubc":
        return found
    return pair(conjugated(array.astype(np.result_type(array, np.complex64), copy=False), convention))


def _by(parts: Parts, given: Any) -> dict[str, str]:
    """Which convention each gradient goes by, seen in one call; nothing where that raises, which its cases will show."""
    op, rng = parts.op, np.random.default_rng(SEED)
    names = {name for axes in op.takes.axes.values() for name in axes.names}
    sizes: dict[str, Any] = {name: (3,) if name.startswith("*") else 2 for name in names}
    sizes |= {name.lstrip("0123456789").partition("/")[0].partition("*")[0]: 2 for name in names if name[0] != "*"}
    found = {}
    try:
        shapes = op.takes.shapes(sizes, op.takes.defaults)
        inputs = [rng.normal(size=(*shapes[n], 2)) for n in op.inputs]  # type: ignore[misc]  # each input is there
        g = rng.normal(size=parts.forward(*inputs).shape)
        numbers = [_joined(a) for a in inputs]
        claims = fitted(given.backward, [_joined(g)], numbers, {})
        right = {TORCH: [number(a) for a in parts.backward(g, *inputs)]}
        right[JAX] = [np.conj(number(a)) for a in parts.backward(g * (1, -1), *inputs)]
        for at, name in enumerate(op.inputs):
            readings = {c: right[c][at] for c in CONVENTIONS}
            readings |= {HALF: readings[TORCH] / 2, TURNED: np.conj(readings[TORCH])}
            fits = [
                c
                for c, one in readings.items()
                if np.linalg.norm(np.asarray(claims[at]) - one) <= ALIKE * np.linalg.norm(one)
            ]
            found[name] = BOTH if {*CONVENTIONS} <= {*fits} else next(iter(fits), "")
    except (Exception, SystemExit):  # noqa: BLE001, whatever theirs raises
        return {}
    return found


def _mistakes(parts: Parts, convention: str) -> tuple[Mistake, ...]:
    """Those of the conjugates, then those of the backward of real numbers, of complex ones."""

    def read(change: Callable[[Case], Sequence[Any]]) -> Callable[[Case], Mapping[str, Array]]:
        """As pairs, what is computed of complex numbers."""

        def wrong(case: Case) -> dict[str, Array]:
            found = zip(parts.op.inputs, change(parts.case(case.widened(), number)), strict=True)
            return {
                n: pair(np.asarray(g) + 0j) for n, g in found if g is not None and n in parts.op.takes.differentiable
            }

        return wrong

    def of(g: Array, inputs: Sequence[Any], parameters: Mapping[str, Any]) -> Sequence[Any]:
        return list(parts.op.reference.backward(g, *inputs, **parameters))

    def conj(arrays: Sequence[Any]) -> list[Any]:
        return [a if a is None else np.conj(a) for a in arrays]

    def right(case: Case) -> Sequence[Any]:
        return of(case.cotangent, conj(case.inputs), case.parameters)

    not_conjugated = (
        ("conjugated", "Right by torch's convention, where JAX's is asked for: it has no conjugates.")
        if convention == JAX
        else ("not conjugated", "Each gradient is the other factor's conjugate against the cotangent; it was none.")
    )  # fmt: skip
    own = (
        (*not_conjugated, lambda case: of(case.cotangent, case.inputs, case.parameters)),
        ("half the gradient", "It is ∂L/∂conj(z) by Wirtinger, of which both conventions have twice as much.",
         lambda case: [g if g is None else g / 2 for g in right(case)]),
        ("the conjugate", "It is the conjugate of the gradient.", lambda case: conj(right(case))),
        ("cotangent conjugated", "The cotangent was conjugated, where the other factor is.",
         lambda case: of(np.conj(case.cotangent), case.inputs, case.parameters)),
        ("imaginary part dropped", "Only the real part of the gradient is there.",
         lambda case: [g if g is None else np.real(g) for g in right(case)]),
    )  # fmt: skip
    conjugates = tuple(Mistake(name, words, SOURCE, read(change)) for name, words, change in own)

    def lifted(mistake: Mistake) -> Callable[[Case], Mapping[str, Array]]:
        def wrong(case: Case) -> dict[str, Array]:
            given = parts.case(case.widened(), number)
            given = replace(given, inputs=tuple(conj(given.inputs)))
            try:
                with np.errstate(all="ignore"):
                    found = mistake.wrong_gradient(given)
                return {n: pair(np.asarray(g) + 0j) for n, g in found.items() if n != "y"}
            except Exception:  # noqa: BLE001, what complex numbers do not go through is no such mistake
                return {}

        return wrong

    return (*conjugates, *(replace(m, wrong_gradient=lifted(m)) for m in parts.op.mistakes))
