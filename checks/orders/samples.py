"""Per-sample gradients of an op as an op of its own: each sample has weights of its own, which happen to be alike.

    per_sample(grad_output, *inputs) -> for each parameter that samples share, a gradient of shape (N, *its own)

With y_n = f(x_n, w_n) and w_n = w for every n, the gradient by w_n is what sample n adds to that by w: their sum over n is
the gradient of the batch, Σ_n ∂⟨g, y⟩/∂w_n = ∂⟨g, y⟩/∂w, as w ↦ (w, …, w) has the sum for its adjoint. So the op is that of
the weights w_n, shape (N, *that of w), and every law applies; the truth is the reference's backward of each sample alone,
exact where that is. What is judged is handed w itself. Gradients of what samples have for themselves are those of the
backward.

Where samples have to do with one another (statistics of a batch), no sample has a gradient of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from checks.numbers.precision import PRECISIONS, Array
from checks.op import Case, Inputs, Kind, Mistake, Op, Problem, Rounding
from checks.orders.forward import fitted
from checks.signature.derivative import Derivative
from checks.signature.takes import Sizes, Takes

PER_SAMPLE = "per_sample"
SAMPLES = "N"  # the axis, as the ops call it
SOURCE = "chain rule"


def per_sample(op: Op) -> Op:
    """The op of this op's per-sample gradients; ValueError, in one sentence, where there are none."""
    weights = shared(op)
    if not weights:
        raise ValueError(f"{op.name} has no per-sample gradients: no parameter of it is shared by samples")
    if not has_samples(op):
        raise ValueError(f"{op.name} has no per-sample gradients: its samples depend on one another")
    derived = Op(
        name=f"{op.name}.{PER_SAMPLE}",
        reference=Apart(op),
        takes=_takes(op.takes, weights),
        twin=partial(_twin, op),
        kind=Kind(
            degree=op.kind.degree,
            unit=lambda problem: op.kind.unit(base(problem, op)),
            linear_in=op.kind.linear_in,
            euler_in=op.kind.euler_in,
            analytic=op.kind.analytic,
            radius=lambda case: min([float(op.kind.radius(one)) for one in alone(case, op)], default=1.0),
            bounded=op.kind.bounded,
        ),
        rounds=_rounds(op),
        cases=Inputs(
            draw=partial(_draw, op),
            tried=lambda problem: op.cases.tried(_together(problem, op)),
            written=lambda problem: op.cases.written(base(problem, op)),
        ),
        derivative=Derivative(op, (PER_SAMPLE, f"{PER_SAMPLE}(grad_output, *inputs)"), partial(_adapted, op)),
    )
    return replace(derived, mistakes=_mistakes(op))


def has_samples(op: Op) -> bool:
    """Whether samples share a parameter and have nothing else to do with one another."""
    usual = Problem(op, dict.fromkeys(op.takes.arrays, ()), op.takes.defaults)
    return bool(shared(op)) and not op.kind.mixes(usual)


def shared(op: Op) -> tuple[str, ...]:
    """Inputs that all samples have in common and that have a gradient."""
    own = op.takes.leading()
    return tuple(n for n in op.takes.differentiable if n not in own) if own else ()


@dataclass(frozen=True)
class Apart:
    """The truth: the reference on each sample alone, with weights of its own."""

    op: Op

    def forward(self, *inputs: Any, **parameters: Any) -> Any:
        """y, of all samples."""
        return np.concatenate([self.op.reference.forward(*one, **parameters) for one in self.each(inputs)])

    def backward(self, grad_output: Any, *inputs: Any, **parameters: Any) -> tuple[Any, ...]:
        """A gradient for each input; of weights one for each sample."""
        weights = shared(self.op)
        found = [
            self.op.reference.backward(grad_output[n : n + 1], *one, **parameters)
            for n, one in enumerate(self.each(inputs))
        ]
        gradients: list[Any] = []
        for at, (name, a) in enumerate(zip(self.op.inputs, inputs, strict=False)):
            parts = [one[at] for one in found]
            if a is None or any(part is None for part in parts):
                gradients.append(None)
            else:
                gradients.append(np.concatenate([p[None] if name in weights else p for p in parts])[: len(a)])
        return tuple(gradients)

    def each(self, inputs: Sequence[Any]) -> Iterator[list[Any]]:
        """The inputs of each sample; of no samples, those of one that has the same shapes, and is left out."""
        own, weights = self.op.takes.leading(), shared(self.op)
        named = list(zip(self.op.inputs, inputs, strict=False))
        count = samples_of(self.op, inputs)
        for n in range(count):
            yield [
                a if a is None else a[n : n + 1] if name in own else a[n] if name in weights else a for name, a in named
            ]
        if not count:
            yield [
                a if a is None or name in own else np.zeros(a.shape[1:], a.dtype) if name in weights else a
                for name, a in named
            ]


def samples_of(op: Op, inputs: Sequence[Any]) -> int:
    """How many samples there are."""
    first = op.inputs.index(op.takes.leading()[0])
    return len(inputs[first])


def base(problem: Problem, op: Op) -> Problem:
    """The problem of the op itself, for one sample."""
    first = {*op.takes.leading(), "y"}
    found = _together(problem, op)
    return replace(found, shapes={n: (1, *s[1:]) if s and n in first else s for n, s in found.shapes.items()})


def _together(problem: Problem, op: Op) -> Problem:
    """The same, for all samples together."""
    weights = shared(op)
    return replace(problem, op=op, shapes={n: s[1:] if s and n in weights else s for n, s in problem.shapes.items()})


def alone(case: Case, op: Op) -> Iterator[Case]:
    """The case of each sample."""
    for n, one in enumerate(Apart(op).each(case.inputs) if samples_of(op, case.inputs) else ()):
        yield replace(case, op=op, inputs=tuple(one), cotangent=case.cotangent[n : n + 1])


def _takes(takes: Takes, weights: Sequence[str]) -> Takes:
    """Those of the op, with an axis of samples before each weight; of several axes of a batch the first one."""
    first = takes.axes["y"].names[0]
    several = first.startswith("*")
    arrays = dict(takes.arrays)
    for name, text in arrays.items():
        if name in weights:
            arrays[name] = f"{SAMPLES if several else first} {text}"
        elif several and takes.axes[name].names[:1] == (first,):
            arrays[name] = f"{SAMPLES} {text}"
    sizes = [replace(s, wide=False) if first in s.names else s for s in takes.sizes]
    if several:
        sizes = [replace(s, count=(0, 1), least=1) if first in s.names else s for s in sizes]
        sizes.append(Sizes("samples", SAMPLES, "samples, each with gradients of its own", (2, 1, 3), wide=False))
    fields = {name: getattr(takes, name) for name in takes.__dataclass_fields__}
    return type(takes)(**{**fields, "arrays": arrays, "sizes": tuple(sizes)})


def _draw(op: Op, problem: Problem, name: str, rng: np.random.Generator, whole: bool) -> Array | None:
    """As the op draws it; of weights one for all samples."""
    weights = shared(op)
    own = _together(problem, op)
    found = op.cases.draw(own, name, rng, whole)
    if name not in weights:
        return found
    if found is None:
        shape, most = own.shape(name), max(1, problem.largest)
        numbers = rng.integers(1, most + 1, shape) * rng.choice((-1, 1), shape) if whole else rng.uniform(-1, 1, shape)
        found = PRECISIONS[problem.dtype].rounded(numbers)
    # In one piece, each weight too: the backward of torch's batch norm misreads one of stride 2, and is a witness here.
    return np.ascontiguousarray(np.broadcast_to(found, problem.shape(name)))


def _rounds(op: Op) -> Rounding:
    """As one sample alone."""

    def terms(problem: Problem) -> Mapping[str, int]:
        assert op.rounds.terms is not None  # noqa: S101, else it is not asked
        return op.rounds.terms(base(problem, op))

    def magnitudes(case: Case) -> Mapping[str, Array]:
        assert op.rounds.magnitudes is not None  # noqa: S101, else it is not asked
        return _of_each(op, case, [op.rounds.magnitudes(one) for one in alone(case, op)])

    return Rounding(
        terms if op.rounds.terms else None, magnitudes if op.rounds.magnitudes else None, factors=op.rounds.factors
    )


def _of_each(op: Op, case: Case, found: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """By the names of results, what there is of each sample, as of all."""
    weights = shared(op)
    shapes = {"y": case.cotangent, **dict(zip(op.inputs, case.inputs, strict=True))}
    if not found:
        return {name: np.zeros(a.shape) for name, a in shapes.items() if a is not None}
    return {
        name: np.concatenate(
            [np.asarray(one[name])[None] if name in weights else np.asarray(one[name]) for one in found]
        )
        for name in found[0]
    }


def _twin(op: Op, *inputs: Any, **parameters: Any) -> Any:
    """The same by torch, sample for sample."""
    import torch

    own, weights = op.takes.leading(), shared(op)
    named = list(zip(op.inputs, inputs, strict=True))
    count = samples_of(op, inputs)

    def of(n: int) -> list[Any]:
        return [
            t if t is None else t[n : n + 1] if name in own else t[n] if name in weights else t for name, t in named
        ]

    if count:
        return torch.cat([op.twin(*of(n), **parameters) for n in range(count)])
    those = [None if t is None else t.new_zeros(t.shape[1:]) if n in weights else t for n, t in named]
    y = op.twin(*those, **parameters)
    moved = (0 * t.sum() for n, t in named if t is not None and n in weights)  # else it has no gradient by them
    return y + sum(moved, y.new_zeros(()))


def _adapted(op: Op, given: Any) -> Mapping[str, Any]:
    """An implementation that has per-sample gradients, handed the one weight that all samples have."""
    truth = Apart(op)

    def forward(*inputs: Array | None, **parameters: Any) -> Any:
        alike = _alike(op, inputs)
        found = [fitted(given.forward, [], one, parameters) for one in ([alike] if alike else truth.each(inputs))]
        return found[0] if alike else np.concatenate(found)

    def backward(grad_output: Array, *inputs: Array | None, **parameters: Any) -> Any:
        alike = _alike(op, inputs)
        if alike is None:
            raise NotImplementedError("takes one weight for all samples")
        return fitted(given.per_sample, [grad_output], alike, parameters)

    return {"forward": (forward, given.forward), "backward": (backward, given.per_sample)}


def _alike(op: Op, inputs: Sequence[Array | None]) -> list[Array | None] | None:
    """The inputs of the op, if each weight is the same for all samples; of no samples it is 0."""
    found: list[Array | None] = []
    weights = shared(op)
    for name, a in zip(op.inputs, inputs, strict=False):
        if a is None or name not in weights:
            found.append(a)
        elif not len(a):
            found.append(np.zeros(a.shape[1:], a.dtype))
        elif np.array_equal(a, np.broadcast_to(a[:1], a.shape), equal_nan=True):
            found.append(a[0])
        else:
            return None
    return found


def _mistakes(op: Op) -> tuple[Mistake, ...]:
    """Those of the samples, then those of the backward, of each sample alone."""
    names = shared(op)

    def changed(change: Callable[[Array], Array]) -> Callable[[Case], Mapping[str, Array]]:
        def wrong(case: Case) -> dict[str, Array]:
            gradients = dict(zip(case.op.inputs, case.gradients, strict=True))
            return {n: np.asarray(change(g)) for n in names if (g := gradients[n]) is not None and len(g)}

        return wrong

    def sum_of_all(g: Array) -> Array:
        return np.broadcast_to(g.sum(0), g.shape)

    own = (
        ("averaged over samples", "Each sample's gradient is divided by their number, as that of a mean loss is.",
         lambda g: g / len(g)),
        ("the sum repeated", "Each sample has the gradient of the whole batch: the sum over samples was taken too early.",
         sum_of_all),
        ("the mean repeated", "Each sample has the mean over the batch.", lambda g: sum_of_all(g) / len(g)),
        ("samples in reverse", "Each sample has the gradient of the one that stands as far from the other end.",
         lambda g: g[::-1]),
        ("samples shifted by one", "Each sample has the gradient of the one before it.", lambda g: np.roll(g, 1, 0)),
        ("times the number of samples", "Each sample's gradient is multiplied by their number, as if a mean were undone.",
         lambda g: g * len(g)),
    )  # fmt: skip
    of_samples = tuple(Mistake(name, words, SOURCE, changed(change)) for name, words, change in own)

    def lifted(mistake: Mistake) -> Callable[[Case], Mapping[str, Array]]:
        def wrong(case: Case) -> dict[str, Array]:
            found = [mistake.wrong_gradient(one) for one in alone(case, op)]
            return _of_each(op, case, found) if found else {}

        return wrong

    return (*of_samples, *(replace(m, wrong_gradient=lifted(m)) for m in op.mistakes))
